from __future__ import annotations

from pathlib import Path

import pytest

from spikestudio import paths
from spikestudio.checkpoints.card import Measurement
from tests.unit.checkpoints import tiny
from tests.unit.cli.conftest import Command


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "user_cache", lambda: tmp_path / "cache")
    (tmp_path / "models" / "inner").mkdir(parents=True)
    return tmp_path / "models"


def test_a_folder_is_listed_with_those_in_it(command: Command, models: Path) -> None:
    quality = (Measurement("confident_share", 0.83, "256 samples"),)
    tiny.save(models / "inner" / "mine.safetensors", "sddpm", quality=quality)
    (models / "bad.safetensors").write_bytes(b"")
    done = command("list", "--folder", str(models), "--sort", "recognised", "--json")
    assert (done.status, done.err) == (0, "")
    entries = done.json["checkpoints"]
    assert entries[0]["name"] == "mine"
    assert entries[0]["path"] == str(models / "inner" / "mine.safetensors")
    assert {entry["name"] for entry in entries} >= {"bad", "sddpm-mnist"}
    assert done.json["left_out"] == []
    table = command("list", "--folder", str(models))
    assert any(line.startswith("mine") for line in table.out.splitlines())


def test_a_relative_folder_and_what_was_left_out(
    command: Command, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = models
    for _ in range(10):
        folder /= "x"
    folder.mkdir(parents=True)
    monkeypatch.chdir(models)
    done = command("list", "--folder", ".")
    assert done.status == 0
    assert "deeper than 8 levels left out" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--folder", "nowhere"), "no such folder"),
        (("--sort", "loudest"), "choose one of name"),
    ],
)
def test_what_cannot_be_is_refused(
    command: Command, models: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = command("list", *arguments)
    assert done.status == 1
    assert words in done.err
    assert len(done.err.splitlines()) == 1
