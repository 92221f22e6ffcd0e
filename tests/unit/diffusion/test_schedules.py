"""Schedules against the published tables, and the lists of times."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikestudio.diffusion.schedules import (
    GaussianSchedule,
    gather,
    respaced,
    spaced_times,
    upstream_times,
)
from spikestudio.errors import ConfigError

SCHEDULE = GaussianSchedule.linear()


def test_published_values() -> None:
    s = SCHEDULE
    assert float(s.betas[1]) == 0.00011991991777904332
    assert float(s.alphas_cumprod[0]) == pytest.approx(0.9999, abs=1e-8)
    assert float(s.alphas_cumprod[500]) == pytest.approx(0.07779665, abs=5e-9)
    assert float(s.alphas_cumprod[999]) == pytest.approx(4.035831e-05, abs=5e-12)
    large, small = s.fixedlarge_log_variance, s.fixedsmall_log_variance
    assert large[:2].tolist() == pytest.approx([-9.81672516, -9.02868639], abs=5e-9)
    assert float(small[0]) == float(small[1]) == float(large[0])
    torch.testing.assert_close(large[1:], s.betas[1:].log())
    torch.testing.assert_close(small[1:], s.posterior_variance[1:].log())
    assert float(s.posterior_coef_x0[1]) == pytest.approx(0.5452915, abs=5e-8)
    assert float(s.posterior_coef_xt[1]) == pytest.approx(0.4547085, abs=5e-8)
    assert float(s.posterior_coef_x0[999]) == pytest.approx(1.283515e-04, abs=5e-11)
    assert float(s.posterior_coef_xt[999]) == pytest.approx(0.98994868, abs=5e-9)


def test_first_posterior_is_the_image() -> None:
    assert float(SCHEDULE.posterior_coef_x0[0]) == pytest.approx(1.0)
    assert float(SCHEDULE.posterior_coef_xt[0]) == 0.0
    assert float(SCHEDULE.posterior_variance[0]) == 0.0


def test_betas_in_float64_differ_by_the_rounding_only() -> None:
    exact = GaussianSchedule.linear(beta_dtype=torch.float64)
    assert float(exact.betas[1]) == pytest.approx(1e-4 + 0.0199 / 999, rel=1e-14)
    assert not torch.equal(exact.betas, SCHEDULE.betas)
    torch.testing.assert_close(exact.betas, SCHEDULE.betas, rtol=1e-6, atol=0)


def test_gather_casts_and_broadcasts() -> None:
    like = torch.zeros(2, 3, 4, 4)
    values = gather(SCHEDULE.alphas_cumprod, torch.tensor([999, 0]), like)
    assert values.shape == (2, 1, 1, 1)
    assert values.dtype == torch.float32
    assert values.flatten().tolist() == pytest.approx([4.035831e-05, 0.9999], rel=1e-6)


@pytest.mark.parametrize(
    ("steps", "length", "start", "end"),
    [
        (1000, 1000, [999, 998], [1, 0]),
        (100, 101, [999, 989], [9, 0]),
        (50, 51, [999, 979], [19, 0]),
        (20, 21, [999, 949], [49, 0]),
        (10, 11, [999, 899], [99, 0]),
    ],
)
def test_upstream_times(steps: int, length: int, start: list[int], end: list[int]) -> None:
    times = upstream_times(1000, steps)
    assert len(times) == length
    assert times[:2] == start
    assert times[-2:] == end


def test_spaced_times_of_the_published_sdit_sampler() -> None:
    times = spaced_times(1000, 250)
    assert times == [round(k * 999 / 249) for k in range(250)][::-1]
    assert (times[:3], times[-3:]) == ([999, 995, 991], [8, 4, 0])


@given(st.integers(2, 1000), st.data())
def test_spaced_times_are_as_many_as_asked(num_train: int, data: st.DataObject) -> None:
    steps = data.draw(st.integers(1, num_train))
    times = spaced_times(num_train, steps)
    assert len(times) == steps
    assert times == sorted(set(times), reverse=True)
    assert times[0] == num_train - 1
    assert steps == 1 or times[-1] == 0


@pytest.mark.parametrize("list_times", [spaced_times, upstream_times])
@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_numbers_of_steps(
    list_times: Callable[[int, int], list[int]], steps: int
) -> None:
    with pytest.raises(ConfigError, match=str(steps)):
        list_times(1000, steps)


def test_respaced_keeps_the_noise_levels() -> None:
    times = spaced_times(1000, 20)
    visited = respaced(SCHEDULE, times)
    assert visited.times.tolist() == times[::-1]
    torch.testing.assert_close(
        visited.alphas_cumprod, SCHEDULE.alphas_cumprod[visited.times], rtol=1e-12, atol=0
    )
    everything = respaced(SCHEDULE, range(1000))
    torch.testing.assert_close(everything.betas, SCHEDULE.betas, rtol=1e-10, atol=0)


@pytest.mark.parametrize("times", [[], [3, 3], [1000], [-1, 5]])
def test_respaced_refuses(times: list[int]) -> None:
    with pytest.raises(ConfigError, match="distinct"):
        respaced(SCHEDULE, times)


def test_schedule_refuses_betas_outside_their_range() -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        GaussianSchedule.linear(10, beta_end=1.0)
    with pytest.raises(ConfigError, match="at least one"):
        GaussianSchedule.linear(0)
