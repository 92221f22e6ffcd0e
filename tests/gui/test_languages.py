"""The window in other languages: chosen in the View menu, in force from the next start on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spikestudio import language
from spikestudio.app.viewmodels.sweep_process import SweepProcess

START = """
import sys
from pathlib import Path
from spikestudio.app import entry, languages
app = entry._application()
print(languages.take(Path(sys.argv[1])), languages.translate_qt(app))
from PySide6.QtWidgets import QDialogButtonBox
from spikestudio.app import context
from spikestudio.app.main_window import MainWindow
box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
print(box.buttons()[0].text())
parts = context.create(Path(sys.argv[1]))
parts.settings.autoplay = False
window = MainWindow(parts)
print(window.commands["sample"].text())
print(window.view_menu.title())
names = [action.text() for action in window.view_menu._languages.actions()]
print([action.text() for action in window.view_menu._languages.actions() if action.isChecked()])
window.view_menu._languages.actions()[names.index("Español")].trigger()
print(parts.settings.language, len(window.notifications.messages))
window.commands["quit"].trigger()
parts.close()
window.close()
os_exit = __import__("os")._exit
sys.stdout.flush()
os_exit(0)
"""


def _start(folder: Path, **environment: str) -> list[str]:
    variables = {"QT_QPA_PLATFORM": "offscreen", "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", START, str(folder)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | variables | environment,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_window_takes_the_language_of_the_settings(tmp_path: Path) -> None:
    settings = {"schema_version": 1, "language": "zh_CN"}
    (tmp_path / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    taken, cancel, sample, view, checked, stored = _start(tmp_path)
    assert taken == "zh_CN True"
    assert cancel == "取消"  # Qt's own button
    assert (sample, view) == ("采样", "视图")
    assert checked == "['简体中文']"
    assert stored == "es 1"  # chosen in the menu, and said


def test_the_variable_wins(tmp_path: Path) -> None:
    settings = {"schema_version": 1, "language": "zh_CN"}
    (tmp_path / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    assert _start(tmp_path, SPIKESTUDIO_LANGUAGE="es")[0] == "es True"


@pytest.mark.parametrize("text", [None, "{", "[]", '{"language": 3}', '{"language": "xx"}'])
def test_settings_that_say_nothing_mean_the_computer_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    from spikestudio.app import languages

    monkeypatch.delenv("SPIKESTUDIO_LANGUAGE", raising=False)
    monkeypatch.setattr(language, "of_system", lambda: "en")
    if text is not None:
        (tmp_path / "settings.json").write_text(text, encoding="utf-8")
    assert languages.take(tmp_path) == "en"


@pytest.fixture
def spanish() -> Iterator[None]:
    code = language.current()
    language.use("es")
    yield
    language.use(code)


def test_a_command_of_the_window_says_what_is_wrong_in_its_language(
    spanish: None, tmp_path: Path
) -> None:
    words = ["sweep", "nothing-like-that", "--axis", "seed=1-2", "--out", str(tmp_path / "out")]
    process = SweepProcess([sys.executable, "-m", "spikestudio", *words])
    while process.poll() is None:
        time.sleep(0.02)
    said = process.said()
    process.close()
    assert said.startswith("No existe el punto de control 'nothing-like-that'")
