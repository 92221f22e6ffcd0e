"""Files of ``torch.save``: the zip archives of today and the streams of before 2020, tensors only.

What the file is made of is checked against its size before anything is allocated by it. Nothing is
unpacked: the tensors lie in the archive as they are.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from spikestudio.checkpoints.dtypes import ITEM_BYTES, read_flat
from spikestudio.checkpoints.files import damaged, unreadable
from spikestudio.checkpoints.pickle_io import (
    MAX_BYTES,
    PICKLE,
    Reading,
    StorageRef,
    TensorRef,
    parse,
)
from spikestudio.errors import UnknownFormatError, UnsafeCheckpointError
from spikestudio.language import tr

if TYPE_CHECKING:
    from torch import Tensor

_ZIP = b"PK\x03\x04"
_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the old format
_OLD_PROTOCOL = 1001
_LOCAL_HEADER = 30  # bytes before the name of a zip member


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``begin`` to ``end`` of the file; ``crc`` is their CRC-32 where the file states it."""

    begin: int
    end: int
    crc: int | None = None


@dataclass(frozen=True, slots=True)
class TorchFile:
    """A file's contents with descriptions for tensors, and where their storages lie."""

    path: Path
    size_bytes: int
    contents: Any
    storages: Mapping[str, Span]


def is_torch_file(path: Path) -> bool:
    """Whether the file starts as a zip archive or a pickle does."""
    with path.open("rb") as file:
        start = file.read(len(_ZIP))
    return start == _ZIP or (start[:1] == PICKLE and start[1:2] <= b"\x05")


def read_torch_file(path: Path) -> TorchFile:
    """Read everything but the tensors' numbers; runs nothing and needs no torch.

    Takes at most 64 MiB, whatever the file says.

    Raises
    ------
    UnsafeCheckpointError
        It asks for more than tensors; ``wanted`` lists what it would import.
    UnknownFormatError
        It is damaged, or a zip archive or pickle of something else.
    CheckpointError
        It cannot be read.
    """
    try:
        with _Bounded(path) as file:
            size = path.stat().st_size
            is_zip = file.read(len(_ZIP)) == _ZIP
            return _read_zip(path, file, size) if is_zip else _read_stream(path, file, size)
    except OSError as error:
        raise unreadable(path, error) from error


def read_tensors(file: TorchFile, tensors: Mapping[str, TensorRef]) -> dict[str, Tensor]:
    """Read tensors on the CPU, contiguous, each with memory of its own.

    Raises ``CheckpointError`` if they need more memory than the file has bytes, or are damaged.
    """
    import torch

    if sum(_num_bytes(tensor) for tensor in tensors.values()) > file.size_bytes:
        raise damaged(file.path, tr("its tensors share memory and are larger than the file"))
    result: dict[str, Tensor] = {}
    by_storage: dict[str, list[str]] = {}
    for name, tensor in tensors.items():
        by_storage.setdefault(tensor.storage.key, []).append(name)
    try:
        with file.path.open("rb") as stream:
            for names in by_storage.values():
                storage = tensors[names[0]].storage
                flat = _read_storage(stream, storage, file.storages.get(storage.key))
                if flat is None:
                    raise damaged(
                        file.path, tr("the numbers of {name} are missing or changed", name=names[0])
                    )
                for name in names:
                    t = tensors[name]
                    view = flat.as_strided(t.shape, t.strides, t.offset)
                    # Most have the whole storage for themselves and need no copy.
                    is_whole = len(names) == 1 and view.is_contiguous()
                    is_whole = is_whole and view.numel() == flat.numel()
                    result[name] = (
                        view if is_whole else view.clone(memory_format=torch.contiguous_format)
                    )
    except OSError as error:
        raise unreadable(file.path, error) from error
    return {name: result[name] for name in tensors}


def _read_storage(stream: BinaryIO, storage: StorageRef, span: Span | None) -> Tensor | None:
    """The items of a storage, or None if they are not those that were written."""
    import torch

    if span is None or span.end - span.begin != storage.numel * ITEM_BYTES[storage.dtype]:
        return None
    stream.seek(span.begin)
    flat = read_flat(stream, storage.numel, storage.dtype)
    if flat is None or span.crc is None:
        return flat
    return flat if zlib.crc32(flat.view(torch.uint8).numpy().data) == span.crc else None


