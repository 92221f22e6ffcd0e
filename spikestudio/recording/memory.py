"""The decaying memory of a time-mixing layer (RWKV-4, arXiv 2305.13048 §3.2) at one denoising step.

It is not recorded: a step is computed again for it (``sampling.recompute``).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray

from spikestudio.types import LayerInfo

Values = NDArray[np.float32]
READABLE = 5.0  # largest exponent at which a weight is still short when it is written
MIXED = "lif1"  # name, in a block, of the spiking layer behind the time mixing


@dataclass(frozen=True, slots=True)
class MemoryStep:
    """What one channel does at one token; see ``Memory``.

    ``numerator`` and ``denominator`` are the sums over all tokens before, divided by ``e^exponent`` so
    that they stay readable; divide the weights ``e^(u + k)`` and ``e^k`` of the token by the same.
    """

    token: int
    channel: int
    numerator: float
    denominator: float
    exponent: float
    key: float
    value: float
    bonus: float
    decay: float
    output: float


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """Keys, values and result of the time mixing of one image in one denoising step.

    Parameters
    ----------
    keys, values, outputs
        float32 ``[N, D]``: k, v and wkv of every token and channel, as the network computed them.
    decay
        float32 ``[D]`` in (0, 1): factor of the past from one token to the next.
    bonus
        float32 ``[D]``: u, added to the key of the present token.
    """

    keys: Values
    values: Values
    outputs: Values
    decay: Values
    bonus: Values

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        arrays = (self.keys, self.values, self.outputs, self.decay, self.bonus)
        return sum(each.nbytes for each in arrays)

    @property
    def half_lives(self) -> NDArray[np.float64]:
        """Tokens after which half of the past is left, ``[D]``; infinite where nothing fades."""
        with np.errstate(divide="ignore"):
            found: NDArray[np.float64] = log(0.5) / np.log(self.decay.astype(np.float64))
        return np.where(found > 0, found, np.where(self.decay < 1, 0.0, inf))

    def at(self, token: int, channel: int) -> MemoryStep:
        """Walk to a token (from 0) by the recurrence, in float64.

        Sums are kept relative to the largest exponent so far, which cancels in their ratio; small
        ones are given as they are.
        """
        keys = self.keys[: token + 1, channel].astype(np.float64).tolist()
        values = self.values[: token + 1, channel].astype(np.float64).tolist()
        decay, bonus = float(self.decay[channel]), float(self.bonus[channel])
        fading = log(decay) if decay > 0 else -inf
        top = bottom = 0.0
        largest = -inf
        for key, value in zip(keys[:-1], values[:-1], strict=True):
            now = max(largest + fading, key)
            past = exp(largest + fading - now) if largest > -inf else 0.0
            weight = exp(key - now)
            top, bottom, largest = past * top + weight * value, past * bottom + weight, now
        exponent = max(largest, bonus + keys[-1], keys[-1])
        exponent = round(exponent) if exponent > READABLE else 0
        scale = exp(largest - exponent) if largest > -inf else 0.0
        return MemoryStep(
            token=token,
            channel=channel,
            numerator=top * scale,
            denominator=bottom * scale,
            exponent=exponent,
            key=keys[-1],
            value=values[-1],
            bonus=bonus,
            decay=decay,
            output=float(self.outputs[token, channel]),
        )


def has_memory(layer: LayerInfo) -> bool:
    """Whether a layer's current comes from a time mixing."""
    return len(layer.shape) == 2 and layer.id.rpartition(".")[2] == MIXED
