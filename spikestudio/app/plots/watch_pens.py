"""Lines of the watched neurons: eight colours, then the same eight dashed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from spikestudio.app import theme

_DASHES = [7.0, 4.0]  # of the second eight
_GHOST_DASHES = [3.0, 3.0]
_GHOST_PART = 0.55  # of the colour, the rest is the text's: paler on dark, darker on light


def watch_color(index: int) -> str:
    """Return the colour of a watched neuron, by its place in the list."""
    colors = theme.tokens().watch
    return colors[index % len(colors)]


def is_dashed(index: int) -> bool:
    """Whether a watched neuron repeats a colour, with dashes."""
    return index >= len(theme.tokens().watch)


def mixed(color: str, other: str, part: float) -> QColor:
    """Return an opaque colour, ``part`` of the first and the rest of the other."""
    a, b = QColor(color), QColor(other)
    return QColor.fromRgbF(
        part * a.redF() + (1 - part) * b.redF(),
        part * a.greenF() + (1 - part) * b.greenF(),
        part * a.blueF() + (1 - part) * b.blueF(),
    )


def cosmetic(color: str | QColor, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    """Return a pen that is one pixel wide at every zoom."""
    return QPen(QColor(color), 0, style)


def watch_pen(index: int) -> QPen:
    """Return the pen of a watched neuron."""
    pen = cosmetic(watch_color(index))
    if is_dashed(index):
        pen.setDashPattern(_DASHES)
    return pen


def ghost_pen(index: int) -> QPen:
    """Return the pen of what a watched neuron would have done."""
    pen = cosmetic(mixed(watch_color(index), theme.tokens().text, _GHOST_PART))
    pen.setDashPattern(_GHOST_DASHES)
    return pen
