"""Images as they are exported: sample grids, single images and codebooks, as previews and as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import states
from spikestudio.export.kinds import Material, Options
from spikestudio.export.pictures import GridStyle, layout, tile
from spikestudio.export.snapshot import Snapshot
from spikestudio.language import tr


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


def run_of(material: Material) -> Snapshot:
    """The run; raises ``ExportError`` if there is none."""
    if material.run is None:
        raise ExportError(tr("Nothing was sampled yet: sample first."))
    return material.run


def images_of(material: Material, options: Options) -> tuple[NDArray[np.uint8], int]:
    """All images uint8 ``[B, H, W, C]``, and after how many steps they are so."""
    run, newest = run_of(material), material.images
    size = None if newest is None else (newest.shape[1], newest.shape[3])
    if options.step:
        check_step(run, options.step)
        return states.prediction(run, options.step - 1, size), options.step
    is_whole = newest is not None and len(newest) == states.num_images(run)
    is_current = material.images_step == run.steps_done
    if not (is_whole and is_current) and run.state(run.steps_done - 1) is not None:
        return states.prediction(run, run.steps_done - 1, size), run.steps_done
    if newest is None:
        raise ExportError(tr("The run has no images."))
    return newest, material.images_step


def check_step(run: Snapshot, step: int) -> None:
    """Raise ``ConfigError`` if the state of a step, from 1, is not recorded."""
    first, last = run.first_step + 1, run.steps_done
    if not first <= step <= last:
        raise ConfigError(
            tr(
                "Step {step} is not recorded: choose {first} to {last}, or 0 for the newest.",
                step=step,
                first=first,
                last=last,
            ),
            field="step",
        )


def origin_at(run: Snapshot, step: int) -> Mapping[str, Any]:
    """Provenance of what a run had come to when a step was done; 0: the newest."""
    origin = run.origin
    if not step or step >= run.steps_done:
        return origin
    changes = [each for each in origin["changes"] if each["step"] < step]
    rest = {name: value for name, value in origin.items() if name != "images"}  # of the last step
    return {**rest, "steps_done": step, "changes": changes}


def tiles_of(kind: str, material: Material, options: Options) -> Image.Image:
    """The grid of samples or of a codebook."""
    shown = _patches(material) if kind == "codebook" else images_of(material, options)[0]
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
        raise ExportError(tr("No token model is loaded: load one to export its codebook."))
    return material.codebook.patches


def _labels(kind: str, material: Material, wanted: str, count: int) -> list[str]:
    if wanted == "none":
        return []
    if kind == "codebook":
        if wanted != "uses":
            return [f"{k}" for k in range(count)]
        if material.uses is None:
            raise ConfigError(
                tr("No run of this model is shown, so no code was used."), field="labels"
            )
        return [f"{k}: {uses:,}" for k, uses in enumerate(material.uses.tolist())]
    origin = run_of(material).origin
    if wanted == "class":
        labels = origin.get("labels")
        if labels is None:
            raise ConfigError(tr("The images of this run have no classes."), field="labels")
        return [_name(material, label) for label in labels[:count]]
    if wanted == "seed":
        return [f"{seed}" for seed in origin["image_seeds"][:count]]
    return [f"{k + 1}" for k in range(count)]


def _name(material: Material, label: int) -> str:
    return material.classes[label] if 0 <= label < len(material.classes) else f"{label}"


def tiles_text(kind: str, material: Material, options: Options) -> str:
    """What ``tiles_of`` shows."""
    if kind == "codebook":
        book = material.codebook
        assert book is not None  # it was drawn
        return f"all {book.size:,} codes, by id: what a map of one code only decodes to"
    return _images_text(material, options)


def _images_text(material: Material, options: Options) -> str:
    run, (shown, step) = run_of(material), images_of(material, options)
    total = states.num_images(run)
    is_last = step == run.num_steps
    what = "samples" if is_last else f"predicted in step {step:,} of {run.num_steps:,}"
    return f"{len(shown):,} of {total:,} images, {shown.shape[2]} x {shown.shape[1]} each; {what}"


def tiles_origin(kind: str, material: Material, options: Options) -> Mapping[str, Any]:
    """Provenance of what ``tiles_of`` shows."""
    if kind == "grid":
        shown, step = images_of(material, options)
        style = _style(kind, material, options, len(shown))
        return {**origin_at(run_of(material), step), **layout(shown, style)}
    assert material.codebook is not None
    return {
        "schema_version": 1,
        "kind": "codebook",
        "checkpoint": {"tensors_sha256": material.codebook.tensors_sha256},
    }


def preview_images(kind: str, material: Material, options: Options) -> Preview:
    """Preview of single images, or of an array of them."""
    shown, _ = images_of(material, options)
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


def smaller(picture: Image.Image, limit: Limit) -> Image.Image:
    """A picture within the limit; pixels are left out, not blurred."""
    if limit is None:
        return picture
    factor = max(-(-picture.width // limit[0]), -(-picture.height // limit[1]))
    if factor <= 1:
        return picture
    size = (max(1, picture.width // factor), max(1, picture.height // factor))
    return picture.resize(size, Image.Resampling.NEAREST)
