"""What the papers' own code visits when it samples, quirks included: for runs in strict numerics.

SDDPM (arXiv 2306.17046) lists one time more than it is asked for, most times, and `ddim` stops on
reaching the last one. SDiT (arXiv 2402.11588) uses the spacings of improved diffusion (arXiv
2102.09672), counts betas in float64 and lets predicted images leave [-1, 1]. Spiking-Diffusion (arXiv
2308.10187) tells its network the number of steps left, whatever the noise (see `unmask_times`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spikestudio.diffusion.absorbing import unmask_times
from spikestudio.diffusion.schedules import GaussianSchedule, upstream_times
from spikestudio.errors import ConfigError
from spikestudio.language import tr

SAMPLERS = {
    "sddpm": ("ddpm", "ddim", "ancestral", "analytic"),
    "sdit": ("ddpm", "ancestral", "ddim"),
    "spiking-diffusion": ("absorbing",),
}
"""Samplers that each architecture's code has."""


@dataclass(frozen=True, slots=True)
class UpstreamCourse:
    """Times of a run in strict numerics.

    ``times`` are those that the sampler is given, ``evaluated`` those at which it evaluates the
    network, one less where it stops on reaching the last. ``strict`` is the sampler's argument.
    """

    times: tuple[int, ...]
    evaluated: tuple[int, ...]
    strict: bool


def upstream_course(
    architecture: str, sampler: str, num_train_timesteps: int, steps: int
) -> UpstreamCourse:
    """Times that the architecture's own code visits.

    Parameters
    ----------
    architecture
        ``sddpm``, ``sdit`` or ``spiking-diffusion``.
    sampler
        One that its code has.
    num_train_timesteps
        N of the forward process.
    steps
        What the code is asked for; the number of network evaluations may differ by one.

    Raises
    ------
    ConfigError
        The code has no such sampler, or not with so many steps.
    """
    if sampler not in SAMPLERS[architecture]:
        raise ConfigError(
            tr(
                "In strict numerics {architecture} is sampled with {sampler}, "
                "not {sampler_2}: convert the checkpoint without --strict for other samplers.",
                architecture=architecture,
                sampler=" or ".join(SAMPLERS[architecture]),
                sampler_2=sampler,
            ),
            field="sampler",
        )
    if architecture == "spiking-diffusion":
        told = tuple(unmask_times(steps, num_train_timesteps, strict_time=True))
        return UpstreamCourse(told, told, strict=True)
    if architecture == "sddpm":
        times = tuple(upstream_times(num_train_timesteps, steps))
        evaluated = times[:-1] if sampler == "ddim" else times
        course = UpstreamCourse(times, evaluated, strict=True)
    else:
        times = _improved_diffusion_times(num_train_timesteps, steps, is_ddim=sampler == "ddim")
        # The argument is for the code of SDDPM.
        course = UpstreamCourse(times, times, strict=False)
    if sampler == "ddpm" and len(course.times) != num_train_timesteps:
        raise ConfigError(
            tr(
                "The sampler ddpm needs all {num_train_timesteps} denoising steps, not {steps}: "
                "choose ddim or ancestral for fewer.",
                num_train_timesteps=num_train_timesteps,
                steps=steps,
            ),
            field="steps",
        )
    return course


def upstream_schedule(architecture: str, num_train_timesteps: int) -> GaussianSchedule:
    """Noise schedule in the precision in which the architecture's code makes it."""
    dtype = torch.float64 if architecture == "sdit" else torch.float32
    return GaussianSchedule.linear(num_train_timesteps, beta_dtype=dtype)


def _improved_diffusion_times(n: int, steps: int, *, is_ddim: bool) -> tuple[int, ...]:
    if not 1 <= steps <= n:
        raise ConfigError(
            tr(
                "The model was trained with {n} denoising steps and cannot sample in {steps}: "
                "choose from 1 to {n}.",
                n=n,
                steps=steps,
            ),
            field="steps",
        )
    if is_ddim:
        for stride in range(1, n):
            if len(range(0, n, stride)) == steps:
                return tuple(reversed(range(0, n, stride)))
        raise ConfigError(
            tr(
                "In strict numerics ddim visits every k-th of the {n} times, and there is no k for "
                "{steps} steps: choose a divisor of {n}.",
                n=n,
                steps=steps,
            ),
            field="steps",
        )
    stride_of_times = 1.0 if steps == 1 else (n - 1) / (steps - 1)
    times, position = [], 0.0
    for _ in range(steps):  # added up and rounded to even, as that code does
        times.append(round(position))
        position += stride_of_times
    return tuple(reversed(times))
