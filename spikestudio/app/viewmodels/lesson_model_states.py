"""States of lessons that are of the neuron lab, the next request, the loaded model and the sweep."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spikestudio.neurons.reference import SOFT

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.lesson_desk import Desk, Readers
    from spikestudio.app.viewmodels.neuron_lab import NeuronLabModel
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.app.viewmodels.sweeps import SweepModel
    from spikestudio.lessons.states import Value
    from spikestudio.sweeps.effects import Contrast


def readers(desk: Desk) -> Readers:
    """Return how each state is read, by name."""
    return {**_lab(desk), **_request(desk.sampler), **_model(desk.sampler), **_sweep(desk)}


def _lab(desk: Desk) -> Readers:
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


def _request(sampler: SamplerModel) -> Readers:
    names = ("seed", "num", "steps", "snn_steps", "threshold", "temperature", "guidance", "sampler")

    def reader(name: str) -> Callable[[], Value]:
        return lambda: getattr(sampler.request, name)

    found = {f"request.{name}": reader(name) for name in names}
    return {**found, "request.overrides": lambda: len(sampler.request.overrides)}


def _model(sampler: SamplerModel) -> Readers:
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


def _sweep(desk: Desk) -> Readers:
    def of(read: Callable[[SweepModel], Value]) -> Callable[[], Value]:
        return lambda: read(desk.sweeps) if desk.sweeps is not None and desk.sweeps.plan else None

    def contrast(read: Callable[[Contrast], Value]) -> Callable[[], Value]:
        def value(sweeps: SweepModel) -> Value:
            found = sweeps.analysis.contrast if sweeps.analysis is not None else None
            return read(found) if found is not None else None

        return of(value)

    return {
        "sweep.num_open": of(lambda sweeps: sweeps.num_open),
        "sweep.num_done": of(lambda sweeps: len(sweeps.results)),
        "sweep.pairs": contrast(lambda found: found.num),
        "sweep.change": contrast(lambda found: found.change.mean),
        "sweep.change_low": contrast(lambda found: found.change.low),
        "sweep.change_high": contrast(lambda found: found.change.high),
    }
