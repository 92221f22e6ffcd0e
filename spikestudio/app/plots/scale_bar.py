"""A colour bar with numbers, one line high."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.palettes import Lut
from spikestudio.language import tr

Mark = tuple[float, str]  # part of the bar from 0 to 1, text


class ScaleBar(QWidget):
    """Shows what a colour table means: its name, the bar with marks, the hatch for missing data."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._title = self._missing = ""
        self._lut: Lut | None = None
        self._marks: tuple[Mark, ...] = ()
        theme.manager.changed.connect(self._restyle)

    def set_scale(self, title: str, lut: Lut, marks: tuple[Mark, ...], missing: str = "") -> None:
        """Show a table (without its entry 0) with a title, numbers, and the word for the hatch."""
        if lut is not self._lut or (title, marks, missing) != (
            self._title,
            self._marks,
            self._missing,
        ):
            self._title, self._lut, self._marks, self._missing = title, lut, marks, missing
            words = ", ".join(text for _, text in marks)
            self.setAccessibleName(tr("Scale: {title}, {words}", title=title, words=words))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(round(self._layout()[-1]), theme.px(28))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        if self._lut is None:
            return
        painter = QPainter(self)
        painter.setFont(theme.font("axis"))
        painter.setPen(theme.color("muted"))
        title_x, bar_x, bar_width, hatch_x, _ = self._layout()
        line = QFontMetricsF(painter.font()).height()
        bar = QRectF(bar_x, theme.px(3), bar_width, theme.px(8))
        top = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(title_x, 0, bar_x - title_x, theme.px(14)), top, self._title)
        colors = np.ascontiguousarray(self._lut[1:])
        image = QImage(colors.data, len(colors), 1, QImage.Format.Format_RGBA8888)
        painter.drawImage(bar, image)
        for part, text in self._marks:
            x = round(bar.left() + part * bar.width())
            painter.drawLine(QPointF(x, bar.bottom()), QPointF(x, bar.bottom() + 2))
            half = QFontMetricsF(painter.font()).horizontalAdvance(text) / 2 + 1
            box = QRectF(x - half, bar.bottom() + 2, 2 * half, line)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        if self._missing:
            swatch = QRectF(hatch_x, theme.px(3), theme.px(16), theme.px(8))
            painter.fillRect(swatch, hatch_brush())
            painter.drawRect(swatch)
            text_x = swatch.right() + theme.px(4)
            box = QRectF(text_x, 0, self.width() - text_x, theme.px(14))
            painter.drawText(box, top, self._missing)

    def _layout(self) -> tuple[float, float, float, float, float]:
        """Left edges of title, bar, (width of the bar,) hatch, and the right end."""
        metrics = QFontMetricsF(theme.font("axis"))
        half_widths = [metrics.horizontalAdvance(text) / 2 + 2 for _, text in self._marks] or [0]
        gap, half = theme.px(8), half_widths[-1]
        bar_x = metrics.horizontalAdvance(self._title) + max(gap, half_widths[0])
        bar_width = theme.px(132)
        hatch_x = bar_x + bar_width + half + gap
        if not self._missing:
            return 0, bar_x, bar_width, hatch_x, bar_x + bar_width + half
        end = hatch_x + theme.px(20) + metrics.horizontalAdvance(self._missing) + 2
        return 0, bar_x, bar_width, hatch_x, end

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()
