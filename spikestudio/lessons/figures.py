"""Figures of lessons, in the look of the printed ones: neuron lab, pads for curves, histograms.

Imports matplotlib, so import this module when a figure is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from string import ascii_uppercase
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from spikestudio.export.draw.style import FAINT, INK, LINES, THRESHOLD, Page, page, style
from spikestudio.export.figures import load_fonts, lock
from spikestudio.neurons.lab import Driven, Neuron

WIDTH_MM, FONT_PT, DPI = 120.0, 8.0, 200
MEASURED = "measured"
_HATCH = "////"  # of the bar of the measured choice, which is told apart without its colour
_LATIN = 0x24F  # the last letter of Latin alphabets
_SIGNS = range(0x2010, 0x2070)  # dashes and quotation marks
_BINS = 12
_WORDS = 46  # characters of a choice that are written beside its bar
_BEFORE = 0.6  # share of an SNN step that shows the potential before reset


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure before it is drawn: what draws it, and the size and texts that it needs."""

    draw: Callable[[Mapping[str, Any]], Figure]
    spec: Mapping[str, Any]

    def file(self, kind: Literal["svg", "png"] = "svg") -> bytes:
        """Draw it; the same figure is the same file."""
        load_fonts()
        buffer = BytesIO()
        with lock, mpl.rc_context(style(self.spec)):
            about = {"Title": self.spec["title"]}
            without = {"Date": None} if kind == "svg" else {"Software": None}
            self.draw(self.spec).savefig(buffer, format=kind, metadata={**about, **without})
        return buffer.getvalue()


def choices(names: Sequence[str], counts: Sequence[int], measured: Sequence[int]) -> Drawing:
    """Students by choice; ``measured`` is for how many of them a choice is what was measured."""
    is_usual = [each == max(measured) and each > 0 for each in measured]
    shown = [
        letter(k) + _beside(name) + (f" ({MEASURED})" if usual else "")
        for k, (name, usual) in enumerate(zip(names, is_usual, strict=True))
    ]

    def draw(spec: Mapping[str, Any]) -> Figure:
        sheet = _sheet(spec)
        left = sheet.left + min(sheet.width_of(shown) + 2, 0.6 * spec["width_mm"])
        bottom = sheet.bottom + sheet.below
        axes = sheet.axes(left, bottom, sheet.right - left - 4, sheet.top - bottom)
        places = np.arange(len(shown))
        bars = axes.barh(places, counts, height=0.6, color=LINES[0])
        for bar, usual in zip(bars, is_usual, strict=True):
            if usual:
                bar.set(facecolor="white", edgecolor=LINES[0], hatch=_HATCH)
        for place, count in zip(places, counts, strict=True):
            axes.text(count, float(place), f" {count}", va="center", fontsize=sheet.small_points)
        axes.set_yticks(places, shown, parse_math=False)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, max(*counts, 1) * 1.08)
        _students(axes, "x")
        return sheet.figure

    return Drawing(draw, _spec(20 + 7 * len(shown)))


def numbers(values: Sequence[float], measured: Sequence[float], unit: str = "") -> Drawing:
    """Students by the number that they predicted, and the median of what they measured."""
    data = np.asarray(values, np.float64)
    is_whole = bool((data == np.round(data)).all()) and np.ptp(data) <= 2 * _BINS
    if is_whole:
        low, high = data.min(), max(data.max(), data.min() + 1)
        edges = np.arange(low - 0.5, high + 1.0)
    else:
        edges = np.histogram_bin_edges(data, _BINS)
    counts, _ = np.histogram(data, edges)

    def draw(spec: Mapping[str, Any]) -> Figure:
        sheet = _sheet(spec)
        left, bottom = sheet.left + sheet.beside(["00"]), sheet.bottom + sheet.below
        top = sheet.top - sheet.line
        axes = sheet.axes(left, bottom, sheet.right - left - 2, top - bottom)
        wide = np.diff(edges)
        axes.bar(edges[:-1] + wide / 2, counts, wide * (0.7 if is_whole else 0.94), color=LINES[0])
        if is_whole:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _mark(axes, measured, sheet.small_points)
        _students(axes, "y")
        axes.set_xlabel(f"prediction ({unit})" if unit else "prediction")
        return sheet.figure

    return Drawing(draw, _spec(48))


def curves(predicted: NDArray[np.float64], measured: NDArray[np.float64] | None) -> Drawing:
    """Predicted curves ``[n, points]``, their median, and the measured one ``[points]``."""

    def draw(spec: Mapping[str, Any]) -> Figure:
        sheet = _sheet(spec)
        left, bottom = sheet.left + sheet.beside(["0.00"]), sheet.bottom + sheet.below
        top = sheet.top - sheet.line
        axes = sheet.axes(left, bottom, sheet.right - left - 2, top - bottom)
        x = np.arange(1, predicted.shape[1] + 1)
        is_one = len(predicted) == 1
        if not is_one:
            axes.plot(x, predicted.T, color=FAINT, linewidth=0.6)
        name = "predicted" if is_one else "median of the predictions"
        middle = np.median(predicted, axis=0)
        axes.plot(x, middle, color=LINES[0], linestyle="--", marker="o", markersize=3, label=name)
        if measured is not None:
            axes.plot(x, measured, color=THRESHOLD, marker="s", markersize=3, label=MEASURED)
        axes.set_xticks(x)
        axes.set_xlabel("point")
        _legend(axes)
        return sheet.figure

    return Drawing(draw, _spec(54))


