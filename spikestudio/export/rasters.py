"""A recorded layer as a figure for print: spikes, or membrane potentials, neurons by SNN steps.

Imports matplotlib, so import this module when a figure is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spikestudio.atomic import atomic_write
from spikestudio.errors import ExportError
from spikestudio.export.draw import style
from spikestudio.export.figures import lock
from spikestudio.export.images import CHUNK
from spikestudio.language import tr

NOT_RECORDED = 255  # among spikes
ROWS_CHUNK = f"{CHUNK}-rows"  # PNG text chunk that says which neurons the rows are

_DPI = 200
_MAX_CELLS = (1200, 2400)  # rows and columns drawn; more are combined, which the axis then says
_MIN_PIXELS = (600, 1000)  # height and width of the drawing, before margins
_MARGINS = (170, 60, 200, 80)  # left, right, bottom, top; pixels
_NAMES = 260  # pixels more at the left for the names of layers
_NAME_HEIGHT = 16  # pixels that one of them needs
_SCALE_BAR = 190  # pixels, beside potentials
_NAMED_CHANGES = 2  # changes of the threshold that the caption lists; more are counted
_INK, _MUTED, _THRESHOLD = "#161C24", "#55606E", "#B84A00"
_STYLE: Any = {  # matplotlib types each key
    "font.family": "sans-serif",
    "font.size": 8,
    "text.color": _INK,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _MUTED,
    "axes.linewidth": 0.6,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "figure.facecolor": "white",
    "axes.facecolor": "#E3E7EC",  # shows where nothing was recorded
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Which neurons of a layer a raster shows, and why these.

    ``neurons`` are their ids from top to bottom, ``total`` counts those of the layer; ``rule`` says
    how they were chosen and ordered (``highest rate``), ``page`` counts from 1. Where the rows are
    those of several layers, ``groups`` holds name and number of rows of each, from top to bottom.
    """

    layer: str
    neurons: tuple[int, ...]
    total: int
    rule: str
    page: int = 1
    pages: int = 1
    groups: tuple[tuple[str, int], ...] = ()

    def text(self) -> str:
        """Return the line of the figure that says so."""
        page = f", page {self.page:,} of {self.pages:,}" if self.pages > 1 else ""
        return f"{len(self.neurons):,} of {self.total:,} neurons, {self.rule}{page}"


def save_raster(
    path: Path | str,
    cells: NDArray[np.uint8] | NDArray[np.float32],
    *,
    rows: Rows,
    snn_steps: int,
    thresholds: Sequence[float],
    provenance: Mapping[str, Any],
) -> None:
    """Write a raster as a PNG that carries its provenance and the ids of its neurons.

    Parameters
    ----------
    path
        Ends in ``.png``.
    cells
        ``[N, steps * T]``, time along axis 1: spikes as uint8 0 or 1 (255 where none were recorded),
        or potentials before reset as float32 (NaN where none were recorded).
    rows
        What the N rows are.
    snn_steps
        T, the SNN steps per denoising step.
    thresholds
        Firing threshold of every denoising step; potentials are drawn as multiples of it, and a
        dashed line stands where it changes.
    provenance
        Stored in the text chunk ``spikestudio``; ``rows`` goes to ``spikestudio-rows``.

    Raises
    ------
    ExportError
        The file cannot be written, or there is nothing to draw.
    """
    data = raster_bytes(cells, rows, snn_steps, thresholds, provenance)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def raster_bytes(
    cells: NDArray[np.uint8] | NDArray[np.float32],
    rows: Rows,
    snn_steps: int,
    thresholds: Sequence[float],
    provenance: Mapping[str, Any],
) -> bytes:
    """The file that ``save_raster`` writes."""
    if cells.ndim != 2 or not cells.size:
        raise ExportError(tr("There is nothing recorded of {layer} to draw.", layer=rows.layer))
    texts = {
        CHUNK: json.dumps(provenance, allow_nan=False),
        ROWS_CHUNK: json.dumps(asdict(rows)),
        "Software": None,
    }
    buffer = BytesIO()
    with lock, mpl.rc_context(_STYLE):
        figure = _figure(cells, rows, snn_steps, np.asarray(thresholds, np.float64))
        figure.savefig(buffer, format="png", metadata=texts)
    return buffer.getvalue()


def combine(
    cells: NDArray[Any], limit: tuple[int, int] = _MAX_CELLS
) -> tuple[NDArray[Any], int, int]:
    """Combine neighbours as ``draw.style.combine`` does, by default until the drawing can show them."""
    return style.combine(cells, limit)


