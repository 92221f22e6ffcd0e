"""Answers that are handed in: what is in them, and files that must not do any harm."""

from __future__ import annotations

import base64
import csv
import io
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from spikestudio.errors import ExportError
from spikestudio.lessons import answers, answers_reading
from spikestudio.lessons.answers import COLUMNS, ENCODING, csv_text
from spikestudio.lessons.answers_reading import AnswersError, read
from spikestudio.lessons.progress import Answer, Progress
from tests.unit.lessons.handed import CURVE, hand_in, one_neuron, progress, write

PREDICTED: dict[str, Answer] = {"threshold": 3.0, "reset": CURVE, "leak": "never"}


def test_every_page_is_there_with_answer_measurement_tries_and_times() -> None:
    mine = progress(PREDICTED)
    mine.begin_anew()
    mine.enter("leak", 500.0)
    mine.answer("leak", "rarely", 507.5)
    mine.complete("leak", "never")
    mine.leave(510.0)
    found = answers.collect([one_neuron()], lambda _: mine)
    rows = {row.page: row for row in found.rows}
    assert list(rows) == [page.id for page in one_neuron().pages]
    leak = rows["leak"]
    assert (leak.predicted, leak.measured, leak.was_right) == ("rarely", "never", False)
    assert (leak.tries, leak.earlier) == (2, ("never",))
    assert (leak.seconds_to_answer, leak.seconds, leak.visits) == (37.5, 40.0, 2)
    assert leak.predicted_words == "It fires at most 4 times"
    assert leak.question.startswith("What does a leaky neuron")
    assert rows["threshold"].predicted is None
    assert rows["threshold"].earlier == (3.0,)
    assert rows["charge"].kind == "page"


@pytest.mark.parametrize("name", ["a.csv", "a.html"])
def test_what_was_exported_is_read_again(tmp_path: Path, name: str) -> None:
    found = hand_in(PREDICTED, "  Zoë\tMüller\n")
    assert found.student == "Zoë Müller"
    assert read(write(tmp_path / name, found)) == found


