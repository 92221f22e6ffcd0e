import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from spikestudio import paths
from spikestudio.checkpoints.card import Measurement
from spikestudio.checkpoints.safetensors_io import read_header
from spikestudio.cli.evaluate import evaluate
from spikestudio.data import readers
from spikestudio.errors import ConfigError, DataError
from spikestudio.metrics import report
from spikestudio.models.registry import ARCHITECTURES
from spikestudio.paths import resource
from tests.integration.test_distributed import ended, started
from tests.unit.checkpoints import tiny
from tests.unit.checkpoints.official_files import make_network, write
from tests.unit.metrics.digits import digits
from tests.unit.training.test_command import write_idx


def invoke(path: Path, *options: str) -> Result:
    app = Typer()
    app.command()(evaluate)
    return CliRunner().invoke(app, [str(path), "--data", "unused", "--num", "6", *options])


@pytest.fixture(autouse=True)
def _small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "load_dataset", lambda _, __, split: digits(split))
    monkeypatch.setattr(paths, "user_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(report, "STEPS", 2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_report(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, architecture, defaults={"steps": 2})
    before = path.read_bytes()
    done = invoke(path, "--seed", "3", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["num"] == 6
    assert (said["agreement"] is None) == (architecture != "sdit")
    protocol = said["protocol"]
    assert protocol["checkpoint"] == "tiny"
    assert protocol["resizing"] == "8x8 to 28x28, bilinear"
    assert protocol["request"]["steps"] == 2
    assert protocol["request"]["seed"] == 3
    assert protocol["judge"]["test_accuracy"] > 0.99
    assert path.read_bytes() == before
    figures = {each["metric"]: each for each in said["figures"]}
    assert {"judge_frechet_distance", "judge_coverage", "frechet_autoencoder_distance"} <= set(
        figures
    )
    assert {"energy_mj_papers", "energy_mj_strict", "energy_mj_ann"} <= set(figures)
    assert ("codebook_perplexity" in figures) == (architecture == "spiking-diffusion")
    assert figures["judge_frechet_distance"]["low"] <= figures["judge_frechet_distance"]["high"]
    assert "60 test images of mnist" in figures["judge_frechet_distance"]["protocol"]["reference"]
    assert "train images" in figures["judge_frechet_distance"]["beside"]
    assert not any("fid" in name for name in figures)


def test_many_images_are_sampled_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, "sdit", defaults={"steps": 2})
    reports = []
    for part in (6, 4):
        monkeypatch.setattr("spikestudio.cli.generation.PART", part)
        reports.append(json.loads(invoke(path, "--json").stdout))
    whole, parts = reports
    assert parts["num"] == 6
    for figure in ("confident", "mean_confidence", "class_shares", "agreement", "diversity"):
        assert parts[figure] == whole[figure]
    assert parts["figures"] == whole["figures"]


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
    kept = {each.metric: each for each in after.card.quality}
    assert kept["judge_frechet_distance"].protocol.startswith("6 images (ddim, 2 steps, seed 0)")
    assert "95 % interval" in kept["judge_frechet_distance"].protocol
    assert kept["energy_mj_strict"].value > 0


def test_other_data_set_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, "sddpm", dataset="kmnist")
    monkeypatch.setattr(readers, "load_dataset", lambda *_: pytest.fail("it read the data"))
    done = invoke(path)
    assert isinstance(done.exception, DataError)
    assert "no judge of kmnist" in str(done.exception)
    assert "--judge none" in str(done.exception)
    judge = str(resource("judges", "mnist.safetensors"))
    done = invoke(path, "--judge", judge)
    assert isinstance(done.exception, DataError)
    assert "cannot judge kmnist" in str(done.exception)


