"""The command that writes parts of models as NIR."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from spikestudio.cli.nir import nir
from spikestudio.errors import ConfigError, ExportError
from tests.tiny import save_tiny

app = typer.Typer()
app.command()(nir)


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    return str(save_tiny(tmp_path / "tokens.safetensors", "spiking-diffusion"))


def test_it_tells_what_fits_and_names_what_does_not(tokens: str) -> None:
    text = CliRunner().invoke(app, [tokens]).stdout
    assert "Parts that NIR can express: sdid.conv1, sdid.conv2" in text
    assert "vqsvae.decoder.snn_convs.0 (ConvTranspose2d): NIR has no ConvTranspose2d" in text
    told = json.loads(CliRunner().invoke(app, [tokens, "--part", "sdid.conv1", "--json"]).stdout)
    assert told["missing"] == []
    assert "sdid.conv1" in told["parts"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "layers and blocks"), (["--part", "nothing"], "no part"), (["--dt", "0"], "--dt 0")],
)
def test_what_does_not_fit_is_refused(tokens: str, arguments: list[str], words: str) -> None:
    out = Path(tokens).with_name("a.nir")
    result = CliRunner().invoke(app, [tokens, "--out", str(out), *arguments])
    assert isinstance(result.exception, ConfigError | ExportError)
    if find_spec("nirtorch") is not None or words.startswith("--"):
        assert words in str(result.exception)
    assert not out.exists()


@pytest.mark.skipif(find_spec("nirtorch") is None, reason="the extra nir is not installed")
def test_a_part_is_written(tokens: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest.importorskip("tqdm").tqdm, "monitor_interval", 0)
    out = Path(tokens).with_name("a.nir")
    arguments = [tokens, "--part", "sdid.conv2", "--out", str(out), "--json"]
    told = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert told == {"path": str(out), "part": "sdid.conv2", "dt": 1e-4}
    assert out.stat().st_size > 0
