"""The commands about lessons: a list, handouts, answers, and the summary of a class."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spikestudio.cli import console
from spikestudio.cli.lessons import app
from spikestudio.errors import ConfigError, ExportError
from spikestudio.lessons import shelf
from spikestudio.lessons.answers_reading import read
from spikestudio.lessons.progress import ProgressStore
from tests.unit.lessons.handed import hand_in, progress, write


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and progress of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(shelf, "progress_folder", lambda: tmp_path / "state")
    monkeypatch.setenv("COLUMNS", "200")
    console.stdout.cache_clear()
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_lessons_are_listed() -> None:
    found = json.loads(run("list", "--json"))
    first = found["lessons"][0]
    assert (first["id"], first["pages"], first["questions"]) == ("one-neuron", 7, 4)
    assert found["problems"] == []
    text = run("list")
    assert all(each["id"] in text for each in found["lessons"])


def test_a_handout_is_written(here: Path) -> None:
    told = json.loads(run("handout", "noise", "--out", "noise.html", "--json"))
    assert told == {"lesson": "noise", "handout": "noise.html", "pages": 5}
    assert "<h1>Noise</h1>" in (here / "noise.html").read_text(encoding="utf-8")
    folder = next(entry.folder for entry in shelf.bundled() if entry.folder.name.endswith("noise"))
    run("handout", str(folder), "--out", "own.html")
    assert (here / "own.html").read_bytes() == (here / "noise.html").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["handout", "nothing", "--out", "a.html"], "no lesson 'nothing'"),
        (["handout", "noise", "--out", "a.pdf"], "does not end in .html"),
        (["answers", "--out", "a.txt"], "does not end in .csv"),
        (["answers", "--lesson", "nothing", "--out", "a.csv"], "no lesson 'nothing'"),
        (["summary", ".", "--out", "a.csv"], "does not end in .html"),
        (["summary", "gone", "--out", "a.html"], "no folder"),
        (["summary", ".", "--out", "a.html", "--students", "gone.txt"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused(here: Path, arguments: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        run(*arguments)
    assert not list(here.iterdir())


@pytest.mark.parametrize("name", ["mine.csv", "mine.html"])
def test_answers_are_exported_with_a_name_that_is_kept_nowhere(here: Path, name: str) -> None:
    with pytest.raises(ExportError, match="no answers yet"):
        run("answers", "--out", name)
    store = ProgressStore(shelf.progress_folder())
    store.save("one-neuron", progress({"leak": "often"}))
    before = {each: each.read_bytes() for each in store.folder.iterdir()}
    text = run("answers", "--out", name, "--name", "Ada Q")
    assert "1 answer on 7 pages" in text
    found = read(here / name)
    assert found.student == "Ada Q"
    assert next(row for row in found.rows if row.page == "leak").predicted == "often"
    assert {each: each.read_bytes() for each in store.folder.iterdir()} == before


def test_a_class_is_summed_up(here: Path) -> None:
    folder = here / "class"
    folder.mkdir()
    write(folder / "a.csv", hand_in({"leak": "often"}, "Ada"))
    write(folder / "b.html", hand_in({"leak": "never"}, "Bo"))
    (folder / "c.csv").write_text("no")
    (folder / "students.txt").write_text("Ada\nBo\nCy\n")
    arguments = ("summary", "class", "--out", "class.html", "--csv", "class.csv")
    told = json.loads(run(*arguments, "--json"))
    assert (told["students"], told["questions"], told["missing"]) == (2, 4, ["Cy"])
    assert [each["file"] for each in told["refused"]] == ["c.csv"]
    assert "Class summary" in (here / "class.html").read_text(encoding="utf-8")
    assert len((here / "class.csv").read_text(encoding="utf-8").splitlines()) == 15
    text = run(*arguments)
    assert "Missing: Cy." in text
    assert "c.csv could not be used: its first line" in text
