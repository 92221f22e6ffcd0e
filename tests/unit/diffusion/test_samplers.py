"""Every sampler against the same demands, then what is special to each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from spikestudio.diffusion.gaussian import q_sample
from spikestudio.diffusion.samplers import SAMPLERS, Noise, SamplerStep, ancestral, ddim, guided
from spikestudio.diffusion.schedules import (
    GaussianSchedule,
    respaced,
    spaced_times,
    upstream_times,
)
from spikestudio.errors import ConfigError

SCHEDULE = GaussianSchedule.linear()
SHORT = GaussianSchedule.linear(10)
NAMES = sorted(set(SAMPLERS) - {"analytic"})  # which needs a table: test_analytic.py
every_sampler = pytest.mark.parametrize("name", NAMES)


class Streams:
    """One random stream per image."""

    def __init__(self, seeds: range) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, like: Tensor) -> Tensor:
        drawn = [torch.randn(like.shape[1:], generator=g) for g in self.generators]
        return torch.stack(drawn).to(like.dtype)


def wavy(x: Tensor, t: Tensor) -> Tensor:
    """Some network: not the right one for any data."""
    return torch.sin(3 * x) + 0.001 * t.reshape(-1, 1, 1, 1)


def gaussian_denoiser(mean: float, std: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The exact expected noise for data of independent ``N(mean, std^2)`` values."""

    def predict(x: Tensor, t: Tensor) -> Tensor:
        ab = SCHEDULE.alphas_cumprod[t].reshape(-1, 1, 1, 1)
        return (1 - ab).sqrt() * (x - ab.sqrt() * mean) / (ab * std**2 + 1 - ab)

    return predict


def run(
    name: str,
    predict: Callable[[Tensor, Tensor], Tensor | tuple[Tensor, Tensor]] = wavy,
    *,
    schedule: GaussianSchedule = SHORT,
    times: list[int] | None = None,
    seeds: range = range(4),
    size: int = 3,
    clip_x0: bool = True,
    strict: bool = False,
    dtype: torch.dtype = torch.float32,
) -> list[SamplerStep]:
    noise: Noise = Streams(seeds)
    start = noise(torch.empty(len(seeds), 2, size, size, dtype=dtype))
    if times is None:
        times = spaced_times(len(schedule), len(schedule))
    sampler = SAMPLERS[name]
    return list(
        sampler(
            predict,
            start,
            schedule=schedule,
            times=times,
            noise=noise,
            clip_x0=clip_x0,
            strict=strict,
        )
    )


@every_sampler
def test_steps_follow_each_other(name: str) -> None:
    steps = run(name)
    assert [step.index for step in steps] == list(range(10))
    assert [step.t for step in steps] == list(range(9, -1, -1))
    for step, following in pairwise(steps):
        assert following.x_t is step.x_next
    for step in steps:
        assert step.x_t.shape == step.x0_hat.shape == step.x_next.shape == (4, 2, 3, 3)
        assert step.x_next.dtype == torch.float32
        assert step.x0_hat.abs().max() <= 1
    assert torch.equal(steps[-1].x_next, steps[-1].x0_hat)


@every_sampler
def test_same_seeds_same_sample(name: str) -> None:
    first, second, other = run(name), run(name), run(name, seeds=range(4, 8))
    assert torch.equal(first[-1].x_next, second[-1].x_next)
    assert not torch.equal(first[-1].x_next, other[-1].x_next)


@every_sampler
def test_an_image_does_not_depend_on_its_batch(name: str) -> None:
    together = run(name, seeds=range(5))[-1].x_next
    for seed in range(5):
        assert torch.equal(run(name, seeds=range(seed, seed + 1))[-1].x_next[0], together[seed])


@every_sampler
def test_network_is_told_the_times(name: str) -> None:
    asked: list[Tensor] = []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        asked.append(t)
        return wavy(x, t)

    times = spaced_times(1000, 1000 if name == "ddpm" else 7)
    steps = run(name, predict, schedule=SCHEDULE, times=times, size=1)
    assert [step.t for step in steps] == times
    assert [t.tolist() for t in asked] == [[time] * 4 for time in times]
    assert asked[0].dtype == torch.int64


