"""The optimal variance of reverse steps, from how large a network's noise predictions are on average.

Analytic-DPM (arXiv 2201.06503): if x_0 given x_t has the mean that the network predicts, its variance
per value is ``(1 - ab_t) / ab_t (1 - Gamma_t)`` with ``Gamma_t = E |eps(x_t, t)|^2 / d``, and the
variance of a step follows, whatever its stride. Gamma is a table of the network at its own threshold
and SNN steps over its training data; with others, or with guidance, it is an estimate.
"""

from __future__ import annotations

from math import pi, sqrt

import torch
from torch import Tensor

from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.errors import ConfigError
from spikestudio.language import tr

TABLE = "gamma"  # float64 [N], one entry per diffusion time; in a file under aux.
_LAST_STD = 2 * (2 / 255) * sqrt(pi / 2)  # noise of the last step: on average two of 255 levels


def analytic_log_variance(
    schedule: GaussianSchedule, visited: GaussianSchedule, gamma: Tensor | None
) -> Tensor:
    """Log variance of the step that leaves each visited time; that of the first one is not used.

    Parameters
    ----------
    schedule
        The schedule that the network was trained with, N entries.
    visited
        The same, ``respaced`` to the times of the run.
    gamma
        ``[N]``.

    Returns
    -------
    Tensor
        float64, one entry per visited time.

    Raises
    ------
    ConfigError
        There is no table, or it does not fit the schedule.
    """
    table = check_table(gamma, len(schedule))
    ab = visited.alphas_cumprod
    uncertainty = ((1 - ab) / ab * (1 - table[visited.times])).clamp(0, 1)  # of x_0 in [-1, 1]
    variance = visited.posterior_variance + visited.posterior_coef_x0.square() * uncertainty
    variance = variance.clamp(1e-20, 1)
    variance[1:2] = variance[1:2].clamp(max=_LAST_STD**2)
    return variance.log()


def check_table(gamma: Tensor | None, num_train_timesteps: int) -> Tensor:
    """Return the table in float64; raises ``ConfigError`` if there is none or it does not fit."""
    if gamma is None:
        raise ConfigError(
            tr(
                "The sampler analytic needs a table that this model's file does not have: add it with "
                "spikestudio gamma FILE --data DIR, or choose ancestral."
            ),
            field="sampler",
        )
    table = gamma.detach().cpu().to(torch.float64)
    if table.shape != (num_train_timesteps,) or not bool((table.isfinite() & (table >= 0)).all()):
        raise ConfigError(
            tr(
                "The table for the sampler analytic must hold {num_train_timesteps} numbers from 0 on: "
                "make it again with spikestudio gamma FILE --data DIR.",
                num_train_timesteps=num_train_timesteps,
            ),
            field="sampler",
        )
    return table
