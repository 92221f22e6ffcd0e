"""Firing rates of all layers: a map over the denoising steps, or the curve under the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spikestudio.export.draw.style import (
    GAP,
    INK,
    LINES,
    MM_PER_POINT,
    SCALAR,
    THRESHOLD,
    colour_bar,
    page,
    ticks,
)


def draw(arrays: Mapping[str, NDArray[Any]], spec: Mapping[str, Any]) -> Figure:
    """Draw the map: one row per layer, one column per step.

    Parameters
    ----------
    arrays
        ``rates`` float32 ``[layers, steps]``, NaN where not recorded; ``thresholds`` ``[steps]``.
    spec
        Beside what ``page`` needs: ``layers``, their ids, and ``first_step``.
    """
    rates = arrays["rates"]
    sheet = page(spec)
    layers = list(spec["layers"])
    bottom = sheet.bottom + sheet.below
    height = sheet.top - bottom
    fitting = height / len(layers) / MM_PER_POINT / 1.05
    points = min(sheet.small_points, max(fitting, 4.5))
    left = sheet.left + sheet.width_of(layers, points) + 1.8
    bar = 2.2
    right = sheet.right - bar - 1.5 - 1.8 - sheet.width_of(["0.00"]) - sheet.line
    axes = sheet.axes(left, bottom, right - left, height)
    colours = mpl.colormaps[SCALAR].with_extremes(bad=GAP)
    top = float(np.nanmax(rates)) if np.isfinite(rates).any() else 1.0
    first, columns = int(spec["first_step"]), rates.shape[1]
    image = axes.imshow(
        np.ma.masked_invalid(rates),
        cmap=colours,
        vmin=0,
        vmax=top or 1.0,
        extent=(first - 0.5, first + columns - 0.5, len(layers), 0),
        aspect="auto",
        interpolation="nearest",
    )
    for edge in range(1, len(layers)):
        axes.axhline(edge, color="white", linewidth=0.3)
    each = int(np.ceil(points / max(fitting, 0.1)))
    axes.set_yticks([k + 0.5 for k in range(0, len(layers), each)], layers[::each], fontsize=points)
    axes.tick_params(axis="y", length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xticks(ticks(first, first + columns - 1))
    axes.set_xlabel("denoising step")
    for step in _changes(arrays["thresholds"]):
        axes.axvline(first + step - 0.5, color=THRESHOLD, linewidth=0.8, linestyle=(0, (3, 2)))
    colour_bar(sheet, image, (right + 1.5, bottom, bar, height), "firing rate")
    return sheet.figure


def draw_curve(arrays: Mapping[str, NDArray[Any]], spec: Mapping[str, Any]) -> Figure:
    """Draw rates over the steps, and below them the threshold.

    Parameters
    ----------
    arrays
        ``rates`` float32 ``[lines, steps]``, NaN where not recorded; ``thresholds`` ``[steps]``.
    spec
        Beside what ``page`` needs: ``names`` of the lines, and ``first_step``.
    """
    rates, thresholds = arrays["rates"], np.asarray(arrays["thresholds"], float)
    sheet = page(spec)
    first, columns = int(spec["first_step"]), rates.shape[1]
    x = np.arange(first, first + columns)
    below = sheet.bottom + sheet.below
    height = sheet.top - below
    low = height * 0.24
    upper_bottom = below + low + 2.5
    names = list(spec["names"])
    spread = max(float(np.ptp(thresholds)), 0.002)
    values = sorted({float(thresholds.min()), float(thresholds.max())})
    labels = [f"{value:.3f}" for value in values]
    left = sheet.left + max(sheet.beside(labels), sheet.beside(["0.00"])) + 1
    right = sheet.right - sheet.width_of(names) - 1.5
    upper = sheet.axes(left, upper_bottom, right - left, sheet.top - upper_bottom)
    lower = sheet.axes(left, below, right - left, low)
    top = float(np.nanmax(rates)) if np.isfinite(rates).any() else 1.0
    upper.set_ylim(0, top * 1.08 or 1.0)
    for k, values_of in enumerate(rates):
        upper.plot(
            x,
            values_of,
            color=INK if k == 0 else LINES[(k - 1) % (len(LINES) - 1)],
            linewidth=(1.1 if k == 0 else 0.8) * sheet.scale,
            marker="o" if columns <= 12 else "",
            markersize=2.5,
        )
    _name_ends(
        upper,
        rates,
        names,
        first + columns - 1,
        sheet.line * 1.08 * top / (sheet.top - upper_bottom),
    )
    upper.set_ylabel("firing rate")
    edges = np.append(x - 0.5, x[-1] + 0.5)
    lower.stairs(thresholds, edges, baseline=None, color=THRESHOLD, linewidth=1.0)
    lower.set_ylim(thresholds.min() - spread * 0.35, thresholds.max() + spread * 0.35)
    lower.set_yticks(values, labels)
    lower.set_ylabel("threshold")
    lower.set_xlabel("denoising step")
    for axes in (upper, lower):
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xticks(ticks(first, first + columns - 1))
        for step in _changes(thresholds):
            axes.axvline(edges[step], color=THRESHOLD, linewidth=0.6, linestyle=(0, (3, 2)))
    upper.tick_params(labelbottom=False)
    sheet.figure.align_ylabels([upper, lower])
    return sheet.figure


def _name_ends(axes: Any, rates: NDArray[Any], names: list[str], last: int, gap: float) -> None:  # noqa: ANN401
    """Names at the right ends of the lines, at least ``gap`` apart."""
    ends = []
    for values in rates:
        known = values[np.isfinite(values)]
        ends.append(float(known[-1]) if known.size else 0.0)
    below = -np.inf
    for k in np.argsort(ends, kind="stable"):
        below = max(ends[k], below + gap)
        axes.annotate(
            names[k],
            (last + 0.5, below),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            annotation_clip=False,
            fontsize=mpl.rcParams["xtick.labelsize"],
            color=INK if k == 0 else LINES[(k - 1) % (len(LINES) - 1)],
        )


def _changes(thresholds: NDArray[Any]) -> list[int]:
    return [int(k) + 1 for k in np.flatnonzero(np.abs(np.diff(thresholds)) > 0)]
