"""IDX files, the format of MNIST and its relatives: plain, ``.gz`` or ``.xz``.

Layout: two zero bytes, type code (8 = uint8), number of dimensions, one big-endian uint32 per
dimension, then the values, last dimension fastest.
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from contextlib import closing
from io import BufferedIOBase
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import DataError
from spikestudio.language import tr

_UINT8 = 8


def read_idx(path: Path, *, num_dims: int, max_values: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes.

    Parameters
    ----------
    path : Path
        The file; its ending decides on decompression.
    num_dims : int
        Dimensions it must have: 3 for images, 1 for labels.
    max_values : int
        Most values it may hold. Never more than this is decompressed, whatever the file says.

    Raises
    ------
    DataError
        If the file cannot be opened or is not exactly what its header says.
    """
    try:
        with closing(_open(path)) as file:
            return _read(file, path, num_dims, max_values)
    except FileNotFoundError as error:
        raise DataError(tr("The file {path} does not exist.", path=path), path=path) from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(
            tr(
                "{path} cannot be read ({error}): fetch or copy the file again.",
                path=path,
                error=error,
            ),
            path=path,
        ) from error


def _open(path: Path) -> BufferedIOBase:
    match path.suffix:
        case ".gz":
            return gzip.open(path, "rb")
        case ".xz":
            return lzma.open(path, "rb")
        case _:
            return path.open("rb")


def _read(file: BufferedIOBase, path: Path, num_dims: int, max_values: int) -> NDArray[np.uint8]:
    magic = file.read(4)
    if magic != bytes((0, 0, _UINT8, num_dims)):
        raise DataError(
            tr(
                "{path} is not an IDX file of bytes in {num_dims} dimension(s): it starts with "
                "{hex}; fetch or copy the file again.",
                path=path,
                num_dims=num_dims,
                hex=magic.hex(" ") or tr("nothing"),
            ),
            path=path,
        )
    header = file.read(4 * num_dims)
    if len(header) != 4 * num_dims:
        raise DataError(
            tr("{path} ends within its header: fetch or copy it again.", path=path), path=path
        )
    shape = tuple(np.frombuffer(header, ">u4").tolist())
    num_values = prod(shape)
    if num_values > max_values:
        raise DataError(
            tr(
                "{path} claims the shape {shape}, which is more than this data set holds: "
                "choose the file of the right data set.",
                path=path,
                shape=shape,
            ),
            path=path,
        )
    payload = file.read(num_values + 1)
    if len(payload) != num_values:
        found = (
            tr("only {num_payload:,}", num_payload=len(payload))
            if len(payload) < num_values
            else tr("more")
        )
        raise DataError(
            tr(
                "{path} claims {num_values:,} bytes of data but holds {found}: "
                "fetch or copy the file again.",
                path=path,
                num_values=num_values,
                found=found,
            ),
            path=path,
        )
    return np.frombuffer(payload, np.uint8).reshape(shape).copy()  # writable
