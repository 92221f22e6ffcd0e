"""Outlines over pictures: a box that is told from every pixel below it, and a word beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from spikestudio.app import theme
from spikestudio.app.theme_tables import Mode

CASINGS: dict[Mode, str] = {"dark": "#000000", "light": "#FFFFFF"}
"""Second line of an outline. The themes' own colours are light on dark and dark on light, so that of a
line and its casing one differs from any pixel."""
DASH = (3.0, 3.0)  # in widths of the line
WORTH_A_TAG = 2.5  # times as wide as its tag a picture must be, else the word stands in the heading


@dataclass(frozen=True, slots=True)
class Outline:
    """A box on one picture of one panel; ``box`` in parts of the picture, ``tag`` names it."""

    panel: int
    image: int
    box: tuple[float, float, float, float]  # left, top, width, height
    tag: str
    color: str
    is_dashed: bool = False

    def rect(self, tile: QRectF) -> QRectF:
        """Return the box on a tile, on whole pixels."""
        left, top, width, height = self.box
        corner = QPointF(
            round(tile.left() + left * tile.width()), round(tile.top() + top * tile.height())
        )
        end = QPointF(
            round(tile.left() + (left + width) * tile.width()),
            round(tile.top() + (top + height) * tile.height()),
        )
        return QRectF(corner, end)


def tag_font(ratio: float) -> QFont:
    """Return the font of the tags in device pixels."""
    font = theme.font("axis")
    font.setPixelSize(round(font.pixelSize() * ratio))
    return font


def has_room_for_tag(outline: Outline, tile: QRectF, font: QFont) -> bool:
    """Whether a picture is large enough for the tag to leave most of it free."""
    return tile.width() >= WORTH_A_TAG * QFontMetricsF(font).horizontalAdvance(outline.tag)


def paint_outlines(
    painter: QPainter,
    outlines: tuple[Outline, ...],
    tile_of: Callable[[Outline], QRectF | None],
    line: int,
) -> None:
    """Draw outlines ``line`` device pixels wide, with their tags in the painter's font.

    ``tile_of`` gives where the picture of an outline is, None if it is not there. Outlines round the
    same box lie inside each other.
    """
    drawn: list[tuple[object, ...]] = []
    shown = [(outline, tile) for outline in outlines if (tile := tile_of(outline)) is not None]
    for outline, tile in shown:
        place = (outline.panel, outline.image, outline.box)
        _paint_box(painter, outline, tile, line, 3 * line * drawn.count(place))
        drawn.append(place)
    for outline, tile in shown:  # over the boxes of all
        if has_room_for_tag(outline, tile, painter.font()):
            _paint_tag(painter, outline, tile, line)


def _paint_box(painter: QPainter, outline: Outline, tile: QRectF, line: int, inset: int) -> None:
    """Draw two lines along the edge of the box, inside the tile."""
    room = tile.adjusted(1.5 * line, 1.5 * line, -1.5 * line, -1.5 * line)
    rect = outline.rect(tile).intersected(room).adjusted(inset, inset, -inset, -inset)
    rect.setWidth(max(rect.width(), line))
    rect.setHeight(max(rect.height(), line))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for color, width in ((CASINGS[theme.manager.mode], 3 * line), (outline.color, line)):
        pen = QPen(QColor(color), width)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        if outline.is_dashed and width == line:
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            pen.setDashPattern(DASH)
        painter.setPen(pen)
        painter.drawRect(rect)


def _paint_tag(painter: QPainter, outline: Outline, tile: QRectF, line: int) -> None:
    """Write the tag above the box's right end, or below that of a dashed one; never off the tile."""
    metrics, rect = QFontMetricsF(painter.font()), outline.rect(tile)
    box = QRectF(0, 0, metrics.horizontalAdvance(outline.tag) + 4 * line, metrics.height())
    box.moveRight(rect.right())
    if outline.is_dashed:
        box.moveTop(min(rect.bottom(), tile.bottom() - box.height()))
    else:
        box.moveTop(max(rect.top() - box.height(), tile.top()))
    box.moveLeft(max(box.left(), tile.left()))
    painter.fillRect(box, QColor(CASINGS[theme.manager.mode]))
    painter.setPen(QColor(outline.color))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, outline.tag)
