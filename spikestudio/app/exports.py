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
from spikestudio.app.viewmodels.playback import RecordedRun
from spikestudio.app.viewmodels.record_target import unused
from spikestudio.app.views.raster import RasterView, ShownRows
from spikestudio.errors import ExportError

if TYPE_CHECKING:
    from spikestudio.recording.values import Readable
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
        run = self._context.run
        if run.result is not None:
            write = partial(_write_grid, result=run.result, recording=run.recording)
            self._ask("Export sample grid", "grid", write)

    @Slot()
    def export_raster(self) -> None:
        """Ask for a name and save the rows that the raster shows, from the first step to the last."""
        run, shown = self._context.run, self._raster.shown()
        if run.result is not None and run.recorder is not None and shown is not None:
            write = partial(
                _write_raster,
                result=run.result,
                recording=run.recording,
                recorder=run.recorder,
                shown=shown,
            )
            name = shown.layer.id if len(shown.groups) == 1 else "layers"
            self._ask("Export raster", f"raster_{name}", write)

    def _ask(self, title: str, what: str, write: Callable[..., None]) -> None:
        folder = Path(self._context.settings.export_folder or Path.home())
        dialog = QFileDialog(self._window, title, str(folder), "PNG image (*.png)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.selectFile(unused(folder / f"{self._name()}_{what}.png").name)
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
        result = self._context.run.result
        if result is None:
            return "spikestudio"
        request = result.request
        return f"{result.checkpoint}_{request.seed}_{request.threshold:.3f}_{date.today():%Y-%m-%d}"


def _write_grid(path: Path, *, result: RunResult, recording: RecordedRun | None) -> None:
    from spikestudio.export.images import save_grid

    if result.images is None:
        raise ExportError(
            "There is no image to save: the run was cancelled before its first step, or the recording "
            "holds none."
        )
    save_grid(path, result.images, _origin(result, recording))


def _origin(result: RunResult, recording: RecordedRun | None) -> dict[str, Any]:
    """Provenance of a run; that of a recording names the machine that it was made on."""
    from spikestudio.export.provenance import provenance

    return provenance(result) if recording is None else recording.recorder.origin


def _write_raster(
    path: Path,
    *,
    result: RunResult,
    recording: RecordedRun | None,
    recorder: Readable,
    shown: ShownRows,
) -> None:
    from spikestudio.export.rasters import Rows, save_raster  # brings matplotlib

    groups = tuple((layer.id, neurons.size) for layer, neurons in shown.groups)
    cells: NDArray[Any] = np.concatenate(
        [raster_cells(recorder, layer, rows, shown.mode) for layer, rows in shown.groups]
    )
    save_raster(
        path,
        cells,
        rows=Rows(
            layer=shown.layer.id if len(groups) == 1 else f"{len(groups):,} layers",
            neurons=tuple(shown.neurons.tolist()),
            total=shown.total,
            groups=groups if len(groups) > 1 else (),
            rule=shown.rule,
            page=shown.page,
            pages=shown.pages,
        ),
        snn_steps=recorder.snn_steps,
        thresholds=result.thresholds,
        provenance=_origin(result, recording),
    )


def raster_cells(
    recorder: Readable, layer: LayerInfo, rows: NDArray[np.intp], mode: Mode
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
