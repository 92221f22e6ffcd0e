"""Tables measured of a model and stored in its file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from spikestudio.checkpoints.loader import load
from spikestudio.checkpoints.safetensors_io import read_card, read_header, read_tensors
from spikestudio.cli.main import app
from spikestudio.diffusion.gaussian import q_sample
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.training import tables
from spikestudio.training.loop import train
from spikestudio.training.tables import add_to_file, measure
from tests.tiny import save_tiny, tiny_model
from tests.unit.training.small import small_dataset, small_request
from tests.unit.training.test_command import write_idx


def measured(*args: Any, **options: Any) -> tables.Tables:
    work = measure(*args, **options)
    events = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            assert events[-1].done == events[-1].total
            return end.value


def test_gamma_is_the_mean_square_of_the_predicted_noise(monkeypatch):
    model, dataset = tiny_model("sddpm"), small_dataset("sddpm")
    monkeypatch.setattr(model, "predict", lambda x, t, y: x * t)
    found = measured(model, dataset, images=400).tensors["aux.gamma"]
    schedule = GaussianSchedule.linear(12)
    x_0 = torch.from_numpy(dataset.images).permute(0, 3, 1, 2).repeat(40, 1, 1, 1) / 127.5 - 1
    for t in (1, 7, 11):
        times = torch.full((len(x_0),), t)
        x_t = q_sample(schedule, x_0, times, torch.randn(x_0.shape))
        assert float(found[t]) == pytest.approx(float((x_t * t).square().mean()), rel=0.05)
    assert found[0] == 0
    assert found.dtype == torch.float64


@pytest.mark.parametrize("architecture", ["sddpm", "sdit"])
def test_training_ends_with_the_table_that_the_command_adds(architecture, tmp_path):
    request = small_request(architecture, tmp_path, table_images=10)
    dataset = small_dataset(architecture)
    *_, last = train(request, dataset)
    stored = read_tensors(read_header(request.out))["aux.gamma"]
    assert stored.shape == (12,)
    assert bool((stored > 0).all())
    assert last.card.training["gamma_images"] == 10
    model = load(request.out)
    assert torch.equal(measured(model, dataset, images=10).tensors["aux.gamma"], stored)
    assert not torch.equal(measured(model, dataset, images=10, seed=1).tensors["aux.gamma"], stored)
    assert read_card(request.out).tensors_sha256 == last.card.tensors_sha256


def test_without_images_there_is_no_table(tmp_path):
    request = small_request("sddpm", tmp_path, table_images=0)
    list(train(request, small_dataset("sddpm")))
    assert "aux.gamma" not in read_header(request.out).tensors


def test_training_ends_with_the_counts_of_every_code(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_ENCODED", 7)
    request = small_request("spiking-diffusion", tmp_path)
    dataset = small_dataset("spiking-diffusion")
    *_, last = train(request, dataset)
    counts = read_tensors(read_header(request.out))["aux.codebook_counts"]
    images = torch.from_numpy(dataset.images).permute(0, 3, 1, 2).float() / 255
    tokens = load(request.out).encode(images)
    assert counts.dtype == torch.int64
    assert counts.tolist() == np.bincount(tokens.numpy().ravel(), minlength=10).tolist()
    assert int(counts.sum()) == 30 * 9
    assert last.card.training["codebook_counts_images"] == 30


def write_data(folder: Path) -> Path:
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)
    write_idx(folder / "train-first40-images-idx3-ubyte", images)
    write_idx(folder / "train-first40-labels-idx1-ubyte", (np.arange(40) % 10).astype(np.uint8))
    return folder


@pytest.mark.parametrize(
    ("architecture", "name"),
    [("sddpm", "gamma"), ("sdit", "gamma"), ("spiking-diffusion", "codebook_counts")],
)
def test_the_command_adds_to_a_file_and_keeps_its_weights(architecture, name, tmp_path):
    path = save_tiny(tmp_path / "model.safetensors", architecture, image_size=28)
    before = read_header(path)
    data = write_data(tmp_path / "data")
    command = ["gamma", str(path), "--data", str(data), "--images", "3", "--device", "cpu"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert f"aux.{name}" in result.output
    after = read_header(path)
    assert set(after.tensors) - set(before.tensors) == {f"aux.{name}"}
    assert after.card.tensors_sha256 == before.card.tensors_sha256
    assert after.card.training[f"{name}_images"] == (3 if name == "gamma" else 40)
    load(path)


def test_another_output_leaves_the_file_alone(tmp_path):
    path = save_tiny(tmp_path / "model.safetensors", "sddpm")
    before = path.read_bytes()
    found = measured(load(path), small_dataset("sddpm"), images=2)
    add_to_file(path, found, tmp_path / "other.safetensors")
    assert path.read_bytes() == before
    assert "aux.gamma" in read_header(tmp_path / "other.safetensors").tensors


def test_images_of_another_size_are_refused(tmp_path):
    path = save_tiny(tmp_path / "model.safetensors", "sddpm")
    data = write_data(tmp_path / "data")
    result = CliRunner().invoke(app, ["gamma", str(path), "--data", str(data), "--device", "cpu"])
    assert result.exit_code == 1
    assert "takes 8x8" in result.output
