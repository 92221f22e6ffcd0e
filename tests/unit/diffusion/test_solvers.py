"""Names of the solvers, and every scheduler of diffusers against the demands on ours."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from spikestudio.diffusion import solvers
from spikestudio.diffusion.diffusers_samplers import evaluation_times
from spikestudio.diffusion.samplers import SAMPLERS, SamplerStep, sampler_of
from spikestudio.diffusion.schedules import GaussianSchedule, respaced, spaced_times
from spikestudio.diffusion.solvers import (
    ABSENT,
    OURS,
    SCHEDULERS,
    canonical,
    solver,
    why_absent,
)
from spikestudio.errors import ConfigError
from tests.unit.diffusion.test_samplers import SCHEDULE, Streams, gaussian_denoiser, wavy

pytest.importorskip("diffusers")

NAMES = sorted(SCHEDULERS)
FRESH = {"diffusers:euler-a", "diffusers:dpm++sde", "diffusers:ddpm"}
every_scheduler = pytest.mark.parametrize("name", NAMES)


def run(
    name: str,
    predict: Callable[[Tensor, Tensor], Tensor | tuple[Tensor, Tensor]] = wavy,
    *,
    steps: int = 10,
    times: list[int] | None = None,
    seeds: range = range(4),
    size: int = 3,
    clip_x0: bool = True,
    schedule: GaussianSchedule = SCHEDULE,
    dtype: torch.dtype = torch.float32,
    eta: float = 0.0,
    noise: Streams | None = None,
) -> list[SamplerStep]:
    if times is None:
        is_ours = name in SAMPLERS
        times = (
            spaced_times(len(schedule), steps)
            if is_ours
            else evaluation_times(name, len(schedule), steps)
        )
    noise = noise or Streams(seeds)
    start = noise(torch.empty(len(noise.generators), 2, size, size, dtype=dtype))
    return list(
        sampler_of(name)(
            predict,
            start,
            schedule=schedule,
            times=times,
            noise=noise,
            clip_x0=clip_x0,
            eta=eta,
        )
    )


# names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*OURS, *SCHEDULERS])
def test_every_solver_says_in_one_sentence_what_it_does(name: str) -> None:
    entry = solver(name)
    assert entry.title
    assert entry.does.endswith(".")
    assert ". " not in entry.does
    assert len(entry.does) < 46  # as much as fits under the choice
    assert canonical(name) == name


def test_a_class_of_diffusers_is_the_plain_solver_of_that_class() -> None:
    assert canonical("diffusers:DPMSolverMultistepScheduler") == "diffusers:dpm++"
    assert canonical("diffusers:UniPCMultistepScheduler") == "diffusers:unipc"
    for name, entry in SCHEDULERS.items():
        same_class = canonical(f"diffusers:{entry.class_name}")
        assert SCHEDULERS[same_class].class_name == entry.class_name
        assert same_class == name or entry.config != SCHEDULERS[same_class].config


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_left_out_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        canonical(f"diffusers:{name}")
    assert ABSENT[name] in str(refused.value)


def test_what_is_left_out_exists_and_what_is_offered_is_not_among_it() -> None:
    import diffusers

    assert all(hasattr(diffusers, name) for name in ABSENT)
    assert not {entry.class_name for entry in SCHEDULERS.values()} & {*ABSENT}


@pytest.mark.parametrize(
    ("name", "meant"), [("unipc", "diffusers:unipc"), ("diffusers:unipcc", "diffusers:unipc")]
)
def test_a_near_miss_is_told_what_is_meant(name: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean {meant}"):
        canonical(name)


def test_without_the_package_one_clause_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solvers, "find_spec", lambda name: None)
    assert "pip install 'spikestudio[solvers]'" in why_absent(
        "diffusers:unipc", is_token_model=False
    )
    assert why_absent("ddim", is_token_model=False) == ""


@pytest.mark.parametrize("name", [*OURS, *SCHEDULERS])
def test_tokens_are_revealed_and_pixels_are_not(name: str) -> None:
    assert (why_absent(name, is_token_model=True) == "") == (name == "absorbing")
    assert (why_absent(name, is_token_model=False) == "") == (name != "absorbing")


def test_diffusers_is_imported_when_a_solver_of_it_starts_and_brings_no_torchvision() -> None:
    program = """
