"""Controls of the Tokens dock to edit its map, and to start a run from what was edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.token_item import TokenMap, TokenPicture
from spikestudio.app.plots.token_marks import Cell
from spikestudio.app.viewmodels.branching import WAIT, BranchModel
from spikestudio.app.viewmodels.codebook import CodebookModel
from spikestudio.app.viewmodels.real_image import RealImage, bundled_images
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.token_edits import TokenEditor, pinned
from spikestudio.app.views.parts import Caption, Combo, Segmented, tool_row
from spikestudio.app.views.token_overlay import describe_edit, edited_picture, real_picture
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr
from spikestudio.sampling.edits import CLEAR, LOCK, PAINT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikestudio.recording.values import Readable
    from spikestudio.sampling.events import TokensUnmasked

IMAGES = (".png", ".jpg", ".jpeg")
PICK = "pick"
TOOLS = (LOCK, PAINT, CLEAR, PICK)
ONE, ALL = tr("this image"), tr("all images")
HINT = tr("Drag over cells to lock, paint or clear them; Shift: a rectangle.")
NO_CODE = tr("Choose the code to paint with: click one in the codebook, or pick one from the map.")
NOT_KEPT = tr("There are no tokens to edit here: look at a step whose tokens were kept.")


class TokenTools(QObject):
    """A ``row`` of controls and a ``caption``, both shown while the map is being edited."""

    drawn = Signal()  # the picture is another one now

    def __init__(
        self,
        run: RunModel,
        codebook: CodebookModel,
        branching: BranchModel | None,
        view: QWidget,
        token_map: TokenMap,
    ) -> None:
        super().__init__(view)
        self._run, self._codebook, self._branching, self._map = run, codebook, branching, token_map
        self.editor = TokenEditor(self)
        self.problem = ""  # what kept the last stroke from being done
        self._is_stroking = False
        self._tokens: TokensUnmasked | None = None  # that are shown
        self._pins: tuple[tuple[Readable | None, int], NDArray[np.bool_] | None] = ((None, 0), None)
        self.toggle = IconButton("mdi6.pencil-outline", tr("Edit the tokens, and go on from them"))
        self.toggle.setCheckable(True)
        self.toggle.setVisible(branching is not None)
        self.tool = Segmented(
            tr("Tool"),
            (
                (tr("Lock"), tr("Keep these tokens: later edits leave them alone; again: unlock")),
                (tr("Paint"), tr("Put the code chosen in the codebook here")),
                (tr("Clear"), tr("Mask these cells again: the steps that are left draw them anew")),
                (tr("Pick"), tr("Take the code of a cell to paint with")),
            ),
        )
        self.brush = Caption(is_whole=True)
        self.scope = Combo(
            tr("Edited images"), tr("Which images of the batch are edited"), (ONE, ALL)
        )
        self.undo = IconButton("mdi6.undo", tr("Undo the last edit (Ctrl+Z)"))
        self.redo = IconButton("mdi6.redo", tr("Redo the edit (Ctrl+Shift+Z)"))
        self.invert = IconButton("mdi6.select-inverse", tr("Clear the other cells instead"))
        self.discard = IconButton("mdi6.close-circle-outline", tr("Discard all edits"))
        self.real = QPushButton(tr("Real image"))
        self.real.setToolTip(tr("Start from the tokens of a real image, of which you mask a part"))
        self.real.setMenu(self._menu(view))
        self.go = QPushButton()
        for button in (self.real, self.go):
            theme.set_role(button, "outline")
        self.row = tool_row(
            *(self.tool, self.brush, self.scope, self.undo, self.redo, self.invert),
            *(self.discard, self.real, self.go),
        )
        self.caption = Caption(token="text")
        self._shortcuts = [
            QShortcut(
                QKeySequence(keys), view, context=Qt.ShortcutContext.WidgetWithChildrenShortcut
            )
            for keys in ("Ctrl+Z", "Ctrl+Shift+Z")
        ]
        self._connect()
        self._on_toggled(is_on=False)

    def _connect(self) -> None:
        editor = self.editor
        for shortcut, button, action in zip(
            self._shortcuts, (self.undo, self.redo), (editor.undo, editor.redo), strict=True
        ):
            shortcut.activated.connect(action)
            button.clicked.connect(action)
        self.invert.clicked.connect(self._invert)
        self.discard.clicked.connect(editor.discard)
        self.toggle.toggled.connect(self._on_toggled)
        self.tool.chosen.connect(self._forget_problem)
        self.go.clicked.connect(self.start)
        self._map.brushed.connect(self._on_brushed)
        editor.changed.connect(self.drawn)
        self._codebook.highlightChanged.connect(self.show_state)
        self._run.started.connect(editor.discard)
        branching = self._branching
        if branching is not None:
            branching.images.encoded.connect(self._on_encoded)
            branching.sampler.commandsChanged.connect(self.show_state)
            branching.sampler.modelChanged.connect(self._on_model_changed)

    def _menu(self, parent: QWidget) -> QMenu:
        menu = QMenu(parent)
        for path in bundled_images():
            action = menu.addAction(QIcon(str(path)), path.stem)
            action.triggered.connect(partial(self.choose_image, path))
        menu.addSeparator()
        menu.addAction(tr("Choose a file…")).triggered.connect(self._open_dialog)
        return menu

    # what is shown --------------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Whether the map is being edited."""
        return self.toggle.isChecked()

    @property
    def image(self) -> RealImage | None:
        """The real image whose tokens are shown in the place of the run's."""
        base = self.editor.base
        return base.image if base is not None and self.is_on else None

    def look_at(self, tokens: TokensUnmasked | None) -> None:
        """Note the tokens that are shown, and edit these unless there are edits of others."""
        self._tokens = tokens
        if self.is_on and not self._run.state.is_active:
            self.editor.look_at(tokens, self._run.recorder)
        self.show_state()

    def real_picture(self) -> TokenPicture:
        """Return the map of the real image, and beside it the image itself."""
        return real_picture(self.editor)

    def edited(self, picture: TokenPicture) -> TokenPicture:
        """Return a picture of the tokens that are shown with pins, and with edits if they have any."""
        image = self._run.selection.image
        picture = replace(picture, is_pinned=self._pinned(image, picture.ids.shape))
        is_edited = self.is_on and self.editor.is_of(self._tokens) and self.editor.has_edits
        return edited_picture(picture, self.editor, image) if is_edited else picture

    def _pinned(self, image: int, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
        record = self._run.recorder
        if record is None:
            return None
        if self._pins[0][0] is not record or self._pins[0][1] != image:
            self._pins = (record, image), pinned(record, image, (shape[0], shape[1]))
        return self._pins[1]

    def describe(self, cell: Cell) -> str:
        """Return what is to be done to a cell, empty if nothing is."""
        is_edited = self.is_on and self.editor.is_of(self._tokens)
        return describe_edit(self.editor, self._run.selection.image, cell) if is_edited else ""

    @Slot()
    def show_state(self) -> None:
        """Fit buttons and caption to what can be done."""
        if not self.is_on or self._branching is None:
            return
        editor, code = self.editor, self._codebook.selected
        base = editor.base
        text, problem = self._label(), self._cannot_start()
        self.go.setText(text)
        self.go.setAccessibleName(text)
        self.go.setEnabled(not problem)
        self.go.setToolTip(problem or tr("Start a run that branches here, with these edits"))
        self.undo.setEnabled(editor.can_undo)
        self.redo.setEnabled(editor.can_redo)
        self.invert.setEnabled(base is not None)
        self.discard.setEnabled(editor.has_edits or self.image is not None)
        self.scope.setEnabled(self.image is None)
        self.real.setEnabled(self._branching.images.can_choose and not self._cannot_fill())
        self.real.setToolTip(
            self._cannot_fill()
            or tr("Start from the tokens of a real image, of which you mask a part")
        )
        self.brush.set_text(
            tr("no code chosen") if code is None else tr("code {code:,}", code=code)
        )
        self.caption.set_text(self._text(text, problem))

    def _label(self) -> str:
        base = self.editor.base
        if base is None:
            return tr("Resume")
        if base.image is not None:
            return tr("Fill in")
        return (
            tr("Fill in again")
            if base.is_last_step
            else tr("Resume from step {base_step:,}", base_step=base.step + 2)
        )

    def _cannot_fill(self) -> str:
        return self._branching.cannot_fill() if self._branching is not None else ""

    def _cannot_start(self) -> str:
        base, branching = self.editor.base, self._branching
        if branching is None:
            return ""
        if self._run.state.is_active:
            return WAIT
        if base is None:
            return NOT_KEPT
        problem = branching.cannot_branch(base.record) if base.record else branching.cannot_fill()
        if problem or not base.is_last_step:
            return problem
        if not self.editor.given()[1].any():
            of = tr("of the image") if base.image is not None else tr("of this last step")
            return tr("Clear the cells {of} that the model is to draw.", of=of)
        return ""

    def _text(self, label: str, problem: str) -> str:
        if self.problem:
            return self.problem
        base = self.editor.base
        summary = self.editor.summary(self._run.selection.image)
        if base is not None and summary and not self.editor.is_of(self._tokens):
            summary += tr(", waiting at step {base_step:,}", base_step=base.step + 1)
        if problem:
            return f"{summary}; {problem[0].lower()}{problem[1:]}" if summary else problem
        return tr("{summary}; press {label}", summary=summary, label=label) if summary else HINT

    # editing --------------------------------------------------------------------------------

    @Slot(object, bool)
    def _on_brushed(self, cells: tuple[Cell, ...], is_new: bool) -> None:
        tool, editor, image = TOOLS[self.tool.current], self.editor, self._run.selection.image
        if not (is_new or self._is_stroking):
            return  # the press did no edit that this could go on with
        self._is_stroking = False
        self.problem = self._cannot_edit()
        base = editor.base
        if self.problem or base is None:
            self.show_state()
            return
        if tool == PICK:
            self._pick(int(editor.tokens(image)[cells[-1]]), base.mask_id)
            return
        code = self._codebook.selected
        if tool == PAINT and (code is None or code >= base.mask_id):
            self.problem = NO_CODE
            self.show_state()
            return
        self._is_stroking = True
        self.problem = editor.stroke(tool, cells, self._images(), code, is_new=is_new)
        self.show_state()

    def _cannot_edit(self) -> str:
        base = self.editor.base
        if self._run.state.is_active:
            return WAIT
        if base is None:
            return NOT_KEPT
        if not self.editor.is_of(self._tokens):
            return tr(
                "The edits belong to step {base_step:,}: go there, or discard them.",
                base_step=base.step + 1,
            )
        return ""

    def _pick(self, code: int, mask_id: int) -> None:
        if code == mask_id:
            self.problem = tr("A masked cell has no code to pick.")
        else:
            if self._codebook.selected != code:
                self._codebook.select(code)
            self.tool.button(TOOLS.index(PAINT)).setChecked(True)
        self.show_state()

    def _images(self) -> range:
        base, image = self.editor.base, self._run.selection.image
        if self.scope.currentText() == ALL and base is not None:
            return range(len(base.tokens))
        return range(image, image + 1)

    @Slot()
    def _invert(self) -> None:
        self.problem = self._cannot_edit()
        if not self.problem:
            self.editor.invert(self._images())
        self.show_state()

    @Slot()
    def _forget_problem(self) -> None:
        self.problem = ""
        self.show_state()

    # starting -------------------------------------------------------------------------------

    @Slot()
    def start(self) -> None:
        """Start a run from the edited tokens, if it can be."""
        editor, branching = self.editor, self._branching
        base = editor.base
        if base is None or branching is None or self._cannot_start():
            return
        if base.is_last_step:
            branching.fill(*editor.given(), locks=editor.edits((LOCK,)))
        else:
            branching.branch(base.record, base.step + 1, edits=editor.edits())

    def can_drop(self, files: Sequence[Path]) -> bool:
        """Whether these are one image that could be started from now."""
        is_image = len(files) == 1 and files[0].suffix.lower() in IMAGES
        return is_image and self.real.isEnabled() and self._branching is not None

    def choose_image(self, path: Path, *_: object) -> None:
        """Start from a real image, once it is read and encoded."""
        branching = self._branching
        if branching is None or branching.sampler.model is None or self._cannot_fill():
            return
        branching.images.choose(path, branching.sampler.model.card)

    @Slot()
    def _open_dialog(self) -> None:
        title = tr("Start from a real image")
        dialog = QFileDialog(
            self.row, title, "", tr("Images (*{images})", images=" *".join(IMAGES))
        )
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.choose_image(Path(name)))
        dialog.open()

    @Slot(object, object)
    def _on_encoded(self, image: RealImage, tokens: NDArray[np.int32]) -> None:
        model = self._branching.sampler.model if self._branching is not None else None
        size = model.card.codebook_size if model is not None else None
        if size is None or self._run.state.is_active:
            return
        self.problem = ""
        self.tool.button(TOOLS.index(CLEAR)).setChecked(True)
        self.toggle.setChecked(True)
        self.editor.begin_image(image, tokens, size)

    @Slot()
    def _on_model_changed(self) -> None:
        if self.editor.base is not None and self.editor.base.image is not None:
            self.editor.discard()
        self.show_state()

    @Slot(bool)
    def _on_toggled(self, is_on: bool) -> None:
        self.problem = ""
        self.row.setVisible(is_on)
        self.caption.setVisible(is_on)
        self._map.set_editing(is_editing=is_on)
        for shortcut in self._shortcuts:
            shortcut.setEnabled(is_on)
        self.drawn.emit()
