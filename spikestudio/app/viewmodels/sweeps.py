"""The sweep of the window: planned beside it, done by a process of its own, followed by its folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from spikestudio.app.viewmodels.sweep_form import Submit, SweepFormModel
from spikestudio.app.viewmodels.sweep_process import Running, SweepProcess
from spikestudio.app.viewmodels.sweep_reading import CellResult, Images, read_cells
from spikestudio.app.viewmodels.sweep_texts import sweeps_folder
from spikestudio.atomic import temporary_beside
from spikestudio.language import tr
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sweeps.effects import Contrast, Curve, Measured, contrast, curve_axis, curves
from spikestudio.sweeps.folder import SweepFolder
from spikestudio.sweeps.signals import Progress, ask_skip, ask_stop

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.sweeps.cells import Cell, SweepPlan

State = Literal["none", "starting", "running", "stopping", "ended"]

LOOK_MS = 400  # between two looks at the folder
SHOWN_BYTES = 128 * 2**20  # of pictures that are kept for the sheet
PATIENCE = 8.0  # seconds that a sweep asked to end gets


@dataclass(frozen=True, slots=True)
class Analysis:
    """Curves and the contrast that was asked for, of the cells that were done at the time."""

    curves: tuple[Curve, ...]
    contrast: Contrast | None
    num_cells: int


class SweepModel(QObject):
    """The sweep in progress, or the one that was opened, with its cells and its ``form``.

    Sampling is done by a process of its own: the live run shares neither its model nor its interpreter
    with it, and it goes on when the window is closed.
    """

    stateChanged = Signal()  # noqa: N815
    cellsChanged = Signal()  # noqa: N815
    analysed = Signal()

    def __init__(
        self,
        sampler: SamplerModel,
        submit: Submit,
        *,
        launch: Callable[[list[str]], Running] = SweepProcess,
        parent_folder: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._sampler, self._submit, self._launch = sampler, submit, launch
        self.form = SweepFormModel(
            sampler, submit, parent_folder or sweeps_folder(), lambda: self.is_active, self
        )
        self.file: Path | None = None
        self.plan: SweepPlan | None = None
        self.given: Mapping[str, Any] = {}
        self.out = Path()
        self.results: dict[int, CellResult] = {}
        self._differences: dict[int, NDArray[np.float64]] = {}
        self.state: State = "none"
        self.failure = ""
        self.progress: Progress | None = None
        self.skipped: set[int] = set()
        self.analysis: Analysis | None = None
        self.curve_value = 0  # number of the value that is compared with the reference
        self.others: dict[str, int] = {}
        self._process: Running | None = None
        self._overrides: Path | None = None  # file that the process reads when it starts
        self._stop_asked = 0.0
        self._is_looking = self._is_analysing = False
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    # the sweep ------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        """Whether a process is at work, of this window or of another one."""
        return self.state in ("starting", "running", "stopping")

    @property
    def num_open(self) -> int:
        """Cells that are not done."""
        return len(self.plan.cells) - len(self.results) if self.plan else 0

    @property
    def can_resume(self) -> bool:
        """Whether a sweep that has ended has cells left to do."""
        return self.state == "ended" and self.num_open > 0 and self.file is not None

    def start(self) -> None:
        """Start what was checked; the sweep that is shown is then this one."""
        checked = self.form.checked
        if checked is None or self.is_active:
            return
        self._show(checked.file, checked.plan, checked.given, self.form.folder)
        self._begin()

    def resume(self) -> None:
        """Go on with the sweep that is shown."""
        if self.can_resume:
            self.skipped.clear()
            self._begin()

    def _begin(self) -> None:
        from spikestudio.sweeps.command import command

        assert self.plan is not None
        assert self.file is not None
        self._overrides = temporary_beside(self.out)
        device = self._sampler.model.device if self._sampler.model else "auto"
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            axes = self.plan.axes
            arguments = command(
                self.file, axes, self.given, self.out, device=device, overrides=self._overrides
            )
            self._process = self._launch(arguments)
        except OSError as error:
            self._remove_overrides()
            self.failure = tr(
                "The sweep could not be started ({error}): choose another folder.", error=error
            )
            self._set_state("ended")
            return
        self.failure, self._stop_asked = "", 0.0
        self._set_state("starting")
        self._timer.start()
        self.form.forget_check()

    def open(self, folder: Path, failed: Callable[[str], None]) -> None:
        """Show a sweep that was begun, whoever did; it can then be resumed."""
        model = self._sampler.model
        nearby = (model.path,) if model is not None else ()
        device = model.device if model is not None else "cpu"

        def read() -> tuple[Path, SweepPlan, dict[str, Any]]:
            from spikestudio.sweeps.command import read_sweep

            return read_sweep(folder, self.form.models_on(device), nearby)

        def done(found: tuple[Path, SweepPlan, dict[str, Any]]) -> None:
            if self.is_active:
                failed(tr("Cancel the sweep in progress first."))
                return
            self._show(*found, folder)
            self._set_state("ended")
            self.look()

        self._submit(read, done, lambda message, _details: failed(message))

    def _show(self, file: Path, plan: SweepPlan, given: Mapping[str, Any], out: Path) -> None:
        self.file, self.plan, self.given, self.out = file, plan, given, out
        self.results, self._differences, self.skipped = {}, {}, set()
        self.analysis, self.progress, self.failure, self._process = None, None, "", None
        self.others = {}
        axis = curve_axis(plan)
        self.curve_value = 0
        if axis is not None:
            usual = plan.cells[plan.cells[0].reference].place[axis]
            self.curve_value = 1 if usual == 0 and len(plan.axes[axis].values) > 1 else 0
        self.cellsChanged.emit()

    def skip(self) -> None:
        """Leave out the cell in progress; it stays open."""
        progress = self.progress
        if self.state == "running" and progress is not None:
            try:
                ask_skip(self.out, progress.cell)
            except OSError as error:
                self.failure = tr("The cell could not be left out ({error}).", error=error)
            self.skipped.add(progress.cell)
            self.stateChanged.emit()

    def cancel(self) -> None:
        """End the sweep after the step in progress; finished cells stay."""
        if not self.is_active or self.state == "stopping":
            return
        is_begun = self.progress is not None
        self._stop_asked = time.monotonic()
        try:
            ask_stop(self.out)
        except OSError:
            is_begun = False
        if not is_begun and self._process is not None:
            self._process.kill()  # nothing is lost: no cell was begun
        self._set_state("stopping")

    def stop(self) -> None:
        """Look at the folder no more; the process goes on."""
        self._timer.stop()

    def _set_state(self, state: State) -> None:
        self.state = state
        self.stateChanged.emit()

    # what came of it ------------------------------------------------------------------------

    @property
    def shown(self) -> int:
        """Images of every cell that the sheet shows."""
        if self.plan is None:
            return 1
        cell = max(self.plan.cells, key=lambda each: int(np.prod(each.shape)))
        room = SHOWN_BYTES // (len(self.plan.cells) * int(np.prod(cell.shape)))
        return max(1, min(cell.request.num, room, 9))

    @Slot()
    def look(self) -> None:
        """Read what is new in the folder."""
        if self._is_looking or self.plan is None:
            return
        self._is_looking = True
        # Asked before the folder is read: what it wrote before it ended is then found.
        status = self._process.poll() if self._process is not None else None
        plan, known = self.plan, set(self.results)
        self._submit(
            partial(read_cells, SweepFolder(self.out, plan), known, self.shown),
            partial(self._on_read, plan, status),
            partial(self._on_read_failed, plan),
        )

    def _on_read(
        self,
        plan: SweepPlan,
        status: int | None,
        found: tuple[dict[int, CellResult], dict[int, NDArray[np.float64]], Progress | None],
    ) -> None:
        self._is_looking = False
        if plan is not self.plan:
            return
        results, gaps, self.progress = found
        self._differences |= gaps
        if results:
            self.results |= results
            self.skipped -= results.keys()
            self.cellsChanged.emit()
        self._follow(status)
        if results:
            self.analyse()

    def _follow(self, status: int | None) -> None:
        """Tell from what was read whether the sweep begins, goes on or has ended."""
        is_told = self.progress is not None and self.progress.is_fresh
        if self._process is None:  # of another window, or of none
            if is_told and not self.is_active:
                self._timer.start()
                self.state = "running"
            elif not is_told and self.is_active:
                self._end("")
        elif status is not None:
            is_cut = status in (0, 130) or self._stop_asked
            said = self._process.said()
            self._process.close()
            self._process = None
            self._end(
                "" if is_cut else said or tr("The sweep ended with status {status}.", status=status)
            )
        else:
            late = self._stop_asked and time.monotonic() - self._stop_asked > PATIENCE
            if late:
                self._process.kill()
            if self.state == "starting" and is_told:
                self.state = "running"
        self.stateChanged.emit()

    def _remove_overrides(self) -> None:
        """Take away what the process was given; after the window's end the next sweep does it."""
        if self._overrides is not None:
            with suppress(OSError):
                self._overrides.unlink(missing_ok=True)
            self._overrides = None

    def _end(self, failure: str) -> None:
        self._remove_overrides()
        self._timer.stop()
        self.state, self.failure, self.progress = "ended", failure, None

    def _on_read_failed(self, plan: SweepPlan, message: str, _details: str) -> None:
        self._is_looking = False
        if plan is self.plan:
            self.failure = message
            self.stateChanged.emit()

    def images(self, cell: Cell, done: Callable[[Images | None], None]) -> None:
        """Have all images of a cell read."""
        plan = self.plan
        if plan is not None:
            files = SweepFolder(self.out, plan)
            self._submit(lambda: files.images(cell), done, lambda *_: done(None))

    def set_curve(self, value: int | None = None, others: Mapping[str, int] | None = None) -> None:
        """Compare another value with the reference, or keep further axes at other values."""
        if value is not None:
            self.curve_value = value
        if others is not None:
            self.others = dict(others)
        self.analyse()

    def analyse(self) -> None:
        """Have curves and contrast computed from the cells that are done."""
        if self._is_analysing or self.plan is None or curve_axis(self.plan) is None:
            return
        self._is_analysing = True
        plan, results, gaps = self.plan, dict(self.results), dict(self._differences)
        others, value = dict(self.others), self.curve_value

        def work() -> Analysis:
            measured = {
                index: Measured(
                    each.outcome.mean_rate,
                    each.outcome.synaptic_operations,
                    gaps.get(index),
                    each.confidences,
                )
                for index, each in results.items()
                if not each.outcome.error
            }
            return Analysis(
                curves(plan, measured, others),
                contrast(plan, measured, value, others),
                len(measured),
            )

        def done(found: Analysis) -> None:
            self._is_analysing = False
            if plan is self.plan:
                self.analysis = found
                self.analysed.emit()
            now = (self.plan, len(self.results), self.others, self.curve_value)
            if now != (plan, len(results), others, value):
                self.analyse()

        def failed(message: str, _details: str) -> None:
            self._is_analysing = False
            self.failure = message
            self.stateChanged.emit()

        self._submit(work, done, failed)

    def cannot_use(self, cell: Cell) -> str:
        """Why the parameters of a cell cannot be put in the sampler; empty if they can."""
        model = self._sampler.model
        if model is None or model.card.tensors_sha256 != cell.tensors_sha256:
            return tr(
                "This cell is another model's: load {checkpoint} first.", checkpoint=cell.checkpoint
            )
        return tr("Wait until the run in progress has ended.") if self._sampler.is_busy else ""

    def use(self, cell: Cell) -> None:
        """Put the parameters of a cell in the sampler."""
        if not self.cannot_use(cell):
            values = {e.name: getattr(cell.request, e.name) for e in fields(SamplingRequest)}
            self._sampler.set(**values)
