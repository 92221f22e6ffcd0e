"""Which rows a raster shows: an order of each layer's neurons, frozen when it was made."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.plots.row_orders import (
    BY_LATENCY,
    BY_RATE,
    EVENLY,
    FIRING,
    RULES,
    SIMILAR,
    Fired,
    Order,
    passing,
)
from spikestudio.language import tr
from spikestudio.recording.filters import Filter

CHANGING_RULES = (BY_RATE, BY_LATENCY, FIRING, SIMILAR)
CHANGING_FIELDS = frozenset(("rate", "spikes", "latency", "dead", "saturated"))


class RowChoice:
    """Orders of the neurons of one or several layers, of which one page is shown.

    ``orders`` holds those that pass the filter, by layer id, decided by the spikes of the first
    ``made_at`` denoising steps.
    """

    def __init__(self) -> None:
        self.rule = EVENLY
        self.filter: Filter | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the orders: the next spikes make new ones."""
        self.orders: dict[str, Order] = {}
        self.is_made = False
        self.failure = ""  # why there is no order
        self.made_at = self.page = 0
        self.pages = self.most = 1
        self._passing: dict[str, NDArray[np.bool_]] = {}
        self._is_stale = False

    @property
    def num_passing(self) -> int:
        """Neurons of all layers that are in the orders."""
        return sum(order.size for order in self.orders.values())

    def make(self, layers: Sequence[Fired], steps: int, deadline: float) -> bool:
        """Order the neurons by the first ``steps`` steps; False if the deadline came first."""
        if not self.orders:
            self.made_at = steps
        for fired in layers:
            if fired.layer.id not in self.orders:
                order = RULES[self.rule](fired)
                if self.filter is not None:
                    mask = self._passing[fired.layer.id] = passing(fired, self.filter)
                    order = order[mask[order]]
                self.orders[fired.layer.id] = order
                if time.perf_counter() > deadline:
                    break
        self.is_made = len(self.orders) == len(layers)
        return self.is_made

    def take(self, orders: Mapping[str, Order], steps: int) -> None:
        """Take over orders that were made elsewhere."""
        self.orders, self.made_at, self.is_made = dict(orders), steps, True

    def rows(self, size: int) -> list[Order]:
        """Return each layer's neurons on the current page, from top to bottom, ``size`` in all.

        Several layers get the same number each, more only where others have fewer neurons.
        """
        sizes = np.array([order.size for order in self.orders.values()], np.intp)
        self.most = _share(sizes, size)
        self.pages = max(1, -(-int(sizes.max(initial=0)) // self.most))
        self.page = min(self.page, self.pages - 1)
        page = slice(self.page * self.most, (self.page + 1) * self.most)
        rows = [order[page] for order in self.orders.values()]
        return cut([np.sort(part) for part in rows] if self.rule == EVENLY else rows, 0, size)

    def is_stale(self, layers: Sequence[Fired], steps: int) -> bool:
        """Whether the rule and the filter would give other orders now."""
        if not self.is_made or steps == self.made_at:
            return False
        if not self._is_stale:  # once it is, it stays so until it is made anew
            self._is_stale = self.rule == SIMILAR or any(map(self._is_other, layers))
        return self._is_stale

    def _is_other(self, fired: Fired) -> bool:
        order = self.orders[fired.layer.id]
        mask = self._passing.get(fired.layer.id)
        if self.filter is not None and mask is not None and self.filter.fields & CHANGING_FIELDS:
            new = passing(fired, self.filter)
            if not np.array_equal(new, mask):
                return True
        if self.rule == BY_RATE:
            in_order = fired.counts[order]
            return bool((in_order[:-1] < in_order[1:]).any())
        if self.rule == BY_LATENCY:
            in_order = fired.first[order]
            return bool((in_order[:-1] > in_order[1:]).any())
        if self.rule == FIRING:
            firing = fired.counts > 0 if mask is None else (fired.counts > 0) & mask
            return np.count_nonzero(firing) != order.size
        return False

    def rule_text(self) -> str:
        """Return the rule, which spikes decided the order where they did, and the filter."""
        text = tr(self.rule)
        if self.rule == SIMILAR and self.is_made:
            text += tr(" over {num_passing:,} neurons", num_passing=self.num_passing)
        if self.rule in CHANGING_RULES:
            text += tr(" up to step {made_at:,}", made_at=self.made_at)
        if self.filter is None:
            return text
        since = (
            tr(" up to step {made_at:,}", made_at=self.made_at)
            if self.filter.fields & CHANGING_FIELDS
            else ""
        )
        return tr(
            "{the_text}, filter: {filter}{since}",
            the_text=text,
            filter=self.filter.text.strip(),
            since=since,
        )

    def text(self, shown: Sequence[int], total: int, steps: int) -> str:
        """Return the count label: how many (of each layer) of how many, by which rule.

        ``steps`` are the denoising steps that are known by now.
        """
        if self.failure:
            return self.failure
        if not self.is_made:
            return tr(
                "{total:,} neurons, {part}",
                total=total,
                part=tr("sorting") if steps else tr("none recorded yet"),
            )
        number = sum(shown)
        if not self.num_passing:
            what = (
                tr("passes the filter")
                if self.filter
                else tr("of rule: {rule}", rule=tr(self.rule))
            )
            return tr(
                "showing 0 of {total:,}: none {what} up to step {made_at:,}",
                total=total,
                what=what,
                made_at=self.made_at,
            )
        notes = []
        if len(shown) > 1:
            up_to = "" if set(shown) == {self.most} else tr("up to ")
            notes.append(tr("{up_to}{most:,} per layer", up_to=up_to, most=self.most))
        if self.filter is not None:
            more = self.num_passing != number and self.rule != SIMILAR
            notes.append(
                tr("filter: {num_passing:,} pass", num_passing=self.num_passing)
                if more
                else tr("filter")
            )
        note = f" ({', '.join(notes)})" if notes else ""
        over = (
            tr(" over {num_passing:,}", num_passing=self.num_passing)
            if self.rule == SIMILAR
            else ""
        )
        page = (
            tr(", page {page:,} of {pages:,}", page=self.page + 1, pages=self.pages)
            if self.page
            else ""
        )
        return tr(
            "showing {number:,} of {total:,}{note}, rule: {rule}{over}{page}",
            number=number,
            total=total,
            note=note,
            rule=tr(self.rule),
            over=over,
            page=page,
        )


def cut(rows: Sequence[Order], first: int, size: int) -> list[Order]:
    """Return ``size`` rows from ``first`` on of those of several layers below each other."""
    parts, start = [], 0
    for part in rows:
        low, high = max(first - start, 0), max(first + size - start, 0)
        parts.append(part[low:high])
        start += part.size
    return parts


def _share(sizes: NDArray[np.intp], room: int) -> int:
    """Return the largest number of each, at least 1, of which all together fit the room."""
    low, high = 1, max(1, room)
    while low < high:
        middle = (low + high + 1) // 2
        fits = int(np.minimum(sizes, middle).sum()) <= room
        low, high = (middle, high) if fits else (low, middle - 1)
    return low
