"""Official files given to the commands as they are, and the checkpoint doctor on the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import spikestudio as ss
from spikestudio.errors import ConfigError
from tests.unit.checkpoints import tiny
from tests.unit.checkpoints.hostile import Bomb
from tests.unit.checkpoints.official_files import (
    CONFIGS,
    State,
    make_network,
    with_prefix,
    without_tables,
    write,
)
from tests.unit.cli.conftest import Command

FORMS: dict[str, dict[str, Any]] = {
    "as written": {},
    "without namespace": {"namespace": False},
    "bare": {"bare": True},
    "parallel": {"change": with_prefix("module.")},
    "without tables": {"change": without_tables},
    "all at once": {
        "bare": True,
        "change": lambda state: with_prefix("module.")(without_tables(state)),
    },
}
OLD, NEW = "upblocks.0.temb_projection.1.bias", "upblocks.0.temb_proj.1.bias"


def misspelt(state: State) -> State:
    state = dict(state)
    state[OLD] = state.pop(NEW)
    return state


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", CONFIGS)
def test_official_files_are_opened_as_they_are(
    command: Command, tmp_path: Path, kind: str, form: str
) -> None:
    network: Any = make_network(kind)
    if kind == "sdit":
        network.conv.weight.mul_(0.05)
    path = str(write(tmp_path, kind, network, **FORMS[form]))
    shown = command("inspect", path, "--json").json
    assert shown["official"] is True
    assert shown["card"]["architecture"] == CONFIGS[kind][0]
    assert "threshold 1" in shown["card"]["training"]["assumed"]
    model = ss.load(path)
    assert model.card.tensors_sha256 == shown["card"]["tensors_sha256"]
    arguments = ("--num", "1", "--steps", "2", "--device", "cpu")
    assert command("sample", path, *arguments, "--out", "a.npz").status == 0
    assert command("convert", path, "--out", "ours.safetensors").status == 0
    assert command("sample", "ours.safetensors", *arguments, "--out", "b.npz").status == 0
    assert np.array_equal(np.load("a.npz")["arr_0"], np.load("b.npz")["arr_0"])


def test_what_is_missing_is_given_as_an_option(command: Command, tmp_path: Path) -> None:
    path = write(tmp_path, "sddpm", make_network("sddpm"), bare=True, change=without_tables)
    options = ("--snn-steps", "8", "--image-size", "16", "--timesteps", "50", "--dataset", "mnist")
    card = command("inspect", str(path), *options, "--json").json["card"]
    assert (card["snn_steps"], card["config"]["image_size"]) == (8, 16)
    assert card["config"]["num_train_timesteps"] == 50
    assert card["training"]["assumed"] == "threshold 1, data range"
    assumed = command("inspect", str(path), "--json").json["card"]["training"]["assumed"]
    for what in ("num_snn_steps 4", "num_train_timesteps 1000", "image_size 32"):
        assert what in assumed


def test_a_rename_is_suggested_accepted_and_reported(command: Command, tmp_path: Path) -> None:
    network = make_network("sddpm")
    path = str(write(tmp_path, "sddpm", network, change=misspelt))
    broken = command("inspect", path, "--report", "broken.json")
    assert broken.status == 1
    assert f"--accept-rename {OLD}={NEW}" in broken.out
    report = json.loads(Path("broken.json").read_text(encoding="utf-8"))
    assert report["findings"]["likely_renames"] == {OLD: NEW}
    assert report["usable"] is False
    for accepted in (("--accept-rename", f"{OLD}={NEW}"), ("--accept-likely",)):
        done = command("inspect", path, *accepted, "--report", "mended.txt", "--json")
        assert done.status == 0
        assert done.json["findings"]["renamed"] == {OLD: NEW}
        assert "usable        yes" in Path("mended.txt").read_text(encoding="utf-8")
    assert (
        command("convert", path, "--rename", f"{OLD}={NEW}", "--out", "m.safetensors").status == 0
    )
    state = ss.load("m.safetensors").network.state_dict()
    assert torch.equal(state[NEW], network.state_dict()[NEW])


def test_a_file_of_ours_is_mended(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "bundled" / "sddpm-mnist.safetensors"
    header, tensors = tiny.split(path)
    header[OLD] = header.pop(NEW)
    tiny.join(path, header, tensors)
    assert command("inspect", str(path)).status == 1
    assert command("inspect", str(path), "--accept-rename", f"{OLD}={NEW}").status == 0
    done = command("convert", str(path), "--rename", f"{OLD}={NEW}", "--out", "m.safetensors")
    assert done.status == 0
    assert command("inspect", "m.safetensors").status == 0


def test_everything_that_a_file_wants_to_run_is_printed(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path = tmp_path / "x.pt"
    wanted = [os.system, os.remove, eval, exec, print]
    torch.save({"model": {}, "a": Bomb(tmp_path / "crater"), "b": wanted}, path)
    done = command("inspect", str(path), "--report", "report.json")
    assert done.status == 1
    assert "would run" in done.out
    for name in ("mkdir", "system", "remove", "eval", "exec", "print"):
        assert name in done.out
    assert len(json.loads(Path("report.json").read_text(encoding="utf-8"))["would_run"]) == 6
    assert not (tmp_path / "crater").exists()


def test_a_report_of_another_kind_is_wrong_usage(command: Command) -> None:
    done = command("inspect", "sddpm-mnist", "--report", "report.pdf")
    assert done.status == 2
    assert not Path("report.pdf").exists()


def test_python_tells_what_an_official_file_cannot_say(tmp_path: Path) -> None:
    path = write(tmp_path, "sddpm", make_network("sddpm"))
    model = ss.load(path, snn_steps=2)
    assert model.card.snn_steps == 2
    with pytest.raises(ConfigError, match="choose from snn_steps"):
        ss.load(path, timesteps=2)
