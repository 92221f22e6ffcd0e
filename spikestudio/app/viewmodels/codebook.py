"""The codebook of the model in use, how a run uses it, and the code that is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.moments import tokens_after
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.metrics.codebook import CodebookInfo, code_counts, perplexity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikestudio.sampling.events import TokensUnmasked


@dataclass(frozen=True, slots=True)
class Usage:
    """How often each code is drawn in all images of a batch, after a denoising step."""

    step: int
    images: int
    counts: NDArray[np.int64]  # [K]

    @property
    def tokens(self) -> int:
        """Cells that are revealed."""
        return int(self.counts.sum())

    @property
    def used(self) -> int:
        """Different codes."""
        return int((self.counts > 0).sum())

    @property
    def perplexity(self) -> float:
        """See ``metrics.codebook.perplexity``; NaN while all is masked."""
        return perplexity(self.counts)


class CodebookModel(QObject):
    """``selected`` stays until another code is chosen; ``hovered`` is the one pointed at.

    The codebook is known from when its model is loaded; ``of_run`` gives it only while it is that of
    the run that is shown.
    """

    changed = Signal()  # another codebook, or another run
    highlightChanged = Signal()  # noqa: N815  another code is selected or pointed at

    def __init__(self, run: RunModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self.info: CodebookInfo | None = None
        self.selected: int | None = None
        self.hovered: int | None = None
        self._usage: tuple[TokensUnmasked, Usage] | None = None
        run.started.connect(self._on_started)

    @property
    def of_run(self) -> CodebookInfo | None:
        """The codebook that the run's tokens are of; None while its model is not loaded."""
        recorder = self._run.recorder
        if self.info is None or recorder is None or not self.is_token_run:
            return None
        checkpoint = recorder.origin.get("checkpoint", {})
        is_same = checkpoint.get("tensors_sha256") == self.info.tensors_sha256
        return self.info if is_same else None

    @property
    def is_token_run(self) -> bool:
        """Whether the run that is shown draws tokens."""
        return self._run.run is not None and self._run.run.request.sampler == "absorbing"

    @property
    def highlighted(self) -> int | None:
        """The code whose cells are marked: the one pointed at, else the selected one."""
        return self.selected if self.hovered is None else self.hovered

    def set_info(self, info: CodebookInfo | None) -> None:
        """Take over the codebook of the model that was loaded; None if it has none."""
        self.info = info
        self._forget()
        self.changed.emit()

    @Slot(object)
    def select(self, code: int | None) -> None:
        """Choose a code; the one that is chosen already, or None, chooses none."""
        code = None if code == self.selected else code
        if code != self.selected:
            self.selected = code
            self.highlightChanged.emit()

    @Slot(object)
    def hover(self, code: int | None) -> None:
        """Note which code is pointed at, in whichever dock."""
        if code != self.hovered:
            self.hovered = code
            self.highlightChanged.emit()

    def usage(self, step: int | None) -> Usage | None:
        """Return how the codes are used after a step, None: the newest; None where not kept."""
        newest = self._run.tokens
        if newest is None or not self.is_token_run:
            return None
        tokens = newest if step is None else tokens_after(self._run, step)
        if tokens is None:
            return None
        if self._usage is None or self._usage[0].tokens is not tokens.tokens:
            counts = code_counts(tokens.tokens, tokens.mask_id)
            self._usage = tokens, Usage(tokens.step, len(tokens.tokens), counts)
        return self._usage[1]

    @Slot()
    def _on_started(self) -> None:
        self._usage = None
        self._forget()
        self.changed.emit()

    def _forget(self) -> None:
        """Choose nothing that a smaller codebook might not have."""
        self.hovered = None
        size = self.info.size if self.info is not None else 0
        if self._run.tokens is not None:
            size = max(size, self._run.tokens.mask_id)
        if self.selected is not None and self.selected >= size:
            self.selected = None
        self.highlightChanged.emit()
