"""Figures for print of what a recording holds: what is in them, their size, and saving them.

Imports matplotlib, so import this module when a figure is wanted.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray

from spikestudio.atomic import atomic_write
from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import choice
from spikestudio.export.choice import Neurons
from spikestudio.export.draw import membrane, raster, rates, sweep, tokens
from spikestudio.export.draw.style import style
from spikestudio.export.images import CHUNK
from spikestudio.export.metadata import into_svg, json_text
from spikestudio.export.states import code_colours, num_images, token_map
from spikestudio.language import tr
from spikestudio.paths import resource
from spikestudio.recording.values import Readable
from spikestudio.types import LayerInfo

VECTOR_SPIKES = 20_000  # more are drawn as a picture
MAX_LANES = 64  # of potentials in one figure
FORMATS = (".png", ".svg", ".pdf")
FONTS = ("Inter-Regular.ttf", "Inter-SemiBold.ttf")
DRAWERS = {
    "raster": (raster, raster.draw),
    "membrane": (membrane, membrane.draw),
    "rates": (rates, rates.draw),
    "curve": (rates, rates.draw_curve),
    "tokens": (tokens, tokens.draw),
    "sweep": (sweep, sweep.draw),
}

lock = threading.Lock()  # matplotlib's settings are global
_SIDES = (20.0, 1000.0)  # mm
_DPI = (30, 1200)
VECTOR_DPI = 600  # of pictures inside vector files
_MAX_PIXELS = 200_000_000
_UNIT = "firing rate: spikes per neuron and SNN step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Size of a figure; a height of None is what its content needs. Raises ``ConfigError``."""

    width_mm: float = 85
    height_mm: float | None = None
    font_pt: float = 7
    dpi: int = 300

    def __post_init__(self) -> None:
        for name in ("width_mm", "height_mm"):
            value = getattr(self, name)
            if value is not None and not _SIDES[0] <= value <= _SIDES[1]:
                raise ConfigError(
                    tr(
                        "A {name} of {value:g} mm is out of range: {_side:g} to {_side_2:g}.",
                        name=name[:-3],
                        value=value,
                        _side=_SIDES[0],
                        _side_2=_SIDES[1],
                    ),
                    field=name[:-3],
                )
        if not 4 <= self.font_pt <= 40:
            raise ConfigError(tr("The font must have 4 to 40 points."), field="font")
        if not _DPI[0] <= self.dpi <= _DPI[1]:
            raise ConfigError(
                tr(
                    "{dpi} dpi are out of range: {_dpi} to {_dpi_2:,}.",
                    dpi=self.dpi,
                    _dpi=_DPI[0],
                    _dpi_2=_DPI[1],
                ),
                field="dpi",
            )


PRESETS = {
    "column": Size(),
    "two-columns": Size(width_mm=178, font_pt=8),
    "slide": Size(width_mm=254, height_mm=143, font_pt=14, dpi=150),
}


@dataclass(frozen=True, slots=True)
class FigureData:
    """A figure before it is drawn: the ``arrays`` that are shown, and ``spec``, plain JSON values."""

    kind: str
    arrays: Mapping[str, NDArray[Any]]
    spec: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SweepCurve:
    """A measure along an axis: mean and 95 % interval, float64 ``[n]`` each, NaN where unknown."""

    title: str
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def raster_figure(
    recording: Readable, chosen: Neurons, steps: range, size: Size = PRESETS["column"]
) -> FigureData:
    """Spikes of some neurons."""
    spikes = choice.spikes_of(recording, chosen, steps)
    thresholds = choice.thresholds_of(recording, steps)
    count = int((spikes == 1).sum())
    as_picture = count > VECTOR_SPIKES
    drawn = f"; {count:,} spikes, drawn as a picture" if as_picture else f"; {count:,} spikes"
    caption = [
        f"{chosen.text()}{drawn}",
        _facts(recording, thresholds) + _gaps(bool((spikes == choice.NOT_RECORDED).any())),
    ]
    return FigureData(
        "raster",
        {"spikes": spikes, "neurons": chosen.ids.astype(np.int64), "thresholds": thresholds},
        {
            **_page(recording, steps, f"Spikes of {chosen.layer.id}", caption, size, 62),
            "as_picture": as_picture,
        },
    )


