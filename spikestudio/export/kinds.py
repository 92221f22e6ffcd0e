"""What can be exported of a run, in which formats and with which options, and what it is made of.

Light to import: nothing is drawn here (see ``products``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spikestudio.export import recordings
from spikestudio.export.choice import DEFAULT_ROWS, DEFAULT_RULE, RULES
from spikestudio.export.snapshot import Snapshot
from spikestudio.language import mark, tr
from spikestudio.types import LayerInfo

if TYPE_CHECKING:
    from spikestudio.metrics.codebook import CodebookInfo

FOLDER = ""  # in the place of a suffix
AS_SHOWN = mark("as in the raster dock")
LABELS = ("none", "number", "class", "seed", "uses")
_PICTURES = (".png", ".jpg", ".webp", ".tiff")
_FIGURES = (".png", ".svg", ".pdf")
_TABLES = (".npz", ".csv")
_SIZE = ("preset", "width_mm", "height_mm", "font_pt", "dpi")
_NEURONS = ("steps", "rule", "rows")
_TILES = ("columns", "padding", "scale", "labels")
FORMAT_NAMES = {
    ".png": tr("PNG picture"),
    ".jpg": tr("JPEG picture, not exact"),
    ".webp": tr("WebP picture"),
    ".tiff": tr("TIFF picture"),
    ".svg": tr("SVG, vector"),
    ".pdf": tr("PDF, vector"),
    ".npz": tr("NPZ arrays"),
    ".csv": tr("CSV table"),
    ".zip": tr("Zip bundle"),
    ".gif": "GIF",
    ".apng": tr("APNG, all colours"),
    ".mp4": tr("MP4 video"),
    ".h5": tr("HDF5 recording"),
    FOLDER: tr("Folder of PNG pictures"),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that can be exported; ``options`` are the fields of ``Options`` that it heeds."""

    id: str
    title: str
    group: str
    formats: tuple[str, ...]
    options: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)


KINDS = (
    Kind(
        "grid",
        tr("Sample grid"),
        tr("Images"),
        (*_PICTURES, ".npz"),
        ("step", *_TILES),
        {"scale": 4},
    ),
    Kind("singles", tr("Single images"), tr("Images"), (FOLDER,), ("step",)),
    Kind("tokens", tr("Token map"), tr("Images"), (*_FIGURES, *_TABLES), ("step", "image", *_SIZE)),
    Kind(
        "codebook",
        tr("Codebook"),
        tr("Images"),
        _PICTURES,
        _TILES,
        {"scale": 8, "labels": "number"},
    ),
    Kind("raster", tr("Raster of a layer"), tr("Neurons"), _FIGURES, (*_NEURONS, *_SIZE)),
    Kind("layers", tr("Raster of all layers"), tr("Neurons"), _FIGURES, (*_NEURONS, *_SIZE)),
    Kind("shown", tr("Raster as in its dock"), tr("Neurons"), (".png",)),
    Kind(
        "membrane", tr("Membrane traces"), tr("Neurons"), (*_FIGURES, *_TABLES), ("steps", *_SIZE)
    ),
    Kind("curve", tr("Firing rates and threshold"), tr("Neurons"), _FIGURES, ("steps", *_SIZE)),
    Kind("rates", tr("Activity map"), tr("Neurons"), (*_FIGURES, *_TABLES), ("steps", *_SIZE)),
    Kind("spikes", tr("Spikes as numbers"), tr("Neurons"), _TABLES, _NEURONS),
    Kind(
        "animation",
        tr("Animation"),
        tr("Run"),
        (".gif", ".apng", ".webp", ".mp4"),
        ("steps", "beside", "image", "height", "fps", "hold", "loop"),
    ),
    Kind("bundle", tr("Figure bundle"), tr("Run"), (".zip",), ("figure", *_NEURONS, *_SIZE)),
    Kind("recording", tr("Recording"), tr("Run"), (".h5",)),
    Kind("sweep", tr("Sweep curve"), tr("Sweep"), _FIGURES, _SIZE),
)
FIGURES = tuple(each.id for each in KINDS if ".svg" in each.formats)


