"""A folder of answers becomes a summary: who, who not, twice, broken, and what was answered."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from spikestudio.errors import ConfigError
from spikestudio.export.progress import ExportCancelledError
from spikestudio.lessons import summary
from spikestudio.lessons.answers import ENCODING, Answers
from spikestudio.lessons.pages import save_summary
from spikestudio.lessons.progress import Answer
from spikestudio.lessons.questions import counts
from spikestudio.lessons.summary import ClassSummary, save_csv, summarise
from tests.unit.lessons.handed import CURVE, hand_in, one_neuron, write

LEAK = {"Ada": "never", "Bo": "rarely", "Cy": "rarely", "Di": "often"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four students, as tables and as pages."""
    for number, (name, choice) in enumerate(LEAK.items()):
        predicted: dict[str, Answer] = {"threshold": float(number + 3), "leak": choice}
        if name == "Ada":
            predicted["reset"] = CURVE
        suffix = "html" if name == "Bo" else "csv"
        write(tmp_path / f"s{number}.{suffix}", hand_in(predicted, name))
    return tmp_path


def of(folder: Path) -> ClassSummary:
    return summarise(folder, [one_neuron()])


def names(found: ClassSummary) -> list[str]:
    return [each.answers.student for each in found.handed]


def test_questions_are_counted(folder: Path) -> None:
    found = of(folder)
    assert names(found) == list(LEAK)
    asked = {question.page: question for question in found.questions}
    assert list(asked) == ["threshold", "reset", "leak", "soft-reset"]
    leak = asked["leak"]
    assert counts(leak) == ([1, 2, 1], [4, 0, 0])
    assert leak.choices[0][1] == "It never fires"
    assert (leak.num_right, leak.num_compared, leak.seconds) == (1, 4, 12.0)
    assert asked["reset"].silent == ["Bo", "Cy", "Di"]
    assert asked["soft-reset"].answered == []
    assert (found.refused, found.repeated, found.missing, found.unlisted) == ((), (), None, None)


def test_the_same_export_as_page_and_table_is_one_student(folder: Path) -> None:
    mine = hand_in({"leak": "never"}, "Eve")
    write(folder / "eve.csv", mine)
    write(folder / "eve.html", mine)
    found = of(folder)
    assert names(found).count("Eve") == 1
    assert found.repeated == ()
    eve = next(each for each in found.handed if each.answers.student == "Eve")
    assert eve.files == ("eve.csv", "eve.html")


def test_of_several_exports_of_one_student_the_newest_counts_and_all_are_named(
    folder: Path,
) -> None:
    write(folder / "b.csv", hand_in({"leak": "often"}, "ADA", "2099-01-01T00:00:00+00:00"))
    write(folder / "a.csv", hand_in({"leak": "rarely"}, "ada", "2001-01-01T00:00:00+00:00"))
    found = of(folder)
    assert len(found.handed) == len(LEAK)
    assert found.repeated == (("ADA", ("a.csv", "b.csv", "s0.csv")),)
    leak = next(each for each in found.questions if each.page == "leak")
    assert counts(leak)[0] == [0, 2, 2]


def test_everybody_without_a_name_counts(folder: Path) -> None:
    write(folder / "x.csv", hand_in({"leak": "never"}))
    write(folder / "y.csv", hand_in({"leak": "often"}))
    found = of(folder)
    assert found.num_nameless == 2
    assert names(found)[-2:] == ["", ""]
    assert found.repeated == ()


def test_who_is_missing_and_who_is_not_on_the_list(folder: Path) -> None:
    (folder / "students.txt").write_text(" ada \nBo\n\nCy\nZoe\n", encoding="utf-8")
    found = of(folder)
    assert found.missing == ("Zoe",)
    assert found.unlisted == ("Di",)
    roster = folder / "other.txt"
    roster.write_text("Ada\nBo\nCy\nDi\n", encoding="utf-8")
    given = summarise(folder, [one_neuron()], roster)
    assert (given.missing, given.unlisted) == ((), ())
    assert given.refused == ()  # the list is no broken answer


