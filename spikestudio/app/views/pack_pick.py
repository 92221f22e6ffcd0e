"""Picking a control of the window by clicking it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from spikestudio.app.widgets.spotlight import Spotlight


class Picker(QObject):
    """Outlines the control under the pointer; a click picks it and does nothing else.

    ``control_of`` gives the control that a widget belongs to, ``widget_of`` its widget.
    """

    picked = Signal(str)  # empty: it was given up

    def __init__(
        self,
        window: QWidget,
        control_of: Callable[[QWidget | None], str],
        widget_of: Callable[[str], QWidget | None],
    ) -> None:
        super().__init__(window)
        self._window, self._control_of, self._widget_of = window, control_of, widget_of
        self._spotlight = Spotlight(self)
        self._is_on = False

    @property
    def is_on(self) -> bool:
        """Whether a click is waited for."""
        return self._is_on

    def start(self) -> None:
        """Wait for a click in the window; Escape gives up."""
        application = QApplication.instance()
        if not self._is_on and application is not None:
            self._is_on = True
            application.installEventFilter(self)
            QApplication.setOverrideCursor(Qt.CursorShape.CrossCursor)

    @Slot()
    def stop(self) -> None:
        """Wait no more."""
        application = QApplication.instance()
        if self._is_on and application is not None:
            self._is_on = False
            application.removeEventFilter(self)
            QApplication.restoreOverrideCursor()
            self._spotlight.clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if not isinstance(watched, QWidget) or watched.window() is not self._window:
            return False
        kind = event.type()
        if kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape:
                self._end("")
            return True
        if not isinstance(event, QMouseEvent):
            return False
        if kind == QEvent.Type.MouseMove:
            self._point(self._control_of(watched))
        elif kind == QEvent.Type.MouseButtonPress:
            control = self._control_of(watched)
            if control:
                self._end(control)
        return True

    def _point(self, control: str) -> None:
        target = self._widget_of(control) if control else None
        if target is None:
            self._spotlight.clear()
        else:
            self._spotlight.show(target)

    def _end(self, control: str) -> None:
        self.stop()
        self.picked.emit(control)
