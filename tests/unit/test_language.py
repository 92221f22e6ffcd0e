"""The language module: look-up, plurals, placeholders, and what it falls back to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spikestudio import language


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    language.use(language.ENGLISH)


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "es.json"
    values = {
        "plural": "n != 1",
        "texts": {"Sample": "Muestrear", "{steps:,} of {num}": "{steps:,} de {num}", "Pause": ""},
        "contexts": {"layout": {"Watch": "Observar"}},
        "plurals": {"{num} run": ["{num} ejecución", "{num} ejecuciones"]},
    }
    path.write_text(json.dumps(values), encoding="utf-8")
    monkeypatch.setattr(language, "path_of", lambda code: tmp_path / f"{code}.json")
    return path


def test_english_is_what_the_code_says() -> None:
    language.use("en")
    assert language.tr("Step {step:,} of {num}", step=1200, num=5) == "Step 1,200 of 5"
    assert language.tr("{not filled in}") == "{not filled in}"
    assert language.tr_n("{num} run", "{num} runs", 1, num=1) == "1 run"
    assert language.tr_n("{num} run", "{num} runs", 0, num=0) == "0 runs"


def test_texts_numbers_and_contexts_are_translated(catalogue: Path) -> None:
    assert language.use("es") == "es"
    assert language.tr("Sample") == "Muestrear"
    assert language.tr("{steps:,} of {num}", steps=1200, num=5) == "1,200 de 5"
    assert language.tr_n("{num} run", "{num} runs", 1, num=1) == "1 ejecución"
    assert language.tr_n("{num} run", "{num} runs", 7, num=7) == "7 ejecuciones"
    assert language.tr_in("layout", "Watch") == "Observar"
    assert language.tr("Watch") == "Watch"


def test_what_is_not_translated_is_english(catalogue: Path) -> None:
    language.use("es")
    assert language.tr("Pause") == "Pause"
    assert language.tr("Unknown {name!r}", name="x") == "Unknown 'x'"


def test_a_translation_with_a_wrong_placeholder_gives_way(catalogue: Path) -> None:
    values = json.loads(catalogue.read_text(encoding="utf-8"))
    values["texts"]["{steps:,} of {num}"] = "{pasos:,} de {num}"
    catalogue.write_text(json.dumps(values), encoding="utf-8")
    language.use("es")
    assert language.tr("{steps:,} of {num}", steps=2, num=5) == "2 of 5"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"texts": 3}', '{"texts": {}, "plural": "import"}']
)
def test_a_damaged_catalogue_gives_english(catalogue: Path, text: str) -> None:
    catalogue.write_text(text, encoding="utf-8")
    language.use("es")
    assert language.tr("Sample") == "Sample"


def test_files_are_written_in_english(catalogue: Path) -> None:
    language.use("es")
    with language.invariant():
        assert (language.tr("Sample"), language.current()) == ("Sample", "en")
    assert language.tr("Sample") == "Muestrear"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("es_MX.UTF-8", "es"),
        ("zh_CN.UTF-8", "zh_CN"),
        ("zh_SG", "zh_CN"),
        ("zh_TW.UTF-8", "en"),
        ("zh-Hant-HK", "en"),
        ("de_DE.UTF-8", "en"),
        ("C", "en"),
    ],
)
def test_the_computer_s_language(monkeypatch: pytest.MonkeyPatch, name: str, code: str) -> None:
    for variable in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", name)
    assert language.use("system") == code
    assert language.use("nonsense") == code


def _run(code: str, **environment: str) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        check=True,
    )
    return done.stdout.strip()


def test_the_command_line_is_english_unless_asked() -> None:
    code = "from spikestudio import language; language.tr('Sample'); print(language.current())"
    assert _run(code, LANG="es_ES.UTF-8") == "en"
    assert _run(code, SPIKESTUDIO_LANGUAGE="es") == "es"
    assert _run(code, SPIKESTUDIO_LANGUAGE="../x") == "en"


@pytest.mark.parametrize(
    "module", ["spikestudio.cli.main", "spikestudio.cli.window", "spikestudio"]
)
def test_nothing_is_translated_before_the_window_chooses(module: str) -> None:
    """A table of words that is made too early would stay English."""
    code = f"import {module}; from spikestudio import language; print(language.is_settled())"
    assert _run(code) == "False"
