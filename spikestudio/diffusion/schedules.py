"""Noise schedules of Gaussian diffusion, and which times a sampler visits.

Tables are float64 and on the CPU; `gather` casts what a batch needs to the dtype of the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from spikestudio.errors import ConfigError
from spikestudio.language import tr


@dataclass(frozen=True, eq=False)
class GaussianSchedule:
    """Variance schedule of ``x_t = sqrt(ab_t) x_0 + sqrt(1 - ab_t) eps`` and its posterior.

    Parameters
    ----------
    betas
        float64 ``[N]``, each in (0, 1).
    times
        int64 ``[N]``, ascending: the diffusion time that the network is told at each entry. It is
        ``0..N-1`` unless the schedule was made by `respaced`.
    """

    betas: Tensor
    times: Tensor

    def __post_init__(self) -> None:
        if self.betas.dtype != torch.float64 or self.betas.shape != self.times.shape:
            raise ConfigError(tr("A noise schedule needs one float64 beta for each of its times."))
        if not bool(((self.betas > 0) & (self.betas < 1)).all()):
            raise ConfigError(tr("Every beta of a noise schedule must lie between 0 and 1."))

    @classmethod
    def linear(
        cls,
        num_train_timesteps: int = 1000,
        *,
        beta_start: float = 1e-4,
        beta_end: float = 0.02,
        beta_dtype: torch.dtype = torch.float32,
    ) -> GaussianSchedule:
        """Betas that rise linearly from ``beta_start`` to ``beta_end``.

        ``beta_dtype`` is the precision they are built in before they are widened: SDDPM was trained
        with float32, SDiT with float64.
        """
        if num_train_timesteps < 1:
            raise ConfigError(
                tr(
                    "A noise schedule needs at least one step, not {num_train_timesteps}.",
                    num_train_timesteps=num_train_timesteps,
                ),
                field="num_train_timesteps",
            )
        betas = torch.linspace(beta_start, beta_end, num_train_timesteps, dtype=beta_dtype)
        return cls(betas.to(torch.float64), torch.arange(num_train_timesteps))

    def __len__(self) -> int:
        return len(self.betas)

    @cached_property
    def alphas_cumprod(self) -> Tensor:
        """``ab_t``, the share of the image's variance left at ``t``."""
        return torch.cumprod(1.0 - self.betas, dim=0)

    @cached_property
    def alphas_cumprod_prev(self) -> Tensor:
        """``ab_{t-1}``, with ``ab_{-1} = 1``."""
        return torch.cat([self.betas.new_ones(1), self.alphas_cumprod[:-1]])

    @cached_property
    def posterior_variance(self) -> Tensor:
        """Variance of ``q(x_{t-1} | x_t, x_0)``; zero at ``t = 0``."""
        return self.betas * (1.0 - self.alphas_cumprod_prev) / (1.0 - self.alphas_cumprod)

    @cached_property
    def posterior_coef_x0(self) -> Tensor:
        """Weight of ``x_0`` in the posterior mean."""
        return self.alphas_cumprod_prev.sqrt() * self.betas / (1.0 - self.alphas_cumprod)

    @cached_property
    def posterior_coef_xt(self) -> Tensor:
        """Weight of ``x_t`` in the posterior mean."""
        alphas = 1.0 - self.betas
        return alphas.sqrt() * (1.0 - self.alphas_cumprod_prev) / (1.0 - self.alphas_cumprod)

    @cached_property
    def log_betas(self) -> Tensor:
        """Upper end of a learned variance."""
        return self.betas.log()

    @cached_property
    def fixedsmall_log_variance(self) -> Tensor:
        """Log posterior variance; its first entry, which is log 0, repeats the second."""
        return torch.cat([self._first_variance, self.posterior_variance[1:]]).log()

    @cached_property
    def fixedlarge_log_variance(self) -> Tensor:
        """Log beta, except that the first entry is the second posterior variance."""
        return torch.cat([self._first_variance, self.betas[1:]]).log()

    @property
    def _first_variance(self) -> Tensor:
        """Stand-in for the zero posterior variance at ``t = 0``, where no noise is added."""
        return self.posterior_variance[1:2] if len(self) > 1 else self.betas


def gather(table: Tensor, indices: Tensor, like: Tensor) -> Tensor:
    """Entries of a float64 table for a batch, in the dtype and on the device of ``like``.

    Parameters
    ----------
    table
        float64 ``[N]``.
    indices
        int64 ``[B]``.
    like
        ``[B, ...]``.

    Returns
    -------
    Tensor
        ``[B, 1, ...]`` with as many axes as ``like``.
    """
    values = table.to(like.dtype).to(like.device)[indices.to(like.device)]
    return values.reshape(-1, *[1] * (like.dim() - 1))


def respaced(schedule: GaussianSchedule, times: Sequence[int]) -> GaussianSchedule:
    """Schedule that visits only some entries, with betas recomputed from the kept ``ab``.

    Parameters
    ----------
    schedule
        The schedule that the network was trained with.
    times
        Distinct entries to keep, in any order.

    Returns
    -------
    GaussianSchedule
        One entry per kept time; its ``times`` are those of the original.
    """
    _check_times(schedule, times)
    kept = torch.tensor(sorted(times))
    cumprod = schedule.alphas_cumprod[kept]
    previous = torch.cat([cumprod.new_ones(1), cumprod[:-1]])
    return GaussianSchedule(1.0 - cumprod / previous, schedule.times[kept])


def spaced_times(num_train_timesteps: int, steps: int) -> list[int]:
    """Descending times of exactly ``steps`` evaluations, evenly from the last one down to 0.

    Entry ``k`` from the end is ``k (num_train_timesteps - 1) / (steps - 1)``, rounded; a single
    step is the last time.
    """
    _check_steps(num_train_timesteps, steps)
    last, gaps = num_train_timesteps - 1, steps - 1
    if gaps == 0:
        return [last]
    return [(2 * k * last + gaps) // (2 * gaps) for k in range(gaps, -1, -1)]


def upstream_times(num_train_timesteps: int, steps: int) -> list[int]:
    """Descending times as the published SDDPM sampler lists them (arXiv 2306.17046).

    ``max(int(N - 1 - k N / steps), 0)`` for ``k = 0..steps-1``, with 0 appended unless it is there
    already: ``steps + 1`` entries for most ``steps < N``.
    """
    _check_steps(num_train_timesteps, steps)
    n = num_train_timesteps
    times = [max(int(n - 1 - k * n / steps), 0) for k in range(steps)]
    return times if times[-1] == 0 else [*times, 0]


def _check_steps(num_train_timesteps: int, steps: int) -> None:
    if not 1 <= steps <= num_train_timesteps:
        raise ConfigError(
            tr(
                "The model was trained with {num_train_timesteps} denoising steps and cannot sample "
                "in {steps}: choose from 1 to {num_train_timesteps}.",
                num_train_timesteps=num_train_timesteps,
                steps=steps,
            ),
            field="steps",
        )


def _check_times(schedule: GaussianSchedule, times: Sequence[int]) -> None:
    outside = [t for t in times if not 0 <= t < len(schedule)]
    if outside or not times or len(set(times)) != len(times):
        raise ConfigError(
            tr(
                "Sampling times must be distinct and from 0 to {num_schedule}, not {list}.",
                num_schedule=len(schedule) - 1,
                list=list(times),
            ),
            field="times",
        )
