"""Samples as a PNG grid, as an NPZ that FID suites read, or as a folder of single PNGs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from io import BytesIO
from math import ceil, isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spikestudio.atomic import atomic_folder, atomic_write, export_error, is_temporary
from spikestudio.errors import ExportError
from spikestudio.export.provenance import of_image
from spikestudio.language import tr

if TYPE_CHECKING:  # pillow is imported when something is drawn
    from PIL import Image, PngImagePlugin

CHUNK = "spikestudio"
SIDECAR = "spikestudio.json"
PADDING = 2  # pixels
GAP = 96  # grey of the lines between tiles: apart from black and from white pictures
_MAX_SIDE = 30_000  # pixels
_SINGLE = re.compile(r"\d{4,}\.png")

Kind = Literal["grid", "npz", "folder"]


def output_kind(out: str) -> Kind:
    """What ``out`` asks for: ``x.png`` a grid, ``x.npz`` an array, ``x/`` or a bare name a folder."""
    path = Path(out)
    is_folder = os.path.isdir(out)  # noqa: PTH112  Path.is_dir raises for a name that is too long
    if out.endswith(("/", "\\")) or is_folder or not path.suffix:
        return "folder"
    kinds: dict[str, Kind] = {".png": "grid", ".npz": "npz"}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise ExportError(
            tr(
                "Cannot write {out}: the format {suffix} is not known; give a name that ends in "
                ".png or .npz, or a folder.",
                out=out,
                suffix=path.suffix,
            ),
            path=path,
        )
    return kind


def grid(
    images: NDArray[np.uint8], columns: int | None = None, *, rgb: bool = False
) -> Image.Image:
    """Tile images in rows, pixel by pixel.

    Parameters
    ----------
    images
        uint8 ``[B, H, W, C]`` with C = 1 or 3.
    columns
        Images per row; None makes the grid about square.
    rgb
        Repeat grey to three channels.

    Returns
    -------
    Image
        Mode ``L`` or ``RGB``. Tile ``(row, column)`` begins at ``(PADDING + (H + PADDING) * row,
        PADDING + (W + PADDING) * column)``; places left over have the colour of the lines.
    """
    images = _checked(images, rgb=rgb)
    b, h, w, c = images.shape
    per_row = min(columns or isqrt(b - 1) + 1, b)
    rows = ceil(b / per_row)
    height, width = PADDING + rows * (h + PADDING), PADDING + per_row * (w + PADDING)
    if max(height, width) > _MAX_SIDE:
        raise ExportError(
            tr(
                "A grid of {width} x {height} pixels is too large: choose other columns, or "
                "write an .npz.",
                width=width,
                height=height,
            )
        )
    canvas = np.full((height, width, c), GAP, np.uint8)
    for k, image in enumerate(images):
        row, column = divmod(k, per_row)
        top, left = PADDING + row * (h + PADDING), PADDING + column * (w + PADDING)
        canvas[top : top + h, left : left + w] = image
    return _as_image(canvas)


def save_grid(
    path: Path | str,
    images: NDArray[np.uint8],
    provenance: Mapping[str, Any],
    columns: int | None = None,
    *,
    rgb: bool = False,
) -> None:
    """Write the ``grid`` of ``images`` as a PNG that carries its provenance; raises ``ExportError``."""
    picture = grid(images, columns, rgb=rgb)
    with atomic_write(path) as temporary:
        write_picture(temporary, picture, "PNG", pnginfo=png_info(provenance))


def write_picture(path: Path, picture: Image.Image, kind: str, **options: Any) -> None:  # noqa: ANN401
    """Encode a picture in memory, in the format that pillow calls ``kind``, and write it.

    Pillow itself writes to the descriptor of a file and does not notice what did not fit: on a disk
    that fills, a JPEG or TIFF would end early without a word.
    """
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    path.write_bytes(buffer.getbuffer())


def save_npz(
    path: Path | str,
    images: NDArray[np.uint8],
    provenance: Mapping[str, Any],
    *,
    rgb: bool = False,
) -> None:
    """Write ``arr_0``, uint8 ``[N, H, W, C]``, and ``spikestudio``, the provenance as JSON text.

    Neither needs pickle to be read. Raises ``ExportError``.
    """
    array = _checked(images, rgb=rgb)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, arr_0=array, spikestudio=np.array(_text(provenance)))


def save_folder(
    path: Path | str,
    images: NDArray[np.uint8],
    provenance: Mapping[str, Any],
    *,
    rgb: bool = False,
) -> None:
    """Write ``0000.png``, ``0001.png``, ... and the provenance as ``spikestudio.json``.

    An earlier output of ours in the folder is replaced; a folder with anything else in it is refused.
    Raises ``ExportError``.
    """
    path = Path(path)
    array = _checked(images, rgb=rgb)
    stale = _earlier_output(path)
    with atomic_folder(path, stale) as folder:
        for k, image in enumerate(array):
            info = png_info(of_image(provenance, k))
            write_picture(folder / f"{k:04}.png", _as_image(image), "PNG", pnginfo=info)
        (folder / SIDECAR).write_text(_text(provenance) + "\n", encoding="utf-8")


def png_info(provenance: Mapping[str, Any]) -> PngImagePlugin.PngInfo:
    """Text chunk ``spikestudio`` with the provenance as JSON."""
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text(CHUNK, _text(provenance))
    return info


def check_folder(path: Path) -> None:
    """Raise ``ExportError`` if ``save_folder`` would refuse this folder because of what is in it."""
    _earlier_output(path)


def _earlier_output(path: Path) -> list[Path]:
    """Files of ours in the folder; raises ``ExportError`` if others are there."""
    try:
        if path.exists() and not path.is_dir():
            raise ExportError(
                tr(
                    "Cannot write {path}: a file of that name exists; give another folder.",
                    path=path,
                ),
                path=path,
            )
        entries = (
            [each for each in path.iterdir() if not is_temporary(each)] if path.is_dir() else []
        )
    except OSError as error:
        raise export_error(path, error) from error
    names = {entry.name for entry in entries}
    if entries and not (SIDECAR in names and all(map(_SINGLE.fullmatch, names - {SIDECAR}))):
        raise ExportError(
            tr(
                "Cannot write {path}: the folder holds other files; give an empty or a new one.",
                path=path,
            ),
            path=path,
        )
    return entries


def _checked(images: NDArray[np.uint8], *, rgb: bool) -> NDArray[np.uint8]:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ExportError(
            tr(
                "Images must be uint8 [B, H, W, 1 or 3], not {dtype} {list}.",
                dtype=images.dtype,
                list=list(images.shape),
            )
        )
    if not len(images):
        raise ExportError(tr("There is no image to write."))
    return np.repeat(images, 3, axis=-1) if rgb and images.shape[-1] == 1 else images


def _as_image(array: NDArray[np.uint8]) -> Image.Image:
    from PIL import Image

    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def _text(provenance: Mapping[str, Any]) -> str:
    return json.dumps(provenance, ensure_ascii=True, allow_nan=False)
