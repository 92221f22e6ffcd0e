"""Figure in the card: forward diffusion of a real digit, at a time that can be slid."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from spikestudio import paths
from spikestudio.app import theme
from spikestudio.app.viewmodels.lesson_state import Noise
from spikestudio.app.viewmodels.parameters import Parameter
from spikestudio.app.views.parts import Caption
from spikestudio.app.widgets.slider import NumberSlider
from spikestudio.language import tr
from spikestudio.lessons.equations import alpha_bar

DIGIT = "mnist-7.png"
TIMES = 1000  # of the schedule that the bundled pixel models were trained with
SEED = 7  # of the noise, which is the same at all times, as in training one sample
SIDE = 6  # pixels of the screen for one of the digit at most
TIME = Parameter(
    "t",
    tr("Time t"),
    "",
    tr("Time of the forward process: 0 is the digit, 999 almost pure noise."),
    0,
    TIMES - 1,
    marks=(0, 250, 500, 750, 999),
    labels=(0, 250, 500, 750, 999),
)


class NoiseFigure(QWidget):
    """The digit, noised by the closed form of the forward process; ``edited`` follows the slider."""

    edited = Signal()

    def __init__(self, noise: Noise) -> None:
        super().__init__()
        self._noise = noise
        self._shares = alpha_bar(TIMES)
        self._digit = _grey(paths.resource("images", DIGIT)) / 127.5 - 1
        self.picture = _Picture()
        self.slider = NumberSlider(TIME)
        self.slider.setToolTip(TIME.help_text)
        self.caption = Caption()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SPACE)
        for each in (self.picture, self.slider, self.caption):
            layout.addWidget(each)
        self.slider.numberChanged.connect(self.set_time)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt override
        super().showEvent(event)
        self.set_time(self._noise.t)

    @cached_property
    def _epsilon(self) -> NDArray[np.float64]:
        # Only when it is looked at: the first picture of the window would wait for numpy.random.
        return np.random.default_rng(SEED).standard_normal(self._digit.shape)

    @property
    def pixels(self) -> NDArray[np.float64]:
        """The noisy digit, in [-1, 1] where there is no noise."""
        share = self._shares[self._noise.t]
        noisy = np.sqrt(share) * self._digit + np.sqrt(1 - share) * self._epsilon
        return np.asarray(noisy, np.float64)

    @Slot(float)
    def set_time(self, time: float) -> None:
        """Show the digit at a time, 0 to 999."""
        noise = self._noise
        noise.t = min(max(round(time), 0), TIMES - 1)
        noise.share = float(self._shares[noise.t])
        row, column = (size // 2 for size in self._digit.shape)
        noise.pixel = float(self._digit[row, column])
        noise.epsilon = float(self._epsilon[row, column])
        self.slider.set_number(noise.t)
        levels = ((self.pixels + 1) * 127.5).clip(0, 255).round().astype(np.uint8)
        self.picture.set_levels(levels)
        text = tr(
            "t = {t}: {share:.3f} × digit + {share_2:.3f} × noise",
            t=noise.t,
            share=noise.share**0.5,
            share_2=(1 - noise.share) ** 0.5,
        )
        self.caption.set_text(text)
        self.picture.setAccessibleName(tr("Digit with noise, {the_text}", the_text=text))
        self.edited.emit()


def _grey(path: Path) -> NDArray[np.float64]:
    """Levels ``[H, W]`` of a picture, 0 to 255, read by Qt: the window's start needs no Pillow."""
    image = QImage(str(path)).convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width()].astype(np.float64)


class _Picture(QWidget):
    """Sharp pixels, as large as fits."""

    def __init__(self) -> None:
        super().__init__()
        self._levels = np.zeros((28, 28), np.uint8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_levels(self, levels: NDArray[np.uint8]) -> None:
        """Show grey levels ``[H, W]``."""
        self._levels = np.ascontiguousarray(levels)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(0, 4 * self._levels.shape[0])

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        height, width = self._levels.shape
        scale = max(1, min(self.height() // height, self.width() // width, SIDE))
        image = QImage(self._levels.data, width, height, width, QImage.Format.Format_Grayscale8)
        painter = QPainter(self)
        painter.drawImage(QRectF(0, 0, width * scale, height * scale), image)
