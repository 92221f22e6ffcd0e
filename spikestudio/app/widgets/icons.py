"""Icons of one family in the colours in force."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import qtawesome
from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QLabel, QToolButton, QWidget

from spikestudio.app import theme

FAMILY = "mdi6"
FILES = "materialdesignicons6-webfont*"  # of that family, among qtawesome's
ICON_SIZE = 18


@cache
def _font() -> qtawesome.IconicFont:
    """Load one family; ``qtawesome.icon`` would read all twelve, which the first picture waits for."""
    folder = Path(qtawesome.get_fonts_info()[0])
    glyphs, names = next(folder.glob(f"{FILES}.ttf")), next(folder.glob(f"{FILES}.json"))
    return qtawesome.IconicFont((FAMILY, glyphs.name, names.name))


def icon(name: str, token: str = "text") -> QIcon:
    """Return an icon of the Material Design set (``"mdi6.play"``) in a token's colour."""
    colors = theme.tokens()
    picture: QIcon = _font().icon(
        name, color=getattr(colors, token), color_disabled=colors.disabled
    )
    return picture


class IconButton(QToolButton):
    """Flat button that is only an icon; ``text`` is its tooltip and accessible name."""

    def __init__(
        self,
        name: str,
        text: str,
        *,
        size: int = ICON_SIZE,
        token: str = "muted",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name, self._token, self._size = name, token, size
        self.setToolTip(text)
        self.setAccessibleName(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.manager.changed.connect(self._paint_icon)
        self._paint_icon()

    def set_icon(self, name: str) -> None:
        """Show another icon."""
        if name != self._name:  # Qt lays the window out anew for every icon that is set
            self._name = name
            self._paint_icon()

    @Slot()
    def _paint_icon(self) -> None:
        self.setIcon(icon(self._name, self._token))
        self.setIconSize(QSize(theme.px(self._size), theme.px(self._size)))


class IconLabel(QLabel):
    """Icon that is no button."""

    def __init__(self, name: str, token: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._token = name, token
        theme.manager.changed.connect(self._paint_icon)
        self._paint_icon()

    @Slot()
    def _paint_icon(self) -> None:
        size = theme.px(ICON_SIZE)
        self.setPixmap(icon(self._name, self._token).pixmap(size, size))