def pad(points: int, low: float, high: float) -> Drawing:
    """Empty axes to draw a curve on with a pencil."""

    def draw(spec: Mapping[str, Any]) -> Figure:
        sheet = _sheet(spec)
        left, bottom = sheet.left + sheet.beside(["0.00"]), sheet.bottom + sheet.below
        axes = sheet.axes(left, bottom, sheet.right - left - 2, sheet.top - bottom - 1)
        axes.set_xlim(0.5, points + 0.5)
        axes.set_ylim(low, high)
        axes.set_xticks(range(1, points + 1))
        axes.set_yticks(np.linspace(low, high, 5))
        axes.grid(color=FAINT, linewidth=0.5)
        axes.set_xlabel("SNN step")
        axes.set_ylabel("my prediction")
        return sheet.figure

    return Drawing(draw, _spec(52))


def lab(neuron: Neuron, driven: Driven) -> Drawing:
    """Input, potential before and after reset, and spikes of one neuron over its SNN steps."""
    steps = len(driven.current)

    def draw(spec: Mapping[str, Any]) -> Figure:
        sheet = _sheet(spec)
        left, bottom = sheet.left + sheet.beside(["0.00"]), sheet.bottom + sheet.below
        room, gap = sheet.top - bottom, 3.0
        width = sheet.right - left - sheet.width_of(["threshold"]) - 2
        high = (room - 2 * gap) * np.array([0.25, 0.6, 0.15])
        spikes = sheet.axes(left, bottom, width, high[2])
        potential = sheet.axes(left, bottom + high[2] + gap, width, high[1])
        current = sheet.axes(left, bottom + high[2] + high[1] + 2 * gap, width, high[0])
        edges = np.arange(steps + 1) + 0.5
        current.stairs(driven.current, edges, baseline=None, color=LINES[1], linewidth=1.2)
        current.set_ylim(*_around([0.0, *driven.current]))
        current.set_ylabel("input X")
        x = np.stack((edges[:-1], edges[:-1] + _BEFORE, edges[:-1] + _BEFORE, edges[1:]), axis=1)
        y = np.stack((driven.h, driven.h, driven.v, driven.v), axis=1)
        potential.plot(x.ravel(), y.ravel(), color=LINES[0], linewidth=1.2)
        threshold = neuron.v_threshold
        potential.axhline(threshold, color=THRESHOLD, linewidth=0.8, linestyle=(0, (3, 2)))
        potential.annotate(
            "threshold",
            (1, threshold),
            xycoords=("axes fraction", "data"),
            xytext=(2, 0),
            textcoords="offset points",
            va="center",
            color=THRESHOLD,
            fontsize=sheet.small_points,
            annotation_clip=False,
        )
        potential.set_ylim(*_around([0.0, threshold, *driven.h, *driven.v]))
        potential.set_ylabel("potential")
        spikes.vlines(np.flatnonzero(driven.spikes) + 1, 0, 1, color=INK, linewidth=1.6)
        spikes.set_ylim(0, 1)
        spikes.set_yticks([])
        spikes.set_ylabel("spikes")
        for axes in (current, potential, spikes):
            axes.set_xlim(0.5, steps + 0.5)
            axes.set_xticks(range(1, steps + 1, ceil(steps / 16)))
            if axes is not spikes:
                axes.tick_params(labelbottom=False)
        spikes.set_xlabel("SNN step")
        sheet.figure.align_ylabels([current, potential, spikes])
        return sheet.figure

    return Drawing(draw, _spec(74))


def letter(index: int) -> str:
    """Return the letter of a choice, which a figure and the words below it share."""
    return ascii_uppercase[index] if index < len(ascii_uppercase) else str(index + 1)


def _beside(name: str) -> str:
    """Return what is written of a choice; nothing where the font of figures lacks its letters."""
    if any(ord(each) > _LATIN and ord(each) not in _SIGNS for each in name):
        return ""
    return f"  {name[:_WORDS]}…" if len(name) > _WORDS else f"  {name}"


def _spec(height: float) -> dict[str, Any]:
    """Size and texts of a figure whose title and caption the page around it has."""
    return {
        "width_mm": WIDTH_MM,
        "height_mm": height,
        "font_pt": FONT_PT,
        "dpi": DPI,
        "title": "",
        "caption": [],
    }


def _sheet(spec: Mapping[str, Any]) -> Page:
    """An empty figure, without room for the title that it does not have."""
    sheet = page(spec)
    sheet.top += sheet.line
    return sheet


def _students(axes: Axes, axis: Literal["x", "y"]) -> None:
    of = axes.xaxis if axis == "x" else axes.yaxis
    of.set_major_locator(MaxNLocator(nbins=6, integer=True))
    of.set_label_text("students")


def _mark(axes: Axes, measured: Sequence[float], points: float) -> None:
    """A dashed line at the median of what was measured."""
    if not len(measured):
        return
    middle = float(np.median(measured))
    axes.axvline(middle, color=THRESHOLD, linewidth=1, linestyle=(0, (3, 2)))
    axes.annotate(
        f"{MEASURED} {middle:.3g}",
        (middle, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        color=THRESHOLD,
        fontsize=points,
        annotation_clip=False,
    )


def _legend(axes: Axes) -> None:
    axes.legend(
        frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, fontsize=7
    )


def _around(values: Sequence[float]) -> tuple[float, float]:
    low, high = float(min(values)), float(max(values))
    room = 0.08 * (high - low or 1.0)
    return low - (room if low < 0 else 0.02 * (high - low or 1.0)), high + room