def layers_figure(
    recording: Readable,
    chosen: Sequence[Neurons],
    steps: range,
    size: Size = PRESETS["two-columns"],
) -> FigureData:
    """Spikes of some neurons of several layers, one below the other."""
    if not chosen:
        raise ConfigError(tr("No spikes were recorded."), field="layer")
    spikes = np.concatenate([choice.spikes_of(recording, each, steps) for each in chosen])
    thresholds = choice.thresholds_of(recording, steps)
    count = int((spikes == 1).sum())
    as_picture = count > VECTOR_SPIKES
    total = sum(each.layer.num_neurons for each in chosen)
    rules = ", ".join(dict.fromkeys(each.rule for each in chosen))
    caption = [
        f"{len(spikes):,} of {total:,} neurons of {len(chosen):,} layers, {rules} in each; "
        f"{count:,} spikes" + (", drawn as a picture" if as_picture else ""),
        _facts(recording, thresholds) + _gaps(bool((spikes == choice.NOT_RECORDED).any())),
    ]
    return FigureData(
        "raster",
        {
            "spikes": spikes,
            "neurons": np.concatenate([each.ids for each in chosen]).astype(np.int64),
            "thresholds": thresholds,
        },
        {
            **_page(recording, steps, "Spikes of all recorded layers", caption, size, 100),
            "as_picture": as_picture,
            "groups": [[each.layer.id, int(each.ids.size)] for each in chosen],
        },
    )


def sweep_figure(
    curves: Sequence[SweepCurve],
    axis: str,
    title: str,
    caption: Sequence[str],
    size: Size = PRESETS["column"],
) -> FigureData:
    """Measures of a sweep along one of its axes, one panel each."""
    known = [each for each in curves if np.isfinite(each.mean).any()]
    if not known:
        raise ConfigError(tr("No cell of the sweep is done yet."), field="curve")
    arrays: dict[str, NDArray[Any]] = {}
    for k, each in enumerate(known):
        arrays |= {f"x{k}": each.x, f"mean{k}": each.mean}
        arrays |= {f"low{k}": each.low, f"high{k}": each.high}
    height = min(size.height_mm or 22 + 30 * len(known), _SIDES[1])
    return FigureData(
        "sweep",
        arrays,
        {
            "width_mm": float(size.width_mm),
            "height_mm": float(height),
            "font_pt": float(size.font_pt),
            "dpi": int(size.dpi),
            "title": title,
            "caption": list(caption),
            "panels": [each.title for each in known],
            "axis": axis,
        },
    )


def membrane_figure(
    recording: Readable,
    steps: range,
    size: Size = PRESETS["column"],
    layer: LayerInfo | None = None,
    neurons: Sequence[int] | None = None,
    most: int = MAX_LANES,
) -> FigureData:
    """Potentials of watched neurons: the first ``most``, or of these those of a layer."""
    values = choice.watched_of(recording, steps, layer.id if layer else None, neurons)
    pairs = values.pop("neurons")[:most]
    values.pop("current")
    values = {name: each[:most] for name, each in values.items()}
    layers = {name: choice.find_layer(recording, name, has_spikes=False) for name, _ in pairs}
    one = next(iter(layers.values()))
    title = f"Membrane potential in {one.id}" if len(layers) == 1 else "Membrane potential"
    names = [_place(layers[name], index, full=len(layers) > 1) for name, index in pairs]
    thresholds = choice.thresholds_of(recording, steps)
    resets = {each.v_reset for each in layers.values()}
    total = sum(each.num_neurons for each in layers.values())
    reset = resets.pop() if len(resets) == 1 else None
    caption = [
        f"{len(pairs):,} of {total:,} neurons, watched; before and after reset; ticks: spikes; "
        "dashed: threshold" + ("" if reset is None else f"; dotted: reset to {reset:g}"),
        _facts(recording, thresholds) + _gaps(bool(np.isnan(values["h"]).any())),
    ]
    return FigureData(
        "membrane",
        {**values, "neurons": np.array([index for _, index in pairs]), "thresholds": thresholds},
        {
            **_page(recording, steps, title, caption, size, 26 + 9 * len(pairs)),
            "names": names,
            "layers": [name for name, _ in pairs],
            "reset": reset,
        },
    )


