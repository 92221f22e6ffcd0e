"""Spikes packed as bits, and counted as such.

A spike takes 4 bytes where it is computed and one bit here: what has to be read again, to count
it in several ways, is 32 times less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikestudio.types import LayerInfo

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Bits = NDArray[np.uint8]
_Words = NDArray[np.uint64]
_WORD = np.dtype(np.uint64).itemsize


class Packer:
    """Packs spikes, in one small buffer for all layers of a shape, so that it stays in the cache."""

    def __init__(self) -> None:
        self._buffers: dict[torch.Size, tuple[Tensor, NDArray[np.bool_]]] = {}

    def __call__(self, spikes: Tensor) -> Bits | Tensor:
        """Spikes ``[T, B, ...]`` (0 or 1) as bits, uint8 ``[T, B, ceil(N / 8)]``, where they are.

        Neurons are in row-major order, the first in the highest bit, as in ``numpy.packbits``; the
        bits that fill the last byte are 0. ``fetched`` makes an array of them.
        """
        if spikes.device.type != "cpu":
            return pack_on_device(spikes.flatten(2).bool())
        if spikes.shape not in self._buffers:
            import torch

            fired = np.empty(spikes.shape, bool)
            self._buffers[spikes.shape] = (
                torch.from_numpy(fired),
                fired.reshape(*fired.shape[:2], -1),
            )
        buffer, fired = self._buffers[spikes.shape]
        buffer.copy_(spikes)  # several times as fast as a comparison
        return np.packbits(fired, axis=-1)


def fetched(bits: Bits | Tensor) -> Bits:
    """Bits as an array, from wherever they were packed."""
    return bits if isinstance(bits, np.ndarray) else bits.cpu().numpy()


def pack_on_device(fired: Tensor) -> Tensor:
    """``Packer`` for devices that NumPy does not reach; bool ``[T, B, N]``."""
    import torch

    whole = torch.nn.functional.pad(fired.to(torch.uint8), (0, -fired.shape[-1] % 8))
    weights = torch.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=torch.uint8, device=fired.device)
    packed: Tensor = (whole.unflatten(-1, (-1, 8)) * weights).sum(-1, dtype=torch.uint8)
    return packed


def unpack(bits: Bits, num_neurons: int) -> NDArray[np.uint8]:
    """Bits ``[T, ceil(N / 8)]`` as 0 or 1, ``[T, N]``."""
    return np.unpackbits(bits, axis=1, count=num_neurons)


class Tally:
    """Counts what layers did, all of them at once: a call for each would cost more than the counting.

    Parameters
    ----------
    layers
        What is counted, in the order of the result.
    fan_out
        Additions that one spike causes, by layer id: at each place over the last axes of an image.
        A layer that is left out causes none.
    """

    def __init__(
        self, layers: Sequence[LayerInfo], fan_out: Mapping[str, NDArray[np.int64]]
    ) -> None:
        self.layers = tuple(layers)
        self._fan_out = fan_out
        self._plan: tuple[tuple[tuple[int, int], ...], list[_Words]] = ((), [])

    @cached_property
    def _groups(self) -> list[tuple[NDArray[np.int64], list[Bits]]]:
        """Of each layer, the values of its fan-out and where they hold.

        There are few, such as inside, edge and corner of a convolution.
        """
        groups = []
        for layer in self.layers:
            reach = np.asarray(self._fan_out.get(layer.id, 0), np.int64)
            values, group = np.unique(reach, return_inverse=True)
            by_neuron = np.tile(group.ravel(), layer.num_neurons // group.size)
            masks = [np.packbits(by_neuron == k) for k in range(len(values))]
            groups.append((values, masks))
        return groups

    def __call__(self, pieces: Sequence[tuple[int, Bits]], snn_steps: int) -> NDArray[np.int64]:
        """Count pieces, each a layer's index and its bits ``[T, B, bytes]``.

        Returns
        -------
        ndarray
            int64 ``[layers, T + 4]``: spikes at every SNN step, neurons, silent ones, those that fired
            at every step, additions. The images of all pieces of a layer are added up.
        """
        totals = np.zeros((len(self.layers), snn_steps + 4), np.int64)
        if not pieces:
            return totals
        indices = [index for index, _ in pieces]
        sizes = [-(-bits[0].size // _WORD) for _, bits in pieces]
        starts = np.cumsum([0, *sizes[:-1]])
        words = np.empty((snn_steps, sum(sizes)), np.uint64)
        for start, size, (_, bits) in zip(starts, sizes, pieces, strict=True):
            _fill(words[:, start : start + size], bits.reshape(snn_steps, -1))
        shape = tuple((index, bits.shape[1]) for index, bits in pieces)
        masks = self._masks(shape, sizes)

        def counted(chosen: _Words) -> NDArray[np.int64]:
            """Bits set in ``[words]``, int64 ``[pieces]``."""
            each = np.bitwise_count(chosen, out=counts)
            return np.add.reduceat(each, starts, dtype=np.uint32).astype(np.int64)

        # One SNN step after the other: what it needs fits into the cache, all of them would not.
        spikes = np.empty((snn_steps, len(pieces)), np.int64)
        others = np.zeros((len(masks), len(pieces)), np.int64)
        ever, always = words[0].copy(), words[0].copy()
        masked, counts = np.empty_like(ever), np.empty(ever.shape, np.uint8)
        for t, row in enumerate(words):
            spikes[t] = counted(row)
            np.bitwise_or(ever, row, out=ever)
            np.bitwise_and(always, row, out=always)
            for total, mask in zip(others, masks, strict=True):
                total += counted(np.bitwise_and(row, mask, out=masked))
        neurons = np.array([bits.shape[1] * self.layers[i].num_neurons for i, bits in pieces])
        silent, saturated = neurons - counted(ever), counted(always)
        groups = [spikes.sum(0) - others.sum(0), *others]
        additions = sum(self._values(k)[indices] * group for k, group in enumerate(groups))
        rows = np.concatenate([spikes, np.stack([neurons, silent, saturated, additions])])
        np.add.at(totals, indices, rows.T)
        return totals

    def _values(self, k: int) -> NDArray[np.int64]:
        """The ``k``-th value of every layer's fan-out, 0 where there are fewer."""
        return np.array([values[k] if k < len(values) else 0 for values, _ in self._groups])

    def _masks(self, shape: tuple[tuple[int, int], ...], sizes: list[int]) -> list[_Words]:
        """Where each value but the first holds, for pieces of these layers and numbers of images."""
        if self._plan[0] != shape:
            most = max(len(self._groups[index][1]) for index, _ in shape)
            masks = [np.zeros((1, sum(sizes)), np.uint64) for _ in range(1, most)]
            start = 0
            for size, (index, images) in zip(sizes, shape, strict=True):
                for mask, bits in zip(masks, self._groups[index][1][1:], strict=False):
                    _fill(mask[:, start : start + size], np.tile(bits, images)[None])
                start += size
            self._plan = shape, [mask[0] for mask in masks]
        return self._plan[1]


def _fill(words: _Words, data: Bits) -> None:
    """Copy bytes ``[T, bytes]`` into words, the last of which may not become full."""
    if data.shape[1] % _WORD == 0:
        words[...] = data.view(np.uint64)
        return
    whole = np.zeros((len(data), words.shape[1] * _WORD), np.uint8)
    whole[:, : data.shape[1]] = data
    words[...] = whole.view(np.uint64)