def test_no_name_is_kept_where_none_was_given(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.csv", hand_in(PREDICTED)))
    assert found.student == ""


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+cmd", "-2", "'=x", "plain"])
def test_no_spreadsheet_computes_a_name(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.csv", hand_in({}, name))
    with path.open(encoding=ENCODING, newline="") as file:
        cells = {row["student"] for row in csv.DictReader(file)}
    assert len(cells) == 1
    assert not cells.pop().startswith(("=", "@", "+", "-"))
    if not name.startswith("'"):
        assert read(path).student == name


def test_a_table_saved_by_a_spreadsheet_of_another_country_is_read(tmp_path: Path) -> None:
    found = hand_in(PREDICTED, "Ada")
    text = csv_text(found)
    for delimiter in (";", "\t"):
        file = io.StringIO(newline="")
        csv.writer(file, delimiter=delimiter).writerows(csv.reader(io.StringIO(text)))
        path = tmp_path / "again.csv"
        path.write_text(file.getvalue(), encoding=ENCODING, newline="")
        assert read(path) == found


def test_without_a_lesson_begun_there_is_nothing_to_export() -> None:
    with pytest.raises(ExportError, match="no answers yet"):
        answers.collect([one_neuron()], lambda _: Progress())


def test_the_page_has_neither_scripts_nor_anything_from_elsewhere(tmp_path: Path) -> None:
    name = '<script>alert("1")</script>'
    page = write(tmp_path / "a.html", hand_in(PREDICTED, name)).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    sources = re.findall(r'(?:src|href)="([^"]{0,40})', page)
    assert sources
    assert all(each.startswith("data:") for each in sources)
    assert "not quite" in page
    assert "It never fires" in page


# hostile files ------------------------------------------------------------------------------


def table(**changed: str) -> bytes:
    """One row of a table with some cells changed."""
    rows = list(csv.DictReader(io.StringIO(csv_text(hand_in(PREDICTED, "Ada")))))
    row = {**next(each for each in rows if each["page"] == "threshold"), **changed}
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerow(row)
    return file.getvalue().encode(ENCODING)


def test_the_table_of_these_tests_is_good(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(table())
    assert read(tmp_path / "a.csv").rows[0].predicted == 3.0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00a", "not UTF-8"),
        (b"a,b\n1,2\n", "columns"),
        (b"\0" * 100, "no text"),
        (",".join(COLUMNS).encode(), "no answers"),
        (",".join(COLUMNS).encode() + b"\n1,2,3\n", "other cells"),
        (table() + b"1,2\n", "other cells"),
        (table(version="2"), "version '2'"),
        (table(lesson="../../etc/passwd"), "no lesson"),
        (table(page="<script>"), "no page"),
        (table(kind="program"), "no kind"),
        (table(predicted="nan"), "beyond all numbers"),
        (table(predicted="1e300"), "beyond all numbers"),
        (table(predicted="4; rm"), "no number"),
        (table(kind="curve", predicted="1 " * 500), "too many points"),
        (table(kind="choice", predicted="<img src=x>"), "no choice"),
        (table(tries="-1"), "no count"),
        (table(tries="9" * 400), "no count"),
        (table(seconds_on_page="-3"), "no time"),
        (table(right="perhaps"), "neither yes nor no"),
        (table(answered_at="<b>"), "no time"),
        (table(earlier="; ".join(["1"] * 200)), "too many earlier"),
        (b"x" * (answers_reading.MOST_TABLE + 1), "larger than"),
    ],
)
def test_a_broken_table_is_refused_in_a_sentence(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(AnswersError, match=re.escape(reason)) as found:
        read(path)
    text = str(found.value)
    assert text.startswith("a.csv cannot be used because")
    assert len(text) < 250
    assert "\n" not in text


def test_more_rows_than_lessons_have_are_refused(tmp_path: Path) -> None:
    lines = table().decode(ENCODING).splitlines()
    path = tmp_path / "a.csv"
    path.write_text("\n".join([lines[0], *[lines[1]] * 700]))
    with pytest.raises(AnswersError, match="more than 600 rows"):
        read(path)
    path.write_text("\n".join([lines[0], lines[1], lines[1]]))
    with pytest.raises(AnswersError, match="same question again"):
        read(path)


def test_answers_of_two_students_in_one_file_are_refused(tmp_path: Path) -> None:
    one, other = hand_in(PREDICTED, "Ada"), hand_in(PREDICTED, "Bo")
    text = csv_text(replace(one, rows=one.rows[:1])) + "".join(
        csv_text(replace(other, rows=other.rows[1:2])).splitlines(keepends=True)[1:]
    )
    (tmp_path / "a.csv").write_text(text, newline="")
    with pytest.raises(AnswersError, match="more than one export"):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html><script>alert(1)</script></html>", "without answers"),
        (b'<a href="data:text/csv;base64,====">x</a>', "damaged"),
        (
            b'<a href="data:text/csv;base64,' + base64.b64encode(b"a,b") + b'">x</a>',
            "columns",
        ),
        (b"<" * (answers_reading.MOST_PAGE + 1), "larger than"),
    ],
)
def test_a_page_of_something_else_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a.html").write_bytes(data)
    with pytest.raises(AnswersError, match=reason):
        read(tmp_path / "a.html")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_links_and_folders_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")  # reading it would wait for ever
    (tmp_path / "folder.csv").mkdir()
    write(tmp_path / "real.csv", hand_in(PREDICTED))
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    for name in ("pipe", "folder", "link"):
        with pytest.raises(AnswersError, match="no regular file"):
            read(tmp_path / f"{name}.csv")
    with pytest.raises(AnswersError, match="cannot be read"):
        read(tmp_path / "gone.csv")
    with pytest.raises(AnswersError, match="ends neither"):
        read(tmp_path / "a.exe")
