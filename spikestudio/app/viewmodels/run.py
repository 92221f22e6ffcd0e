"""The current run and the selection in it, as every dock sees them.

Fed by the bridge on the GUI thread with the newest events; holds no widget and computes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from spikestudio.app.viewmodels.playback import Playback, RecordedRun
from spikestudio.language import mark, tr
from spikestudio.sampling.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    ImagePreview,
    ParametersChanged,
    Paused,
    Resumed,
    RunStarted,
    StepFinished,
    TokensUnmasked,
)
from spikestudio.sampling.worker import InspectFailed, Recomputed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikestudio.app.viewmodels.history import EndedRun
    from spikestudio.recording.hdf5 import Recording
    from spikestudio.recording.memory import Memory
    from spikestudio.recording.values import Potentials, Readable
    from spikestudio.sampling.recompute import LayerStep
    from spikestudio.sampling.result import RunResult
    from spikestudio.types import LayerInfo


MAX_SELECTED = 3  # neurons watched in a recording that are selected when it is opened
MAX_RECOMPUTED = 32  # steps of a layer that are kept beside what was recorded


class RunState(Enum):
    """Where the current run is; ``STOPPING`` is a cancel that was asked for but not yet obeyed."""

    IDLE = mark("ready")
    RUNNING = mark("sampling")
    PAUSED = mark("paused")
    STOPPING = mark("stopping")
    FINISHED = mark("finished")
    CANCELLED = mark("cancelled")
    FAILED = mark("failed")

    @property
    def text(self) -> str:
        """The state as it is shown."""
        return tr(self.value)

    @property
    def is_active(self) -> bool:
        """Whether a run is in progress."""
        return self in (RunState.RUNNING, RunState.PAUSED, RunState.STOPPING)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is looked at: image of the batch, layer id, neuron ids of that layer (in watch order)."""

    image: int = 0
    layer: str = ""
    neurons: tuple[int, ...] = ()


def watch_of(layer: LayerInfo, neurons: tuple[int, ...]) -> tuple[tuple[str, int], ...]:
    """Return those of the neurons that the layer has, as a recorder's watch list names them."""
    return tuple((layer.id, neuron) for neuron in neurons if neuron < layer.num_neurons)


class Known:
    """What is known of the neurons of a run: recorded, or computed again (``recomputed``)."""

    def __init__(self, recorder: Readable, recomputed: Mapping[tuple[str, int], LayerStep]) -> None:
        self._recorder = recorder
        self._recomputed = recomputed
        self.num_steps, self.snn_steps = recorder.num_steps, recorder.snn_steps

    def spikes(self, layer_id: str, step: int) -> NDArray[np.uint8] | None:
        """0 or 1, ``[T, N]``; None where not known."""
        recorded = self._recorder.spikes(layer_id, step)
        if recorded is not None or (layer_id, step) not in self._recomputed:
            return recorded
        return self._recomputed[layer_id, step].spikes

    def potentials(self, layer_id: str, step: int) -> Potentials | None:
        """Potentials and currents, ``[T, N]``; None where not known."""
        recorded = self._recorder.potentials(layer_id, step)
        if recorded is not None or (layer_id, step) not in self._recomputed:
            return recorded
        return self._recomputed[layer_id, step].potentials

    def memory(self, layer_id: str, step: int) -> Memory | None:
        """Memory of the time mixing before a layer, which is only ever computed again."""
        found = self._recomputed.get((layer_id, step))
        return None if found is None else found.memory


