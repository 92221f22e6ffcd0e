"""The library: bundled checkpoints, the user's own, and those of any further folders.

``Scan`` looks through folders piece by piece and reads headers only, with a cache; ``Filter`` and
``arranged`` choose and sort what it found. Needs no torch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Literal

from spikestudio import paths
from spikestudio.checkpoints.card import Card
from spikestudio.checkpoints.catalog import Entry
from spikestudio.checkpoints.contents import open_checkpoint
from spikestudio.checkpoints.library_cache import Header, HeaderCache, stamp
from spikestudio.checkpoints.library_walk import Limits, Search
from spikestudio.errors import CheckpointError, ConfigError
from spikestudio.language import tr

State = Literal["all", "usable", "broken"]
RECOGNISED = "confident_share"


@dataclass(frozen=True, slots=True)
class Item:
    """One file of the library.

    ``modified`` is seconds since 1970, NaN if unknown; ``folder`` the one that was scanned; ``text``
    what a search looks through, in lower case; ``order`` what it is sorted by where all else is equal.
    """

    entry: Entry
    folder: Path
    modified: float
    text: str
    order: tuple[str, str]

    @property
    def card(self) -> Card | None:
        """What the file says about itself; None if it is broken."""
        return self.entry.card

    @property
    def recognised(self) -> float | None:
        """Share of samples that a classifier recognised, if it was measured."""
        quality = self.card.quality if self.card else ()
        return next((each.value for each in quality if each.metric == RECOGNISED), None)


@dataclass(frozen=True, slots=True)
class Filter:
    """What is to be listed; empty takes all. Every word must be in name, path, network or data set."""

    words: str = ""
    architecture: str = ""
    dataset: str = ""
    state: State = "all"

    def kept(self, items: Iterable[Item]) -> list[Item]:
        """Items that are to be listed, in the order in which they come."""
        if self.state != "all":
            is_usable = self.state == "usable"
            items = [item for item in items if (item.entry.card is not None) == is_usable]
        if self.architecture:
            items = [
                i for i in items if i.entry.card and i.entry.card.architecture == self.architecture
            ]
        if self.dataset:
            items = [i for i in items if i.entry.card and i.entry.card.dataset == self.dataset]
        for word in self.words.casefold().split():
            items = [item for item in items if word in item.text]
        return list(items)


SORTS = {
    "name": tr("By name"),
    "newest": tr("Newest first"),
    "largest": tr("Largest file first"),
    "parameters": tr("Most parameters first"),
    "architecture": tr("By network"),
    "dataset": tr("By data set"),
    "recognised": tr("By recognised share"),
}
"""Orders of ``arranged`` by key, with their titles."""

_KEYS: dict[str, Callable[[Item], float | str | None]] = {
    "name": lambda item: "",
    "newest": lambda item: None if math.isnan(item.modified) else -item.modified,
    "largest": lambda item: -item.entry.size_bytes,
    "parameters": lambda item: -item.entry.num_parameters if item.card else None,
    "architecture": lambda item: item.card.architecture if item.card else None,
    "dataset": lambda item: item.card.dataset if item.card else None,
    "recognised": lambda item: None if item.recognised is None else -item.recognised,
}


def arranged(items: Iterable[Item], sort: str = "name", chosen: Filter | None = None) -> list[Item]:
    """Items that a filter keeps, sorted; where a value is unknown they come last, by name.

    Raises ``ConfigError`` for an order that is not one of ``SORTS``.
    """
    if sort not in _KEYS:
        raise ConfigError(
            tr(
                "There is no order {sort!a}: choose one of {sorts}.",
                sort=sort[:40],
                sorts=", ".join(SORTS),
            ),
            field="sort",
        )
    kept = list(items) if chosen is None else chosen.kept(items)
    kept.sort(key=attrgetter("order"))
    if sort == "name":
        return kept
    valued = [(_KEYS[sort](item), item) for item in kept]
    known = [pair for pair in valued if pair[0] is not None]
    known.sort(key=itemgetter(0))  # leaves those of the same value in order
    return [*(item for _, item in known), *(item for value, item in valued if value is None)]


def read_item(path: Path, folder: Path, cache: HeaderCache | None = None) -> Item:
    """Read one file's header, or take it from the cache; whatever is wrong with it is its ``error``."""
    marks = stamp(path)
    header = None if cache is None or marks is None else cache.get(path, marks)
    if header is None:
        header, is_settled = _read(path)
        if cache is not None and marks is not None and is_settled:
            cache.put(path, marks, header)
    is_bundled = folder == paths.bundled_checkpoints()
    modified, size = (marks[0] / 1e9, marks[1]) if marks else (math.nan, 0)
    name = printable(path.stem)
    error = None if header.error is None else printable(header.error)
    entry = Entry(name, path, header.card, error, size, header.num_parameters, is_bundled)
    card = header.card
    facts = [card.architecture, card.dataset, card.neuron_type] if card else []
    text = " ".join((printable(str(path)), *facts)).casefold()
    return Item(entry, folder, modified, text, (name.casefold(), str(path)))


def standing_folders() -> list[Path]:
    """Folders that are always looked through: the bundled checkpoints' and the user's own."""
    return [paths.bundled_checkpoints(), paths.user_checkpoints()]


class Scan:
    """A scan of folders that goes on for a while whenever it is told to.

    Parameters
    ----------
    folders
        To look through, with those in them. The standing ones go first, unless ``is_complete`` is
        false. A file that is in two of them is listed once.
    cache
        Where headers are kept; the platform's cache folder by default.
    limits
        Of each folder.

    ``items`` and ``searches`` grow while it goes on, and must not be read at the same time.
    """

    def __init__(
        self,
        folders: Sequence[Path] = (),
        *,
        cache: HeaderCache | None = None,
        limits: Limits | None = None,
        is_complete: bool = True,
    ) -> None:
        standing = standing_folders() if is_complete else []
        self._standing = frozenset(standing)
        self._cache = cache or HeaderCache()
        self.items: list[Item] = []
        self.searches = [
            Search(folder, limits or Limits()) for folder in dict.fromkeys((*standing, *folders))
        ]
        self._steps = self._scan()

    def advance(self, seconds: float = math.inf) -> bool:
        """Go on for about that long; True if everything has been looked at."""
        end = time.monotonic() + seconds
        return all(time.monotonic() < end for _ in self._steps)

    def left_out(self) -> list[str]:
        """One sentence for every folder of which not all is listed."""
        return [
            f"{printable(str(search.folder))}: {search.left_out}."
            for search in self.searches
            if search.left_out and not (search.error and search.folder in self._standing)
        ]

    def _scan(self) -> Iterator[None]:
        known: set[str] = set()
        for search in self.searches:
            yield from search.run(known)
            for path in search.files:
                self.items.append(read_item(path, search.folder, self._cache))
                yield
        self._cache.save()


def printable(text: str) -> str:
    """Text with a question mark for every character that would not show, or would reorder others."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _read(path: Path) -> tuple[Header, bool]:
    """Header of a file, and whether it stays the same as long as the file does."""
    try:
        contents = open_checkpoint(path)
        return Header(contents.card, None, contents.num_parameters), True
    except (CheckpointError, ConfigError) as error:
        return Header(None, str(error), 0), not isinstance(error.__cause__, OSError)
    except Exception as error:  # noqa: BLE001  no file may end the scan of the others
        return Header(
            None,
            tr("It cannot be read ({type}: {error}).", type=type(error).__name__, error=error),
            0,
        ), False
