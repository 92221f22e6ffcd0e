"""Spikes packed as bits, and counted as such.

A spike takes 4 bytes where it is computed and one bit here: counting it again and again is then a
matter of what stays in the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Bits = NDArray[np.uint8]


def pack(spikes: Tensor) -> Bits:
    """Spikes ``[T, B, ...]`` (0 or 1) as bits, uint8 ``[T, B, ceil(N / 8)]``.

    Neurons are in row-major order, the first in the highest bit, as in ``numpy.packbits``; the bits
    that fill the last byte are 0.
    """
    fired = spikes.flatten(2).bool()  # several times as fast as a comparison
    if fired.device.type == "cpu":
        return np.packbits(fired.numpy(), axis=-1)
    return pack_on_device(fired).cpu().numpy()


def pack_on_device(fired: Tensor) -> Tensor:
    """``pack`` for devices that NumPy does not reach; bool ``[T, B, N]``, what is moved is 1/32."""
    import torch

    whole = torch.nn.functional.pad(fired.to(torch.uint8), (0, -fired.shape[-1] % 8))
    weights = torch.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=torch.uint8, device=fired.device)
    packed: Tensor = (whole.unflatten(-1, (-1, 8)) * weights).sum(-1, dtype=torch.uint8)
    return packed


def unpack(bits: Bits, num_neurons: int) -> NDArray[np.uint8]:
    """Bits ``[T, ceil(N / 8)]`` as 0 or 1, ``[T, N]``."""
    return np.unpackbits(bits, axis=1, count=num_neurons)


class Tally:
    """Counts what a layer did, given the additions that one spike causes at each of its places.

    Parameters
    ----------
    fan_out
        Additions by place, over the last axes of one image, or one number for all of them.
    num_neurons
        Neurons of one image.
    """

    def __init__(self, fan_out: NDArray[np.int64] | int, num_neurons: int) -> None:
        values, group = np.unique(fan_out, return_inverse=True)
        by_neuron = np.tile(group.ravel(), num_neurons // group.size)
        self.num_neurons = num_neurons
        self.values = values
        # One mask for each value: there are few, such as inside, edge and corner of a convolution.
        self.masks = [_words(np.packbits(by_neuron == k)) for k in range(len(values))]

    def __call__(self, bits: Bits) -> NDArray[np.int64]:
        """Count ``[T, B, bytes]``.

        Returns
        -------
        ndarray
            int64 ``[T + 4]``: spikes at every SNN step, neurons, silent ones, those that fired at every
            step, additions.
        """
        words = _words(bits)
        counts = [_counts(words & mask) for mask in self.masks[1:]]
        total = _counts(words)
        groups = [total - sum(counts), *counts]
        neurons = bits.shape[1] * self.num_neurons
        silent = neurons - _counts(np.bitwise_or.reduce(words)[None])[0]
        saturated = _counts(np.bitwise_and.reduce(words)[None])[0]
        additions = sum(
            each * int(count.sum()) for each, count in zip(self.values, groups, strict=True)
        )
        return np.array([*total, neurons, silent, saturated, additions])


def _counts(words: NDArray[Any]) -> NDArray[np.int64]:
    """Bits set in ``[T, ...]``, int64 ``[T]``."""
    counts = np.bitwise_count(words).reshape(len(words), -1)
    return np.asarray(counts.sum(1, dtype=np.int64))


def _words(bits: Bits) -> NDArray[Any]:
    """The same memory in the widest words that the last axis divides into."""
    for dtype in (np.uint64, np.uint32, np.uint16):
        if bits.shape[-1] % np.dtype(dtype).itemsize == 0:
            return bits.view(dtype)
    return bits