class RunModel(QObject):
    """Newest state of the current (or last) run. Attributes first, then one signal per concern."""

    started = Signal()  # a new run: everything below was reset
    stepFinished = Signal()  # noqa: N815  recorder and ``step`` have moved on
    previewChanged = Signal()  # noqa: N815
    tokensChanged = Signal()  # noqa: N815
    parametersChanged = Signal()  # noqa: N815
    stateChanged = Signal()  # noqa: N815
    selectionChanged = Signal()  # noqa: N815
    hoverChanged = Signal()  # noqa: N815  another neuron is pointed at, in whichever dock
    recomputedChanged = Signal()  # noqa: N815  a step of a layer was computed again
    recomputeFailed = Signal(str)  # noqa: N815  in one sentence

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = RunState.IDLE
        self.run: RunStarted | RecordedRun | None = None
        self.step: StepFinished | None = None
        self.preview: ImagePreview | None = None
        self.tokens: TokensUnmasked | None = None
        self.changes: list[ParametersChanged] = []
        self.result: RunResult | None = None
        self.failure: Failed | None = None
        self.is_again = False  # a run of this session that ended before is shown
        self.selection = Selection()
        self.hovered: int | None = None  # neuron of the selected layer that is pointed at
        self.recomputed: OrderedDict[tuple[str, int], LayerStep] = OrderedDict()
        self.cannot_recompute = ""  # why no step can be computed again, as a sentence

    @property
    def recording(self) -> RecordedRun | None:
        """The recording that is shown; None while it is a run of this session."""
        return self.run if isinstance(self.run, RecordedRun) else None

    @property
    def known(self) -> Known | None:
        """What is known of the neurons of the recorded image."""
        return Known(self.recorder, self.recomputed) if self.recorder else None

    @property
    def recorder(self) -> Readable | None:
        """The current run's recorder, or the recording that is shown."""
        return self.run.recorder if self.run else None

    @property
    def layers(self) -> tuple[LayerInfo, ...]:
        """Spiking layers of the current run, in order of evaluation."""
        return self.run.layers if self.run else ()

    def layer(self, layer_id: str) -> LayerInfo | None:
        """Return the layer of that id in the current run."""
        return next((layer for layer in self.layers if layer.id == layer_id), None)

    def select(
        self,
        *,
        image: int | None = None,
        layer: str | None = None,
        neurons: tuple[int, ...] | None = None,
    ) -> None:
        """Change the parts given; another layer clears the neurons unless they are given too."""
        new = self.selection
        if image is not None:
            new = replace(new, image=image)
        if layer is not None and layer != new.layer:
            new = replace(new, layer=layer, neurons=())
        if neurons is not None:
            new = replace(new, neurons=neurons)
        if new != self.selection:
            is_other_layer = new.layer != self.selection.layer
            self.selection = new
            if is_other_layer:
                self.hover(None)
            self._watch_selected()
            self.selectionChanged.emit()

    def _watch_selected(self) -> None:
        """Have the potentials of the selected neurons recorded from the next step on."""
        recorder, layer = self.recorder, self.layer(self.selection.layer)
        if recorder is not None and layer is not None and self.state.is_active:
            recorder.set_watch(watch_of(layer, self.selection.neurons))

    def hover(self, neuron: int | None) -> None:
        """Note which neuron of the selected layer is pointed at; every dock lights it up."""
        if neuron != self.hovered:
            self.hovered = neuron
            self.hoverChanged.emit()

    def watch(self, neuron: int, *, is_extending: bool, most: int) -> None:
        """Select one neuron, or add it to those selected or take it away; at most ``most``."""
        watched = self.selection.neurons
        if not is_extending:
            watched = (neuron,)
        elif neuron in watched:
            watched = tuple(other for other in watched if other != neuron)
        else:
            watched = (*watched, neuron)[:most]
        self.select(neurons=watched)

    def set_stopping(self) -> None:
        """Note that a cancel was asked for."""
        if self.state.is_active:
            self._set_state(RunState.STOPPING)

    def take_recomputed(self, answer: Recomputed | InspectFailed) -> None:
        """Take in a step that was computed again, unless it belongs to another run."""
        if isinstance(answer, InspectFailed):
            self.recomputeFailed.emit(answer.message)
        elif answer.record is self.recorder:
            self.recomputed[answer.layer, answer.step] = answer.activity
            while len(self.recomputed) > MAX_RECOMPUTED:
                self.recomputed.popitem(last=False)
            self.recomputedChanged.emit()

    def take(self, event: Event) -> None:
        """Take in the newest event of its type."""
        match event:
            case RunStarted():
                self._start(event)
            case StepFinished():
                self.step = event
                self.stepFinished.emit()
            case ImagePreview():
                self.preview = event
                self.previewChanged.emit()
            case TokensUnmasked():
                self.tokens = event
                self.tokensChanged.emit()
            case ParametersChanged():
                self.changes.append(event)
                self.parametersChanged.emit()
            case Paused() if self.state is not RunState.STOPPING:
                self._set_state(RunState.PAUSED)
            case Resumed() if self.state is not RunState.STOPPING:
                self._set_state(RunState.RUNNING)
            case Finished(result=result):
                self.result = result
                self._set_state(RunState.FINISHED)
            case Cancelled(result=result):
                self.result = result
                self._set_state(RunState.CANCELLED)
            case Failed():
                self.failure = event
                self._set_state(RunState.FAILED)

    def show(self, playback: Playback) -> None:
        """Take in a run from a file, as if it had just ended."""
        is_complete = playback.result.is_complete
        self._replace(playback.run, RunState.FINISHED if is_complete else RunState.CANCELLED)
        self._look_at(playback.run.recorder)
        self.step, self.preview, self.tokens = playback.step, playback.preview, playback.tokens
        self.changes, self.result = playback.changes, playback.result
        self._announce_start()
        self.stepFinished.emit()
        if self.changes:
            self.parametersChanged.emit()
        self.previewChanged.emit()
        self.tokensChanged.emit()

    def show_ended(self, ended: EndedRun) -> None:
        """Show a run that ended before, as it was then."""
        self._replace(ended.run, ended.state)
        self.is_again = self.recording is None
        self.step, self.preview, self.tokens = ended.step, ended.preview, ended.tokens
        self.changes, self.result, self.failure = list(ended.changes), ended.result, ended.failure
        self._announce_start()
        if self.step is not None:
            self.stepFinished.emit()
        if self.changes:
            self.parametersChanged.emit()
        self.previewChanged.emit()
        self.tokensChanged.emit()

    def set_cannot_recompute(self, reason: str) -> None:
        """Say why no step of the recording can be computed again; empty if it can."""
        if reason != self.cannot_recompute:
            self.cannot_recompute = reason
            self.recomputedChanged.emit()

    def _start(self, event: RunStarted) -> None:
        self._replace(event, RunState.RUNNING)
        self._announce_start()

    def _replace(self, run: RunStarted | RecordedRun, state: RunState) -> None:
        self.run, self.state, self.is_again = run, state, False
        self.step = self.preview = self.tokens = self.result = self.failure = None
        self.changes = []
        self.cannot_recompute = ""
        self.recomputed.clear()
        self.hover(None)
        ids = {layer.id for layer in run.layers}
        image = min(self.selection.image, run.request.num - 1)
        if self.selection.layer in ids:
            self.selection = replace(self.selection, image=image)
        else:
            self.selection = Selection(image=image, layer=run.recorder.selected)

    def _look_at(self, recording: Recording) -> None:
        """Select what a recording holds: its image, a layer with spikes, the neurons watched in it."""
        layer = self.selection.layer
        is_there = layer in recording.recorded
        if not is_there:
            layer = recording.selected
        watched = recording.watched(recording.steps_done - 1)
        neurons = tuple(i for name, i in watched.neurons if name == layer) if watched else ()
        if is_there and not neurons:
            neurons = self.selection.neurons
        self.selection = Selection(recording.image, layer, neurons[:MAX_SELECTED])

    def _announce_start(self) -> None:
        self.started.emit()
        self.stateChanged.emit()
        self.selectionChanged.emit()

    def _set_state(self, state: RunState) -> None:
        self.state = state
        self.stateChanged.emit()
