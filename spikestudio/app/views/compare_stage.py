"""The pictures, the token maps or the rasters of two runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QGridLayout, QStackedWidget, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.compare_bars import MINUS
from spikestudio.app.plots.compare_canvas import CompareCanvas, ComparePanel, Pixel
from spikestudio.app.plots.compare_pictures import Differences, Pictures
from spikestudio.app.plots.palettes import code_colors
from spikestudio.app.plots.token_item import TokenMap, TokenPicture
from spikestudio.app.viewmodels.comparison import Pair, Side
from spikestudio.app.viewmodels.history import Entry
from spikestudio.app.views.compare_controls import BESIDE, ONE, SLIDER, CompareControls
from spikestudio.app.views.compare_rasters import CompareRasters
from spikestudio.app.views.compare_steps import (
    NOT_KEPT,
    Found,
    TokensFound,
    final_pictures,
    kinds_of,
    pictures_after,
    tokens_after,
)
from spikestudio.app.views.compare_words import side_title, signed
from spikestudio.app.views.parts import FRAME_SECONDS, Caption
from spikestudio.language import tr

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONLY_A = tr("B: sample again, or with another value below")


class CompareStage(QStackedWidget):
    """Shows what the controls ask for; pictures are made while the frame has time."""

    def __init__(self, controls: CompareControls) -> None:
        super().__init__()
        self._controls = controls
        self._found: dict[Side, tuple[object, Found]] = {}
        self._differences: Differences | None = None
        self.differing: tuple[int, int] | None = None  # cells of the token maps, of how many
        self.canvas = CompareCanvas()
        self.canvas.setAccessibleName(tr("Pictures of A and B"))
        self.maps: dict[Side, TokenMap] = {"a": TokenMap(), "b": TokenMap()}
        self.headings: dict[Side, Caption] = {
            "a": Caption(token="text"),
            "b": Caption(token="text"),
        }
        beside = QWidget()
        table = QGridLayout(beside)
        table.setContentsMargins(0, 0, 0, 0)
        table.setHorizontalSpacing(16)
        table.setRowStretch(1, 1)
        for column, (side, token_map) in enumerate(self.maps.items()):
            token_map.setAccessibleName(tr("Token map of {side}", side=side.upper()))
            table.addWidget(self.headings[side], 0, column)
            table.addWidget(token_map, 1, column)
        self.addWidget(self.canvas)
        self.addWidget(beside)
        self.rasters = CompareRasters()
        self.addWidget(self.rasters)

    def show_runs(self, a: Entry, b: Entry | None, pair: Pair | None, image: int) -> bool:
        """Show both at a pair of steps, or how they ended; False if pictures are still to be made."""
        is_tokens = self._controls.is_tokens
        self.setCurrentIndex(1 if is_tokens else 0)
        if is_tokens:
            self._show_tokens(a, b, pair, image)
            return True
        return self._show_pictures(a, b, pair, image)

    # pictures -------------------------------------------------------------------------------

    def _show_pictures(self, a: Entry, b: Entry | None, pair: Pair | None, image: int) -> bool:
        left = self._pictures("a", a, pair)
        right = Found(None) if b is None else self._pictures("b", b, pair)
        sizes = [each.pictures.size for each in (left, right) if each.pictures]
        size = (28, 28) if a.thumbnail is None else (a.thumbnail.shape[1], a.thumbnail.shape[2])
        if sizes:
            size = max(height for height, _ in sizes), max(width for _, width in sizes)
        number = min(each.request.num for each in (a, b) if each)
        image = min(image, number - 1)
        is_one = self._controls.scope.current == ONE
        images = range(image, image + 1) if is_one else range(number)
        self.canvas.set_panels(self._panels(a, b, left, right), images, size, image)
        deadline = time.perf_counter() + FRAME_SECONDS
        return self.canvas.prepare(lambda: time.perf_counter() > deadline)

    def _pictures(self, side: Side, entry: Entry, pair: Pair | None) -> Found:
        """Return the pictures of a side, those of the last frame where they are the same."""
        kind = self._controls.kind.currentText()
        step = None if pair is None else pair.a if side == "a" else pair.b
        key = (entry, entry.ended, pair is None, step, kind)
        if side not in self._found or self._found[side][0] != key:
            if pair is None:
                found = final_pictures(entry)
            else:
                kinds = kinds_of(entry)
                found = pictures_after(entry, step, kind if kind in kinds else kinds[0])
            self._found[side] = (key, found)
        return self._found[side][1]

    def _panels(
        self, a: Entry, b: Entry | None, left: Found, right: Found
    ) -> tuple[ComparePanel, ...]:
        title_a, mode = side_title("A", a, left.missing), self._controls.mode.current
        one, other = left.pictures, right.pictures
        if b is None:
            return (ComparePanel(title_a, one), ComparePanel(ONLY_A, None))
        title_b = side_title("B", b, right.missing)
        if mode == BESIDE or one is None or other is None or one.size != other.size:
            return (ComparePanel(title_a, one), ComparePanel(title_b, other))
        if mode == SLIDER:
            return (ComparePanel(title_a, one, other, title_b),)
        is_color = any(e.thumbnail is not None and e.thumbnail.shape[3] > 1 for e in (a, b))
        title = f"B {MINUS} A" + (tr(", mean of the channels") if is_color else "")
        return (ComparePanel(title, self._difference(one, other)),)

    def _difference(self, a: Pictures, b: Pictures) -> Differences:
        wanted = (a, b, self._controls.largest, theme.manager.mode)
        made = self._differences
        if made is None or (made.a, made.b, made.limit, made.mode) != wanted:
            self._differences = made = Differences(a, b, self._controls.largest)
        return made

    def pixel_text(self, pixel: Pixel) -> str:
        """Return the values of both runs at a pixel, empty where there are none."""
        image, row, column = pixel
        values: dict[Side, NDArray[np.uint8]] = {}
        for side, (_, found) in self._found.items():
            pictures = found.pictures
            if pictures is None or image >= pictures.num:
                continue
            picture = pictures.at(image)
            if picture is not None and row < picture.shape[0] and column < picture.shape[1]:
                values[side] = picture[row, column]
        parts = [f"{side.upper()} {', '.join(map(str, v.tolist()))}" for side, v in values.items()]
        if len(values) == 2:
            change = float(values["b"].mean(dtype=float) - values["a"].mean(dtype=float))
            parts.append(f"B {MINUS} A {signed(change)}")
        return (
            tr(
                "image {image:,} at x {column}, y {row}: {parts}",
                image=image + 1,
                column=column,
                row=row,
                parts=", ".join(parts),
            )
            if parts
            else ""
        )

    # tokens ---------------------------------------------------------------------------------

    def _show_tokens(self, a: Entry, b: Entry | None, pair: Pair | None, image: int) -> None:
        left = tokens_after(a, pair.a if pair else None, image)
        right = tokens_after(b, pair.b if pair else None, image) if b else (None, None)
        differs = None
        if left[0] is not None and right[0] is not None and left[0].shape == right[0].shape:
            differs = left[0] != right[0]
        self.differing = None if differs is None else (int(differs.sum()), differs.size)
        sides: tuple[tuple[Side, Entry | None, TokensFound], ...] = (
            ("a", a, left),
            ("b", b, right),
        )
        for side, entry, (ids, is_masked) in sides:
            token_map, picture = self.maps[side], None
            missing = NOT_KEPT if ids is None else ""
            heading = ONLY_A if entry is None else side_title(side.upper(), entry, missing)
            self.headings[side].set_text(heading)
            if ids is not None and is_masked is not None:
                picture = TokenPicture(
                    ids=ids,
                    is_masked=is_masked,
                    is_new=np.zeros_like(is_masked),
                    colors=code_colors(int(ids.max()) + 1)[ids],
                    decoded=None,
                )
            token_map.set_picture(picture)
            token_map.set_marked(differs if picture is not None else None)
