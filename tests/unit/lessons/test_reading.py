"""Lessons of strangers: one clear sentence that names file and line; nothing leaves the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spikestudio.lessons.lines import line_at, lines_of
from spikestudio.lessons.problem import LessonError
from spikestudio.lessons.reading import MOST_JSON, Known, find, picture, read

KNOWN = Known(controls=("lab.tau",), docks=("image",), models=("sddpm-mnist",), terms=("spike",))


def page(**parts: Any) -> dict[str, Any]:
    return {"id": "one", **parts}


def write(root: Path, *pages: dict[str, Any], **top: Any) -> Path:
    folder = root / "01-lesson"
    (folder / "en").mkdir(parents=True)
    values = {"schema_version": 1, "id": "x", "minutes": 5, "level": "intro", **top}
    values["pages"] = list(pages) or [page()]
    (folder / "lesson.json").write_text(json.dumps(values, indent=1), encoding="utf-8")
    (folder / "en" / "lesson.md").write_text("---\ntitle: T\nsummary: S\n---\n", encoding="utf-8")
    (folder / "en" / "one.md").write_text("---\ntitle: One\n---\nText.\n", encoding="utf-8")
    return folder


def line_with(folder: Path, text: str, name: str = "lesson.json") -> int:
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_a_whole_lesson_is_read(tmp_path: Path) -> None:
    done = {"all": [{"state": "lab.tau", "gt": 3}, {"state": "lab.kind", "eq": "LIF"}]}
    start = {"model": "sddpm-mnist", "show": [["image"]], "request": {"steps": 4}}
    lesson = read(write(tmp_path, page(done=done, point="lab.tau", start=start)), KNOWN)
    found = lesson.pages[0]
    assert (lesson.title(), lesson.summary()) == ("T", "S")
    assert (found.done, found.point, found.start.show) == (done, "lab.tau", (("image",),))
    assert lesson.text("one").body == "Text."


@pytest.mark.parametrize(
    ("parts", "word", "where"),
    [
        ({"point": "lab.nothing"}, "no control 'lab.nothing'", "lab.nothing"),
        ({"done": {"state": "lab.nothing", "eq": 1}}, "no state 'lab.nothing'", "lab.nothing"),
        ({"done": {"state": "lab.kind", "lt": 1}}, "lab.kind is no number", '"lt"'),
        ({"done": {"state": "lab.tau", "eq": "two"}}, "lab.tau is a number", '"eq"'),
        ({"done": {"state": "lab.tau", "code": "x"}}, "does not fit", '"done"'),
        ({"start": {"model": "other"}}, "no bundled model 'other'", "other"),
        ({"start": {"show": [["other"]]}}, "no dock 'other'", '"other"'),
        ({"start": {"request": {"steps": 0}}}, "out of range", '"steps"'),
        ({"start": {"request": {"speed": 3}}}, "no parameter 'speed'", '"speed"'),
        ({"needs": {"state": "lab.tau", "eq": 2}}, "facts of the model only", '"needs"'),
        ({"script": "rm"}, "script", "script"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, parts, word, where) -> None:
    folder = write(tmp_path, page(**parts))
    with pytest.raises(LessonError) as caught:
        read(folder, KNOWN)
    assert word in str(caught.value)
    line = line_with(folder, '"id": "one"') - 1 if where == "script" else line_with(folder, where)
    assert caught.value.line == line
    assert f"01-lesson/lesson.json, line {line}" in str(caught.value)


def test_a_newer_version_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(LessonError, match="version 9 and this program reads version 1"):
        read(write(tmp_path, schema_version=9))


@pytest.mark.parametrize("text", ['{"a": 1,\n "b": }', "[1, 2]", "{}", "", "\x00", "[" * 100_000])
def test_broken_files_are_refused(tmp_path: Path, text: str) -> None:
    folder = write(tmp_path)
    (folder / "lesson.json").write_text(text, encoding="utf-8")
    with pytest.raises(LessonError) as caught:
        read(folder)
    assert "mend that file" in str(caught.value)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "lesson.json").write_text('{\n"id": 1,\n"x": }', encoding="utf-8")
    with pytest.raises(LessonError, match="line 3"):
        read(folder)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "lesson.json").write_bytes(b" " * (MOST_JSON + 1))
    with pytest.raises(LessonError, match="larger than 256 KiB"):
        read(folder)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("![x](https://example.org/x.png)", "no PNG or SVG file"),
        ("![x](../../secret.png)", "no PNG or SVG file"),
        ("![x](/etc/hostname)", "no PNG or SVG file"),
        ("[x](file:///etc/passwd)", "neither to the glossary nor to a web page"),
        ("[x](javascript:alert(1))", "neither to the glossary nor to a web page"),
        ("[x](glossary:nothing)", "glossary has no 'nothing'"),
        ("{{lab.nothing}}", "nothing is known under {{lab.nothing}}"),
        ("{{equation: nothing}}", "nothing is known under {{equation: nothing}}"),
    ],
)
def test_words_cannot_reach_out(tmp_path: Path, body: str, reason: str) -> None:
    folder = write(tmp_path)
    (tmp_path / "secret.png").write_bytes(b"x")
    (folder / "en" / "one.md").write_text(f"---\ntitle: One\n---\n\n{body}\n", encoding="utf-8")
    with pytest.raises(LessonError) as caught:
        read(folder, KNOWN)
    assert reason in str(caught.value)
    assert caught.value.line == 5


def test_a_page_that_is_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path)
    outside = tmp_path / "outside.md"
    outside.write_text("---\ntitle: One\n---\nSecret", encoding="utf-8")
    (folder / "en" / "one.md").unlink()
    (folder / "en" / "one.md").symlink_to(outside)
    with pytest.raises(LessonError, match="leads out of the lesson's folder"):
        read(folder)


@pytest.mark.parametrize(
    "svg",
    [
        "<svg><script>x()</script></svg>",
        '<svg><image href="file:///etc/passwd"/></svg>',
        '<svg><use xlink:href="http://example.org/a#b"/></svg>',
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg/>',
    ],
)
def test_a_drawing_that_reaches_out_is_not_shown(tmp_path: Path, svg: str) -> None:
    (tmp_path / "a.svg").write_text(svg, encoding="utf-8")
    assert picture(tmp_path, "a.svg") is None
    (tmp_path / "a.svg").write_text('<svg><use href="#b"/></svg>', encoding="utf-8")
    assert picture(tmp_path, "a.svg") == tmp_path / "a.svg"


def test_missing_words_are_named(tmp_path: Path) -> None:
    predict = {"kind": "number", "state": "lab.tau", "tolerance": 0, "low": 0, "high": 1}
    done = {"state": "lab.tau", "changed": True}
    folder = write(tmp_path, page(predict=predict, done=done))
    with pytest.raises(LessonError, match="lacks the front line 'question:'"):
        read(folder)
    (folder / "en" / "one.md").unlink()
    with pytest.raises(LessonError, match="this file is missing"):
        read(folder)


def test_one_broken_lesson_does_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path)
    bad = tmp_path / "02-bad"
    bad.mkdir()
    (bad / "lesson.json").write_text("{", encoding="utf-8")
    good, broken = find(tmp_path)
    assert good.lesson is not None
    assert broken.lesson is None
    assert "02-bad/lesson.json" in broken.problem


def test_lines_of_nested_values() -> None:
    text = '{\n "a": [\n  1,\n  {"b": "},{"},\n  3\n ],\n "c":\n {}\n}'
    lines = lines_of(text)
    assert [line_at(lines, place) for place in [("a",), ("a", 0), ("a", 1, "b"), ("a", 2)]] == [
        *(2, 3, 4, 5)
    ]
    assert line_at(lines, ("c", "nothing")) == 7
