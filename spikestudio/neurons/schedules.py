"""A threshold for every denoising step, drawn as a curve through a few points, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikestudio.language import mark, tr

DECIMALS = (
    4  # of the value of a step: finer than a control's, so that a slope of thousandths is one
)
HALF, TIE = 0.5 * 10.0**-DECIMALS, 1e-9

Values = NDArray[np.float64]


class Point(NamedTuple):
    """A place in the run, 0 for the first denoising step and 1 for the last, and a value there."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Points joined by straight lines or, if ``is_smooth``, by half waves of a cosine.

    Before the first point and after the last the value stays. Points are kept in order, one at a place.

    Raises
    ------
    ValueError
        There is no point, or one is not a finite number or outside the run.
    """

    points: tuple[Point, ...]
    is_smooth: bool = False

    def __post_init__(self) -> None:
        by_place = {float(at): float(value) for at, value in self.points}
        if not by_place or not all(
            0 <= at <= 1 and isfinite(value) for at, value in by_place.items()
        ):
            raise ValueError(
                tr("A curve needs points between 0 and 1, not {points!r}.", points=self.points)
            )
        points = tuple(Point(at, by_place[at]) for at in sorted(by_place))
        object.__setattr__(self, "points", points)

    def at(self, places: NDArray[np.float64] | Sequence[float]) -> Values:
        """Values at places of the run, not rounded."""
        ats, values = np.array(self.points, np.float64).T
        if not self.is_smooth or len(ats) == 1:
            return np.asarray(np.interp(places, ats, values))
        along = np.interp(places, ats, np.arange(len(ats)))
        before = np.minimum(along.astype(np.int64), len(ats) - 2)
        share = eased(along - before)
        return np.asarray(values[before] + share * (values[before + 1] - values[before]))

    def steps(self, number: int) -> Values:
        """Value of each of ``number`` denoising steps."""
        return np.round(self.at([place(step, number) for step in range(number)]), DECIMALS)

    def moved(self, index: int, at: float, value: float, gap: float) -> Curve:
        """Another place and value of a point, which stays ``gap`` away from its neighbours."""
        low = self.points[index - 1].at + gap if index else 0.0
        high = self.points[index + 1].at - gap if index < len(self.points) - 1 else 1.0
        at = min(max(at, low), high) if low <= high else self.points[index].at
        points = (*self.points[:index], Point(at, value), *self.points[index + 1 :])
        return Curve(points, self.is_smooth)

    def added(self, at: float, value: float) -> Curve:
        """One more point; at the place of another it takes that one's."""
        return Curve((*self.points, Point(at, value)), self.is_smooth)

    def removed(self, index: int) -> Curve:
        """One point less; the last one stays."""
        rest = (*self.points[:index], *self.points[index + 1 :])
        return Curve(rest, self.is_smooth) if rest else self

    @classmethod
    def through(cls, values: Sequence[float] | Values) -> Curve:
        """Curve with few points that gives these values, rounded, to as many steps."""
        wanted: Values = np.asarray(np.round(values, DECIMALS), np.float64)
        # A value half-way between two that are rounded to may be meant either way.
        lines, surely = (cls._of(wanted, _corners(wanted, sign * TIE)) for sign in (1, -1))
        corners = _smooth_corners(wanted, len(lines.points) - 1)
        smooth = cls._of(wanted, corners, is_smooth=True) if corners else lines
        for curve in (smooth, lines, surely):
            if np.array_equal(curve.steps(len(wanted)), wanted):
                return curve
        return cls._of(wanted, range(len(wanted)))

    @classmethod
    def _of(cls, values: Values, steps: Iterable[int], *, is_smooth: bool = False) -> Curve:
        number = len(values)
        points = tuple(Point(place(step, number), float(values[step])) for step in steps)
        return cls(points, is_smooth)


def place(step: float, number: int) -> float:
    """Place in a run of ``number`` steps of one of them, 0 to 1."""
    return step / (number - 1) if number > 1 else 0.0


def eased(share: NDArray[np.float64]) -> Values:
    """Half a wave of a cosine, from 0 to 1: flat at both ends."""
    return np.asarray((1 - np.cos(np.pi * share)) / 2)


def _line(value: float, _: float, __: int) -> Curve:
    return Curve((Point(0, value), Point(1, value)))


def _up(value: float, base: float, _: int) -> Curve:
    return Curve((Point(0, min(value, base)), Point(1, max(value, base))))


def _down(value: float, base: float, _: int) -> Curve:
    return Curve((Point(0, max(value, base)), Point(1, min(value, base))))


def _first_half(value: float, base: float, number: int) -> Curve:
    return _edge(value, base, max(1, number // 2), number)


def _last_third(value: float, base: float, number: int) -> Curve:
    return _edge(base, value, number - max(1, round(number / 3)), number)


def _cosine(value: float, base: float, _: int) -> Curve:
    return Curve((Point(0, value), Point(1, base)), is_smooth=True)


def _edge(before: float, after: float, first_after: int, number: int) -> Curve:
    """One value in the steps before ``first_after``, another from there on."""
    if not 0 < first_after < number:
        value = after if first_after <= 0 else before
        return Curve((Point(0, value), Point(1, value)))
    last = place(first_after - 1, number)
    points = {0.0: before, last: before, place(first_after, number): after, 1.0: after}
    return Curve(tuple(Point(at, value) for at, value in points.items()))


PRESETS: dict[str, Callable[[float, float, int], Curve]] = {
    mark("Constant"): _line,
    mark("Linear up"): _up,
    mark("Linear down"): _down,
    mark("First half only"): _first_half,
    mark("Last third only"): _last_third,
    mark("Cosine"): _cosine,
}
"""Curves by name, made of a threshold, the one elsewhere, and the number of steps."""


def _corners(values: Values, tie: float) -> list[int]:
    """Fewest steps between which straight lines give all values after rounding, found greedily."""
    half = HALF + tie
    corners, last = [0], len(values) - 1
    while corners[-1] < last:
        start = corners[-1]
        far = np.arange(1, last - start + 1)
        rise = values[start + 1 :] - values[start]
        # A line may be neither steeper nor flatter than every step on its way allows.
        steepest = np.minimum.accumulate((rise + half) / far)
        flattest = np.maximum.accumulate((rise - half) / far)
        slope = rise / far
        fits = (slope <= steepest) & (slope >= flattest)
        corners.append(start + int(far[fits][-1]))
    return corners


def _smooth_corners(values: Values, most: int) -> list[int]:
    """The same for half waves of a cosine; empty if that takes more than ``most`` points."""
    half = HALF + TIE
    corners, last = [0], len(values) - 1
    while corners[-1] < last:
        if len(corners) >= most:
            return []
        start = corners[-1]
        far = np.arange(1, last - start + 1)
        middle = start + far // 2
        rise = values[start + far] - values[start]
        guess = values[start] + rise * eased((middle - start) / far)
        likely = far[np.abs(guess - values[middle]) <= half][::-1]
        corners.append(start + next(int(f) for f in likely if _is_wave(values, start, f, half)))
    return corners


def _is_wave(values: Values, start: int, length: int, half: float) -> bool:
    share = eased(np.arange(length + 1) / length)
    wave = values[start] + share * (values[start + length] - values[start])
    return bool(np.all(np.abs(wave - values[start : start + length + 1]) <= half))


def spans(values: Sequence[float] | Values) -> list[tuple[int, int, float]]:
    """Runs of equal values: first and last step, and the value."""
    values = np.asarray(values, np.float64)
    starts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return [(first, end - 1, float(values[first])) for first, end in pairwise(starts)]