@every_sampler
@pytest.mark.parametrize("strict", [False, True])
def test_knowing_the_image_gives_the_image(name: str, strict: bool) -> None:
    image = torch.linspace(-1, 1, 18, dtype=torch.float64).reshape(1, 2, 3, 3)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        ab = SCHEDULE.alphas_cumprod[t].reshape(-1, 1, 1, 1)
        return (x - ab.sqrt() * image) / (1 - ab).sqrt()

    times = (upstream_times if strict else spaced_times)(1000, 1000 if name == "ddpm" else 10)
    steps = run(name, predict, schedule=SCHEDULE, times=times, strict=strict, dtype=torch.float64)
    for step in steps:
        torch.testing.assert_close(step.x0_hat, image.expand(4, -1, -1, -1), rtol=0, atol=1e-9)
    if not (strict and name == "ddim"):
        torch.testing.assert_close(steps[-1].x_next, image.expand(4, -1, -1, -1), rtol=0, atol=1e-9)


@every_sampler
def test_gaussian_data_are_reproduced(name: str) -> None:
    mean, std = 0.3, 0.2
    steps = run(
        name,
        gaussian_denoiser(mean, std),
        schedule=SCHEDULE,
        times=spaced_times(1000, 1000),
        size=40,
        clip_x0=False,
        dtype=torch.float64,
    )
    values = steps[-1].x_next  # 12,800 values
    assert float(values.mean()) == pytest.approx(mean, abs=4 * std / 12_800**0.5)
    assert float(values.std()) == pytest.approx(std, rel=0.04)