def rates_figure(recording: Readable, steps: range, size: Size = PRESETS["column"]) -> FigureData:
    """Mean firing rates of all layers in every step."""
    values = recording.rates()[:, steps.start : steps.stop]
    thresholds = choice.thresholds_of(recording, steps)
    caption = [
        f"{_UNIT}; all neurons of {len(recording.layers):,} layers, {_images(recording)}",
        _facts(recording, thresholds) + _gaps(bool(np.isnan(values).any())),
    ]
    return FigureData(
        "rates",
        {"rates": values, "thresholds": thresholds},
        {
            **_page(
                recording, steps, "Firing rates", caption, size, max(45, 24 + 2.4 * len(values))
            ),
            "layers": [layer.id for layer in recording.layers],
        },
    )


def curve_figure(
    recording: Readable,
    steps: range,
    size: Size = PRESETS["column"],
    layer: LayerInfo | None = None,
) -> FigureData:
    """Firing rate over the steps, of all layers together and of one, above the threshold in force."""
    activity = recording.activity()
    part = slice(steps.start, steps.stop)
    spikes, cells = activity.spikes[:, part], activity.neurons[:, part] * recording.snn_steps
    with np.errstate(invalid="ignore"):
        lines = [spikes.sum(axis=0) / cells.sum(axis=0)]
    names = ["all layers"]
    if layer is not None:
        lines.append(recording.rates()[recording.layers.index(layer), part])
        names.append(layer.id)
    thresholds = choice.thresholds_of(recording, steps)
    caption = [
        f"{_UNIT}; all neurons of {len(recording.layers):,} layers, {_images(recording)}",
        _facts(recording, thresholds),
    ]
    return FigureData(
        "curve",
        {"rates": np.array(lines, np.float32), "thresholds": thresholds},
        {
            **_page(recording, steps, "Firing rate and threshold", caption, size, 60),
            "names": names,
        },
    )


def tokens_figure(
    recording: Readable, step: int, size: Size = PRESETS["column"], image: int | None = None
) -> FigureData:
    """The token map of one image after a step."""
    image = recording.image if image is None else image
    if not 0 <= image < num_images(recording):
        raise ConfigError(
            tr("There is no image {image} in the recording.", image=image + 1), field="image"
        )
    arrays = token_map(recording, step, image)
    revealed, total = int((arrays["revealed"] >= 0).sum()), arrays["tokens"].size
    masked = "; hatched: masked" if revealed < total else ""
    steps = range(recording.first_step, step + 1)
    caption = [
        f"image {image + 1} of {num_images(recording)}, after step {step + 1} of "
        f"{recording.num_steps}: {revealed:,} of {total:,} tokens revealed{masked}",
        _facts(recording, choice.thresholds_of(recording, steps)),
    ]
    width = size.width_mm
    return FigureData(
        "tokens",
        {**arrays, "colours": code_colours(arrays["tokens"])},
        {
            **_page(recording, steps, "Token map", caption, size, 22 + (width - 22) / 3),
            "num_steps": recording.num_steps,
        },
    )


