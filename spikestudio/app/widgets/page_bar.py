"""Bar of a lesson's pages: which are complete, which is shown; click, drag or arrow keys go there."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikestudio.app import theme
from spikestudio.language import tr

HEIGHT = 20


class PageBar(QWidget):
    """One box for each page: filled with a tick if complete, outlined if it is the one shown."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._done: tuple[bool, ...] = ()
        self._current = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(tr("Go to a page: click or drag; keys: left, right, Home, End"))
        theme.manager.changed.connect(self.updateGeometry)

    def set_pages(self, done: tuple[bool, ...], current: int) -> None:
        """Show the pages."""
        if (done, current) != (self._done, self._current):
            self._done, self._current = done, current
            self.setAccessibleName(
                tr(
                    "Page {current} of {num_done}, {done} complete",
                    current=current + 1,
                    num_done=len(done),
                    done=sum(done),
                )
                if done
                else tr("Pages")
            )
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(120), theme.px(HEIGHT))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self._choose_at(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self._choose_at(event.position().x())

    def _choose_at(self, x: float) -> None:
        self._choose(int(x / max(self.width(), 1) * len(self._done)))

    def _choose(self, index: int) -> None:
        if self._done:
            index = min(max(index, 0), len(self._done) - 1)
            if index != self._current:
                self.chosen.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        targets = {
            Qt.Key.Key_Left: self._current - 1,
            Qt.Key.Key_Right: self._current + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: len(self._done) - 1,
        }
        target = targets.get(Qt.Key(event.key()))
        if target is None:
            super().keyPressEvent(event)
        else:
            self._choose(target)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        number = len(self._done)
        for index, is_done in enumerate(self._done):
            left, right = (round(each * self.width() / number) for each in (index, index + 1))
            box = QRectF(left + 2, 3, right - left - 4, self.height() - 6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent" if is_done else "hover"))
            painter.drawRoundedRect(box, 3, 3)
            if is_done:
                painter.setPen(QPen(theme.color("on_accent"), 2))
                x, y = box.center().x(), box.center().y()
                painter.drawLine(int(x - 4), int(y), int(x - 1), int(y + 3))
                painter.drawLine(int(x - 1), int(y + 3), int(x + 4), int(y - 3))
            if index == self._current:
                is_focus = self.hasFocus()
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(theme.color("accent" if is_focus else "text"), 2))
                painter.drawRoundedRect(box.adjusted(-1, -2, 1, 2), 4, 4)
