"""One thing that is exported, as a preview and as a file: both are made by the same functions.

Imports matplotlib, so import this module when something is to be drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import choice, figures, images, recordings, states, tables
from spikestudio.export.animation import Timing, save_animation
from spikestudio.export.bundle import save_bundle
from spikestudio.export.choice import NOT_RECORDED, Neurons
from spikestudio.export.draw.style import MM_PER_INCH
from spikestudio.export.frames import PARTS, Scene
from spikestudio.export.kinds import AS_SHOWN, Material, Options
from spikestudio.export.pictures import GridStyle, layout, save_picture, tile
from spikestudio.export.progress import Progress
from spikestudio.export.rasters import Rows, raster_bytes, save_raster
from spikestudio.export.snapshot import Snapshot
from spikestudio.recording.values import Readable

_PREVIEW = (1400, 1600)  # pixels at most
_LINES = 14  # of a table


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file will show: a picture, or ``text`` where there is none to draw.

    ``size`` says how large the file's picture is, ``caption`` what is in it.
    """

    picture: Image.Image | None
    text: str
    size: str
    caption: str


Limit = tuple[int, int] | None


def preview(kind: str, material: Material, options: Options, limit: Limit = _PREVIEW) -> Preview:
    """Draw what ``save`` would write; raises ``SpikeStudioError``.

    ``limit`` bounds width and height of the picture in pixels; None draws it in full size.
    """
    suffix = options.format
    if kind in ("grid", "codebook") and suffix != ".npz":
        picture = _tiles(kind, material, options)
        return Preview(
            _smaller(picture, limit),
            "",
            f"{picture.width:,} x {picture.height:,} pixels",
            _tiles_text(kind, material, options),
        )
    if kind in ("grid", "singles"):
        return _preview_images(kind, material, options)
    if kind == "shown":
        return _preview_shown(material, limit)
    if kind == "animation":
        return _preview_animation(material, options, limit)
    if kind == "recording":
        return _preview_recording(_run(material))
    if suffix in tables.FORMATS:
        return _preview_table(_table(kind, material, options), suffix)
    return _preview_figure(_figure(kind, material, options), suffix, limit)


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
                path, _tiles(kind, material, options), _tiles_origin(kind, material, options)
            )
        case "grid" | "singles":
            write = images.save_npz if suffix == ".npz" else images.save_folder
            shown, step = _images(material, options)
            write(path, shown, _origin_at(_run(material), step))
        case "shown":
            cells, rows = _shown(material)
            save_raster(
                path,
                cells,
                rows=rows,
                snn_steps=_run(material).snn_steps,
                thresholds=material.thresholds,
                provenance=_run(material).origin,
            )
        case "animation":
            timing = Timing(fps=options.fps, hold=options.hold, loop=options.loop)
            origin = _run(material).origin
            save_animation(path, _scene(material, options), timing, origin, **follow)
        case "recording":
            run = _run(material)
            recordings.save_recording(path, run, run.origin, **follow)
        case "bundle":
            figure = _figure(kind, material, options)
            save_bundle(path, figure, _origin_of(kind, material, options), **follow)
        case _ if suffix in tables.FORMATS:
            tables.save_table(path, _table(kind, material, options), _run(material).origin)
        case _:
            figure = _figure(kind, material, options)
            figures.save_figure(path, figure, _origin_of(kind, material, options))


def _run(material: Material) -> Snapshot:
    if material.run is None:
        raise ExportError("Nothing was sampled yet: sample first.")
    return material.run


# images --------------------------------------------------------------------------------------


def _images(material: Material, options: Options) -> tuple[NDArray[np.uint8], int]:
    """All images uint8 ``[B, H, W, C]``, and after how many steps they are so."""
    run, newest = _run(material), material.images
    size = None if newest is None else (newest.shape[1], newest.shape[3])
    if options.step:
        _check_step(run, options.step)
        return states.prediction(run, options.step - 1, size), options.step
    is_whole = newest is not None and len(newest) == states.num_images(run)
    is_current = material.images_step == run.steps_done
    if not (is_whole and is_current) and run.state(run.steps_done - 1) is not None:
        return states.prediction(run, run.steps_done - 1, size), run.steps_done
    if newest is None:
        raise ExportError("The run has no images.")
    return newest, material.images_step


