"""Every text that somebody reads can be translated and is, with the same placeholders."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.translation_rules import ROOT, of_code, unwrapped

LESSONS = ROOT / "resources" / "lessons"
LANGUAGES = ("zh_CN", "es")
COMPLETE_LESSONS = sorted(each.parent.name for each in LESSONS.glob("*/lesson.json"))
ENGLISH_ONLY = json.loads((Path(__file__).parent / "english_only.json").read_text("utf-8"))
"""Strings that look as if they were read, by file, and the reason why they stay as they are."""


@pytest.fixture(scope="module")
def catalogue() -> ModuleType:
    spec = importlib.util.spec_from_file_location("catalogue", ROOT / "packaging" / "catalogue.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["catalogue"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def test_what_is_read_is_wrapped() -> None:
    found = [
        f"{name}:{line}: {text!r}"
        for name, line, text in unwrapped()
        if text not in ENGLISH_ONLY.get(name, {})
    ]
    assert not found, "wrap in tr(), or say in english_only.json why not:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        ("label.setText('Sample')", "app/x.py", ["Sample"]),
        ("label.setText(tr('Sample'))", "app/x.py", []),
        ("def f(n):\n return f'{n} of the images'", "app/x.py", ["{} of the images"]),
        ("raise DataError(f'Cannot read {path}.')", "data/x.py", ["Cannot read {}."]),
        ("x = {'a key of words': 1}", "app/x.py", []),
        ("logger.info('first picture after %s')", "app/x.py", []),
        ("messages.info('Nothing was sampled yet.')", "app/x.py", ["Nothing was sampled yet."]),
        ("def f():\n    '''A docstring of words.'''", "app/x.py", []),
    ],
)
def test_the_rules_find_what_is_read(code: str, name: str, expected: list[str]) -> None:
    assert [text for _, text in of_code(code, name)] == expected


@pytest.mark.parametrize("code", LANGUAGES)
def test_nothing_is_missing_or_stale(catalogue: ModuleType, code: str) -> None:
    found = catalogue.texts()
    missing = [f"{text.where}: {text.source!r}" for text in catalogue.missing(code, found)]
    assert not missing, "packaging/catalogue.py todo lists them:\n" + "\n".join(missing[:40])
    values = catalogue.read(code)
    assert catalogue.updated(code, values, found) == values, "run packaging/catalogue.py update"


@pytest.mark.parametrize("code", LANGUAGES)
def test_translations_keep_placeholders_and_marks(catalogue: ModuleType, code: str) -> None:
    assert catalogue.problems(code, catalogue.texts()) == []


def test_problems_are_found(catalogue: ModuleType) -> None:
    def reasons(source: str, translation: str, many: str = "") -> list[str]:
        text = catalogue.Text(source, many, "", "x.py:1")
        return list(catalogue._reasons(text, translation, is_alike=False))

    assert reasons("{n:,} of {m}", "{m} 中的 {n:,}") == []
    assert reasons("{n:,} of {m}", "{m} 中的 {n}") == ["other {placeholders}"]
    assert reasons("Export…", "导出") == ["an ellipsis too few or too many"]
    assert reasons("Seed", "Seed") == ["the same as in English"]
    assert reasons("and ", "y") == ["other spaces at its ends"]
    assert reasons("{n} run", "una ejecución", "{n} runs") == ["other {placeholders}"]


def test_an_update_keeps_translations_and_sets_aside_the_rest(catalogue: ModuleType) -> None:
    values = {
        "plural": "n != 1",
        "texts": {"Old": "Viejo", "Seed": "Semilla"},
        "stale": {"Back": "Volver"},
    }
    found = [catalogue.Text(name, "", "", "x.py:1") for name in ("Back", "New", "Seed")]
    updated = catalogue.updated("es", values, found)
    assert updated["texts"] == {"Back": "Volver", "New": "", "Seed": "Semilla"}
    assert updated["stale"] == {"Old": "Viejo"}


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("lesson", COMPLETE_LESSONS)
def test_every_lesson_is_complete(code: str, lesson: str) -> None:
    english, other = LESSONS / lesson / "en", LESSONS / lesson / code
    names = {path.name for path in english.glob("*.md")}
    assert {path.name for path in other.glob("*.md")} == names
    for name in names:
        before, after = ((folder / name).read_text("utf-8") for folder in (english, other))
        assert sorted(re.findall(r"\{\{.*?\}\}", after)) == sorted(
            re.findall(r"\{\{.*?\}\}", before)
        )
        assert sorted(re.findall(r"\(glossary:([^)]*)\)", after)) == sorted(
            re.findall(r"\(glossary:([^)]*)\)", before)
        )


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_glossary_has_the_same_terms(code: str) -> None:
    from spikestudio.lessons import glossary

    folder = LESSONS / "glossary"
    english = glossary.parse((folder / "en.md").read_text("utf-8"))
    assert glossary.parse((folder / f"{code}.md").read_text("utf-8")).keys() == english.keys()
