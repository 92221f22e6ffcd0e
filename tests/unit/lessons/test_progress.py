"""Progress outlives the window; a broken file is set aside, and answers can be exported."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from spikestudio.lessons.progress import (
    Prediction,
    Progress,
    ProgressStore,
    difference,
    write_csv,
)

ANSWERS = {
    "rate": Prediction(0.25, 0.5, "2026-01-01T00:00:00+00:00"),
    "kind": Prediction("a", "b"),
    "curve": Prediction([0.0, 1.0], [0.5, 0.75]),
    "open": Prediction(3.0),
}


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    store = ProgressStore(tmp_path / "new" / "folder")
    assert store.load("one") == Progress()
    progress = Progress("two", {"one", "two"}, dict(ANSWERS))
    store.save("one", progress)
    assert ProgressStore(tmp_path / "new" / "folder").load("one") == progress
    assert store.notice == ""
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["one.json"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "null", "{}", '{"schema_version": 9}', "\x00"),
        json.dumps({"schema_version": 1, "page": "", "done": [], "predictions": {"a": 1}}),
        json.dumps(
            {
                "schema_version": 1,
                "page": "",
                "done": [],
                "predictions": {"a": {"predicted": {}, "measured": None, "answered_at": ""}},
            }
        ),
    ],
)
def test_a_broken_file_is_set_aside(tmp_path: Path, text: str) -> None:
    path = tmp_path / "one.json"
    path.write_text(text, encoding="utf-8")
    store = ProgressStore(tmp_path)
    assert store.load("one") == Progress()
    assert "begins anew" in store.notice
    assert not path.exists()
    assert (tmp_path / "one.unusable").read_text(encoding="utf-8") == text


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    store = ProgressStore(tmp_path / "file")
    store.save("one", Progress())
    assert store.notice


def test_differences() -> None:
    assert difference(ANSWERS["rate"]) == -0.25
    assert difference(ANSWERS["kind"]) is None
    assert difference(ANSWERS["curve"]) == 0.5
    assert difference(ANSWERS["open"]) is None


def test_answers_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    write_csv(path, [("lesson", Progress("", set(), dict(ANSWERS)))])
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["page"] for row in rows] == list(ANSWERS)
    assert rows[0]["difference"] == "-0.25"
    assert (rows[1]["predicted"], rows[1]["measured"], rows[1]["difference"]) == ("a", "b", "")
    assert rows[2]["measured"] == "0.5 0.75"
    assert rows[3]["measured"] == ""
