"""Sweep dock on a tiny model; the process is one that the test drives."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from spikestudio.app import theme
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.viewmodels.sweep_texts import AxisText, expansion, facts
from spikestudio.app.viewmodels.sweeps import SweepModel
from spikestudio.app.views.sweep import CURVES, SET_UP, SHEET, SweepView
from spikestudio.checkpoints.loader import load
from spikestudio.errors import SpikeStudioError
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.worker import describe
from spikestudio.sweeps import CellFinished, Estimate, run_sweep
from spikestudio.sweeps.signals import SKIP, STOP
from tests.gui.fakes import draw, shown
from tests.tiny import save_tiny


class Process:
    """Does as many cells as the test says."""

    def __init__(self, sweep: SweepModel) -> None:
        self.sweep = sweep
        self.status: int | None = None
        self.error = ""
        self.is_killed = False
        self._events = None

    def work(self, cells: int, events: int = 0) -> None:
        self._events = self._events or run_sweep(self.sweep.plan, self.sweep.out)
        while cells:
            cells -= isinstance(next(self._events), CellFinished)
        list(islice(self._events, events))
        self.sweep.look()

    def end(self, status: int = 0) -> None:
        for _ in self._events or ():
            pass
        self.status = status
        self.sweep.look()

    def poll(self):
        return self.status

    def said(self):
        return self.error

    def kill(self):
        self.is_killed = True

    def close(self):
        pass


class Desk:
    def __init__(self, folder: Path) -> None:
        self.run = RunModel()
        self.sampler = SamplerModel(self.run, lambda *_: RunControl())
        self.folder = folder
        self.started: list[tuple[list[str], Process]] = []
        self.model = load(save_tiny(folder / "tiny.safetensors", "sddpm"), "cpu")
        self.sweep = SweepModel(
            self.sampler, self.submit, launch=self.launch, parent_folder=folder / "sweeps"
        )

    def submit(self, job, done, failed):
        try:
            result = job()
        except SpikeStudioError as error:
            failed(str(error), "")
        else:
            done(result)

    def launch(self, arguments):
        self.started.append((arguments, Process(self.sweep)))
        return self.started[-1][1]

    @property
    def process(self) -> Process:
        return self.started[-1][1]


@pytest.fixture
def desk(qapp, tmp_path):
    made = Desk(tmp_path)
    made.sampler.set_model(describe(made.model))
    made.sampler.set(steps=3)
    return made


@pytest.fixture
def view(qtbot, desk):
    made = SweepView(desk.run, desk.sampler, desk.sweep)
    yield shown(qtbot, made, 640, 600)
    desk.sweep._timer.stop()


def page(qtbot, view, number):
    qtbot.mouseClick(view.pages.button(number), Qt.MouseButton.LeftButton)
    draw(qtbot, view)


def begin(qtbot, desk, view, *axes):
    desk.sweep.form.set_num(2)
    desk.sweep.form.set_axes(
        axes or (AxisText("threshold", "0.9,1.0,1.1"), AxisText("seed", "0-1"))
    )
    desk.sweep.form.check()
    draw(qtbot, view)
    assert not desk.sweep.form.problems
    qtbot.mouseClick(view.start, Qt.MouseButton.LeftButton)
    draw(qtbot, view)


def test_values_are_shown_before_anything_runs(qtbot, desk, view):
    draw(qtbot, view)
    assert view.form.rows[0].words.text() == "7 values: 0.997, 0.998, 0.999, 1.000 … 1.003"
    qtbot.waitUntil(lambda: desk.sweep.form.checked is not None)
    draw(qtbot, view)
    said = view.form.words.text()
    assert said.startswith("7 cells; time about")
    assert "MB of files" in said
    assert not list(desk.folder.glob("sweeps/*"))
    assert view.start.isEnabled()


def test_what_is_wrong_is_one_sentence_under_the_field(qtbot, desk, view):
    draw(qtbot, view)
    field = view.form.rows[0].values
    field.selectAll()
    qtbot.keyClicks(field, "0.9-1")
    draw(qtbot, view)
    assert "has no step" in view.form.rows[0].words.text()
    assert view.form.rows[0].words.property("role") == "error"
    assert not view.start.isEnabled()
    qtbot.keyClicks(field, "[3]")
    draw(qtbot, view)
    assert view.form.rows[0].words.text() == "3 values: 0.90, 0.95, 1"
    qtbot.waitUntil(lambda: desk.sweep.form.checked is not None)


def test_an_axis_that_comes_twice_and_a_folder_in_use_are_told(qtbot, desk, view):
    form = desk.sweep.form
    form.set_axes((AxisText("seed", "0-1"), AxisText("seed", "3")))
    form.check()
    draw(qtbot, view)
    assert "there already" in view.form.rows[1].words.text()
    form.set_axes((AxisText("seed", "0-1"),))
    (desk.folder / "mine").mkdir()
    (desk.folder / "mine" / "thesis.txt").write_text("mine")
    form.set_folder(str(desk.folder / "mine"))
    form.check()
    draw(qtbot, view)
    assert "holds other files" in view.form.folder_words.text()
    assert not view.start.isEnabled()


def test_axes_are_added_and_removed(qtbot, desk, view):
    draw(qtbot, view)
    qtbot.mouseClick(view.form.add, Qt.MouseButton.LeftButton)
    draw(qtbot, view)
    assert [row.name for row in desk.sweep.form.axes] == ["threshold", "seed"]
    names = [view.form.rows[0].name.itemData(k) for k in range(view.form.rows[0].name.count())]
    assert "temperature" not in names  # the model has no tokens
    qtbot.mouseClick(view.form.rows[0].remove, Qt.MouseButton.LeftButton)
    draw(qtbot, view)
    assert [row.name for row in desk.sweep.form.axes] == ["seed"]
    assert view.form.rows[0].values.text() == "0-4"


def test_more_than_ten_minutes_are_warned_of():
    expected = Estimate(num_cells=9, num_open=9, seconds=4000.0, num_bytes=10**6)
    assert "more than 10 min" in facts(expected)[1]
    assert not facts(Estimate(num_cells=9, num_open=9, seconds=4.0, num_bytes=10**6))[1]


def test_no_time_is_told_that_was_not_measured(qtbot, desk, view):
    desk.sampler.is_starting = True
    desk.sweep.form.check()
    draw(qtbot, view)
    assert "measured when no run is in progress" in view.form.words.text()


def test_cells_appear_as_they_finish(qtbot, desk, view):
    begin(qtbot, desk, view)
    arguments, process = desk.started[0]
    assert arguments[arguments.index("--axis") + 1] == "threshold=0.9,1.0,1.1"
    assert view.status.text == "Starting: 0 of 6 cells done"
    process.work(2, events=3)
    draw(qtbot, view)
    assert view.stack.currentIndex() == SHEET
    cells = view.sheet.sheet.cells
    assert [each.images is not None for each in cells] == [
        desk.sweep.plan.by_place[(k % 3, k // 3)].index < 2 for k in range(6)
    ]
    assert "2 of 6 cells done, now threshold" in view.status.text
    assert sum(each.token == "accent" for each in cells) == 1
    process.end()
    draw(qtbot, view)
    assert desk.sweep.state == "ended"
    assert view.status.text.startswith("6 of 6 cells done. Files:")


def test_a_cell_is_looked_at_and_its_parameters_are_used(qtbot, desk, view):
    begin(qtbot, desk, view)
    desk.process.work(6)
    desk.process.end()
    draw(qtbot, view)
    where = view.sheet.tile_rect(3).center()
    qtbot.mouseClick(view.sheet.viewport(), Qt.MouseButton.LeftButton, pos=where)
    cell = desk.sweep.plan.by_place[(0, 1)]
    assert view.panel.cell is cell
    assert view.panel.title.text == "threshold 0.9, seed 1"
    assert "mean firing rate" in view.panel.facts.text
    assert (view.panel.images.panels[0].images == desk.sweep.results[cell.index].images).all()
    qtbot.keyClick(view.sheet, Qt.Key.Key_Right)
    assert view.panel.cell is desk.sweep.plan.by_place[(1, 1)]
    qtbot.mouseClick(view.panel.use, Qt.MouseButton.LeftButton)
    assert desk.sampler.request == view.panel.cell.request


def test_skip_and_cancel_are_asked_for_through_the_folder(qtbot, desk, view):
    begin(qtbot, desk, view)
    desk.process.work(1, events=2)
    draw(qtbot, view)
    qtbot.mouseClick(view.skip, Qt.MouseButton.LeftButton)
    assert (desk.sweep.out / SKIP).read_text() == "1"
    qtbot.mouseClick(view.cancel, Qt.MouseButton.LeftButton)
    assert (desk.sweep.out / STOP).exists()
    draw(qtbot, view)
    assert view.cancel.text() == "Stopping…"
    desk.process.end(130)
    draw(qtbot, view)
    assert (desk.sweep.state, desk.sweep.failure) == ("ended", "")
    assert "resume to do the rest" in view.status.text
    before = desk.sweep.out
    qtbot.mouseClick(view.resume, Qt.MouseButton.LeftButton)
    assert (len(desk.started), desk.sweep.out) == (2, before)
    desk.process.work(desk.sweep.num_open)
    desk.process.end()
    assert len(desk.sweep.results) == 6


def test_a_process_that_has_not_begun_is_ended_at_once(qtbot, desk, view):
    begin(qtbot, desk, view)
    qtbot.mouseClick(view.cancel, Qt.MouseButton.LeftButton)
    assert desk.process.is_killed


def test_a_process_that_fails_says_why(qtbot, desk, view):
    begin(qtbot, desk, view)
    desk.process.error = "The disk is full."
    desk.process.end(1)
    draw(qtbot, view)
    assert view.failure.text() == "The disk is full."


def test_a_sweep_of_before_is_opened_and_resumed(qtbot, desk, view):
    begin(qtbot, desk, view)
    desk.process.work(2)
    desk.process._events.close()  # as when it is killed
    desk.process.end(1)
    out = desk.sweep.out
    other = SweepModel(desk.sampler, desk.submit, launch=desk.launch, parent_folder=desk.folder)
    again = shown(qtbot, SweepView(desk.run, desk.sampler, other), 640, 600)
    again.open_folder(str(out))
    draw(qtbot, again)
    assert len(other.results) == 2
    assert again.resume.isVisible()
    assert other.plan.to_json() == desk.sweep.plan.to_json()
    again.open_folder(str(desk.folder))
    draw(qtbot, again)
    assert "holds no sweep" in again.failure.text()
    assert len(other.results) == 2


def test_one_click_starts_thresholds_by_seeds_and_tells_the_effect(qtbot, desk, view):
    desk.sampler.set(seed=7)
    desk.sweep.form.set_num(1)
    draw(qtbot, view)
    qtbot.mouseClick(view.form.quick, Qt.MouseButton.LeftButton)
    draw(qtbot, view)
    assert [len(axis.values) for axis in desk.sweep.plan.axes] == [7, 5]
    assert desk.sweep.plan.axes[1].values[0].value == 7
    assert view.stack.currentIndex() == SHEET
    desk.process.work(35)
    desk.process.end()
    page(qtbot, view, CURVES)
    found = desk.sweep.analysis.contrast
    assert (found.text, found.reference, found.num) == ("0.997", "1.000", 5)
    words = view.curves.verdict.text()
    assert words.startswith("Difference of the mean rate between 0.997 and 1.000: ")
    assert ("no effect shown" in words) == bool(found.includes_zero)
    assert ("not zero" in words) == (not found.includes_zero)
    assert view.curves.sizeHint().height() < 720, "or the docks would be pushed out of the window"
    plot = view.curves.plots["mean_rate"]
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    draw(qtbot, view)
    assert desk.sweep.analysis.contrast.text == "0.998"
    assert "between 0.998 and 1.000" in view.curves.verdict.text()


def test_further_axes_are_a_choice(qtbot, desk, view):
    axes = AxisText("threshold", "0.9,1"), AxisText("seed", "0-1"), AxisText("snn-steps", "2,3")
    begin(qtbot, desk, view, *axes)
    desk.process.work(8)
    desk.process.end()
    draw(qtbot, view)
    combo = view.combos["snn-steps"]
    assert combo.isVisible()
    assert not view.combos["seed"].isVisible()
    assert {each.label.rpartition(" ")[2] for each in view.sheet.sheet.cells} == {"2"}
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    draw(qtbot, view)
    assert {each.label.rpartition(" ")[2] for each in view.sheet.sheet.cells} == {"3"}
    assert desk.sweep.others["snn-steps"] == 1


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_it_fits_a_narrow_dock_with_large_text(qtbot, desk, view, scale):
    theme.manager.set_scale(scale)
    try:
        begin(qtbot, desk, view)
        for number in (SET_UP, SHEET, CURVES):
            page(qtbot, view, number)
            assert view.minimumSizeHint().width() <= 470 * scale
    finally:
        theme.manager.set_scale(1.0)


def test_an_expansion_counts_a_value_once():
    assert expansion(AxisText("seed", "3,3")) == ("1 value: 3", True)
