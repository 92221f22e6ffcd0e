"""The distributions that a run draws its codes from, where its logits were kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from spikestudio.metrics.codebook import code_probabilities, entropy_bits
from spikestudio.sampling.branch import branch_of
from spikestudio.sampling.edits import PAINT

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.recording.values import Readable

MAX_KEPT = 4  # steps whose logits are kept at hand


def temperature_at(run: RunModel, step: int) -> float:
    """Return the temperature that a denoising step of the current run used."""
    if run.run is None:
        return 1.0
    parameters = run.run.recorder.parameters(step)
    return run.run.request.temperature if parameters is None else parameters.temperature


class TokenLogits:
    """Logits, entropies and painted cells of the selected image of the current run."""

    def __init__(self, run: RunModel) -> None:
        self._run = run
        self._of: tuple[Readable | None, int] = (None, 0)
        self._logits: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._entropy: dict[int, NDArray[np.float32]] = {}
        self._painted: NDArray[np.int32] | None = None

    def logits(self, step: int) -> NDArray[np.float32] | None:
        """Return ``[K, h, w]`` of a step for the selected image; None where not kept."""
        self._follow()
        found = self._logits.get(step)
        if found is None:
            found = _read(self._run.recorder, step, self._run.selection.image)
            if found is None:
                return None
            self._logits[step] = found
            while len(self._logits) > MAX_KEPT:
                self._logits.popitem(last=False)
        return found

    def entropy(self, step: int) -> NDArray[np.float32] | None:
        """Return the entropy of a step's distributions in bits, ``[h, w]``; None where not kept."""
        self._follow()
        found = self._entropy.get(step)
        if found is None:
            logits = self.logits(step)
            if logits is None:
                return None
            temperature = temperature_at(self._run, step)
            found = self._entropy[step] = entropy_bits(code_probabilities(logits, temperature))
        return found

    def entropy_when_revealed(
        self, order: NDArray[np.int32], must_stop: Callable[[], bool]
    ) -> tuple[NDArray[np.float32], bool]:
        """Return the entropy of the distribution that each cell's code was drawn from, in bits.

        ``order`` ``[h, w]`` is the step that revealed a cell, -1 where masked. NaN where masked or not
        kept. The second value is whether nothing had to be left for another time.
        """
        entropy = np.full(order.shape, np.nan, np.float32)
        for step in np.unique(order[order >= 0]).tolist():
            if step not in self._entropy and must_stop():
                return entropy, False
            found = self.entropy(step)
            if found is not None:
                entropy[order == step] = found[order == step]
        return entropy, True

    def painted(
        self, order: NDArray[np.int32], confidence: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Return which cells ``[h, w]`` hold a code that the user painted: nothing was drawn there."""
        self._follow()
        recorder = self._run.recorder
        if recorder is None:
            return np.zeros(order.shape, bool)
        if self._painted is None:
            self._painted = _painted_at(recorder, self._run.selection.image, order.shape)
        painted: NDArray[np.bool_] = (self._painted >= 0) & (self._painted == order)
        painted &= confidence == 1  # else the cell was cleared again, and drawn
        return painted

    def _follow(self) -> None:
        """Forget what is of another run or image."""
        of = (self._run.recorder, self._run.selection.image)
        if of[0] is not self._of[0] or of[1] != self._of[1]:
            self._of = of
            self._logits.clear()
            self._entropy.clear()
            self._painted = None


def _read(recorder: Readable | None, step: int, image: int) -> NDArray[np.float32] | None:
    read_one = getattr(recorder, "logits_of", None)  # not every recorder keeps them
    if read_one is not None:
        one: NDArray[np.float32] | None = read_one(step, image)
        return one
    read_all = getattr(recorder, "logits", None)
    logits: NDArray[np.float32] | None = read_all(step) if read_all is not None else None
    return None if logits is None or image >= len(logits) else logits[image]


def _painted_at(recorder: Readable, image: int, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return the step before which each cell's code was painted, ``[h, w]``; -1: it never was."""
    painted = np.full(shape, -1, np.int32)
    branch = branch_of(recorder.origin)
    while branch is not None:
        for edit in branch.edits:
            if edit.kind == PAINT and (edit.images is None or image in edit.images):
                cells = np.array(edit.cells, np.intp)
                cells = cells[painted.ravel()[cells] < 0]  # a later branch has the last word
                painted.ravel()[cells] = branch.step
        branch = branch.past.branch if branch.past is not None else None
    return painted