def kind_of(kind_id: str) -> Kind:
    """The kind of an id."""
    return next(each for each in KINDS if each.id == kind_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be chosen; every kind heeds a part of it.

    Numbers of steps and images count from 1; 0 of ``step`` is the newest, of ``columns`` and
    ``height_mm`` what fits. Ranges are checked where a thing is made.
    """

    format: str = ".png"
    figure: str = "raster"  # of a bundle
    preset: str = "column"
    width_mm: float = 85.0
    height_mm: float = 0.0
    font_pt: float = 7.0
    dpi: int = 300
    steps: str = ""
    step: int = 0
    image: int = 1
    rule: str = DEFAULT_RULE
    rows: int = DEFAULT_ROWS
    columns: int = 0
    padding: int = 2
    scale: int = 1
    labels: str = "none"
    beside: tuple[str, ...] = ("raster",)
    height: int = 480
    fps: float = 8.0
    hold: float = 2.0
    loop: bool = True


@dataclass(frozen=True, slots=True)
class ShownRaster:
    """What the raster dock shows: layers and neurons from the top, and how they were chosen."""

    groups: tuple[tuple[LayerInfo, NDArray[np.intp]], ...]
    total: int
    mode: Literal["spikes", "potential"]
    rule: str
    page: int = 1
    pages: int = 1


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The curves of a sweep: title of each measure with ``[n, 4]``: x, mean, low and high."""

    curves: tuple[tuple[str, NDArray[np.float64]], ...]
    axis: str
    title: str
    caption: tuple[str, ...]
    origin: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What is exported from; it does not change while sampling goes on.

    ``images`` uint8 ``[B, H, W, C]`` are those on the screen, after ``images_step`` steps, which of a
    run in progress may be the first of more. ``uses`` counts how often each code of the codebook occurs
    in the run. ``name`` begins the names of files, ``title`` says which run it is.
    """

    name: str = "spikestudio"
    title: str = ""
    run: Snapshot | None = None
    images: NDArray[np.uint8] | None = None
    images_step: int = 0
    image: int = 0  # the one that is selected, from 0
    thresholds: tuple[float, ...] = ()
    neurons: tuple[int, ...] = ()
    has_tokens: bool = False
    classes: Sequence[str] = ()
    shown: ShownRaster | None = None
    codebook: CodebookInfo | None = None
    uses: NDArray[np.int64] | None = None
    sweep: SweepResult | None = None


def why_not(kind: str, material: Material) -> str:
    """Why a kind cannot be exported now, in a few words; empty if nothing speaks against it."""
    if kind == "codebook":
        return "" if material.codebook is not None else tr("no token model is loaded")
    if kind == "sweep":
        return "" if material.sweep is not None else tr("no sweep with a curve was done")
    run = material.run
    if run is None:
        return tr("nothing was sampled yet")
    if run.steps_done <= run.first_step and material.images is None:
        return tr("no step is done yet")
    match kind:
        case "grid" | "singles":
            is_there = material.images is not None or run.state(run.steps_done - 1) is not None
            return "" if is_there else tr("the run has no images")
        case "tokens":
            return "" if material.has_tokens else tr("no token model")
        case "raster" | "spikes":
            is_there = run.selected in run.recorded
            return (
                ""
                if is_there
                else tr("no spikes of {selected} were recorded", selected=run.selected)
            )
        case "layers":
            return "" if run.recorded else tr("no spikes were recorded")
        case "shown":
            return "" if material.shown is not None else tr("the raster dock is not open")
        case "membrane":
            return "" if has_watched(run) else tr("no neuron was watched")
        case "animation":
            steps = range(run.first_step, run.steps_done)
            is_there = run.file is not None or all(run.state(step) is not None for step in steps)
            return "" if is_there else tr("pictures of some steps were let go to save memory")
        case "bundle":
            return "" if any(not why_not(each, material) for each in FIGURES) else tr("no figure")
        case "recording":
            return recordings.cannot_record(run).rstrip(".")
    return ""


def why_not_format(suffix: str) -> str:
    """Why a format cannot be written by this installation; empty if it can."""
    if suffix == ".mp4" and find_spec("imageio_ffmpeg") is None:
        return tr("needs the extra video")
    return ""


def rules_of(material: Material) -> tuple[str, ...]:
    """Rules by which neurons can be chosen; the dock's own where it shows spikes of the layer."""
    shown, run = material.shown, material.run
    is_usable = (
        shown is not None
        and run is not None
        and shown.mode == "spikes"
        and [layer.id for layer, _ in shown.groups] == [run.selected]
        and shown.groups[0][1].size > 0
    )
    return (*RULES, AS_SHOWN) if is_usable else tuple(RULES)


def has_watched(run: Snapshot) -> bool:
    """Whether potentials of some neuron are there; a few steps are looked at."""
    first, last = run.first_step, run.steps_done
    steps = {*range(first, last, max(1, (last - first) // 8)), last - 1}
    return any(run.watched(step) is not None for step in sorted(steps))
