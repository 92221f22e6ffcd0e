"""One image item of colour indices; neurons are rows, time runs to the right."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage

from spikestudio.app.plots.palettes import Lut


class RasterItem(pg.ImageItem):
    """Picture of uint8 colour indices, row 0 at y = 0; views turn y downwards."""

    qimage: QImage | None

    def __init__(self) -> None:
        super().__init__(axisOrder="row-major")

    def set_picture(self, picture: NDArray[np.uint8], lut: Lut, first_column: int = 0) -> None:
        """Show ``[rows, columns]`` from ``first_column`` on; the array must not change later."""
        rows, columns = picture.shape
        if rows == 0 or columns == 0:
            self.clear()
            return
        self.setImage(picture, autoLevels=False, levels=(0, len(lut)), lut=lut)
        self.setRect(QRectF(first_column, 0, columns, rows))

    def render(self) -> None:
        """Turn indices into pixels; scaling an indexed image anew in every paint is 7 times slower."""
        super().render()
        if self.qimage is not None:
            self.qimage = self.qimage.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
