import json
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from spikestudio.checkpoints.safetensors_io import read_header
from spikestudio.cli.evaluate import evaluate
from spikestudio.data import readers
from spikestudio.errors import DataError
from spikestudio.models.registry import ARCHITECTURES
from spikestudio.paths import resource
from tests.unit.checkpoints import tiny
from tests.unit.metrics.digits import digits


def invoke(path: Path, *options: str) -> Result:
    app = Typer()
    app.command()(evaluate)
    return CliRunner().invoke(app, [str(path), "--data", "unused", "--num", "6", *options])


@pytest.fixture(autouse=True)
def _small_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "load_dataset", lambda _, __, split: digits(split))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_report(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, architecture, defaults={"steps": 2})
    before = path.read_bytes()
    done = invoke(path, "--seed", "3", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["num"] == 6
    assert (report["agreement"] is None) == (architecture != "sdit")
    protocol = report["protocol"]
    assert protocol["checkpoint"] == "tiny"
    assert protocol["resizing"] == "8x8 to 28x28, bilinear"
    assert protocol["request"]["steps"] == 2
    assert protocol["request"]["seed"] == 3
    assert protocol["judge"]["test_accuracy"] > 0.99
    assert path.read_bytes() == before


def test_many_images_are_sampled_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, "sdit", defaults={"steps": 2})
    reports = []
    for part in (6, 4):
        monkeypatch.setattr("spikestudio.cli.evaluate._PART", part)
        reports.append(json.loads(invoke(path, "--json").stdout))
    whole, parts = reports
    assert parts["num"] == 6
    for figure in ("confident", "mean_confidence", "class_shares", "agreement", "diversity"):
        assert parts[figure] == whole[figure]


def test_store_writes_the_card_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, "sddpm", defaults={"steps": 2})
    before = read_header(path)
    done = invoke(path, "--store")
    assert done.exit_code == 0, done.output
    assert "confident share" in done.output
    after = read_header(path)
    assert after.card.tensors_sha256 == before.card.tensors_sha256
    assert after.tensors.keys() == before.tensors.keys()
    assert after.card.quality[0].metric == "confident_share"
    assert "6 samples (sampler ddim, steps 2, seed 0)" in after.card.quality[0].protocol


def test_other_data_set_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, "sddpm", dataset="kmnist")
    monkeypatch.setattr(readers, "load_dataset", lambda *_: pytest.fail("it read the data"))
    done = invoke(path)
    assert isinstance(done.exception, DataError)
    assert "no judge of kmnist" in str(done.exception)
    judge = str(resource("judges", "mnist.safetensors"))
    done = invoke(path, "--judge", judge)
    assert isinstance(done.exception, DataError)
    assert "cannot judge kmnist" in str(done.exception)