import sys, torch
from spikestudio.diffusion.samplers import sampler_of
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.sampling.request import SamplingRequest
SamplingRequest(sampler="diffusers:UniPCMultistepScheduler")
start = sampler_of("diffusers:unipc")
assert "diffusers" not in sys.modules
class Fresh:
    generators = [torch.Generator()]
steps = start(lambda x, t: x, torch.zeros(1, 1, 2, 2), schedule=GaussianSchedule.linear(),
              times=[999, 0], noise=Fresh())
assert len(list(steps)) == 2
assert "diffusers" in sys.modules
assert not {"torchvision", "transformers"} & sys.modules.keys()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


# the suite -----------------------------------------------------------------------------------


@every_scheduler
def test_steps_follow_each_other(name: str) -> None:
    steps = run(name)
    assert [step.index for step in steps] == list(range(10))
    for step, following in pairwise(steps):
        assert following.x_t is step.x_next
        assert step.t >= following.t
    for step in steps:
        assert step.x_t.shape == step.x0_hat.shape == step.x_next.shape == (4, 2, 3, 3)
        assert step.x_next.dtype == torch.float32
        assert bool(step.x_next.isfinite().all())
        assert step.x0_hat.abs().max() <= 1
    assert torch.equal(steps[-1].x_next, steps[-1].x0_hat)


@every_scheduler
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 9, 20])
def test_steps_are_evaluations_of_the_network(name: str, steps: int) -> None:
    asked: list[Tensor] = []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        asked.append(t)
        return wavy(x, t)

    done = run(name, predict, steps=steps, size=1)
    assert len(done) == len(asked) == steps
    assert [t.tolist() for t in asked] == [[step.t] * 4 for step in done]
    assert asked[0].dtype == torch.int64
    times = [step.t for step in done]
    assert times[0] == 999
    assert steps == 1 or times[-1] == 0
    levels = list(dict.fromkeys(times))
    assert levels == spaced_times(1000, len(levels))


def test_what_two_evaluations_a_step_come_to() -> None:
    assert evaluation_times("diffusers:heun", 1000, 5) == [999, 500, 500, 0, 0]
    assert evaluation_times("diffusers:heun", 1000, 4) == [999, 500, 500, 0]
    assert evaluation_times("diffusers:pndm", 1000, 4) == [999, 500, 500, 0]
    assert evaluation_times("diffusers:unipc", 1000, 3) == [999, 500, 0]


@every_scheduler
def test_no_more_steps_than_were_trained(name: str) -> None:
    short = GaussianSchedule.linear(12)
    assert len(run(name, schedule=short, steps=12)) == 12
    with pytest.raises(ConfigError, match="from 1 to 12"):
        evaluation_times(name, 12, 13)


@every_scheduler
def test_same_seeds_same_sample(name: str) -> None:
    first, second, other = run(name), run(name), run(name, seeds=range(4, 8))
    assert torch.equal(first[-1].x_next, second[-1].x_next)
    assert not torch.equal(first[-1].x_next, other[-1].x_next)


@every_scheduler
@pytest.mark.parametrize("size", [3, 28])
def test_an_image_does_not_depend_on_its_batch(name: str, size: int) -> None:
    together = run(name, seeds=range(5), size=size)[-1].x_next
    for seed in range(5):
        alone = run(name, seeds=range(seed, seed + 1), size=size)[-1].x_next
        assert torch.equal(alone[0], together[seed])


@every_scheduler
def test_fresh_noise_is_that_of_the_images(name: str) -> None:
    noise = Streams(range(3))
    run(name, noise=noise, size=1)
    noise_of_start = Streams(range(3))
    noise_of_start(torch.empty(3, 2, 1, 1))
    moved = [
        not torch.equal(a.get_state(), b.get_state())
        for a, b in zip(noise.generators, noise_of_start.generators, strict=True)
    ]
    assert moved == [name in FRESH] * 3


