"""Every lesson played to its end on the real models, by clicks and keys only.

A page must not complete while its action is left out, and must complete once it is done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QWidget

from spikestudio import paths
from spikestudio.app import context, theme
from spikestudio.app.lesson_controls import Parts, widget_of
from spikestudio.app.main_window import MainWindow
from tests.gui.lesson_window import Class, with_lessons

WAIT_MS = 60_000
IDLE_MS = 250  # in which a page that is left alone must not complete
CENTRE = Qt.MouseButton.LeftButton


class Student:
    """Clicks and types."""

    def __init__(self, qtbot: Any, room: Class) -> None:
        self.qtbot, self.room, self.model = qtbot, room, room.model

    # looking --------------------------------------------------------------------------------

    @property
    def page(self) -> str:
        assert self.model.page is not None
        return self.model.page.id

    def wait(self, condition: Any) -> None:
        try:
            self.qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)
        except self.qtbot.TimeoutError:
            lesson, page = self.model.lesson, self.model.page
            where = f"{lesson.id}, page {page.id}" if lesson and page else "no lesson"
            names = sorted(page.names) if page else []
            values = {name: self.model.state.value(name) for name in names}
            pytest.fail(f"waited in vain in {where}: {values}")

    def wait_ready(self) -> None:
        self.wait(lambda: self.model.is_ready or self.model.obstacle)
        assert not self.model.obstacle, self.model.obstacle
        model = self.model.page.start.model  # type: ignore[union-attr]
        if model:
            self.wait(lambda: self.model.does_apply is not None)
            self.wait(lambda: self.room.window.context.sampler.can_sample)
        if self.model.page.start.lab:  # type: ignore[union-attr]
            self.wait(lambda: self.room.lab.is_ready)
        self.qtbot.wait(30)

    def control(self, name: str) -> QWidget:
        window = self.room.window
        views = {key: dock.view for key, dock in window.docks.docks.items()}
        found = widget_of(name, Parts(views, window.toolbar, window.commands))
        assert found is not None, name
        return found

    # acting ---------------------------------------------------------------------------------

    def click(self, widget: QWidget, at: QPoint | None = None, modifier: Any = None) -> None:
        assert widget.isVisible(), widget
        assert widget.isEnabled(), widget
        self.qtbot.mouseClick(
            widget, CENTRE, modifier or Qt.KeyboardModifier.NoModifier, at or widget.rect().center()
        )

    def type_number(self, box: QAbstractSpinBox, text: str) -> None:
        assert box.isEnabled()
        box.setFocus()
        box.selectAll()
        self.qtbot.keyClicks(box, text)
        self.qtbot.keyClick(box, Qt.Key.Key_Return)

    def set_row(self, name: str, text: str) -> None:
        """Type into the number box of a row of controls."""
        row: Any = self.control(name)
        self.type_number(row.box, text)

    def sample(self) -> None:
        before = self.model.state.num_finished
        self.click(self.control("sampler.sample"))
        self.wait(lambda: self.model.state.num_finished > before)

    def answer(self, value: Any) -> None:
        question = self.room.view.question
        self.wait(lambda: question.isVisible())
        if question.pad is not None:
            for index, each in enumerate(value):
                point = question.pad.place(index, each).toPoint()
                self.qtbot.mouseClick(question.pad, CENTRE, pos=point)
        elif question.field is not None:
            self.type_number(question.field, str(value))
        else:
            self.click(question.choices[value])
        self.click(question.submit)
        assert not self.model.is_locked

    def next(self) -> None:
        self.click(self.room.view.next)

    def expect_open(self) -> None:
        """The page does not complete by itself."""
        self.qtbot.wait(IDLE_MS)
        assert not self.model.is_done, self.page

    def expect_done(self) -> None:
        self.wait(lambda: self.model.is_done)
        assert (
            "Complete" in self.room.view.status.text()
            or self.qtbot.waitUntil(
                lambda: "Complete" in self.room.view.status.text(), timeout=WAIT_MS
            )
            is None
        )


@pytest.fixture
def student(qtbot: Any, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    theme.manager.set_mode("dark")
    theme.manager.set_scale(1.0)
    window = MainWindow(context.create(tmp_path / "config"))
    window.resize(1280, 760)
    window.show()
    room = with_lessons(window)
    window.start()
    yield Student(qtbot, room)
    room.model.close()
    window._is_closable = True
    window.close()
    window.deleteLater()


def play(student: Student, lesson_id: str, acts: dict[str, Any]) -> None:
    """Play a lesson: ``acts`` are by page id the answer (or None) and what is done after it."""
    room = student.room
    student.wait(lambda: room.window.context.checkpoint.entries)
    room.lessons.show()
    student.wait(lambda: lesson_id in room.view.shelf.rows)
    student.click(room.view.shelf.rows[lesson_id].start)
    lesson = student.model.lesson
    assert lesson is not None
    assert list(acts) == [page.id for page in lesson.pages]
    for index, (page_id, (answer, act)) in enumerate(acts.items()):
        assert (student.page, student.model.index) == (page_id, index)
        student.wait_ready()
        page = lesson.pages[index]
        if page.done is not None:
            student.expect_open()
        if page.predict is not None:
            locked = room.lessons.locks.locked
            assert all(not each.isEnabled() for each in locked)
            assert bool(page.predict.locks) == bool(locked)
            student.answer(answer)
            student.expect_open()
        assert not room.lessons.locks.locked
        if page.point and page.done is not None:
            target = student.control(page.point)
            student.wait(target.isVisible)  # some parts are computed first
            student.wait(lambda: getattr(room.lessons.spotlight.mark, "isVisible", bool)())
        if act is not None:
            act(student)
        student.expect_done()
        if page.predict is not None:
            assert student.model.measured is not None
            assert student.model.prediction.measured is not None  # type: ignore[union-attr]
        student.next()
    assert student.model.lesson is None
    assert student.model.progress_of(lesson).done == {page.id for page in lesson.pages}


def row(name: str, text: str) -> Any:
    return lambda student: student.set_row(name, text)


def press(name: str, index: int) -> Any:
    return lambda student: student.click(student.control(name).button(index))


def choose(name: str, text: str) -> Any:
    """Choose an entry of a drop-down list by its keys."""

    def act(student: Student) -> None:
        combo: Any = student.control(name)
        combo.setFocus()
        if combo.isEditable():
            combo.lineEdit().selectAll()
            student.qtbot.keyClicks(combo.lineEdit(), text)
            student.qtbot.keyClick(combo.lineEdit(), Qt.Key.Key_Return)
            return
        student.qtbot.keyClick(combo, Qt.Key.Key_Home)
        for _ in range(combo.count()):
            if combo.currentText() == text:
                break
            student.qtbot.keyClick(combo, Qt.Key.Key_Down)
        assert combo.currentText() == text

    return act


def test_one_neuron(student: Student) -> None:
    def look_at_step_three(student: Student) -> None:
        traces: Any = student.control("lab.traces")
        traces.setFocus()
        for _ in range(2):
            student.qtbot.keyClick(traces, Qt.Key.Key_Right)

    play(
        student,
        "one-neuron",
        {
            "charge": (None, row("lab.amplitude", "0.2")),
            "threshold": (4, row("lab.amplitude", "0.3")),
            "reset": ([0.5, 0, 0.5, 0, 0.5, 0, 0.5, 0], row("lab.amplitude", "0.5")),
            "leak": ("never", press("lab.kind", 1)),
            "soft-reset": (5, press("lab.reset", 1)),
            "lower": (None, row("lab.threshold", "0.6")),
            "by-hand": (None, look_at_step_three),
        },
    )
    lesson = student.model.lessons[0]
    found = student.model.progress_of(lesson).predictions
    assert found["threshold"].measured == 4
    assert found["reset"].measured == pytest.approx([0.5, 0, 0.5, 0, 0.5, 0, 0.5, 0])
    assert found["leak"].measured == "never"
    assert found["soft-reset"].measured == 5


def test_four_steps(student: Student) -> None:
    play(
        student,
        "four-steps",
        {
            "rate": (None, row("lab.amplitude", "1.1")),
            "half": (0.3, row("lab.amplitude", "1.5")),
            "three-quarters": ("three", row("lab.steps", "16")),
            "edge": (None, row("lab.amplitude", "1.0667")),
            "more-steps": (0.25, row("lab.steps", "16")),
            "price": (None, None),
        },
    )
    found = student.model.progress_of(student.model.lessons[1]).predictions
    assert found["half"].measured == 0.5
    assert found["three-quarters"].measured == "half"
    assert found["more-steps"].measured == 0.3125


def to_last_step(student: Student) -> None:
    lanes: Any = student.control("timeline.lanes")
    lanes.setFocus()
    student.qtbot.keyClick(lanes, Qt.Key.Key_End)


def to_first_step(student: Student) -> None:
    lanes: Any = student.control("timeline.lanes")
    lanes.setFocus()
    student.qtbot.keyClick(lanes, Qt.Key.Key_Home)


def click_plot(student: Student) -> None:
    plot: Any = student.control("raster.plot")
    student.qtbot.mouseClick(plot.viewport(), CENTRE, pos=plot.viewport().rect().center())


def test_a_layer(student: Student) -> None:
    play(
        student,
        "a-layer",
        {
            "raster": (None, click_plot),
            "busiest": ("up", choose("raster.layer", "upblocks.2.neuron")),
            "silent": (0.5, to_last_step),
            "find": (None, choose("raster.layer", "upblocks.0.neuron2")),
            "summary": (None, None),
        },
    )


def slide_to_end(student: Student) -> None:
    slider: Any = student.control("lesson.noise")
    slider.setFocus()
    student.qtbot.keyClick(slider, Qt.Key.Key_End)


def test_noise(student: Student) -> None:
    def more(student: Student) -> None:
        student.set_row("sampler.steps", "16")
        student.sample()

    play(
        student,
        "noise",
        {
            "forward": (None, slide_to_end),
            "signal": (0.1, slide_to_end),
            "back": (None, lambda student: student.sample()),
            "guess": (None, to_first_step),
            "more": ("differ", more),
        },
    )


def at_threshold(*values: str) -> Any:
    def act(student: Student) -> None:
        for value in values:
            student.set_row("sampler.threshold", value)
            student.sample()

    return act


def test_threshold_guidance(student: Student) -> None:
    def three_seeds(student: Student) -> None:
        for _ in range(3):
            student.click(student.control("sampler.dice"))
            student.sample()

    def sweep(student: Student) -> None:
        start = student.control("sweep.start")
        student.wait(start.isEnabled)  # once the plan is made and a step was timed
        student.click(start)
        press("sweep.pages", 2)(student)
        student.expect_open()
        student.expect_done()
        sweeps = student.room.window.context.sweeps
        student.wait(lambda: sweeps.state == "ended")  # its process has a table left to write
        written = student.room.view.text.toPlainText()
        change = student.model.state.value("sweep.change")
        assert isinstance(change, float)
        assert f"Change: {change:.5f}".replace("-", "\N{MINUS SIGN}") in written

    play(
        student,
        "threshold-guidance",
        {
            "before": (None, lambda student: student.sample()),
            "thousandth": ("tenths", at_threshold("0.999")),
            "chaos": (0.05, at_threshold("1.000", "1.001")),
            "far": ("hundredths", at_threshold("1.000", "0.900")),
            "seeds": (None, three_seeds),
            "statistics": ("certain", sweep),
        },
    )
    lesson = next(each for each in student.model.lessons if each.id == "threshold-guidance")
    found = student.model.progress_of(lesson).predictions
    assert found["thousandth"].measured == "thousandths"
    assert found["far"].measured == "hundredths"
    assert found["statistics"].measured in ("certain", "chance")
    assert 0.1 < found["chaos"].measured < 0.6


def test_unmasking(student: Student) -> None:
    def pause_in_the_middle(student: Student) -> None:
        play_button: Any = student.control("timeline.play")
        to_first_step(student)
        lanes: Any = student.control("timeline.lanes")
        student.qtbot.mouseClick(lanes, CENTRE, pos=lanes.rect().center())
        if student.room.window.context.timeline.is_playing:
            student.click(play_button)
        while not 10 <= student.model.state.value("tokens.masked") <= 39:
            student.qtbot.keyClick(lanes, Qt.Key.Key_Right)

    def clear_and_go_on(student: Student) -> None:
        tools = student.room.widget("tokens").tools
        tokens: Any = student.control("tokens.map")
        student.click(student.control("tokens.edit"))
        student.click(tools.tool.button(2))
        for column in range(3):
            point = tokens.cell_rect(3, column).center().toPoint()
            student.qtbot.mouseClick(tokens, CENTRE, pos=point)
        student.wait(lambda: tools.go.isEnabled())
        before = student.model.state.num_finished
        student.click(tools.go)
        student.wait(lambda: student.model.state.num_finished > before)

    def cooler(student: Student) -> None:
        student.set_row("sampler.temperature", "0.4")
        student.sample()

    play(
        student,
        "unmasking",
        {
            "masks": (None, pause_in_the_middle),
            "chance": (0.5, to_last_step),
            "sample": (None, lambda student: student.sample()),
            "temperature": ("higher", cooler),
            "edit": (None, clear_and_go_on),
        },
    )
    lesson = next(each for each in student.model.lessons if each.id == "unmasking")
    found = student.model.progress_of(lesson).predictions
    assert found["chance"].measured == 1
    assert found["temperature"].measured == "higher"


def press_sample(student: Student) -> None:
    student.sample()


def test_spiking_unet(student: Student) -> None:
    def click_row(student: Student) -> None:
        plot: Any = student.control("rates.plot")
        rect = plot.viewport().rect()
        point = QPoint(rect.center().x(), rect.top() + rect.height() // 4)
        student.qtbot.mouseClick(plot.viewport(), CENTRE, pos=point)

    play(
        student,
        "spiking-unet",
        {
            "map": (None, click_row),
            "over-time": ("less", to_last_step),
            "own-run": (None, press_sample),
            "find": (None, choose("raster.layer", "upblocks.2.neuron")),
        },
    )
    lesson = next(each for each in student.model.lessons if each.id == "spiking-unet")
    assert student.model.progress_of(lesson).predictions["over-time"].measured == "more"


def test_cost(student: Student) -> None:
    def two_steps(student: Student) -> None:
        student.sample()  # once more with four, which is not what was asked for
        student.set_row("sampler.snn-steps", "2")
        student.expect_open()
        student.sample()

    play(
        student,
        "cost",
        {
            "count": (None, press_sample),
            "fewer-steps": (0.5, two_steps),
            "accounting": (None, None),
            "hidden": (None, None),
        },
    )
    lesson = next(each for each in student.model.lessons if each.id == "cost")
    measured = student.model.progress_of(lesson).predictions["fewer-steps"].measured
    assert 0.3 < measured < 0.6
    images = student.room.window.context.run.result.images  # type: ignore[union-attr]
    assert np.isin(images, (0, 255)).mean() > 0.5  # the last page calls them noise
    assert images.mean() > 100


def test_lesions(student: Student) -> None:
    def break_it(student: Student) -> None:
        before = student.model.state.num_finished
        button: Any = student.control("lesions.sample")
        student.wait(button.isEnabled)
        student.click(button)
        student.wait(lambda: student.model.state.num_finished > before)

    def break_another(student: Student) -> None:
        break_it(student)  # still the other layer
        choose("raster.layer", "neuron")(student)
        student.wait(lambda: student.model.state.value("selection.layer") == "neuron")
        student.expect_open()
        break_it(student)

    play(
        student,
        "lesions",
        {
            "intact": (None, press_sample),
            "middle": (0.1, break_it),
            "first": (None, break_another),
            "careful": (None, None),
        },
    )


def test_three_architectures(student: Student) -> None:
    play(
        student,
        "three-architectures",
        {
            "sddpm": (None, press_sample),
            "spiking-diffusion": ("less", press_sample),
            "sdit": ("more", press_sample),
            "fair": (None, None),
        },
    )
    lesson = next(each for each in student.model.lessons if each.id == "three-architectures")
    found = student.model.progress_of(lesson).predictions
    assert found["spiking-diffusion"].measured == "less"
    assert found["sdit"].measured == "more"


def test_a_recording_that_came_to_its_end_is_played_again(student: Student) -> None:
    window = student.room.window
    run, timeline = window.context.run, window.context.timeline
    student.wait(lambda: window.context.checkpoint.entries)
    path = paths.bundled_recordings() / "spiking-diffusion-mnist.h5"
    window.recordings.open(path, keeps_model=True)
    student.wait(lambda: run.recording is not None and run.recording.recorder.path == path)
    timeline.pause()
    timeline.go_live()
    assert timeline.cursor == timeline.newest
    student.model.open("unmasking")
    student.wait(lambda: timeline.is_playing)
    assert timeline.cursor.step < 10
