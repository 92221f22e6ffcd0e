"""What is read back is what the neurons did, and memory stays bounded."""

import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.neurons.nodes import IFNode, spiking_layers
from spikestudio.recording.record import Record
from spikestudio.recording.recorder import Recorder
from spikestudio.recording.values import Parameters
from spikestudio.sampling.events import Event, StepFinished
from spikestudio.sampling.run import SamplingRun, run_layers
from spikestudio.types import LayerInfo
from tests.tiny import tiny_model, tiny_request

PARAMETERS = Parameters(1.0, 1.0)
MODELS = {
    "sddpm": ("sddpm", {}),
    "tsm": ("sddpm", {"tsm": True}),
    "spiking-diffusion": ("spiking-diffusion", {}),
    "sdit": ("sdit", {}),
}


def make(name: str) -> LoadedModel:
    architecture, config = MODELS[name]
    return tiny_model(architecture, **config)


class KeepEverything:
    """Hooks of its own on every neuron: inputs and outputs of each call, by step and layer."""

    def __init__(self, network: nn.Module) -> None:
        self.calls: list[dict[str, list[tuple[Tensor, Tensor]]]] = [{}]
        self.handles = [
            node.register_forward_hook(self._hook(name))
            for name, node in spiking_layers(network).items()
        ]

    def _hook(self, name: str) -> Any:
        def keep(_: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            call = (args[0].clone(), output.clone())
            self.calls[-1].setdefault(name, []).append(call)

        return keep

    def follow(self, run: SamplingRun, do: Any = None) -> list[Event]:
        """Iterate the run; ``do`` is called after each step."""
        events = []
        for event in run:
            events.append(event)
            if isinstance(event, StepFinished):
                self.calls.append({})
                if do is not None:
                    do(event)
        for handle in self.handles:
            handle.remove()
        return events

    def batch(self, step: int, layer: str, num_rows: int) -> tuple[Tensor, Tensor]:
        """Currents and spikes ``[T, B, ...]`` of a step, the parts of the batch put together."""
        rows = 0
        currents, spikes = [], []
        for current, output in self.calls[step][layer]:
            real = min(num_rows - rows, output.shape[1])  # the last part may be padded
            currents.append(current[:, :real])
            spikes.append(output[:, :real])
            rows += real
        assert rows == num_rows
        return torch.cat(currents, 1), torch.cat(spikes, 1)


def potentials(
    current: NDArray[np.float32], layer: LayerInfo, threshold: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Potential before and after reset by the equations, in float32."""
    v = np.full(current.shape[1], layer.v_reset, np.float32)
    before, after = [], []
    for x in current:
        h = v + x if layer.tau is None else v + (x - (v - np.float32(layer.v_reset))) / layer.tau
        v = np.where(h >= np.float32(threshold), np.float32(layer.v_reset), h)
        before.append(h)
        after.append(v)
    return np.stack(before), np.stack(after)


def assert_recorded(
    run: SamplingRun, everything: KeepEverything, image: int, num_rows: int, selected: list[str]
) -> None:
    """Compare the whole record of a run; ``selected`` is the layer chosen in each step."""
    recorder = run.recorder
    rates = recorder.rates()
    for index, layer in enumerate(run.layers):
        for step in range(recorder.steps_done):
            decoder = layer.id.startswith("vqsvae.")
            rows = run.request.num if decoder else num_rows
            current, spikes = everything.batch(step, layer.id, rows)
            own = spikes[:, image].flatten(1).numpy()
            assert layer.num_neurons == own.shape[1]
            assert tuple(current.shape[2:]) == layer.shape
            recorded = recorder.spikes(layer.id, step)
            assert recorded is not None
            assert recorded.dtype == np.uint8
            assert np.array_equal(recorded, own)
            assert rates[index, step] == np.float32(
                spikes.sum(dtype=torch.float64) / spikes.numel()
            )
            kept = recorder.potentials(layer.id, step)
            assert (kept is not None) == (layer.id == selected[step])
            if kept is not None:
                x = current[:, image].flatten(1).numpy()
                h, v = potentials(x, layer, run.request.threshold)
                assert kept.h.dtype == kept.v.dtype == kept.current.dtype == np.float32
                assert np.array_equal(kept.current, x)
                assert np.array_equal(kept.h, h)
                assert np.array_equal(kept.v, v)
                assert kept.threshold == run.request.threshold
                assert np.array_equal(kept.h >= np.float32(kept.threshold), recorded == 1)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("image", [0, 2])
def test_every_neuron_of_the_chosen_image(name, image):
    model = make(name)
    steps = 3
    request = tiny_request(model, num=3, steps=steps, threshold=0.9)
    run = SamplingRun(model, request, image=image)
    everything = KeepEverything(model.network)
    everything.follow(run)
    assert run.recorder.image == image
    assert_recorded(run, everything, image, 3, [run.recorder.selected] * steps)


@pytest.mark.parametrize("name", ["sddpm", "spiking-diffusion"])
@pytest.mark.parametrize(("num", "image"), [(1, 0), (33, 5), (33, 32)])
def test_a_batch_evaluated_in_parts(name, num, image):
    model = make(name)
    run = SamplingRun(model, tiny_request(model, num=num, steps=2), image=image)
    everything = KeepEverything(model.network)
    everything.follow(run)
    assert_recorded(run, everything, image, num, [run.recorder.selected] * 2)


@pytest.mark.parametrize(("num", "image"), [(3, 1), (20, 19)])
def test_with_guidance_the_conditional_row_is_recorded(num, image):
    model = make("sdit")
    run = SamplingRun(model, tiny_request(model, num=num, steps=2, guidance=2.0), image=image)
    everything = KeepEverything(model.network)
    everything.follow(run)
    assert_recorded(run, everything, image, 2 * num, [run.recorder.selected] * 2)


def test_an_image_beyond_the_batch_is_the_last():
    model = make("sddpm")
    run = SamplingRun(model, tiny_request(model, num=2), image=9)
    list(run)
    assert run.recorder.image == 1
    assert run.recorder.spikes(run.layers[0].id, 0) is not None


@pytest.mark.parametrize("name", MODELS)
def test_a_layer_chosen_in_mid_run(name):
    model = make(name)
    first, last, middle = (run_layers(model)[i].id for i in (0, -1, 3))
    run = SamplingRun(model, tiny_request(model, steps=4), layer=first)
    everything = KeepEverything(model.network)

    def choose(event: StepFinished) -> None:
        if event.step == 0:
            run.recorder.select(last)
        if event.step == 2:
            run.recorder.select("no such layer")
            run.recorder.select(middle)

    everything.follow(run, choose)
    assert run.recorder.selected == middle
    assert_recorded(run, everything, 0, 2, [first, last, last, middle])


@pytest.mark.parametrize("layer", ["", "no such layer"])
def test_without_a_choice_the_middle_layer_is_kept(layer):
    model = make("sddpm")
    run = SamplingRun(model, tiny_request(model), layer=layer)
    assert run.recorder.selected == run.layers[len(run.layers) // 2].id


def test_counts_and_watched_neurons_alone():
    model = make("sddpm")
    request = tiny_request(model, steps=2)
    layer = run_layers(model)[0].id
    lean = Record(watch=[(layer, 0)], layers=(), potentials=None)
    recorders = []
    for record in (lean, Record(watch=[(layer, 0)])):
        run = SamplingRun(model, request, record=record)
        list(run)
        recorders.append(run.recorder)
    few, all_of_it = recorders
    assert all(few.potentials(each.id, 1) is None for each in few.layers)
    assert all(few.spikes(each.id, 1) is None for each in few.layers)
    np.testing.assert_array_equal(few.activity().counts, all_of_it.activity().counts)
    np.testing.assert_array_equal(few.watched(1).v, all_of_it.watched(1).v)


def test_what_was_not_reached_is_none_or_nan():
    model = make("sddpm")
    run = SamplingRun(model, tiny_request(model, steps=4))
    layer = run.recorder.selected
    assert run.recorder.spikes(layer, 0) is None
    assert run.recorder.potentials(layer, 0) is None
    assert np.isnan(run.recorder.rates()).all()
    assert run.recorder.bytes_used == run.recorder.steps_done == 0
    for event in run:
        if isinstance(event, StepFinished) and event.step == 1:
            break
    rates = run.recorder.rates()
    assert rates.shape == (len(run.layers), 4)
    assert rates.dtype == np.float32
    assert not np.isnan(rates[:, :2]).any()
    assert np.isnan(rates[:, 2:]).all()
    assert run.recorder.steps_done == 2
    assert run.recorder.spikes(layer, 2) is None
    assert run.recorder.spikes("no such layer", 0) is None


def test_what_is_read_cannot_change_the_record():
    model = make("sddpm")
    run = SamplingRun(model, tiny_request(model))
    list(run)
    recorder, layer = run.recorder, run.recorder.selected
    spikes, rates = recorder.spikes(layer, 0), recorder.rates()
    spikes[:] = 7
    rates[:] = 7
    assert recorder.spikes(layer, 0).max() == 1
    assert recorder.rates().max() <= 1
    kept = recorder.potentials(layer, 0)
    for array in (kept.h, kept.v, kept.current):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 7


# Memory


def stored_bytes(recorder: Recorder) -> int:
    """Bytes of everything that can still be read."""
    total = 0
    for layer in recorder.layers:
        for step in range(recorder.num_steps):
            if recorder.spikes(layer.id, step) is not None:
                total += recorder.snn_steps * -(-layer.num_neurons // 8)
            kept = recorder.potentials(layer.id, step)
            if kept is not None:
                total += kept.nbytes
    for step in range(recorder.num_steps):
        total += sum(array.nbytes for array in (recorder.state(step) or {}).values())
        watched = recorder.watched(step)
        total += 0 if watched is None else watched.nbytes
        logits = (recorder.logits_of(step, image) for image in range(8))
        total += sum(kept.nbytes for kept in logits if kept is not None)
    return total


def steps_kept(recorder: Recorder, layer: LayerInfo) -> list[int]:
    done = range(recorder.steps_done)
    return [step for step in done if recorder.spikes(layer.id, step) is not None]


@pytest.mark.parametrize("share", [2.0, 0.9, 0.5, 0.2, 0.05, 0.0])
@pytest.mark.parametrize("name", ["sddpm", "spiking-diffusion"])
def test_memory_stays_within_the_budget(name, share):
    model = make(name)
    steps = 8
    whole = SamplingRun(model, tiny_request(model, steps=steps))
    list(whole)
    needed = whole.recorder.bytes_used
    assert needed == stored_bytes(whole.recorder)

    run = SamplingRun(model, tiny_request(model, steps=steps))
    recorder = run.recorder
    recorder.budget_bytes = int(share * needed)
    for event in run:
        if not isinstance(event, StepFinished):
            continue
        assert event.bytes_recorded == recorder.bytes_used
        assert recorder.bytes_used == stored_bytes(recorder) <= recorder.budget_bytes
        done = range(event.step + 1)
        # What is left are the newest steps, potentials having gone before spikes.
        kept = [recorder.potentials(recorder.selected, step) is not None for step in done]
        assert kept == sorted(kept)
        missing = False
        for layer in run.layers:
            left = steps_kept(recorder, layer)
            assert left == list(done)[len(done) - len(left) :]
            missing |= len(left) < len(done)
        if missing:
            assert not all(kept)
        assert not np.isnan(recorder.rates()[:, : event.step + 1]).any()
    if share >= 1:
        assert recorder.bytes_used == needed
    assert np.array_equal(recorder.rates(), whole.recorder.rates())
    for layer in run.layers:
        for step in steps_kept(recorder, layer):
            a, b = (each.spikes(layer.id, step) for each in (recorder, whole.recorder))
            assert np.array_equal(a, b)


class Plain(nn.Module):
    """Two layers with known currents; each pass takes one SNN sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = IFNode(), IFNode()

    def forward(self, x: Tensor) -> Tensor:
        return self.second(2 * self.first(x))


def plain_recorder(num_neurons: int, num_steps: int) -> Recorder:
    layers = tuple(
        LayerInfo(name, "IF", (num_neurons,), 1.0, 0.0, None) for name in ("first", "second")
    )
    return Recorder(layers, num_steps=num_steps, snn_steps=2, record=Record(potentials="first"))


def test_potentials_go_before_spikes_and_the_oldest_first():
    # 80 neurons and 2 SNN steps: 20 bytes of spikes per layer, 1920 of potentials, each step.
    network, recorder = Plain(), plain_recorder(80, 4)
    recorder.budget_bytes = 2 * 1920 + 4 * 40
    x = torch.rand(2, 1, 80)
    with recorder.attached(network, lambda: None) as probe:
        for step in range(4):
            network(x + step)
            probe.finish_step(step, PARAMETERS)
    assert [recorder.potentials("first", step) is not None for step in range(4)] == [
        False,
        False,
        True,
        True,
    ]
    assert all(recorder.spikes("second", step) is not None for step in range(4))
    assert recorder.bytes_used == recorder.budget_bytes

    recorder = plain_recorder(80, 4)
    recorder.budget_bytes = 70
    with recorder.attached(network, lambda: None) as probe:
        for step in range(4):
            network(x + step)
            probe.finish_step(step, PARAMETERS)
    assert all(recorder.potentials("first", step) is None for step in range(4))
    left = [
        (name, step)
        for step in range(4)
        for name in ("first", "second")
        if recorder.spikes(name, step) is not None
    ]
    assert left == [("second", 2), ("first", 3), ("second", 3)]
    assert recorder.bytes_used == 60


def test_a_number_of_neurons_that_fills_no_byte():
    network, recorder = Plain(), plain_recorder(13, 1)
    x = torch.rand(2, 1, 13) * 2
    with recorder.attached(network, lambda: None) as probe:
        spikes = network(x)
        probe.finish_step(0, PARAMETERS)
    assert np.array_equal(recorder.spikes("second", 0), spikes[:, 0].numpy())
    assert recorder.bytes_used == 2 * 2 * 2 + 3 * 2 * 13 * 4


def test_detached_after_an_error():
    network, recorder = Plain(), plain_recorder(5, 1)

    def broken() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"), recorder.attached(network, broken):
        network(torch.rand(2, 1, 5))
    assert not network.first._forward_hooks
    assert not network.first._forward_pre_hooks


def test_reading_while_another_thread_writes():
    model = make("spiking-diffusion")
    run = SamplingRun(model, tiny_request(model, steps=9))
    run.recorder.budget_bytes = 20_000
    done = threading.Event()
    problems: list[BaseException] = []

    def read() -> None:
        recorder = run.recorder
        try:
            while not done.is_set():
                steps = recorder.steps_done
                rates = recorder.rates()
                assert not np.isnan(rates[:, :steps]).any()
                assert recorder.bytes_used <= recorder.budget_bytes
                for layer in run.layers:
                    time.sleep(0.0005)  # else the writer hardly gets the interpreter
                    recorder.select(layer.id)
                    for step in range(recorder.num_steps):
                        spikes = recorder.spikes(layer.id, step)
                        kept = recorder.potentials(layer.id, step)
                        if spikes is not None:
                            assert spikes.shape == (recorder.snn_steps, layer.num_neurons)
                        if spikes is not None and kept is not None:
                            assert np.array_equal(kept.h >= kept.threshold, spikes == 1)
        except BaseException as error:  # noqa: BLE001  told to the test's own thread
            problems.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    list(run)
    done.set()
    for reader in readers:
        reader.join(10)
    assert problems == []
