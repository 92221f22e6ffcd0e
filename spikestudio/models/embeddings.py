"""Time embeddings in both conventions of the field, and patches put back together to images.

SDDPM (arXiv 2306.17046) looks its sinusoids up in a table with sine and cosine interleaved; SDiT
(arXiv 2402.11588) computes them with all cosines first. Both round to float32, whatever the dtype of
the network, because the published weights were trained on the rounded values.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoid_table(num_timesteps: int, dim: int) -> Tensor:
    """Table of interleaved sinusoids, one row per diffusion time.

    Row ``t`` is ``sin(t w_0), cos(t w_0), sin(t w_1), ...`` with ``w_k = 10000^(-2k / dim)``.

    Parameters
    ----------
    num_timesteps
        Number of rows.
    dim
        Number of columns, even.

    Returns
    -------
    Tensor
        float32 ``[num_timesteps, dim]``.
    """
    exponents = torch.arange(0, dim, 2, dtype=torch.float32) / dim
    frequencies = torch.exp(-math.log(10000.0) * exponents)
    phases = torch.arange(num_timesteps, dtype=torch.float32)[:, None] * frequencies
    return torch.stack([phases.sin(), phases.cos()], dim=-1).flatten(1)


def sinusoid_cos_first(t: Tensor, dim: int) -> Tensor:
    """Sinusoids of diffusion times, cosine half first.

    Row ``b`` is ``[cos(t_b f_i), sin(t_b f_i)]`` with ``f_i = 10000^(-i / (dim / 2))``.

    Parameters
    ----------
    t
        Diffusion times ``[B]``.
    dim
        Number of columns, even.

    Returns
    -------
    Tensor
        float32 ``[B, dim]`` on the device of ``t``.
    """
    half = dim // 2
    indices = torch.arange(half, dtype=torch.float32, device=t.device)
    frequencies = torch.exp(-math.log(10000.0) * indices / half)
    phases = t.to(torch.float32)[:, None] * frequencies
    return torch.cat([phases.cos(), phases.sin()], dim=1)


def unpatchify(tokens: Tensor, patch_size: int, rows: int, columns: int) -> Tensor:
    """Put square patches in raster order together to images.

    Parameters
    ----------
    tokens
        ``[B, rows * columns, patch_size * patch_size * C]``; the values of a patch come in the order
        row, column, channel.
    patch_size
        Side of a patch in pixels.
    rows, columns
        Number of patches along the height and the width.

    Returns
    -------
    Tensor
        ``[B, C, rows * patch_size, columns * patch_size]``.
    """
    b, p = tokens.shape[0], patch_size
    grid = tokens.reshape(b, rows, columns, p, p, -1)  # [B, rows, columns, p, p, C]
    return grid.permute(0, 5, 1, 3, 2, 4).reshape(b, -1, rows * p, columns * p)
