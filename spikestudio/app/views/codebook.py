"""Codebook dock: every code as the patch that it draws, and how the run uses it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.codebook_grid import CodeGrid, CodeSheet, share_of
from spikestudio.app.plots.codebook_map import CodebookMap
from spikestudio.app.plots.text import figure
from spikestudio.app.viewmodels.codebook import CodebookModel, Usage
from spikestudio.app.viewmodels.moments import tokens_after
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import (
    Caption,
    Combo,
    EmptyStack,
    Segmented,
    fill,
    stacked,
    tool_row,
)
from spikestudio.language import tr
from spikestudio.metrics.codebook import CodebookInfo, nearest_first

BY_ID, BY_COUNT, BY_SIMILARITY = tr("by id"), tr("by count"), tr("by similarity")
EMPTY = tr("The codes of a Spiking-Diffusion model appear here.")
NO_PATCHES = tr("patches need the model of this run")
NEIGHBOURS = 3


class CodebookView(View):
    """Tiles or a map of all codes; the one selected or pointed at is marked on the token map."""

    view_id: ClassVar[str] = "codebook"
    title: ClassVar[str] = tr("Codebook")
    help_text: ClassVar[str] = tr(
        "Every code as the patch that it draws amid codes of its own kind. The strip below it is\n"
        "its colour on the token map; then its count and share in all images of this run,\n"
        "after the step looked at. Hatched, or a cross: no revealed token has this code.\n"
        "Perplexity: as many equally frequent codes would be as varied; it grows with the tokens\n"
        "counted, so their number stands beside it.\n"
        "By similarity: the nearest vectors first, seen from the selected code.\n"
        "Map: the vectors along their two widest directions, the area of a disc is its count.\n"
        "Point at a code (arrow keys): its cells are outlined on the token map.\n"
        "Click (Enter): they stay so; again, or Escape: no longer. Drag, wheel: move the map."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(
        self, run: RunModel, codebook: CodebookModel | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(run, parent)
        self.codebook = codebook or CodebookModel(run, self)
        self.form = Segmented(
            tr("Show the codes as"),
            (
                (tr("Tiles"), tr("Show every code as a tile")),
                (tr("Map"), tr("Show the codes by their vectors")),
            ),
        )
        self.order = Combo(
            tr("Order of the codes"),
            tr("Order of the codes; those that are not used come last"),
            (BY_ID, BY_COUNT, BY_SIMILARITY),
        )
        self.summary, self.caption, self.vector_caption = Caption(), Caption(), Caption()
        self.grid, self.map = CodeGrid(), CodebookMap()
        self.grid.setAccessibleName(tr("Codes"))
        self.forms = QStackedWidget()
        for form in (self.grid, self.map):
            self.forms.addWidget(form)
        self._step: int | None = None  # that is looked at; None: the newest
        self._usage: Usage | None = None
        self._shown: CodebookInfo | None = None
        self._selected: int | None = None  # that the tiles were scrolled to
        self.stack = EmptyStack(
            stacked(
                tool_row(self.form, self.order),
                self.summary,
                self.forms,
                self.caption,
                self.vector_caption,
                stretch=self.forms,
            ),
            EMPTY,
        )
        fill(self, self.stack)
        self._connect()

    def _connect(self) -> None:
        run, codebook = self.run, self.codebook
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.form.chosen.connect(self._on_form_chosen)
        self.order.activated.connect(self._redraw)
        for form in (self.grid, self.map):
            form.hovered.connect(codebook.hover)
            form.clicked.connect(codebook.select)
        codebook.highlightChanged.connect(self._on_highlight)
        for signal in (run.started, run.tokensChanged, run.selectionChanged, codebook.changed):
            signal.connect(self.mark_dirty)
        theme.manager.changed.connect(self._redraw)

    def look_at(self, step: int | None) -> None:
        """Count the tokens after an earlier step; None: the newest."""
        self._step = step
        self.mark_dirty()

    def refresh(self) -> None:
        """Draw the codebook and its usage."""
        codebook = self.codebook
        is_token_run = codebook.is_token_run
        self._shown = codebook.of_run if is_token_run else codebook.info
        self._usage = codebook.usage(self._step)
        size = self._size()
        if not size:
            self.stack.show_empty(EMPTY, has_button=False)
            return
        self.stack.show_content()
        counts = self._usage.counts if self._usage is not None else None
        info = self._shown
        patches = info.patches if info is not None else None
        sheet = CodeSheet(self._codes(size, counts), patches, counts)
        if self.forms.currentWidget() is self.grid:
            self.grid.set_sheet(sheet)
        else:
            self.map.set_codes(info, sheet)
        self.summary.set_text(self._summary(size))
        self._mark()

    def _size(self) -> int:
        if self._shown is not None:
            return self._shown.size
        tokens = self.run.tokens
        return tokens.mask_id if tokens is not None and self.codebook.is_token_run else 0

    def _codes(self, size: int, counts: NDArray[np.int64] | None) -> NDArray[np.intp]:
        """Return the ids in the order chosen, those that are not used last."""
        order, info, selected = self.order.currentText(), self._shown, self.codebook.selected
        codes = np.arange(size)
        if order == BY_COUNT and counts is not None:
            codes = np.argsort(-counts, kind="stable")
        elif order == BY_SIMILARITY and info is not None:
            first = selected
            if first is None:
                first = 0 if counts is None else int(counts.argmax())
            codes = nearest_first(info.vectors, first)
        if counts is None:
            return codes
        return np.concatenate([codes[counts[codes] > 0], codes[counts[codes] == 0]])

    @Slot()
    def _on_highlight(self) -> None:
        if self.codebook.selected != self._selected:
            self._selected = self.codebook.selected
            if self.order.currentText() == BY_SIMILARITY:
                self.mark_dirty()  # the selected code comes first
            elif self._selected is not None and self.grid.sheet is not None:
                self.grid.show_code(self._selected)
        self._mark()

    def _mark(self) -> None:
        codebook = self.codebook
        for form in (self.grid, self.map):
            form.set_highlight(codebook.selected, codebook.hovered)
        self._show_caption()

    # words ----------------------------------------------------------------------------------

    def _summary(self, size: int) -> str:
        usage, parts = self._usage, []
        if usage is None and self._step is not None and self.codebook.is_token_run:
            parts.append(
                tr(
                    "{size:,} codes   step {step:,}: its tokens were not kept",
                    size=size,
                    step=self._step + 1,
                )
            )
        elif usage is None:
            parts.append(tr("{size:,} codes   no run of this model yet", size=size))
        elif not usage.tokens:
            parts.append(tr("{size:,} codes   no token is revealed yet", size=size))
        else:
            value = figure(usage.perplexity)
            parts.append(
                tr(
                    "perplexity {value} of {size:,}, from {tokens:,} tokens",
                    value=value,
                    size=size,
                    tokens=usage.tokens,
                )
            )
            parts.append(tr("{used:,} codes used", used=usage.used))
        if self._shown is None:
            parts.append(NO_PATCHES)
        return "   ".join(parts)

    def _show_caption(self) -> None:
        code = self.codebook.highlighted
        if code is None or code >= self._size():
            texts = (tr("Point at a code to see where it is on the token map."), "")
        else:
            texts = (self._describe_use(code), self._describe_vector(code))
        for caption, text in zip((self.caption, self.vector_caption), texts, strict=True):
            caption.set_text(text)
        for form in (self.grid, self.map):
            form.setAccessibleDescription("; ".join(filter(None, (self.summary.text, *texts))))

    def _describe_use(self, code: int) -> str:
        usage = self._usage
        if usage is None or not usage.tokens:
            return tr("Code {code:,}", code=code)
        count = int(usage.counts[code])
        share = share_of(count, usage.tokens) if count else "0 %"
        return tr(
            "Code {code:,}: {count:,} of {tokens:,} tokens ({share}), "
            "{in_image:,} in image {image:,}",
            code=code,
            count=count,
            tokens=usage.tokens,
            share=share,
            in_image=self._in_image(code),
            image=self.run.selection.image + 1,
        )

    def _describe_vector(self, code: int) -> str:
        info = self._shown
        if info is None:
            return ""
        near = nearest_first(info.vectors, code)[1 : NEIGHBOURS + 1]
        training = info.training_counts
        seen = (
            tr("unknown") if training is None else tr("{training:,} times", training=training[code])
        )
        return tr(
            "nearest codes {near}; use in training {seen}",
            near=", ".join(f"{other:,}" for other in near),
            seen=seen,
        )

    def _in_image(self, code: int) -> int:
        tokens = self.run.tokens
        if self._step is not None:
            tokens = tokens_after(self.run, self._step)
        return 0 if tokens is None else int((tokens.tokens[self.run.selection.image] == code).sum())

    # input ----------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        if event.key() == Qt.Key.Key_Escape and self.codebook.selected is not None:
            self.codebook.select(None)
        else:
            super().keyPressEvent(event)

    @Slot(int)
    def _on_form_chosen(self, index: int) -> None:
        self.forms.setCurrentIndex(index)
        self.order.setEnabled(index == 0)
        self._redraw()

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()
