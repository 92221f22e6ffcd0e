"""The folder of a sweep: its manifest, and three files for every cell that is done.

    sweep.json              axes and cells; written first, and compared when the sweep is resumed
    cells/0000.png          the images as a grid, with their provenance
    cells/0000.npz          the images as ``arr_0``
    cells/0000.json         what was measured; written last, so that a cell without it is not done
    sheet.png table.csv index.html

Every file appears as a whole or not at all, so a process that is killed loses the cell it was at.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from spikestudio.atomic import (
    atomic_write,
    check_writable,
    export_error,
    is_temporary,
    remove_stale,
)
from spikestudio.checkpoints import strict_json
from spikestudio.errors import ExportError
from spikestudio.export.images import save_grid, save_npz
from spikestudio.language import tr
from spikestudio.sweeps.cells import Cell, SweepPlan

SCHEMA_VERSION = 1
MANIFEST, SHEET, TABLE, PAGE = "sweep.json", "sheet.png", "table.csv", "index.html"
_KIND = "sweep"
_MAX_BYTES = 2**26  # of a JSON file that is read
_MAX_NAME = 40  # characters of an axis of another sweep that are shown
# Whatever NumPy raises for an array file that is broken.
_BROKEN = (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error, MemoryError,
           TypeError, SyntaxError, NotImplementedError, RuntimeError)  # fmt: skip
_STALE = 600  # seconds after which nobody is writing a temporary file any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one cell came to.

    ``error`` is empty unless the run broke off; there are no images then. ``mean_rate`` is the share of
    the denoiser's neurons that fire in an SNN step, ``synaptic_operations`` the additions that spikes
    caused for one image; None where they are not known.
    """

    seconds: float
    device: str
    mean_rate: float | None = None
    synaptic_operations: float | None = None
    error: str = ""


