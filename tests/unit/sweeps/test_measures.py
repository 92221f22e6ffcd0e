"""What is measured of a cell, on values that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from spikestudio.recording.values import Activity
from spikestudio.sweeps.measures import difference, firing, mean


def test_the_rate_is_the_denoisers_and_the_operations_are_those_of_one_image() -> None:
    activity = Activity.empty(2, 3, 4)  # a denoiser's layer and a decoder's
    activity.neurons[0], activity.neurons[1] = 10, 1000
    activity.counts[0, :, 0] = 5
    activity.counts[1] = 1000
    activity.additions[0] = [1, 2, 3]
    activity.additions[1] = [100, 200, 300]
    rate, operations = firing(activity, [True, False], num=2)
    assert rate == pytest.approx(15 / (3 * 10 * 4))
    assert operations == (1 + 2 + 3 + 300) / 2


def test_operations_that_are_not_known_are_none() -> None:
    activity = Activity.empty(1, 1, 1)
    activity.neurons[:] = 4
    activity.additions[:] = -1
    assert firing(activity, [True], num=1) == (0.0, None)


def test_the_difference_is_of_each_image() -> None:
    black = np.zeros((2, 2, 2, 1), np.uint8)
    other = black.copy()
    other[1, 0, 0] = 255
    found = difference(other, black)
    assert found is not None
    assert found.tolist() == [0.0, 0.25]
    assert difference(black, other).tolist() == [0.0, 0.25]  # type: ignore[union-attr]
    assert difference(black, black[:1]) is None


def test_the_interval_holds_the_mean_and_shrinks_with_more_images() -> None:
    rng = np.random.default_rng(1)
    few, many = (mean(rng.normal(3, 1, num)) for num in (10, 1000))
    for each in (few, many):
        assert each.low is not None
        assert each.high is not None
        assert each.low < each.mean < each.high
    assert many.high - many.low < few.high - few.low  # type: ignore[operator]
    assert many.low < 3 < many.high  # type: ignore[operator]
    assert mean(np.array([1.0])).low is None
    same = mean(np.full(5, 0.5))
    assert (same.low, same.mean, same.high) == (0.5, 0.5, 0.5)
