"""The look of printed figures: white, black text, sizes in millimetres, the colours of Okabe and Ito.

Needs NumPy and matplotlib only, since every figure bundle carries a copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from numpy.typing import NDArray

INK, SOFT, FAINT, GAP = "#000000", "#404040", "#D4D4D4", "#E6E6E6"
THRESHOLD = "#D55E00"
LINES = ("#0072B2", "#009E73", "#CC79A7", "#000000")  # those that are dark enough for a thin line
SCALAR = "cividis"

MM_PER_INCH, MM_PER_POINT = 25.4, 25.4 / 72
_EDGE = 0.6  # white around everything, in sizes of the font
_LINE = 1.35  # height of a line of text, in sizes of its font


def style(spec: Mapping[str, Any]) -> Any:  # noqa: ANN401  matplotlib types each key
    """Settings of matplotlib in which a figure is drawn and saved."""
    return {
        "font.family": ["Inter", "DejaVu Sans"],
        "font.size": spec["font_pt"],
        "text.color": INK,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.5,
        "axes.labelpad": 2,
        "axes.facecolor": "white",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.facecolor": "white",
        "hatch.linewidth": 0.4,
        "xtick.direction": "out",
        "ytick.direction": "out",
        **{f"{axis}tick.color": INK for axis in "xy"},
        **{f"{axis}tick.major.width": 0.5 for axis in "xy"},
        **{f"{axis}tick.major.size": 2 for axis in "xy"},
        **{f"{axis}tick.major.pad": 1.5 for axis in "xy"},
        **{f"{axis}tick.labelsize": small(spec) for axis in "xy"},
        "path.simplify": False,  # every spike is drawn
        "pdf.fonttype": 42,  # fonts are embedded, and the text can be searched
        "svg.fonttype": "path",  # looks the same where the font is not installed
        "svg.hashsalt": "spikestudio",  # the same figure is the same file
    }


def small(spec: Mapping[str, Any]) -> float:
    """Size of ticks and captions, points."""
    return max(5.0, float(spec["font_pt"]) - 1)


@dataclass
class Page:
    """A figure with title and caption, and the room between them; millimetres from the lower left."""

    figure: Figure
    spec: Mapping[str, Any]
    left: float
    right: float
    bottom: float
    top: float

    @property
    def points(self) -> float:
        """Size of the font of labels."""
        return float(self.spec["font_pt"])

    @property
    def small_points(self) -> float:
        """Size of the font of ticks and captions."""
        return small(self.spec)

    @property
    def scale(self) -> float:
        """How much thicker lines are than beside a font of 7 points."""
        return self.points / 7

    @property
    def line(self) -> float:
        """Height of a line of labels."""
        return self.points * MM_PER_POINT * _LINE

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Axes with the given place and size."""
        wide, high = self.figure.get_size_inches() * MM_PER_INCH
        # Smaller than a line of text would be a figure that nobody can read, but still one.
        box = (left / wide, bottom / high, max(width, 2) / wide, max(height, 2) / high)
        return self.figure.add_axes(box)

    def text(self, x: float, y: float, text: str, **how: Any) -> None:  # noqa: ANN401
        """Text at a place."""
        wide, high = self.figure.get_size_inches() * MM_PER_INCH
        self.figure.text(x / wide, y / high, text, **how)

    def width_of(self, texts: Sequence[str], points: float | None = None) -> float:
        """Width of the widest of some texts."""
        return max(
            (_width(self.figure, text, points or self.small_points) for text in texts), default=0
        )

    def beside(self, labels: Sequence[str], *, title: bool = True) -> float:
        """Room that the ticks of a vertical axis and its title need."""
        return self.width_of(labels) + 1.8 + (self.line if title else 0)

    @property
    def below(self) -> float:
        """Room that the ticks of a horizontal axis and its title need."""
        return 2.4 + self.small_points * MM_PER_POINT + self.line


