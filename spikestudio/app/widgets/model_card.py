"""A checkpoint as a card to click: thumbnail, name, what it is, and whether it is in use."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QEnterEvent,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from spikestudio import paths
from spikestudio.app import theme
from spikestudio.app.viewmodels.facts import architecture_title, dataset_title
from spikestudio.app.widgets.icons import IconButton, icon
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.checkpoints.card import Card
    from spikestudio.checkpoints.catalog import Entry

THUMB = 40
PAD = 6
LOW_HEIGHT, LOW_THUMB = 28, 20  # of a card with one line


class CardState(Enum):
    """What the card shows at its right end."""

    IDLE = ""
    LOADING = tr("Loading…")
    IN_USE = tr("In use")
    UNUSABLE = tr("Cannot be used")


class ModelCard(QAbstractButton):
    """One entry of the catalogue; ``clicked`` asks for it to be loaded.

    ``play`` is there if a recording comes with it, whose path ``playRequested`` carries.
    """

    playRequested = Signal(str)  # noqa: N815

    def __init__(self, entry: Entry, parent: QWidget | None = None, *, title: str = "") -> None:
        super().__init__(parent)
        self.entry, self.title = entry, title or entry.name
        self.state = CardState.IDLE
        self._is_low = False
        self._thumbnail = thumbnail(entry.path)
        self._line = summary(entry.card) if entry.card else CardState.UNUSABLE.value
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(entry.error or str(entry.path))
        self.recording = paths.bundled_recording(entry.path)
        self.play = IconButton(
            "mdi6.play-circle-outline",
            tr("Play recording of {entry}", entry=entry.name),
            parent=self,
        )
        self.play.setVisible(self.recording is not None)
        self.play.clicked.connect(self._on_play)
        theme.manager.changed.connect(self.updateGeometry)
        self.set_state(CardState.IDLE if entry.card else CardState.UNUSABLE)

    def set_state(self, state: CardState) -> None:
        """Show another state."""
        self.state = state
        name = f"{self.title}, {self._line}"
        self.setAccessibleName(f"{name}, {state.value}" if state.value else name)
        self.update()

    def set_low(self, *, is_low: bool) -> None:
        """Take one line of text, or two."""
        if is_low != self._is_low:
            self._is_low = is_low
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        if self._is_low:
            return QSize(theme.px(260), theme.px(LOW_HEIGHT))
        text = QFontMetrics(theme.font()).height() + QFontMetrics(theme.font("caption")).height()
        return QSize(theme.px(260), max(theme.px(THUMB), text) + 2 * theme.px(PAD))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        size = max(min(self.play.sizeHint().height(), self.height() - 2), theme.px(LOW_THUMB))
        right = self.width() - theme.px(PAD) - size
        self.play.setGeometry(right, (self.height() - size) // 2, size, size)

    @Slot()
    def _on_play(self) -> None:
        self.playRequested.emit(str(self.recording))

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802  Qt override
        self.update()
        super().enterEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_frame(painter)
        pad, thumb = theme.px(PAD), theme.px(LOW_THUMB if self._is_low else THUMB)
        box = QRect(pad, (self.height() - thumb) // 2, thumb, thumb)
        architecture = self.entry.card.architecture if self.entry.card else ""
        paint_thumbnail(painter, box, self._thumbnail, architecture)
        end = self.width() - pad
        if self.recording is not None:
            end = self.play.x() - theme.px(2)
        if self.state is CardState.IN_USE:
            size = theme.px(18)
            end -= size
            corner = QPoint(end, (self.height() - size) // 2)
            painter.drawPixmap(corner, icon("mdi6.check-circle", "accent").pixmap(size, size))
        self._paint_text(painter, QRect(box.right() + theme.px(12), 0, 0, self.height()), end - 4)

    def _paint_frame(self, painter: QPainter) -> None:
        in_use = self.state in (CardState.IN_USE, CardState.LOADING)
        fill = "selected" if in_use else "hover" if self.underMouse() else "raised"
        painter.setBrush(theme.color(fill))
        if self.hasFocus():
            painter.setPen(QPen(theme.color("accent"), 2))
        else:
            painter.setPen(QPen(theme.color("accent" if in_use else "border"), 1))
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), theme.RADIUS, theme.RADIUS)

    def _paint_text(self, painter: QPainter, area: QRect, end: int) -> None:
        name_font, line_font = theme.font("body", semibold=True), theme.font("caption")
        name, line = QFontMetrics(name_font), QFontMetrics(line_font)
        width = end - area.left()
        total = name.height() if self._is_low else name.height() + line.height() + 2
        base = (self.height() - total) // 2 + name.ascent()
        shown = name.elidedText(self.title, Qt.TextElideMode.ElideRight, width)
        painter.setFont(name_font)
        painter.setPen(theme.color("text"))
        painter.drawText(area.left(), base, shown)
        below = QPoint(area.left(), base + name.descent() + 2 + line.ascent())
        if self._is_low:
            beside = name.horizontalAdvance(shown) + theme.px(8)
            below, width = QPoint(area.left() + beside, base), width - beside
        text = self.state.value if self.state is CardState.LOADING else self._line
        painter.setFont(line_font)
        painter.setPen(theme.color("error" if self.state is CardState.UNUSABLE else "muted"))
        painter.drawText(below, line.elidedText(text, Qt.TextElideMode.ElideRight, width))


def summary(card: Card) -> str:
    """Return the card's second line: architecture, data set, neurons."""
    return (
        f"{architecture_title(card.architecture, card.config)} · {dataset_title(card.dataset)} · "
        f"{card.neuron_type}, T = {card.snn_steps}"
    )


def thumbnail(checkpoint: Path) -> QPixmap:
    """Return the picture beside a checkpoint file; null if there is none."""
    return QPixmap(str(checkpoint.with_suffix(".png")))


def paint_thumbnail(painter: QPainter, box: QRect, picture: QPixmap, architecture: str) -> None:
    """Draw the picture with sharp pixels, or the initials of the architecture in its place."""
    if picture.isNull():
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("border"))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(theme.color("text"))
        if box.height() < theme.px(THUMB):  # too small for letters
            painter.drawPixmap(box, icon("mdi6.pulse").pixmap(box.size()))
            return
        painter.setFont(theme.font("caption", semibold=True))
        initials = {"sddpm": "SD", "spiking-diffusion": "SpD", "sdit": "DiT"}
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, initials.get(architecture, "?"))
        return
    smooth = picture.width() > box.width()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
    painter.drawPixmap(box, picture)
