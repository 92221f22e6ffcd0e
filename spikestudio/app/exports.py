"""Saving what a finished run holds: ask for a name, write in the background, say how it went."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from spikestudio.app.context import Context
from spikestudio.app.notifications import Notifications
from spikestudio.app.plots.raster_data import Mode
from spikestudio.app.views.raster import RasterView, ShownRows
from spikestudio.errors import ExportError

if TYPE_CHECKING:
    from spikestudio.recording.recorder import Recorder
    from spikestudio.sampling.result import RunResult
    from spikestudio.types import LayerInfo

Write = Callable[[Path], None]


class Exporter(QObject):
    """The export commands of a window."""

    def __init__(
        self, window: QWidget, context: Context, raster: RasterView, messages: Notifications
    ) -> None:
        super().__init__(window)
        self._window, self._context = window, context
        self._raster, self._messages = raster, messages

    @property
    def can_export(self) -> bool:
        """Whether a run has ended and left something to save."""
        return self._context.run.result is not None

    @Slot()
    def export_grid(self) -> None:
        """Ask for a name and save the images of the last run as one PNG."""
        result = self._context.run.result
        if result is not None:
            self._ask("Export sample grid", "grid", partial(_write_grid, result=result))

    @Slot()
    def export_raster(self) -> None:
        """Ask for a name and save the rows that the raster shows, from the first step to the last."""
        run, shown = self._context.run, self._raster.shown()
        if run.result is not None and run.recorder is not None and shown is not None:
            write = partial(_write_raster, result=run.result, recorder=run.recorder, shown=shown)
            self._ask("Export raster", f"raster_{shown.layer.id}", write)

    def _ask(self, title: str, what: str, write: Callable[..., None]) -> None:
        folder = Path(self._context.settings.export_folder or Path.home())
        dialog = QFileDialog(self._window, title, str(folder), "PNG image (*.png)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.selectFile(_unused(folder / f"{self._name()}_{what}.png").name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.save(Path(name), write))
        dialog.open()

    def save(self, path: Path, write: Write) -> None:
        """Write a file in the background and report."""
        self._context.settings.export_folder = str(path.parent)
        self._context.jobs.submit(
            partial(write, path),
            lambda _: self._messages.done(f"Saved {path.name} in {path.parent}."),
            self._messages.error,
        )
        self._context.bridge.wake()

    def _name(self) -> str:
        model, run = self._context.checkpoint.model, self._context.run.run
        if model is None or run is None:
            return "spikestudio"
        request = run.request
        return f"{model.name}_{request.seed}_{request.threshold:.3f}_{date.today():%Y-%m-%d}"


def _unused(path: Path) -> Path:
    """Return the path, with a number if there is such a file already."""
    number, free = 2, path
    while free.exists():
        free, number = path.with_stem(f"{path.stem}_{number}"), number + 1
    return free


def _write_grid(path: Path, *, result: RunResult) -> None:
    from spikestudio.export.images import save_grid
    from spikestudio.export.provenance import provenance

    if result.images is None:
        raise ExportError("There is no image to save: the run was cancelled before its first step.")
    save_grid(path, result.images, provenance(result))


def _write_raster(path: Path, *, result: RunResult, recorder: Recorder, shown: ShownRows) -> None:
    from spikestudio.export.provenance import provenance
    from spikestudio.export.rasters import Rows, save_raster  # brings matplotlib

    save_raster(
        path,
        raster_cells(recorder, shown.layer, shown.neurons, shown.mode),
        rows=Rows(
            layer=shown.layer.id,
            neurons=tuple(shown.neurons.tolist()),
            total=shown.layer.num_neurons,
            rule=shown.rule,
            page=shown.page,
            pages=shown.pages,
        ),
        snn_steps=recorder.snn_steps,
        thresholds=result.thresholds,
        provenance=provenance(result),
    )


def raster_cells(
    recorder: Recorder, layer: LayerInfo, rows: NDArray[np.intp], mode: Mode
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """What was recorded of some neurons of a layer, ``[N, steps * T]``.

    Spikes are uint8, ``NOT_RECORDED`` in steps of which none were kept; potentials before reset
    float32, NaN in such steps.
    """
    from spikestudio.export.rasters import NOT_RECORDED

    shape = (recorder.snn_steps, rows.size)
    parts: list[NDArray[Any]] = []
    for step in range(recorder.steps_done):
        if mode == "spikes":
            spikes = recorder.spikes(layer.id, step)
            gap = np.full(shape, NOT_RECORDED, np.uint8)
            parts.append(gap if spikes is None else spikes[:, rows])
        else:
            values = recorder.potentials(layer.id, step)
            parts.append(
                np.full(shape, np.nan, np.float32) if values is None else values.h[:, rows]
            )
    return np.concatenate(parts).T if parts else np.zeros((rows.size, 0), np.uint8)
