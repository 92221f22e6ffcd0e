"""Training dock on folders that the test writes; the process is one that the test stands for."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage

from spikestudio.app import theme
from spikestudio.app.viewmodels import training_texts
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.training import TrainingModel
from spikestudio.app.viewmodels.training_form import PRECISIONS, PRESETS
from spikestudio.app.viewmodels.training_reading import LogTail, RunReader, thinned
from spikestudio.app.viewmodels.training_texts import duration
from spikestudio.app.views.training import RUN, SET_UP, TrainingView
from spikestudio.errors import SpikeStudioError
from spikestudio.training import presets, request
from spikestudio.training.log import HEADER
from spikestudio.training.options import TrainingOptions
from spikestudio.training.processes import process_start
from spikestudio.training.status import STATUS_FILE, STOP_FILE, Status
from tests.gui.fakes import draw, shown
from tests.unit.training.test_command import write_idx


class Folder:
    """A run's folder, written as training would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.log = path / "log.csv"

    def rows(self, *rows: tuple[str, int, str, float], end: str = "") -> Folder:
        if not self.log.exists():
            self.log.write_text(",".join(HEADER) + "\r\n", encoding="utf-8")
        with self.log.open("a", encoding="utf-8", newline="") as file:
            file.write("".join(",".join(map(str, row)) + "\r\n" for row in rows) + end)
        return self

    def says(self, state: str = "running", **values: object) -> Folder:
        pid = values.pop("pid", os.getpid())
        started = values.pop("started", process_start(pid))
        status = Status(
            pid=pid, started=started, host=platform.node(), state=state, at=time.time(), **values
        )
        text = json.dumps({"schema_version": 1, **asdict(status)})
        (self.path / STATUS_FILE).write_text(text, encoding="utf-8")
        return self

    def sample(self, step: int, level: int) -> Folder:
        (self.path / "samples").mkdir(exist_ok=True)
        image = QImage(20, 10, QImage.Format.Format_Grayscale8)
        image.fill(level)
        assert image.save(str(self.path / "samples" / f"{step:07d}.png"))
        return self

    def state(self) -> Folder:
        (self.path / "state.safetensors").write_bytes(b"x")
        return self


