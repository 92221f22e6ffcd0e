"""Starting a run that branches from the one that is shown, or that goes on from given tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from spikestudio.app.viewmodels.differences import differences, joined, title_of, value_text
from spikestudio.app.viewmodels.real_image import Encode, RealImages, Submit
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.sampling.branch import KEPT, Branch, given_tokens
from spikestudio.sampling.edits import TokenEdit
from spikestudio.sampling.request import SamplingRequest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikestudio.recording.values import Readable

WAIT = tr("Wait until the run has ended; Cancel keeps what was computed.")
NO_RUN = tr("There is no run to branch from: sample first.")
NO_MODEL = tr("No model is loaded: choose one first.")
NO_TOKENS = tr("The model that is loaded has no tokens: open a Spiking-Diffusion model.")


class BranchModel(QObject):
    """Makes branches with the parameters that stand in the sampler, where they may differ.

    ``images`` are the real images that a run can start from.
    """

    refused = Signal(str)  # why there is no branch, in a sentence
    told = Signal(str)  # what a branch that starts has of its own and of its parent

    def __init__(
        self,
        run: RunModel,
        sampler: SamplerModel,
        encode: Encode | None = None,
        submit: Submit | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run = run
        self.sampler = sampler
        self.images = RealImages(encode, submit, self)
        sampler.modelChanged.connect(self.images.forget)

    # what keeps a run from being started, as a sentence ---------------------------------------

    def cannot_branch(self, record: Readable | None) -> str:
        """Why no branch of a run can start; empty if one can."""
        if record is None:
            return NO_RUN
        if self._run.state.is_active or self.sampler.is_busy:
            return WAIT
        model = self.sampler.model
        if model is None:
            return NO_MODEL
        made_with = record.origin.get("checkpoint", {})
        if made_with.get("tensors_sha256") != model.card.tensors_sha256:
            name = made_with.get("name") or tr("its model")
            return tr(
                "This run was made with another model than {model}: load {name} first.",
                model=model.name,
                name=name,
            )
        return "" if self.sampler.can_sample else tr("Wait until the model is loaded.")

    def cannot_fill(self) -> str:
        """Why no run can start from given tokens; empty if one can."""
        if self._run.state.is_active or self.sampler.is_busy:
            return WAIT
        if self.sampler.model is None:
            return NO_MODEL
        if self.sampler.model.card.codebook_size is None:
            return NO_TOKENS
        return "" if self.sampler.can_sample else tr("Wait until the model is loaded.")

    # starting -------------------------------------------------------------------------------

    def branch(
        self,
        record: Readable | None,
        step: int,
        changes: Mapping[str, Any] | None = None,
        edits: Sequence[TokenEdit] = (),
    ) -> bool:
        """Start a run that does ``step`` and those after it anew; returns whether it was started.

        Parameters
        ----------
        record
            Recorder or recording of the run to branch from.
        step
            First denoising step that is done, counted from 0.
        changes
            Parameters that differ from those in the sampler.
        edits
            What is done to the tokens that enter the step.
        """
        problem = self.cannot_branch(record)
        if problem or record is None:
            self.refused.emit(problem)
            return False
        try:
            branch = Branch.of(record, step, edits)
            assert branch.request is not None  # it has a parent
            asked = replace(self.sampler.request, **dict(changes or {}))
            kept = {name: getattr(branch.request, name) for name in KEPT}
            request = replace(asked, **kept)
        except ConfigError as error:
            self.refused.emit(str(error))
            return False
        self.told.emit(_story(branch.request, asked, request, step))
        self.sampler.sample_branch(request, branch, record)
        return True

    def fill(
        self,
        tokens: NDArray[np.int32],
        masked: NDArray[np.bool_],
        locks: Sequence[TokenEdit] = (),
    ) -> bool:
        """Start a run from tokens ``[h, w]`` or ``[B, h, w]`` that chooses those in ``masked``."""
        problem = self.cannot_fill()
        if problem:
            self.refused.emit(problem)
            return False
        try:
            branch = given_tokens(tokens, masked)
            branch = replace(branch, edits=(*branch.edits, *locks))
            num = self.sampler.request.num if tokens.ndim == 2 else len(tokens)
            request = replace(self.sampler.request, num=num)
        except ConfigError as error:
            self.refused.emit(str(error))
            return False
        self.sampler.sample_branch(request, branch)
        return True


def _story(
    parent: SamplingRequest, asked: SamplingRequest, request: SamplingRequest, step: int
) -> str:
    """Say what a branch changes, and what it cannot though the sampler asks for it."""
    changed = [each.text for each in differences(parent, request)]
    stay = [
        f"{title_of(each.name)} ({value_text(request, each.name)})"
        for each in fields(SamplingRequest)
        if each.name in KEPT and getattr(asked, each.name) != getattr(request, each.name)
    ]
    text = tr("Branched at step {step:,}", step=step + 1)
    text += (
        tr(" with {joined}", joined=joined(changed))
        if changed
        else tr(" with the parameters of its parent")
    )
    if stay:
        verb = tr("stays") if len(stay) == 1 else tr("stay")
        text += tr("; {joined} {verb} as in the parent", joined=joined(stay), verb=verb)
    return f"{text}."
