from __future__ import annotations

from pathlib import Path

import pytest
import torch

from spikestudio.checkpoints.loader import load
from tests.unit.checkpoints.official_files import CONFIGS, make_network, with_prefix, write
from tests.unit.cli.conftest import Command


@pytest.mark.parametrize("kind", CONFIGS)
def test_an_official_file_is_converted(command: Command, tmp_path: Path, kind: str) -> None:
    network = make_network(kind)
    path = write(tmp_path, kind, network)
    done = command("convert", str(path), "--out", "ours.safetensors", "--strict", "--json")
    assert (done.status, done.err) == (0, "")
    assert done.json["card"]["architecture"] == CONFIGS[kind][0]
    assert done.json["card"]["training"]["numerics"] == "strict"
    state = load(Path("ours.safetensors")).network.state_dict()
    assert all(torch.equal(state[name], each) for name, each in network.state_dict().items())


def test_two_files_and_options(command: Command, tmp_path: Path) -> None:
    first = write(tmp_path, "spiking-diffusion", make_network("spiking-diffusion"))
    second = (tmp_path / "diff_result" / "diff_model.pth").rename(tmp_path / "b.pth")
    arguments = ("convert", str(first), str(second), "--out", "ours.safetensors")
    done = command(*arguments, "--snn-steps", "4", "--dataset", "kmnist")
    assert done.status == 0
    assert "assumed: " in done.out
    card = load(Path("ours.safetensors")).card
    assert (card.snn_steps, card.dataset) == (4, "kmnist")


def test_renames_and_weights(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    state = make_network("sddpm").state_dict()
    average = {name: each.clone() for name, each in state.items()}
    average["stem.bias"] = average.pop("conv.bias") + 1
    torch.save({"net_model": state, "ema_model": average}, path)
    arguments = ("convert", str(path), "--out", "ours.safetensors", "--weights", "ema_model")
    failed = command(*arguments)
    assert failed.status == 1
    assert "1 missing (conv.bias); 1 unexpected (stem.bias)" in failed.err
    assert command(*arguments, "--rename", "stem.bias=conv.bias").status == 0
    converted = load(Path("ours.safetensors")).network.state_dict()["conv.bias"]
    assert torch.equal(converted, state["conv.bias"] + 1)


def test_wrong_usage(command: Command, tmp_path: Path) -> None:
    path = str(write(tmp_path, "sdit", make_network("sdit")))
    assert command("convert", path).status == 2
    assert command("convert", path, "--out", "x.pt").status == 2
    assert command("convert", path, "--out", "x.safetensors", "--rename", "a").status == 2
    ours = str(tmp_path / "bundled" / "sdit-mnist.safetensors")
    done = command("convert", ours, "--out", "x.safetensors")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "SpikeStudio checkpoint already" in done.err
    done = command("convert", path, "--out", "x.safetensors", "--dataset", "imagenet")
    assert done.status == 1
    assert "Unknown data set" in done.err
    assert not Path("x.safetensors").exists()


def test_inspect_shows_an_official_file(command: Command, tmp_path: Path) -> None:
    network = make_network("sddpm")
    path = write(tmp_path, "sddpm", network, change=with_prefix("module."))
    report = command("inspect", str(path), "--json").json
    assert report["official"] is True
    assert report["findings"]["usable"] is True
    assert report["findings"]["renamed"]["module.conv.bias"] == "conv.bias"
    assert report["neurons"] > 0
    assert "num_snn_steps 4" in report["card"]["training"]["assumed"]
    done = command("inspect", str(path))
    assert done.status == 0
    number = len(report["findings"]["renamed"])
    # names that differ in their beginning alone are one line
    (row,) = [line.split() for line in done.out.splitlines() if line.startswith("renamed")]
    assert row == ["renamed", "module.*", "*,", str(number), "tensors"]
    assert "\nassumed " in done.out
    assert "The file can be used." in done.out


def test_inspect_of_a_broken_file_shows_what_is_wrong(command: Command, tmp_path: Path) -> None:
    def damage(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: each for name, each in state.items() if name != "conv.bias"}

    path = write(tmp_path, "sddpm", make_network("sddpm"), change=damage)
    done = command("inspect", str(path), "--json")
    assert done.status == 1
    assert done.json["findings"]["missing"] == ["conv.bias"]
    assert done.json["error"] in done.err
    done = command("inspect", str(path))
    assert done.status == 1
    assert "missing" in done.out
    assert "conv.bias" in done.out
