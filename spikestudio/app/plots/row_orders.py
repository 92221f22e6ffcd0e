"""Orders of a layer's neurons: by what they did so far, or by where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikestudio.language import mark

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import Known
    from spikestudio.recording.filters import Filter
    from spikestudio.types import LayerInfo

Counts = NDArray[np.uint16]  # at most 1,000 steps of 64 SNN steps
Order = NDArray[np.intp]

SHUFFLE_SEED = 0
GOLDEN = (5**0.5 - 1) / 2
NEVER = 65_535  # instead of a latency
MOST_SIMILAR = 256  # neurons that are compared with each other


@dataclass(frozen=True, slots=True)
class Fired:
    """What the neurons of a layer did in ``columns`` SNN steps of which spikes are known.

    ``counts`` holds the spikes of each neuron; ``first`` the SNN steps that passed from the start of
    the run to its first spike, ``NEVER`` if there was none.
    """

    layer: LayerInfo
    counts: Counts
    first: Counts
    columns: int

    def copy(self) -> Fired:
        """Return one that does not change any more."""
        return Fired(self.layer, self.counts.copy(), self.first.copy(), self.columns)


def spread(counts: Counts) -> Order:
    """All neurons so that any first few of them lie evenly over the layer."""
    return _spread(counts.size)


@lru_cache(maxsize=64)
def _spread(size: int) -> Order:
    order = np.argsort(np.arange(size) * GOLDEN % 1, kind="stable")
    order.flags.writeable = False
    return order


def evenly(fired: Fired) -> Order:
    """All neurons so that any first few of them lie evenly over the layer."""
    return spread(fired.counts)


def by_rate(fired: Fired) -> Order:
    """Neurons from most to fewest spikes; ties in index order."""
    return np.argsort(np.iinfo(np.uint16).max - fired.counts, kind="stable")


def by_latency(fired: Fired) -> Order:
    """Neurons from the earliest first spike to the latest; silent ones last, ties in index order."""
    return np.argsort(fired.first, kind="stable")


def by_place(fired: Fired) -> Order:
    """Maps by y, then x, then channel; tokens one after the other."""
    numbers = np.arange(fired.counts.size).reshape(fired.layer.shape)
    return (numbers.transpose(1, 2, 0) if numbers.ndim == 3 else numbers).ravel()


def by_index(fired: Fired) -> Order:
    """All neurons in index order."""
    return np.arange(fired.counts.size)


def shuffled(fired: Fired) -> Order:
    """All neurons in an order that is random but always the same."""
    return np.random.default_rng(SHUFFLE_SEED).permutation(fired.counts.size)


def firing_only(fired: Fired) -> Order:
    """Neurons that fired at least once, in index order."""
    return np.flatnonzero(fired.counts)


EVENLY, BY_RATE = mark("evenly spaced"), mark("highest rate")
BY_LATENCY, FIRING = mark("first spike"), mark("firing only")
SIMILAR = mark("similar spikes")  # needs the spikes themselves: see ``similar_orders``
RULES: dict[str, Callable[[Fired], Order]] = {
    EVENLY: evenly,
    BY_RATE: by_rate,
    BY_LATENCY: by_latency,
    mark("place (y, x)"): by_place,
    mark("index"): by_index,
    mark("random"): shuffled,
    FIRING: firing_only,
}


def fields(fired: Fired, names: frozenset[str]) -> dict[str, NDArray[np.generic]]:
    """Return the columns that a filter reads, one value per neuron (``layer``: one for all).

    In layers of tokens ``x`` is the token, ``channel`` the feature, and there is no ``y``. What is not
    known is NaN, which no comparison holds for.
    """
    counts, shape, number = fired.counts, fired.layer.shape, np.arange(fired.counts.size)
    makers: dict[str, Callable[[], NDArray[np.generic]]] = {
        "layer": lambda: np.array([fired.layer.id]),
        "neuron": lambda: number,
        "spikes": lambda: counts,
        "rate": lambda: counts / (fired.columns or np.nan),
        "latency": lambda: np.where(fired.first == NEVER, np.nan, fired.first),
        "dead": lambda: counts == 0,
        "saturated": lambda: (counts == fired.columns) & (counts > 0),
    }
    if len(shape) == 3:
        area, width = shape[1] * shape[2], shape[2]
        makers["channel"] = lambda: number // area
        makers["y"] = lambda: number % area // width
        makers["x"] = lambda: number % width
    else:
        makers["channel"] = lambda: number % shape[-1]
        makers["y"] = lambda: np.full(number.size, np.nan)
        makers["x"] = lambda: number // shape[-1]
    return {name: makers[name]() for name in names}


def passing(fired: Fired, chosen: Filter | None) -> NDArray[np.bool_]:
    """Return which neurons a filter lets through, ``[N]``."""
    if chosen is None:
        return np.ones(fired.counts.size, bool)
    return chosen.mask(fields(fired, chosen.fields), fired.counts.size)


def similar_orders(
    source: Known, layers: Sequence[Fired], steps: int, chosen: Filter | None = None
) -> dict[str, Order]:
    """Order neurons of each layer so that similar spike trains are beside each other.

    Similarity is the correlation of their spikes in the first ``steps`` steps; the order is that of
    the leaves of an average-linkage tree. It is over ``MOST_SIMILAR`` neurons in all, an equal number
    per layer, evenly spaced among those that pass the filter and fired at some SNN steps but not all.
    Takes long: not for the window's thread.
    """
    most = max(1, MOST_SIMILAR // len(layers))
    orders = {}
    for fired in layers:
        varying = passing(fired, chosen) & (fired.counts > 0) & (fired.counts < fired.columns)
        order = evenly(fired)
        neurons = np.sort(order[varying[order]][:most])
        known = (source.spikes(fired.layer.id, step) for step in range(steps))
        trains = [spikes[:, neurons] for spikes in known if spikes is not None]
        orders[fired.layer.id] = neurons[_leaves(np.concatenate(trains).T)] if trains else neurons
    return orders


def _leaves(trains: NDArray[np.uint8]) -> Order:
    """Return the rows of ``[n, columns]``, none of them constant, with similar ones together."""
    from scipy.cluster.hierarchy import (  # type: ignore[import-untyped]
        leaves_list,
        linkage,
    )

    size = len(trains)
    if size < 3:
        return np.arange(size)
    distances = 1 - np.asarray(np.corrcoef(trains))[np.triu_indices(size, 1)]
    tree = linkage(np.clip(distances, 0, 2), "average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), np.intp)
