"""Answers, class summaries and handouts from a window: asked for, written in the background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QCloseEvent, QPdfWriter, QTextDocument
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit

from spikestudio.app import handouts
from spikestudio.app.classroom import ALL, PAGE, PDF, TABLE, Classroom
from spikestudio.errors import ExportError
from spikestudio.lessons.answers_reading import read
from spikestudio.lessons.handout import QUESTION
from tests.gui.pack_window import with_packs
from tests.unit.lessons import packs
from tests.unit.lessons.handed import hand_in, progress, write

LONG_MS = 60_000


@pytest.fixture
def classroom(shell: Any) -> Any:
    """A window with a student who worked at the first lesson."""
    model = shell.context.lesson
    first = next(each for each in model.lessons if each.id == "one-neuron")
    model._progress[first.id] = progress({"leak": "often", "threshold": 4.0})
    return Classroom(shell.window, shell.context, shell.window.notifications)


def told(shell: Any) -> str:
    return " ".join(message.text for message in shell.window.notifications.messages)


def wait(qtbot: Any, shell: Any, words: str) -> None:
    def deliver() -> bool:
        shell.context.jobs.deliver()
        return words in told(shell)

    qtbot.waitUntil(deliver, timeout=LONG_MS)


def file_dialog(shell: Any) -> QFileDialog:
    found: list[QFileDialog] = [
        each for each in shell.window.findChildren(QFileDialog) if each.isVisible()
    ]
    assert len(found) == 1
    return found[0]


def choose(shell: Any, path: Path, name_filter: str = "") -> None:
    dialog = file_dialog(shell)
    if name_filter:
        dialog.selectNameFilter(name_filter)
        dialog.filterSelected.emit(name_filter)
    dialog.fileSelected.emit(str(path))
    dialog.reject()


@pytest.mark.parametrize(("name_filter", "suffix"), [(PAGE, ".html"), (TABLE, ".csv")])
def test_answers_are_exported_with_the_name_that_was_typed(
    qtbot: Any, shell: Any, classroom: Classroom, tmp_path: Path, name_filter: str, suffix: str
) -> None:
    classroom.export_answers()
    dialog = classroom.dialog
    assert dialog is not None
    assert isinstance(dialog.name, QLineEdit)
    dialog.name.setText("Ada Q")
    dialog.lessons.set_choice("one-neuron")
    dialog.save.click()
    assert classroom.dialog is None
    assert file_dialog(shell).selectedFiles()[0].endswith("answers_Ada_Q.html")
    choose(shell, tmp_path / "mine", name_filter)
    wait(qtbot, shell, f"Saved mine{suffix}")
    found = read(tmp_path / f"mine{suffix}")
    assert found.student == "Ada Q"
    assert {row.lesson for row in found.rows} == {"one-neuron"}
    assert next(row for row in found.rows if row.page == "leak").predicted == "often"


def test_the_name_is_kept_nowhere(
    qtbot: Any, shell: Any, classroom: Classroom, tmp_path: Path, state_folder: Path
) -> None:
    classroom.save_answers(tmp_path / "mine.csv", "Xanthippe", ALL)
    wait(qtbot, shell, "Saved mine.csv")
    shell.context.store.save(shell.context.settings)
    others = [each for each in tmp_path.rglob("*") if each.is_file() and each.name != "mine.csv"]
    assert others
    assert not [each for each in others if b"Xanthippe" in each.read_bytes()]


def test_without_answers_it_says_so(shell: Any) -> None:
    classroom = Classroom(shell.window, shell.context, shell.window.notifications)
    classroom.export_answers()
    assert classroom.dialog is None
    assert "no answers yet" in told(shell)
    classroom.save_table()  # no lesson is open: nothing is asked
    assert not shell.window.findChildren(QFileDialog)


def test_answers_in_a_pack_are_exported_also_once_it_was_left(
    qtbot: Any, shell: Any, tmp_path: Path
) -> None:
    room = with_packs(shell)
    shell.load()
    room.open(qtbot, packs.write(tmp_path / "a.spikelesson", packs.files()))
    model = shell.context.lesson
    model.go(1)
    model.answer("more")
    model.close()
    classroom = Classroom(shell.window, shell.context, shell.window.notifications)
    classroom.export_answers()
    assert classroom.dialog is not None
    titles = [classroom.dialog.lessons.itemText(n) for n in range(classroom.dialog.lessons.count())]
    assert titles == ["all that were begun", "Threshold"]
    classroom.dialog.reject()
    classroom.save_answers(tmp_path / "mine.csv", "Ada", ALL)
    wait(qtbot, shell, "Saved mine.csv")
    rows = read(tmp_path / "mine.csv").rows
    assert [(row.page, row.predicted) for row in rows] == [("look", None), ("guess", "more")]


def test_the_handout_of_a_pack_is_saved_while_it_is_open(
    qtbot: Any, shell: Any, tmp_path: Path
) -> None:
    room = with_packs(shell)
    shell.load()
    room.open(qtbot, packs.write(tmp_path / "a.spikelesson", packs.files()))
    classroom = Classroom(shell.window, shell.context, shell.window.notifications)
    classroom.save_handout(shell.context.lesson.lesson.id, tmp_path / "sheet.html")
    wait(qtbot, shell, "Saved sheet.html")
    assert "Threshold" in (tmp_path / "sheet.html").read_text(encoding="utf-8")
    shell.context.lesson.close()


def test_the_results_of_the_open_lesson_are_a_table(
    qtbot: Any, shell: Any, classroom: Classroom, tmp_path: Path
) -> None:
    shell.context.lesson.open("one-neuron")
    classroom.save_table()
    choose(shell, tmp_path / "results.csv")
    wait(qtbot, shell, "Saved results.csv")
    found = read(tmp_path / "results.csv")
    assert found.student == ""
    assert len(found.rows) == 7


def test_time_on_the_page_that_is_open_is_counted(
    qtbot: Any, shell: Any, classroom: Classroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shell.context.lesson
    first = next(each for each in model.lessons if each.id == "one-neuron")
    model.progress_of(first).enter("charge", 1000.0)
    monkeypatch.setattr("spikestudio.app.classroom.monotonic", lambda: 1042.0)
    classroom.save_answers(tmp_path / "mine.csv", "")
    wait(qtbot, shell, "Saved mine.csv")
    charge = next(row for row in read(tmp_path / "mine.csv").rows if row.page == "charge")
    assert charge.seconds == 30.0 + 42.0


def test_a_class_is_summed_up_in_the_background(
    qtbot: Any, shell: Any, classroom: Classroom, tmp_path: Path
) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    write(folder / "a.csv", hand_in({"leak": "often"}, "Ada"))
    write(folder / "b.html", hand_in({"leak": "never"}, "Bo"))
    (folder / "evil.html").write_text("<script>alert(1)</script>")
    (folder / "students.txt").write_text("Ada\nBo\nCy\n")
    (tmp_path / "all.csv").write_text("mine")
    classroom.ask_summary()
    choose(shell, folder)
    qtbot.waitUntil(lambda: bool(file_dialog(shell)))
    choose(shell, tmp_path / "all.html")
    assert not (tmp_path / "all.html").exists()  # not on this thread
    wait(qtbot, shell, "Saved all.html and all_2.csv")
    assert "2 students, 4 questions. Missing: 1. 1 file could not be used" in told(shell)
    assert (tmp_path / "all.csv").read_text() == "mine"  # never replaced without asking
    assert "<script" not in (tmp_path / "all.html").read_text(encoding="utf-8")


def test_a_folder_that_is_gone_is_told(
    qtbot: Any, shell: Any, classroom: Classroom, tmp_path: Path
) -> None:
    classroom.save_summary(tmp_path / "gone", tmp_path / "a.html")
    wait(qtbot, shell, "There is no folder")
    assert not (tmp_path / "a.html").exists()


def test_closing_the_window_stops_what_is_being_drawn(
    qtbot: Any, shell: Any, classroom: Classroom, tmp_path: Path
) -> None:
    write(tmp_path / "a.csv", hand_in({"leak": "often"}, "Ada"))
    shell.context.jobs.submit(lambda: __import__("time").sleep(0.3), id, print)
    classroom.save_summary(tmp_path, tmp_path / "a.html")
    QApplication.sendEvent(classroom, QCloseEvent())  # of something else
    classroom.eventFilter(shell.window, QCloseEvent())
    wait(qtbot, shell, "cancelled")
    assert not (tmp_path / "a.html").exists()
    classroom.save_summary(tmp_path, tmp_path / "b.html")  # it stayed open after all
    wait(qtbot, shell, "Saved b.html")


# handouts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name_filter", "start"), [(PDF, b"%PDF"), (PAGE, b"<!doctype html>")])
def test_a_handout_is_written(
    qtbot: Any, shell: Any, classroom: Classroom, tmp_path: Path, name_filter: str, start: bytes
) -> None:
    shell.context.lesson.open("noise")
    classroom.ask_open_handout()
    choose(shell, tmp_path / "noise", name_filter)
    wait(qtbot, shell, "Saved noise.")
    written = next(each for each in tmp_path.iterdir() if each.stem == "noise")
    data = written.read_bytes()
    assert data.startswith(start)
    if name_filter == PDF:
        assert data.rstrip().endswith(b"%%EOF")
        assert data.count(b"/Type /Page\n") in (2, 3)
        assert data.count(b"/Subtype /Image") >= 3


def test_a_handout_needs_a_lesson(shell: Any, classroom: Classroom) -> None:
    classroom.ask_open_handout()
    assert "Open a lesson first" in told(shell)


def test_a_page_as_pdf_reads_nothing_from_elsewhere(qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"x")
    asked = handouts._Page()
    kind = QTextDocument.ResourceType.ImageResource.value
    for name in ("file:///etc/passwd", str(tmp_path / "secret.png"), "https://example.org/a.png"):
        assert not bytes(asked.loadResource(kind, name))
    with pytest.raises(ExportError, match="does not exist"):
        handouts.save_pdf(tmp_path / "gone" / "a.pdf", "<p>x</p>", "x")


def test_a_heading_is_not_left_alone_at_the_end_of_a_sheet(qtbot: Any, tmp_path: Path) -> None:
    """Whatever stands above it, the text of a heading begins on the heading's sheet."""
    for lines in range(30, 60):
        above = "<p>line</p>" * lines
        document = handouts._Page()
        document.setHtml(f"{above}<h2>Heading</h2><p>text</p>")
        writer = QPdfWriter(str(tmp_path / "a.pdf"))
        writer.setResolution(handouts.DPI)
        handouts._lay_out(document, writer)
        handouts._keep_together(document, float(writer.height()))
        layout, text = document.documentLayout(), document.lastBlock()
        tops = [
            layout.blockBoundingRect(each).top() + each.layout().lineAt(0).y()
            for each in (text.previous(), text)
        ]
        assert int(tops[0] / writer.height()) == int(tops[1] / writer.height()), lines
        layout.setPaintDevice(None)  # type: ignore[arg-type]