def render(
    figure: FigureData,
    target: Any,  # noqa: ANN401  a path or a file
    kind: str,
    metadata: Mapping[str, Any],
    dpi: float | None = None,
) -> None:
    """Draw a figure into a file as ``png``, ``svg`` or ``pdf``.

    ``dpi`` makes a PNG smaller or larger than the figure asks for, without another difference.
    """
    load_fonts()
    _, draw = DRAWERS[figure.kind]
    with lock, mpl.rc_context(style(figure.spec)):
        drawn = draw(figure.arrays, figure.spec)
        usual = figure.spec["dpi"] if kind == "png" else VECTOR_DPI
        drawn.savefig(target, format=kind, dpi=dpi or usual, metadata=dict(metadata))


def save_figure(path: Path | str, figure: FigureData, provenance: Mapping[str, Any]) -> None:
    """Write a figure with its provenance, as the name ends; raises ``ExportError``."""
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ExportError(
            tr(
                "Cannot write {path}: a figure must end in {formats}, or in .zip for a bundle.",
                path=path,
                formats=", ".join(FORMATS),
            ),
            path=path,
        )
    data = figure_bytes(figure, path.suffix.lower()[1:], provenance)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def figure_bytes(figure: FigureData, kind: str, provenance: Mapping[str, Any]) -> bytes:
    """The file of a figure."""
    text, title = json_text(provenance), figure.spec["title"]
    buffer = BytesIO()
    match kind:
        case "png":
            wide, high = (
                figure.spec[f"{side}_mm"] / 25.4 * figure.spec["dpi"]
                for side in ("width", "height")
            )
            if wide * high > _MAX_PIXELS:
                raise ConfigError(
                    tr(
                        "A figure of {wide:,.0f} x {high:,.0f} pixels is too large: choose a "
                        "lower dpi.",
                        wide=wide,
                        high=high,
                    ),
                    field="dpi",
                )
            render(figure, buffer, kind, {CHUNK: text, "Title": title, "Software": None})
        case "pdf":
            about = {"Title": title, "Keywords": text, "Creator": "SpikeStudio"}
            render(figure, buffer, kind, {**about, "CreationDate": None})
        case _:
            render(figure, buffer, kind, {"Title": title, "Date": None})
            return into_svg(buffer.getvalue(), provenance)
    return buffer.getvalue()


@cache
def load_fonts() -> None:
    """Make the fonts of figures known to matplotlib; without them it has its own."""
    for name in FONTS:
        path = resource("fonts", "figures", name)
        if path.is_file():
            font_manager.fontManager.addfont(str(path))


def _page(
    recording: Readable, steps: range, title: str, caption: list[str], size: Size, height: float
) -> dict[str, Any]:
    return {
        "width_mm": float(size.width_mm),
        "height_mm": round(float(min(size.height_mm or height, _SIDES[1])), 2),
        "font_pt": float(size.font_pt),
        "dpi": int(size.dpi),
        "title": title,
        "caption": caption,
        "snn_steps": recording.snn_steps,
        "first_step": steps.start + 1,
    }


def _place(layer: LayerInfo, index: int, *, full: bool) -> str:
    shape = layer.shape
    where = ", ".join(map(str, np.unravel_index(index, shape)))
    name = f"{layer.id} " if full else ""
    return f"{name}{index:,} ({where})"


def _images(recording: Readable) -> str:
    num = num_images(recording)
    return "1 image" if num == 1 else f"{num:,} images"


def _facts(recording: Readable, thresholds: NDArray[np.float64]) -> str:
    """Which run this is of: model, seed, threshold."""
    origin = recording.origin
    known = thresholds[np.isfinite(thresholds)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    span = f"{low:g}" if low == high else f"{low:g} to {high:g} (changes dashed)"
    seed = origin["request"].get("seed")
    named = f", seed {seed}" if isinstance(seed, int) else ""
    return f"{origin['checkpoint']['name']}{named}, threshold {span}"


def _gaps(has_gaps: bool) -> str:
    return "; grey: not recorded" if has_gaps else ""
