"""A grid of samples as it was written: sharp pixels, as large as a whole factor allows."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikestudio.app import theme


class SamplePicture(QWidget):
    """Shows one picture, or a sentence while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()
        self._sentence = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(theme.px(120), theme.px(96))
        theme.manager.changed.connect(self.update)

    def show_image(self, image: QImage, name: str) -> None:
        """Show a picture; ``name`` says what it is."""
        self.image, self._sentence = image, "" if not image.isNull() else name
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.update()

    def show_sentence(self, sentence: str) -> None:
        """Say why there is no picture."""
        self.show_image(QImage(), sentence)

    def picture_rect(self) -> QRect:
        """Return where the picture is: a whole number of pixels for each of its own if it fits."""
        size, room = self.image.size(), self.size()
        if size.isEmpty():
            return QRect()
        ratio = self.devicePixelRatioF()
        factor = min(room.width() / size.width(), room.height() / size.height()) * ratio
        factor = (int(factor) if factor >= 1 else factor) / ratio
        width, height = round(size.width() * factor), round(size.height() * factor)
        return QRect((room.width() - width) // 2, 0, width, height)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        if self.image.isNull():
            painter.setFont(theme.font("caption"))
            painter.setPen(theme.color("muted"))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(8, 8, -8, -8), flags, self._sentence)
            return
        painter.drawImage(self.picture_rect(), self.image)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(220), theme.px(220))
