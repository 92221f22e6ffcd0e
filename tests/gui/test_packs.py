"""Lesson packs in the window: opened as a whole or not at all, locked, and put back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.gui.pack_window import Room, with_packs
from tests.unit.lessons import packs

HELD = 0.997


@pytest.fixture
def room(shell: Any) -> Any:
    """A window with a model and the packs."""
    found = with_packs(shell)
    shell.load()
    yield found
    shell.context.lesson.close()


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return packs.write(tmp_path / "a.spikelesson", packs.files())


def row(room: Room) -> Any:
    return room.window.views.sampler.rows["threshold"]


def try_everything(room: Room, widget: Any) -> None:
    """Click, scroll, type into and drag a control and whatever lies in it."""
    for each in (widget, *widget.findChildren(type(widget).__mro__[-3])):
        if not hasattr(each, "isVisible") or not each.isVisible():
            continue
        center = each.rect().center()
        QTest.mouseClick(each, Qt.MouseButton.LeftButton, pos=center)
        QTest.mousePress(each, Qt.MouseButton.LeftButton, pos=center)
        QTest.mouseMove(each, center + QPoint(20, 0))
        QTest.mouseRelease(each, Qt.MouseButton.LeftButton, pos=center + QPoint(20, 0))
        wheel = QWheelEvent(
            QPointF(center), QPointF(each.mapToGlobal(center)), QPoint(0, 120), QPoint(0, 120),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase,
            False,
        )  # fmt: skip
        QApplication.sendEvent(each, wheel)
        each.setFocus()
        for key in (Qt.Key.Key_Up, Qt.Key.Key_Right, Qt.Key.Key_PageUp, Qt.Key.Key_Return):
            QTest.keyClick(each, key)
        QTest.keyClicks(each, "1.001")
        QTest.keyClick(each, Qt.Key.Key_Return)


def test_a_pack_is_in_force_once_it_is_opened(qtbot: Any, room: Room, pack: Path) -> None:
    room.open(qtbot, pack)
    lesson = room.context.lesson
    assert lesson.lesson.title() == "Threshold"
    assert (room.request.steps, room.request.seed, room.request.threshold) == (6, 11, HELD)
    assert room.levels.level == "intro"
    assert not room.window.docks.docks["lesson"].isHidden()
    assert any("a.spikelesson by A. Teacher: 2 controls locked" in text for text in room.said())


def test_a_pack_that_the_program_was_started_with_is_opened(
    qtbot: Any, shell: Any, pack: Path
) -> None:
    shell.window.start(lesson=str(pack))
    qtbot.waitUntil(lambda: bool(shell.frame() or shell.window.packs.model.is_open), timeout=20_000)
    assert shell.context.lesson.lesson.title() == "Threshold"
    shell.context.lesson.close()


def test_a_comparison_that_has_nothing_to_compare_says_what_to_do(
    qtbot: Any, room: Room, tmp_path: Path
) -> None:
    lesson = packs.lesson()
    page = lesson["pages"][1]
    page["done"] = {"state": "request.steps", "ge": 1}
    for choice in page["predict"]["choices"]:
        choice["when"] = {"state": "measured.rate_change", "gt": 5}
    room.open(qtbot, packs.write(tmp_path / "b.spikelesson", packs.files(lesson=lesson)))
    model, result = room.context.lesson, room.window.views.lesson.question.result
    model.go(1)
    qtbot.waitUntil(lambda: bool(room.shell.frame() or model.is_ready), timeout=20_000)
    assert model.lacks == ""
    model.answer("more")
    room.shell.frame()
    assert model.lacks == "run"
    assert "sample once more" in result.text()
    model.state.value = lambda _name: 1.0  # an answer for which no number is right
    model.update()
    room.shell.frame()
    assert model.lacks == "answer"
    assert "fits no answer" in result.text()


def test_locked_controls_say_why(qtbot: Any, room: Room, pack: Path) -> None:
    room.open(qtbot, pack)
    target = row(room)
    qtbot.waitUntil(lambda: len([p for p in room.packs.locks.padlocks if p.isVisible()]) >= 1)
    padlock = next(each for each in room.packs.locks.padlocks if each.target is target)
    assert "Ask me why." in target.toolTip()
    assert "Ask me why." in padlock.toolTip()
    assert "Sampler: Threshold is locked at 0.997" in padlock.accessibleName()
    dot = target.reset
    qtbot.waitUntil(
        lambda: padlock.geometry().contains(dot.mapTo(padlock.parentWidget(), dot.rect().center()))
    )
    for press in (
        lambda: qtbot.mouseClick(padlock, Qt.MouseButton.LeftButton),
        lambda: qtbot.mouseClick(target, Qt.MouseButton.LeftButton),
        lambda: qtbot.mouseClick(target.slider, Qt.MouseButton.LeftButton),
        lambda: qtbot.keyClick(padlock, Qt.Key.Key_Space),
    ):
        for message in room.window.notifications.messages:
            room.window.notifications.close_message(message)
        qtbot.waitUntil(lambda: not room.said())
        press()
        assert any("Ask me why." in text for text in room.said())


def test_a_held_value_cannot_be_changed_by_hand(qtbot: Any, room: Room, pack: Path) -> None:
    room.open(qtbot, pack)
    room.window.activateWindow()
    before = asdict(room.request)
    try_everything(room, row(room))
    try_everything(room, room.window.views.sampler.samplers)
    assert asdict(room.request) == before
    row(room).setEnabled(True)  # as its view may do
    assert not row(room).isEnabled()


def test_a_held_value_cannot_be_changed_by_other_ways(qtbot: Any, room: Room, pack: Path) -> None:
    sampler = room.context.sampler
    sampler.set(threshold=1.003)
    sampler.set(threshold=0.95, seed=4)
    room.open(qtbot, pack)
    for _ in range(6):
        room.window.commands["undo-settings"].trigger()
        assert sampler.request.threshold == HELD
    for _ in range(6):
        room.window.commands["redo-settings"].trigger()
        assert sampler.request.threshold == HELD
    sampler.set(threshold=1.0)
    assert sampler.request.threshold == HELD
    sampler.set(seed=77, threshold=1.2)
    assert (sampler.request.threshold, sampler.request.seed) == (HELD, 77)
    room.shell.load("sdit-mnist")
    assert sampler.request.threshold == HELD


def test_the_neuron_lab_is_held_and_put_back(qtbot: Any, room: Room, tmp_path: Path) -> None:
    lab = room.context.neuron_lab
    lab.threshold = 0.8
    locked = [{"control": "lab.threshold", "value": 1.5}, {"control": "lab.kind", "value": "LIF"}]
    parts = packs.files(pack=packs.manifest() | {"locked": locked})
    room.open(qtbot, packs.write(tmp_path / "b.spikelesson", parts))
    assert (lab.threshold, lab.kind) == (1.5, "LIF")
    lab.threshold = 0.3
    lab.kind = "IF"
    assert (lab.threshold, lab.kind) == (1.5, "LIF")
    room.context.lesson.close()
    assert lab.threshold == 0.8


def test_a_locked_seed_stays_whatever_draws_one(qtbot: Any, room: Room, tmp_path: Path) -> None:
    locked = [{"control": "sampler.seed", "value": 5, "note": "All the same."}]
    parts = packs.files(pack=packs.manifest() | {"locked": locked})
    room.open(qtbot, packs.write(tmp_path / "b.spikelesson", parts))
    bar, view = room.window.toolbar, room.window.views.sampler
    assert not any(each.isEnabled() for each in (bar.seed, bar.dice, view.seed))
    room.window.commands["roll-seed"].trigger()
    room.context.sampler.roll_seed()
    assert room.request.seed == 5


def test_all_is_put_back_when_the_lesson_is_left(qtbot: Any, room: Room, pack: Path) -> None:
    room.levels.choose("explore")
    room.context.sampler.set(threshold=1.002, steps=9, seed=3)
    before, shown = asdict(room.request), room.window.docks.save().rpartition(":")[2]
    room.open(qtbot, pack)
    folder = Path(room.packs.model.current.folder.name)
    assert folder.is_dir()
    room.context.lesson.close()
    assert asdict(room.request) == before
    assert room.levels.level == "explore"
    assert not room.levels.is_held
    assert row(room).isEnabled()
    assert not room.packs.locks.padlocks
    assert not folder.exists()
    after = set(room.window.docks.save().rpartition(":")[2].split(","))
    assert after == {*shown.split(","), "lesson"}
    room.context.sampler.set(threshold=1.001)
    assert room.request.threshold == 1.001


@pytest.mark.parametrize(
    "change",
    [
        {"pack.json": b"{"},
        {"lesson.json": b"{}"},
        {"en/look.md": b"---\ntitle: x\n---\n<script>x()</script>"},
        {"session.json": b'{"schema_version": 99}'},
    ],
)
def test_a_pack_that_cannot_be_used_changes_nothing(
    qtbot: Any, room: Room, tmp_path: Path, change: dict[str, bytes]
) -> None:
    before, docks = asdict(room.request), room.window.docks.save()
    room.open(qtbot, packs.write(tmp_path / "bad.spikelesson", packs.files() | change))
    assert any("The lesson pack bad.spikelesson cannot be used" in text for text in room.said())
    assert room.context.lesson.lesson is None
    assert (asdict(room.request), room.window.docks.save()) == (before, docks)
    assert room.packs.model.current is None
    assert row(room).isEnabled()


def test_a_missing_checkpoint_changes_nothing(qtbot: Any, room: Room, tmp_path: Path) -> None:
    model = {"name": "mine", "path": "/no/such.safetensors", "tensors_sha256": "a" * 64}
    parts = packs.files(session=packs.session() | {"model": model})
    before = asdict(room.request)
    room.open(qtbot, packs.write(tmp_path / "b.spikelesson", parts))
    assert any("starts with the model mine, which is not here" in text for text in room.said())
    assert room.context.lesson.lesson is None
    assert asdict(room.request) == before


def test_a_run_in_progress_is_not_disturbed(qtbot: Any, room: Room, pack: Path) -> None:
    room.shell.run(2)
    room.packs.open(pack)
    room.shell.frame()
    assert any("A run is in progress" in text for text in room.said())
    assert room.context.lesson.lesson is None


def test_another_pack_takes_the_place_of_the_first(qtbot: Any, room: Room, tmp_path: Path) -> None:
    first = packs.write(tmp_path / "a.spikelesson", packs.files())
    manifest = packs.manifest() | {"locked": [], "level": "lab", "id": "other"}
    second = packs.write(tmp_path / "b.spikelesson", packs.files(pack=manifest))
    before = asdict(room.request)
    room.open(qtbot, first)
    room.open(qtbot, second)
    assert row(room).isEnabled()
    assert room.levels.level == "lab"
    room.context.lesson.close()
    assert asdict(room.request) == before


def test_a_pack_is_dropped_on_the_window(qtbot: Any, room: Room, pack: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(pack))])
    action, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    room.window.dragEnterEvent(QDragEnterEvent(QPoint(9, 9), action, data, button, none))
    assert "Open the lesson pack a.spikelesson" in room.window.overlay.accessibleName()
    room.window.dropEvent(QDropEvent(QPointF(9, 9), action, data, button, none))
    qtbot.waitUntil(lambda: bool(room.shell.frame() or room.packs.model.is_open), timeout=20_000)


def test_progress_in_a_pack_is_its_own(qtbot: Any, room: Room, pack: Path, state_folder) -> None:
    room.open(qtbot, pack)
    assert room.context.lesson.lesson.id == "pack-threshold-3fa2c1"
    room.context.lesson.next()
    room.context.lesson.close()
    room.open(qtbot, pack)
    assert room.context.lesson.page.id == "guess"
