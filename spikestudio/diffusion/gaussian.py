"""Formulas of Gaussian diffusion (arXiv 2006.11239) and of learned variances (arXiv 2102.09672).

Images are ``[B, C, H, W]`` with data in [-1, 1]; ``t`` is int64 ``[B]`` and counts the entries of the
schedule.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from spikestudio.diffusion.schedules import GaussianSchedule, gather

_HALF_LEVEL = 1 / 255  # half the distance of two 8-bit levels in [-1, 1]


def q_sample(schedule: GaussianSchedule, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """Noisy image at ``t``: ``sqrt(ab_t) x_0 + sqrt(1 - ab_t) eps``."""
    ab = schedule.alphas_cumprod
    return gather(ab.sqrt(), t, x_0) * x_0 + gather((1 - ab).sqrt(), t, x_0) * eps


def predict_x0(schedule: GaussianSchedule, x_t: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """Clean image that a noise prediction implies: ``sqrt(1 / ab_t) x_t - sqrt(1 / ab_t - 1) eps``."""
    inverse = 1 / schedule.alphas_cumprod
    return gather(inverse.sqrt(), t, x_t) * x_t - gather((inverse - 1).sqrt(), t, x_t) * eps


def posterior_mean(schedule: GaussianSchedule, x_0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
    """Mean of ``q(x_{t-1} | x_t, x_0)``; equals ``x_0`` at the first entry."""
    weight_0 = gather(schedule.posterior_coef_x0, t, x_t)
    return weight_0 * x_0 + gather(schedule.posterior_coef_xt, t, x_t) * x_t


def learned_log_variance(schedule: GaussianSchedule, coefficient: Tensor, t: Tensor) -> Tensor:
    """Log variance between the posterior's (coefficient -1) and beta's (coefficient 1)."""
    low = gather(schedule.fixedsmall_log_variance, t, coefficient)
    high = gather(schedule.log_betas, t, coefficient)
    fraction = (coefficient + 1) / 2
    return fraction * high + (1 - fraction) * low


def vlb_bits(
    schedule: GaussianSchedule,
    x_0: Tensor,
    x_t: Tensor,
    t: Tensor,
    mean: Tensor,
    log_variance: Tensor,
) -> Tensor:
    """Term ``t`` of the variational bound of ``N(mean, exp(log_variance))``, in bits per value.

    The divergence from the true posterior; at the first entry the negative log likelihood of the 8-bit
    image.

    Returns
    -------
    Tensor
        ``[B]``.
    """
    true_mean = posterior_mean(schedule, x_0, x_t, t)
    true_log_variance = gather(schedule.fixedsmall_log_variance, t, x_t)
    log_ratio = log_variance - true_log_variance
    divergence = 0.5 * (
        log_ratio + torch.expm1(-log_ratio) + (true_mean - mean) ** 2 * torch.exp(-log_variance)
    )
    likelihood = _discretised_log_likelihood(x_0, mean, 0.5 * log_variance)
    nats = torch.where((t == 0).reshape(-1, 1, 1, 1), -likelihood, divergence)
    return nats.flatten(1).mean(1) / log(2)


def balanced_weights(schedule: GaussianSchedule, t: Tensor) -> Tensor:
    """Weights of the noise loss at the times ``t``, ``[B]`` float32, by the signal-to-noise ratio s.

    ``min(1, 5 / s)`` takes weight from the almost clean images (arXiv 2303.09556). Added to it is
    ``min(1 / 5s, 10)``: spikes give the noise to some precision only, and where it is nearly all there
    is, an error that looks small in the noise hides the image. Without it the predicted images of the
    first half of a run are worse than the mean of the data set.
    """
    ab = schedule.alphas_cumprod
    snr = ab / (1 - ab)
    weights = (5 / snr).clamp(max=1) + (1 / (5 * snr)).clamp(max=10)
    return gather(weights, t, t.to(torch.float32))


def _discretised_log_likelihood(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log probability of 8-bit levels in [-1, 1]; the outermost levels take the tails."""
    inverse_std = torch.exp(-log_std)
    above = torch.special.ndtr((x - mean + _HALF_LEVEL) * inverse_std)
    below = torch.special.ndtr((x - mean - _HALF_LEVEL) * inverse_std)
    above = torch.where(x > 0.999, torch.ones_like(above), above)
    below = torch.where(x < -0.999, torch.zeros_like(below), below)
    return (above - below).clamp(min=1e-12).log()