@every_scheduler
def test_the_random_streams_of_torch_are_left_alone(name: str) -> None:
    before = torch.get_rng_state()
    run(name)
    assert torch.equal(torch.get_rng_state(), before)


@every_scheduler
@pytest.mark.parametrize("clip_x0", [True, False])
def test_knowing_the_image_gives_the_image(name: str, clip_x0: bool) -> None:
    image = torch.linspace(-1, 1, 18, dtype=torch.float64).reshape(1, 2, 3, 3)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        ab = SCHEDULE.alphas_cumprod[t].reshape(-1, 1, 1, 1)
        return (x - ab.sqrt() * image) / (1 - ab).sqrt()

    steps = run(name, predict, clip_x0=clip_x0, dtype=torch.float64)
    torch.testing.assert_close(steps[-1].x_next, image.expand(4, -1, -1, -1), rtol=0, atol=1e-6)


@every_scheduler
def test_gaussian_data_are_reproduced(name: str) -> None:
    """Mean within 4 standard errors and 0.003, spread within 4 %.

    With 200 evaluations, or with all 1000 where the noise of a step is too small for long ones.
    """
    mean, std = 0.3, 0.2
    steps = run(
        name,
        gaussian_denoiser(mean, std),
        steps=1000 if name in FRESH else 200,
        size=40,
        clip_x0=False,
    )
    values = steps[-1].x_next  # 12,800 values
    assert float(values.mean()) == pytest.approx(mean, abs=4 * std / 12_800**0.5 + 0.003)
    assert float(values.std()) == pytest.approx(std, rel=0.04)


@pytest.mark.parametrize("std", [0.2, 0.4, 0.7])
@pytest.mark.parametrize(
    "short", ["dpm++", "dpm++3m", "dpm++2s", "unipc", "deis", "lms", "heun", "pndm"]
)
def test_higher_orders_come_nearer_to_the_exact_path_than_ddim(short: str, std: float) -> None:
    """With 25 evaluations, against the closed solution for Gaussian data at time 0."""
    mean, evaluations = -0.2, 26 if short == "dpm++2s" else 25  # so that pairs come out even
    exact = gaussian_denoiser(mean, std)

    def error(name: str) -> float:
        steps = run(name, exact, steps=evaluations, size=20, clip_x0=False, dtype=torch.float64)
        ab, start = SCHEDULE.alphas_cumprod, steps[0].x_t
        far, near = ab[999], ab[0]
        grown = ((near * std**2 + 1 - near) / (far * std**2 + 1 - far)).sqrt()
        arrived = near.sqrt() * mean + grown * (start - far.sqrt() * mean)
        return float((steps[-1].x_t - arrived).square().mean().sqrt())

    assert error(f"diffusers:{short}") < 0.9 * error("ddim")


@every_scheduler
def test_clean_image_is_clamped_on_request_only(name: str) -> None:
    free = run(name, clip_x0=False)
    assert max(float(step.x0_hat.abs().max()) for step in free) > 1
    assert free[-1].x_next.abs().max() <= 1


@every_scheduler
@pytest.mark.parametrize("steps", [4, 9, 16])
def test_state_and_history_are_all_that_the_next_steps_need(name: str, steps: int) -> None:
    """A run that knows nothing of the steps before but these two ends as the whole run."""
    whole = run(name, steps=steps)
    times = [step.t for step in whole]
    assert max(len(step.history) for step in whole[:-1]) <= SCHEDULERS[name].slots
    for first in range(1, steps):
        predict = Forgetful()
        noise = Streams(range(4))
        start = noise(torch.empty(4, 2, 3, 3))
        sampler = sampler_of(name)
        chain = sampler(predict, start, schedule=SCHEDULE, times=times, noise=noise)
        for _ in range(first):
            step = next(chain)
        step.x_next.copy_(whole[first - 1].x_next)
        for mine, kept in zip(step.history, run_history(name, steps, first), strict=True):
            mine.copy_(kept)
        predict.is_past = False
        *_, last = chain
        assert torch.equal(last.x_next, whole[-1].x_next), first