class Desk:
    """The dock's model; jobs are done at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[tuple[list[str], Path]] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.known: list[str] = []
        self.model = self.make()

    def make(self) -> TrainingModel:
        return TrainingModel(
            self.submit, self.known, start_process=self.launch, parent_folder=self.folder / "out"
        )

    def submit(self, job, done, failed):
        try:
            result = job()
        except SpikeStudioError as error:
            failed(str(error), "")
        else:
            done(result)

    def launch(self, arguments, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.started.append((arguments, folder))
        self.processes.append(
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        )
        return self.processes[-1].pid


@pytest.fixture
def desk(qapp, tmp_path):
    made = Desk(tmp_path)
    yield made
    made.model.close()
    for process in made.processes:
        process.kill()
        process.wait()


@pytest.fixture
def data(tmp_path) -> Path:
    folder = tmp_path / "mnist"
    folder.mkdir()
    write_idx(folder / "train-first8-images-idx3-ubyte", np.zeros((8, 28, 28), np.uint8))
    write_idx(folder / "train-first8-labels-idx1-ubyte", np.arange(8, dtype=np.uint8))
    return folder


@pytest.fixture
def run(tmp_path) -> Folder:
    """Two stages, the second under way."""
    made = Folder(tmp_path / "mine.run")
    for step in (20, 40):
        made.rows(("one", step, "loss", 8.0 / step), ("one", step, "rate", 0.2))
    made.rows(("two", 20, "loss", 0.5), ("two", 20, "mse", 0.1))
    for name, value in (("rate", 0.125), ("rate_lowest", 0.01), ("rate_highest", 0.4)):
        made.rows(("two", 20, name, value))
    return made.says(
        stages=(("one", 40), ("two", 100)),
        stage="two",
        step=25,
        num_steps=100,
        total_done=65,
        total_steps=140,
        learning_rate=1e-3,
        seconds_per_step=2.0,
        snn_steps=4,
    )


@pytest.fixture
def view(qtbot, desk):
    return shown(qtbot, TrainingView(RunModel(), desk.model), 760, 600)


def page(qtbot, view, number):
    qtbot.mouseClick(view.pages.button(number), Qt.MouseButton.LeftButton)
    draw(qtbot, view)


# reading


def test_only_what_is_new_is_read_and_half_a_line_waits(tmp_path):
    folder = Folder(tmp_path / "a.run").rows(("one", 20, "loss", 1.0), end="one,40,lo")
    tail = LogTail(folder.log)
    assert tail.read()
    assert tail.num_rows == 1
    assert not tail.read()
    with folder.log.open("a", encoding="utf-8") as file:
        file.write("ss,0.5\nbroken\none,x,loss,1\n")
    assert tail.read()
    assert tail.num_rows == 2
    assert tail.num_unread == 2
    steps, values = tail.series["one", "loss"]
    assert (list(steps), list(values)) == ([20, 40], [1.0, 0.5])


def test_a_log_that_was_cut_for_a_resumed_run_is_read_anew(tmp_path):
    folder = Folder(tmp_path / "a.run").rows(*(("one", step, "loss", 1.0) for step in range(1, 9)))
    tail = LogTail(folder.log)
    tail.read()
    folder.log.unlink()
    folder.rows(("one", 1, "loss", 2.0))
    assert tail.read()
    assert list(tail.series["one", "loss"][1]) == [2.0]
    folder.log.unlink()
    assert tail.read()
    assert tail.num_rows == 0


def test_a_long_log_keeps_its_extremes_in_few_points(tmp_path):
    generator = np.random.default_rng(0)
    values = generator.normal(1.0, 0.1, 100_000)
    values[[777, 55_555]] = 9.0, -3.0
    folder = Folder(tmp_path / "a.run")
    folder.rows(*(("one", step + 1, "loss", value) for step, value in enumerate(values)))
    started = time.monotonic()
    snapshot = RunReader(folder.path).read()
    assert time.monotonic() - started < 20  # a second on a machine that has nothing else to do
    curve = snapshot.curves["loss"]
    assert snapshot.num_rows == 100_000
    assert len(curve.values) <= 1600
    assert (curve.values.max(), curve.values.min()) == (9.0, -3.0)
    assert curve.steps[curve.values.argmax()] == 778
    assert (np.diff(curve.steps) > 0).all()
    assert curve.window == 2500
    assert curve.mean[-1] == pytest.approx(values[-2500:].mean())
    assert curve.last == pytest.approx(values[-1])


def test_few_points_are_left_as_they_are():
    steps, values = np.arange(5.0), np.array([1.0, 3.0, 2.0, 5.0, 4.0])
    assert np.array_equal(thinned(steps, values, 10)[1], values)
    assert set(thinned(steps, values, 2)[1]) == {1.0, 5.0}


def test_stages_follow_each_other_and_are_not_joined(run):
    snapshot = RunReader(run.path).read()
    curve = snapshot.curves["loss"]
    assert [(s.name, s.first, s.num_steps) for s in snapshot.stages] == [
        ("one", 0, 40),
        ("two", 40, 100),
    ]
    assert np.array_equal(curve.steps, [20, 40, np.nan, 60], equal_nan=True)
    assert np.array_equal(curve.values, [0.4, 0.2, np.nan, 0.5], equal_nan=True)


def test_a_run_from_before_status_and_rates_can_be_looked_at(qtbot, desk, view, tmp_path):
    folder = Folder(tmp_path / "old.run").rows(("one", 20, "loss", 1.0)).state()
    desk.model.attach(folder.path)
    draw(qtbot, view)
    assert desk.model.state == "lost"
    assert "does not say" in view.failure.text()
    assert "not recorded" in view.page.rate_words.text
    assert not view.page.rates.isVisible()
    assert view.page.loss.isVisible()


# the page of a run


def test_a_run_is_shown_as_it_is(qtbot, desk, view, run):
    desk.model.attach(run.path)
    draw(qtbot, view)
    assert view.pages.current == RUN
    assert view.status.text == "Training · step 65 of 140 · two 25 of 100"
    assert view.figures.text == (
        "about 2 min left · 2.00 s per step · learning rate 0.00100 · 4 SNN steps"
    )
    assert view.page.loss_words.text == "loss 0.500"
    assert view.page.rate_words.text.startswith("Firing rate 0.125 · quietest layer 0.0100")
    picture = view.page.loss.picture
    assert picture.stages == (("one", 0), ("two", 40))
    assert picture.total_steps == 140
    assert [line.name for line in view.page.rates.picture.lines] == [
        "busiest",
        "quietest",
        "all layers",
    ]
    assert view.stop.isVisible()
    assert not view.resume.isVisible()
    assert not view.open.isEnabled()


def test_what_is_written_meanwhile_appears(qtbot, desk, view, run):
    desk.model.attach(run.path)
    draw(qtbot, view)
    run.rows(("two", 40, "loss", 0.25))
    qtbot.waitUntil(lambda: view.draw_if_needed() and view.page.loss_words.text == "loss 0.250")
    assert view.page.loss.picture.lines[-1].steps[-1] == 80


def test_another_figure_can_be_chosen(qtbot, desk, view, run):
    desk.model.attach(run.path)
    draw(qtbot, view)
    names = [view.page.figure.itemText(k) for k in range(view.page.figure.count())]
    assert names == ["loss", "mse"]
    view.page.figure.setCurrentText("mse")
    view.page.figure.activated.emit(1)
    assert view.page.loss_words.text == "mse 0.100"
    assert list(view.page.loss.picture.lines[0].values) == [0.1]


def test_samples_are_scrubbed_and_the_newest_followed(qtbot, desk, view, run):
    for step, level in ((20, 50), (40, 100), (60, 150)):
        run.sample(step, level)
    desk.model.attach(run.path)
    draw(qtbot, view)

    def level() -> int:
        return view.page.picture.image.pixelColor(3, 3).red()

    assert level() == 150
    assert "step 60 of two · 3 of 3, newest" in view.page.sample_words.text
    assert not view.page.loss.moment.isVisible()
    view.page.scrubber.setValue(0)
    assert level() == 50
    assert view.page.loss.moment.isVisible()
    assert view.page.loss.moment.value() == pytest.approx(59.5)  # stage one has 40 steps
    run.sample(80, 200)
    desk.model.look()
    draw(qtbot, view)
    assert level() == 50  # it stays
    view.page.scrubber.setValue(3)
    assert level() == 200
    run.sample(100, 220)
    desk.model.look()
    draw(qtbot, view)
    assert level() == 220  # and follows again
    size = view.page.picture.picture_rect().size()
    assert size.width() % 20 == size.height() % 10 == 0


def test_a_run_whose_process_is_gone_says_so_and_can_be_resumed(qtbot, desk, view, run, data):
    options = TrainingOptions(architecture="sdit", data=str(data), out="elsewhere", seed=7)
    run.state().says(started="another moment", request=options.to_json())
    desk.model.attach(run.path)
    draw(qtbot, view)
    assert desk.model.state == "lost"
    assert view.failure.text() == "The run ended without saying so; continue with Resume."
    assert not view.stop.isVisible()
    qtbot.mouseClick(view.resume, Qt.MouseButton.LeftButton)
    arguments, folder = desk.started[0]
    assert folder == run.path
    assert {"--resume", "--seed", str(run.path.with_suffix(".safetensors"))} <= set(arguments)
    draw(qtbot, view)
    assert desk.model.state == "starting"
    run.says(pid=desk.processes[0].pid, total_done=66, total_steps=140)
    desk.model.look()
    assert desk.model.state == "running"


def test_what_a_stranger_wrote_is_not_run(qtbot, desk, view, run):
    run.state().says("stopped", request={"architecture": "--data", "data": "/"})
    desk.model.attach(run.path)
    draw(qtbot, view)
    qtbot.mouseClick(view.resume, Qt.MouseButton.LeftButton)
    assert not desk.started
    assert "does not tell how its run was started" in desk.model.failure


def test_why_a_run_failed_is_shown(qtbot, desk, view, run):
    run.says("failed", reason="Training of two diverged.")
    desk.model.attach(run.path)
    draw(qtbot, view)
    assert (view.failure.text(), view.failure.property("role")) == (
        "Training of two diverged.",
        "error",
    )
    assert view.status.text.startswith("Failed")


def test_the_newest_checkpoint_is_opened(qtbot, desk, view, run):
    run.says("finished")
    latest = run.path / "latest.safetensors"
    latest.write_bytes(b"x")
    desk.model.attach(run.path)
    draw(qtbot, view)
    with qtbot.waitSignal(view.openRequested) as caught:
        qtbot.mouseClick(view.open, Qt.MouseButton.LeftButton)
    assert caught.args == [latest]
    out = run.path.with_suffix(".safetensors")
    out.write_bytes(b"x")
    with qtbot.waitSignal(view.openRequested) as caught:
        qtbot.mouseClick(view.open, Qt.MouseButton.LeftButton)
    assert caught.args == [out]


# runs that are known


def test_known_runs_are_kept_newest_first_and_chosen_again(qtbot, desk, view, run, tmp_path):
    other = Folder(tmp_path / "other.run").rows(("one", 1, "loss", 3.0)).says("stopped")
    desk.model.attach(run.path)
    view.attach_folder(str(other.path))
    draw(qtbot, view)
    assert desk.known == [str(other.path), str(run.path)]
    assert [view.runs.itemText(k) for k in range(2)] == ["other", "mine"]
    view.runs.setCurrentIndex(1)
    view.runs.activated.emit(1)
    draw(qtbot, view)
    assert desk.model.folder == run.path
    assert desk.make().known == [str(run.path), str(other.path)]


def test_a_folder_without_a_run_is_refused(qtbot, desk, view, tmp_path):
    with qtbot.waitSignal(view.rejected) as caught:
        view.attach_folder(str(tmp_path))
    assert "holds no training run" in caught.args[0]
    assert desk.model.folder is None


# starting and stopping


def test_the_form_is_checked_before_anything_starts(qtbot, desk, view, data):
    draw(qtbot, view)
    desk.model.form.check()
    draw(qtbot, view)
    assert "Choose the folder of MNIST" in view.form.words["data"].text()
    assert not view.start.isEnabled()
    qtbot.keyClicks(view.form.data, str(data))
    view.form.length.setText("0.01")
    view.form.length.textEdited.emit("0.01")
    desk.model.form.check()
    draw(qtbot, view)
    said = view.form.words["length"].text()
    assert said == "60 steps of denoiser with 64 images each. 8 images to learn from."
    assert view.start.isEnabled()
    qtbot.mouseClick(view.form.copy, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("spikestudio train sddpm --data ")
    assert copied.endswith("--length 0.01")


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"length": 0.0}, "length", "factor from"),
        ({"precision": "float16", "device": "cpu"}, "precision", "CUDA only"),
        ({"architecture": "sdit", "dataset": "celeba64"}, "dataset", "another architecture"),
        ({"out": "/nowhere/x.txt"}, "out", "safetensors"),
        ({"out": "x.safetensors"}, "out", "whole path"),
        ({"data": "/nowhere"}, "data", "does not exist"),
        ({"resume": True}, "resume", "nothing to resume"),
        ({"init": "/nowhere.safetensors"}, "init", "nowhere"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(values, field, words, desk, data):
    form = desk.model.form
    form.set(data=str(data))
    form.set(**values)
    form.check()
    assert form.checked is None
    assert words in form.problems[field]
    assert form.problems[field].endswith((".", "?"))


def test_a_run_in_the_way_is_seen(desk, data, run):
    form = desk.model.form
    form.set(data=str(data), out=str(run.path.with_suffix(".safetensors")))
    form.check()
    assert "runs right now" in form.problems["out"]
    run.state().says("stopped")
    form.check()
    assert "tick Resume" in form.problems["out"]
    form.set(resume=True)
    form.check()
    assert form.checked is not None


def test_the_choices_are_those_of_training():
    assert {name: tuple(p for a, p in presets.PRESETS if a == name) for name in PRESETS} == PRESETS
    assert {name for name, _ in presets.PRESETS} == set(PRESETS)
    assert PRECISIONS == request.PRECISIONS


def begin(qtbot, desk, view, data) -> Folder:
    desk.model.form.set(data=str(data), length=0.01)
    desk.model.form.check()
    draw(qtbot, view)
    qtbot.mouseClick(view.start, Qt.MouseButton.LeftButton)
    draw(qtbot, view)
    return Folder(desk.started[-1][1])


def test_a_run_is_started_and_followed(qtbot, desk, view, data):
    folder = begin(qtbot, desk, view, data)
    arguments, path = desk.started[0]
    assert arguments[1:4] == ["-m", "spikestudio", "train"]
    assert path.name == "sddpm-mnist-trained.run"
    assert view.pages.current == RUN
    assert desk.model.state == "starting"
    assert desk.known == [str(path)]
    pid = desk.processes[0].pid
    folder.says(pid=pid, stages=(("denoiser", 60),), total_done=1, total_steps=60)
    desk.model.look()
    draw(qtbot, view)
    assert view.status.text == "Training · step 1 of 60"
    assert "time left not known yet" in view.figures.text
    page(qtbot, view, SET_UP)
    assert desk.model.form.options.out.endswith("sddpm-mnist-trained-2.safetensors")


@pytest.mark.skipif(sys.platform == "win32", reason="no signals that ask")
def test_stop_reaches_the_process_of_the_folder(qtbot, desk, view, run):
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    desk.processes.append(process)
    run.says(pid=process.pid)
    desk.model.attach(run.path)
    draw(qtbot, view)
    qtbot.mouseClick(view.stop, Qt.MouseButton.LeftButton)
    assert desk.model.state == "stopping"
    draw(qtbot, view)
    assert (view.stop.text(), view.stop.isEnabled()) == ("Stopping…", False)
    process.wait(timeout=20)
    run.says("stopped", pid=process.pid, started="gone")
    qtbot.waitUntil(lambda: desk.model.state == "stopped")


def test_one_that_only_starts_is_ended(qtbot, desk, view, data):
    begin(qtbot, desk, view, data)
    qtbot.mouseClick(view.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: desk.model.state == "stopped", timeout=20_000)
    assert desk.processes[0].poll() is not None


def test_one_that_ends_before_a_word_is_told_with_its_last_line(qtbot, desk, view, data):
    folder = begin(qtbot, desk, view, data)
    (folder.path / "output.log").write_text("Traceback\nNo module named torch\n", "utf-8")
    desk.processes[0].kill()
    qtbot.waitUntil(lambda: desk.model.state == "failed", timeout=20_000)
    draw(qtbot, view)
    assert view.failure.text() == "Training ended before it began: No module named torch"


def test_closing_the_window_leaves_the_run(qtbot, desk, view, data):
    begin(qtbot, desk, view, data)
    desk.model.close()
    desk.model.look()
    assert desk.processes[0].poll() is None
    assert not (desk.started[0][1] / STOP_FILE).exists()


# words and room


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (75, "75 s"), (600, "10 min"), (9000, "2.50 h"), (400_000, "4.63 days")],
)
def test_lengths_of_time(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_it_fits_a_narrow_dock_with_large_text(qtbot, desk, view, run, scale):
    theme.manager.set_scale(scale)
    try:
        desk.model.attach(run.sample(20, 90).path)
        for number in (SET_UP, RUN):
            page(qtbot, view, number)
            assert view.minimumSizeHint().width() <= 470 * scale
    finally:
        theme.manager.set_scale(1.0)


def test_a_run_that_is_being_measured_does_not_say_that_seconds_are_left(desk, view, run, qtbot):
    run.says(
        stages=(("one", 40), ("two", 100)),
        stage="codebook counts",
        step=200,
        num_steps=60_000,
        total_done=140,
        total_steps=140,
        seconds_per_step=2.0,
    )
    desk.model.attach(run.path)
    draw(qtbot, view)
    assert view.status.text.endswith("codebook counts 200 of 60,000")
    assert view.figures.text == "Trained; what its file tells besides is being measured."


def test_a_run_that_has_fallen_silent_is_told(desk, view, run, qtbot, monkeypatch):
    desk.model.attach(run.path)
    draw(qtbot, view)
    assert "no word" not in view.figures.text
    later = time.time() + 300
    monkeypatch.setattr(training_texts, "time", SimpleNamespace(time=lambda: later))
    desk.model.look()
    draw(qtbot, view)
    assert view.figures.text.endswith("4 SNN steps · no word for 5 min")


def test_what_a_run_has_not_said_yet_is_told(desk, view, run, qtbot):
    desk.model.attach(run.path)
    draw(qtbot, view)
    assert view.said.text == "Its messages went to a terminal."
    (run.path / "output.log").write_text("", encoding="utf-8")
    desk.model.look()
    draw(qtbot, view)
    assert view.said.text == "It has said nothing yet."


def test_samples_and_checkpoint_that_are_not_there_say_why(desk, view, run, qtbot):
    desk.model.attach(run.path)
    draw(qtbot, view)
    assert view.page.picture.accessibleName().startswith("Samples appear here")
    assert view.open.toolTip().startswith("There is none yet")
    run.says("stopped", stages=(("one", 40), ("two", 100)))
    (run.path / "latest.safetensors").write_bytes(b"x")
    desk.model.look()
    draw(qtbot, view)
    assert view.page.picture.accessibleName().startswith("This run made no samples")
    assert view.open.toolTip() == "Load the newest checkpoint of this run"


def test_a_new_window_shows_the_run_that_goes_on(qtbot, desk, run, tmp_path):
    ended = Folder(tmp_path / "ended.run").says("finished")
    desk.known[:] = [str(ended.path), str(run.path)]
    model = desk.make()
    view = shown(qtbot, TrainingView(RunModel(), model), 760, 600)
    draw(qtbot, view)
    assert model.folder == run.path
    assert view.pages.current == RUN
    model.attach(ended.path)
    model.recall()  # seen again: what is looked at stays
    assert model.folder == ended.path
    model.close()


def test_runs_that_have_ended_are_offered_and_not_opened(qtbot, desk, tmp_path):
    ended = Folder(tmp_path / "ended.run").says("finished")
    desk.known[:] = [str(ended.path)]
    model = desk.make()
    view = shown(qtbot, TrainingView(RunModel(), model), 760, 600)
    draw(qtbot, view)
    assert model.folder is None
    assert view.runs.currentText() == ""
    assert view.runs.placeholderText() == "Known runs"
    model.close()
