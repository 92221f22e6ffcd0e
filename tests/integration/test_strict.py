"""Strict numerics end to end: official file, conversion, sampling as the papers' code does it.

The loops here are written from the papers' descriptions alone and know nothing of our schedules and
samplers; only the random streams and the networks are shared.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from spikestudio.checkpoints.building import checked_tensors
from spikestudio.checkpoints.contents import open_checkpoint
from spikestudio.checkpoints.loader import LoadedModel, load
from spikestudio.checkpoints.official import Choices
from spikestudio.checkpoints.safetensors_io import save
from spikestudio.errors import ConfigError
from spikestudio.sampling.chain import Course
from spikestudio.sampling.plan import plan
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from spikestudio.seeds import ImageStreams
from tests.unit.checkpoints.official_files import make_network, write

N = 1000
NUM, SEED = 2, 3


def converted(folder: Path, kind: str, *, strict: bool = True) -> Any:
    """A small official ``LoadedModel``, converted and loaded again."""
    network: Any = make_network(kind)
    if kind == "sdit":  # random weights ask for a variance beyond all numbers
        network.conv.weight.mul_(0.05)
    contents = open_checkpoint(write(folder, kind, network), None, Choices(strict=strict))
    out = folder / "ours.safetensors"
    save(out, checked_tensors(contents), contents.card)
    model = load(out)
    assert model.is_strict == strict
    return model


def request_of(model: LoadedModel, **changes: Any) -> SamplingRequest:
    return SamplingRequest(**model.defaults() | {"num": NUM, "seed": SEED} | changes)


def sampled(model: LoadedModel, request: SamplingRequest) -> tuple[Tensor, list[int]]:
    """The last state of a run, and the times that the network was told."""
    course, told = Course(model, request), []

    def predict(x: Tensor, t: Tensor, *y: Tensor) -> Any:
        told.append(int(t[0]))
        return model.predict(x, t, *y)

    course.predict = predict
    for _ in plan(model, request):
        last: Any = course.advance()
    assert told == list(plan(model, request))
    return (last.tokens if model.is_token_model else last.x_next), told


def alpha_bars(dtype: torch.dtype) -> Tensor:
    return torch.cumprod(1 - torch.linspace(1e-4, 0.02, N, dtype=dtype).double(), 0)


def noise_of(model: LoadedModel) -> tuple[ImageStreams, Tensor]:
    config: Any = model.network.config
    streams = ImageStreams(SEED, NUM)
    return streams, streams.normal(config.image_channels, config.image_size, config.image_size)


def close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= 1e-4 * b.abs().max())


@pytest.mark.parametrize("kind", ["sddpm", "sdm"])
@pytest.mark.parametrize("steps", [4, 7])
def test_ddim_of_sddpm(tmp_path: Path, kind: str, steps: int) -> None:
    model = converted(tmp_path, kind)
    result, told = sampled(model, request_of(model, sampler="ddim", steps=steps))
    ab = alpha_bars(torch.float32)
    times = [max(int(N - 1 - k * N / steps), 0) for k in range(steps)]
    times += [0] if times[-1] else []
    _, x = noise_of(model)
    for t, s in pairwise(times):
        eps = model.predict(x, t)
        x0 = ((1 / ab[t]).sqrt().float() * x - (1 / ab[t] - 1).sqrt().float() * eps).clamp(-1, 1)
        x = ab[s].sqrt().float() * x0 + (1 - ab[s]).sqrt().float() * eps
    assert told == times[:-1]
    assert close(result, x)
    assert result.abs().max() > 1  # neither clipped nor denoised at the end


def test_strided_ancestral_of_sddpm(tmp_path: Path) -> None:
    model = converted(tmp_path, "sddpm")
    result, told = sampled(model, request_of(model, sampler="ancestral", steps=5))
    betas = torch.linspace(1e-4, 0.02, N).double()
    ab = alpha_bars(torch.float32)
    times = [999, 799, 599, 399, 199, 0]
    assert told == times
    streams, x = noise_of(model)
    for t, s in zip(times, [*times[1:], -1], strict=True):
        eps = model.predict(x, t)
        x0 = ((1 / ab[t]).sqrt().float() * x - (1 / ab[t] - 1).sqrt().float() * eps).clamp(-1, 1)
        if s < 0:
            x = x0
            break
        a_ts = (ab[t] / ab[s]).sqrt()
        beta_ts = (1 - ab[t]) - a_ts**2 * (1 - ab[s])
        mean = (a_ts * (1 - ab[s]) / (1 - ab[t])).float() * x
        mean = mean + (ab[s].sqrt() * beta_ts / (1 - ab[t])).float() * x0
        x = mean + betas[t].sqrt().float() * streams.normal(*x.shape[1:])
    assert close(result, x)


def test_respaced_sampling_of_sdit(tmp_path: Path) -> None:
    model = converted(tmp_path, "sdit")
    assert (
        model.defaults().items() >= {"sampler": "ancestral", "steps": 250, "clip_x0": False}.items()
    )
    result, told = sampled(model, request_of(model, steps=6, class_label=1))
    times = [round(k * 999 / 5) for k in range(6)]
    assert told == times[::-1]
    kept = alpha_bars(torch.float64)[times]
    before = torch.cat([torch.ones(1, dtype=torch.float64), kept[:-1]])
    betas = 1 - kept / before
    posterior = betas * (1 - before) / (1 - kept)
    low, high = torch.cat([posterior[1:2], posterior[1:]]).log(), betas.log()
    streams, x = noise_of(model)
    streams.labels(model.num_classes or 0)
    for i in reversed(range(6)):
        eps, v = model.predict(x, times[i], 1)
        share = (v + 1) / 2
        log_variance = share * high[i].float() + (1 - share) * low[i].float()
        x0 = (1 / kept[i]).sqrt().float() * x - (1 / kept[i] - 1).sqrt().float() * eps
        mean = (before[i].sqrt() * betas[i] / (1 - kept[i])).float() * x0
        mean = mean + ((1 - betas[i]).sqrt() * (1 - before[i]) / (1 - kept[i])).float() * x
        x = mean if i == 0 else mean + (0.5 * log_variance).exp() * streams.normal(*x.shape[1:])
    assert x.abs().max() > 1  # predicted images were not clipped
    assert close(result, x.clamp(-1, 1))


def test_ddim_of_sdit_visits_multiples(tmp_path: Path) -> None:
    model = converted(tmp_path, "sdit")
    times = plan(model, request_of(model, sampler="ddim", steps=50))
    assert times == tuple(range(980, -1, -20))
    with pytest.raises(ConfigError, match="divisor"):
        plan(model, request_of(model, sampler="ddim", steps=49))


@pytest.mark.parametrize("steps", [49, 12])
def test_spiking_diffusion_is_told_the_steps_left(tmp_path: Path, steps: int) -> None:
    model = converted(tmp_path, "spiking-diffusion")
    result, told = sampled(model, request_of(model, steps=steps, temperature=0.65))
    assert told == list(range(steps, 0, -1))
    streams = ImageStreams(SEED, NUM)
    tokens = torch.full((NUM, 7, 7), 8)
    hidden = torch.ones_like(tokens, dtype=torch.bool)
    for t in told:
        when, which = streams.uniform(2, 7, 7).unbind(1)
        logits = model.predict(tokens, t)
        shares = torch.softmax(logits / 0.65, 1).cumsum(1)
        codes = (shares <= which[:, None] * shares[:, -1:]).sum(1)
        change = hidden & (when < 1 / t)
        tokens, hidden = torch.where(change, codes, tokens), hidden & ~change
    assert not hidden.any()
    assert torch.equal(result, tokens)


def test_not_strict_is_told_the_noise_and_ends_clean(tmp_path: Path) -> None:
    tokens = converted(tmp_path / "a", "spiking-diffusion", strict=False)
    assert plan(tokens, request_of(tokens, steps=12))[0] == 49
    images = converted(tmp_path / "b", "sddpm", strict=False)
    request = request_of(images, sampler="ddim", steps=5)
    assert plan(images, request) == (999, 749, 500, 250, 0)
    assert sampled(images, request)[0].abs().max() <= 1


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        ("sddpm", {"sampler": "ddpm", "steps": 50}, "steps"),
        ("sddpm", {"sampler": "diffusers:dpm++", "steps": 10}, "sampler"),
        ("sddpm", {"sampler": "ddim", "eta": 0.5}, "eta"),
        ("spiking-diffusion", {"snn_steps": 4}, "snn_steps"),
        ("sdit", {"sampler": "analytic"}, "sampler"),
    ],
)
def test_what_the_papers_code_cannot_do_is_refused(
    tmp_path: Path, kind: str, changes: dict[str, Any], field: str
) -> None:
    model = converted(tmp_path, kind)
    with pytest.raises(ConfigError) as caught:
        plan(model, request_of(model, **changes))
    assert caught.value.field == field


@pytest.mark.parametrize("kind", ["sddpm", "spiking-diffusion", "sdit"])
def test_whole_runs_finish(tmp_path: Path, kind: str) -> None:
    model = converted(tmp_path, kind)
    run = SamplingRun(model, request_of(model, steps=3))
    assert list(run)
    result: Any = run.result
    assert result.is_complete
    assert len(result.images) == NUM
