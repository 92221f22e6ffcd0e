"""Losses of the two stages of Spiking-Diffusion (arXiv 2308.10187)."""

from __future__ import annotations

from math import log
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the usual name

from spikestudio.models.spiking_diffusion import SDID, VQSVAE
from spikestudio.models.spiking_diffusion.vqvae import VQSVAEOutput

COMMITMENT = 0.25  # weight of the terms that pull the encoder towards the codes
PSP_TAU = 2.0  # SNN steps; postsynaptic potentials compare spike trains by more than their rates

Weighting = Literal["reweighted", "strict", "elbo"]


def vqsvae_loss(model: VQSVAE, images: Tensor, data_variance: float) -> dict[str, Tensor]:
    """Losses of the auto-encoder for one batch; minimise ``loss``.

    Parameters
    ----------
    model
        In training mode while it trains.
    images
        ``[B, C, H, W]`` in [0, 1].
    data_variance
        Variance of all training pixels in [0, 1] scale.

    Returns
    -------
    dict of str to Tensor
        Scalars: ``loss``, the sum of ``codebook`` (read-outs against codes), ``spikes`` (encoder's
        against generated spike trains) and ``reconstruction`` (``mse`` over the variance).
    """
    target = images - 0.5
    out: VQSVAEOutput = model(target)
    codebook = _two_way(out.codes, out.z)
    spikes = _two_way(_psp(out.generated_spikes), _psp(out.encoder_spikes))
    mse = F.mse_loss(out.reconstruction, target)
    reconstruction = mse / data_variance
    return {
        "loss": codebook + spikes + reconstruction,
        "codebook": codebook,
        "spikes": spikes,
        "reconstruction": reconstruction,
        "mse": mse,
    }


def sdid_loss(
    model: SDID, tokens: Tensor, t: Tensor, mask: Tensor, *, weighting: Weighting = "reweighted"
) -> dict[str, Tensor]:
    """Loss of the denoiser for one batch of masked token maps; minimise ``loss``.

    Parameters
    ----------
    model
        In training mode while it trains.
    tokens
        Clean ids int64 ``[B, h, w]``.
    t
        Diffusion times int64 ``[B]``, 1..N.
    mask
        bool ``[B, h, w]``, True where the network sees the mask.
    weighting
        Factor of an image's cross-entropy, summed over masked positions: ``reweighted`` is
        (N - t + 1)/N as in arXiv 2111.12701; ``strict`` is (N - t)/N as in the released code, which
        never trains the all-masked input that sampling starts from; ``elbo`` is N/t, the bound.

    Returns
    -------
    dict of str to Tensor
        Scalars: ``loss`` in weighted bits per position, ``cross_entropy`` in nats per masked
        position.
    """
    n = model.config.num_train_timesteps
    logits = model(tokens.masked_fill(mask, model.config.mask_id), t)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    per_position = F.cross_entropy(logits, tokens, reduction="none") * mask
    per_image = per_position.flatten(1).sum(1)
    weight = {"reweighted": (n - t + 1) / n, "strict": (n - t) / n, "elbo": n / t}[weighting]
    return {
        "loss": (weight * per_image).mean() / (tokens[0].numel() * log(2)),
        "cross_entropy": per_image.sum() / mask.sum().clamp(min=1),
    }


def _two_way(codes: Tensor, encoded: Tensor) -> Tensor:
    """Codes follow the encoder; the encoder commits to its codes with less weight."""
    return F.mse_loss(codes, encoded.detach()) + COMMITMENT * F.mse_loss(encoded, codes.detach())


def _psp(spikes: Tensor) -> Tensor:
    """Postsynaptic potential ``p[t] = p[t-1] + (s[t] - p[t-1]) / tau``, ``[T, ...]``."""
    p = torch.zeros_like(spikes[0])
    steps = []
    for s in spikes:
        p = p + (s - p) / PSP_TAU
        steps.append(p)
    return torch.stack(steps)
