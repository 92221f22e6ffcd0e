"""Sweep dock: set up, contact sheet and curves of every combination of some parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFileDialog, QPushButton, QSplitter, QStackedWidget, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.sweep_sheet import Sheet, SheetCell, SweepSheet
from spikestudio.app.viewmodels.sweep_texts import sweeps_folder
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import (
    Caption,
    Combo,
    EmptyStack,
    Segmented,
    fill,
    line,
    stacked,
    tool_row,
)
from spikestudio.app.views.sweep_cell import CellPanel
from spikestudio.app.views.sweep_curves import SweepCurves
from spikestudio.app.views.sweep_form import SweepForm, Words
from spikestudio.app.views.sweep_words import status_text
from spikestudio.language import tr
from spikestudio.sweeps.effects import REPLICATES, curve_axis
from spikestudio.sweeps.words import axis_title

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.app.viewmodels.sweeps import SweepModel
    from spikestudio.sweeps.cells import Cell, SweepPlan

SET_UP, SHEET, CURVES = range(3)
EMPTY = tr("The cells of a sweep appear here as they finish: set one up, or open one.")


class SweepView(View):
    """Three pages of one sweep, and the commands of the one in progress."""

    view_id: ClassVar[str] = "sweep"
    title: ClassVar[str] = tr("Sweep")
    help_text: ClassVar[str] = tr(
        "One run for every combination of the values of some parameters.\n"
        "Values: 2,4,8 or 1,2,..,8 or 1-8 or 0.997-1.003(+0.001) or 1-10[5]; what they stand for is\n"
        "shown below. Everything else is as in the sampler. Cells, time and size are told first.\n"
        "It runs as a process of its own: sampling goes on, and closing the window does not end it.\n"
        "Finished cells stay; Open sweep shows a folder again, Resume does what is left of it.\n"
        "Sheet: click a cell or use the arrow keys for its images and parameters.\n"
        "Curves: means with 95 % bootstrap intervals. Click a value, or press Left and Right, to\n"
        "compare it with the reference; the sentence says whether the interval includes zero."
    )

    sampleRequested = Signal()  # noqa: N815  never emitted: it does not wait for a run
    rejected = Signal(str)  # what could not be done

    def __init__(
        self,
        run: RunModel,
        sampler: SamplerModel,
        sweep: SweepModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(run, parent)
        self._sampler, self._sweep = sampler, sweep
        self.pages = Segmented(
            tr("Page of the sweep"),
            (
                (tr("Set up"), tr("Axes, images and folder of the next sweep")),
                (tr("Sheet"), tr("All cells side by side")),
                (tr("Curves"), tr("Rate, operations and difference along an axis")),
            ),
        )
        self.open_button = self._button(
            tr("Open sweep…"), tr("Show the sweep of a folder, and resume it")
        )
        self.form = SweepForm(sweep.form, sampler)
        self.sheet, self.panel = SweepSheet(), CellPanel(sweep)
        self.curves = SweepCurves(sweep)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.sheet)
        self.splitter.addWidget(self.panel)
        self.splitter.setSizes([600, 400])
        self.sheet_stack = EmptyStack(self.splitter, EMPTY)
        self.others = tool_row()
        self.combos: dict[str, Combo] = {}
        self.stack = QStackedWidget()
        for page in (self.form, self.sheet_stack, self.curves):
            self.stack.addWidget(page)
        self.status, self.failure = Caption(), Words()
        self.start = self._button(tr("Start"), tr("Start the sweep that is set up"))
        self.resume = self._button(tr("Resume"), tr("Do the cells of this sweep that are left"))
        self.skip = self._button(
            tr("Skip cell"), tr("Leave the cell in progress out; it stays open")
        )
        self.cancel = self._button(tr("Cancel sweep"), tr("Stop; finished cells stay"))
        commands = line(QWidget(), self.skip, self.cancel, self.resume, self.start)
        fill(
            self,
            stacked(
                tool_row(self.pages, self.open_button),
                *(self.others, self.stack, self.failure, self.status, commands),
                stretch=self.stack,
            ),
        )
        self._shown: SweepPlan | None = None
        self._cell: Cell | None = None
        self._connect()

    @staticmethod
    def _button(text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        theme.set_role(button, "outline")
        return button

    def _connect(self) -> None:
        sweep = self._sweep
        for signal in (
            *(sweep.form.changed, sweep.stateChanged, sweep.cellsChanged, sweep.analysed),
            *(self._sampler.commandsChanged, self._sampler.modelChanged, theme.manager.changed),
        ):
            signal.connect(self.mark_dirty)
        self.pages.chosen.connect(self._redraw)
        self.open_button.clicked.connect(self._on_open)
        self.form.quickRequested.connect(self.start_threshold_sweep)
        self.start.clicked.connect(self._on_start)
        self.resume.clicked.connect(sweep.resume)
        self.skip.clicked.connect(sweep.skip)
        self.cancel.clicked.connect(sweep.cancel)
        self.sheet.chosen.connect(self._on_cell)

    # drawing --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Draw the page that is in front, and what the sweep does."""
        sweep = self._sweep
        if sweep.plan is not self._shown:
            self._shown, self._cell = sweep.plan, None
            self._make_combos()
        page = self.pages.current
        self.stack.setCurrentIndex(page)
        self._show_combos(page)
        if page == SET_UP:
            self.form.show_form()
        elif page == SHEET:
            self._show_sheet()
        else:
            self.curves.show_curves()
        self._show_commands()

    def _show_commands(self) -> None:
        sweep = self._sweep
        self.status.set_text(status_text(sweep))
        self.status.setVisible(bool(self.status.text))
        self.failure.say(sweep.failure, "error")
        checked = sweep.form.checked
        self.start.setEnabled(checked is not None and not sweep.is_active)
        self.start.setVisible(self.pages.current == SET_UP)
        self.resume.setVisible(sweep.can_resume and self.pages.current != SET_UP)
        for button in (self.skip, self.cancel):
            button.setVisible(sweep.is_active)
        self.skip.setEnabled(sweep.state == "running" and sweep.progress is not None)
        self.cancel.setEnabled(sweep.state in ("starting", "running"))
        self.cancel.setText(tr("Stopping…") if sweep.state == "stopping" else tr("Cancel sweep"))

    def _show_sheet(self) -> None:
        plan = self._sweep.plan
        if plan is None:
            self.sheet_stack.show_empty(EMPTY, has_button=False)
            return
        self.sheet_stack.show_content()
        cells = self._cells(plan)
        current = cells.index(self._cell) if self._cell in cells else None
        first = plan.axes[0]
        second = plan.axes[1] if len(plan.axes) > 1 else None
        sheet = Sheet(
            axis_title(first.name),
            axis_title(second.name) if second else "",
            tuple(value.text for value in first.values),
            tuple(value.text for value in second.values) if second else (),
            tuple(self._tile(cell) for cell in cells),
            (max(c.shape[0] for c in plan.cells), max(c.shape[1] for c in plan.cells)),
            self._sweep.shown,
            max(cell.request.num for cell in plan.cells),
        )
        self.panel.show_cell(self._cell)
        self.sheet.set_sheet(sheet, current)

    def _cells(self, plan: SweepPlan) -> list[Cell]:
        """Cells of the sheet, row by row."""
        outer = tuple(self._other(axis.name) for axis in plan.axes[2:])
        columns = range(len(plan.axes[0].values))
        if len(plan.axes) == 1:
            return [plan.by_place[(k,)] for k in columns]
        rows = range(len(plan.axes[1].values))
        return [plan.by_place[(k, row, *outer)] for row in rows for k in columns]

    def _tile(self, cell: Cell) -> SheetCell:
        sweep = self._sweep
        result, progress = sweep.results.get(cell.index), sweep.progress
        if result is not None and result.images is not None:
            return SheetCell(cell.index, cell.label, result.images)
        if result is not None:
            text, token = tr("failed"), "error"
        elif sweep.is_active and progress is not None and progress.cell == cell.index:
            text, token = (
                tr(
                    "{progress_step} of {num_steps}",
                    progress_step=progress.step,
                    num_steps=progress.num_steps,
                ),
                "accent",
            )
        elif cell.index in sweep.skipped:
            text, token = tr("skipped"), "muted"
        else:
            text, token = "", "border"
        label = f"{cell.label}: {text or tr('not done yet')}"
        return SheetCell(cell.index, label, None, text, token)

    # further axes ---------------------------------------------------------------------------

    def _make_combos(self) -> None:
        """Make a choice of a value for every axis that has no place on the sheet or the curve."""
        layout = self.others.layout()
        for combo in self.combos.values():
            if layout is not None:
                layout.removeWidget(combo)
            combo.hide()
            combo.deleteLater()
        self.combos = {}
        for axis in self._shown.axes if self._shown is not None else ():
            name = axis_title(axis.name)
            items = tuple(f"{name} {value.text}" for value in axis.values)
            combo = Combo(name, tr("Value of {name} of the cells that are shown", name=name), items)
            combo.setParent(self.others)
            combo.hide()
            combo.activated.connect(self._on_other)
            self.combos[axis.name] = combo

    def _show_combos(self, page: int) -> None:
        plan = self._shown
        wanted: set[str] = set()
        if plan is not None and page == SHEET:
            wanted = {axis.name for axis in plan.axes[2:]}
        elif plan is not None and page == CURVES and (number := curve_axis(plan)) is not None:
            followed = plan.axes[number].name
            wanted = {a.name for a in plan.axes if a.name not in (*REPLICATES, followed)}
        layout = self.others.layout()
        assert layout is not None
        for name, combo in self.combos.items():
            if combo.isVisibleTo(self.others) != (name in wanted):
                layout.removeWidget(combo)  # a hidden one would leave a gap
                combo.setVisible(name in wanted)
                if name in wanted:
                    layout.addWidget(combo)
        self.others.setVisible(bool(wanted))

    def _other(self, name: str) -> int:
        return max(0, self.combos[name].currentIndex()) if name in self.combos else 0

    @Slot()
    def _on_other(self) -> None:
        self._sweep.set_curve(others={name: self._other(name) for name in self.combos})
        self._redraw()

    # what the user does -----------------------------------------------------------------------

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _on_start(self) -> None:
        self._sweep.start()
        self._go(SHEET)
        self.pages.button(SHEET).setFocus()  # the button that had it is hidden

    @Slot()
    def start_threshold_sweep(self) -> None:
        """Start thresholds by seeds at once; one that takes long is only filled in."""
        if self._sweep.is_active:
            self.rejected.emit(tr("Cancel the sweep in progress first."))
            return
        self._sweep.form.threshold_by_seeds()
        self._sweep.form.check(then=self._start_if_short)

    def _start_if_short(self) -> None:
        checked = self._sweep.form.checked
        if checked is not None and not checked.estimate.is_long:
            self._sweep.start()
            self._go(SHEET)

    def show_set_up(self) -> None:
        """Turn to the page on which the next sweep is set up."""
        self._go(SET_UP)

    def _go(self, page: int) -> None:
        self.pages.button(page).setChecked(True)
        self._redraw()

    @Slot(int)
    def _on_cell(self, position: int) -> None:
        plan = self._sweep.plan
        if plan is not None:
            self._cell = self._cells(plan)[position]
            self.panel.show_cell(self._cell)

    @Slot()
    def _on_open(self) -> None:
        start = self._sweep.out.parent if self._sweep.plan else sweeps_folder()
        dialog = QFileDialog(self, tr("Open sweep"), str(start))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.open_folder)
        dialog.open()

    @Slot(str)
    def open_folder(self, folder: str) -> None:
        """Show the sweep of a folder."""
        self._sweep.open(Path(folder), self._on_rejected)
        self._go(SHEET)

    def _on_rejected(self, message: str) -> None:
        self._sweep.failure = message
        self.rejected.emit(message)
        self._redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        is_wide = self.width() > 1.4 * self.height()
        side = Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical
        if side != self.splitter.orientation():
            self.splitter.setOrientation(side)
        self.mark_dirty()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(520), theme.px(520))
