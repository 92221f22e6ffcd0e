"""What the next runs record: in how much memory, and to which file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from spikestudio.atomic import unused
from spikestudio.recording.record import DEFAULT_BUDGET_MB, Neuron, Record

BUDGETS_MB = (64, 128, 256, 512, 1024, 2048, 4096, 8192)
SUFFIX = ".h5"


class RecordTarget(QObject):
    """Memory of the recorder, and the file that runs are streamed to if one was chosen.

    Every run has a file of its own: the name that was chosen, or that with a number behind it.
    """

    changed = Signal()

    def __init__(self, budget_mb: int = DEFAULT_BUDGET_MB, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.budget_mb = min(max(budget_mb, BUDGETS_MB[0]), BUDGETS_MB[-1])
        self.path: Path | None = None

    def set_budget(self, budget_mb: int) -> None:
        """Give the recorder of the next run this much memory, in MiB."""
        if budget_mb != self.budget_mb:
            self.budget_mb = budget_mb
            self.changed.emit()

    def set_path(self, path: Path | None) -> None:
        """Stream the next runs to a file; None keeps them in memory only."""
        if path != self.path:
            self.path = path
            self.changed.emit()

    def record(self, image: int, layer: str, watch: tuple[Neuron, ...] = ()) -> Record:
        """Return what a run that starts now is to record."""
        path = None if self.path is None else unused(self.path)
        return Record(
            path=path,
            is_new=path is not None,
            image=image,
            potentials=layer,
            watch=watch,
            budget_mb=self.budget_mb,
        )
