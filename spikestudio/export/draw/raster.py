"""Spikes of some neurons of a layer over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from spikestudio.export.draw.style import (
    GAP,
    INK,
    MM_PER_INCH,
    SOFT,
    combine,
    mark_changes,
    mark_gaps,
    page,
    ticks,
    time_axis,
)

NOT_RECORDED = 255
_WIDTH, _HEIGHT = 0.7, 0.8  # of a spike, in cells
_WIDEST = 0.8  # mm: a spike is a tick, also where there are few columns


def draw(arrays: Mapping[str, NDArray[Any]], spec: Mapping[str, Any]) -> Figure:
    """Draw a raster.

    Parameters
    ----------
    arrays
        ``spikes`` uint8 ``[N, steps * T]``: 0, 1, or 255 where none were recorded; ``neurons``
        ``[N]``, their ids; ``thresholds`` ``[steps]``.
    spec
        Beside what ``page`` needs: ``snn_steps``, ``first_step`` (from 1), ``as_picture``. Where the
        rows are those of several layers: ``groups``, name and number of rows of each, from the top.
    """
    spikes, neurons = arrays["spikes"], arrays["neurons"]
    sheet = page(spec)
    rows, columns = spikes.shape
    bottom = sheet.bottom + sheet.below
    height = sheet.top - bottom
    has_ids = rows <= height / sheet.line
    shown = list(range(1, rows + 1)) if has_ids else ticks(1, rows)
    labels = [f"{neurons[k - 1]:,}" if has_ids else f"{k:,}" for k in shown]
    groups = list(spec.get("groups", ()))
    names = [name for name, _ in groups]
    left = sheet.left + (sheet.width_of(names) + 1.8 if groups else sheet.beside(labels))
    axes = sheet.axes(left, bottom, sheet.right - left, height)
    axes.set_ylim(rows, 0)
    if groups:
        _name_groups(axes, groups, rows * sheet.line / height)
    else:
        axes.set_yticks([k - 0.5 for k in shown], labels)
        axes.set_ylabel("neuron" if has_ids else "neuron (row)")
    time_axis(axes, spec, columns // int(spec["snn_steps"]))
    mark_gaps(axes, (spikes == NOT_RECORDED).all(axis=0))
    if spec["as_picture"]:
        dots = spec["dpi"] / MM_PER_INCH
        most = (int(height * dots), int((sheet.right - left) * dots))
        _picture(axes, spikes, (max(most[0], 1), max(most[1], 1)))
    else:
        _marks(axes, spikes, (sheet.right - left) / columns)
    mark_changes(axes, arrays["thresholds"].tolist(), int(spec["snn_steps"]))
    return sheet.figure


def _name_groups(axes: Axes, groups: Sequence[tuple[str, int]], lowest: float) -> None:
    """Names of layers and lines between them; a layer of fewer than ``lowest`` rows has no name."""
    edges = np.cumsum([0, *(size for _, size in groups)])
    named = [
        ((top + bottom) / 2, name)
        for (name, _), top, bottom in zip(groups, edges, edges[1:], strict=False)
        if bottom - top >= lowest
    ]
    axes.set_yticks([y for y, _ in named], [name for _, name in named])
    axes.tick_params(axis="y", length=0)
    for edge in edges[1:-1]:
        axes.axhline(edge, color=SOFT, linewidth=0.4)


def _marks(axes: Axes, spikes: NDArray[np.uint8], cell: float) -> None:
    """One rectangle per spike, all in one path; ``cell`` is the width of a column in mm."""
    width = min(_WIDTH, _WIDEST / cell)
    row, column = np.nonzero(spikes == 1)
    if not row.size:
        return
    x = column[:, None] + 0.5 + width / 2 * np.array([-1, 1, 1, -1, -1])
    y = row[:, None] + 0.5 + _HEIGHT / 2 * np.array([-1, -1, 1, 1, -1])
    line = [Outline.MOVETO, *[Outline.LINETO] * 3, Outline.CLOSEPOLY]
    outline = Outline(np.stack((x.ravel(), y.ravel()), axis=1), np.tile(line, row.size))
    axes.add_patch(PathPatch(outline, facecolor=INK, linewidth=0, gid="spikes"))


def _picture(axes: Axes, spikes: NDArray[np.uint8], most: tuple[int, int]) -> None:
    """Black cells where there are spikes; neighbours that share a pixel are combined."""
    values = np.where(spikes == NOT_RECORDED, np.float32(np.nan), spikes)
    picture, per_row, per_column = combine(values, most)
    colours = ListedColormap([(1, 1, 1, 0), INK]).with_extremes(bad=GAP)
    extent = (0.0, float(spikes.shape[1]), float(spikes.shape[0]), 0.0)
    axes.imshow(
        np.ma.masked_invalid(picture),
        cmap=colours,
        vmin=0,
        vmax=1,
        extent=extent,
        aspect="auto",
        interpolation="nearest",
        zorder=0.6,  # above the lines between steps, which are no silence
    )
    if per_row > 1:
        axes.set_ylabel(f"{axes.get_ylabel()} (max of {per_row})")
    if per_column > 1:
        axes.set_xlabel(f"{axes.get_xlabel()}, max of {per_column}")
