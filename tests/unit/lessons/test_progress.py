"""Progress outlives the window; a broken file is set aside, and answers can be exported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spikestudio.lessons.lesson import Predict
from spikestudio.lessons.progress import (
    MOST_EARLIER,
    MOST_VISIT,
    PageTime,
    Prediction,
    Progress,
    ProgressStore,
    difference,
    was_right,
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


# tries and times ----------------------------------------------------------------------------


def test_time_of_a_page_is_the_sum_of_its_visits() -> None:
    progress = Progress()
    progress.enter("one", 100.0)
    progress.enter("two", 110.0)
    progress.enter("one", 115.0)
    progress.answer("one", 3.0, 118.0)
    progress.note(120.0)
    assert progress.pages["one"].seconds == 15.0
    progress.leave(121.0)
    progress.leave(500.0)
    assert progress.pages["one"] == PageTime(2, 16.0)
    assert progress.pages["two"] == PageTime(1, 5.0)
    assert progress.predictions["one"].seconds == 13.0
    assert progress.page == "one"


def test_a_page_left_open_overnight_counts_an_hour_and_no_clock_goes_back() -> None:
    progress = Progress()
    progress.enter("one", 0.0)
    progress.leave(40_000.0)
    progress.enter("two", 50_000.0)
    progress.leave(49_000.0)
    assert progress.pages["one"].seconds == MOST_VISIT
    assert progress.pages["two"].seconds == 0


def test_answers_before_a_new_beginning_are_earlier_tries() -> None:
    assert not Progress().is_begun
    progress = Progress()
    for value in range(MOST_EARLIER + 3):
        progress.enter("one", 0.0)
        progress.answer("one", float(value), 1.0)
        progress.complete("one", 0.0)
        progress.begin_anew()
    assert progress.is_begun
    assert (progress.done, progress.predictions, progress.page) == (set(), {}, "")
    assert progress.earlier["one"] == [float(value) for value in range(3, MOST_EARLIER + 3)]
    progress.enter("one", 0.0)
    progress.answer("one", 9.0, 1.0)
    assert progress.tries("one") == MOST_EARLIER + 1
    assert progress.tries("two") == 0


def test_tries_and_times_are_kept(tmp_path: Path) -> None:
    progress = Progress()
    progress.enter("one", 0.0)
    progress.answer("one", "a", 1.5)
    progress.complete("one", "b")
    progress.begin_anew()
    progress.enter("one", 2.0)
    progress.answer("one", "b", 4.5)
    progress.leave(9.0)
    ProgressStore(tmp_path).save("lesson", progress)
    assert ProgressStore(tmp_path).load("lesson") == progress
    assert progress.pages["one"].done_at


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    values = {
        "schema_version": 1,
        "page": "two",
        "done": ["one"],
        "predictions": {"one": {"predicted": 2.0, "measured": 3, "answered_at": "then"}},
    }
    (tmp_path / "old.json").write_text(json.dumps(values), encoding="utf-8")
    store = ProgressStore(tmp_path)
    found = store.load("old")
    assert store.notice == ""
    assert found == Progress("two", {"one"}, {"one": Prediction(2.0, 3.0, "then", None)})
    assert found.tries("one") == 1
    assert found.pages == {}


def test_numbers_that_are_none_are_no_progress(tmp_path: Path) -> None:
    store = ProgressStore(tmp_path)
    store.save("one", Progress(pages={"one": PageTime(1, 2.0)}))
    text = (tmp_path / "one.json").read_text(encoding="utf-8").replace("2.0", "NaN")
    (tmp_path / "one.json").write_text(text, encoding="utf-8")
    assert store.load("one") == Progress()
    assert "not finite" in store.notice


def test_what_is_right() -> None:
    near = Predict(kind="number", state="lab.rate", tolerance=0.25)
    assert was_right(near, ANSWERS["rate"]) is True
    assert was_right(Predict(kind="number", state="lab.rate"), ANSWERS["rate"]) is False
    assert was_right(Predict(kind="choice"), ANSWERS["kind"]) is False
    assert was_right(near, ANSWERS["open"]) is None
