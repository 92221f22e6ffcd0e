"""One message area for everything that the user should know and need not answer."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.widgets.icons import IconButton, IconLabel
from spikestudio.language import tr

NOTICE_MS = 6000  # a notice leaves by itself, an error stays until it is closed
MAX_MESSAGES = 3
WIDTH = 460
KINDS = {
    "info": ("mdi6.information-outline", "accent"),
    "ok": ("mdi6.check-circle-outline", "ok"),
    "warn": ("mdi6.alert-outline", "warn"),
    "error": ("mdi6.alert-circle-outline", "error"),
}


class Notifications(QWidget):
    """Messages stacked above the lower right corner of a window; they never block anything."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setAccessibleName(tr("Messages"))
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2 * theme.SPACE)
        self._column.addStretch(1)
        self._placing = QTimer(self)
        self._placing.setSingleShot(True)
        self._placing.timeout.connect(self._place)
        window.installEventFilter(self)
        theme.manager.changed.connect(self._place)
        self.hide()

    @property
    def messages(self) -> list[Message]:
        """The messages shown, oldest first."""
        items = (self._column.itemAt(index) for index in range(self._column.count()))
        return [widget for item in items if item and isinstance(widget := item.widget(), Message)]

    def info(self, text: str) -> None:
        """Say something that needs no attention."""
        self.show_message("info", text)

    def done(self, text: str) -> None:
        """Say that something asked for has been done."""
        self.show_message("ok", text)

    def warn(self, text: str, details: str = "") -> None:
        """Say something that the user may want to act on."""
        self.show_message("warn", text, details)

    def error(self, text: str, details: str = "") -> None:
        """Say what failed, in one sentence; ``details`` are folded away."""
        self.show_message("error", text, details)

    def show_message(self, kind: str, text: str, details: str = "") -> None:
        """Add a message; one that says the same takes the place of the older one."""
        for message in self.messages:
            if message.text == text:
                self.close_message(message)
        for message in self.messages[: 1 - MAX_MESSAGES]:
            self.close_message(message)
        message = Message(kind, text, details, self)
        self._column.addWidget(message)
        message.show()  # now, or the layout would leave it out of its height until the next event
        self.show()
        self._place()

    def close_message(self, message: Message) -> None:
        """Take a message away."""
        self._column.removeWidget(message)
        message.hide()
        message.deleteLater()
        if not self.messages:
            self.hide()
        self._place()

    def place_soon(self) -> None:
        """Fit the area to its messages once they have been laid out."""
        self._column.invalidate()
        self._placing.start(0)

    @Slot()
    def _place(self) -> None:
        margin = theme.px(4 * theme.SPACE)
        width = min(theme.px(WIDTH), self._window.width() - 2 * margin)
        self.setFixedWidth(max(width, 1))
        self._column.activate()
        height = self._column.heightForWidth(self.width())
        self.resize(self.width(), max(height, self._column.sizeHint().height()))
        bottom = self._window.height() - theme.px(32) - margin
        self.move(self._window.width() - self.width() - margin, max(bottom - self.height(), 0))
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)


class Message(QFrame):
    """One sentence with an icon, a close button, and details on demand."""

    def __init__(self, kind: str, text: str, details: str, area: Notifications) -> None:
        super().__init__(area)
        self.kind, self.text, self.details = kind, text, details
        self._area = area
        icon_name, self._token = KINDS[kind]
        self.setProperty("role", "message")
        self.setProperty("kind", kind)
        self.setAccessibleName(f"{kind}: {text}")
        label = QLabel(text)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        close = IconButton("mdi6.close", tr("Close this message"), size=16)
        close.clicked.connect(self._close)
        row = QHBoxLayout()
        row.setSpacing(2 * theme.SPACE)
        row.addWidget(IconLabel(icon_name, self._token), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(label, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.setSpacing(theme.SPACE)
        layout.addLayout(row)
        if details:
            layout.addLayout(self._fold(details))
        if kind in ("info", "ok"):
            timer = QTimer(self)  # a child: it must not outlive the message
            timer.setSingleShot(True)
            timer.timeout.connect(self._close)
            timer.start(NOTICE_MS)

    def _fold(self, details: str) -> QVBoxLayout:
        self._text_box = QPlainTextEdit(details)
        self._text_box.setReadOnly(True)
        self._text_box.setAccessibleName(tr("Details"))
        self._text_box.setFixedHeight(theme.px(140))
        self._text_box.hide()
        self._toggle = QPushButton(tr("Show details"))
        self._toggle.setCheckable(True)
        self._toggle.toggled.connect(self._on_toggled)
        copy = QPushButton(tr("Copy report"))
        copy.clicked.connect(self._copy)
        buttons = QHBoxLayout()
        buttons.addWidget(self._toggle)
        buttons.addWidget(copy)
        buttons.addStretch(1)
        fold = QVBoxLayout()
        fold.addLayout(buttons)
        fold.addWidget(self._text_box)
        return fold

    @Slot(bool)
    def _on_toggled(self, is_open: bool) -> None:
        self._text_box.setVisible(is_open)
        self._toggle.setText(tr("Hide details") if is_open else tr("Show details"))
        self._area.place_soon()

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(f"{self.text}\n\n{self.details}")

    @Slot()
    def _close(self) -> None:
        self._area.close_message(self)
