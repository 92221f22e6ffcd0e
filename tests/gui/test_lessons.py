"""Lessons in the window: locks, the outline, predictions drawn and kept, progress, own models."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QByteArray, QPoint, Qt, QUrl
from PySide6.QtGui import QAction, QTextDocument
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app.lesson_controls import CONTROLS, Parts, locks_of, widget_of
from spikestudio.app.lesson_locks import TIP, Locks
from spikestudio.app.views.lesson_curve import CurvePad
from spikestudio.app.views.lesson_text import LessonText
from spikestudio.app.widgets.page_bar import PageBar
from spikestudio.app.widgets.spotlight import Spotlight
from spikestudio.lessons import shelf
from spikestudio.lessons.states import STATES
from spikestudio.lessons.writing import value_text
from tests.gui.gaps import FakeRun
from tests.gui.lesson_window import Class, with_lessons

READY_MS = 30_000


@pytest.fixture
def room(shell: Any) -> Any:
    """A window on a fake worker, with the lessons."""
    opened = with_lessons(shell.window)
    opened.lessons.show()
    yield opened
    opened.model.close()


def open_lesson(qtbot: Any, room: Class, lesson_id: str, page: int = 0) -> None:
    room.model.open(lesson_id)
    room.model.go(page)
    qtbot.waitUntil(lambda: room.model.is_ready, timeout=READY_MS)
    if room.model.page.start.lab:  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: room.lab.is_ready, timeout=READY_MS)
    room.view.refresh()


def test_every_state_can_be_read(room: Class) -> None:
    assert room.model.state.names == frozenset(STATES)
    for name in STATES:
        room.model.state.value(name)  # nothing was sampled: unknown, not an error


def test_every_control_is_there(room: Class) -> None:
    window = room.window
    views = {key: dock.view for key, dock in window.docks.docks.items()}
    parts = Parts(views, window.toolbar, window.commands)
    for name in CONTROLS:
        assert isinstance(widget_of(name, parts), QWidget), name
        assert locks_of(name, parts), name
    assert {each.text() for each in locks_of("sampler.sample", parts)} >= {"Sample", "Step"}


def test_a_page_is_completed_by_state_however_it_was_reached(qtbot: Any, room: Class) -> None:
    open_lesson(qtbot, room, "one-neuron")
    assert not room.model.is_done
    room.lab.amplitude = 0.25  # neither slid nor typed
    qtbot.waitUntil(lambda: room.model.is_done)
    room.model.next()
    room.model.back()
    assert room.model.is_done


def test_locks_hold_until_the_answer_and_are_lifted_when_the_page_is_left(
    qtbot: Any, room: Class
) -> None:
    open_lesson(qtbot, room, "one-neuron", 1)
    row = room.widget("neuron-lab").controls.rows["amplitude"]
    assert not row.isEnabled()
    row.setEnabled(True)  # as the view itself may do
    assert not row.isEnabled()
    room.model.answer(4.0)
    assert row.isEnabled()
    room.model.restart()
    room.model.go(1)
    qtbot.waitUntil(lambda: not row.isEnabled())
    room.model.back()
    assert row.isEnabled()
    room.model.go(1)
    qtbot.waitUntil(lambda: not row.isEnabled())
    room.model.close()
    assert row.isEnabled()


def test_a_question_is_answered_by_keys_alone(qtbot: Any, room: Class) -> None:
    open_lesson(qtbot, room, "one-neuron", 1)
    box = room.view.question
    box.field.setFocus()  # type: ignore[union-attr]
    qtbot.keyClick(box.field.lineEdit(), Qt.Key.Key_Up)  # what is asked for
    assert (box.field.value(), box.submit.isEnabled()) == (1.0, True)
    qtbot.keyClick(box.field.lineEdit(), Qt.Key.Key_Down)
    assert not box.submit.isEnabled()
    chain = [box.field]
    while chain[-1] is not box.submit and len(chain) < 10:
        chain.append(chain[-1].nextInFocusChain())
    stops = [each for each in chain if each.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert stops[-1] is box.submit
    assert all(each is box.submit or box.field.isAncestorOf(each) for each in stops[1:])
    assert box.field.text() == "?"  # a number would be a hint
    qtbot.keyClick(box.field.lineEdit(), Qt.Key.Key_Return)
    assert room.model.prediction is None
    box.field.lineEdit().selectAll()
    qtbot.keyClicks(box.field.lineEdit(), "4")
    qtbot.keyClick(box.field.lineEdit(), Qt.Key.Key_Return)
    assert room.model.prediction.predicted == 4.0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("typed", "kept"), [("1/4", 0.25), ("2/3", 2 / 3), ("0,5", 0.5), ("13", None), ("1/", None)]
)
def test_an_answer_may_be_a_fraction_or_have_a_comma(
    qtbot: Any, room: Class, typed: str, kept: float | None
) -> None:
    open_lesson(qtbot, room, "four-steps", 1)
    box = room.view.question
    box.field.selectAll()  # type: ignore[union-attr]
    qtbot.keyClicks(box.field.lineEdit(), typed)  # type: ignore[union-attr]
    assert box.submit.isEnabled() == (kept is not None)
    qtbot.keyClick(box.field.lineEdit(), Qt.Key.Key_Return)  # type: ignore[union-attr]
    found = room.model.prediction
    assert (None if found is None else found.predicted) == pytest.approx(kept)


@pytest.mark.parametrize("place", [0, 1])
def test_a_number_typed_beside_the_question_mark_replaces_it(
    qtbot: Any, room: Class, place: int
) -> None:
    open_lesson(qtbot, room, "one-neuron", 1)
    box = room.view.question
    box.field.lineEdit().setCursorPosition(place)  # type: ignore[union-attr]
    qtbot.keyClicks(box.field.lineEdit(), "4")  # type: ignore[union-attr]
    assert box.field.text() == "4"  # type: ignore[union-attr]
    assert box.submit.isEnabled()


def test_a_question_for_a_number_begins_with_none(qtbot: Any, room: Class) -> None:
    for lesson in room.model.lessons:
        for index, page in enumerate(lesson.pages):
            if page.predict is not None and page.predict.kind == "number":
                room.model.open(lesson.id)
                room.model.go(index)
                room.view.refresh()
                assert room.view.question.field.text() == "?"  # type: ignore[union-attr]
                assert not room.view.question.submit.isEnabled()


def test_after_a_step_to_another_page_the_keys_go_to_it(qtbot: Any, room: Class) -> None:
    open_lesson(qtbot, room, "one-neuron", 0)
    room.view.next.setFocus()
    qtbot.waitUntil(room.view.next.hasFocus)
    room.model.go(1)
    room.view.refresh()
    qtbot.waitUntil(room.view.question.field.hasFocus)  # type: ignore[union-attr]
    room.view.back.setFocus()
    room.model.go(0)
    room.view.refresh()
    assert room.view.text.hasFocus()


def test_keys_go_to_the_page_though_docks_took_them_meanwhile(qtbot: Any, room: Class) -> None:
    open_lesson(qtbot, room, "one-neuron", 1)
    qtbot.mouseClick(room.view.back, Qt.MouseButton.LeftButton)
    room.view.again.setFocus()  # what docks that are arranged do
    room.view.refresh()
    room.view.next.setFocus()
    qtbot.waitUntil(room.view.text.hasFocus)
    qtbot.mouseClick(room.view.next, Qt.MouseButton.LeftButton)
    room.view.again.setFocus()
    room.view.refresh()
    qtbot.waitUntil(room.view.question.field.hasFocus)  # type: ignore[union-attr]


def test_a_locked_page_does_not_complete(qtbot: Any, room: Class) -> None:
    open_lesson(qtbot, room, "one-neuron", 1)
    room.lab.amplitude = 0.3
    qtbot.wait(150)
    assert not room.model.is_done
    room.model.answer(7.0)
    qtbot.waitUntil(lambda: room.model.is_done)
    found = room.model.prediction
    assert (found.predicted, found.measured) == (7.0, 4.0)  # type: ignore[union-attr]
    assert room.model.was_right is False
    room.view.refresh()
    assert "Predicted 7, measured 4: +3" in room.view.question.result.text()
    room.model.answer(4.0)  # the first answer counts
    assert room.model.prediction.predicted == 7.0  # type: ignore[union-attr]


def test_progress_is_kept_and_goes_on_where_it_was_left(qtbot: Any, room: Class) -> None:
    open_lesson(qtbot, room, "one-neuron", 1)
    room.model.answer(4.0)
    room.lab.amplitude = 0.3
    qtbot.waitUntil(lambda: room.model.is_done)
    room.model.close()
    stored = json.loads((shelf.progress_folder() / "one-neuron.json").read_text(encoding="utf-8"))
    assert stored["page"] == "threshold"
    assert stored["done"] == ["threshold"]
    assert stored["predictions"]["threshold"]["measured"] == 4.0
    room.model.open("one-neuron")
    assert room.model.index == 1
    assert room.model.is_done


def test_a_lesson_that_is_complete_begins_anew(qtbot: Any, room: Class) -> None:
    open_lesson(qtbot, room, "one-neuron", 1)
    lesson = room.model.lesson
    progress = room.model.progress_of(lesson)  # type: ignore[arg-type]
    for page in lesson.pages:  # type: ignore[union-attr]
        progress.complete(page.id, None)
    room.model.close()
    room.model.open("one-neuron")
    assert room.model.index == 0


def test_a_run_that_completes_the_page_is_waited_for(qtbot: Any, shell: Any, room: Class) -> None:
    shell.load("sddpm-mnist")
    room.model.uses_own = True
    open_lesson(qtbot, room, "cost")
    assert room.view.status.text() == "Your turn."
    qtbot.waitUntil(lambda: room.lessons.spotlight.target is not None)
    FakeRun(shell.context.run).start()
    qtbot.waitUntil(lambda: room.lessons.spotlight.target is None)  # Sample is Queue by now
    room.view.refresh()
    assert room.view.status.text() == "Wait until the run has finished."
    assert not room.model.is_done


def test_a_page_that_asks_nothing_still_points(qtbot: Any, shell: Any, room: Class) -> None:
    shell.load("sddpm-mnist")
    room.model.uses_own = True
    open_lesson(qtbot, room, "cost", 2)
    qtbot.waitUntil(lambda: room.model.is_done)
    assert room.lessons.spotlight.target is room.widget("efficiency").choice


def test_text_shows_live_numbers_and_no_html(qtbot: Any, room: Class) -> None:
    open_lesson(qtbot, room, "one-neuron", 5)
    assert "fires 2 times" in room.view.text.toPlainText()
    room.lab.threshold = 0.6
    qtbot.waitUntil(lambda: "fires 4 times" in room.view.text.toPlainText() or _draw(room))
    open_lesson(qtbot, room, "one-neuron", 6)
    assert "Charge: H[1] = V[0] + X[1] = 0.000 + 0.400 = 0.400" in room.view.text.toPlainText()
    assert value_text("lab.rate", None) == "not recorded"


def _draw(room: Class) -> bool:
    room.view.refresh()
    return False


def test_markup_is_shown_as_text_and_nothing_is_fetched(qtbot: Any, tmp_path: Path) -> None:
    text = LessonText()
    qtbot.addWidget(text)
    (tmp_path / "secret.txt").write_text("x")
    text.show_page(
        tmp_path, "a", "<b onclick='x'>bold</b> <script>x()</script> ![p](http://e.org/p.png)"
    )
    assert "<b onclick='x'>bold</b>" in text.toPlainText()
    assert "<script>" in text.toPlainText()
    kind = QTextDocument.ResourceType.ImageResource.value
    for name in ("http://example.org/a.png", "file:///etc/hostname", "secret.txt", "../a.png"):
        assert text.loadResource(kind, QUrl(name)) == QByteArray()


def test_links_explain_and_addresses_are_shown_before_they_are_opened(
    qtbot: Any, room: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_lesson(qtbot, room, "one-neuron")
    view, opened = room.view, []
    monkeypatch.setattr(
        "spikestudio.app.views.lesson.QDesktopServices.openUrl", lambda url: opened.append(url)
    )
    view.text.anchorClicked.emit(QUrl("glossary:spike"))
    assert view.term.name.text() == "Spike"
    assert not view.term.open.isVisibleTo(view.term)
    view.text.anchorClicked.emit(QUrl("https://arxiv.org/abs/2306.17046"))
    assert view.term.text.text() == "https://arxiv.org/abs/2306.17046"
    assert not opened
    view.term.open.click()
    assert [url.toString() for url in opened] == ["https://arxiv.org/abs/2306.17046"]


def test_a_missing_model_is_told_and_the_page_can_be_skipped(
    qtbot: Any, room: Class, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("spikestudio.paths.bundled_checkpoints", lambda: tmp_path / "nothing")
    room.model.open("threshold-guidance")
    assert "is not here" in room.model.obstacle
    room.view.refresh()
    assert "is not here" in room.view.status.text()
    room.model.next()
    assert room.model.index == 1


def test_own_model_a_page_says_when_it_does_not_apply(qtbot: Any, shell: Any, room: Class) -> None:
    shell.load("sdit-mnist")
    room.model.uses_own = True
    room.model.open("a-layer")
    room.model.go(1)
    assert room.model.does_apply is False
    room.view.refresh()
    assert "does not apply to sdit-mnist" in room.view.status.text()
    assert not room.lessons.locks.locked
    shell.load("sddpm-mnist")
    assert room.model.does_apply is True


def test_closing_a_lesson_brings_back_docks_and_request(
    qtbot: Any, shell: Any, room: Class
) -> None:
    shell.load("sddpm-mnist")
    room.model.uses_own = True
    before = shell.context.sampler.request
    shown = room.lessons._open_docks()
    room.model.open("threshold-guidance")
    qtbot.waitUntil(lambda: room.model.is_ready)
    assert shell.context.sampler.request.steps == 8
    assert set(room.lessons._open_docks()) == {"lesson", "sampler", "image", "rates"}
    room.model.close()
    assert shell.context.sampler.request == before
    assert set(room.lessons._open_docks()) == set(shown)


def test_closing_a_lesson_gives_docks_their_sizes_again(
    qtbot: Any, shell: Any, room: Class
) -> None:
    shell.load("sddpm-mnist")
    qtbot.wait(50)

    def sizes() -> dict[str, Any]:
        docks = room.window.docks.docks.items()
        return {key: each.geometry() for key, each in docks if each.is_in_front}

    before = sizes()
    assert len(before) > 3
    open_lesson(qtbot, room, "one-neuron", 0)
    assert sizes() != before
    room.model.close()
    qtbot.waitUntil(lambda: sizes() == before)


def test_settings_of_a_lesson_do_not_stay_with_a_model_that_it_brought(
    qtbot: Any, shell: Any, room: Class
) -> None:
    sampler = shell.context.sampler
    sampler.set(seed=3)
    room.model.open("threshold-guidance")
    shell.load("sddpm-mnist")
    sampler.set(steps=8, threshold=0.99)
    room.model.close()
    assert sampler.request == replace(sampler.defaults, seed=3)


def test_after_a_lesson_the_keys_go_to_the_next_one(qtbot: Any, room: Class) -> None:
    open_lesson(qtbot, room, "one-neuron", 0)
    rows = room.view.shelf.rows
    qtbot.mouseClick(room.view.close_button, Qt.MouseButton.LeftButton)
    room.view.refresh()
    qtbot.waitUntil(rows["one-neuron"].start.hasFocus)
    open_lesson(qtbot, room, "one-neuron", 0)
    last = len(room.model.lesson.pages) - 1  # type: ignore[union-attr]
    room.model.progress_of(room.model.lesson).done = {  # type: ignore[arg-type]
        page.id
        for page in room.model.lesson.pages  # type: ignore[union-attr]
    }
    room.model.go(last)
    room.view.refresh()
    qtbot.mouseClick(room.view.next, Qt.MouseButton.LeftButton)
    room.view.refresh()
    qtbot.waitUntil(rows["four-steps"].start.hasFocus)


def test_after_an_answer_the_keys_go_to_the_text(qtbot: Any, room: Class) -> None:
    open_lesson(qtbot, room, "one-neuron", 1)
    field = room.view.question.field
    field.setFocus()  # type: ignore[union-attr]
    field.lineEdit().selectAll()  # type: ignore[union-attr]
    qtbot.keyClicks(field.lineEdit(), "4")  # type: ignore[union-attr]
    qtbot.keyClick(field.lineEdit(), Qt.Key.Key_Return)  # type: ignore[union-attr]
    room.view.refresh()
    assert room.view.text.hasFocus()


@pytest.mark.parametrize(
    ("predicted", "said"),
    [
        (0.31, "Close enough. Predicted 0.310, measured 0.312."),
        (0.3125, "Right. Predicted 0.312, measured 0.312."),
    ],
)
def test_a_number_that_is_only_near_is_called_so(
    qtbot: Any, room: Class, predicted: float, said: str
) -> None:
    open_lesson(qtbot, room, "four-steps", 4)
    room.model.answer(predicted)
    room.lab.steps = 16
    qtbot.waitUntil(lambda: room.model.is_done, timeout=READY_MS)
    room.view.refresh()
    assert room.view.question.result.text() == said


def test_the_lab_does_not_tell_the_answers_before_they_are_given(qtbot: Any, room: Class) -> None:
    for page in (1, 2):
        open_lesson(qtbot, room, "four-steps", page)
        room.widget("neuron-lab").draw_if_needed()
        assert "1/4, 1/2 and 1" not in room.widget("neuron-lab").note.text()
    assert room.lab.steps == 4  # the question is about another number of steps
    room.model.answer("half")
    room.lab.steps = 16
    qtbot.waitUntil(lambda: room.model.is_done, timeout=READY_MS)
    assert room.model.was_right


def test_what_a_lesson_switched_off_works_again_with_its_model(
    qtbot: Any, shell: Any, room: Class
) -> None:
    shell.load("sddpm-mnist")
    room.model.uses_own = True
    room.model.open("attention-free")
    shell.load("sdit-mnist")
    room.model.go(4)
    qtbot.waitUntil(lambda: room.model.is_ready)
    assert shell.context.sampler.request.overrides
    room.model.close()
    assert shell.context.sampler.request.overrides == ()


def test_the_outline_follows_its_control_and_lets_clicks_through(qtbot: Any) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(400, 300)
    content = QWidget()
    column = QVBoxLayout(content)
    buttons = [QPushButton(str(number)) for number in range(30)]
    for button in buttons:
        column.addWidget(button)
    scroll = QScrollArea(window)
    scroll.setWidgetResizable(True)
    scroll.setWidget(content)
    scroll.setGeometry(60, 20, 300, 250)
    window.show()
    spotlight, pressed = Spotlight(window), []
    buttons[20].clicked.connect(lambda: pressed.append(1))
    spotlight.show(buttons[20])
    qtbot.waitUntil(lambda: spotlight.mark is not None and spotlight.mark.isVisible())
    place = buttons[20].mapTo(window, buttons[20].rect().center())
    assert spotlight.mark.geometry().contains(place)  # type: ignore[union-attr]
    assert scroll.geometry().contains(place)  # scrolled into view
    assert window.childAt(place) is buttons[20]
    qtbot.mouseClick(buttons[20], Qt.MouseButton.LeftButton)
    assert pressed == [1]
    scroll.move(90, 20)
    moved = buttons[20].mapTo(window, QPoint(0, 0)).x()
    qtbot.waitUntil(lambda: spotlight.mark.geometry().left() > moved - 60)  # type: ignore[union-attr]
    buttons[20].hide()
    qtbot.waitUntil(lambda: not spotlight.mark.isVisible())  # type: ignore[union-attr]
    spotlight.clear()
    assert spotlight.mark is None


@pytest.mark.parametrize("kind", [QLineEdit, QSpinBox, QComboBox, QSlider, QPushButton])
def test_the_arrow_lies_on_no_other_control(qtbot: Any, kind: type[QWidget]) -> None:
    window = QWidget()
    row = QHBoxLayout(window)
    row.setContentsMargins(0, 40, 40, 40)  # room on all sides but for the neighbour's
    neighbour, target = kind(), QPushButton("target")
    if isinstance(neighbour, QSlider):
        neighbour.setOrientation(Qt.Orientation.Horizontal)
    for each in (neighbour, target):
        row.addWidget(each)
    qtbot.addWidget(window)
    window.resize(400, 120)
    window.show()
    qtbot.waitExposed(window)
    target.setFocus()
    box = neighbour.geometry().adjusted(12, 2, -12, -2)  # an outline may touch its edge
    before = window.grab(box).toImage()
    spotlight = Spotlight(window)
    spotlight.show(target)
    qtbot.waitUntil(lambda: spotlight.mark is not None and spotlight.mark.isVisible())
    assert window.grab(box).toImage() == before
    assert window.grab().toImage() != before


def test_locks_give_back_the_state_that_a_control_would_have(qtbot: Any) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    button, action = QPushButton(parent), QAction(parent)
    button.setToolTip("tip")
    action.setEnabled(False)
    locks = Locks(parent)
    locks.lock([button, action])
    assert not button.isEnabled()
    assert button.toolTip() == TIP
    action.setEnabled(True)
    assert not action.isEnabled()
    locks.lift()
    assert button.isEnabled()
    assert action.isEnabled()
    assert button.toolTip() == "tip"


def test_a_curve_is_drawn_by_mouse_and_by_keys(qtbot: Any) -> None:
    pad = CurvePad(3, 0.0, 2.0, "Draw it")
    qtbot.addWidget(pad)
    pad.resize(300, 130)
    pad.show()
    assert not pad.is_complete
    qtbot.mouseClick(pad, Qt.MouseButton.LeftButton, pos=pad.place(1, 1.0).toPoint())
    assert pad.values[1] == pytest.approx(1.0, abs=0.05)
    qtbot.keyClick(pad, Qt.Key.Key_Left)
    qtbot.keyClick(pad, Qt.Key.Key_Up)
    assert pad.values[0] == pytest.approx(0.1)
    for _ in range(2):
        qtbot.keyClick(pad, Qt.Key.Key_Right)
    qtbot.keyClick(pad, Qt.Key.Key_Down)
    assert pad.values[2] == 0.0
    assert pad.is_complete
    pad.show_answer(pad.values, [0.0, 1.0, 2.0])
    qtbot.keyClick(pad, Qt.Key.Key_Up)
    assert pad.values[2] == 0.0  # fixed once answered
    assert "measured 0.00, 1.00, 2.00" in pad.accessibleDescription()


def test_the_page_bar_goes_anywhere(qtbot: Any) -> None:
    bar, chosen = PageBar(), []
    qtbot.addWidget(bar)
    bar.chosen.connect(chosen.append)
    bar.resize(400, 20)
    bar.set_pages((True, False, False, False), 1)
    bar.show()
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPoint(390, 10))
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End):
        qtbot.keyClick(bar, key)
    assert chosen == [3, 0, 2, 0, 3]
    assert bar.accessibleName() == "Page 2 of 4, 1 complete"