def test_without_a_judge_the_rest_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, "sddpm", defaults={"steps": 2})
    done = invoke(path, "--judge", "none", "--baseline", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    figures = {each["metric"]: each for each in said["figures"]}
    assert "class_shares" not in said
    assert not any(name.startswith("judge") for name in figures)
    assert "class-wise Gaussian" in figures["frechet_autoencoder_distance"]["beside"]


def test_train_images_as_reference_and_the_paper_s_own_figures(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, "spiking-diffusion", defaults={"steps": 2})
    done = invoke(
        path, "--reference-split", "train", "--as-in-paper", "--autoencoder", "none", "--json"
    )
    assert done.exit_code == 0, done.output
    figures = {each["metric"]: each for each in json.loads(done.stdout)["figures"]}
    assert "train images of mnist" in figures["judge_frechet_distance"]["protocol"]["reference"]
    assert "test images" in figures["judge_frechet_distance"]["beside"]
    biased = figures["judge_frechet_distance_svd_root"]
    assert "2308.10187" in biased["protocol"]["note"]
    assert "reconstruction_ssim_padded" in figures


def test_feature_files_need_no_checkpoint(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("x", "y"):
        np.save(tmp_path / f"{name}.npy", rng.standard_normal((30, 4)))
    app = Typer()
    app.command()(evaluate)
    options = ["--features", str(tmp_path / "x.npy"), "--reference", str(tmp_path / "y.npy")]
    done = CliRunner().invoke(app, [*options, "--json"])
    assert done.exit_code == 0, done.output
    metrics = [each["metric"] for each in json.loads(done.stdout)["figures"]]
    assert metrics[:2] == ["fid", "kid"]
    shown = CliRunner().invoke(app, options)
    assert "fid" in shown.output
    for wrong in (options[:2], []):
        assert isinstance(CliRunner().invoke(app, wrong).exception, ConfigError)


def test_table_reads_the_bundled_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "bundled_checkpoints", lambda: tmp_path)
    figure = Measurement("confident_share", 0.75, "64 images")
    tiny.save(tmp_path / "sddpm-mnist.safetensors", "sddpm", quality=(figure,))
    app = Typer()
    app.command()(evaluate)
    done = CliRunner().invoke(app, ["--table"])
    assert done.exit_code == 0, done.output
    assert "| confident share [1] | 75.0 % |" in done.output


@pytest.mark.skipif(sys.platform == "win32", reason="gloo differs")
def test_two_processes_measure_what_one_does(tmp_path: Path) -> None:
    """Seven images for two: the shares differ in size."""
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, "sdit", defaults={"steps": 2})
    folder = tmp_path / "data"
    folder.mkdir()
    for stem, split in (("train-first60", "train"), ("t10k-first60", "test")):
        data = digits(split)
        write_idx(folder / f"{stem}-images-idx3-ubyte", data.images[..., 0])
        assert data.labels is not None
        write_idx(folder / f"{stem}-labels-idx1-ubyte", data.labels.astype(np.uint8))
    command = ["-m", "spikestudio", "evaluate", str(path), "--data", str(folder), "--num", "7"]
    command += ["--autoencoder", "none", "--json"]
    outputs = []
    for size in (1, 2):
        processes = started(size, *command)
        said = ended(processes)
        assert [each.returncode for each in processes] == [0] * size, said
        assert said[1:] in ([], [""])
        report_ = json.loads(said[0][said[0].index("{") :])
        del report_["protocol"]["seconds"]
        outputs.append(report_)
    assert outputs[0] == outputs[1]


def test_every_protocol_names_its_figures(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    tiny.save(path, "sddpm", defaults={"steps": 2})
    done = invoke(path)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    at = lines.index("judge frechet distance")
    assert lines[at + 1].startswith("features: judge of mnist")
    assert "energy mj papers, synaptic operations papers" in lines


def test_a_file_that_does_not_say_what_it_was_trained_on_needs_a_dataset(tmp_path: Path) -> None:
    path = write(tmp_path, "sddpm", make_network("sddpm"))
    done = invoke(path)
    assert isinstance(done.exception, ConfigError)
    assert "does not say what it was trained on: give --dataset (mnist" in str(done.exception)
