from __future__ import annotations

from pathlib import Path

import pytest

from spikestudio.checkpoints.card import Measurement
from spikestudio.cli import doctor
from spikestudio.neurons.nodes import spiking_layers
from tests.unit.checkpoints import tiny
from tests.unit.cli.conftest import Command


def test_list_as_json(command: Command, tmp_path: Path) -> None:
    quality = (Measurement("recognised", 0.83, "256 samples"),)
    tiny.save(tmp_path / "bundled" / "good.safetensors", "sddpm", quality=quality)
    (tmp_path / "bundled" / "bad.safetensors").write_bytes(b"")
    done = command("list", "--json")
    assert (done.status, done.err) == (0, "")
    entries = {entry["name"]: entry for entry in done.json["checkpoints"]}
    assert set(entries) == {"good", "bad", *(f"{name}-mnist" for name in tiny.CONFIGS)}
    good = entries["good"]
    assert (good["architecture"], good["dataset"], good["bundled"]) == ("sddpm", "mnist", True)
    assert good["quality"][0]["value"] == 0.83
    assert good["size_bytes"] == Path(good["path"]).stat().st_size
    assert good["error"] is None
    assert "empty" in entries["bad"]["error"]


def test_list_as_a_table(command: Command) -> None:
    done = command("list")
    assert done.status == 0
    for name in tiny.CONFIGS:
        assert any(
            line.startswith(f"{name}-mnist") and "not measured" in line
            for line in done.out.splitlines()
        )


def test_an_empty_catalogue_says_where_to_put_files(command: Command, tmp_path: Path) -> None:
    for file in (tmp_path / "bundled").iterdir():
        file.unlink()
    assert "No checkpoints found" in command("list").out
    assert command("list", "--json").json == {"checkpoints": []}


@pytest.mark.parametrize("architecture", tiny.CONFIGS)
def test_inspect_as_json(command: Command, architecture: str) -> None:
    done = command("inspect", f"{architecture}-mnist", "--json")
    assert (done.status, done.err) == (0, "")
    network = tiny.make_network(architecture)
    report = done.json
    assert report["card"]["architecture"] == architecture
    assert report["parameters"] == sum(each.numel() for each in network.parameters())
    assert {layer["id"] for layer in report["layers"]} == set(spiking_layers(network))
    assert report["neurons"] == sum(layer["neurons"] for layer in report["layers"])
    assert report["defaults"]["num"] == 16


@pytest.mark.parametrize("architecture", tiny.CONFIGS)
def test_inspect_as_text(command: Command, architecture: str) -> None:
    done = command("inspect", f"{architecture}-mnist")
    assert done.status == 0
    assert all(layer in done.out for layer in spiking_layers(tiny.make_network(architecture)))


def test_doctor_finds_all_well(command: Command) -> None:
    done = command("doctor", "--json")
    report = done.json
    assert report["problems"] == []
    assert report["ok"] is True
    assert done.status == 0
    assert report["devices"][-1] == "cpu"
    assert report["packages"]["torch"]
    assert report["window"] == "ok"
    assert report["checkpoints"] == sorted(f"{name}-mnist" for name in tiny.CONFIGS)


def test_doctor_names_each_problem(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundled" / "bad.safetensors").write_bytes(b"")
    monkeypatch.setattr(doctor, "_PACKAGES", ("torch", "no-such-package"))
    monkeypatch.setattr(doctor, "_OPEN_WINDOW", "import sys; sys.exit('libEGL.so.1: cannot open')")
    done = command("doctor")
    assert done.status == 1
    problems = done.err.splitlines()
    assert len(problems) == 3
    assert "no-such-package is not installed" in problems[0]
    assert "libEGL.so.1" in problems[1]
    assert "it is empty" in problems[2]
    assert "3 problems" in done.out