def page(spec: Mapping[str, Any]) -> Page:
    """An empty figure of ``width_mm`` and ``height_mm`` with ``title`` above and ``caption`` below."""
    width, height = float(spec["width_mm"]), float(spec["height_mm"])
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), dpi=spec["dpi"])
    FigureCanvasAgg(figure)
    points = float(spec["font_pt"])
    edge = _EDGE * points * MM_PER_POINT
    room = width - 2 * edge
    step = points * MM_PER_POINT * _LINE
    top = height - edge
    for line in wrapped(figure, spec["title"], room, points, "bold"):
        figure.text(edge / width, top / height, line, va="top", fontsize=points, fontweight="bold")
        top -= step
    size = small(spec)
    lines = [
        line for text in spec["caption"] for line in wrapped(figure, text, room, size, "normal")
    ]
    step = size * MM_PER_POINT * _LINE
    bottom = edge + len(lines) * step
    for k, line in enumerate(lines):
        y = (bottom - k * step) / height
        figure.text(edge / width, y, line, va="top", fontsize=size, color=SOFT)
    return Page(figure, spec, edge, width - edge, bottom + 1, top - 1)


def wrapped(figure: Figure, text: str, room: float, points: float, weight: str) -> list[str]:
    """Break a text into lines of at most ``room`` mm, at spaces."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _width(figure, longer, points, weight) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _width(figure: Figure, text: str, points: float, weight: str = "normal") -> float:
    font = FontProperties(size=points, weight=weight)
    canvas: Any = figure.canvas  # set by ``page``
    pixels = canvas.get_renderer().get_text_width_height_descent(text, font, False)[0]
    return float(pixels) / figure.dpi * MM_PER_INCH


def time_axis(axes: Axes, spec: Mapping[str, Any], num_steps: int, *, label: bool = True) -> None:
    """Denoising steps along the x axis, whose unit is one SNN step, with lines where they begin."""
    per_step, first = int(spec["snn_steps"]), int(spec["first_step"])
    axes.set_xlim(0, num_steps * per_step)
    if num_steps <= 60:
        for start in range(1, num_steps):
            axes.axvline(start * per_step, color=FAINT, linewidth=0.35, zorder=0.5)
    shown = ticks(first, first + num_steps - 1)
    places = [(step - first + 0.5) * per_step for step in shown]
    axes.set_xticks(places, [f"{step}" for step in shown] if label else [""] * len(shown))
    if label:
        axes.set_xlabel(f"denoising step ({per_step} SNN steps each)")


def ticks(first: int, last: int, most: int = 6) -> list[int]:
    """Round numbers from ``first`` to ``last``, and ``first`` itself."""
    size = next(
        size
        for power in range(12)
        for size in (10**power, 2 * 10**power, 5 * 10**power)
        if (last - first) // size < most
    )
    round_ones = [k for k in range(ceil(first / size) * size, last + 1, size) if k > first]
    return [first, *(k for k in round_ones if k - first >= size / 2)]


def mark_changes(axes: Axes, thresholds: Sequence[float], per_step: int) -> None:
    """A dashed line at every step from which on the threshold is another one."""
    for step in range(1, len(thresholds)):
        if abs(thresholds[step] - thresholds[step - 1]) > 0:  # not so where one is not known
            axes.axvline(step * per_step, color=THRESHOLD, linewidth=0.7, linestyle=(0, (3, 2)))


def mark_gaps(axes: Axes, is_gap: NDArray[np.bool_]) -> None:
    """Grey bands over columns of which nothing was recorded."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_gap, [False])).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2):
        axes.axvspan(start, stop, color=GAP, linewidth=0, zorder=0.2)


def colour_bar(
    page: Page, image: AxesImage, place: tuple[float, float, float, float], label: str
) -> None:
    """A scale with numbers beside a map."""
    axes = page.axes(*place)
    bar = page.figure.colorbar(image, cax=axes)
    bar.set_label(label)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=1.5)


def combine(cells: NDArray[Any], limit: tuple[int, int]) -> tuple[NDArray[Any], int, int]:
    """Combine neighbours by their maximum until ``[rows, columns]`` fit ``limit``.

    Gives the smaller array and how many rows and columns went into one: no spike gets lost.
    """
    rows, columns = (ceil(n / most) for n, most in zip(cells.shape, limit, strict=True))
    for axis, size in enumerate((rows, columns)):
        starts = np.arange(0, cells.shape[axis], size)
        cells = np.fmax.reduceat(cells, starts, axis=axis) if size > 1 else cells
    return cells, rows, columns
