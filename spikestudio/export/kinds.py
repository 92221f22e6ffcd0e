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
from spikestudio.types import LayerInfo

if TYPE_CHECKING:
    from spikestudio.metrics.codebook import CodebookInfo

FOLDER = ""  # in the place of a suffix
AS_SHOWN = "as in the raster dock"
LABELS = ("none", "number", "class", "seed", "uses")
_PICTURES = (".png", ".jpg", ".webp", ".tiff")
_FIGURES = (".png", ".svg", ".pdf")
_TABLES = (".npz", ".csv")
_SIZE = ("preset", "width_mm", "height_mm", "font_pt", "dpi")
_NEURONS = ("steps", "rule", "rows")
_TILES = ("columns", "padding", "scale", "labels")
FORMAT_NAMES = {
    ".png": "PNG picture",
    ".jpg": "JPEG picture, not exact",
    ".webp": "WebP picture",
    ".tiff": "TIFF picture",
    ".svg": "SVG, vector",
    ".pdf": "PDF, vector",
    ".npz": "NPZ arrays",
    ".csv": "CSV table",
    ".zip": "Zip bundle",
    ".gif": "GIF",
    ".apng": "APNG, all colours",
    ".mp4": "MP4 video",
    ".h5": "HDF5 recording",
    FOLDER: "Folder of PNG pictures",
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
    Kind("grid", "Sample grid", "Images", (*_PICTURES, ".npz"), ("step", *_TILES), {"scale": 4}),
    Kind("singles", "Single images", "Images", (FOLDER,), ("step",)),
    Kind("tokens", "Token map", "Images", (*_FIGURES, *_TABLES), ("step", "image", *_SIZE)),
    Kind("codebook", "Codebook", "Images", _PICTURES, _TILES, {"scale": 8, "labels": "number"}),
    Kind("raster", "Raster of a layer", "Neurons", _FIGURES, (*_NEURONS, *_SIZE)),
    Kind("layers", "Raster of all layers", "Neurons", _FIGURES, (*_NEURONS, *_SIZE)),
    Kind("shown", "Raster as in its dock", "Neurons", (".png",)),
    Kind("membrane", "Membrane traces", "Neurons", (*_FIGURES, *_TABLES), ("steps", *_SIZE)),
    Kind("curve", "Firing rates and threshold", "Neurons", _FIGURES, ("steps", *_SIZE)),
    Kind("rates", "Activity map", "Neurons", (*_FIGURES, *_TABLES), ("steps", *_SIZE)),
    Kind("spikes", "Spikes as numbers", "Neurons", _TABLES, _NEURONS),
    Kind(
        "animation",
        "Animation",
        "Run",
        (".gif", ".apng", ".webp", ".mp4"),
        ("steps", "beside", "image", "height", "fps", "hold", "loop"),
    ),
    Kind("bundle", "Figure bundle", "Run", (".zip",), ("figure", *_NEURONS, *_SIZE)),
    Kind("recording", "Recording", "Run", (".h5",)),
    Kind("sweep", "Sweep curve", "Sweep", _FIGURES, _SIZE),
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
        return "" if material.codebook is not None else "no token model is loaded"
    if kind == "sweep":
        return "" if material.sweep is not None else "no sweep with a curve was done"
    run = material.run
    if run is None:
        return "nothing was sampled yet"
    if run.steps_done <= run.first_step and material.images is None:
        return "no step is done yet"
    match kind:
        case "grid" | "singles":
            is_there = material.images is not None or run.state(run.steps_done - 1) is not None
            return "" if is_there else "the run has no images"
        case "tokens":
            return "" if material.has_tokens else "no token model"
        case "raster" | "spikes":
            is_there = run.selected in run.recorded
            return "" if is_there else f"no spikes of {run.selected} were recorded"
        case "layers":
            return "" if run.recorded else "no spikes were recorded"
        case "shown":
            return "" if material.shown is not None else "the raster dock is not open"
        case "membrane":
            return "" if has_watched(run) else "no neuron was watched"
        case "animation":
            steps = range(run.first_step, run.steps_done)
            is_there = run.file is not None or all(run.state(step) is not None for step in steps)
            return "" if is_there else "pictures of some steps were let go to save memory"
        case "bundle":
            return "" if any(not why_not(each, material) for each in FIGURES) else "no figure"
        case "recording":
            return recordings.cannot_record(run).rstrip(".")
    return ""


def why_not_format(suffix: str) -> str:
    """Why a format cannot be written by this installation; empty if it can."""
    if suffix == ".mp4" and find_spec("imageio_ffmpeg") is None:
        return "needs the extra video"
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
