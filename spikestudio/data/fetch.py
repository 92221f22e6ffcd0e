"""Downloading data sets from their official mirrors, with checksum, resume and progress."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from spikestudio.atomic import check_writable
from spikestudio.data.readers import CIFAR_ARCHIVE
from spikestudio.errors import DataError
from spikestudio.language import tr

_TIMEOUT_S = 30
_ATTEMPTS = 3  # per mirror, each going on where the one before broke off
_CHUNK_BYTES = 1 << 16
_NETWORK_ERRORS = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)

Progress = Callable[[str, int, int], None]  # file name, bytes so far, bytes in all


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One published file: where it is, how large, and the MD5 sum its publisher or mirror gives."""

    name: str
    size_bytes: int
    md5: str
    mirrors: tuple[str, ...]  # addresses of the folders it lies in

    @property
    def urls(self) -> list[str]:
        """Its address on every mirror, in the order in which they are tried."""
        return [f"{mirror}/{self.name}" for mirror in self.mirrors]


def _idx_files(mirrors: tuple[str, ...], *facts: tuple[int, str]) -> tuple[RemoteFile, ...]:
    names = (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    )
    return tuple(
        RemoteFile(name, size, md5, mirrors) for name, (size, md5) in zip(names, facts, strict=True)
    )


SOURCES: dict[str, tuple[RemoteFile, ...]] = {
    "mnist": _idx_files(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
        ),
        (9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        (28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
        (1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
        (4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
    "fashion-mnist": _idx_files(
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",),
        (26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        (29_515, "25c81989df183df01b3e8a0aad5dffbe"),
        (4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
        (5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
    "kmnist": _idx_files(
        ("http://codh.rois.ac.jp/kmnist/dataset/kmnist",),
        (18_165_135, "bdb82020997e1d708af4cf47b453dcf7"),
        (29_497, "e144d726b3acfaa3e44228e80efcd344"),
        (3_041_136, "5c965bf0a639b31b8f53240b1b52f4d7"),
        (5_120, "7320c461ea6c1c855c0b718fb2a4b134"),
    ),
    "cifar10": (
        RemoteFile(
            CIFAR_ARCHIVE,
            170_052_171,
            "c32a1d4ab5d03f1284b67883e8d87530",
            ("https://www.cs.toronto.edu/~kriz",),
        ),
    ),
}


def fetch_dataset(
    name: str, folder: Path, on_progress: Progress = lambda *_: None
) -> tuple[Path, ...]:
    """Download the files of data set ``name`` into ``folder``; see ``fetch_files``."""
    if name not in SOURCES:
        raise DataError(
            tr(
                "There is no mirror for {name!r}: choose one of {sources}, or copy the "
                "files of the data set into a folder yourself.",
                name=name,
                sources=", ".join(SOURCES),
            )
        )
    return fetch_files(SOURCES[name], folder, on_progress)


def fetch_files(
    files: Sequence[RemoteFile], folder: Path, on_progress: Progress = lambda *_: None
) -> tuple[Path, ...]:
    """Download ``files`` into ``folder``, which is made if need be; returns their paths.

    A file that is there with the right checksum is left alone. What an interrupted download left in
    ``NAME.part`` is gone on with. A file appears under its name only when it is complete and right.

    Raises
    ------
    DataError
        No mirror gave the file, or what came has another checksum.
    ExportError
        The folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for file in files:
            path = folder / file.name
            if not _is_good(path, file):
                check_writable(path)
                _download(file, path, on_progress)
            on_progress(file.name, file.size_bytes, file.size_bytes)
            paths.append(path)
    except OSError as error:
        raise DataError(
            tr(
                "The data set cannot be stored in {folder} ({strerror}): choose another "
                "folder or free some space.",
                folder=folder,
                strerror=error.strerror or error,
            ),
            path=folder,
        ) from error
    return tuple(paths)


def _is_good(path: Path, file: RemoteFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.size_bytes:
        return False
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest() == file.md5


def _download(file: RemoteFile, path: Path, on_progress: Progress) -> None:
    """Try every mirror in turn until the whole file is there, then give it its name."""
    part = path.with_name(path.name + ".part")
    failure = ""
    for url in file.urls:
        for _ in range(_ATTEMPTS):
            is_resumed = part.exists()
            try:
                if not _is_good(part, file):
                    _go_on(url, part, file, on_progress)
            except urllib.error.HTTPError as error:
                failure = f"{url}: {error.code} {error.reason}"
                break
            except _NETWORK_ERRORS as error:
                failure = f"{url}: {getattr(error, 'reason', None) or error}"
                continue
            if _is_good(part, file):
                part.replace(path)
                return
            if part.stat().st_size < file.size_bytes:
                failure = tr("{url}: the connection broke off", url=url)
                continue
            part.unlink()
            failure = tr(
                "{url}: what came is not the published file, its checksum differs", url=url
            )
            if not is_resumed:
                break
    raise DataError(
        tr(
            "{file} could not be fetched ({failure}): try again later, which goes on where this "
            "broke off.",
            file=file.name,
            failure=failure,
        ),
        path=path,
    )


def _go_on(url: str, part: Path, file: RemoteFile, on_progress: Progress) -> None:
    """Append to ``part`` what it still lacks; a server that sends the whole file starts it anew."""
    have = part.stat().st_size if part.exists() else 0
    have = have if have < file.size_bytes else 0
    request = urllib.request.Request(url, headers={"User-Agent": "spikestudio"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            have = 0
        with part.open("ab" if have else "wb") as out:
            while chunk := _read(response, min(_CHUNK_BYTES, file.size_bytes - have + 1)):
                out.write(chunk)
                have += len(chunk)
                on_progress(file.name, have, file.size_bytes)
                if have > file.size_bytes:  # another file; its checksum says so
                    return


def _read(response: http.client.HTTPResponse, num_bytes: int) -> bytes:
    """Read; any failure of the connection is a ``URLError``, to tell it from one of the disk."""
    try:
        return response.read(num_bytes)
    except OSError as error:
        raise urllib.error.URLError(error) from error
