"""Membrane potentials of some neurons over time, one lane each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spikestudio.export.draw.style import (
    INK,
    LINES,
    SOFT,
    THRESHOLD,
    mark_changes,
    mark_gaps,
    page,
    time_axis,
)

_BEFORE = 0.65  # share of an SNN step that shows the potential before reset
_TICK = 0.16  # height of a spike's tick, in lanes


def draw(arrays: Mapping[str, NDArray[Any]], spec: Mapping[str, Any]) -> Figure:
    """Draw potentials as multiples of the threshold, lane under lane on one scale.

    Parameters
    ----------
    arrays
        ``h`` and ``v`` float32 ``[n, steps * T]``, the potential before and after reset, NaN where
        none was recorded; ``threshold`` float32 ``[n, steps]``; ``thresholds`` ``[steps]``, that of
        the run.
    spec
        Beside what ``page`` needs: ``snn_steps``, ``first_step``, ``names`` of the neurons, ``reset``
        (the value, null where it is by subtraction).
    """
    per_step = int(spec["snn_steps"])
    threshold = arrays["threshold"].repeat(per_step, axis=1)
    h, v = arrays["h"] / threshold, arrays["v"] / threshold
    fired = arrays["h"] >= threshold
    sheet = page(spec)
    lanes, columns = h.shape
    low, high = _range(h, v)
    names = list(spec["names"])
    left = sheet.left + sheet.width_of(names) + 1.5
    bottom = sheet.bottom + sheet.below
    right = sheet.right - sheet.line - 1.5
    axes = sheet.axes(left, bottom, right - left, sheet.top - bottom)
    size = (high - low) * (1 + 1.8 * _TICK)
    axes.set_ylim(-lanes * size, 0)
    time_axis(axes, spec, columns // per_step)
    mark_gaps(axes, np.isnan(h).all(axis=0))
    axes.spines["left"].set_visible(False)
    zeros = []
    for k in range(lanes):
        zero = -(k + 1) * size - low + 0.05 * size
        zeros.append(zero)
        axes.axhline(zero + 1, color=THRESHOLD, linewidth=0.5 * sheet.scale, linestyle=(0, (3, 2)))
        if spec["reset"] is not None:
            reset = float(spec["reset"]) / float(arrays["threshold"][k, 0])
            axes.axhline(zero + reset, color=SOFT, linewidth=0.4, linestyle=(0, (1, 1.5)))
        x, y = _steps(h[k], v[k], per_step)
        axes.plot(
            x,
            y + zero,
            color=LINES[k % len(LINES)],
            linewidth=0.7 * sheet.scale,
            solid_joinstyle="miter",
        )
        strip = -k * size - np.array([[0.35], [1.0]]) * _TICK * (high - low)
        spikes = np.flatnonzero(fired[k]) + _BEFORE
        axes.vlines(spikes, strip[1], strip[0], color=INK, linewidth=0.6 * sheet.scale)
    axes.set_yticks([zero + 0.5 for zero in zeros], names)
    axes.tick_params(axis="y", length=0)
    bar = columns * 1.012
    axes.plot([bar, bar], [zeros[-1], zeros[-1] + 1], color=INK, linewidth=1.2, clip_on=False)
    axes.text(
        columns * 1.02,
        zeros[-1] + 0.5,
        "1 threshold" if size > 3 else "1 thr.",
        rotation=90,
        va="center",
        fontsize=sheet.small_points,
    )
    mark_changes(axes, arrays["thresholds"].tolist(), per_step)
    return sheet.figure


def _range(h: NDArray[np.float32], v: NDArray[np.float32]) -> tuple[float, float]:
    known = np.concatenate((h[np.isfinite(h)], v[np.isfinite(v)], np.array([0, 1.15], np.float32)))
    return float(known.min()), float(known.max())


def _steps(
    h: NDArray[np.float32], v: NDArray[np.float32], per_step: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A line that shows both potentials of every SNN step, and breaks where a denoising step begins."""
    columns = np.arange(h.size)
    x = np.stack((columns, columns + _BEFORE, columns + _BEFORE, columns + 1), axis=1).astype(float)
    y = np.stack((h, h, v, v), axis=1).astype(float)
    ends = np.arange(per_step, h.size, per_step)
    breaks = np.full((ends.size, 1), np.nan)
    return (
        np.insert(x.ravel(), ends * 4, breaks.ravel()),
        np.insert(y.ravel(), ends * 4, breaks.ravel()),
    )
