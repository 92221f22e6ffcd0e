"""The training loss of SDiT (arXiv 2402.11588): noise and learned variance together."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from spikestudio.diffusion.gaussian import (
    balanced_weights,
    learned_log_variance,
    posterior_mean,
    predict_x0,
    q_sample,
    vlb_bits,
)
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.models.sdit import SDiT
from spikestudio.training.parallel import Part

LABEL_DROPOUT = 0.1


def sdit_loss(
    network: SDiT,
    schedule: GaussianSchedule,
    images: Tensor,
    labels: Tensor,
    *,
    generator: torch.Generator,
    weighting: Literal["uniform", "balanced"] = "uniform",
    part: Part | None = None,
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
    weighting
        Of the squared error over the times: all alike, as the paper does, or `balanced_weights`.
    part
        Which rows of a batch the images are; random numbers are drawn for all of it. None: all rows.

    Returns
    -------
    Tensor
        Scalar.
    """
    part, device = part or Part.whole(len(images)), images.device
    shape, dtype = images.shape[1:], images.dtype
    source: dict[str, Any] = {"generator": generator, "device": generator.device}
    t = part.draw(lambda n: torch.randint(len(schedule), (n,), **source)).to(device)
    noise = part.draw(lambda n: torch.randn((n, *shape), dtype=dtype, **source)).to(device)
    dropped = (part.draw(lambda n: torch.rand(n, **source)) < LABEL_DROPOUT).to(device)
    labels = labels.masked_fill(dropped, network.config.null_label)

    x_t = q_sample(schedule, images, t, noise)
    prediction: Tensor = network(x_t, t, labels)
    eps, coefficient = prediction.to(images.dtype).chunk(2, dim=1)
    squared_error = (eps - noise).square().flatten(1).mean(1)
    if weighting == "balanced":
        squared_error = squared_error * balanced_weights(schedule, t)

    mean = posterior_mean(schedule, predict_x0(schedule, x_t, t, eps.detach()), x_t, t)
    bound = vlb_bits(schedule, images, x_t, t, mean, learned_log_variance(schedule, coefficient, t))
    return (squared_error + bound).mean()
