"""Edits of token maps that are not yet done: what they are, their undo, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.language import tr
from spikestudio.sampling.branch import branch_of
from spikestudio.sampling.edits import CLEAR, LOCK, PAINT, TokenEdit

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.real_image import RealImage
    from spikestudio.recording.values import Readable
    from spikestudio.sampling.events import TokensUnmasked

Cell = tuple[int, int]  # row, column
MOST_UNDONE = 100
UNTOUCHED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """The token maps that are edited: those after a step of a run, or those of a real image.

    ``tokens`` ``[B, h, w]`` has one map only where it stands for every image of the batch.
    """

    tokens: NDArray[np.int32]
    mask_id: int
    step: int  # that they come after
    record: Readable | None  # None of a real image
    image: RealImage | None = None

    @property
    def is_last_step(self) -> bool:
        """Whether no step of the run comes after them, so that they can only begin another run."""
        return self.record is None or self.step + 1 >= self.record.num_steps


@dataclass(frozen=True, slots=True, eq=False)
class _Edits:
    codes: NDArray[np.int32]  # [B, h, w]: UNTOUCHED, the mask id where cleared, else as painted
    locked: NDArray[np.bool_]  # [B, h, w]

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> _Edits:
        return cls(np.full(shape, UNTOUCHED, np.int32), np.zeros(shape, bool))

    @property
    def is_empty(self) -> bool:
        return not (self.locked.any() or (self.codes != UNTOUCHED).any())


class TokenEditor(QObject):
    """Edits of one ``base``, which stays as long as there are any; one stroke is undone at a time."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.base: Base | None = None
        self._edits = _Edits.none((0, 0, 0))
        self._before: list[_Edits] = []
        self._after: list[_Edits] = []

    # what is edited -------------------------------------------------------------------------

    def look_at(self, tokens: TokensUnmasked | None, record: Readable | None) -> None:
        """Edit the maps that are shown, unless there are edits of others or of a real image."""
        base = self.base
        if base is not None and (base.image is not None or self.has_edits):
            return
        if tokens is None or record is None:
            self._begin(None)
        elif base is None or base.tokens is not tokens.tokens or base.step != tokens.step:
            self._begin(Base(tokens.tokens, tokens.mask_id, tokens.step, record))

    def begin_image(self, image: RealImage, tokens: NDArray[np.int32], mask_id: int) -> None:
        """Edit the tokens ``[h, w]`` of a real image; edits of a run are dropped."""
        self._begin(Base(tokens[None], mask_id, -1, None, image))
        self.changed.emit()

    @Slot()
    def discard(self) -> None:
        """Drop all edits and the real image."""
        self._begin(None)
        self.changed.emit()

    def _begin(self, base: Base | None) -> None:
        self.base = base
        self._edits = _Edits.none((0, 0, 0) if base is None else base.tokens.shape)
        self._before, self._after = [], []

    @property
    def has_edits(self) -> bool:
        """Whether something would be done to the tokens."""
        return not self._edits.is_empty

    def is_of(self, tokens: TokensUnmasked | None) -> bool:
        """Whether the maps that are edited are these."""
        base = self.base
        if base is None or base.image is not None:
            return base is not None
        return tokens is not None and base.step == tokens.step

    def row(self, image: int) -> int:
        """Return which map stands for an image of the batch."""
        return 0 if self.base is None or len(self.base.tokens) == 1 else image

    # reading, [h, w] each -------------------------------------------------------------------

    def tokens(self, image: int) -> NDArray[np.int32]:
        """Tokens of an image with its edits done."""
        assert self.base is not None
        codes = self._edits.codes[self.row(image)]
        found: NDArray[np.int32] = np.where(codes < 0, self.base.tokens[self.row(image)], codes)
        return found

    def locked(self, image: int) -> NDArray[np.bool_]:
        """Cells that are to keep their token."""
        locked: NDArray[np.bool_] = self._edits.locked[self.row(image)]
        return locked

    def painted(self, image: int) -> NDArray[np.bool_]:
        """Cells that take a code of the user's."""
        assert self.base is not None
        codes = self._edits.codes[self.row(image)]
        painted: NDArray[np.bool_] = (codes != UNTOUCHED) & (codes != self.base.mask_id)
        return painted

    def cleared(self, image: int) -> NDArray[np.bool_]:
        """Cells that are masked again."""
        assert self.base is not None
        cleared: NDArray[np.bool_] = self._edits.codes[self.row(image)] == self.base.mask_id
        return cleared

    # editing --------------------------------------------------------------------------------

    def stroke(
        self,
        tool: str,
        cells: Sequence[Cell],
        images: Iterable[int],
        code: int | None = None,
        *,
        is_new: bool = True,
    ) -> str:
        """Do a stroke over ``cells``, which is undone as one.

        Parameters
        ----------
        tool
            ``lock`` (where the first cell is locked: unlock), ``paint`` or ``clear``.
        cells
            All of the stroke; those that are locked can only be unlocked.
        images
            Positions in the batch.
        code
            To paint with.
        is_new
            False: the stroke done last has come to these cells.

        Returns
        -------
        str
            Why some cells were left as they were, as a sentence; else empty.
        """
        base = self.base
        if base is None or not cells:
            return ""
        maps, refused = self._within(tool, cells, images, code)
        if refused:
            return refused
        if is_new or not self._before:
            before = self._edits
            self._before = [*self._before[-MOST_UNDONE:], before]
        before, self._after = self._before[-1], []
        codes, locked = before.codes.copy(), before.locked.copy()
        rows, columns = np.array(cells).T
        spot = (np.array(maps)[:, None], rows[None], columns[None])
        old, was_locked, given = codes[spot], locked[spot], base.tokens[spot]
        problem = ""
        if tool == LOCK:
            is_revealed = np.where(old < 0, given, old) != base.mask_id
            locked[spot] = is_revealed & ~was_locked[0, 0]
            if not is_revealed.all():
                problem = tr("A masked cell has no token to lock: paint it first.")
        else:
            new = np.int32(base.mask_id if tool == CLEAR else code if code is not None else 0)
            value = np.where(given == new, UNTOUCHED, np.broadcast_to(new, given.shape))
            codes[spot] = np.where(was_locked, old, value)
            if was_locked.any():
                problem = tr("Locked cells stay as they are: unlock them first.")
        self._edits = _Edits(codes, locked)
        self.changed.emit()
        return problem

    def _within(
        self, tool: str, cells: Sequence[Cell], images: Iterable[int], code: int | None
    ) -> tuple[list[int], str]:
        """Return the maps of a stroke, and why it cannot be done, else an empty text.

        NumPy would count numbers below zero from the other end, and so edit other cells.
        """
        assert self.base is not None
        num, height, width = self.base.tokens.shape
        maps = sorted({self.row(image) for image in images})
        if not all(0 <= row < height and 0 <= column < width for row, column in cells):
            refused = tr(
                "The token map has {height} x {width} cells: edit cells inside it.",
                height=height,
                width=width,
            )
        elif not all(0 <= k < num for k in maps):
            refused = tr("There are the images 1 to {num:,}: select one of them.", num=num)
        elif tool == PAINT and not 0 <= (code or 0) < self.base.mask_id:
            refused = tr(
                "There are the codes 0 to {mask_id:,}: choose one of them.",
                mask_id=self.base.mask_id - 1,
            )
        else:
            refused = ""
        return maps, refused

    def invert(self, images: Iterable[int]) -> None:
        """Clear the cells that have a token and bring back those that were cleared."""
        base = self.base
        if base is None:
            return
        self._before, self._after = [*self._before[-MOST_UNDONE:], self._edits], []
        codes, locked = self._edits.codes.copy(), self._edits.locked
        for k in sorted({self.row(image) for image in images} & set(range(len(codes)))):
            is_masked = np.where(codes[k] < 0, base.tokens[k], codes[k]) == base.mask_id
            codes[k] = np.where(is_masked, UNTOUCHED, np.where(locked[k], codes[k], base.mask_id))
        self._edits = _Edits(codes, locked)
        self.changed.emit()

    @property
    def can_undo(self) -> bool:
        """Whether there is a stroke to take back."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether there is a stroke that was taken back."""
        return bool(self._after)

    @Slot()
    def undo(self) -> None:
        """Take the last stroke back."""
        if self._before:
            self._after.append(self._edits)
            self._edits = self._before.pop()
            self.changed.emit()

    @Slot()
    def redo(self) -> None:
        """Do the stroke again that was taken back last."""
        if self._after:
            self._before.append(self._edits)
            self._edits = self._after.pop()
            self.changed.emit()

    # what becomes of them -------------------------------------------------------------------

    def edits(self, kinds: Sequence[str] = (PAINT, CLEAR, LOCK)) -> tuple[TokenEdit, ...]:
        """Return them for a branch; images with the same edits share them."""
        groups: dict[bytes, list[int]] = {}
        codes, locked = self._edits.codes, self._edits.locked
        for k in range(len(codes)):
            groups.setdefault(codes[k].tobytes() + locked[k].tobytes(), []).append(k)
        found: list[TokenEdit] = []
        for members in groups.values():
            images = None if len(members) == len(codes) else tuple(members)
            k = members[0]
            for kind, cells in (
                (PAINT, self.painted(k)),
                (CLEAR, self.cleared(k)),
                (LOCK, self.locked(k)),
            ):
                if kind in kinds and cells.any():
                    found.append(
                        TokenEdit(
                            kind=kind,
                            cells=tuple(np.flatnonzero(cells).tolist()),
                            codes=tuple(codes[k][cells].tolist()) if kind == PAINT else None,
                            images=images,
                        )
                    )
        return tuple(found)

    def given(self) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return tokens to start from and which of them are masked; ``[h, w]`` where all share one."""
        assert self.base is not None
        tokens = np.stack([self.tokens(k) for k in range(len(self.base.tokens))])
        tokens = tokens[0] if self.base.image is not None else tokens
        return tokens, tokens == self.base.mask_id

    def summary(self, image: int) -> str:
        """Return ``3 locked, 2 painted, 5 cleared in image 1``; empty without edits."""
        base = self.base
        if base is None or not self.has_edits:
            return ""
        codes, locked = self._edits.codes, self._edits.locked
        edited = np.flatnonzero(((codes != UNTOUCHED) | locked).any(axis=(1, 2)))
        is_one = len(base.tokens) == 1 or len(edited) == 1
        is_same = all((a == a[0]).all() for a in (codes, locked))
        counted = range(len(codes)) if not (is_one or is_same) else [int(edited[0])]
        numbers = (
            (sum(int(find(k).sum()) for k in counted), name)
            for find, name in (
                (self.locked, tr("locked")),
                (self.painted, tr("painted")),
                (self.cleared, tr("cleared")),
            )
        )
        text = ", ".join(f"{number:,} {name}" for number, name in numbers if number)
        if base.image is not None:
            return text
        if is_one:
            other = int(edited[0])
            return (
                text
                if other == image
                else tr("{the_text} in image {other:,}", the_text=text, other=other + 1)
            )
        place = tr("each of {num_codes:,}", num_codes=len(codes)) if is_same else f"{len(edited):,}"
        return tr("{the_text} in {place} images", the_text=text, place=place)


def pinned(record: Readable, image: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which cells ``[h, w]`` of an image are locked in the run of a record."""
    branch = branch_of(record.origin)
    pins = np.zeros(shape[0] * shape[1], bool)
    for each in reversed(list(branch.lineage()) if branch is not None else []):
        held = np.zeros_like(pins)  # by this branch; later ones may clear what it locked
        for edit in each.edits:
            if edit.images is not None and image not in edit.images:
                continue
            cells = [cell for cell in edit.cells if cell < pins.size]
            if edit.kind == LOCK:
                pins[cells] = held[cells] = True
            else:
                pins[cells] &= held[cells]
    return pins.reshape(shape)
