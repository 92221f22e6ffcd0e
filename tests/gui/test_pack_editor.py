"""The pack editor: what it makes can be opened, edited and previewed; errors lead to their line."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox
from shiboken6 import isValid

from spikestudio.app.layouts import Split
from spikestudio.app.viewmodels.pack_draft import TITLE_PAGE, PackDraft
from spikestudio.app.viewmodels.pack_file import check_parts
from spikestudio.app.views.pack_editor import LOCKED, PAGES, SOURCE, PackEditor
from spikestudio.app.views.pack_parts import ConditionRow
from tests.gui.pack_window import Room, with_packs
from tests.unit.lessons import packs

WAIT_MS = 20_000


@pytest.fixture
def room(shell: Any) -> Any:
    found = with_packs(shell)
    shell.load()
    yield found
    if found.packs.editor is not None and isValid(found.packs.editor):
        found.packs.editor.draft.mark_saved()
        found.packs.editor.close()
    shell.context.lesson.close()


@pytest.fixture
def editor(qtbot: Any, room: Room) -> PackEditor:
    room.context.sampler.set(threshold=0.998, seed=21, steps=7)
    room.packs.edit()
    found = room.packs.editor
    assert found is not None
    settle(qtbot, room, found)
    return found


def settle(qtbot: Any, room: Room, editor: PackEditor) -> None:
    """Wait until the draft as it is has been checked."""
    editor._pause.stop()
    editor.check()
    qtbot.waitUntil(
        lambda: bool(room.shell.frame() or not room.context.jobs.is_active), timeout=WAIT_MS
    )


def test_a_page_takes_settings_and_docks_as_they_are_when_asked(
    qtbot: Any, room: Room, editor: PackEditor, tmp_path: Path
) -> None:
    docks = room.packs._docks
    docks.arrange(Split("row", ("lesson", Split("column", ("image", "rates")), "sampler")))
    room.context.sampler.set(seed=5)  # after the editor was opened
    qtbot.wait(50)
    editor.show_tab(PAGES)
    pages = editor.pages
    assert not pages.no_docks.isEnabled()
    pages.settings.click()
    pages.show_docks.click()
    start = editor.draft.pages[0]["start"]
    assert start["request"]["seed"] == 5
    assert start["show"] == [["image", "rates"], ["sampler"]]
    assert "3" in pages.no_docks.text()
    QTest.keyClicks(pages.title, "Look")
    QTest.keyClicks(pages.body, "At these docks.")
    room.open(qtbot, save(qtbot, room, editor, tmp_path / "docks.spikelesson"))
    qtbot.waitUntil(lambda: docks.columns()[1:] == start["show"], timeout=WAIT_MS)
    pages.no_docks.click()
    assert set(editor.draft.pages[0]["start"]) == {"request"}


def test_a_curve_is_asked_for_in_the_form(
    qtbot: Any, room: Room, editor: PackEditor, tmp_path: Path
) -> None:
    editor.show_tab(PAGES)
    question = editor.pages.question
    question.kind.set_choice("number")
    question.kind.chosen.emit("number")
    assert editor.draft.pages[0]["done"]["state"] == "run.finished"
    question.kind.set_choice("curve")
    question.kind.chosen.emit("curve")
    page = editor.draft.pages[0]
    assert page["done"] == {"state": "lab.amplitude", "gt": 0}
    assert (page["predict"]["points"], page["start"]["lab"]["steps"]) == (8, 8)
    assert not question.waits.isVisible()
    question.state.set_choice("lab.charged")
    question.high.set_number(2)
    question.high.edited.emit(2)
    predict = editor.draft.pages[0]["predict"]
    assert (predict["state"], predict["high"], predict["points"]) == ("lab.charged", 2, 8)
    QTest.keyClicks(editor.pages.title, "Draw")
    QTest.keyClicks(editor.pages.body, "Then give it a current of 0.5.")
    settle(qtbot, room, editor)
    assert editor.problem is None, editor.problem
    room.open(qtbot, save(qtbot, room, editor, tmp_path / "curve.spikelesson"))
    pad = room.shell.window.views.lesson.question.pad
    qtbot.waitUntil(lambda: bool(room.shell.frame() or pad is not None), timeout=WAIT_MS)
    assert room.context.lesson.page.predict.points == 8


def save(qtbot: Any, room: Room, editor: PackEditor, path: Path) -> Path:
    done: list[object] = []
    editor.saved.connect(lambda *found: done.append(found))
    editor.save_to(path)
    qtbot.waitUntil(lambda: bool(room.shell.frame() or done), timeout=WAIT_MS)
    return path


def make(editor: PackEditor) -> None:
    """Write a pack as a teacher would, through the forms."""
    general, pages = editor.general, editor.pages
    general.title.clear()
    QTest.keyClicks(general.title, "One knob ")
    QTest.keyClicks(general.title, "for all")
    QTest.keyClicks(general.author, "A. T.")
    editor.show_tab(1)
    editor.locks.rows["sampler.threshold"].box.click()
    QTest.keyClicks(editor.locks.rows["sampler.threshold"].note, "Later.")
    editor.locks.rows["sampler.threshold"].note.editingFinished.emit()
    editor.show_tab(PAGES)
    pages.title.clear()
    QTest.keyClicks(pages.title, "Look here")
    QTest.keyClicks(pages.body, "Press Sample. Rate: {{measured.rate}}")
    pages.point.set_choice("sampler.sample")
    pages.point.chosen.emit("sampler.sample")
    pages.add.click()
    pages.question.kind.set_choice("choice")
    pages.question.kind.chosen.emit("choice")
    pages.question.question.clear()
    QTest.keyClicks(pages.question.question, "More or less?")


def test_what_is_made_in_forms_is_a_pack(
    qtbot: Any, room: Room, editor: PackEditor, tmp_path: Path
) -> None:
    make(editor)
    settle(qtbot, room, editor)
    assert editor.problem is None, editor.problem
    assert "2 pages, no problems" in editor.message.text()
    path = save(qtbot, room, editor, tmp_path / "knob")
    path = path.with_suffix(".spikelesson")
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("pack.json"))
        lesson = json.loads(archive.read("lesson.json"))
        session = json.loads(archive.read("session.json"))
        words = archive.read("en/page-2.md").decode()
    assert manifest["author"] == "A. T."
    assert manifest["locked"] == [
        {"control": "sampler.threshold", "note": "Later.", "value": 0.998}
    ]
    assert [page["id"] for page in lesson["pages"]] == ["page-1", "page-2"]
    assert lesson["pages"][0]["point"] == "sampler.sample"
    assert lesson["pages"][1]["predict"]["kind"] == "choice"
    assert "question: More or less?" in words
    assert (session["sampler"]["seed"], session["sampler"]["steps"]) == (21, 7)
    assert session["model"]["path"] == ""  # nobody learns where the teacher keeps files
    room.context.sampler.set(threshold=1.002, seed=5)
    room.open(qtbot, path)
    assert room.context.lesson.lesson.title() == "One knob for all"
    assert (room.request.threshold, room.request.seed) == (0.998, 21)


def test_an_existing_pack_is_edited_without_losing_anything(
    qtbot: Any, room: Room, editor: PackEditor, tmp_path: Path
) -> None:
    path = packs.write(tmp_path / "a.spikelesson", packs.files())
    editor.load(path)
    qtbot.waitUntil(lambda: bool(room.shell.frame() or editor.path == path), timeout=WAIT_MS)
    assert editor.general.author.text() == "A. Teacher"
    editor.show_tab(PAGES)
    assert editor.pages.list.count() == 2
    assert "Press" in editor.pages.preview.toPlainText()
    before = dict(editor.draft.files())
    for tab in (0, 1, 2, 3):  # looking changes nothing
        editor.show_tab(tab)
    for page in (1, 0):
        editor.pages.go(page)
    assert editor.draft.files() == before
    assert not editor.draft.is_unsaved
    editor.show_tab(PAGES)
    QTest.keyClicks(editor.pages.title, "!")
    assert editor.draft.is_unsaved
    assert "*" in editor.windowTitle()
    save(qtbot, room, editor, path)
    assert not editor.draft.is_unsaved
    with zipfile.ZipFile(path) as archive:
        assert "title: Look!" in archive.read("en/look.md").decode()
        assert archive.read("dot.png") == packs.png()
        assert json.loads(archive.read("session.json"))["sampler"]["seed"] == 11


def test_an_error_leads_to_its_line(qtbot: Any, room: Room, editor: PackEditor) -> None:
    make(editor)
    draft = editor.draft
    text = draft.source("lesson.json")
    draft.set_source("lesson.json", text.replace("measured.rate_change", "measured.nothing", 1))
    settle(qtbot, room, editor)
    lines = draft.source("lesson.json").splitlines()
    line = next(n for n, each in enumerate(lines, 1) if "measured.nothing" in each)
    assert f"Page 2 of lesson.json, line {line}: there is no state" in editor.message.text()
    assert not editor.save_button.isEnabled()
    editor.show_error.click()
    assert editor.stack.currentIndex() == SOURCE
    assert editor.source.name == "lesson.json"
    assert editor.source.marked_lines == [line]
    assert editor.source.text.textCursor().blockNumber() + 1 == line
    editor.source.text.setPlainText(text)
    editor.source.take()
    settle(qtbot, room, editor)
    assert editor.problem is None
    assert editor.source.marked_lines == []


def test_source_that_is_no_json_keeps_the_forms(qtbot: Any, room: Room, editor: PackEditor) -> None:
    text = editor.draft.source("pack.json")
    editor.show_tab(SOURCE)
    editor.source.text.setPlainText(text.replace('"locked": [],', '"locked": [,'))
    editor.source.take()
    settle(qtbot, room, editor)
    assert editor.problem is not None
    assert editor.problem.file == "pack.json"
    assert editor.problem.line == next(
        n for n, each in enumerate(text.splitlines(), 1) if '"locked"' in each
    )
    assert not editor.general.isEnabled()
    assert "[,'" not in editor.draft.source("pack.json")
    editor.source.text.setPlainText(text)
    editor.source.take()
    settle(qtbot, room, editor)
    assert editor.general.isEnabled()


def test_a_page_that_is_broken_in_the_source_is_not_overwritten(
    qtbot: Any, room: Room, editor: PackEditor
) -> None:
    editor.draft.set_source("en/page-1.md", "no front lines, and much work\n")
    settle(qtbot, room, editor)
    assert not editor.pages.isEnabled()
    assert editor.problem is not None
    assert editor.problem.file == "en/page-1.md"
    assert "much work" in editor.draft.source("en/page-1.md")


def test_preview_as_a_student(qtbot: Any, room: Room, editor: PackEditor) -> None:
    make(editor)
    settle(qtbot, room, editor)
    before = room.request
    room.context.sampler.set(threshold=1.001)
    changed = room.request
    editor.preview.click()
    qtbot.waitUntil(lambda: bool(room.shell.frame() or room.packs.model.is_open), timeout=WAIT_MS)
    assert room.context.lesson.lesson.title() == "One knob for all"
    assert room.request.threshold == before.threshold == 0.998
    assert editor.path is None  # a preview is not saved
    assert editor.draft.is_unsaved
    room.context.lesson.close()
    assert room.request == changed


def test_a_preview_begins_anew_each_time(qtbot: Any, room: Room, editor: PackEditor) -> None:
    make(editor)
    settle(qtbot, room, editor)
    lesson = room.context.lesson
    for _ in range(2):
        editor.preview.click()
        qtbot.waitUntil(
            lambda: bool(room.shell.frame() or room.packs.model.is_open), timeout=WAIT_MS
        )
        assert lesson.index == 0
        index = next(n for n, page in enumerate(lesson.lesson.pages) if page.predict)
        lesson.go(index)
        assert lesson.prediction is None
        lesson.answer(lesson.page.predict.choices[0].id if lesson.page.predict.choices else 0.5)
        assert lesson.prediction is not None
        lesson.close()


def test_the_editor_makes_room_for_its_preview(qtbot: Any, room: Room, editor: PackEditor) -> None:
    editor.setGeometry(room.window.geometry())
    editor.preview.click()
    qtbot.waitUntil(lambda: bool(room.shell.frame() or room.packs.model.is_open), timeout=WAIT_MS)
    assert editor.isHidden()
    assert any("Then the editor comes back." in text for text in room.said())
    room.context.lesson.close()
    qtbot.waitUntil(editor.isVisible)


def test_what_is_being_typed_is_saved(
    qtbot: Any, room: Room, editor: PackEditor, tmp_path: Path
) -> None:
    editor.show_tab(LOCKED)
    row = editor.locks.rows["sampler.steps"]
    row.box.click()
    row.note.setFocus()
    QTest.keyClicks(row.note, "Seven today.")
    path = save(qtbot, room, editor, tmp_path / "a.spikelesson")
    assert row.note.text() == "Seven today."
    with zipfile.ZipFile(path) as parts:
        assert json.loads(parts.read("pack.json"))["locked"][0]["note"] == "Seven today."
    settle(qtbot, room, editor)
    assert f"Saved a.spikelesson in {tmp_path}." in editor.message.text()
    assert f"Saved a.spikelesson in {tmp_path}." in room.said()


def test_saving_when_asked_closes_the_editor(
    qtbot: Any, room: Room, editor: PackEditor, tmp_path: Path
) -> None:
    save(qtbot, room, editor, tmp_path / "a.spikelesson")
    QTest.keyClicks(editor.general.author, "B")
    editor.reject()
    assert editor.question is not None
    folder = editor.pages.folder
    button = editor.question.button(QMessageBox.StandardButton.Save)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(room.shell.frame() or not folder.exists()), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not isValid(editor), timeout=WAIT_MS)


def test_closing_the_window_asks_about_the_pack(
    qtbot: Any, room: Room, editor: PackEditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []
    QTest.keyClicks(editor.general.author, "B")
    with monkeypatch.context() as patch:  # the window is closed in earnest at the end
        patch.setattr(room.window, "close", lambda: closed.append(True))
        event = QCloseEvent()
        QApplication.sendEvent(room.window, event)
        assert not event.isAccepted()
        assert editor.question is not None
        discard = editor.question.button(QMessageBox.StandardButton.Discard)
        qtbot.mouseClick(discard, Qt.MouseButton.LeftButton)
    assert closed == [True]
    qtbot.waitUntil(lambda: not isValid(editor))


def test_a_control_is_picked_by_clicking_it(qtbot: Any, room: Room, editor: PackEditor) -> None:
    editor.show_tab(PAGES)
    before = room.request
    editor.pages.pick.click()
    assert editor.isHidden()
    assert room.packs.picker.is_on
    slider = room.window.views.sampler.rows["threshold"].slider
    qtbot.mouseMove(slider, QPoint(5, 5))
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton)
    assert not editor.isHidden()
    assert editor.draft.pages[0]["point"] == "sampler.threshold"
    assert editor.pages.point.choice == "sampler.threshold"
    assert room.request == before
    editor.pages.pick.click()
    qtbot.keyClick(room.window, Qt.Key.Key_Escape)
    assert not room.packs.picker.is_on
    assert not editor.isHidden()
    assert QApplication.overrideCursor() is None
    assert editor.draft.pages[0]["point"] == "sampler.threshold"


def test_closing_asks_about_what_is_unsaved(
    qtbot: Any, room: Room, editor: PackEditor, tmp_path: Path
) -> None:
    QTest.keyClicks(editor.general.author, "B")
    editor.close()
    assert editor.isVisible()
    assert editor.question is not None
    cancel = editor.question.button(QMessageBox.StandardButton.Cancel)
    qtbot.mouseClick(cancel, Qt.MouseButton.LeftButton)
    assert editor.isVisible()
    editor.close()
    assert editor.question is not None
    folder = editor.pages.folder
    discard = editor.question.button(QMessageBox.StandardButton.Discard)
    qtbot.mouseClick(discard, Qt.MouseButton.LeftButton)
    assert not folder.exists()
    assert not list(tmp_path.glob("*.spikelesson"))


def test_a_disk_that_refuses_leaves_the_old_file(
    qtbot: Any, room: Room, editor: PackEditor, tmp_path: Path
) -> None:
    editor.save_to(tmp_path / "no" / "a.spikelesson")
    qtbot.waitUntil(lambda: bool(room.shell.frame() or room.said()), timeout=WAIT_MS)
    assert any("does not exist" in text for text in room.said())
    assert editor.path is None


def test_pages_are_moved_and_removed() -> None:
    draft = PackDraft()
    draft.add_page()
    draft.add_page(0)
    assert [page["id"] for page in draft.pages] == ["page-1", "page-3", "page-2"]
    assert draft.move_page(2, -5) == 0
    draft.remove_page(1)
    assert [page["id"] for page in draft.pages] == ["page-2", "page-3"]
    assert "en/page-1.md" not in draft.files()
    draft.set_front(TITLE_PAGE, title="a: b\nc")
    check_parts(Path("x.spikelesson"), draft.files())
    assert draft.title == "a: b c"


def test_a_picture_is_taken_in_under_a_safe_name() -> None:
    draft = PackDraft()
    assert draft.add_picture("../../Évil name!.PNG", packs.png()) == "vil-name.png"
    check_parts(Path("x.spikelesson"), draft.files())
    with pytest.raises(ValueError, match="no PNG or SVG"):
        draft.add_picture("a.exe", b"")
    with pytest.raises(ValueError, match="larger than"):
        draft.add_picture("a.png", bytes(2**22))


@pytest.mark.parametrize(
    "condition",
    [
        None,
        {"state": "run.finished", "since_start": True, "ge": 1},
        {"state": "lab.kind", "eq": "LIF"},
        {"state": "request.threshold", "lt": 0.999},
        {"state": "timeline.step", "changed": True},
        {"all": [{"state": "run.finished", "ge": 1}, {"state": "run.seed", "eq": 2}]},
        {"state": "run.seed", "gt": 1, "lt": 4},
    ],
)
def test_a_condition_is_shown_and_kept(qtbot: Any, condition: Any) -> None:
    row = ConditionRow("Done", nothing="read")
    qtbot.addWidget(row)
    row.show_condition(condition)
    assert row.condition == condition
