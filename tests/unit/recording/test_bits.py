"""Spikes as bits: packed, unpacked and counted against sums of the plain array."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spikestudio.recording.bits import Tally, pack, pack_on_device, unpack

SHAPES = [(4, 2, 3, 4, 4), (1, 1, 5), (3, 2, 7, 3), (2, 3, 2, 8, 16), (5, 1, 16)]


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


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("places", [0, 1, 2])
def test_a_tally_counts_what_sums_give(shape, places):
    x = spikes(shape).numpy().astype(np.int64)
    over = shape[len(shape) - places :] if len(shape) - places >= 2 else shape[2:]
    fan_out = np.random.default_rng(0).integers(1, 4, over) if places else 5
    counted = Tally(fan_out, int(np.prod(shape[2:])))(pack(torch.from_numpy(x)))
    by_image = x.reshape(shape[0], -1)
    np.testing.assert_array_equal(counted[: shape[0]], by_image.sum(1))
    neurons, silent, saturated, additions = counted[shape[0] :]
    assert neurons == by_image.shape[1]
    assert silent == (by_image.sum(0) == 0).sum()
    assert saturated == (by_image.sum(0) == shape[0]).sum()
    assert additions == (x * fan_out).sum()
