"""What an axis does to how much fires and to the images, with intervals over seeds or images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from spikestudio.sweeps.axes import Axis
from spikestudio.sweeps.cells import SweepPlan
from spikestudio.sweeps.measures import Mean, mean

REPLICATES = ("seed", "class")  # axes that repeat the same with other randomness
_WORDS = ("checkpoint", "sampler")


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one cell.

    One value per image: ``differences`` from those of its reference, and ``confidences`` of a judge, a
    classifier of real images; None where there is none.
    """

    mean_rate: float | None
    synaptic_operations: float | None
    differences: NDArray[np.float64] | None
    confidences: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One value of the axis; ``estimate`` is None where nothing is known, ``num`` what it is over."""

    text: str
    value: float
    estimate: Mean | None
    num: int


@dataclass(frozen=True, slots=True)
class Curve:
    """One measure along the axis; ``unit`` is what was drawn anew: seeds, cells or images."""

    name: str
    unit: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Mean of a measure at ``text`` minus that at ``reference``, of the same seeds."""

    text: str
    reference: str
    change: Mean
    num: int
    unit: str

    @property
    def includes_zero(self) -> bool | None:
        """Whether its interval does; None if there is no interval."""
        low, high = self.change.low, self.change.high
        return None if low is None or high is None else low <= 0 <= high


def curve_axis(plan: SweepPlan) -> int | None:
    """Number of the axis that is followed: the first that has numbers and is no mere repetition."""
    for number, axis in enumerate(plan.axes):
        if axis.name not in (*REPLICATES, *_WORDS) and len(axis.values) > 1:
            return number
    return None


def curves(
    plan: SweepPlan, measured: Mapping[int, Measured], others: Mapping[str, int] | None = None
) -> tuple[Curve, ...]:
    """Mean rate, synaptic operations, difference and confidence along the axis that is followed.

    ``others`` says at which values, by number, further axes are kept; 0 where it does not.
    """
    number = curve_axis(plan)
    if number is None:
        return ()
    axis, unit = plan.axes[number], unit_of(plan)
    groups = [_group(plan, number, k, others or {}) for k in range(len(axis.values))]
    found = [[measured[i] for i in group if i in measured] for group in groups]
    return (
        Curve("mean_rate", unit, _points(axis, [_rates(each) for each in found])),
        Curve("synaptic_operations", unit, _points(axis, [_operations(each) for each in found])),
        Curve("difference", "images", _points(axis, [_differences(each) for each in found])),
        Curve("confidence", "images", _points(axis, [_confidences(each) for each in found])),
    )


def contrast(
    plan: SweepPlan,
    measured: Mapping[int, Measured],
    value: int,
    others: Mapping[str, int] | None = None,
) -> Contrast | None:
    """Change of the mean rate from the reference to a value of the axis, pair by pair."""
    number = curve_axis(plan)
    if number is None:
        return None
    axis = plan.axes[number]
    usual = reference_value(plan, number)
    pairs = zip(
        _group(plan, number, value, others or {}),
        _group(plan, number, usual, others or {}),
        strict=True,
    )
    changes = []
    for mine, other in pairs:
        one = measured[mine].mean_rate if mine in measured else None
        two = measured[other].mean_rate if other in measured else None
        if one is not None and two is not None:
            changes.append(one - two)
    if not changes:
        return None
    texts = axis.values[value].text, axis.values[usual].text
    return Contrast(*texts, mean(np.array(changes)), len(changes), unit_of(plan))


def reference_value(plan: SweepPlan, axis: int) -> int:
    """Number of the value that the others are compared with."""
    return plan.cells[plan.cells[0].reference].place[axis]


def unit_of(plan: SweepPlan) -> str:
    """What is drawn anew for the intervals of what a cell has one value of."""
    names = [axis.name for axis in plan.axes if axis.name in REPLICATES]
    return {(): "cells", ("seed",): "seeds", ("class",): "classes"}.get(tuple(names), "cells")


def _group(plan: SweepPlan, axis: int, value: int, others: Mapping[str, int]) -> list[int]:
    """Cells at a value of the axis, in the order of the replicates."""
    ways = [
        (value,)
        if k == axis
        else range(len(each.values))
        if each.name in REPLICATES
        else (others.get(each.name, 0),)
        for k, each in enumerate(plan.axes)
    ]
    return [plan.by_place[place].index for place in product(*ways)]


def _points(axis: Axis, values: Sequence[NDArray[np.float64]]) -> tuple[Point, ...]:
    return tuple(
        Point(each.text, float(each.value), mean(found) if len(found) else None, len(found))
        for each, found in zip(axis.values, values, strict=True)
    )


def _rates(cells: Sequence[Measured]) -> NDArray[np.float64]:
    return np.array([c.mean_rate for c in cells if c.mean_rate is not None], np.float64)


def _operations(cells: Sequence[Measured]) -> NDArray[np.float64]:
    known = [c.synaptic_operations for c in cells if c.synaptic_operations is not None]
    return np.array(known, np.float64)


def _differences(cells: Sequence[Measured]) -> NDArray[np.float64]:
    known = [c.differences for c in cells if c.differences is not None]
    return np.concatenate(known) if known else np.empty(0)


def _confidences(cells: Sequence[Measured]) -> NDArray[np.float64]:
    known = [c.confidences for c in cells if c.confidences is not None]
    return np.concatenate(known) if known else np.empty(0)
