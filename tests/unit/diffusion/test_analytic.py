"""The sampler whose variance comes from a table."""

from __future__ import annotations

from math import pi, sqrt

import pytest
import torch
from torch import Tensor

from spikestudio.diffusion.analytic import analytic_log_variance
from spikestudio.diffusion.samplers import analytic, ancestral
from spikestudio.diffusion.schedules import respaced, spaced_times
from spikestudio.errors import ConfigError
from spikestudio.sampling.request import SamplingRequest
from tests.unit.diffusion.test_samplers import SCHEDULE, Streams, gaussian_denoiser, wavy

AB = SCHEDULE.alphas_cumprod


def exact_gamma(mean: float, std: float) -> Tensor:
    """Mean square of ``gaussian_denoiser``, whose prediction has mean zero."""
    del mean
    return (1 - AB) / (AB * std**2 + 1 - AB)


def start(num: int, size: int) -> tuple[Streams, Tensor]:
    noise = Streams(range(num))
    return noise, noise(torch.empty(num, 1, size, size, dtype=torch.float64))


@pytest.mark.parametrize("evaluations", [3, 5, 20, 1000])
def test_gaussian_data_come_out_right_with_any_number_of_steps(evaluations: int) -> None:
    mean, std = -0.2, 0.3
    noise, x = start(4, 80)
    steps = list(
        analytic(
            gaussian_denoiser(mean, std),
            x,
            schedule=SCHEDULE,
            times=spaced_times(1000, evaluations),
            noise=noise,
            clip_x0=False,
            gamma=exact_gamma(mean, std),
        )
    )
    # The last noisy step is held down on purpose, so the one before it is looked at.
    before = steps[-2]
    ab = AB[before.t]
    assert float(before.x_t.mean()) == pytest.approx(float(ab.sqrt() * mean), abs=0.01)
    wanted = float((ab * std**2 + 1 - ab).sqrt())
    assert float(before.x_t.std()) == pytest.approx(wanted, rel=0.02)


def test_with_few_steps_the_posterior_s_variance_is_too_small_and_this_is_not() -> None:
    mean, std, times = 0.0, 0.5, spaced_times(1000, 4)
    spread = {}
    for sampler in (analytic, ancestral):
        noise, x = start(2, 80)
        steps = list(
            sampler(
                gaussian_denoiser(mean, std),
                x,
                schedule=SCHEDULE,
                times=times,
                noise=noise,
                clip_x0=False,
                gamma=exact_gamma(mean, std),
            )
        )
        spread[sampler.__name__] = float(steps[2].x_t.std())
    ab = AB[times[2]]
    wanted = float((ab * std**2 + 1 - ab).sqrt())
    assert spread["analytic"] == pytest.approx(wanted, rel=0.02)
    assert spread["ancestral"] < 0.96 * wanted


def test_the_variance_is_the_formula_of_the_papers() -> None:
    """As in arXiv 2408.16467, in terms of alpha and sigma of the two times."""
    times = [0, 100, 400, 999]
    gamma = torch.linspace(0.2, 0.999, 1000, dtype=torch.float64)
    variance = analytic_log_variance(SCHEDULE, respaced(SCHEDULE, times), gamma).exp()
    for s, t, found in zip(times[1:], times[2:], variance[2:].tolist(), strict=False):
        squared = (AB[t] / AB[s], 1 - AB[s], 1 - AB[t])  # a_ts, sigma_s, sigma_t
        beta = squared[2] - squared[0] * squared[1]
        covariance = (squared[2] / AB[t] * (1 - gamma[t])).clamp(0, 1)
        own = squared[1] * beta / squared[2]
        expected = own + AB[s] * beta**2 / squared[2] ** 2 * covariance
        assert found == pytest.approx(min(1.0, float(expected)), rel=1e-9)


@pytest.mark.parametrize("level", [0.0, 1.0, 5.0])
def test_the_variance_stays_between_the_posterior_s_and_one(level: float) -> None:
    times = spaced_times(1000, 10)[::-1]
    visited = respaced(SCHEDULE, times)
    gamma = torch.full((1000,), level, dtype=torch.float64)
    log_variance = analytic_log_variance(SCHEDULE, visited, gamma)
    assert bool(log_variance.isfinite().all())
    variance = log_variance.exp()[2:]
    assert bool((variance >= visited.posterior_variance[2:] * (1 - 1e-9)).all())
    assert float(variance.max()) <= 1 + 1e-12
    if level >= 1:  # nothing is unknown of x_0
        torch.testing.assert_close(variance, visited.posterior_variance[2:])


def test_the_last_noise_is_two_levels_of_grey_at_most() -> None:
    gamma = torch.zeros(1000, dtype=torch.float64)
    log_variance = analytic_log_variance(SCHEDULE, respaced(SCHEDULE, [0, 500, 999]), gamma)
    assert float(log_variance[1]) == pytest.approx(2 * torch.tensor(4 / 255 * sqrt(pi / 2)).log())


def test_a_learned_variance_is_not_used() -> None:
    def pair(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return wavy(x, t), torch.ones_like(x)

    gamma = torch.full((1000,), 0.9, dtype=torch.float64)
    results = []
    for predict in (wavy, pair):
        noise, x = start(2, 3)
        steps = analytic(
            predict, x, schedule=SCHEDULE, times=[999, 500, 0], noise=noise, gamma=gamma
        )
        results.append(list(steps)[-1].x_next)
    assert torch.equal(*results)


@pytest.mark.parametrize(
    "gamma", [None, torch.zeros(3), torch.full((1000,), float("nan")), -torch.ones(1000)]
)
def test_without_a_table_that_fits_the_command_is_named(gamma: Tensor | None) -> None:
    noise, x = start(1, 2)
    with pytest.raises(ConfigError, match="spikestudio gamma FILE --data DIR") as refused:
        analytic(wavy, x, schedule=SCHEDULE, times=[999, 0], noise=noise, gamma=gamma)
    assert refused.value.field == "sampler"


def test_a_request_may_name_it() -> None:
    assert SamplingRequest(sampler="analytic").sampler == "analytic"
