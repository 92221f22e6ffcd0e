"""What takes long to compute of a data set, kept in the platform's cache folder by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from spikestudio import paths
from spikestudio.atomic import atomic_write
from spikestudio.errors import ExportError

Arrays = Mapping[str, NDArray[Any]]
VERSION = 1  # raised when the same key would hold other numbers


def cached_arrays(name: str, key: tuple[str, ...], compute: Callable[[], Arrays]) -> Arrays:
    """Arrays by everything that they follow from; computed where they are not there.

    A file that cannot be read is made again, and a folder that cannot be written to is done without.
    """
    path = cache_file(name, key, ".npz")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {each: file[each] for each in file.files}
    except Exception:  # noqa: BLE001  missing, or broken in one of many ways: made again
        arrays = compute()

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, **dict(arrays))  # type: ignore[arg-type]

    keep(path, write)
    return arrays


def cache_file(name: str, key: tuple[str, ...], suffix: str) -> Path:
    """Where something is kept; it may not be there."""
    digest = hashlib.sha256("\n".join((str(VERSION), name, *key)).encode()).hexdigest()
    return paths.user_cache() / "evaluation" / f"{name}-{digest[:32]}{suffix}"


def keep(path: Path, write: Callable[[Path], object]) -> bool:
    """Write a file of the cache as a whole; False where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            write(temporary)
    except (ExportError, OSError):
        return False
    return True


def image_hash(images: NDArray[np.uint8]) -> str:
    """SHA-256 of a set of images: shape and pixels, in order."""
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def network_hash(network: nn.Module) -> str:
    """SHA-256 of a network's names, shapes and numbers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
