"""Measures of a sweep along one axis, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spikestudio.export.draw.style import FAINT, LINES, page

_BETWEEN = 2.5  # mm between panels


def draw(arrays: Mapping[str, NDArray[Any]], spec: Mapping[str, Any]) -> Figure:
    """Draw one panel per measure, one below the other, over a common axis.

    Parameters
    ----------
    arrays
        ``x0``, ``mean0``, ``low0`` and ``high0`` ``[n]`` of the first measure, ``x1`` ... of the next;
        NaN where nothing is known.
    spec
        Beside what ``page`` needs: ``panels``, the titles of the measures, and ``axis``, that of x.
    """
    titles = list(spec["panels"])
    sheet = page(spec)
    bottom = sheet.bottom + sheet.below
    height = (sheet.top - bottom - (len(titles) - 1) * _BETWEEN) / len(titles)
    left = sheet.left + sheet.beside(["0.0000"])
    panels = []
    for k, title in enumerate(titles):
        y = bottom + (len(titles) - 1 - k) * (height + _BETWEEN)
        axes = sheet.axes(left, y, sheet.right - left, height)
        x, mean = arrays[f"x{k}"], arrays[f"mean{k}"]
        is_known = np.isfinite(mean)
        axes.plot(x[is_known], mean[is_known], color=LINES[0], linewidth=0.8 * sheet.scale)
        axes.plot(
            x[is_known], mean[is_known], color=LINES[0], marker="o", linestyle="none", markersize=3
        )
        low, high = arrays[f"low{k}"], arrays[f"high{k}"]
        for at in np.flatnonzero(is_known & np.isfinite(low) & np.isfinite(high)):
            axes.plot([x[at], x[at]], [low[at], high[at]], color=LINES[0], linewidth=0.8)
        axes.grid(axis="y", color=FAINT, linewidth=0.35)
        axes.set_axisbelow(True)
        axes.set_ylabel(title)
        axes.margins(x=0.04, y=0.15)
        axes.locator_params(axis="y", nbins=max(2, int(height / 6)))
        axes.ticklabel_format(useOffset=False, axis="both")
        panels.append(axes)
        if k < len(titles) - 1:
            axes.tick_params(labelbottom=False)
    panels[-1].set_xlabel(spec["axis"])
    sheet.figure.align_ylabels(panels)
    return sheet.figure
