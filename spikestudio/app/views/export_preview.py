"""What a file will show: its picture, the first lines of its numbers, or why there is nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt, Slot
from PySide6.QtGui import QFontDatabase, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QLabel,
    QPlainTextEdit,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.export import ExportModel
from spikestudio.language import tr

if TYPE_CHECKING:
    from PIL.Image import Image

LEAST = QSize(240, 160)
WAITING = tr("Drawing…")


class ExportPreview(QWidget):
    """Picture or text, the size of the file's picture, and the sentence on what it holds."""

    def __init__(self, model: ExportModel) -> None:
        super().__init__()
        self._model = model
        self.setAccessibleName(tr("Preview"))
        self.picture = PictureBox()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName(tr("First lines of the file"))
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.pages = QStackedWidget()
        for page in (self.words, self.picture, self.text):
            self.pages.addWidget(page)
        self.size_line = QLabel()
        self.size_line.setWordWrap(True)
        self.caption = QLabel()
        self.caption.setWordWrap(True)
        self.caption.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        theme.set_role(self.caption, "caption")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.size_line)
        layout.addWidget(self.caption)
        model.previewChanged.connect(self.show_preview)
        theme.manager.changed.connect(self._restyle)
        self._restyle()
        self.show_preview()

    @Slot()
    def show_preview(self) -> None:
        """Show the newest preview; an older one stays, dimmed, until the next is there."""
        model, found = self._model, self._model.preview
        self.picture.set_dimmed(is_dimmed=model.is_drawing)
        if model.reason or model.problem:
            reason = model.reason
            self._say(model.problem or f"{reason[:1].upper()}{reason[1:]}.", "warn")
        elif found is None:
            self._say(WAITING, "muted")
        elif found.picture is not None:
            self.picture.set_image(to_qimage(found.picture))
            self.picture.setAccessibleDescription(f"{found.size}. {found.caption}")
            self.pages.setCurrentWidget(self.picture)
        else:
            self.text.setPlainText(found.text)
            self.pages.setCurrentWidget(self.text)
        is_shown = found is not None and self.pages.currentWidget() is not self.words
        size = found.size if found is not None and is_shown else ""
        self.size_line.setText(size)
        self.caption.setText(found.caption if found is not None and is_shown else "")

    def _say(self, text: str, role: str) -> None:
        self.words.setText(text)
        theme.set_role(self.words, role)
        self.pages.setCurrentWidget(self.words)

    @Slot()
    def _restyle(self) -> None:
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(theme.px(theme.TYPE_SIZES["caption"]))
        self.text.setStyleSheet(
            f"QPlainTextEdit {{ font-family: '{font.family()}'; font-size: {font.pixelSize()}px; }}"
        )


class PictureBox(QWidget):
    """A picture as large as fits, in whole multiples where it is enlarged."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("Preview"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._image = QImage()
        self._is_dimmed = False
        theme.manager.changed.connect(self.update)

    @property
    def image(self) -> QImage:
        """The picture."""
        return self._image

    def set_image(self, image: QImage) -> None:
        """Show another picture."""
        self._image = image
        self.update()

    def set_dimmed(self, *, is_dimmed: bool) -> None:
        """Show that the picture is out of date."""
        if is_dimmed != self._is_dimmed:
            self._is_dimmed = is_dimmed
            self.update()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return LEAST

    def place(self) -> QRect:
        """Where the picture is drawn."""
        ratio = self.devicePixelRatioF()
        image, room = self._image, self.size() - QSize(2, 2)
        if image.isNull() or room.isEmpty():
            return QRect()
        factor = min(room.width() * ratio / image.width(), room.height() * ratio / image.height())
        factor = float(int(factor)) if factor >= 1 else factor
        size = QSize(
            max(1, round(image.width() * factor / ratio)),
            max(1, round(image.height() * factor / ratio)),
        )
        place = QRect(0, 0, size.width(), size.height())
        place.moveCenter(self.rect().center())
        return place

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        place = self.place()
        if place.isEmpty():
            return
        is_smaller = place.width() * self.devicePixelRatioF() < self._image.width()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_smaller)
        painter.setOpacity(0.45 if self._is_dimmed else 1.0)
        painter.drawImage(place, self._image)
        painter.setOpacity(1.0)
        painter.setPen(QPen(theme.color("border"), 1))
        painter.drawRect(place.adjusted(-1, -1, 0, 0))
        if self._is_dimmed:
            painter.setPen(theme.color("text"))
            painter.setFont(theme.font("caption"))
            box = painter.fontMetrics().boundingRect(WAITING).adjusted(-8, -4, 8, 4)
            box.moveTopLeft(self.rect().topLeft())
            painter.fillRect(box, theme.color("raised"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, WAITING)


def to_qimage(picture: Image) -> QImage:
    """A pillow picture as Qt has it, with memory of its own."""
    pixels = np.ascontiguousarray(np.asarray(picture.convert("RGBA")))
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
    return image.copy()
