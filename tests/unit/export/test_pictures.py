from __future__ import annotations

import numpy as np
import pytest

from spikestudio.errors import ConfigError
from spikestudio.export.images import grid
from spikestudio.export.pictures import GridStyle, tile

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 1), np.uint8)


def test_the_plain_grid_is_that_of_sample() -> None:
    assert tile(IMAGES, GridStyle(columns=3)).tobytes() == grid(IMAGES, 3).tobytes()


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_enlarged_by_whole_pixels(channels: int) -> None:
    images = IMAGES.repeat(channels, axis=-1)
    pixels = np.asarray(tile(images, GridStyle(columns=2, padding=5, scale=3)))
    assert pixels.shape[:2] == (5 + 3 * (18 + 5), 5 + 2 * (24 + 5))
    first = pixels[5 + 23 : 5 + 23 + 18, 34 : 34 + 24]  # second row, second column
    expected = images[3].repeat(3, axis=0).repeat(3, axis=1)
    assert np.array_equal(first.reshape(expected.shape), expected)


def test_labels_are_below_their_images() -> None:
    style = GridStyle(columns=5, scale=6, labels=["1", "2", "3", "", "x" * 500])
    pixels = np.asarray(tile(IMAGES, style))
    below = pixels[2 + 36 :]
    columns = [below[:, 2 + k * 50 : 50 + k * 50] for k in range(5)]
    assert [bool((each < 100).any()) for each in columns] == [True, True, True, False, True]
    assert (pixels[:, 2 + 48 : 2 + 50] == 255).all()  # a long one is cut
    with pytest.raises(ConfigError, match="labels"):
        tile(IMAGES, GridStyle(labels=["1"]))
    with pytest.raises(ConfigError, match="scale"):
        GridStyle(scale=0)
