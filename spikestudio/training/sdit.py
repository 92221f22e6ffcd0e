"""The training loss of SDiT (arXiv 2402.11588): noise and learned variance together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikestudio.diffusion.gaussian import (
    learned_log_variance,
    min_snr_weights,
    posterior_mean,
    predict_x0,
    q_sample,
    vlb_bits,
)
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.models.sdit import SDiT

LABEL_DROPOUT = 0.1


def sdit_loss(
    network: SDiT,
    schedule: GaussianSchedule,
    images: Tensor,
    labels: Tensor,
    *,
    generator: torch.Generator,
    min_snr_gamma: float | None = None,
) -> Tensor:
    """Mean squared error of the noise plus the variational bound in bits, averaged over the batch.

    Times are uniform, and a tenth of the labels is replaced by that of no class, which makes guidance
    possible. The noise is detached inside the bound, so the bound trains the variance alone.

    Parameters
    ----------
    network
        In training mode.
    schedule
        Of ``network.config.num_train_timesteps`` entries.
    images
        ``[B, C, H, W]`` in [-1, 1].
    labels
        int64 ``[B]``, from 0 to ``num_classes - 1``.
    generator
        Source of times, noise and dropped labels; its device may differ from that of ``images``.
    min_snr_gamma
        Weigh the squared error by `min_snr_weights`; None weighs all times alike, as the paper does.

    Returns
    -------
    Tensor
        Scalar.
    """
    batch, device = len(images), images.device
    source: dict[str, Any] = {"generator": generator, "device": generator.device}
    t = torch.randint(len(schedule), (batch,), **source).to(device)
    noise = torch.randn(images.shape, dtype=images.dtype, **source).to(device)
    dropped = (torch.rand(batch, **source) < LABEL_DROPOUT).to(device)
    labels = labels.masked_fill(dropped, network.config.null_label)

    x_t = q_sample(schedule, images, t, noise)
    prediction: Tensor = network(x_t, t, labels)
    eps, coefficient = prediction.to(images.dtype).chunk(2, dim=1)
    squared_error = (eps - noise).square().flatten(1).mean(1)
    if min_snr_gamma is not None:
        squared_error = squared_error * min_snr_weights(schedule, t, gamma=min_snr_gamma)

    mean = posterior_mean(schedule, predict_x0(schedule, x_t, t, eps.detach()), x_t, t)
    bound = vlb_bits(schedule, images, x_t, t, mean, learned_log_variance(schedule, coefficient, t))
    return (squared_error + bound).mean()
