"""The codebook as a map: every code where its vector lies along the two widest directions."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QBrush, QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QGraphicsGridLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.codebook_grid import CodeSheet
from spikestudio.app.plots.palettes import code_colors
from spikestudio.language import tr
from spikestudio.metrics.codebook import CodebookInfo

SMALLEST, LARGEST = 7.0, 28.0  # diameters in pixels
REACH = 16  # pixels within which a code is pointed at
MARGIN = 0.08  # of the span, around all codes
DIRECTIONS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}


class CodebookMap(pg.GraphicsView):
    """Discs with the area of the codes' counts in the token map's colours; crosses are not used.

    Drag pans, the wheel zooms, a double click shows all. The arrow keys go to the next code in their
    direction, Enter is a click.
    """

    hovered = Signal(object)  # code, None when over none
    clicked = Signal(int)  # code

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumSize(theme.px(160), theme.px(120))
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.enableMouse(False)  # of the whole scene: the view box has its own
        self.setAccessibleName(tr("Map of the codebook"))
        self._info: CodebookInfo | None = None
        self._sheet: CodeSheet | None = None
        self._selected: int | None = None
        self._pointed: int | None = None
        self._pressed: QPointF | None = None
        self._brushes: list[QBrush] = []  # of all codes
        self.view_box = pg.ViewBox(enableMenu=False)
        self.view_box.disableAutoRange()
        self._axes = {side: pg.AxisItem(side) for side in ("left", "bottom")}
        area = pg.GraphicsWidget()
        grid = QGraphicsGridLayout(area)
        grid.setSpacing(0)
        grid.addItem(self._axes["left"], 0, 0)
        grid.addItem(self.view_box, 0, 1)
        grid.addItem(self._axes["bottom"], 1, 1)
        for axis in self._axes.values():
            axis.linkToView(self.view_box)
        self.setCentralItem(area)
        self._area = area  # kept, as the scene does not
        self.discs = pg.ScatterPlotItem(pxMode=True, antialias=True)
        self.frames = pg.ScatterPlotItem(pxMode=True, symbol="o", antialias=True)
        self._labels = [pg.TextItem() for _ in range(2)]
        for z, item in enumerate((self.discs, self.frames, *self._labels)):
            item.setZValue(z)
            self.view_box.addItem(item, ignoreBounds=True)
        theme.manager.changed.connect(self._restyle)
        self._restyle()

    def set_codes(self, info: CodebookInfo | None, sheet: CodeSheet | None) -> None:
        """Show a codebook with its counts; the view stays unless it is another codebook."""
        is_other = info is not self._info
        self._info, self._sheet = info, sheet
        if info is not None:
            for side, name, share in zip(
                ("bottom", "left"), (tr("first"), tr("second")), info.explained, strict=True
            ):
                text = tr(
                    "{name} principal axis, {share:.0f} % of variance", name=name, share=100 * share
                )
                self._axes[side].setLabel(text)
        if is_other:
            self.show_all()
        self._draw()

    def set_highlight(self, selected: int | None, pointed: int | None) -> None:
        """Ring the selected code and the one pointed at, and name both."""
        if (selected, pointed) != (self._selected, self._pointed):
            self._selected, self._pointed = selected, pointed
            self._draw_frames()

    def show_all(self) -> None:
        """Make all codes visible."""
        if self._info is None:
            return
        low, high = self._info.places.min(axis=0), self._info.places.max(axis=0)
        span = np.maximum(high - low, 1e-6)
        (left, bottom), (width, height) = low - MARGIN * span, (1 + 2 * MARGIN) * span
        self.view_box.setRange(
            QRectF(float(left), float(bottom), float(width), float(height)), padding=0
        )

    def position(self, code: int) -> QPointF:
        """Return where a code is in the widget."""
        assert self._info is not None
        place = QPointF(*self._info.places[code].tolist())
        return QPointF(self.mapFromScene(self.view_box.mapViewToScene(place)))

    def diameters(self) -> NDArray[np.float64]:
        """Return the diameter of every code's mark in pixels."""
        assert self._info is not None
        counts = self._sheet.counts if self._sheet is not None else None
        if counts is None or not counts.any():
            return np.full(self._info.size, 2 * SMALLEST)
        room = LARGEST**2 - SMALLEST**2  # the area grows with the count
        diameters: NDArray[np.float64] = np.sqrt(SMALLEST**2 + room * counts / counts.max())
        return diameters

    def _draw(self) -> None:
        info, sheet = self._info, self._sheet
        self._area.setVisible(info is not None)
        if info is None:
            return
        if len(self._brushes) != info.size:
            self._brushes = [pg.mkBrush(*color) for color in code_colors(info.size).tolist()]
        counts = sheet.counts if sheet is not None else None
        is_dead = np.zeros(info.size, bool)
        if counts is not None and counts.any():
            is_dead = counts == 0
        edge, cross = pg.mkPen(theme.tokens().surface), pg.mkPen(theme.tokens().muted)
        muted = pg.mkBrush(theme.tokens().muted)
        order = np.argsort(~is_dead, kind="stable")  # no cross lies on a disc
        self.discs.setData(
            pos=info.places[order],
            size=self.diameters()[order] * theme.manager.scale,
            symbol=["x" if is_dead[code] else "o" for code in order],
            brush=[muted if is_dead[code] else self._brushes[code] for code in order],
            pen=[cross if is_dead[code] else edge for code in order],
            data=order,
        )
        self._draw_frames()

    def _draw_frames(self) -> None:
        info = self._info
        if info is None:
            return
        tokens = theme.tokens()
        wanted = [
            (code, color)
            for code, color in ((self._selected, tokens.accent), (self._pointed, tokens.text))
            if code is not None and code < info.size
        ]
        diameters = self.diameters() * theme.manager.scale
        codes = [code for code, _ in wanted]
        self.frames.setData(
            pos=info.places[codes],
            size=diameters[codes] + 8,
            brush=None,
            pen=[pg.mkPen(color, width=2) for _, color in wanted],
        )
        for label in self._labels:
            label.hide()
        shown = dict(wanted).items()  # one label where both are the same
        for label, (code, color) in zip(self._labels, shown, strict=False):
            label.setText(f"{code:,}", color=color)
            label.setFont(theme.font("caption", semibold=True))
            above = diameters[code] / 2 + 4  # pixels, clear of the ring
            label.setAnchor((0.5, 1 + above / label.boundingRect().height()))
            label.setPos(*info.places[code].tolist())
            label.show()

    # input ----------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        super().mouseMoveEvent(event)
        if event.buttons() == Qt.MouseButton.NoButton:
            self.hovered.emit(self._code_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        super().mousePressEvent(event)
        self._pressed = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        super().mouseReleaseEvent(event)
        pressed, self._pressed = self._pressed, None
        is_click = pressed is not None and (event.position() - pressed).manhattanLength() < 4
        code = self._code_at(event.position())
        if is_click and code is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(code)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        super().mouseDoubleClickEvent(event)
        if self._code_at(event.position()) is None:
            self.show_all()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().leaveEvent(event)
        self.hovered.emit(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusOutEvent(event)
        self.hovered.emit(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        key, info = Qt.Key(event.key()), self._info
        if info is not None and key in DIRECTIONS:
            self.hovered.emit(self._next(info, DIRECTIONS[key]))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._pointed is not None:
            self.clicked.emit(self._pointed)
        else:
            super().keyPressEvent(event)

    def _next(self, info: CodebookInfo, direction: tuple[int, int]) -> int:
        """Return the nearest code in a direction; the one there is where there is none."""
        here = self._pointed if self._pointed is not None else self._selected
        if here is None or here >= info.size:
            return int(np.hypot(*info.places.T).argmin())  # in the middle
        away = info.places - info.places[here]
        along = away @ np.array(direction, np.float32)
        aside = np.abs(away @ np.array(direction[::-1], np.float32))
        cost = np.where(along > aside * 0.5, along + 2 * aside, np.inf)
        return here if not np.isfinite(cost).any() else int(cost.argmin())

    def _code_at(self, where: QPointF) -> int | None:
        info = self._info
        if info is None:
            return None
        place = self.view_box.mapSceneToView(self.mapToScene(where.toPoint()))
        width, height = self.view_box.viewPixelSize()
        away = (info.places - np.array([place.x(), place.y()])) / np.array([width, height])
        distance = np.hypot(*away.T) - self.diameters() * theme.manager.scale / 2
        nearest = int(distance.argmin())
        return nearest if distance[nearest] <= REACH - SMALLEST else None

    @Slot()
    def _restyle(self) -> None:
        tokens = theme.tokens()
        self.setBackground(tokens.surface)
        for axis in self._axes.values():
            axis.setPen(tokens.border)
            axis.setTextPen(tokens.muted)
            axis.setStyle(tickFont=theme.font("axis"), tickLength=4)
            axis.labelStyle = {"font-size": f"{theme.px(11)}px", "color": tokens.muted}
            axis.setLabel(axis.labelText)
        self._draw()
