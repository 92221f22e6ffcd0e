from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer import Typer
from typer.testing import CliRunner

from spikestudio.errors import DataError
from spikestudio.metrics import judge as judge_module
from spikestudio.metrics.judge import (
    METADATA_KEY,
    Judge,
    JudgeFacts,
    JudgeNetwork,
    distort,
    load_judge,
    save_judge,
    train_judge,
)
from spikestudio.paths import resource
from tests.unit.metrics.digits import digits

BUNDLED = resource("judges", "mnist.safetensors")


@pytest.mark.parametrize("split", ["train", "test"])
def test_bundled_judge_knows_real_digits(split: str) -> None:
    judge, data = load_judge(), digits(split)
    probabilities = judge.probabilities(data.images)
    assert probabilities.shape == (60, 10)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert (probabilities.argmax(1) == data.labels).mean() >= 0.98
    assert judge.facts.test_accuracy >= 0.99


def test_bundled_judge_is_small() -> None:
    assert BUNDLED.stat().st_size <= 1_000_000


def test_judge_is_not_sure_of_everything() -> None:
    images = digits().images.astype(int)
    mixed = ((images + np.roll(images, 6, 0)) // 2).astype(np.uint8)
    assert (load_judge().probabilities(mixed).max(1) >= 0.9).mean() < 0.9


def test_batches_do_not_change_the_verdict() -> None:
    images = np.tile(digits().images, (10, 1, 1, 1))
    probabilities = load_judge().probabilities(images)
    np.testing.assert_allclose(probabilities[:60], probabilities[-60:], atol=1e-5)
    assert load_judge().probabilities(images[:0]).shape == (0, 10)


def test_wrong_size_is_refused() -> None:
    with pytest.raises(DataError, match="28x28"):
        load_judge().probabilities(np.zeros((1, 32, 32, 1), np.uint8))


def test_file_keeps_the_network_in_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = JudgeNetwork().eval()
    facts = JudgeFacts(
        dataset="mnist", test_accuracy=0.5, test_confident=0.25, num_train=60, epochs=1, seed=3
    )
    save_judge(tmp_path / "judge.safetensors", Judge(network, facts))
    loaded = load_judge(tmp_path / "judge.safetensors")
    assert loaded.facts == facts
    rounded = network.half().float().state_dict()
    for name, tensor in loaded.network.state_dict().items():
        assert torch.equal(tensor, rounded[name])


@pytest.mark.parametrize("damage", ["missing", "random", "no facts", "odd facts", "no weight"])
def test_what_is_no_judge_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "judge.safetensors"
    tensors = load_file(BUNDLED)
    if damage == "random":
        path.write_bytes(b"random bytes")
    elif damage == "no facts":
        save_file(tensors, path)
    elif damage == "odd facts":
        save_file(tensors, path, {METADATA_KEY: '{"colour": "red"}'})
    elif damage == "no weight":
        tensors.popitem()
        save_file(tensors, path, {METADATA_KEY: "{}"})
    with pytest.raises(DataError, match=r"judge\.safetensors is not a judge"):
        load_judge(path)


def test_training_learns_and_repeats() -> None:
    data = digits()
    losses = [loss for _, loss in train_judge(data, epochs=12, batch_size=20, seed=1)]
    assert losses[-1] < 0.5 * losses[0]
    again = [loss for _, loss in train_judge(data, epochs=12, batch_size=20, seed=1)]
    assert again == losses


def test_distortion_is_slight() -> None:
    x = torch.from_numpy(digits().images[..., 0])[:, None].float() / 255
    y = distort(x, torch.Generator().manual_seed(0))
    assert y.shape == x.shape
    assert 0.05 < (y - x).square().mean().sqrt() < 0.35
    judge = load_judge()
    pixels = (y[:, 0, :, :, None] * 255).round().to(torch.uint8).numpy()
    assert (judge.probabilities(pixels).argmax(1) == digits().labels).mean() > 0.95


def test_command_trains_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "load_dataset", lambda _, __, split: digits(split))
    app = Typer()
    app.command()(judge_module.command)
    out = tmp_path / "judge.safetensors"
    done = CliRunner().invoke(app, ["--data", "unused", "--out", str(out), "--epochs", "1"])
    assert done.exit_code == 0, done.output
    facts = load_judge(out).facts
    assert (facts.num_train, facts.epochs, facts.dataset) == (60, 1, "mnist")
    assert 0 <= facts.test_accuracy <= 1
