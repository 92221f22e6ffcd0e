"""States of lessons that are of the run, the moment that is looked at, and the selected layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikestudio.app.viewmodels.lesson_desk import Desk, Readers
    from spikestudio.lessons.states import Value
    from spikestudio.recording.memory import Memory
    from spikestudio.recording.values import Activity
    from spikestudio.types import LayerInfo


def readers(desk: Desk) -> Readers:
    """Return how each state is read, by name."""
    return {**_run(desk), **_layer(desk), **_memory(desk)}


def memory_of(desk: Desk) -> tuple[Memory, int, int] | None:
    """Memory behind the selected layer at that step, and token and channel that are selected.

    The channel is the one of the same number as the neuron's feature. None while it is not computed,
    and for layers that no time mixing comes before.
    """
    run = desk.run
    chosen, known = run.layer(run.selection.layer), run.known
    if chosen is None or known is None or not desk.timeline.steps_done:
        return None
    memory = known.memory(chosen.id, desk.step)
    if memory is None or not run.selection.neurons:
        return None
    token, channel = divmod(run.selection.neurons[0], chosen.shape[-1])
    return memory, token, channel


def _memory(desk: Desk) -> Readers:
    def of(read: Callable[[Memory, int, int], Value]) -> Callable[[], Value]:
        def value() -> Value:
            found = memory_of(desk)
            return None if found is None else read(*found)

        return value

    def short_share() -> Value:
        layer, known = desk.run.selection.layer, desk.run.known
        memory = known.memory(layer, desk.step) if known is not None else None
        row = _row(desk)
        return None if memory is None or row is None else float((memory.half_lives < row).mean())

    return {
        "wkv.token": of(lambda _memory, token, _channel: token),
        "wkv.channel": of(lambda _memory, _token, channel: channel),
        "wkv.decay": of(lambda memory, _token, channel: float(memory.decay[channel])),
        "wkv.half_life": of(lambda memory, _token, channel: float(memory.half_lives[channel])),
        "wkv.output": of(lambda memory, token, channel: float(memory.outputs[token, channel])),
        "wkv.short_share": short_share,
        "wkv.row": lambda: _row(desk),
    }


def _row(desk: Desk) -> int | None:
    """Patches beside each other in the image of the loaded model."""
    model = desk.sampler.model
    if model is None or "patch_size" not in model.card.config:
        return None
    return int(model.card.config["image_size"]) // int(model.card.config["patch_size"])


def _run(desk: Desk) -> Readers:
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


def _layer(desk: Desk) -> Readers:
    run = desk.run

    def layer() -> LayerInfo | None:
        return run.layer(run.selection.layer)

    def share(read: Callable[[Activity], NDArray[np.float32]]) -> Value:
        chosen = layer()
        if chosen is None or run.recorder is None:
            return None
        found = float(read(run.recorder.activity())[run.layers.index(chosen), desk.step])
        return None if np.isnan(found) else found

    def extreme(pick: Callable[[NDArray[np.float32]], np.intp]) -> Value:
        if run.recorder is None:
            return None
        rates = run.recorder.rates()[:, desk.step]
        return None if np.isnan(rates).any() else run.layers[int(pick(rates))].id

    def fired() -> Value:
        chosen, known, neurons = layer(), run.known, run.selection.neurons
        if chosen is None or known is None or not neurons:
            return None
        spikes = known.spikes(chosen.id, desk.step)
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