def _check_step(run: Snapshot, step: int) -> None:
    first, last = run.first_step + 1, run.steps_done
    if not first <= step <= last:
        raise ConfigError(
            f"Step {step} is not recorded: choose {first} to {last}, or 0 for the newest.",
            field="step",
        )


def _origin_at(run: Snapshot, step: int) -> Mapping[str, Any]:
    """Provenance of what a run had come to when a step was done; 0: the newest."""
    origin = run.origin
    if not step or step >= run.steps_done:
        return origin
    changes = [each for each in origin["changes"] if each["step"] < step]
    rest = {name: value for name, value in origin.items() if name != "images"}  # of the last step
    return {**rest, "steps_done": step, "changes": changes}


def _tiles(kind: str, material: Material, options: Options) -> Image.Image:
    shown = _patches(material) if kind == "codebook" else _images(material, options)[0]
    return tile(shown, _style(kind, material, options, len(shown)))


def _style(kind: str, material: Material, options: Options, number: int) -> GridStyle:
    return GridStyle(
        columns=options.columns or None,
        padding=options.padding,
        scale=options.scale,
        labels=_labels(kind, material, options.labels, number),
    )


def _patches(material: Material) -> NDArray[np.uint8]:
    if material.codebook is None:
        raise ExportError("No token model is loaded: load one to export its codebook.")
    return material.codebook.patches


def _labels(kind: str, material: Material, wanted: str, count: int) -> list[str]:
    if wanted == "none":
        return []
    if kind == "codebook":
        if wanted != "uses":
            return [f"{k}" for k in range(count)]
        if material.uses is None:
            raise ConfigError("No run of this model is shown, so no code was used.", field="labels")
        return [f"{k}: {uses:,}" for k, uses in enumerate(material.uses.tolist())]
    origin = _run(material).origin
    if wanted == "class":
        labels = origin.get("labels")
        if labels is None:
            raise ConfigError("The images of this run have no classes.", field="labels")
        return [_name(material, label) for label in labels[:count]]
    if wanted == "seed":
        return [f"{seed}" for seed in origin["image_seeds"][:count]]
    return [f"{k + 1}" for k in range(count)]


def _name(material: Material, label: int) -> str:
    return material.classes[label] if 0 <= label < len(material.classes) else f"{label}"


def _tiles_text(kind: str, material: Material, options: Options) -> str:
    if kind == "codebook":
        book = material.codebook
        assert book is not None  # it was drawn
        return f"all {book.size:,} codes, by id: what a map of one code only decodes to"
    return _images_text(material, options)


def _images_text(material: Material, options: Options) -> str:
    run, (shown, step) = _run(material), _images(material, options)
    total = states.num_images(run)
    is_last = step == run.num_steps
    what = "samples" if is_last else f"predicted in step {step:,} of {run.num_steps:,}"
    return f"{len(shown):,} of {total:,} images, {shown.shape[2]} x {shown.shape[1]} each; {what}"


def _tiles_origin(kind: str, material: Material, options: Options) -> Mapping[str, Any]:
    if kind == "grid":
        shown, step = _images(material, options)
        style = _style(kind, material, options, len(shown))
        return {**_origin_at(_run(material), step), **layout(shown, style)}
    assert material.codebook is not None
    return {
        "schema_version": 1,
        "kind": "codebook",
        "checkpoint": {"tensors_sha256": material.codebook.tensors_sha256},
    }


