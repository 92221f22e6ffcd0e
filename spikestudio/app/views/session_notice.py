"""One line at the top of the window after a crash: recover or discard; it never blocks anything."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from spikestudio.app import theme
from spikestudio.app.widgets.icons import IconButton, IconLabel
from spikestudio.language import tr

WIDTH = 720
TOP = 64  # below the bar of commands


class SessionNotice(QFrame):
    """Lies above the docks until it is answered; closing it asks again at the next start."""

    recoverRequested = Signal()  # noqa: N815
    discardRequested = Signal()  # noqa: N815
    closed = Signal()

    def __init__(self, text: str, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setProperty("role", "message")
        self.setProperty("kind", "warn")
        self.setAccessibleName(text)
        self.label = QLabel(text)
        self.label.setWordWrap(True)
        self.recover = QPushButton(tr("Recover"))
        self.recover.setToolTip(tr("Open what the last session had done"))
        self.discard = QPushButton(tr("Discard"))
        self.discard.setToolTip(tr("Remove what the last session had done"))
        for button in (self.recover, self.discard):
            theme.set_role(button, "outline")
            button.setAccessibleName(tr("{the_text} the last session", the_text=button.text()))
        close = IconButton("mdi6.close", tr("Ask again at the next start"), size=16)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(2 * theme.SPACE)
        row.addWidget(IconLabel("mdi6.history", "warn"), 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.label, 1)
        row.addWidget(self.recover)
        row.addWidget(self.discard)
        row.addWidget(close)
        self.recover.clicked.connect(self._on_recover)
        self.discard.clicked.connect(self._on_discard)
        close.clicked.connect(self._on_closed)
        window.installEventFilter(self)
        theme.manager.changed.connect(self._place)
        self.show()
        self._place()

    @Slot()
    def _place(self) -> None:
        margin = theme.px(4 * theme.SPACE)
        width = max(min(theme.px(WIDTH), self._window.width() - 2 * margin), 1)
        layout = self.layout()
        height = layout.heightForWidth(width) if layout and layout.hasHeightForWidth() else 0
        self.resize(width, max(height, self.sizeHint().height()))
        self.move((self._window.width() - width) // 2, theme.px(TOP))
        self.raise_()

    @Slot()
    def _on_recover(self) -> None:
        self._leave()
        self.recoverRequested.emit()

    @Slot()
    def _on_discard(self) -> None:
        self._leave()
        self.discardRequested.emit()

    @Slot()
    def _on_closed(self) -> None:
        self._leave()
        self.closed.emit()

    def _leave(self) -> None:
        self._window.removeEventFilter(self)
        self.hide()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)
