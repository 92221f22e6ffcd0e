"""The state of the application under the names that lessons use; each is read only when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.viewmodels.run import RunState
from spikestudio.lessons.states import Value
from spikestudio.neurons.reference import SOFT

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.neuron_lab import NeuronLabModel
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.app.viewmodels.timeline import TimelineModel
    from spikestudio.recording.values import Activity
    from spikestudio.types import LayerInfo

VISIBLE = 16  # of 255 grey levels, from which on two pixels count as different


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What is kept of a finished run to compare it with the next."""

    threshold: float
    seed: int
    rate: float
    images: NDArray[np.uint8] | None
    additions: float | None


@dataclass(slots=True)
class Noise:
    """Where the figure of the forward process stands: time, alpha-bar there, and one pixel."""

    t: int = 0
    share: float = 1.0
    pixel: float = 0.0
    epsilon: float = 0.0


@dataclass(slots=True)
class Desk:
    """Everything that states are read from."""

    run: RunModel
    sampler: SamplerModel
    timeline: TimelineModel
    lab: NeuronLabModel | None = None
    noise: Noise = field(default_factory=Noise)
    open_docks: Callable[[], tuple[str, ...]] = tuple
    front_docks: Callable[[], tuple[str, ...]] = tuple


class AppState:
    """Reads states by name, and keeps what runs leave behind for comparisons."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.runs: list[Measured] = []  # since `begin`; the last one before it is kept too
        self._before = 0  # of these runs, those from before
        self.num_finished = 0
        self._readers = {**_readers(desk), **self._comparisons()}
        self._last: object = None
        desk.run.stateChanged.connect(self._on_state_changed)

    def value(self, name: str) -> Value:
        """Return the value of a state; None while it is not known."""
        found: Value = self._readers[name]()
        return found

    @property
    def names(self) -> frozenset[str]:
        """Every name that can be asked for."""
        return frozenset(self._readers)

    def begin(self) -> None:
        """Compare runs from now on; only the last one before still counts as the previous run."""
        self.runs = self.runs[-1:]
        self._before = len(self.runs)

    def _on_state_changed(self) -> None:
        run = self.desk.run
        is_own = run.recording is None and not run.is_again
        if run.state is RunState.FINISHED and is_own and run.result is not self._last:
            self._last = run.result
            self.num_finished += 1
            if run.result is not None and run.recorder is not None:
                request = run.result.request
                rate = float(np.nanmean(run.recorder.rates()))
                self.runs.append(
                    Measured(
                        request.threshold, request.seed, rate, run.result.images, _millions(run)
                    )
                )

    def _comparisons(self) -> dict[str, Callable[[], Value]]:
        def last(number: int = 1) -> Measured | None:
            return self.runs[-number] if len(self.runs) >= number else None

        def own() -> list[Measured]:
            return self.runs[self._before :]

        def rate(number: int) -> float | None:
            found = last(number)
            return found.rate if found else None

        def change() -> float | None:
            now, before = rate(1), rate(2)
            return None if now is None or before is None else now - before

        def additions(number: int = 1) -> float | None:
            found = last(number)
            return found.additions if found else None

        def additions_ratio() -> float | None:
            now, before = additions(1), additions(2)
            return now / before if now is not None and before else None

        return {
            "run.finished": lambda: self.num_finished,
            "measured.rate": lambda: rate(1),
            "measured.previous_rate": lambda: rate(2),
            "measured.rate_change": change,
            "measured.pixels_changed": lambda: _changed(last(1), last(2)),
            "measured.thresholds": lambda: len({each.threshold for each in own()}),
            "measured.seeds": lambda: len({each.seed for each in own()}),
            "measured.images": lambda: sum(
                len(each.images) for each in own() if each.images is not None
            ),
            "measured.additions": additions,
            "measured.additions_ratio": additions_ratio,
        }


def _changed(now: Measured | None, before: Measured | None) -> float | None:
    """Share of pixels that differ by more than ``VISIBLE`` grey levels."""
    if now is None or before is None or now.images is None or before.images is None:
        return None
    if now.images.shape != before.images.shape:
        return None
    gaps = np.abs(now.images.astype(np.int16) - before.images.astype(np.int16))
    return float((gaps > VISIBLE).mean())


def _millions(run: RunModel) -> float | None:
    """Additions of one image over all steps; None where they were not counted."""
    if run.recorder is None:
        return None
    sizes = [layer.num_neurons for layer in run.layers]
    found = run.recorder.activity().additions_of_one(sizes)
    return None if np.isnan(found).any() else float(found.sum() / 1e6)


def _readers(desk: Desk) -> dict[str, Callable[[], Value]]:
    return {
        **_lab(desk),
        **_request(desk.sampler),
        **_model(desk.sampler),
        **_run(desk),
        **_layer(desk),
        **_tokens(desk),
        "docks.open": lambda: desk.open_docks(),
        "docks.front": lambda: desk.front_docks(),
        "noise.t": lambda: desk.noise.t,
        "noise.signal": lambda: desk.noise.share**0.5,
        "noise.noise": lambda: (1 - desk.noise.share) ** 0.5,
    }


def _lab(desk: Desk) -> dict[str, Callable[[], Value]]:
    def of(read: Callable[[NeuronLabModel], Value]) -> Callable[[], Value]:
        return lambda: read(desk.lab) if desk.lab is not None else None

    def measured(read: Callable[[NeuronLabModel], Value]) -> Callable[[], Value]:
        return of(lambda lab: read(lab) if lab.is_ready else None)

    def curve(name: str) -> Callable[[], Value]:
        return of(
            lambda lab: tuple(getattr(lab.outcome.driven, name).tolist()) if lab.outcome else None
        )

    return {
        "lab.kind": of(lambda lab: lab.kind),
        "lab.tau": of(lambda lab: lab.tau),
        "lab.threshold": of(lambda lab: lab.threshold),
        "lab.reset": of(lambda lab: "soft" if lab.reset == SOFT else "hard"),
        "lab.shape": of(lambda lab: lab.shape),
        "lab.amplitude": of(lambda lab: lab.amplitude),
        "lab.steps": of(lambda lab: lab.steps),
        "lab.cursor": of(lambda lab: lab.cursor + 1),
        "lab.rate": measured(lambda lab: lab.rate),
        "lab.num_spikes": measured(lambda lab: sum(lab.spikes)),
        "lab.first_spike": measured(
            lambda lab: lab.spikes.index(1) + 1 if any(lab.spikes) else None
        ),
        "lab.potential": curve("v"),
        "lab.charged": curve("h"),
        "lab.is_real": of(lambda lab: lab.real is not None),
    }


def _request(sampler: SamplerModel) -> dict[str, Callable[[], Value]]:
    names = ("seed", "num", "steps", "snn_steps", "threshold", "temperature", "guidance", "sampler")

    def reader(name: str) -> Callable[[], Value]:
        return lambda: getattr(sampler.request, name)

    found = {f"request.{name}": reader(name) for name in names}
    return {**found, "request.overrides": lambda: len(sampler.request.overrides)}


def _model(sampler: SamplerModel) -> dict[str, Callable[[], Value]]:
    def of(read: Callable[[Any], Value]) -> Callable[[], Value]:
        return lambda: read(sampler.model) if sampler.model is not None else None

    return {
        "model.name": of(lambda model: model.name),
        "model.architecture": of(lambda model: model.card.architecture),
        "model.has_tokens": of(lambda model: model.card.codebook_size is not None),
        "model.snn_steps": of(lambda model: model.card.snn_steps),
        "model.num_layers": of(lambda model: len(model.layers)),
        "model.dataset": of(lambda model: model.card.dataset),
    }


def _run(desk: Desk) -> dict[str, Callable[[], Value]]:
    run, timeline = desk.run, desk.timeline

    def request(name: str) -> Callable[[], Value]:
        return lambda: getattr(run.run.request, name) if run.run else None

    def edits() -> Value:
        branch = run.recorder.origin.get("branch") if run.recorder else None
        return len(branch.get("edits", ())) if branch else 0

    def time() -> Value:
        times = run.run.timesteps if run.run else ()
        return times[timeline.cursor.step] if timeline.cursor.step < len(times) else None

    return {
        "run.state": lambda: run.state.value,
        "run.steps_done": lambda: timeline.steps_done,
        "run.is_recording": lambda: run.recording is not None,
        "run.is_branch": lambda: bool(run.recorder and run.recorder.origin.get("branch")),
        "run.edits": edits,
        "run.lesions": lambda: len(run.run.request.overrides) if run.run else None,
        "run.threshold": request("threshold"),
        "run.seed": request("seed"),
        "timeline.step": lambda: timeline.cursor.step + 1 if timeline.steps_done else None,
        "timeline.snn_step": lambda: timeline.cursor.snn_step + 1 if timeline.steps_done else None,
        "timeline.is_playing": lambda: timeline.is_playing,
        "timeline.is_live": lambda: timeline.is_live,
        "timeline.t": time,
        "selection.image": lambda: run.selection.image + 1,
        "selection.layer": lambda: run.selection.layer or None,
        "selection.neuron": lambda: run.selection.neurons[0] if run.selection.neurons else None,
        "selection.num_neurons": lambda: len(run.selection.neurons),
    }


def _layer(desk: Desk) -> dict[str, Callable[[], Value]]:
    run = desk.run

    def layer() -> LayerInfo | None:
        return run.layer(run.selection.layer)

    def share(read: Callable[[Activity], NDArray[np.float32]]) -> Value:
        chosen = layer()
        if chosen is None or run.recorder is None:
            return None
        found = float(read(run.recorder.activity())[run.layers.index(chosen), _step(desk)])
        return None if np.isnan(found) else found

    def extreme(pick: Callable[[NDArray[np.float32]], np.intp]) -> Value:
        if run.recorder is None:
            return None
        rates = run.recorder.rates()[:, _step(desk)]
        return None if np.isnan(rates).any() else run.layers[int(pick(rates))].id

    def fired() -> Value:
        chosen, known, neurons = layer(), run.known, run.selection.neurons
        if chosen is None or known is None or not neurons:
            return None
        spikes = known.spikes(chosen.id, _step(desk))
        return None if spikes is None else int(spikes[:, neurons[0]].sum())

    def size() -> Value:
        chosen = layer()
        return chosen.num_neurons if chosen else None

    return {
        "layer.num_neurons": size,
        "layer.rate": lambda: share(lambda activity: activity.rates),
        "layer.silent": lambda: share(lambda activity: activity.silent_share),
        "layer.saturated": lambda: share(lambda activity: activity.saturated_share),
        "layer.busiest": lambda: extreme(np.argmax),
        "layer.calmest": lambda: extreme(np.argmin),
        "neuron.num_spikes": fired,
    }


def _step(desk: Desk) -> int:
    return min(desk.timeline.cursor.step, max(desk.timeline.steps_done - 1, 0))


def _tokens(desk: Desk) -> dict[str, Callable[[], Value]]:
    run = desk.run

    def revealed() -> NDArray[np.bool_] | None:
        """Cells of the selected image that hold a token after the step that is looked at."""
        tokens = run.tokens
        if tokens is None:
            return None
        image = min(run.selection.image, len(tokens.order) - 1)
        order = tokens.order[image]
        found: NDArray[np.bool_] = (order >= 0) & (order <= _step(desk))
        return found

    def count(*, masked: bool) -> Value:
        found = revealed()
        return None if found is None else int((~found if masked else found).sum())

    def size() -> Value:
        found = revealed()
        return None if found is None else found.size

    def confidence() -> Value:
        found, tokens = revealed(), run.tokens
        if found is None or tokens is None or not found.any():
            return None
        image = min(run.selection.image, len(tokens.order) - 1)
        return float(tokens.confidence[image][found].mean())

    return {
        "tokens.masked": lambda: count(masked=True),
        "tokens.revealed": lambda: count(masked=False),
        "tokens.num": size,
        "tokens.reveal_chance": lambda: (
            None
            if run.tokens is None or run.run is None
            else 1 / (len(run.run.timesteps) - _step(desk))
        ),
        "tokens.confidence": confidence,
    }
