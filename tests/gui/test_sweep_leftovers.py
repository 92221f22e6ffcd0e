"""A sweep leaves nothing in the temporary folder, nor beside its own, however it ends."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from spikestudio.app.viewmodels.sweep_texts import AxisText
from spikestudio.atomic import is_temporary
from spikestudio.neurons.overrides import Override
from tests.gui.test_views_sweep import Desk, desk

__all__ = ["desk"]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, empty."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def start(desk: Desk) -> Path:
    """Start a sweep with overrides; gives the file that they are passed in."""
    desk.sweep.form.set_num(2)
    desk.sweep.form.set_axes((AxisText("threshold", "0.9,1.0"),))
    desk.sweep.form.check()
    layer = desk.model.layers[0].id
    override = Override.from_json({"layer": layer, "kind": "threshold", "value": 0.5})
    checked = desk.sweep.form.checked
    given = {**checked.given, "overrides": (override,)}
    desk.sweep.form.checked = replace(checked, given=given)
    desk.sweep.start()
    arguments = desk.started[-1][0]
    return Path(arguments[arguments.index("--overrides") + 1])


def leftovers(desk: Desk) -> list[Path]:
    return [path for path in desk.folder.rglob("*") if is_temporary(path)]


@pytest.mark.parametrize("status", [0, 1, 130])
def test_overrides_go_with_the_process(desk: Desk, temporary: Path, status: int) -> None:
    file = start(desk)
    assert json.loads(file.read_text())[0]["value"] == 0.5
    assert is_temporary(file)
    desk.process.status = status
    desk.sweep.look()
    assert desk.sweep.state == "ended"
    assert not leftovers(desk)
    assert not list(temporary.iterdir())


def test_a_process_that_cannot_be_started(desk: Desk, temporary: Path) -> None:
    def refuse(_arguments: list[str]) -> None:
        raise OSError(11, "no more processes")

    desk.sweep._launch = refuse
    desk.sweep.form.set_num(2)
    desk.sweep.form.set_axes((AxisText("threshold", "0.9,1.0"),))
    desk.sweep.form.check()
    desk.sweep.start()
    assert "could not be started" in desk.sweep.failure
    assert not leftovers(desk)
    assert not list(temporary.iterdir())
