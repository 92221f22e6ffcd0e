"""Reading and writing ``.safetensors``: the header alone without torch, then the tensors.

The format is eight bytes of header length, a JSON header, and the tensors' bytes. Everything in the
header is checked against the file's size before anything is allocated by it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikestudio.atomic import atomic_write
from spikestudio.checkpoints import strict_json
from spikestudio.checkpoints.card import Card
from spikestudio.checkpoints.dtypes import ITEM_BYTES, read_flat, torch_dtypes
from spikestudio.checkpoints.files import damaged, require_file, unreadable
from spikestudio.checkpoints.torch_file import is_torch_file, read_torch_file
from spikestudio.errors import CheckpointError, UnknownFormatError
from spikestudio.language import tr

if TYPE_CHECKING:
    from torch import Tensor

CARD_KEY = "spikestudio"
AUXILIARY = "aux."
MAX_HEADER_BYTES = 4 * 1024 * 1024
MAX_TENSORS = 20_000
_NAME = re.compile(r"[A-Za-z0-9_.]{1,200}")


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where one tensor lies; ``begin`` and ``end`` are byte offsets in the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """Checked header of a file; ``size_bytes`` is the whole file's."""

    path: Path
    size_bytes: int
    card: Card
    tensors: Mapping[str, TensorInfo]

    @property
    def num_parameters(self) -> int:
        """Numbers in the tensors, without those under ``aux.``."""
        return sum(
            prod(info.shape)
            for name, info in self.tensors.items()
            if not name.startswith(AUXILIARY)
        )


def read_header(path: Path) -> Header:
    """Read and check the header; touches no more of the file than that.

    Raises
    ------
    UnsafeCheckpointError
        A pickle that asks for more than tensors.
    UnknownFormatError
        Empty, truncated, or anything but safetensors with a card.
    CheckpointError
        Missing or unreadable; a card of another schema version or with values not allowed.
    """
    try:
        # Looked at before it is opened: a pipe would block for ever.
        require_file(path)
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            _check_start(path, start, size, length)
            data = file.read(length)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) < length:
        raise damaged(path, tr("it is truncated"))
    try:
        entries = strict_json.parse(data)
    except ValueError as error:
        raise damaged(path, tr("of its header, {error}", error=error)) from None
    if not isinstance(entries, dict):
        raise damaged(path, tr("its header is not a table"))
    metadata = entries.pop("__metadata__", {})
    tensors = _tensor_table(path, entries, 8 + length, size)
    return Header(path, size, _card(path, metadata), tensors)


def read_card(path: Path) -> Card:
    """Card of a checkpoint, from its header alone; raises as ``read_header`` does."""
    return read_header(path).card


def read_tensors(
    header: Header, renames: Mapping[str, str] | None = None, *, verify: bool = True
) -> dict[str, Tensor]:
    """Read all tensors on the CPU and check them against the card's hash.

    ``renames`` gives names in the file other ones, under which they are hashed and given back; the
    hash is left unchecked unless ``verify``. Takes no more memory than the file has bytes.

    Raises ``CheckpointError`` if the file changed since its header was read, or the hash differs.
    """
    path, renames = header.path, renames or {}
    tensors = {}
    try:
        with path.open("rb", buffering=0) as file:
            is_same = os.fstat(file.fileno()).st_size == header.size_bytes
            for name, info in header.tensors.items():
                file.seek(info.begin)
                flat = read_flat(file, prod(info.shape), info.dtype)
                if flat is None or not is_same:
                    raise CheckpointError(
                        tr("{path} changed while it was read; load it again.", path=path), path=path
                    )
                tensors[renames.get(name, name)] = flat.view(info.shape)
    except OSError as error:
        raise unreadable(path, error) from error
    if verify and hash_state(tensors) != header.card.tensors_sha256:
        raise CheckpointError(
            tr(
                "The tensors of {path} are not those its card was written for (their SHA-256 differs): "
                "the file is damaged, so get it again.",
                path=path,
            ),
            path=path,
        )
    return tensors


def save(path: Path, tensors: Mapping[str, Tensor], card: Card) -> Card:
    """Write a checkpoint atomically and give back its card, now with the tensors' hash.

    Raises ``ExportError`` if the file cannot be written; the one that was there is then unchanged.
    """
    from safetensors.torch import save as serialise

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    card = replace(card, tensors_sha256=hash_state(plain))
    text = json.dumps(card.to_json(), ensure_ascii=False, allow_nan=False)
    data = serialise(plain, metadata={CARD_KEY: text})
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
    return card