def _figure(
    cells: NDArray[Any], rows: Rows, snn_steps: int, thresholds: NDArray[np.float64]
) -> Figure:
    is_spikes = cells.dtype == np.uint8
    num_columns = cells.shape[1]
    if is_spikes:
        values = np.where(cells == NOT_RECORDED, np.float32(np.nan), cells)
    else:
        values = cells / thresholds.astype(np.float32).repeat(snn_steps)[:num_columns]
    picture, per_row, per_column = combine(values)
    # A whole number of pixels per cell, so that all cells look alike.
    height, width = (
        n * max(1, least // n) for n, least in zip(picture.shape, _MIN_PIXELS, strict=True)
    )
    left, right, bottom, top = _MARGINS
    right += 0 if is_spikes else _SCALE_BAR
    left += _NAMES if rows.groups else 0
    size = (left + width + right, bottom + height + top)
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))
    image = axes.imshow(
        np.ma.masked_invalid(picture),
        cmap=ListedColormap(["white", "#1B1F26"]) if is_spikes else "cividis",
        vmin=0 if is_spikes else -1,
        vmax=1 if is_spikes else 2,
        extent=(0, num_columns, cells.shape[0], 0),
        aspect="auto",
        interpolation="nearest",
    )
    if not is_spikes:
        bar_axes = figure.add_axes(
            ((left + width + 40) / size[0], bottom / size[1], 24 / size[0], height / size[1])
        )
        _scale_bar(figure.colorbar(image, cax=bar_axes, extend="both"))
    _label(axes, snn_steps, num_columns, per_row, per_column)
    if rows.groups:
        _name_groups(axes, rows.groups, cells.shape[0] * _NAME_HEIGHT / height)
    changes = [
        step for step in range(1, len(thresholds)) if thresholds[step] != thresholds[step - 1]
    ]
    for step in changes:
        axes.axvline(step * snn_steps, color=_THRESHOLD, linewidth=0.8, linestyle="--")
    what = "Spikes" if is_spikes else "Potential before reset"
    axes.set_title(f"{what} of {rows.layer}", loc="left", fontsize=10, color=_INK)
    gaps = "; grey: not recorded" if bool(np.isnan(picture).any()) else ""
    for line, y in ((rows.text(), 60), (f"{_threshold_text(thresholds, changes)}{gaps}", 24)):
        figure.text(left / size[0], y / size[1], line, color=_MUTED)
    return figure


def _threshold_text(thresholds: NDArray[np.float64], changes: list[int]) -> str:
    if len(changes) > _NAMED_CHANGES:
        span = f"{thresholds.min():g} to {thresholds.max():g}"
        return f"threshold {span}, changed at {len(changes):,} steps (dashed)"
    later = [f", {thresholds[step]:g} from step {step + 1:,} (dashed)" for step in changes]
    return f"threshold {thresholds[0]:g}" + "".join(later)


def _label(axes: Axes, snn_steps: int, num_columns: int, per_row: int, per_column: int) -> None:
    """Axes with their units, and a line where a denoising step begins."""
    for start in range(snn_steps, num_columns, snn_steps):
        axes.axvline(start, color=_MUTED, linewidth=0.3, alpha=0.5)
    combined = f", max of {per_column}" if per_column > 1 else ""
    axes.set_xlabel(f"SNN time step ({snn_steps} per denoising step{combined})")
    axes.set_ylabel("neuron in the order shown" + (f" (max of {per_row})" if per_row > 1 else ""))
    axes.spines[["top", "right"]].set_visible(False)


def _name_groups(axes: Axes, groups: tuple[tuple[str, int], ...], lowest: float) -> None:
    """Names of layers and lines between them; a layer lower than ``lowest`` rows has no name."""
    edges = np.cumsum([0, *(size for _, size in groups)])
    named = [
        ((top + bottom) / 2, name)
        for (name, _), top, bottom in zip(groups, edges, edges[1:], strict=False)
        if bottom - top >= lowest
    ]
    axes.set_yticks([y for y, _ in named], [name for _, name in named], fontsize=5)
    for edge in edges[1:-1]:
        axes.axhline(edge, color=_MUTED, linewidth=0.4)


def _scale_bar(bar: Any) -> None:  # noqa: ANN401  not exported by matplotlib
    bar.set_label("potential ÷ threshold")
    bar.ax.axhline(1, color=_THRESHOLD, linewidth=1.5)
    bar.outline.set_visible(False)