def test_broken_files_are_listed_and_the_others_count(folder: Path) -> None:
    (folder / "binary.csv").write_bytes(bytes(range(256)) * 10)
    (folder / "huge.html").write_bytes(b"<" * 9 * 2**20)
    (folder / "evil.html").write_text("<script>alert(1)</script>")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "wait.csv")
    inner = folder / "deep" / "er"
    inner.mkdir(parents=True)
    write(inner / "a.csv", hand_in({"leak": "never"}, "Eve"))
    found = of(folder)
    reasons = dict(found.refused)
    assert {"binary.csv", "huge.html", "evil.html", "photo.jpg"} <= set(reasons)
    assert all(reason and "\n" not in reason for reason in reasons.values())
    assert "Eve" in names(found)
    assert len(found.handed) == len(LEAK) + 1


def test_an_earlier_summary_in_the_folder_is_no_answer(folder: Path) -> None:
    found = of(folder)
    save_summary(folder / "class.html", found)
    save_csv(folder / "class.csv", found)
    assert of(folder) == found


def test_too_many_files_are_not_read_without_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "MOST_FILES", 3)
    found = of(folder)
    assert len(found.handed) == 3
    assert found.refused == (("s3.csv", "there are too many files"),)


def test_questions_that_a_file_makes_up_are_bounded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "MOST_QUESTIONS", 5)
    mine = hand_in({"leak": "never"}, "Eve")
    made_up = tuple(
        replace(mine.rows[3], page=f"page-{k}", predicted=f"choice-{k}") for k in range(9)
    )
    write(folder / "eve.csv", Answers("Eve", mine.exported_at, made_up))
    found = of(folder)
    assert len(found.questions) == 5
    assert found.left_out == 8
    assert found.questions[0].page == "threshold"  # those of known lessons come first


def test_the_table_has_every_answer(folder: Path, tmp_path: Path) -> None:
    save_csv(tmp_path / "class.csv", of(folder))
    with (tmp_path / "class.csv").open(encoding=ENCODING, newline="") as file:
        rows = list(csv.DictReader(file))
    leak = {row["student"]: row["predicted"] for row in rows if row["page"] == "leak"}
    assert leak == LEAK
    assert len(rows) == len(LEAK) * len(one_neuron().pages)


def test_the_page_escapes_what_files_say(folder: Path, tmp_path: Path) -> None:
    evil = hand_in({"leak": "never"}, "<b>$x$ \\frac</b>")
    row = replace(
        evil.rows[3],
        lesson="made-up",
        title="<script>alert(1)</script>",
        question="<img src=http://example.org onerror=x>",
        predicted="x",
        predicted_words="$\\frac{<script>",
    )
    write(folder / "e.csv", Answers(evil.student, evil.exported_at, (row,)))
    (folder / "<script>.csv").write_text("no")
    save_summary(tmp_path / "class.html", of(folder))
    page = (tmp_path / "class.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img src=http" not in page
    assert "&lt;script&gt;.csv" in page
    assert "default-src 'none'" in page
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert len(sources) == 4  # three questions that were answered, and the one that is made up
    assert all(each.startswith("data:image/svg+xml;base64,") for each in sources)
    assert "5 students handed in" in page
    assert "It fires at most 4 times" in page


def test_choices_beyond_the_lesson_s_are_shown_by_what_the_student_read(folder: Path) -> None:
    mine = hand_in({"leak": "never"}, "Eve")
    row = replace(mine.rows[3], predicted="new", predicted_words="Another one")
    write(folder / "eve.csv", Answers("Eve", mine.exported_at, (row,)))
    leak = next(each for each in of(folder).questions if each.page == "leak")
    assert leak.choices[-1] == ("new", "Another one")
    assert counts(leak)[0] == [1, 2, 1, 1]


def test_no_folder_and_a_broken_list_are_told(folder: Path) -> None:
    with pytest.raises(ConfigError, match="There is no folder"):
        of(folder / "gone")
    with pytest.raises(ConfigError, match="cannot be read"):
        summarise(folder, roster=folder / "gone.txt")
    (folder / "students.txt").write_bytes(b"\xff\xfeA")
    with pytest.raises(ConfigError, match="not UTF-8"):
        of(folder)


def test_it_can_be_cancelled_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportCancelledError):
        summarise(folder, is_cancelled=lambda: True)
    with pytest.raises(ExportCancelledError):
        save_summary(tmp_path / "class.html", of(folder), is_cancelled=lambda: True)
    assert not (tmp_path / "class.html").exists()
