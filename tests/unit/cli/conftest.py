from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spikestudio import paths
from spikestudio.cli import console
from spikestudio.cli.main import app
from tests.unit.checkpoints import tiny


@dataclass(frozen=True)
class Outcome:
    """What a command left on its streams, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Outcome]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in an empty folder, with one tiny model of each kind bundled."""
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    for architecture in tiny.CONFIGS:
        tiny.save(bundled / f"{architecture}-mnist.safetensors", architecture)
    monkeypatch.setattr(paths, "bundled_checkpoints", lambda: bundled)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    console.stdout.cache_clear()  # a console keeps the width that it was made with

    def run(*arguments: str) -> Outcome:
        result = CliRunner().invoke(app, list(arguments))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run
