"""The checkpoints at hand and the model in use, as the docks see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from spikestudio.checkpoints.catalog import Entry
from spikestudio.errors import ConfigError
from spikestudio.sampling.worker import LoadFailed, ModelLoaded, ModelLoading

if TYPE_CHECKING:
    from spikestudio.checkpoints.told import Told
    from spikestudio.sampling.worker import ModelInfo

AUTO = "auto"


class CheckpointModel(QObject):
    """Catalogue of checkpoints, the model in use, and a load in progress.

    ``model`` stays what it was until another one is loaded, also when a load fails.
    """

    entriesChanged = Signal()  # noqa: N815
    devicesChanged = Signal()  # noqa: N815
    loadingChanged = Signal()  # noqa: N815
    loaded = Signal()
    failed = Signal()

    def __init__(
        self,
        load: Callable[..., None],  # of path and device, and of what was told if there is any
        device: str = AUTO,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._load = load
        self.entries: tuple[Entry, ...] = ()
        self.devices: tuple[str, ...] = (AUTO, "cpu")
        self.device = device
        self.model: ModelInfo | None = None
        self.loading: Path | None = None
        self.failure: LoadFailed | None = None
        self.told: dict[Path, Told] = {}  # of official files, what they do not say

    def set_entries(self, entries: list[Entry]) -> None:
        """Replace the catalogue."""
        self.entries = tuple(entries)
        self.entriesChanged.emit()

    def set_device(self, device: str) -> None:
        """Choose the device for this model and the next ones; loads the current model anew."""
        if device == self.device:
            return
        self.device = device
        if self.model is not None:
            self.load(self.model.path)

    def load(self, path: Path) -> None:
        """Begin loading a file in the background."""
        self.loading = path
        self.failure = None
        self.loadingChanged.emit()
        told = self.told.get(path)
        self._load(path, self.device, *([] if told is None else [told]))

    def remember(self, told: Mapping[str, Any]) -> None:
        """Take what was told of files in earlier sessions, by path; what makes no sense is dropped."""
        if not told:
            return
        from spikestudio.checkpoints.told import Told

        for path, values in told.items():
            with suppress(ConfigError, AttributeError):
                self.told[Path(path)] = Told.from_json(values)

    def load_pair(self, first: Path, second: Path) -> None:
        """Load the two files of a Spiking-Diffusion model of the papers' code, in either order."""
        from spikestudio.checkpoints.told import Told

        before = self.told.get(first)
        self.load_told(first, Told(second) if before is None else replace(before, second=second))

    def load_told(self, path: Path, told: Told) -> None:
        """Load an official file with what the user knows of it, now and from now on."""
        self.told[path] = told
        self.load(path)

    def take(self, event: ModelLoading | ModelLoaded | LoadFailed) -> None:
        """Take in what the worker said about a load."""
        match event:
            case ModelLoading(path=path):
                self.loading = path
                self.loadingChanged.emit()
            case ModelLoaded(model=model):
                self.model = model
                self.loading = None
                if self.devices != (AUTO, *model.devices):
                    self.devices = (AUTO, *model.devices)
                    self.devicesChanged.emit()
                if all(entry.path != model.path for entry in self.entries):
                    self.set_entries([*self.entries, _entry(model)])
                self.loadingChanged.emit()
                self.loaded.emit()
            case LoadFailed():
                self.failure = event
                self.loading = None
                self.loadingChanged.emit()
                self.failed.emit()


def can_be_told(path: Path) -> bool:
    """Whether a file is one of the papers' code, which leaves things open."""
    return path.suffix.lower() in (".pt", ".pth")


def _entry(model: ModelInfo) -> Entry:
    """Entry of a file that was opened from outside the catalogue's folders."""
    return Entry(
        name=model.name,
        path=model.path,
        card=model.card,
        error=None,
        size_bytes=model.path.stat().st_size if model.path.exists() else 0,
        num_parameters=model.parameters,
        is_bundled=False,
    )
