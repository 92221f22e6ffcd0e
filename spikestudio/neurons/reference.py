"""One small IF/LIF in NumPy: the yardstick of the tests, and the replay of "what if".

The order of operations is spikingjelly's, in the precision of the current (float32 at least), so that
the numbers are those of the network on a CPU bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.neurons.constants import Constants
from spikestudio.types import LayerInfo

Floats = NDArray[np.floating]
SOFT: Literal["soft"] = "soft"


@dataclass(frozen=True, slots=True)
class Replay:
    """Potential before and after reset, and spikes (0 or 1, uint8), each like the current."""

    h: Floats
    v: Floats
    spikes: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class WhatIf(Replay):
    """Replay under other constants; ``change`` int64 ``[N]`` is the spikes gained or lost over T."""

    change: NDArray[np.int64]


def integrate(
    current: ArrayLike,
    *,
    v_threshold: float = 1.0,
    tau: float | None = None,
    v_reset: float | None = 0.0,
    forced: ArrayLike | None = None,
) -> Replay:
    """Drive neurons that start afresh.

    Parameters
    ----------
    current
        Input current ``[T]`` or ``[T, ...]``, one neuron per further position.
    v_threshold
        Potential from which on a neuron fires.
    tau
        Time constant of LIF in SNN steps; None for IF.
    v_reset
        Potential after a spike (hard reset), or None to subtract the threshold (soft reset).
    forced
        Added to the threshold that a potential is compared with, and to nothing else: infinite for
        neurons that never fire, minus infinite for those that always do. Spreads over ``[...]``.
    """
    x_seq: Floats = np.asarray(current)
    if x_seq.dtype not in (np.float32, np.float64):
        x_seq = x_seq.astype(np.float32)
    number = x_seq.dtype.type  # constants in the same precision: NumPy 1 would widen some of them
    threshold, rest = number(v_threshold), number(v_reset or 0.0)
    fires_at = threshold if forced is None else threshold + np.asarray(forced, number)
    h_seq, v_seq = np.empty_like(x_seq), np.empty_like(x_seq)
    spikes = np.empty(x_seq.shape, bool)
    v: Floats = np.full_like(x_seq[0], rest) if len(x_seq) else x_seq
    for t, x in enumerate(x_seq):
        h, v_next, fired = h_seq[t, ...], v_seq[t, ...], spikes[t, ...]  # views, also of one neuron
        h[...] = v + x if tau is None else v + (x - (v - rest)) / number(tau)
        np.greater_equal(h, fires_at, out=fired)
        v_next[...] = h
        np.copyto(v_next, rest if v_reset is not None else h - threshold, where=fired)
        v = v_next
    return Replay(h_seq, v_seq, spikes.view(np.uint8))


def what_if(
    current: ArrayLike,
    layer: LayerInfo,
    *,
    v_threshold: float | None = None,
    tau: float | None = None,
    reset: float | Literal["soft"] | None = None,
    in_force: Constants | None = None,
    forced: ArrayLike | None = None,
) -> WhatIf:
    """Replay a recorded input under other constants.

    Parameters
    ----------
    current
        Recorded input ``[T]`` or ``[T, N]`` of one evaluation, or ``[T, N, steps]`` of several.
    layer
        The constants that were in force: give it the threshold of that step.
    v_threshold, tau, reset
        Other constants; what is left out stays. ``reset`` is the potential of a hard reset or "soft".
    in_force
        The constants that were in force where they were not those of ``layer``.
    forced
        As in ``integrate``: lesions stay as they were.

    Raises
    ------
    ConfigError
        A constant is not finite, not above its bound, or a tau for neurons that do not leak.
    """
    for name, value, low in (("threshold", v_threshold, 0.0), ("tau", tau, 1.0)):
        if value is not None and not low < value < float("inf"):
            raise ConfigError(
                tr(
                    "The {name} must be a finite number above {low:g}, not {value!r}.",
                    name=name,
                    low=low,
                    value=value,
                ),
                field=name,
            )
    if tau is not None and layer.tau is None:
        raise ConfigError(
            tr(
                "The {neuron} neurons of layer {layer} do not leak: leave tau out.",
                neuron=layer.neuron,
                layer=layer.id,
            ),
            field="tau",
        )
    if isinstance(reset, float | int) and not isfinite(reset):
        raise ConfigError(
            tr("The reset must be a finite potential or soft, not {reset!r}.", reset=reset),
            field="reset",
        )
    was = in_force or Constants(layer.v_threshold, layer.v_reset, layer.tau)
    before = integrate(
        current, v_threshold=was.v_threshold, tau=was.tau, v_reset=was.v_reset, forced=forced
    )
    after = integrate(
        current,
        v_threshold=was.v_threshold if v_threshold is None else v_threshold,
        tau=was.tau if tau is None else tau,
        v_reset=was.v_reset if reset is None else None if reset == SOFT else reset,
        forced=forced,
    )
    gained = after.spikes.sum(axis=0, dtype=np.int64) - before.spikes.sum(axis=0, dtype=np.int64)
    return WhatIf(after.h, after.v, after.spikes, np.asarray(gained))
