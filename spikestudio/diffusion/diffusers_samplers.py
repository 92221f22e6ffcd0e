"""Schedulers of the package diffusers in the shape of our samplers.

A scheduler is given the levels of the run alone, as a noise schedule of that length, so every one
visits the times that our own samplers do, down to 0. Its state between two steps is what the network is
shown, ``x_t``, and the tensors of earlier steps that it keeps, which are in ``SamplerStep.history``:
with both put back, it goes on to the bit. Fresh noise comes from the streams of the images.

Conventions, where those of diffusers differ among its classes: the times are ours; the last evaluation,
at time 0, ends the run with the clean image that it predicts; multistep solvers enter time 0 with the
first order. Where the predicted clean image is clipped, a scheduler gets the noise that the clipped one
implies, unless it clips by itself as our samplers do.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from spikestudio.diffusion.gaussian import predict_x0
from spikestudio.diffusion.samplers import Noise, Predict, Sampler, SamplerStep, split
from spikestudio.diffusion.schedules import (
    GaussianSchedule,
    gather,
    respaced,
    spaced_times,
)
from spikestudio.diffusion.solvers import SCHEDULERS, Scheduler

LEARNED = "learned_range"


def evaluation_times(name: str, num_train_timesteps: int, steps: int) -> list[int]:
    """Descending times of exactly ``steps`` evaluations; a time that is evaluated twice comes twice.

    Heun goes to each time but the first as a guess, which it evaluates, and from it again, so
    ``steps`` evaluations are ``steps // 2 + 1`` levels. PNDM does so at the second time only, which
    makes ``steps - 1`` levels (from 3 evaluations on).
    """
    spaced_times(num_train_timesteps, steps)  # no more than were trained
    scheduler = SCHEDULERS[name]
    if scheduler.repeats is None:
        return spaced_times(num_train_timesteps, steps)
    num = max(steps - 1, min(steps, 2)) if scheduler.once else steps // 2 + 1
    levels = spaced_times(num_train_timesteps, num)
    first = scheduler.repeats
    last = first + 1 if scheduler.once else len(levels)
    times = [t for k, t in enumerate(levels) for _ in range(1 + (first <= k < last))]
    return times[:steps]


def diffusers_sampler(name: str) -> Sampler:
    """The sampler of ``diffusers:NAME``; imports nothing before it is called."""

    def sampler(
        predict: Predict,
        x_T: Tensor,  # noqa: N803  the literature's name
        *,
        schedule: GaussianSchedule,
        times: Sequence[int],
        noise: Noise,
        clip_x0: bool = True,
        strict: bool = False,
        gamma: Tensor | None = None,
        eta: float = 0.0,
    ) -> Iterator[SamplerStep]:
        del strict, gamma  # of the published codes, and of the sampler analytic
        visited = respaced(schedule, list(dict.fromkeys(times)))
        dtype = torch.float32 if x_T.device.type == "mps" else torch.float64
        scheduler = make_scheduler(SCHEDULERS[name], visited, clip_x0=clip_x0, dtype=dtype)
        chain = _Chain(SCHEDULERS[name], scheduler, visited, noise, clip_x0, eta)
        return chain.steps(predict, x_T, times)

    return sampler


def make_scheduler(
    scheduler: Scheduler,
    visited: GaussianSchedule,
    *,
    clip_x0: bool,
    dtype: torch.dtype = torch.float64,
) -> Any:  # noqa: ANN401  a class of diffusers, which is imported here
    """A scheduler of diffusers whose training times are the levels of a run, entry 0 the last one."""
    module = import_module(f"diffusers.schedulers.scheduling_{scheduler.module}")
    num = len(visited)
    config = dict(scheduler.config) | ({"clip_sample": clip_x0} if scheduler.clips else {})
    with _quiet():
        made = getattr(module, scheduler.class_name)(
            num_train_timesteps=num, trained_betas=visited.betas.numpy(), **config
        )
        # It multiplies the betas in float32, which far strides have too few digits for.
        made.alphas_cumprod = visited.alphas_cumprod.to(dtype)
        made.set_timesteps(max(num - 1, 1) if scheduler.is_multistep else num)
    return made


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what NumPy says of the old way in which some schedulers make arrays of tensors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


class _Chain:
    """One run of a scheduler."""

    def __init__(
        self,
        kind: Scheduler,
        scheduler: Any,  # noqa: ANN401
        visited: GaussianSchedule,
        noise: Noise,
        clip_x0: bool,
        eta: float,
    ) -> None:
        self._kind, self._scheduler = kind, scheduler
        self._visited, self._clip_x0 = visited, clip_x0
        self._entries = {t: entry for entry, t in enumerate(visited.times.tolist())}
        takes = signature(scheduler.step).parameters
        self._arguments: dict[str, Any] = {"return_dict": False}
        if "generator" in takes:
            self._arguments["generator"] = list(noise.generators)
        if "eta" in takes:
            self._arguments["eta"] = eta

    def steps(self, predict: Predict, x: Tensor, times: Sequence[int]) -> Iterator[SamplerStep]:
        for index, t in enumerate(times):
            entry = self._entries[t]
            i = torch.full((len(x),), entry, dtype=torch.int64, device=x.device)
            eps, coefficient = split(predict(x, torch.full_like(i, t)))
            x0_hat = predict_x0(self._visited, x, i, eps)
            if self._clip_x0:
                x0_hat = x0_hat.clamp(-1, 1)
            if index == len(times) - 1:
                x_next = x0_hat.clamp(-1, 1)
            else:
                output = self._output(x, x0_hat, eps, coefficient, i)
                x_next = self._next(x, output, index)
            yield SamplerStep(index, t, x, x0_hat, x_next, self._history())
            x = x_next

    def _output(
        self, x: Tensor, x0_hat: Tensor, eps: Tensor, coefficient: Tensor | None, i: Tensor
    ) -> Tensor:
        """What the scheduler is told that the network gave."""
        if self._kind.clips:
            if coefficient is None or self._kind.module != "ddpm":
                return eps
            self._scheduler.variance_type = LEARNED
            self._scheduler.register_to_config(variance_type=LEARNED)  # it asks in both places
            return torch.cat([eps, coefficient], 1)
        if not self._clip_x0:
            return eps
        ab = self._visited.alphas_cumprod
        return (x - gather(ab.sqrt(), i, x) * x0_hat) / gather((1 - ab).sqrt(), i, x)

    def _next(self, x: Tensor, output: Tensor, index: int) -> Tensor:
        """One step. Some schedulers count without the shrinking of the image: it is put on and off."""
        scheduler = self._scheduler
        time = scheduler.timesteps[index]
        shrunk = scheduler.scale_model_input(torch.ones((), dtype=x.dtype), time)
        with _quiet():
            sample: Tensor = scheduler.step(output, time, x / shrunk, **self._arguments)[0]
        if self._kind.is_multistep:
            return sample
        following = scheduler.timesteps[index + 1]
        return scheduler.scale_model_input(sample, following)  # type: ignore[no-any-return]

    def _history(self) -> tuple[Tensor, ...]:
        """The tensors that it keeps for later steps, themselves and no copies."""
        kept: list[Tensor] = []
        for name, num in self._kind.keeps:
            values = getattr(self._scheduler, name, None)
            values = values[-num:] if isinstance(values, list) else [values]
            kept += [each for each in values if isinstance(each, Tensor)]
        return tuple(kept)