@pytest.mark.parametrize("evaluations", [1, 5, 20])
def test_exact_variance_makes_few_steps_exact(evaluations: int) -> None:
    mean, std = -0.2, 0.3
    times = spaced_times(1000, evaluations)
    visited = respaced(SCHEDULE, times)
    exact = gaussian_denoiser(mean, std)

    def predict(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        i = int((visited.times == t[0]).nonzero())
        ab = visited.alphas_cumprod[i]
        uncertainty = std**2 * (1 - ab) / (ab * std**2 + 1 - ab)  # variance of x_0 given x_t
        variance = visited.posterior_variance[i] + visited.posterior_coef_x0[i] ** 2 * uncertainty
        low, high = visited.fixedsmall_log_variance[i], visited.log_betas[i]
        coefficient = 2 * (variance.log() - low) / (high - low) - 1
        return exact(x, t), coefficient.expand_as(x)

    steps = run(
        "ancestral",
        predict,
        schedule=SCHEDULE,
        times=times,
        size=60,
        clip_x0=False,
        dtype=torch.float64,
    )
    if evaluations == 1:  # all that one evaluation can know is the mean
        torch.testing.assert_close(
            steps[0].x_next, torch.full_like(steps[0].x_next, mean), rtol=0, atol=0.01
        )
        return
    last = steps[-1].x_t  # at time 0, a noise of 0.01 away from the data
    assert float(last.mean()) == pytest.approx(mean, abs=4 * std / 28_800**0.5)
    assert float(last.std()) == pytest.approx((0.9999 * std**2 + 1e-4) ** 0.5, rel=0.02)


@every_sampler
def test_clean_image_is_clamped_on_request_only(name: str) -> None:
    free = run(name, clip_x0=False)
    assert max(float(step.x0_hat.abs().max()) for step in free) > 1
    assert free[-1].x_next.abs().max() <= 1


@pytest.mark.parametrize("name", ["ancestral", "ddim"])
def test_one_evaluation(name: str) -> None:
    (step,) = run(name, schedule=SCHEDULE, times=spaced_times(1000, 1))
    assert step.t == 999
    assert torch.equal(step.x_next, step.x0_hat)


def test_ddpm_refuses_strides() -> None:
    with pytest.raises(ConfigError, match="ddim or ancestral") as refused:
        run("ddpm", schedule=SCHEDULE, times=spaced_times(1000, 50))
    assert refused.value.field == "steps"


def test_ddpm_step_is_the_published_one() -> None:
    steps = run("ddpm", schedule=SCHEDULE, times=upstream_times(1000, 1000), strict=True)
    noise = Streams(range(4))
    assert torch.equal(noise(steps[0].x_t), steps[0].x_t)
    z = noise(steps[0].x_t)
    x, beta, ab = steps[0].x_t.double(), SCHEDULE.betas[999], SCHEDULE.alphas_cumprod[999]
    x0 = ((x - (1 - ab).sqrt() * wavy(x, torch.tensor([999]))) / ab.sqrt()).clamp(-1, 1)
    expected = 1.283515e-04 * x0 + 0.98994868 * x + beta.sqrt() * z
    torch.testing.assert_close(steps[0].x_next.double(), expected, rtol=1e-5, atol=1e-6)


def test_strict_ddim_stops_before_the_last_time() -> None:
    times = upstream_times(1000, 10)
    steps = run("ddim", schedule=SCHEDULE, times=times, strict=True)
    assert [step.t for step in steps] == times[:-1]
    last = steps[-1]
    eps = wavy(last.x_t, torch.full((4,), last.t))
    expected = q_sample(SCHEDULE, last.x0_hat, torch.zeros(4, dtype=torch.int64), eps)
    torch.testing.assert_close(last.x_next, expected)


def test_ddim_keeps_the_raw_noise_beside_the_clamped_image() -> None:
    times = spaced_times(1000, 4)
    step = run("ddim", lambda x, t: torch.zeros_like(x), schedule=SCHEDULE, times=times)[0]
    assert float(step.x0_hat.abs().min()) == 1.0  # x / sqrt(ab) is far outside
    ab = SCHEDULE.alphas_cumprod[times[1]]
    torch.testing.assert_close(step.x_next, (ab.sqrt() * step.x0_hat).float())


def test_ddim_ignores_a_learned_variance() -> None:
    def pair(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return wavy(x, t), torch.ones_like(x)

    assert torch.equal(run("ddim", pair)[-1].x_next, run("ddim")[-1].x_next)
    assert not torch.equal(run("ancestral", pair)[-1].x_next, run("ancestral")[-1].x_next)


@pytest.mark.parametrize("strict", [False, True])
def test_strided_variance(strict: bool) -> None:
    times = [900, 400, 0]
    start = torch.zeros(1, 1, 60, 60, dtype=torch.float64)
    (step, *_) = ancestral(
        lambda x, t: torch.zeros_like(x),
        start,
        schedule=SCHEDULE,
        times=times,
        noise=Streams(range(1)),
        strict=strict,
    )
    near, far = SCHEDULE.alphas_cumprod[400], SCHEDULE.alphas_cumprod[900]
    strided = (1 - near) * (1 - far / near) / (1 - far)
    expected = SCHEDULE.betas[900] if strict else strided
    assert float(step.x_next.square().mean()) == pytest.approx(float(expected), rel=0.1)


def conditional(x: Tensor, t: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Noise and variance that tell which label was asked for."""
    level = y.to(x.dtype).reshape(-1, 1, 1, 1)
    return x * (1 + level), x * 0 + level


def test_guidance_moves_away_from_the_unconditional() -> None:
    x, t = torch.ones(2, 1, 2, 2), torch.tensor([5, 5])
    eps, variance = guided(conditional, torch.tensor([3, 4]), 2.0, 10)(x, t)
    assert eps[:, 0, 0, 0].tolist() == [11 + 2.0 * (4 - 11), 11 + 2.0 * (5 - 11)]
    assert variance[:, 0, 0, 0].tolist() == [3, 4]


@pytest.mark.parametrize(("scale", "evaluated"), [(1.0, 2), (0.0, 4), (3.0, 4)])
def test_guidance_costs_one_call(scale: float, evaluated: int) -> None:
    batches: list[int] = []

    def predict(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        batches.append(len(x))
        assert len(x) == len(t) == len(y)
        return x * y.reshape(-1, 1, 1, 1)

    predicted = guided(predict, torch.tensor([1, 2]), scale, 10)
    list(
        ddim(
            predicted, torch.ones(2, 1, 1, 1), schedule=SHORT, times=[9, 0], noise=torch.randn_like
        )
    )
    assert batches == [evaluated, evaluated]
