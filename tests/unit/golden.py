"""The rules that fill a network and its input with reproducible numbers for golden tests.

Reference outputs were taken from the papers' own modules filled by the same two rules, so a
network of ours that follows the architecture reproduces them digit by digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor

CONSTANTS = ("num_batches_tracked", "coef", "timembedding.0.weight")
"""Ends of the keys that are no parameters; the rule passes them over and keeps their values."""


def golden_weights(state_dict: Mapping[str, Tensor], gain: float) -> dict[str, Tensor]:
    """Fill a state dict by rule: ``sin(0.1 k + 0.7 i)``, scaled by what the entry is.

    ``k`` is the position among the sorted keys, ``i`` the row-major index. Computed in float64,
    then cast to each entry's dtype. ``gain`` multiplies the weights of two and more dimensions.
    """
    filled = dict(state_dict)
    for k, key in enumerate(sorted(key for key in state_dict if not key.endswith(CONSTANTS))):
        entry = state_dict[key]
        i = torch.arange(entry.numel(), dtype=torch.float64)
        base = torch.sin(0.1 * k + 0.7 * i).reshape(entry.shape)
        if entry.ndim == 0:
            value = torch.tensor(0.5, dtype=torch.float64)
        elif key.endswith("running_var"):
            value = 1 + 0.3 * base
        elif key.endswith(("running_mean", "bias")):
            value = 0.1 * base
        elif entry.ndim == 1:
            value = 1 + 0.2 * base
        else:
            value = gain * base * (2 / (entry.numel() / entry.shape[0])) ** 0.5
        filled[key] = value.to(entry.dtype)
    return filled


def golden_input(shape: tuple[int, ...]) -> Tensor:
    """``sin(0.3 j)`` over the row-major index ``j``, float64 of the given shape."""
    return torch.sin(0.3 * torch.arange(prod(shape), dtype=torch.float64)).reshape(shape)
