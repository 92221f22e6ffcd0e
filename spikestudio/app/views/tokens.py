"""Tokens dock: the codebook token map of one image while it unmasks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.scale_bar import ScaleBar
from spikestudio.app.plots.token_item import TokenMap, TokenPicture
from spikestudio.app.viewmodels.branching import BranchModel
from spikestudio.app.viewmodels.codebook import CodebookModel
from spikestudio.app.viewmodels.moments import preview_after, tokens_after
from spikestudio.app.viewmodels.neuron_field import NeuronFieldModel
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.token_logits import TokenLogits, temperature_at
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import (
    FRAME_SECONDS,
    Caption,
    Combo,
    EmptyStack,
    fill,
    stacked,
    tool_row,
)
from spikestudio.app.views.token_layers import (
    ENTROPY,
    LAYERS,
    cell_colors,
    decoded_at,
    describe_cell,
    show_scale,
)
from spikestudio.app.views.token_panel import Cell, TokenPanel
from spikestudio.app.views.token_stage import TokenStage
from spikestudio.app.views.token_tools import TokenTools
from spikestudio.app.widgets.icons import IconButton
from spikestudio.export.origin import may_carry
from spikestudio.language import tr, tr_n
from spikestudio.recording.values import first_step
from spikestudio.sampling.events import ImagePreview, TokensUnmasked

EMPTY = tr("The token map of the selected image appears here as it unmasks.")
NO_TOKENS = tr("This model has no tokens; open a Spiking-Diffusion model.")
NO_ENTROPY = tr("entropy not kept: it needs the logits of the steps")
BEFORE = tr("before this run branched off")
PANEL_TIP = tr("Show or hide the likeliest codes of the cell pointed at")


class TokensView(View):
    """Token map of the selected image, and what the network thought of the cell pointed at."""

    view_id: ClassVar[str] = "tokens"
    title: ClassVar[str] = tr("Tokens")
    help_text: ClassVar[str] = tr(
        "Spiking-Diffusion draws a map of codes; a codebook turns each code into a patch.\n"
        "Hatched: still masked. Outlined: revealed in the newest step.\n"
        "Code: its own colour, the same in every run. Order of reveal: the step of the cell.\n"
        "Confidence: the probability of the code drawn. Entropy: how undecided the draw was.\n"
        "The decoded image has the most probable code where the map is still masked.\n"
        "Hatched in its place: that of the step looked at was not kept.\n"
        "Point at a cell (arrow keys): its likeliest codes; the layer's neuron there lights up.\n"
        "Click (Enter): mark all cells of its code. Temperature: what the draw would have been;\n"
        "the tick on a bar is the run's own. Nothing is sampled again.\n"
        "Pencil: lock, paint or clear cells (drag; Shift: a rectangle) and go on from them;\n"
        "a picture that is dropped here is encoded, to be filled in where you mask it."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(
        self,
        run: RunModel,
        parent: QWidget | None = None,
        *,
        fields: NeuronFieldModel | None = None,
        codebook: CodebookModel | None = None,
        branching: BranchModel | None = None,
    ) -> None:
        super().__init__(run, parent)
        self.fields = fields
        self.codebook = codebook or CodebookModel(run, self)
        self.color = Combo(tr("Colour of the cells"), tr("What the colour of a cell means"), LAYERS)
        self.scale = ScaleBar()
        self.map = TokenMap()
        self.map.setAccessibleName(tr("Token map and decoded image"))
        self.panel = TokenPanel()
        self.stage = TokenStage(self.map, self.panel)
        self.show_panel = IconButton("mdi6.chart-box-outline", PANEL_TIP)
        self.show_panel.setCheckable(True)
        self.show_panel.setChecked(True)
        self.caption = Caption()
        self.tools = TokenTools(run, self.codebook, branching, self, self.map)
        self._logits = TokenLogits(run)
        self._hovered: tuple[int, int] | None = None
        self._step: int | None = None  # that is looked at; None: the newest
        self._tokens: TokensUnmasked | None = None
        self._has_gaps = False  # the entropy of some draw is not known
        self.stack = EmptyStack(
            stacked(
                tool_row(self.color, self.show_panel, self.tools.toggle, self.scale),
                self.tools.row,
                self.stage,
                self.tools.caption,
                self.caption,
                stretch=self.stage,
            ),
            EMPTY,
        )
        fill(self, self.stack)
        self._connect()

    def _connect(self) -> None:
        run, codebook = self.run, self.codebook
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.color.activated.connect(self._redraw)
        self.map.hovered.connect(self._on_hovered)
        self.map.clicked.connect(self._on_clicked)
        self.panel.codeHovered.connect(codebook.hover)
        self.panel.codeClicked.connect(codebook.select)
        self.show_panel.toggled.connect(self._on_panel_toggled)
        self.stage.roomChanged.connect(self._on_room_changed, Qt.ConnectionType.QueuedConnection)
        codebook.highlightChanged.connect(self._mark)
        self.tools.drawn.connect(self._redraw)
        self.setAcceptDrops(True)
        run.started.connect(self._on_started)
        for signal in (run.tokensChanged, run.previewChanged, run.selectionChanged):
            signal.connect(self.mark_dirty)
        codebook.changed.connect(self.mark_dirty)
        theme.manager.changed.connect(self._redraw)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  Qt override
        files = _files(event)
        if self.tools.can_drop(files) and not may_carry(files[0]):
            event.acceptProposedAction()
        else:
            event.ignore()  # the window may know what to do with it

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  Qt override
        event.acceptProposedAction()
        self.tools.choose_image(_files(event)[0])

    def look_at(self, step: int | None) -> None:
        """Show the tokens of an earlier step; None: the newest."""
        self._step = step
        self.mark_dirty()

    def refresh(self) -> None:
        """Draw the token map of the selected image, the newest or that of the step looked at."""
        started, tokens, preview = self.run.run, self.run.tokens, self.run.preview
        if started is None:
            return
        if self._step is not None:
            tokens = tokens_after(self.run, self._step)
            preview = preview_after(self.run, self._step)
        self._tokens = tokens
        self.tools.look_at(tokens)
        if self.tools.image is not None:
            self._tokens = None  # of the run: another map is shown
            self.stack.show_content()
            self.scale.hide()
            self.map.set_picture(self.tools.real_picture())
            self._mark()
            self._show_cell()
            self._show_caption()
            return
        if started.request.sampler != "absorbing":
            self.stack.show_empty(NO_TOKENS, has_button=False)
            return
        self.stack.show_content()
        if tokens is None:
            self.map.set_picture(None)
            self.scale.hide()
        else:
            picture = self._picture(tokens, preview, len(started.timesteps))
            self.map.set_picture(self.tools.edited(picture))
            show_scale(self.scale, self.color.currentText(), tokens.mask_id, len(started.timesteps))
        self._mark()
        self._show_cell()
        self._show_caption()

    def _picture(
        self, tokens: TokensUnmasked, preview: ImagePreview | None, steps: int
    ) -> TokenPicture:
        kind, image = self.color.currentText(), self.run.selection.image
        decoded, heading = decoded_at(preview, tokens.step, is_live=self._step is None)
        newest = self.run.preview
        shown = newest.decoded if newest is not None else None
        is_masked = tokens.tokens[image] == tokens.mask_id
        entropy = self._entropy_of(tokens, image) if kind == ENTROPY else None
        return TokenPicture(
            ids=tokens.tokens[image],
            is_masked=is_masked,
            is_new=~is_masked & (tokens.order[image] == tokens.step),
            colors=cell_colors(kind, tokens, image, steps, entropy),
            decoded=None if decoded is None else np.ascontiguousarray(decoded[image]),
            is_unknown=None if entropy is None else np.isnan(entropy),
            size=None if shown is None else (shown.shape[1], shown.shape[2]),
            heading=heading,
        )

    def _entropy_of(self, tokens: TokensUnmasked, image: int) -> NDArray[np.float32]:
        """Return the entropy in bits of every draw; NaN where masked, painted or not kept."""
        deadline = time.perf_counter() + FRAME_SECONDS
        drawn = np.where(self._painted(tokens), -1, tokens.order[image])
        entropy, is_whole = self._logits.entropy_when_revealed(
            drawn, lambda: time.perf_counter() > deadline
        )
        if not is_whole:
            self.mark_dirty()
        self._has_gaps = bool((np.isnan(entropy) & (drawn >= 0)).any())
        return entropy

    def _painted(self, tokens: TokensUnmasked) -> NDArray[np.bool_]:
        """Return which cells hold a code that the user painted there, ``[h, w]``."""
        image = self.run.selection.image
        return self._logits.painted(tokens.order[image], tokens.confidence[image])

    @Slot()
    def _mark(self) -> None:
        """Outline the cells of the code that is looked at, over the picture as it is."""
        code, picture = self.codebook.highlighted, self.map.picture
        self.map.set_marked(None if code is None or picture is None else picture.ids == code)

    # the cell pointed at --------------------------------------------------------------------

    def _draw_step(self, cell: tuple[int, int], tokens: TokensUnmasked) -> int:
        """Return the step that drew a cell's code; where masked that looked at."""
        step = int(tokens.order[self.run.selection.image, *cell])
        return step if step >= 0 else tokens.step

    def _show_cell(self) -> None:
        """Tell the panel about the cell, and mark which one it is."""
        cell, tokens = self.map.pointed, self._tokens
        info = self.codebook.of_run
        patches = info.patches if info is not None else None
        if cell is None or tokens is None or not self.panel.isVisibleTo(self):
            self.panel.show_cell(None, patches)
            return
        image, step = self.run.selection.image, self._draw_step(cell, tokens)
        token = int(tokens.tokens[image, *cell])
        logits = self._logits.logits(step)
        self.panel.show_cell(
            Cell(
                *cell,
                step=step,
                temperature=temperature_at(self.run, step),
                code=None if token == tokens.mask_id else token,
                confidence=float(tokens.confidence[image, *cell]),
                logits=None if logits is None else logits[:, *cell],
                is_painted=bool(self._painted(tokens)[cell]),
            ),
            patches,
        )

    def _code_at(self, cell: tuple[int, int] | None) -> int | None:
        tokens = self._tokens
        if cell is None or tokens is None:
            return None
        code = int(tokens.tokens[self.run.selection.image, *cell])
        return None if code == tokens.mask_id else code

    @Slot(object)
    def _on_hovered(self, cell: tuple[int, int] | None) -> None:
        self._hovered = cell
        if cell is not None:  # the last one stays, so that the panel can be reached
            self.map.set_pointed(cell)
            self._show_cell()
        self._show_caption()
        self.codebook.hover(self._code_at(cell))
        if self.fields is not None:
            self.run.hover(self._neuron_at(cell) if cell is not None else None)

    @Slot(object)
    def _on_clicked(self, cell: tuple[int, int]) -> None:
        code = self._code_at(cell)
        if code is not None:
            self.codebook.select(code)

    def _neuron_at(self, cell: tuple[int, int]) -> int | None:
        """Return the neuron of the selected layer at a cell of the map."""
        if self.fields is None or self._tokens is None:
            return None
        _, rows, columns = self._tokens.tokens.shape
        return self.fields.neuron_at((cell[0] + 0.5) / rows, (cell[1] + 0.5) / columns)

    # other signals --------------------------------------------------------------------------

    @Slot()
    def _on_started(self) -> None:
        self._hovered = None
        self.map.set_pointed(None)
        self.panel.forget()
        self.mark_dirty()

    @Slot(bool)
    def _on_panel_toggled(self, is_wanted: bool) -> None:
        self.stage.set_panel_wanted(is_wanted=is_wanted)
        self._show_cell()

    @Slot()
    def _on_room_changed(self) -> None:
        self.show_panel.setEnabled(self.stage.has_room)
        tip = (
            PANEL_TIP
            if self.stage.has_room
            else tr("{panel_tip}: this dock is too small for them", panel_tip=PANEL_TIP)
        )
        self.show_panel.setToolTip(tip)
        self._show_cell()

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    def _show_caption(self) -> None:
        text = self._text()
        self.caption.set_text(text)
        self.map.setAccessibleDescription(text)

    def _text(self) -> str:
        tokens, started = self._tokens, self.run.run
        edit = self.tools.describe(self._hovered) if self._hovered is not None else ""
        if self.tools.image is not None:
            return self._real_text(edit)
        if (tokens is None or started is None) and self._step is not None:
            recorder = self.run.recorder
            first = first_step(recorder.origin) if recorder is not None else 0
            why = BEFORE if self._step < first else tr("its tokens were not kept")
            return tr("step {step:,}: {why}", step=self._step + 1, why=why)
        if tokens is None or started is None:
            return tr("waiting for step 1")
        image = self.run.selection.image
        if self._hovered is not None:
            bits = self._logits.entropy(self._draw_step(self._hovered, tokens))
            entropy = None if bits is None else float(bits[self._hovered])
            is_painted = bool(self._painted(tokens)[self._hovered])
            text = describe_cell(self._hovered, tokens, image, entropy, is_painted=is_painted)
            return f"{text}   {edit}" if edit else text
        shown = tokens.tokens[image]
        revealed = shown[shown != tokens.mask_id]
        if self._has_gaps and self.color.currentText() == ENTROPY:
            return tr(
                "step {tokens_step:,} of {num_timesteps:,}   {no_entropy}",
                tokens_step=tokens.step + 1,
                num_timesteps=len(started.timesteps),
                no_entropy=NO_ENTROPY,
            )
        unique_size = np.unique(revealed).size
        return tr_n(
            "step {tokens_step:,} of {num_timesteps:,}   "
            "{revealed_size:,} of {shown_size:,} cells revealed, "
            "{unique_size:,} code   image {image:,}",
            "step {tokens_step:,} of {num_timesteps:,}   "
            "{revealed_size:,} of {shown_size:,} cells revealed, "
            "{unique_size:,} different codes   image {image:,}",
            unique_size,
            tokens_step=tokens.step + 1,
            num_timesteps=len(started.timesteps),
            revealed_size=revealed.size,
            shown_size=shown.size,
            unique_size=unique_size,
            image=image + 1,
        )

    def _real_text(self, edit: str) -> str:
        """Return the line below the tokens of a real image."""
        picture, cell = self.map.picture, self._hovered
        if picture is None:
            return ""
        if cell is not None:
            return tr(
                "Cell x {cell}, y {cell_2}: {edit}",
                cell=cell[1],
                cell_2=cell[0],
                edit=edit or tr("code {id:,}", id=int(picture.ids[cell])),
            )
        kept = int((~picture.is_masked).sum())
        return tr(
            "{kept:,} of {ids_size:,} cells keep the token of the real image",
            kept=kept,
            ids_size=picture.ids.size,
        )


def _files(event: QDropEvent) -> list[Path]:
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
