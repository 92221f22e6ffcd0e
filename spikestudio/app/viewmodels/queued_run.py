"""A run that was asked for and has not ended, frozen as it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from spikestudio.app.viewmodels.differences import differences, value_text
from spikestudio.app.viewmodels.parameters import short_title
from spikestudio.language import tr, tr_n

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikestudio.recording.values import Readable
    from spikestudio.sampling.branch import Branch
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sampling.worker import ModelInfo


@dataclass(slots=True, eq=False, kw_only=True)
class QueuedRun:
    """A run that waits, or the one in progress. Only ``QueueModel`` writes to it.

    Request, model and branch are those of the moment at which it was asked for. Which layer and
    neurons are recorded is decided when it starts: those that are looked at then. ``thumbnail`` is
    uint8 ``[k, H, W, C]`` of the run that it branches from, None without one.
    """

    key: int  # never used again in this session
    request: SamplingRequest
    model: ModelInfo
    branch: Branch | None = None
    parent: Readable | None = None
    thumbnail: NDArray[np.uint8] | None = None
    is_pausing: bool = False  # the queue waits for "Go on" after it
    problem: str = ""  # why it could not start, as a sentence
    queued_at: datetime = field(default_factory=datetime.now)

    @property
    def name(self) -> str:
        """What it is called: ``#3``."""
        return f"#{self.key}"

    @property
    def facts(self) -> str:
        """Model and size of the request, in one line."""
        request = self.request
        sampler = short_title(request.sampler)
        images = tr_n(
            "{request_num:,} image", "{request_num:,} images", request.num, request_num=request.num
        )
        steps = tr_n(
            "{steps:,} step {sampler}",
            "{steps:,} steps {sampler}",
            request.steps,
            steps=request.steps,
            sampler=sampler,
        )
        return "   ".join((self.model.name, images, steps))

    def changes(self, before: QueuedRun | None) -> list[str]:
        """Return what it asks for that the run before it does not, each in a few words."""
        parts = []
        if before is None:
            parts.append(
                tr(
                    "seed {seed}, {threshold}",
                    seed=self.request.seed,
                    threshold=_threshold(self.request),
                )
            )
        elif not before.is_made_with(self.model):
            parts.append(tr("model {model}", model=self.model.name))
        if self.branch is not None:
            is_given = self.branch.past is None
            parts.append(
                tr("from given tokens")
                if is_given
                else tr("branch at step {branch_step:,}", branch_step=self.branch.step + 1)
            )
        if before is not None:
            parts += [each.text for each in differences(before.request, self.request)]
            if not parts:
                parts.append(tr("same request as {before}", before=before.name))
        return parts

    def is_made_with(self, model: ModelInfo | None) -> bool:
        """Whether a model has the weights that this was asked for with."""
        return model is not None and model.card.tensors_sha256 == self.model.card.tensors_sha256


def _threshold(request: SamplingRequest) -> str:
    return tr("threshold {value}", value=value_text(request, "threshold"))