def hash_tensors(items: Iterable[tuple[str, str, tuple[int, ...], Any]]) -> str:
    """SHA-256 over ``(name, dtype, shape, little-endian bytes)`` sorted by name, without ``aux.``.

    Of each tensor the line ``["name","F32",[2,3]]`` and a line feed go before its bytes.
    """
    digest = hashlib.sha256()
    for name, dtype, shape, data in sorted(items, key=lambda item: item[0]):
        if not name.startswith(AUXILIARY):
            line = json.dumps([name, dtype, list(shape)], separators=(",", ":"))
            digest.update(line.encode() + b"\n")
            digest.update(data)
    return digest.hexdigest()


def hash_state(tensors: Mapping[str, Tensor]) -> str:
    """``hash_tensors`` of contiguous tensors on the CPU."""
    return hash_tensors(_described(tensors))


def _described(
    tensors: Mapping[str, Tensor],
) -> Iterable[tuple[str, str, tuple[int, ...], Any]]:
    import torch

    names = {dtype: name for name, dtype in torch_dtypes().items()}
    for name, tensor in tensors.items():
        raw = tensor.reshape(-1).view(torch.uint8).numpy()
        yield name, names[tensor.dtype], tuple(tensor.shape), raw


def _check_start(path: Path, start: bytes, size: int, length: int) -> None:
    if size == 0:
        raise UnknownFormatError(
            tr(
                "Cannot open {path}: it is empty, so get it again or choose another file.",
                path=path,
            ),
            path=path,
        )
    if is_torch_file(path):
        read_torch_file(path)  # says so if it is unsafe
        raise UnknownFormatError(
            tr(
                "Cannot use {path} as it is: it is a pickled PyTorch file without a SpikeStudio "
                "card, so "
                "convert it with spikestudio convert.",
                path=path,
            ),
            path=path,
        )
    if len(start) < 8 or length < 2 or length > MAX_HEADER_BYTES:
        text = (
            tr(
                "Cannot open {path}: it is not a safetensors file; choose a checkpoint that ends in "
                ".safetensors.",
                path=path,
            )
            if path.suffix.lower() == ".safetensors"
            else tr(
                "Cannot open {path}: it is neither a safetensors nor a PyTorch file; choose a "
                "checkpoint that ends in .safetensors, .pt or .pth.",
                path=path,
            )
        )
        raise UnknownFormatError(text, path=path)
    if 8 + length > size:
        raise damaged(path, tr("it is truncated, or no safetensors file"))


def _tensor_table(
    path: Path, entries: dict[str, Any], data_start: int, size: int
) -> dict[str, TensorInfo]:
    if len(entries) > MAX_TENSORS:
        raise damaged(
            path,
            tr(
                "it lists {num_entries} tensors where {max_tensors} are allowed",
                num_entries=len(entries),
                max_tensors=MAX_TENSORS,
            ),
        )
    tensors = {}
    for name, entry in entries.items():
        if not _NAME.fullmatch(name):
            raise damaged(path, tr("it holds a tensor of the odd name {name!a}", name=name[:40]))
        info = _tensor_info(entry, data_start)
        if info is None:
            raise damaged(
                path, tr("the entry of its tensor {name!r} makes no sense", name=name[:80])
            )
        tensors[name] = info
    # Tensors fill the rest of the file without gaps or overlaps, as the format demands.
    position = data_start
    for info in sorted(tensors.values(), key=lambda info: (info.begin, info.end)):
        if info.begin != position:
            raise damaged(path, tr("its tensors overlap or leave gaps"))
        position = info.end
    if position > size:
        raise damaged(
            path, tr("it is truncated ({size} bytes of {position})", size=size, position=position)
        )
    if position < size:
        raise damaged(path, tr("it has {size} bytes too many", size=size - position))
    return tensors


def _tensor_info(entry: object, data_start: int) -> TensorInfo | None:
    match entry:
        case {
            "dtype": str(dtype),
            "shape": list(shape),
            "data_offsets": [int(begin), int(end)],
            **rest,
        }:
            is_shape = len(shape) <= 8 and all(type(n) is int and n >= 0 for n in shape)
            if (
                not rest
                and dtype in ITEM_BYTES
                and is_shape
                and 0 <= begin <= end
                and end - begin == prod(shape) * ITEM_BYTES[dtype]
            ):
                return TensorInfo(dtype, tuple(shape), data_start + begin, data_start + end)
    return None


def _card(path: Path, metadata: object) -> Card:
    text = metadata.get(CARD_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise UnknownFormatError(
            tr(
                "{path} has no SpikeStudio card, so its architecture and settings are unknown: "
                "use a checkpoint made by SpikeStudio.",
                path=path,
            ),
            path=path,
        )
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise damaged(path, tr("its card is not text")) from None
    return Card.from_bytes(data, path)
