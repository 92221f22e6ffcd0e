"""Two runs with the same noise, one of them with a lesion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.language import tr
from spikestudio.neurons.overrides import Override, channel_axis
from spikestudio.sampling.request import SamplingRequest
from spikestudio.types import LayerInfo

if TYPE_CHECKING:
    from spikestudio.sampling.result import RunResult


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What is kept of a finished run; ``rates`` is the mean over its steps, ``[layers]``."""

    request: SamplingRequest
    result: RunResult
    images: NDArray[np.uint8]
    layers: tuple[LayerInfo, ...]
    rates: NDArray[np.float32]


class LesionModel(QObject):
    """The last finished run as it was, and the same with a lesion.

    A run counts as lesioned if it was asked for here; any other run is another intact one.
    """

    changed = Signal()
    runRequested = Signal(object)  # noqa: N815  the request to be sampled now

    def __init__(self, run: RunModel, sampler: SamplerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self._sampler = sampler
        self._asked: SamplingRequest | None = None
        self.intact: Outcome | None = None
        self.lesioned: Outcome | None = None
        run.stateChanged.connect(self._on_state_changed)
        sampler.commandsChanged.connect(self.changed)

    @property
    def obstacle(self) -> str:
        """Why no lesion can be sampled now, as a sentence; empty if one can."""
        intact, model = self.intact, self._sampler.model
        if intact is None:
            return tr("Sample first: a lesion is compared with a finished run.")
        if intact.result.parameter_changes():
            return tr(
                "The threshold or temperature changed during the run: sample without a change."
            )
        if model is None or model.card.tensors_sha256 != intact.result.tensors_sha256:
            return tr("The finished run is another model's: sample with this one first.")
        return "" if self._sampler.can_sample else tr("Wait until the run has ended.")

    def sample(self, lesion: Override) -> None:
        """Ask for the finished run once more, with a lesion."""
        if self.intact is not None and not self.obstacle:
            request = self.intact.request
            self._asked = replace(request, overrides=(*request.overrides, lesion))
            self.runRequested.emit(self._asked)

    @Slot()
    def _on_state_changed(self) -> None:
        result, recorder = self._run.result, self._run.recorder
        if self._run.recording is not None or self._run.is_again:  # not the last one sampled
            return
        if self._run.state is not RunState.FINISHED or result is None or recorder is None:
            return
        if result.images is None:
            return
        rates = np.nanmean(recorder.rates(), axis=1)
        outcome = Outcome(result.request, result, result.images, recorder.layers, rates)
        if result.request == self._asked:
            self.lesioned, self._asked = outcome, None
        else:
            self.intact, self.lesioned = outcome, None
        self.changed.emit()


def channels_of(layer: LayerInfo, neurons: tuple[int, ...]) -> tuple[int, ...]:
    """Return the channels (or features) that neurons belong to."""
    position = np.unravel_index(neurons, layer.shape)[channel_axis(layer)]
    return tuple(int(channel) for channel in np.unique(position))