def test_a_question_and_its_answer_are_on_one_sheet(qtbot: Any, tmp_path: Path) -> None:
    """Whatever stands above it, and with a heading after it that is kept as well."""
    choices = "<p>choice</p>" * 3
    ask = f'<p><a name="{QUESTION}a"></a><b>question</b></p>{choices}<p>answer</p>'
    for lines in range(30, 60):
        document = handouts._Page()
        document.setHtml("<p>line</p>" * lines + ask + "<h2>Heading</h2><p>text</p>")
        writer = QPdfWriter(str(tmp_path / "a.pdf"))
        writer.setResolution(handouts.DPI)
        handouts._lay_out(document, writer)
        handouts._keep_together(document, float(writer.height()))
        layout, tops = document.documentLayout(), list[float]()
        for number in range(lines, document.blockCount()):
            block = document.findBlockByNumber(number)
            tops.append(layout.blockBoundingRect(block).top() + block.layout().lineAt(0).y())
        sheets = [int(top / writer.height()) for top in tops]
        assert len(set(sheets[:5])) == len(set(sheets[5:])) == 1, lines
        layout.setPaintDevice(None)  # type: ignore[arg-type]


def test_the_dialog_fits_and_is_named(qtbot: Any, shell: Any, classroom: Classroom) -> None:
    classroom.export_answers()
    dialog = classroom.dialog
    assert dialog is not None
    assert dialog.sizeHint().boundedTo(QSize(1280, 720)) == dialog.sizeHint()
    for each in (dialog.name, dialog.lessons, dialog.save):
        assert each.toolTip()
    assert dialog.name.accessibleName() == "Your name"
    assert "kept nowhere" in dialog.name.toolTip()
    dialog.reject()