class SweepFolder:
    """Reads and writes the files of one sweep."""

    def __init__(self, path: Path | str, plan: SweepPlan) -> None:
        self.path = Path(path)
        self.plan = plan

    def prepare(self) -> None:
        """Make the folder and write the manifest, or check that it is of the same sweep.

        Raises
        ------
        ExportError
            The folder belongs to another sweep or holds other files, or cannot be written to.
        """
        path = self.path
        try:
            self.check()
            path.mkdir(exist_ok=True)
            self._begin()
            check_writable(path / TABLE)
            (path / "cells").mkdir(exist_ok=True)
            remove_stale(path.parent)  # what a killed process left, here for a day
            for folder in (path, path / "cells"):
                remove_stale(folder, _STALE)
        except OSError as error:
            raise export_error(path / MANIFEST, error) from error

    def _begin(self) -> None:
        """Write the manifest if there is none; of two sweeps that begin at once one gets the folder."""
        manifest = self.path / MANIFEST
        if manifest.exists():
            return
        try:
            _write(manifest, {"kind": _KIND, **self.plan.to_json()}, is_new=True)
        except ExportError:
            if not manifest.exists():
                raise
            self._check_same(read_manifest(self.path))

    def check(self) -> None:
        """Raise ``ExportError`` if the folder is not new, empty or of the same sweep."""
        try:
            self._check()
        except OSError as error:
            raise export_error(self.path / MANIFEST, error) from error

    def _check(self) -> None:
        path = self.path
        manifest = path / MANIFEST
        if not path.exists():
            return
        if not path.is_dir():
            raise ExportError(
                tr("Cannot write {path}: it is a file; give a folder.", path=path), path=path
            )
        if manifest.exists():
            self._check_same(read_manifest(path))
        elif any(not is_temporary(each) for each in path.iterdir()):
            if manifest.exists():  # another process may just have written it
                self._check_same(read_manifest(path))
                return
            raise ExportError(
                tr(
                    "The folder {path} holds other files and no sweep: give an empty or a new one.",
                    path=path,
                ),
                path=path,
            )

    def file(self, cell: Cell, suffix: str) -> Path:
        """One of the files of a cell."""
        return self.path / "cells" / f"{cell.stem}{suffix}"

    def outcome(self, cell: Cell) -> Outcome | None:
        """What a cell came to; None if it is not done, or not with this request."""
        path = self.file(cell, ".json")
        if not path.exists():
            return None
        try:
            values = _read(path)
            if values["id"] != cell.id:
                return None
            outcome = Outcome(**{each.name: values[each.name] for each in fields(Outcome)})
        except (KeyError, TypeError, ExportError):
            return None
        if not _is_outcome(outcome):
            return None
        if not outcome.error and (
            self.images(cell) is None or not self.file(cell, ".png").is_file()
        ):
            return None
        return outcome

    def images(self, cell: Cell) -> NDArray[np.uint8] | None:
        """Images of a cell, ``[N, H, W, C]``; None if there are none that can be read."""
        from spikestudio.export.stored import images_of_array  # imports pillow

        height, width, channels = cell.shape
        try:
            return images_of_array(
                self.file(cell, ".npz"), [(cell.request.num, height, width, channels)]
            )
        except _BROKEN:
            return None

    def write(
        self,
        cell: Cell,
        outcome: Outcome,
        images: NDArray[np.uint8] | None,
        provenance: Mapping[str, Any],
    ) -> None:
        """Write the files of a cell; raises ``ExportError``."""
        if images is not None:
            save_npz(self.file(cell, ".npz"), images, provenance)
            save_grid(self.file(cell, ".png"), images, provenance)
        _write(self.file(cell, ".json"), cell.to_json() | asdict(outcome))

    def _check_same(self, manifest: Mapping[str, Any]) -> None:
        mine = json.loads(json.dumps(self.plan.to_json()))
        if {name: manifest.get(name) for name in mine} != mine:
            axes, cells = manifest.get("axes"), manifest.get("cells")
            names = [
                str(each["name"])[:_MAX_NAME]
                for each in (axes if isinstance(axes, list) else ())
                if isinstance(each, dict) and "name" in each
            ]
            num = len(cells) if isinstance(cells, list) else 0
            raise ExportError(
                tr(
                    "The folder {path} holds another sweep (axes {names}; {num:,} cells): "
                    "repeat its command to resume it, or give another folder.",
                    path=self.path,
                    names=", ".join(names),
                    num=num,
                ),
                path=self.path,
            )


def _is_outcome(outcome: Outcome) -> bool:
    """Whether what a file says is of the kinds that it should be."""
    numbers = (outcome.seconds, outcome.mean_rate, outcome.synaptic_operations)
    are_numbers = all(isinstance(each, int | float | None) for each in numbers)
    texts = (outcome.device, outcome.error)
    return are_numbers and outcome.seconds is not None and all(isinstance(t, str) for t in texts)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a sweep's manifest says; raises ``ExportError`` if there is none that can be used."""
    path = folder / MANIFEST
    if not path.exists():
        raise ExportError(
            tr("The folder {folder} holds no sweep: give another folder.", folder=folder),
            path=folder,
        )
    manifest = _read(path)
    if manifest.get("kind") != _KIND or manifest.get("schema_version") != SCHEMA_VERSION:
        raise ExportError(
            tr(
                "The folder {folder} holds a sweep of another version of SpikeStudio: "
                "give another folder.",
                folder=folder,
            ),
            path=folder,
        )
    return manifest


def _write(path: Path, values: Mapping[str, Any], *, is_new: bool = False) -> None:
    text = json.dumps({"schema_version": SCHEMA_VERSION, **values}, indent=1, allow_nan=False)
    with atomic_write(path, is_new=is_new) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(tr("it is too long"))
        values = strict_json.parse(data)
    except (OSError, ValueError) as error:
        raise ExportError(
            tr("{path} cannot be read ({error}): give another folder.", path=path, error=error)
        ) from error
    if not isinstance(values, dict):
        raise ExportError(tr("{path} is no manifest of a sweep: give another folder.", path=path))
    return values
