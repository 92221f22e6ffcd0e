"""Push button that shows one of the window's commands."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QWidget

from spikestudio.app import theme
from spikestudio.app.widgets.icons import ICON_SIZE, icon


class CommandButton(QPushButton):
    """Follows text, tooltip and enabled state of an action; has its own icon colour and role."""

    def __init__(
        self,
        action: QAction,
        icon_name: str,
        *,
        role: str = "",
        token: str = "text",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._action, self._icon_name, self._token = action, icon_name, token
        self._has_text = True
        self.heir: QWidget | None = None  # gets the focus when this is disabled while it has it
        if role:
            theme.set_role(self, role)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        theme.manager.changed.connect(self._follow)
        self._follow()

    @Slot()
    def _follow(self) -> None:
        size = theme.px(ICON_SIZE)
        self.setText(self._action.text() if self._has_text else "")
        self.setAccessibleName(self._action.text())
        self.setToolTip(self._action.toolTip())
        if not self._action.isEnabled() and self.hasFocus() and self.heir is not None:
            self.heir.setFocus(Qt.FocusReason.OtherFocusReason)  # Qt would take whatever comes next
        self.setEnabled(self._action.isEnabled())
        self.setIcon(icon(self._icon_name, self._token))
        self.setIconSize(QSize(size, size))

    def set_icon(self, name: str) -> None:
        """Show another icon."""
        if name != self._icon_name:
            self._icon_name = name
            self._follow()

    def set_text_shown(self, is_shown: bool) -> None:
        """Show icon and text, or the icon alone."""
        if is_shown != self._has_text:
            self._has_text = is_shown
            self._follow()

    def width_for(self, text: str) -> int:
        """Return the width that the button needs for another text, or for none as it stands."""
        advance = self.fontMetrics().horizontalAdvance
        room = self.sizeHint().width() - advance(self.text())
        return room + (advance(text) if self._has_text else 0)
