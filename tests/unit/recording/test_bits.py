"""Spikes as bits: packed, unpacked and counted against sums of the plain array."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spikestudio.recording.bits import Packer, Tally, pack_on_device, unpack
from spikestudio.types import LayerInfo

pack = Packer()
SHAPES = [(4, 2, 3, 4, 4), (1, 1, 5), (3, 2, 7, 3), (2, 3, 2, 8, 16), (5, 1, 16)]


def layer(k: int, shape: tuple[int, ...]) -> LayerInfo:
    return LayerInfo(str(k), "IF", shape, 1.0, 0.0, None)


def spikes(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    fired = torch.rand(shape, generator=generator) < 0.4
    fired.flatten(2)[:, 0, 0] = True  # one neuron that always fires and one that never does
    fired.flatten(2)[:, 0, 1] = False
    return fired.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_bits_are_those_of_the_spikes(shape, dtype):
    x = spikes(shape, dtype)
    bits = pack(x)
    for image in range(shape[1]):
        expected = x[:, image].flatten(1).to(torch.uint8).numpy()
        np.testing.assert_array_equal(unpack(bits[:, image], expected.shape[1]), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_device_packs_the_same(shape):
    fired = spikes(shape).flatten(2).bool()
    np.testing.assert_array_equal(pack_on_device(fired).numpy(), pack(spikes(shape)))


def test_spikes_that_do_not_lie_in_order_are_packed_in_order():
    x = spikes((4, 2, 3, 4, 4))
    channels_last = x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    assert not channels_last.is_contiguous()
    np.testing.assert_array_equal(pack(channels_last), pack(x))
    np.testing.assert_array_equal(pack(x[:, 1:]), pack(x)[:, 1:])


@pytest.mark.parametrize("places", [0, 1, 2])
def test_a_tally_counts_what_sums_give(places):
    """Pieces of several layers and evaluations, of sizes that fill words and that do not."""
    rng = np.random.default_rng(places)
    shapes = [(2, 4, 4), (3, 3, 3), (8, 8, 8), (1, 1, 1)]
    layers = [layer(k, shape) for k, shape in enumerate(shapes)]
    fan_out = {each.id: rng.integers(0, 4, each.shape[3 - places :]) for each in layers[:3]}
    tally = Tally(layers, fan_out)
    for images in ((2, 3, 1), (1, 1, 2)):  # another time, of other sizes
        expected = np.zeros((len(layers), 4 + 4), np.int64)
        pieces = []
        for k in (0, 1, 2, 1, 0):
            x = spikes((4, images[k], *shapes[k])).numpy().astype(np.int64)
            pieces.append((k, pack(torch.from_numpy(x))))
            each = x.reshape(4, -1).sum(0)
            reach = fan_out[layers[k].id]
            ends = (each == 0).sum(), (each == 4).sum(), (x * reach).sum()
            expected[k] += [*x.reshape(4, -1).sum(1), each.size, *ends]
        np.testing.assert_array_equal(tally(pieces, 4), expected)


def test_nothing_is_nothing():
    np.testing.assert_array_equal(Tally([layer(0, (2, 2, 2))], {})([], 4), np.zeros((1, 8)))