class Forgetful:
    """A network that says nothing in the past."""

    is_past = True

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.zeros_like(x) if self.is_past else wavy(x, t)


def run_history(name: str, steps: int, first: int) -> list[Tensor]:
    """Copies of what a run keeps when step ``first`` begins."""
    noise = Streams(range(4))
    start = noise(torch.empty(4, 2, 3, 3))
    times = evaluation_times(name, 1000, steps)
    chain = sampler_of(name)(wavy, start, schedule=SCHEDULE, times=times, noise=noise)
    for _ in range(first):
        step = next(chain)
    return [each.clone() for each in step.history]


# agreement -----------------------------------------------------------------------------------
# Plain loops of diffusers, at times that it can be told: every 1000 / num from 0 on. Its own products
# of the betas are in float32 and ours in float64, so it gets ours: the formulas are compared.


def smooth(x: Tensor, t: Tensor) -> Tensor:
    """Some network that does not blow rounding up."""
    ab = SCHEDULE.alphas_cumprod.float()[t].reshape(-1, 1, 1, 1)
    return (1 - ab).sqrt() * (x - 0.1 * ab.sqrt()) / (1 - 0.5 * ab) + 0.1 * torch.sin(3 * x) * ab


def pair(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    return smooth(x, t), torch.cos(2 * x)


def theirs(
    scheduler: Any,
    predict: Callable[[Tensor, Tensor], Tensor],
    num: int,
    **arguments: Any,
) -> tuple[list[int], list[Tensor]]:
    """Times, and the states from the first to the last."""
    scheduler.alphas_cumprod = SCHEDULE.alphas_cumprod
    scheduler.set_timesteps(num)
    noise = Streams(range(4))
    x = noise(torch.empty(4, 2, 3, 3))
    found = [x]
    for t in scheduler.timesteps:
        given = predict(x, torch.full((4,), int(t)))
        x = scheduler.step(given, t, x, generator=noise.generators, **arguments).prev_sample
        found.append(x)
    return scheduler.timesteps.tolist(), found


def assert_close(steps: list[SamplerStep], found: list[Tensor]) -> None:
    """To 1e-5 of what a state holds; our last state is clipped in any case."""
    for step, expected in zip(steps, found[:-1], strict=True):
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(step.x_t, expected, rtol=0, atol=1e-5 * scale)
    torch.testing.assert_close(steps[-1].x_next, found[-1].clamp(-1, 1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("clip_x0", [True, False])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("num", [5, 50])
def test_our_ddim_is_that_of_diffusers(num: int, eta: float, clip_x0: bool) -> None:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    scheduler = DDIMScheduler(1000, clip_sample=clip_x0)
    times, found = theirs(scheduler, smooth, num, eta=eta)
    assert times == list(range(1000 - 1000 // num, -1, -1000 // num))
    assert_close(run("ddim", smooth, times=times, eta=eta, clip_x0=clip_x0), found)


@pytest.mark.parametrize("clip_x0", [True, False])
@pytest.mark.parametrize("is_learned", [False, True])
@pytest.mark.parametrize("num", [5, 50, 1000])
def test_our_ancestral_is_ddpm_of_diffusers(num: int, is_learned: bool, clip_x0: bool) -> None:
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    variance = "learned_range" if is_learned else "fixed_small"
    scheduler = DDPMScheduler(1000, clip_sample=clip_x0, variance_type=variance)
    predict = (lambda x, t: torch.cat(pair(x, t), 1)) if is_learned else smooth
    times, found = theirs(scheduler, predict, num)
    steps = run("ancestral", pair if is_learned else smooth, times=times, clip_x0=clip_x0)
    assert_close(steps, found)


@pytest.mark.parametrize("clip_x0", [True, False])
def test_our_ddpm_is_that_of_diffusers(clip_x0: bool) -> None:
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    scheduler = DDPMScheduler(1000, clip_sample=clip_x0, variance_type="fixed_large")
    times, found = theirs(scheduler, smooth, 1000)
    assert_close(run("ddpm", smooth, times=times, clip_x0=clip_x0), found)


@pytest.mark.parametrize("clip_x0", [True, False])
@pytest.mark.parametrize(
    ("name", "ours", "eta"),
    [
        ("diffusers:ddim", "ddim", 0.0),
        ("diffusers:ddim", "ddim", 0.7),
        ("diffusers:ddpm", "ancestral", 0.0),
    ],
)
@pytest.mark.parametrize("num", [3, 20, 200])
def test_what_is_the_same_by_name_is_the_same(
    name: str, ours: str, eta: float, num: int, clip_x0: bool
) -> None:
    mine = run(ours, smooth, steps=num, eta=eta, clip_x0=clip_x0)
    other = run(name, smooth, steps=num, eta=eta, clip_x0=clip_x0)
    for a, b in zip(mine, other, strict=True):
        scale = max(1.0, float(a.x_next.abs().max()))
        torch.testing.assert_close(a.x_next, b.x_next, rtol=0, atol=1e-5 * scale)


def test_ddpm_of_diffusers_takes_the_learned_variance() -> None:
    mine, other = run("ancestral", pair, steps=20), run("diffusers:ddpm", pair, steps=20)
    torch.testing.assert_close(mine[-1].x_next, other[-1].x_next, rtol=0, atol=1e-5)
    plain = run("diffusers:ddpm", smooth, steps=20)
    assert not torch.allclose(plain[5].x_next, other[5].x_next, atol=1e-3)


def test_euler_is_ddim() -> None:
    mine = run("ddim", smooth, clip_x0=False, steps=20)
    other = run("diffusers:euler", smooth, clip_x0=False, steps=20)
    for a, b in zip(mine, other, strict=True):
        scale = max(1.0, float(a.x_next.abs().max()))
        torch.testing.assert_close(a.x_next, b.x_next, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("dpm++", {"final_sigmas_type": "sigma_min", "euler_at_final": True}),
        (
            "dpm++3m",
            {"final_sigmas_type": "sigma_min", "euler_at_final": True, "solver_order": 3},
        ),
        ("unipc", {"final_sigmas_type": "sigma_min"}),
        ("deis", {}),
    ],
)
def test_a_plain_loop_of_diffusers_comes_to_the_same(name: str, config: dict[str, Any]) -> None:
    """With the schedule of 1000 betas; its own times, down to time 0, where ours then ends."""
    entry = SCHEDULERS[f"diffusers:{name}"]
    module = import_module(f"diffusers.schedulers.scheduling_{entry.module}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        kind = getattr(module, entry.class_name)
        scheduler = kind(1000, beta_start=1e-4, beta_end=0.02, **config)
        scheduler.set_timesteps(20)
        times = [*scheduler.timesteps.tolist(), 0]
        x = Streams(range(4))(torch.empty(4, 2, 3, 3))
        steps = run(f"diffusers:{name}", smooth, times=times, clip_x0=False)
        for step, t in zip(steps, scheduler.timesteps, strict=False):
            scale = max(1.0, float(x.abs().max()))
            torch.testing.assert_close(step.x_t, x, rtol=0, atol=1e-4 * scale)
            x = scheduler.step(smooth(x, torch.full((4,), int(t))), t, x).prev_sample
    torch.testing.assert_close(steps[-1].x_t, x, rtol=0, atol=1e-4)


def test_the_levels_are_those_of_the_model() -> None:
    from spikestudio.diffusion.diffusers_samplers import make_scheduler

    visited = respaced(SCHEDULE, spaced_times(1000, 7))
    made = make_scheduler(SCHEDULERS["diffusers:unipc"], visited, clip_x0=True)
    ab = visited.alphas_cumprod.flip(0)
    expected = ((1 - ab) / ab).sqrt().float()
    torch.testing.assert_close(made.sigmas, expected, rtol=1e-3, atol=0)
    assert made.config.prediction_type == "epsilon"
