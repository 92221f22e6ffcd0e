"""Pickled checkpoints (``.pt``, ``.pth``): recognised and refused, never executed.

A pickle is a program. What it would import is listed by reading its opcodes, which runs nothing.
"""

from __future__ import annotations

import io
import lzma
import pickletools
import re
import zipfile
import zlib
from pathlib import Path

from spikestudio.errors import UnknownFormatError, UnsafeCheckpointError

_MAX_BYTES = 1024 * 1024  # of a pickle; official files with optimiser state have less
_ARCHIVE_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError),
    *(ValueError, RuntimeError),  # names that cannot be decoded; encrypted or unknown compression
)
_PICKLE = b"\x80"  # opcode of every pickle since protocol 2
_ZIP = b"PK\x03\x04"
_TENSOR_PART = re.compile(  # what a plain dictionary of tensors needs
    r"collections\.OrderedDict|torch\._utils\._rebuild_\w+|torch\.(storage\.)?\w*Storage"
)


def refuse_pickle(path: Path) -> None:
    """Raise if the file is a pickle or a zip of one; return if it is neither.

    Raises
    ------
    UnsafeCheckpointError
        It asks for more than tensors; ``wanted`` lists what it would import.
    UnknownFormatError
        It holds tensors only, but this version reads no pickles; or it is a zip of something else.
    """
    with path.open("rb") as file:
        start = file.read(len(_ZIP))
    if start == _ZIP:
        pickles = _pickles_in_zip(path)
        if not pickles:
            raise UnknownFormatError(
                f"Cannot open {path}: it is a zip archive and not a checkpoint; choose a file that "
                "ends in .safetensors.",
                path=path,
            )
    elif start[:1] == _PICKLE and start[1:2] <= b"\x05":
        with path.open("rb") as file:
            pickles = [file.read(_MAX_BYTES)]
    else:
        return
    wanted = sorted({name for data in pickles for name in imports(data)})
    foreign = [name for name in wanted if not _TENSOR_PART.fullmatch(name)]
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise UnsafeCheckpointError(
            f"Did not open {path}: it is a pickle that would run {', '.join(foreign[:3])}{more} when "
            "read; use a .safetensors file from a source you trust.",
            path=path,
            wanted=wanted,
        )
    raise UnknownFormatError(
        f"Cannot open {path}: it is a pickled PyTorch file and this version of SpikeStudio reads "
        ".safetensors only; use a checkpoint in that format.",
        path=path,
    )


def imports(data: bytes) -> set[str]:
    """Dotted names that one or several pickles in a row would import, found without executing them.

    Stops quietly where the data is cut or malformed: what was found until then counts.
    """
    found: set[str] = set()
    stream = io.BytesIO(data)
    try:
        while data[stream.tell() : stream.tell() + 1] == _PICKLE:
            _collect(stream, found)
    except (ValueError, KeyError, IndexError, OverflowError):
        pass
    return found


def _collect(stream: io.BytesIO, found: set[str]) -> None:
    """Add what the next pickle in the stream would import."""
    texts: list[str] = []  # strings in the order in which they are pushed, for STACK_GLOBAL
    memo: dict[int, str] = {}
    top = "?"  # what was pushed last, if it is a string
    for opcode, arg, _ in pickletools.genops(stream):
        match opcode.name:
            case "GLOBAL" | "INST":
                found.add(_printable(str(arg).replace(" ", ".")))
                top = "?"
            case "STACK_GLOBAL":
                found.add(_printable(".".join(texts[-2:])))
                top = "?"
            case "MEMOIZE":
                memo[len(memo)] = top
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[int(str(arg))] = top
            case "GET" | "BINGET" | "LONG_BINGET":
                top = memo.get(int(str(arg)), "?")
                texts.append(top)
            case name if "UNICODE" in name or "STRING" in name:
                top = str(arg)
                texts.append(top)
            case _:
                top = "?"


def _pickles_in_zip(path: Path) -> list[bytes]:
    """Start of every pickle in the archive, as far as it can be read."""
    pickles = []
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist()[:10_000]:
                if entry.filename.endswith(".pkl"):
                    with archive.open(entry) as file:
                        pickles.append(file.read(_MAX_BYTES))
    except _ARCHIVE_ERRORS as error:
        raise UnknownFormatError(
            f"Cannot open {path}: it is a damaged archive ({error}); get the file again or choose "
            "another.",
            path=path,
        ) from error
    return pickles


def _printable(name: str) -> str:
    return "".join(c for c in name[:100] if c.isprintable())
