"""Bench dock; the process is one that the test drives, with the events of tiny models."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication

from spikestudio.app import theme
from spikestudio.app.viewmodels.bench import BenchModel
from spikestudio.app.viewmodels.bench_process import BenchProcess
from spikestudio.app.viewmodels.checkpoint import CheckpointModel
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.views.bench import BenchView
from spikestudio.app.views.bench_rows import FIRST, MODEL
from spikestudio.bench import ModelFinished, ModelProgressed, Question, run_bench
from spikestudio.bench.lines import line
from spikestudio.bench.table import COLUMNS
from spikestudio.checkpoints.catalog import _entry
from spikestudio.checkpoints.loader import load
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.worker import describe
from tests.gui.fakes import draw, shown
from tests.tiny import save_tiny

ARCHITECTURES = ("sddpm", "sdit", "spiking-diffusion")
KEYS = [column.key for column in COLUMNS]


class Process(QObject):
    """Says what the test has it say."""

    lineRead = Signal(bytes)  # noqa: N815
    ended = Signal(int, str)

    def __init__(self, arguments):
        super().__init__()
        self.arguments = arguments
        self.is_killed = self.is_closed = False

    def begin(self):
        pass

    def say(self, events):
        for event in events:
            self.lineRead.emit(json.dumps(line(event)).encode() + b"\n")

    def kill(self):
        self.is_killed = True
        self.ended.emit(-1, "")

    def close(self):
        self.is_closed = True


class Desk:
    def __init__(self, files: list[Path]) -> None:
        self.run = RunModel()
        self.sampler = SamplerModel(self.run, lambda *_: RunControl())
        self.loads: list[Path] = []
        self.checkpoint = CheckpointModel(lambda path, _device: self.loads.append(path), "cpu")
        self.checkpoint.set_entries([_entry(path, is_bundled=True) for path in files])
        self.started: list[Process] = []
        self.is_sweeping = False
        self.bench = BenchModel(
            self.checkpoint,
            self.sampler,
            is_sweeping=lambda: self.is_sweeping,
            launch=self.launch,
        )

    def launch(self, arguments):
        self.started.append(Process(arguments))
        return self.started[-1]

    @property
    def process(self) -> Process:
        return self.started[-1]

    def take(self, path: Path) -> None:
        """Do what the window does when a model is loaded."""
        self.sampler.set_model(describe(load(path)))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [save_tiny(folder / f"{name}.safetensors", name) for name in ARCHITECTURES]


@pytest.fixture(scope="module")
def events(files):
    return list(run_bench(files, Question(seed=3, num=2, steps=3, class_label=2)))


@pytest.fixture
def desk(qapp, files):
    return Desk(files)


@pytest.fixture
def view(qtbot, desk):
    return shown(qtbot, BenchView(desk.run, desk.bench), 1500, 620)


def press(qtbot, view, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    draw(qtbot, view)


def column(key: str) -> int:
    return FIRST + KEYS.index(key)


def text(view, row, col):
    return view.table.model().index(row, col).data()


def names(view):
    return [text(view, row, MODEL).split(",")[0] for row in range(view.model.rowCount())]


def finish(qtbot, desk, view, events):
    press(qtbot, view, view.start)
    desk.process.say(events)
    desk.process.ended.emit(0, "")
    draw(qtbot, view)


def test_the_form_becomes_the_command(qtbot, desk, view, files):
    draw(qtbot, view)
    assert view.models.text() == "3 of 3 models"
    view.seed.setText("42")
    view.seed.editingFinished.emit()
    view.num.setValue(5)
    view.class_label.setCurrentIndex(4)
    view.class_label.activated.emit(4)
    listed = view.show_models()
    assert listed.item(0).text() == "sddpm (mnist)"
    listed.item(1).setCheckState(Qt.CheckState.Unchecked)
    listed.window().close()
    draw(qtbot, view)
    assert view.models.text() == "2 of 3 models"
    assert not view.class_label.isEnabled()  # only the one left out has classes
    press(qtbot, view, view.start)
    arguments = desk.process.arguments
    assert arguments[-2:] == [str(files[0]), str(files[2])]
    assert arguments[arguments.index("--seed") + 1] == "42"
    assert arguments[arguments.index("--num") + 1] == "5"
    assert arguments[arguments.index("--class") + 1] == "3"
    assert "--json-lines" in arguments


def test_nothing_is_started_without_a_model(qtbot, desk, view, files):
    for path in files:
        desk.bench.choose(path, is_chosen=False)
    draw(qtbot, view)
    assert not view.start.isEnabled()
    assert view.start.toolTip() == "Choose a checkpoint to ask."


def test_rows_appear_as_they_finish(qtbot, desk, view, events):
    press(qtbot, view, view.start)
    assert view.cancel.isVisible()
    assert not view.start.isVisible()
    assert [text(view, row, MODEL) for row in range(3)] == [
        "sddpm, waiting",
        "sdit, waiting",
        "spiking-diffusion, waiting",
    ]
    first = next(k for k, event in enumerate(events) if isinstance(event, ModelFinished))
    desk.process.say(events[: first + 1])
    progressed = next(
        k
        for k, event in enumerate(events)
        if isinstance(event, ModelProgressed) and event.index == 1
    )
    desk.process.say(events[first + 1 : progressed + 1])
    draw(qtbot, view)
    assert text(view, 0, column("evaluations")) == "3"
    assert text(view, 1, MODEL) == "sdit, step 1 of 3"
    assert text(view, 1, column("evaluations")) == ""
    assert "1 of 3 models; sdit: step 1 of 3" in view.status.text
    shown_images = view.model.pictures(0)
    assert len(shown_images) == 2
    answer = events[first].answer
    assert shown_images[1].pixelColor(3, 2).red() == answer.images[1, 2, 3, 0]
    desk.process.say(events[progressed + 1 :])
    desk.process.ended.emit(0, "")
    draw(qtbot, view)
    assert desk.bench.num_done == 3
    assert view.start.isVisible()
    assert view.failure.text() == ""


def test_bars_are_of_the_largest_in_the_column(qtbot, desk, view, events):
    finish(qtbot, desk, view, events)
    for key in ("image", "strict", "parameters"):
        values = [COLUMNS[KEYS.index(key)].of(answer) for answer in desk.bench.done]
        shares = [view.model.share(row, column(key)) for row in range(3)]
        assert shares == pytest.approx([value / max(values) for value in values])


def test_a_heading_sorts_and_what_is_not_known_comes_last(qtbot, desk, view, events):
    press(qtbot, view, view.start)
    last = max(k for k, event in enumerate(events) if isinstance(event, ModelFinished))
    desk.process.say(events[:last])
    draw(qtbot, view)
    key = column("parameters")
    known = {a.checkpoint: a.figures.parameters for a in desk.bench.done}
    rising = sorted(known, key=known.get)
    view.table.sortByColumn(key, Qt.SortOrder.AscendingOrder)
    assert names(view) == [*rising, "spiking-diffusion"]
    view.table.sortByColumn(key, Qt.SortOrder.DescendingOrder)
    assert names(view) == [*rising[::-1], "spiking-diffusion"]
    view.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    assert names(view) == list(ARCHITECTURES)
    desk.process.kill()


def test_what_runs_meanwhile_marks_the_times_of_that_model(qtbot, desk, view, events):
    press(qtbot, view, view.start)
    for event in events:
        desk.is_sweeping = isinstance(event, ModelProgressed) and event.index == 1
        desk.process.say([event])
    desk.process.ended.emit(0, "")
    draw(qtbot, view)
    assert not text(view, 0, column("image")).endswith("*")
    assert text(view, 1, column("image")).endswith("s*")
    assert not text(view, 1, column("strict")).endswith("*")
    assert "the times of sdit are too long" in view.caveats.text()
    assert "s* |" in desk.bench.as_markdown()


def test_a_live_run_that_begins_meanwhile_is_noticed(qtbot, desk, view, events):
    press(qtbot, view, view.start)
    desk.process.say(events[:2])
    assert desk.bench.disturbed == set()
    desk.sampler.is_starting = True
    desk.sampler.commandsChanged.emit()
    assert desk.bench.disturbed == {str(desk.bench.paths[0])}
    desk.process.kill()


def test_cancel_keeps_the_answers(qtbot, desk, view, events):
    press(qtbot, view, view.start)
    desk.process.say(events[:6])
    press(qtbot, view, view.cancel)
    assert desk.process.is_killed
    assert desk.bench.num_done == 1
    assert view.failure.text() == ""
    assert view.status.text.startswith("Cancelled after 1 of 3 models")
    assert text(view, 1, MODEL) == "sdit, not asked"
    assert view.copy_table.isEnabled()


def test_a_process_that_breaks_down_is_told_in_its_words(qtbot, desk, view):
    press(qtbot, view, view.start)
    desk.process.ended.emit(1, "The disk is on fire.")
    draw(qtbot, view)
    assert view.failure.text() == "The disk is on fire."
    assert view.start.isVisible()
    press(qtbot, view, view.start)
    desk.process.lineRead.emit(b"hello\n")
    draw(qtbot, view)
    assert "cannot be read" in view.failure.text()
    desk.process.kill()


def test_open_loads_the_model_and_takes_the_request(qtbot, desk, view, events, files):
    finish(qtbot, desk, view, events)
    assert not view.open_button.isEnabled()
    view.table.select_row(1)
    press(qtbot, view, view.open_button)
    assert desk.loads == [files[1]]
    desk.take(files[1])
    request = desk.sampler.request
    assert (request.seed, request.num, request.steps, request.class_label) == (3, 2, 3, 2)
    # The same model once more needs no loading.
    desk.sampler.set(seed=9)
    press(qtbot, view, view.open_button)
    assert desk.loads == [files[1]]
    assert desk.sampler.request.seed == 3


def test_open_during_a_run_is_refused_in_a_sentence(qtbot, desk, view, events):
    finish(qtbot, desk, view, events)
    view.table.select_row(0)
    desk.sampler.is_starting = True
    with qtbot.waitSignal(view.rejected) as caught:
        press(qtbot, view, view.open_button)
    assert caught.args == ["Wait until the run in progress has ended."]
    assert desk.loads == []


def test_another_model_that_is_loaded_meanwhile_keeps_its_request(qtbot, desk, view, events, files):
    finish(qtbot, desk, view, events)
    view.table.select_row(1)
    press(qtbot, view, view.open_button)
    desk.checkpoint.failed.emit()
    desk.take(files[1])
    assert desk.sampler.request.seed == 0


def test_the_table_is_copied(qtbot, desk, view, events):
    finish(qtbot, desk, view, events)
    press(qtbot, view, view.copy_table)
    copied = QGuiApplication.clipboard().text()
    assert copied.count("\n| s") == 3
    assert "cannot be asked for class" in copied
    press(qtbot, view, view.copy_csv)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].startswith("checkpoint,architecture,dataset,seed")
    assert len(lines) == 4


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_it_draws_figures_and_images_in_both_themes(qtbot, desk, view, events, mode):
    theme.manager.set_mode(mode)
    try:
        finish(qtbot, desk, view, events)
        picture = view.table.viewport().grab().toImage()
        ratio = picture.devicePixelRatio()
        box = view.table.visualRect(view.table.model().index(0, 0))
        answer = desk.bench.done[0]
        scale = (box.height() - 8 - 2) // (2 * answer.images.shape[1])
        point = (box.left() + 4 + 3 * scale + scale // 2, box.top() + 4 + 2 * scale + scale // 2)
        colour = picture.pixelColor(*(int(each * ratio) for each in point))
        assert colour.red() == answer.images[0, 2, 3, 0]
    finally:
        theme.manager.set_mode("dark")


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_words_and_figures_have_room(qtbot, desk, view, events, scale):
    theme.manager.set_scale(scale)
    try:
        view.resize(700, 700)
        finish(qtbot, desk, view, events)
        metrics = view.table.fontMetrics()
        for k in range(FIRST, view.model.columnCount()):
            width = view.table.columnWidth(k)
            for row in range(3):
                assert metrics.horizontalAdvance(text(view, row, k)) < width
    finally:
        theme.manager.set_scale(1.0)


def test_closing_ends_the_process(desk):
    desk.bench.start()
    process = desk.process
    desk.bench.close()
    assert process.is_closed


def test_the_real_process_says_its_lines_and_how_it_ended(qtbot):
    code = "import sys; print('one'); print('two'); sys.stderr.write('why\\n'); sys.exit(3)"
    process = BenchProcess([sys.executable, "-c", code])
    lines = []
    process.lineRead.connect(lines.append)
    with qtbot.waitSignal(process.ended, timeout=20000) as caught:
        process.begin()
    assert [bytes(each).strip() for each in lines] == [b"one", b"two"]
    assert caught.args == [3, "why"]


def test_a_real_process_is_killed(qtbot):
    process = BenchProcess([sys.executable, "-c", "import time; time.sleep(60)"])
    process.begin()
    with qtbot.waitSignal(process.ended, timeout=20000):
        process.kill()
    quiet = BenchProcess([sys.executable, "-c", "import time; time.sleep(60)"])
    ended = []
    quiet.ended.connect(lambda *args: ended.append(args))
    quiet.begin()
    quiet.close()
    assert ended == []


def test_a_program_that_is_missing_is_told(qtbot):
    process = BenchProcess(["/no/such/program"])
    with qtbot.waitSignal(process.ended, timeout=20000) as caught:
        process.begin()
    assert caught.args[0] == -1
    assert caught.args[1].startswith("The bench could not be started")
