"""Firing rate of one neuron under a constant current, in closed form.

Assumed: the current X is the same at every step, the neuron starts from rest (``V_reset``, 0 for a
soft reset), the rest is below the threshold, and numbers are real. float32 may round the other way
where a potential meets the threshold exactly.

With ``k = 1 - 1/tau`` and potentials counted from rest, a neuron that has not fired for n steps has

    h = a (1 - k^n),  a = X   if the input decays, else  a = tau X          LIF, PLIF
    h = n X                                                                IF

so it fires first at the least n with ``h >= d``, where d is the threshold above rest:

    n = max(1, ceil(ln(1 - d/a) / ln k))   if a > d, else never              LIF, PLIF
    n = max(1, ceil(d / X))                if X > 0, else never              IF

A hard reset starts all over: there are ``floor(T/n)`` spikes in T steps, and only the currents from
which on another n holds change the rate.

A soft reset keeps what is above the threshold. IF loses nothing: ``min(T, floor(T X / d))`` spikes.
For a leaky neuron the rest e above 0 after a spike decays with the leak, and the next spike is

    m = max(1, ceil(ln((a - d) / (a - e)) / ln k))                           LIF, PLIF

steps later, from spike to spike. More current never makes fewer spikes, since every spike then comes
at the same time or earlier.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikestudio.language import tr
from spikestudio.neurons.lab import Neuron
from spikestudio.neurons.reference import SOFT

Numbers = NDArray[np.float64]
_HALVINGS = 32  # of the span that a current is searched in


def has_closed_form(neuron: Neuron) -> bool:
    """Whether the neuron rests below its threshold."""
    return neuron.v_threshold > neuron.rest


def closed_counts(neuron: Neuron, currents: ArrayLike, steps: int) -> NDArray[np.int64]:
    """Spikes within ``steps`` under each constant current; see the module for the assumptions.

    Raises
    ------
    ValueError
        The neuron does not rest below its threshold.
    """
    if not has_closed_form(neuron):
        raise ValueError(tr("There is no closed form for a neuron that rests above its threshold."))
    x: Numbers = np.atleast_1d(np.asarray(currents, np.float64))
    gap = neuron.v_threshold - neuron.rest
    if neuron.is_leaky and neuron.reset == SOFT:
        return _leaky_soft(neuron, x, steps)
    if neuron.reset == SOFT:
        counts = np.clip(np.floor(steps * x / gap), 0, steps)
    else:
        first = _first_spike(neuron, x, gap)
        counts = np.where(first <= steps, steps // np.minimum(first, steps + 1), 0)
    return np.asarray(counts.astype(np.int64))


def closed_rates(neuron: Neuron, currents: ArrayLike, steps: int) -> Numbers:
    """Spikes per step, as ``closed_counts``."""
    return closed_counts(neuron, currents, steps) / steps


def stairs(neuron: Neuron, steps: int) -> tuple[Numbers, NDArray[np.int64]]:
    """Return the currents from which on the number of spikes is another one, and that number.

    Both ascend; below the first there is no spike. Exact but for a soft reset with a leak, whose
    currents are found by halving.
    """
    if not has_closed_form(neuron):
        return np.empty(0), np.empty(0, np.int64)
    gap = neuron.v_threshold - neuron.rest
    if neuron.reset == SOFT:
        counts = np.arange(1, steps + 1)
        found = counts * gap / steps if not neuron.is_leaky else _search(neuron, counts, steps)
        is_last = np.append(np.diff(found) > 0, True)  # of several at the same current
        return found[is_last], counts[is_last]
    counts = np.unique(steps // np.arange(1, steps + 1))
    return _current_for(neuron, gap, steps // counts), counts


def _asymptote(neuron: Neuron, x: Numbers) -> Numbers:
    """Potential above rest that a leaky neuron would come to without a threshold."""
    return x if neuron.decays_input else x * neuron.tau


@np.errstate(divide="ignore", invalid="ignore")
def _first_spike(neuron: Neuron, x: Numbers, gap: float) -> Numbers:
    """Steps until the first spike, infinite where there is none."""
    if not neuron.is_leaky:
        return np.where(x > 0, np.maximum(1, np.ceil(gap / x)), np.inf)
    end = _asymptote(neuron, x)
    needed = np.ceil(np.log1p(-gap / end) / np.log1p(-1 / neuron.tau))
    return np.where(end > gap, np.maximum(1, needed), np.inf)


def _current_for(neuron: Neuron, gap: float, intervals: NDArray[np.int64]) -> Numbers:
    """Return the least current with which a hard reset fires at every interval."""
    if not neuron.is_leaky:
        return np.asarray(gap / intervals)
    end = gap / -np.expm1(intervals * np.log1p(-1 / neuron.tau))
    return np.asarray(end if neuron.decays_input else end / neuron.tau)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _leaky_soft(neuron: Neuron, x: Numbers, steps: int) -> NDArray[np.int64]:
    """Go from spike to spike."""
    gap, decay = neuron.v_threshold, np.log1p(-1 / neuron.tau)
    end = _asymptote(neuron, x)
    counts, at, left = np.zeros(x.shape, np.int64), np.zeros(x.shape), np.zeros(x.shape)
    for _ in range(steps):
        ratio = (end - gap) / (end - left)
        wait = np.where(left >= gap, 1, np.maximum(1, np.ceil(np.log(ratio) / decay)))
        at = at + np.where(end > gap, wait, np.inf)
        if not (fires := at <= steps).any():
            break
        counts += fires
        rest = end + (left - end) * np.exp(wait * decay) - gap
        left = np.where(fires, np.maximum(rest, 0.0), 0.0)
    return counts


def _search(neuron: Neuron, counts: NDArray[np.int64], steps: int) -> Numbers:
    """Return the least current with each number of spikes; with the highest every step fires."""
    gap = neuron.v_threshold
    low = np.zeros(len(counts))
    high = np.full(len(counts), 2 * gap * (neuron.tau if neuron.decays_input else 1.0))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_enough = _leaky_soft(neuron, middle, steps) >= counts
        high, low = np.where(is_enough, middle, high), np.where(is_enough, low, middle)
    return high
