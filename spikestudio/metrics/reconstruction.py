"""How well a VQ-SVAE brings real images back, and how much of its codebook it uses.

SSIM is that of Wang et al. (2004): Gaussian window of 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, of
images in [0, 1], averaged over the windows that lie in the image. The code of Spiking-Diffusion (arXiv
2308.10187) has images in [-0.5, 0.5] and pads them with zeros, which gives other numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from spikestudio.metrics.codebook import code_counts, perplexity
from spikestudio.metrics.protocol import Figure, mean_interval

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel

WINDOW, SIGMA = 11, 1.5
C1, C2 = 1e-4, 9e-4  # of a range of 1
BATCH = 64

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """One value per image, float64 ``[N]``; ``counts`` int64 ``[K]`` is how often each code occurs."""

    squared_error: Values  # mean over the pixels, in [0, 1]
    similarity: Values
    padded_similarity: Values
    counts: NDArray[np.int64]


def reconstruct(
    model: LoadedModel,
    images: NDArray[np.uint8],
    advance: Callable[[int], object] = lambda _: None,
) -> Reconstruction:
    """Encode and decode images ``[N, H, W, C]`` of a token model's own size."""
    errors, similar, padded = [], [], []
    codes = int(model.card.codebook_size or 0)
    counts = np.zeros(codes, np.int64)
    for first in range(0, len(images), BATCH):
        part = torch.tensor(images[first : first + BATCH]).permute(0, 3, 1, 2)
        x = part.contiguous().float() / 255
        tokens = model.encode(x)
        y = model.decode(tokens).cpu().double().clamp(0, 1)
        x = x.double()
        errors.append((x - y).square().mean((1, 2, 3)).numpy())
        similar.append(similarity(x, y).numpy())
        padded.append(similarity(x - 0.5, y - 0.5, is_padded=True).numpy())
        counts += code_counts(tokens.cpu().numpy(), codes)
        advance(len(part))
    return Reconstruction(
        np.concatenate(errors), np.concatenate(similar), np.concatenate(padded), counts
    )


def similarity(x: Tensor, y: Tensor, *, is_padded: bool = False) -> Tensor:
    """SSIM of each pair of images ``[B, C, H, W]`` with a range of 1, ``[B]``.

    ``is_padded``: windows over the border count as well, filled with zeros.
    """
    channels = x.shape[1]
    window = WINDOW if is_padded else min(WINDOW, x.shape[2] - 1 + x.shape[2] % 2)
    offsets = torch.arange(window, dtype=x.dtype) - window // 2
    line = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    line = line / line.sum()
    kernel = (line[:, None] * line).expand(channels, 1, window, window)
    padding = window // 2 if is_padded else 0

    def blurred(z: Tensor) -> Tensor:
        return functional.conv2d(z, kernel, padding=padding, groups=channels)

    mx, my = blurred(x), blurred(y)
    xx, yy, xy = blurred(x * x) - mx * mx, blurred(y * y) - my * my, blurred(x * y) - mx * my
    ratio = (2 * mx * my + C1) * (2 * xy + C2) / ((mx * mx + my * my + C1) * (xx + yy + C2))
    return ratio.mean((1, 2, 3))


def reconstruction_figures(
    found: Reconstruction, protocol: dict[str, Any], *, is_biased: bool = False, seed: int = 0
) -> list[Figure]:
    """MSE, SSIM and codebook perplexity; ``is_biased`` adds SSIM as the paper's code has it."""
    num = len(found.squared_error)
    window = f"{WINDOW}x{WINDOW} Gaussian window, sigma {SIGMA}"
    of_images = [
        ("reconstruction_mse", found.squared_error, {"pixels": "0 to 1"}),
        ("reconstruction_ssim", found.similarity, {"pixels": "0 to 1", "window": window}),
    ]
    if is_biased:
        note = {"pixels": "-0.5 to 0.5", "window": f"{window}, zeros beyond the border"}
        of_images.append(("reconstruction_ssim_padded", found.padded_similarity, note))
    figures = [
        Figure(
            metric=metric,
            value=float(values.mean()),
            num=num,
            interval=mean_interval(values, seed),
            protocol=note | protocol,
        )
        for metric, values, note in of_images
    ]
    tokens = {"tokens": int(found.counts.sum()), "codes": len(found.counts)}
    for metric, value in (
        ("codebook_perplexity", perplexity(found.counts)),
        ("codes_used", float((found.counts > 0).sum())),
    ):
        figures.append(Figure(metric=metric, value=value, num=num, protocol=tokens | protocol))
    return figures
