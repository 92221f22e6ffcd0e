"""The memory of RWKV's time mixing, computed again: that of the run, and the recurrence as written."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from spikestudio.recording.memory import Memory, has_memory
from spikestudio.recording.record import Record
from spikestudio.sampling.recompute import recompute
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from tests.tiny import ARCHITECTURE_NAMES, num_hooks, tiny_model

LAYER, STEP, IMAGE = "mid_block.lif1", 2, 1
REQUEST = SamplingRequest(num=3, seed=3, steps=4, guidance=2.0)


def finished(model, record=None):
    run = SamplingRun(model, REQUEST, record=record or Record(image=IMAGE, potentials=LAYER))
    for _ in run:
        pass
    return run


@pytest.fixture(scope="module")
def model():
    return tiny_model("sdit")


@pytest.fixture(scope="module")
def run(model):
    return finished(model)


@pytest.fixture(scope="module")
def memory(model, run):
    return recompute(model, run.recorder, STEP, [LAYER])[LAYER].memory


def test_it_is_what_the_network_computed_in_the_run(model):
    """Keys and values seen in the run itself, and the current that its layer got from the result."""
    mixing, seen = model.network.mid_block.att, {"key": [], "value": [], "receptance": []}
    handles = [
        getattr(mixing, name).register_forward_hook(
            lambda _module, _args, output, found=found: found.append(output.clone())
        )
        for name, found in seen.items()
    ]
    run = finished(model)
    for handle in handles:
        handle.remove()
    assert 2 * REQUEST.num <= model.chunk  # guidance doubles the batch, which is evaluated at once
    rows = {name: found[STEP - REQUEST.steps][IMAGE] for name, found in seen.items()}
    hooks = num_hooks(model.network)
    memory = recompute(model, run.recorder, STEP, [LAYER])[LAYER].memory
    assert num_hooks(model.network) == hooks
    assert np.array_equal(memory.keys, rows["key"].numpy())
    assert np.array_equal(memory.values, rows["value"].numpy())
    with torch.inference_mode():
        mixed = rows["receptance"].sigmoid() * torch.from_numpy(memory.outputs.copy())
        current = mixing.output(mixed).flatten()
    recorded = run.recorder.potentials(LAYER, STEP).current[0]
    assert np.allclose(recorded, current.numpy(), atol=1e-5)
    assert np.abs(recorded).max() > 0.1


def test_one_channel_follows_the_recurrence(memory):
    for channel in (0, 7, 19):
        k, v = (each[:, channel].astype(np.float64) for each in (memory.keys, memory.values))
        a = b = 0.0
        for token in range(len(k)):
            step = memory.at(token, channel)
            scale = np.exp(step.exponent)
            assert step.numerator * scale == pytest.approx(a, rel=1e-9, abs=1e-12)
            assert step.denominator * scale == pytest.approx(b, rel=1e-9, abs=1e-12)
            now = np.exp(memory.bonus[channel] + k[token])
            wkv = (a + now * v[token]) / (b + now)
            assert step.output == pytest.approx(wkv, rel=1e-4, abs=1e-5)
            a = memory.decay[channel] * a + np.exp(k[token]) * v[token]
            b = memory.decay[channel] * b + np.exp(k[token])


def test_large_keys_neither_overflow_nor_change_the_ratio():
    keys = np.float32([[2.0], [400.0], [399.0]])
    values = np.float32([[1.0], [2.0], [4.0]])
    memory = Memory(keys, values, values, np.float32([0.5]), np.float32([0.0]))
    step = memory.at(2, 0)
    assert step.exponent >= 399
    present = np.exp(step.key + step.bonus - step.exponent)
    ratio = (step.numerator + present * step.value) / (step.denominator + present)
    weight = np.exp(-1.0)
    assert ratio == pytest.approx((2 + weight * 4) / (1 + weight))


def test_half_lives(memory):
    assert memory.half_lives == pytest.approx(log(0.5) / np.log(memory.decay.astype(float)))
    extreme = Memory(*(np.zeros((1, 3), np.float32),) * 3, np.float32([0, 0.5, 1]), np.zeros(3))
    assert extreme.half_lives.tolist() == [0, 1, np.inf]


def test_arrays_cannot_be_written_to(memory):
    assert memory.nbytes > 0
    with pytest.raises(ValueError, match="read-only"):
        memory.keys[0, 0] = 1


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_only_layers_behind_a_time_mixing_have_one(architecture):
    model = tiny_model(architecture)
    run = SamplingRun(
        model,
        SamplingRequest(
            num=2, seed=1, steps=2, sampler="absorbing" if model.is_token_model else "ddim"
        ),
    )
    for _ in run:
        pass
    layers = model.layers
    done = recompute(model, run.recorder, 1, [each.id for each in layers])
    assert {each.id for each in layers if done[each.id].memory is not None} == {
        each.id for each in layers if has_memory(each)
    }
    assert any(map(has_memory, layers)) == (architecture == "sdit")


def test_pixels_are_the_same_whether_looked_at_or_not(model, run):
    recompute(model, run.recorder, STEP, [LAYER])
    again = finished(model, Record())
    assert np.array_equal(run.result.images, again.result.images)
