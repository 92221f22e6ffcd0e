"""From numbers to pixels."""

import numpy as np
import pytest
import torch
from PIL import Image

from spikestudio.sampling.pixels import as_data, to_pixels
from tests.tiny import tiny_card


def test_rounds_half_up_and_clips():
    x = torch.tensor([-1e9, -1.0, 0.0, 0.499, 0.5, 1.5, 2.5, 254.49, 254.5, 255.0, 300.0, 1e9])
    pixels = to_pixels(x.view(1, 1, 1, -1), 0.0, 255.0)
    assert pixels.ravel().tolist() == [0, 0, 0, 0, 1, 2, 3, 254, 255, 255, 255, 255]
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0), (-0.5, 0.5)])
def test_every_level_of_a_data_range_comes_back(low, high):
    levels = torch.arange(256, dtype=torch.float32)
    x = levels / 255 * (high - low) + low
    assert to_pixels(x.view(1, 1, 16, 16), low, high).ravel().tolist() == levels.tolist()


def test_channels_come_last_and_memory_is_in_order():
    x = torch.rand(2, 3, 4, 5)
    pixels = to_pixels(x, 0.0, 1.0)
    assert pixels.shape == (2, 4, 5, 3)
    assert pixels.flags.c_contiguous
    expected = np.floor(x.numpy().transpose(0, 2, 3, 1) * np.float32(255) + 0.5)
    assert np.array_equal(pixels, expected)


def test_grey_data_takes_the_mean_of_the_channels():
    card = tiny_card("sddpm")
    x = torch.tensor([-1.0, 0.0, 0.5]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    pixels = as_data(x, card)
    assert pixels.shape == (1, 8, 8, 1)
    assert {*pixels.ravel().tolist()} == {int((0.5 * (1 - 1 / 6)) * 255 + 0.5)}


def test_a_network_of_another_size_is_resized_to_the_data_s():
    card = tiny_card("sddpm")  # 8 x 8
    x = torch.rand(3, 1, 32, 32) * 2 - 1
    pixels = as_data(x, card)
    whole = to_pixels(x, -1.0, 1.0)
    assert pixels.shape == (3, 8, 8, 1)
    for small, large in zip(pixels, whole, strict=True):
        picture = Image.fromarray(large[..., 0]).resize((8, 8), Image.Resampling.BILINEAR)
        assert np.array_equal(small[..., 0], np.asarray(picture))
