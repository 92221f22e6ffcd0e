"""The checkpoints at hand: bundled ones and the user's own. Reads headers only, needs no torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spikestudio import paths
from spikestudio.checkpoints.card import Card
from spikestudio.checkpoints.contents import open_checkpoint
from spikestudio.data.registry import DATASETS
from spikestudio.errors import CheckpointError, ConfigError
from spikestudio.language import tr

SUFFIX = ".safetensors"
SUFFIXES = (SUFFIX, ".pt", ".pth")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file; exactly one of ``card`` and ``error`` is there."""

    name: str
    path: Path
    card: Card | None
    error: str | None
    size_bytes: int
    num_parameters: int
    is_bundled: bool


def list_checkpoints() -> list[Entry]:
    """Every checkpoint of both folders by name, bundled ones first; a broken one has its reason.

    Bundled ones stand by data set, in the order of the registry: who starts begins with digits.
    """
    bundled = [_entry(path, is_bundled=True) for path in _files(paths.bundled_checkpoints())]
    return [
        *sorted(bundled, key=_place),
        *(_entry(path, is_bundled=False) for path in _files(paths.user_checkpoints())),
    ]


def titles(entries: Iterable[Entry]) -> dict[Path, str]:
    """Names by which files are told from each other: several of one name with their folder.

    Where that does not tell them apart either, with the ending as well.
    """
    entries = list(entries)
    names = {entry.path: entry.name for entry in entries}
    for longer in (_with_folder, _with_ending):
        counts = Counter(names.values())
        for entry in entries:
            if counts[names[entry.path]] > 1 and not entry.is_bundled:
                names[entry.path] = longer(entry)
    return names


def _with_folder(entry: Entry) -> str:
    return f"{entry.path.parent.name}/{entry.name}"


def _with_ending(entry: Entry) -> str:
    return f"{entry.path.parent.name}/{entry.path.name}"


def _place(entry: Entry) -> int:
    datasets = list(DATASETS)
    known = entry.card is not None and entry.card.dataset in DATASETS
    return datasets.index(entry.card.dataset) if known and entry.card else len(datasets)


def resolve(name_or_path: str | Path) -> Path:
    """Path of a checkpoint given by its name in the catalogue or by a path.

    A name is looked up first, bundled before own. Raises ``CheckpointError`` if there is no such file.
    """
    path = Path(name_or_path)
    known = [*_files(paths.bundled_checkpoints()), *_files(paths.user_checkpoints())]
    if path.name == str(name_or_path):
        for file in known:
            if file.stem == path.name:
                return file
    if os.path.exists(path):  # noqa: PTH110  Path.exists raises for a name that is too long
        return path
    names = ", ".join(dict.fromkeys(file.stem for file in known))
    raise CheckpointError(
        tr(
            "There is no checkpoint {name_or_path!r}: give the path of a {suffix}, .pt or .pth file",
            name_or_path=str(name_or_path),
            suffix=SUFFIX,
        )
        + (tr(", or one of {names}.", names=names) if names else "."),
        path=path,
    )


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES)
    except OSError:  # no folder, or none that may be read: nothing to list
        return []


def _entry(path: Path, *, is_bundled: bool) -> Entry:
    size = path.stat().st_size if path.is_file() else 0
    try:
        contents = open_checkpoint(path)
    except (CheckpointError, ConfigError) as error:
        return Entry(path.stem, path, None, str(error), size, 0, is_bundled)
    parameters = contents.num_parameters
    return Entry(path.stem, path, contents.card, None, size, parameters, is_bundled)
