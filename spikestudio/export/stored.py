"""The images that an export holds, taken out of it again to be compared."""

from __future__ import annotations

import tokenize
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.export.images import GAP, PADDING, SIDECAR
from spikestudio.export.metadata import ProvenanceError
from spikestudio.language import tr

Shape = tuple[int, int, int, int]

_LOSSLESS = ("PNG", "WEBP", "TIFF")
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, MemoryError,
           tokenize.TokenError, zipfile.BadZipFile)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the images lie in a picture of several.

    Tile ``(row, column)`` begins at ``(padding + row * (scale * H + line + padding), padding + column *
    (scale * W + padding))``.
    """

    columns: int
    padding: int = PADDING
    scale: int = 1
    line: int = 0

    def size(self, shape: Shape) -> tuple[int, int]:
        """Width and height of the picture of images ``[N, H, W, C]``."""
        (number, height, width, _), each = shape, self.scale
        rows = ceil(number / self.columns)
        return (
            self.padding + self.columns * (width * each + self.padding),
            self.padding + rows * (height * each + self.line + self.padding),
        )

    def cut(self, pixels: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
        """Images ``[N, H, W, C]`` out of the picture's pixels ``[height, width, C]``."""
        number, height, width, _ = shape
        tall, wide = height * self.scale, width * self.scale
        tiles = []
        for k in range(number):
            row, column = divmod(k, self.columns)
            top = self.padding + row * (tall + self.line + self.padding)
            left = self.padding + column * (wide + self.padding)
            tiles.append(pixels[top : top + tall : self.scale, left : left + wide : self.scale])
        return np.stack(tiles)


def stored_images(
    path: Path, values: Mapping[str, Any], shapes: Sequence[Shape]
) -> NDArray[np.uint8] | None:
    """Images of a PNG, WebP or TIFF picture, of an array file or of a folder's sidecar.

    Parameters
    ----------
    path
        The file.
    values
        Its provenance, which has been checked.
    shapes
        ``[N, H, W, C]`` that they may have.

    Returns
    -------
    NDArray or None
        uint8 ``[N, H, W, C]`` of one of the shapes, or with C = 3 where grey was repeated; None if the
        file holds no images, or not as they were.

    Raises
    ------
    ProvenanceError
        The file is damaged.
    """
    path = _beside(path)
    try:
        if path.name == SIDECAR:
            return _from_folder(path.parent, shapes)
        if path.suffix.lower() == ".npz":
            return images_of_array(path, shapes)
        return _from_picture(path, values, shapes)
    except _BROKEN as error:
        raise ProvenanceError(
            tr(
                "The images of {path} cannot be read because the file is damaged: get it again.",
                path=path,
            ),
            path,
        ) from error


def _beside(path: Path) -> Path:
    """The file that a sidecar is of, if it is one of a file."""
    return (
        path.with_suffix("") if path.suffix == ".json" and path.with_suffix("").is_file() else path
    )


def images_of_array(path: Path, shapes: Sequence[Shape]) -> NDArray[np.uint8] | None:
    """Images of an array file, which has one of the shapes, or C = 3 instead; None if it has not.

    Nothing is inflated before that is known. Raises whatever damaged zip and array files raise.
    """
    from numpy.lib import format as npy

    with zipfile.ZipFile(path) as archive:
        if "arr_0.npy" not in archive.namelist():
            return None
        with archive.open("arr_0.npy") as file:
            if npy.read_magic(file) != (1, 0):
                return None
            shape, is_fortran, dtype = npy.read_array_header_1_0(file)
            fits = [each for each in shapes if shape in (each, (*each[:3], 3))]
            if not fits or dtype != np.uint8 or is_fortran:
                return None
            data = file.read(int(np.prod(shape)))
            if file.read(1):
                raise ValueError(tr("it is longer than its header says"))
    return np.frombuffer(data, np.uint8).reshape(shape)


def _from_folder(folder: Path, shapes: Sequence[Shape]) -> NDArray[np.uint8] | None:
    """Single pictures, ``0000.png`` and so on."""
    number = shapes[0][0]
    found = [_from_picture(folder / f"{k:04}.png", {"image": k}, shapes) for k in range(number)]
    images = [each for each in found if each is not None]
    return np.concatenate(images) if len(images) == number else None


def _from_picture(
    path: Path, values: Mapping[str, Any], shapes: Sequence[Shape]
) -> NDArray[np.uint8] | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its size is checked before anything is decoded
            picture = Image.open(path, formats=_LOSSLESS)
        with picture:
            if getattr(picture, "n_frames", 1) > 1 or picture.mode not in ("L", "RGB"):
                return None
            for shape in shapes:
                layout = _layout(picture.size, values, shape)
                if layout is not None:
                    pixels = np.asarray(picture).reshape(picture.height, picture.width, -1)
                    return _tiles(pixels, layout, shape, values)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return None
    return None


def _layout(size: tuple[int, int], values: Mapping[str, Any], shape: Shape) -> Layout | None:
    """How images of a shape lie in a picture of a size; None if they do not."""
    if "image" in values:
        layout = Layout(columns=1, padding=0)
        shape = (1, *shape[1:])
    elif "grid" in values:
        layout = Layout(**values["grid"])
    else:  # as it is unless it says otherwise: the width tells the columns
        columns, rest = divmod(size[0] - PADDING, shape[2] + PADDING)
        if rest or not 1 <= columns <= shape[0]:
            return None
        layout = Layout(columns=columns)
    return layout if layout.size(shape) == size else None


def _tiles(
    pixels: NDArray[np.uint8], layout: Layout, shape: Shape, values: Mapping[str, Any]
) -> NDArray[np.uint8] | None:
    if "image" in values:
        return pixels[None]
    if "grid" not in values and not (pixels[:PADDING] == GAP).all():
        return None  # another picture that happens to have this size
    return layout.cut(pixels, shape)
