"""Sample grids as PNG, JPEG, WebP or TIFF, enlarged and labelled if wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from spikestudio.atomic import atomic_files
from spikestudio.errors import ConfigError, ExportError
from spikestudio.export.images import GAP, PADDING, grid, write_picture
from spikestudio.export.metadata import PICTURES, files_of, fill_sidecar, picture_options
from spikestudio.language import tr
from spikestudio.paths import resource

_MAX_SIDE = 30_000
_QUALITY = 95
_PAPER, _INK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GridStyle:
    """How images are tiled; raises ``ConfigError``.

    Parameters
    ----------
    columns
        Images per row; None makes the grid about square.
    padding
        Pixels between enlarged images and around them.
    scale
        Whole pixels per pixel of an image.
    labels
        One text under each image; empty for none. The grid is then on white.
    """

    columns: int | None = None
    padding: int = PADDING
    scale: int = 1
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, low, high in (("padding", 0, 200), ("scale", 1, 64)):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(
                    tr("The {name} must be {low} to {high} pixels.", name=name, low=low, high=high),
                    field=name,
                )


def tile(images: NDArray[np.uint8], style: GridStyle) -> Image.Image:
    """Tile uint8 ``[B, H, W, 1 or 3]`` in rows; every pixel stays a square of one colour."""
    if style == GridStyle(columns=style.columns):
        return grid(images, style.columns)
    if style.labels and len(style.labels) != len(images):
        raise ConfigError(
            tr(
                "There are {num_labels} labels for {num_images} images.",
                num_labels=len(style.labels),
                num_images=len(images),
            )
        )
    big = images.repeat(style.scale, axis=1).repeat(style.scale, axis=2)
    count, height, width, channels = big.shape
    font = _font(width)
    line = _line(font, style)
    per_row = min(style.columns or isqrt(count - 1) + 1, count)
    step = (width + style.padding, height + line + style.padding)
    size = (
        style.padding + per_row * step[0],
        style.padding + ceil(count / per_row) * step[1],
    )
    if max(size) > _MAX_SIDE:
        raise ExportError(
            tr(
                "A grid of {size:,} x {size_2:,} pixels is too large: choose a smaller scale.",
                size=size[0],
                size_2=size[1],
            )
        )
    paper = _PAPER if style.labels else (GAP,) * 3
    is_grey = channels == 1
    canvas = Image.new("L" if is_grey else "RGB", size, paper[0] if is_grey else paper)
    pen = ImageDraw.Draw(canvas)
    for k, image in enumerate(big):
        row, column = divmod(k, per_row)
        x, y = style.padding + column * step[0], style.padding + row * step[1]
        canvas.paste(Image.fromarray(image[..., 0] if is_grey else image), (x, y))
        if style.labels:
            text = _fitting(style.labels[k], font, width)
            pen.text((x, y + height + 1), text, _INK[0] if is_grey else _INK, font)
    return canvas


def layout(images: NDArray[np.uint8], style: GridStyle) -> dict[str, Any]:
    """Where ``tile`` puts the images, as ``grid`` of the provenance; a plain one shows it itself."""
    if (style.padding, style.scale) == (PADDING, 1) and not style.labels:
        return {}
    width = images.shape[2] * style.scale
    return {
        "grid": {
            "columns": min(style.columns or isqrt(len(images) - 1) + 1, len(images)),
            "padding": style.padding,
            "scale": style.scale,
            "line": _line(_font(width), style),
        }
    }


def _font(width: int) -> ImageFont.FreeTypeFont:
    """Font of the labels of images that are so wide."""
    return ImageFont.truetype(
        resource("fonts", "Inter-Regular.otf"),
        max(10, min(28, width // 7)),
        layout_engine=ImageFont.Layout.BASIC,
    )


def _line(font: ImageFont.FreeTypeFont, style: GridStyle) -> int:
    """Height of a label in pixels."""
    return ceil(sum(font.getmetrics()) * 1.1) if style.labels else 0


def save_picture(
    path: Path | str, picture: Image.Image, provenance: Mapping[str, Any], *, dpi: int | None = None
) -> None:
    """Write a picture with its provenance, in the format that the name ends in.

    Where the provenance is too long for the format it goes to a sidecar. WebP and TIFF lose nothing;
    JPEG does. Raises ``ExportError``.
    """
    path = Path(path)
    kind = PICTURES.get(path.suffix.lower())
    if kind is None:
        raise ExportError(
            tr(
                "Cannot write {path}: a picture must end in {pictures}.",
                path=path,
                pictures=", ".join(PICTURES),
            ),
            path=path,
        )
    options: dict[str, Any] = picture_options(kind, provenance)
    if dpi is not None:
        options["dpi"] = (dpi, dpi)
    if kind == "JPEG":
        options |= {"quality": _QUALITY, "subsampling": 0}
    elif kind == "WEBP":
        options |= {"lossless": True}
        options.pop("dpi", None)
        if max(picture.size) > 16_383:
            raise ExportError(tr("A WebP picture has at most 16,383 pixels per side."), path=path)
    elif kind == "TIFF":
        options |= {"compression": "tiff_deflate"}
    with atomic_files(*files_of(path, kind, provenance)) as (temporary, *beside):
        write_picture(temporary, picture, kind, **options)
        for each in beside:
            fill_sidecar(each, provenance)


def _fitting(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """Shorten a text until it fits."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