class _Bounded(io.FileIO):
    """A file that gives no more than ``MAX_BYTES`` at once, whatever its own tables ask for."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > MAX_BYTES:
            raise zipfile.BadZipFile(tr("its table of contents is too long"))
        data = super().read(MAX_BYTES if size is None or size < 0 else size)
        return data or b""


def _read_zip(path: Path, file: _Bounded, size: int) -> TorchFile:
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename: info for info in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, struct.error) as error:
        reason = "".join(c for c in str(error)[:100] if c.isprintable())
        raise damaged(path, tr("it is a damaged archive ({reason})", reason=reason)) from error
    pickles = [name for name in members if name.rpartition("/")[2] == "data.pkl"]
    if len(pickles) != 1:
        raise UnknownFormatError(
            tr(
                "Cannot open {path}: it is a zip archive and not a checkpoint; choose a .safetensors, "
                ".pt or .pth file.",
                path=path,
            ),
            path=path,
        )
    data = _read_span(file, _span(path, file, members[pickles[0]], size), MAX_BYTES)
    if data is None:
        raise damaged(path, tr("its table of tensors is too long or was changed"))
    reading = parse(data)
    _check(path, reading)
    folder = pickles[0].removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order is not None and _read_span(file, _span(path, file, order, size), 16) != b"little":
        raise damaged(path, tr("its numbers are stored with the largest byte first"))
    storages = {
        key: _span(path, file, members[name], size)
        for key in reading.storages
        if (name := f"{folder}data/{key}") in members
    }
    return TorchFile(path, size, reading.value, storages)


def _span(path: Path, file: _Bounded, info: zipfile.ZipInfo, size: int) -> Span:
    """Where the bytes of a member lie; it must be stored as it is, which torch always does."""
    if not 0 <= info.header_offset < size:
        raise damaged(path, tr("it is a damaged archive (a part lies outside)"))
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER)
    names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    begin = info.header_offset + _LOCAL_HEADER + names
    if header[:4] != _ZIP or begin + info.file_size > size:
        raise damaged(path, tr("it is a damaged archive (a part lies outside)"))
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise damaged(path, tr("it is a compressed archive, which PyTorch does not write"))
    return Span(begin, begin + info.file_size, info.CRC)


def _read_stream(path: Path, file: _Bounded, size: int) -> TorchFile:
    """Read magic number, protocol, byte order, contents and storage names, each a pickle."""
    file.seek(0)
    data = file.read(MAX_BYTES)
    end = 0
    values: list[Any] = []
    known: dict[str, StorageRef] = {}
    for _ in range(5):
        reading = parse(data, end)
        _check(path, reading)
        values.append(reading.value)
        end, known = reading.end, known | reading.storages
        if values[0] != _MAGIC:
            raise UnknownFormatError(
                tr(
                    "Cannot open {path}: it is a pickle and not a checkpoint of PyTorch; choose a "
                    ".safetensors, .pt or .pth file.",
                    path=path,
                ),
                path=path,
            )
    match values:
        case [_, int(protocol), {"little_endian": True}, contents, list(keys)]:
            if protocol == _OLD_PROTOCOL:
                return TorchFile(path, size, contents, _spans(path, file, size, end, keys, known))
    raise damaged(path, tr("it is no PyTorch file of a version that is known"))


def _spans(
    path: Path,
    file: _Bounded,
    size: int,
    begin: int,
    keys: list[Any],
    known: Mapping[str, StorageRef],
) -> dict[str, Span]:
    """Storages follow one another, each after its number of items."""
    spans = {}
    for key in keys:
        if not isinstance(key, str) or key not in known:
            raise damaged(path, tr("it lists numbers that no tensor has"))
        file.seek(begin)
        numel = int.from_bytes(file.read(8), "little")
        end = begin + 8 + numel * ITEM_BYTES[known[key].dtype]
        if end > size:
            raise damaged(path, tr("it is truncated"))
        spans[key] = Span(begin + 8, end)
        begin = end
    return spans


def _read_span(file: io.IOBase | Any, span: Span, limit: int | None = None) -> bytes | None:  # noqa: ANN401
    """The bytes, or None if they are more than ``limit`` or not those that were written."""
    if limit is not None and span.end - span.begin > limit:
        return None
    file.seek(span.begin)
    data: bytes = file.read(span.end - span.begin)
    return data if span.crc is None or zlib.crc32(data) == span.crc else None


def _check(path: Path, reading: Reading) -> None:
    wanted = sorted(reading.wanted)
    if wanted:
        more = tr(" and {num_wanted} more", num_wanted=len(wanted) - 3) if len(wanted) > 3 else ""
        raise UnsafeCheckpointError(
            tr(
                "Did not open {path}: it is a pickle that would run {wanted}{more} when "
                "read; use a file that holds tensors only, from a source you trust.",
                path=path,
                wanted=", ".join(wanted[:3]),
                more=more,
            ),
            path=path,
            wanted=wanted,
        )
    if reading.error is not None:
        raise damaged(path, tr("of its table of tensors, {error}", error=reading.error))


def _num_bytes(tensor: TensorRef) -> int:
    total = ITEM_BYTES[tensor.dtype]
    for size in tensor.shape:
        total *= size
    return total