def _preview_images(kind: str, material: Material, options: Options) -> Preview:
    shown, _ = _images(material, options)
    count, high, wide, channels = shown.shape
    if kind == "singles":
        first = tile(shown[:1], GridStyle(padding=0, scale=max(1, min(64, 320 // wide))))
        size = f"{count:,} files of {wide:,} x {high:,} pixels, of which this is the first"
        return Preview(first, "", size, _images_text(material, options))
    text = (
        f"arr_0        uint8 [{count}, {high}, {wide}, {channels}]\n             the images, as FID "
        "suites read them\nspikestudio  text\n             where they come from, JSON"
    )
    return Preview(
        None, text, f"about {shown.nbytes / 1024:,.0f} KiB", _images_text(material, options)
    )


# figures and tables --------------------------------------------------------------------------


def _size(options: Options) -> figures.Size:
    return figures.Size(
        width_mm=options.width_mm,
        height_mm=options.height_mm or None,
        font_pt=options.font_pt,
        dpi=options.dpi,
    )


def _chosen(material: Material, options: Options, steps: range) -> Neurons:
    run = _run(material)
    layer = choice.find_layer(run, None)
    if options.rule != AS_SHOWN:
        return choice.choose(run, layer, steps, rule=options.rule, rows=options.rows)
    shown = material.shown
    if shown is None or shown.mode != "spikes" or shown.groups[0][0].id != layer.id:
        raise ConfigError(f"The raster dock does not show spikes of {layer.id}.", field="rule")
    page = f", page {shown.page:,} of {shown.pages:,}" if shown.pages > 1 else ""
    return Neurons(layer, shown.groups[0][1], f"{shown.rule}{page}")


def _of_all_layers(run: Snapshot, options: Options, steps: range) -> list[Neurons]:
    """As many of each recorded layer, so that none is lost beside a large one."""
    layers = [layer for layer in run.layers if layer.id in run.recorded]
    rule = choice.DEFAULT_RULE if options.rule == AS_SHOWN else options.rule
    each = max(1, options.rows // max(1, len(layers)))
    found = []
    for layer in layers:
        try:
            found.append(choice.choose(run, layer, steps, rule=rule, rows=each))
        except ConfigError:  # no neuron of it fired
            if rule != "firing only":
                raise
    return found


def _figure(kind: str, material: Material, options: Options) -> figures.FigureData:
    kind = options.figure if kind == "bundle" else kind
    size = _size(options)
    if kind == "sweep":
        return _sweep_figure(material, size)
    run = _run(material)
    if kind == "tokens":
        step = options.step or run.steps_done
        _check_step(run, step)
        return figures.tokens_figure(run, step - 1, size, options.image - 1)
    steps = choice.parse_steps(options.steps.strip() or None, run)
    match kind:
        case "raster":
            return figures.raster_figure(run, _chosen(material, options, steps), steps, size)
        case "layers":
            return figures.layers_figure(run, _of_all_layers(run, options, steps), steps, size)
        case "membrane":
            layer, neurons = _watched(material, steps)
            return figures.membrane_figure(run, steps, size, layer, neurons)
        case "rates":
            return figures.rates_figure(run, steps, size)
        case "curve":
            layer = choice.find_layer(run, None, has_spikes=False)
            return figures.curve_figure(run, steps, size, layer)
    raise ConfigError(f"There is no figure {kind!r}.", field="figure")


def _watched(material: Material, steps: range) -> tuple[Any, tuple[int, ...] | None]:
    """Layer and neurons that are selected, if they are known; else None for all watched ones."""
    run, neurons = _run(material), material.neurons
    if neurons:
        wanted = {(run.selected, i) for i in neurons}
        seen = {pair for k in steps if (each := run.watched(k)) for pair in each.neurons}
        if wanted & seen:
            return choice.find_layer(run, None, has_spikes=False), neurons
    return None, None


def _sweep_figure(material: Material, size: figures.Size) -> figures.FigureData:
    sweep = material.sweep
    if sweep is None:
        raise ExportError("No sweep with a curve was done: sweep an axis of numbers first.")
    curves = [figures.SweepCurve(title, *values.T) for title, values in sweep.curves]
    return figures.sweep_figure(curves, sweep.axis, sweep.title, sweep.caption, size)


def _origin_of(kind: str, material: Material, options: Options) -> Mapping[str, Any]:
    kind = options.figure if kind == "bundle" else kind
    if kind == "sweep":
        assert material.sweep is not None  # it was drawn
        return material.sweep.origin
    return _origin_at(_run(material), options.step if kind == "tokens" else 0)


def _preview_figure(figure: figures.FigureData, suffix: str, limit: Limit) -> Preview:
    spec = figure.spec
    wide, high = (spec[f"{side}_mm"] / MM_PER_INCH for side in ("width", "height"))
    dpi = float(spec["dpi"])
    if limit is not None:
        dpi = max(20.0, min(dpi, limit[0] / wide, limit[1] / high))
    buffer = BytesIO()
    figures.render(figure, buffer, "png", {}, dpi)
    with Image.open(buffer) as drawn:
        picture = drawn.convert("RGB")
    size = f"{spec['width_mm']:g} x {spec['height_mm']:g} mm"
    pixels = f"{int(wide * spec['dpi']):,} x {int(high * spec['dpi']):,} pixels"
    if suffix == ".png":
        size = f"{pixels}: {size} at {spec['dpi']} dpi"
    elif suffix == ".zip":
        size = f"{size}: SVG, PDF, and a PNG of {pixels}; data.npz and redraw.py"
    else:
        size = f"{size}, vector"
    return Preview(picture, "", size, "\n".join(spec["caption"]))


def _table(kind: str, material: Material, options: Options) -> tables.Table:
    run = _run(material)
    steps = choice.parse_steps(options.steps.strip() or None, run)
    match kind:
        case "spikes":
            return tables.spikes_table(run, _chosen(material, options, steps), steps)
        case "membrane":
            return tables.potentials_table(run, steps, *_watched(material, steps))
        case "rates":
            return tables.rates_table(run, steps)
        case "tokens":
            if options.step:
                _check_step(run, options.step)
                steps = range(options.step - 1, options.step)
            return tables.tokens_table(run, steps)
    raise ConfigError(f"There are no numbers of {kind!r}.", field="format")


def _preview_table(table: tables.Table, suffix: str) -> Preview:
    manifest = table.manifest()
    if suffix == ".csv":
        rows = [[f"{cell}" for cell in row] for row in islice(table.rows(), _LINES)]
        grid = [list(table.columns), *rows]
        widths = [max(len(row[k]) for row in grid) for k in range(len(table.columns))]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in grid
        ]
        text = "\n".join(lines) + ("\n…" if len(rows) == _LINES else "")
        size = "one line per value; a sidecar .csv.json says what they are"
    else:
        names = max(len(name) for name in manifest["arrays"])
        text = "\n".join(
            f"{name.ljust(names)}  {each['dtype']} {each['shape']}\n{' ' * names}  {each['meaning']}"
            for name, each in manifest["arrays"].items()
        )
        total = sum(values.nbytes for values in table.arrays.values())
        size = f"{total / 1024:,.0f} KiB before compression"
    return Preview(None, text, size, str(manifest.get("choice", "")))


# what a dock shows, animations, recordings ----------------------------------------------------


def _shown(material: Material) -> tuple[NDArray[Any], Rows]:
    run, shown = _run(material), material.shown
    if shown is None:
        raise ExportError("The raster shows nothing: sample first.")
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
    run = _run(material)
    cells, rows = _shown(material)
    data = raster_bytes(cells, rows, run.snn_steps, material.thresholds, {})
    with Image.open(BytesIO(data)) as drawn:
        picture = drawn.convert("RGB")
    size = f"{picture.width:,} x {picture.height:,} pixels"
    return Preview(_smaller(picture, limit), "", size, rows.text())


def _scene(material: Material, options: Options) -> Scene:
    run = _run(material)
    steps = choice.parse_steps(options.steps.strip() or None, run)
    parts = tuple(part for part in PARTS if part in options.beside)
    chosen = None
    if "raster" in parts:
        chosen = _chosen(material, replace(options, rule=choice.DEFAULT_RULE), steps)
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
    return Preview(_smaller(frame, limit), "", size, f"{told}here: step {step + 1:,}")


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


def _smaller(picture: Image.Image, limit: Limit) -> Image.Image:
    """A picture within the limit; pixels are left out, not blurred."""
    if limit is None:
        return picture
    factor = max(-(-picture.width // limit[0]), -(-picture.height // limit[1]))
    if factor <= 1:
        return picture
    size = (max(1, picture.width // factor), max(1, picture.height // factor))
    return picture.resize(size, Image.Resampling.NEAREST)
