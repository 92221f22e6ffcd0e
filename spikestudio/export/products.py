"""One thing that is exported, as a preview and as a file: both are made by the same functions.

Imports matplotlib, so import this module when something is to be drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spikestudio.errors import ExportError
from spikestudio.export import choice, figures, images, recordings, tables
from spikestudio.export.animation import Timing, save_animation
from spikestudio.export.bundle import save_bundle
from spikestudio.export.choice import NOT_RECORDED
from spikestudio.export.frames import PARTS, Scene
from spikestudio.export.kinds import Material, Options
from spikestudio.export.pictures import save_picture
from spikestudio.export.product_figures import (
    chosen_of,
    figure_of,
    origin_of,
    preview_figure,
    preview_table,
    table_of,
)
from spikestudio.export.product_images import (
    Limit,
    Preview,
    images_of,
    origin_at,
    preview_images,
    run_of,
    smaller,
    tiles_of,
    tiles_origin,
    tiles_text,
)
from spikestudio.export.progress import Progress
from spikestudio.export.rasters import Rows, raster_bytes, save_raster
from spikestudio.export.snapshot import Snapshot
from spikestudio.language import tr
from spikestudio.recording.values import Readable

_PREVIEW = (1400, 1600)  # pixels at most


def preview(kind: str, material: Material, options: Options, limit: Limit = _PREVIEW) -> Preview:
    """Draw what ``save`` would write; raises ``SpikeStudioError``.

    ``limit`` bounds width and height of the picture in pixels; None draws it in full size.
    """
    suffix = options.format
    if kind in ("grid", "codebook") and suffix != ".npz":
        picture = tiles_of(kind, material, options)
        return Preview(
            smaller(picture, limit),
            "",
            f"{picture.width:,} x {picture.height:,} pixels",
            tiles_text(kind, material, options),
        )
    if kind in ("grid", "singles"):
        return preview_images(kind, material, options)
    if kind == "shown":
        return _preview_shown(material, limit)
    if kind == "animation":
        return _preview_animation(material, options, limit)
    if kind == "recording":
        return _preview_recording(run_of(material))
    if suffix in tables.FORMATS:
        return preview_table(table_of(kind, material, options), suffix)
    return preview_figure(figure_of(kind, material, options), suffix, limit)


def save(
    kind: str,
    material: Material,
    options: Options,
    path: Path,
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> None:
    """Write a file, or a folder of single images.

    Raises
    ------
    ExportCancelledError
        ``is_cancelled`` said so; nothing was written.
    SpikeStudioError
        There is nothing to write, or it cannot be written; what was at ``path`` is unchanged.
    """
    suffix = options.format
    follow: dict[str, Any] = {"progress": progress, "is_cancelled": is_cancelled}
    match kind:
        case "grid" | "codebook" if suffix != ".npz":
            save_picture(
                path, tiles_of(kind, material, options), tiles_origin(kind, material, options)
            )
        case "grid" | "singles":
            write = images.save_npz if suffix == ".npz" else images.save_folder
            shown, step = images_of(material, options)
            write(path, shown, origin_at(run_of(material), step))
        case "shown":
            cells, rows = _shown(material)
            save_raster(
                path,
                cells,
                rows=rows,
                snn_steps=run_of(material).snn_steps,
                thresholds=material.thresholds,
                provenance=run_of(material).origin,
            )
        case "animation":
            timing = Timing(fps=options.fps, hold=options.hold, loop=options.loop)
            origin = run_of(material).origin
            save_animation(path, _scene(material, options), timing, origin, **follow)
        case "recording":
            run = run_of(material)
            recordings.save_recording(path, run, run.origin, **follow)
        case "bundle":
            figure = figure_of(kind, material, options)
            save_bundle(path, figure, origin_of(kind, material, options), **follow)
        case _ if suffix in tables.FORMATS:
            tables.save_table(path, table_of(kind, material, options), run_of(material).origin)
        case _:
            figure = figure_of(kind, material, options)
            figures.save_figure(path, figure, origin_of(kind, material, options))


def _shown(material: Material) -> tuple[NDArray[Any], Rows]:
    run, shown = run_of(material), material.shown
    if shown is None:
        raise ExportError(tr("The raster shows nothing: sample first."))
    cells: NDArray[Any] = np.concatenate(
        [raster_cells(run, layer.id, rows, shown.mode) for layer, rows in shown.groups]
    )
    groups = tuple((layer.id, int(neurons.size)) for layer, neurons in shown.groups)
    is_one = len(groups) == 1
    rows = Rows(
        layer=groups[0][0] if is_one else f"{len(groups):,} layers",
        neurons=tuple(np.concatenate([ids for _, ids in shown.groups]).tolist()),
        total=shown.total,
        groups=() if is_one else groups,
        rule=shown.rule,
        page=shown.page,
        pages=shown.pages,
    )
    return cells, rows


def raster_cells(
    run: Readable, layer_id: str, rows: NDArray[np.intp], mode: str
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """What was recorded of some neurons of a layer, ``[N, steps * T]``.

    Spikes are uint8, ``NOT_RECORDED`` in steps of which none were kept; potentials before reset
    float32, NaN in such steps.
    """
    shape = (run.snn_steps, rows.size)
    parts: list[NDArray[Any]] = []
    for step in range(run.steps_done):
        if mode == "spikes":
            spikes = run.spikes(layer_id, step)
            gap = np.full(shape, NOT_RECORDED, np.uint8)
            parts.append(gap if spikes is None else spikes[:, rows])
        else:
            values = run.potentials(layer_id, step)
            parts.append(
                np.full(shape, np.nan, np.float32) if values is None else values.h[:, rows]
            )
    return np.concatenate(parts).T if parts else np.zeros((rows.size, 0), np.uint8)


def _preview_shown(material: Material, limit: Limit) -> Preview:
    run = run_of(material)
    cells, rows = _shown(material)
    data = raster_bytes(cells, rows, run.snn_steps, material.thresholds, {})
    with Image.open(BytesIO(data)) as drawn:
        picture = drawn.convert("RGB")
    size = f"{picture.width:,} x {picture.height:,} pixels"
    return Preview(smaller(picture, limit), "", size, rows.text())


def _scene(material: Material, options: Options) -> Scene:
    run = run_of(material)
    steps = choice.parse_steps(options.steps.strip() or None, run)
    parts = tuple(part for part in PARTS if part in options.beside)
    chosen = None
    if "raster" in parts:
        chosen = chosen_of(material, replace(options, rule=choice.DEFAULT_RULE), steps)
    return Scene(
        recording=run,
        steps=steps,
        height=options.height,
        parts=parts,
        chosen=chosen,
        image=options.image - 1 if "tokens" in parts else None,
    )


def _preview_animation(material: Material, options: Options, limit: Limit) -> Preview:
    scene = _scene(material, options)
    timing = Timing(fps=options.fps, hold=options.hold, loop=options.loop)
    step = scene.steps[len(scene.steps) * 2 // 3]
    frame = next(scene.frames([step]))
    seconds = sum(timing.durations(len(scene.steps))) / 1000
    size = f"{frame.width:,} x {frame.height:,} pixels, {len(scene.steps):,} frames in {seconds:,.1f} s"
    told = "" if scene.chosen is None else f"{scene.chosen.text()} of {scene.chosen.layer.id}; "
    return Preview(smaller(frame, limit), "", size, f"{told}here: step {step + 1:,}")


def _preview_recording(run: Snapshot) -> Preview:
    reason = recordings.cannot_record(run)
    if reason:
        raise ExportError(reason)
    layers = run.recorded if run.file is not None else recordings.complete_layers(run)
    watched = run.watched(run.steps_done - 1)
    text = "\n".join(
        (
            f"{run.steps_done - run.first_step:,} of {run.num_steps:,} denoising steps",
            f"counts of {len(run.layers):,} layers, spikes of {len(layers):,} of them",
            f"potentials of {len(watched.neurons) if watched else 0:,} neurons at the last step",
            "states of all images, from which any step can be computed again",
        )
    )
    lost = len(run.recorded) - len(layers)
    told = (
        f"spikes of {lost:,} layers are left out: some were let go to save memory" if lost else ""
    )
    size = f"a copy of {run.file.name}" if run.file is not None else "one HDF5 file"
    return Preview(None, text, size, told)
