"""The copied program and the copied command, done in fresh processes."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import spikestudio as ss
from spikestudio.errors import ConfigError
from spikestudio.export.images import grid
from spikestudio.export.provenance import provenance
from spikestudio.export.repeat import as_command, as_python, why_no_command
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.events import StepFinished
from tests.tiny import ARCHITECTURE_NAMES, save_tiny
from tests.unit.export.test_provenance_origin import ORIGIN, changed, named, with_request

ASKED: dict[str, dict[str, Any]] = {
    "sddpm": {"sampler": "ddim", "eta": 0.5, "clip_x0": False, "rescale_readout": True},
    "spiking-diffusion": {"temperature": 0.5},
    "sdit": {"sampler": "ancestral", "class_label": 3, "guidance": 2.0},
}
LESION = {"layer": "*", "kind": "silence", "channels": [0], "steps": [1, 2]}


def sample(path: Path, **values: Any) -> Any:
    run = ss.sample(ss.load(path), **{"num": 3, "steps": 3, "seed": 5, "snn_steps": 3} | values)
    list(run)
    return run


def fresh(*arguments: str, folder: Path) -> None:
    """Do something in a process of its own."""
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_both_give_the_same_pixels_in_a_fresh_process(architecture: str, tmp_path: Path) -> None:
    path = save_tiny(tmp_path / "a model's.safetensors", architecture)
    run = sample(path, **ASKED[architecture], overrides=[LESION])
    origin = provenance(run.result)
    program = as_python(origin, path) + "import numpy\nnumpy.save('images.npy', images)\n"
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    fresh(sys.executable, "program.py", folder=tmp_path)
    assert np.array_equal(np.load(tmp_path / "images.npy"), run.result.images)
    if os.name == "nt":
        return
    command = as_command(origin, path).replace(
        "spikestudio sample", f"{shlex.quote(sys.executable)} -m spikestudio sample"
    )
    fresh("sh", "-c", command, folder=tmp_path)
    with Image.open(tmp_path / "grid.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(grid(run.result.images)))


def test_a_program_repeats_changes_a_branch_and_where_a_run_was_stopped(tmp_path: Path) -> None:
    path = save_tiny(tmp_path / "a.safetensors", "spiking-diffusion")
    parent = sample(path, steps=6)
    edits = [{"kind": "paint", "cells": [0, 1], "codes": [3]}, {"kind": "clear", "cells": [2]}]
    run = ss.sample(parent.model, branch=Branch.of(parent.recorder, 2, edits), threshold=0.9)
    for event in run:
        if isinstance(event, StepFinished):
            run.control.set_parameters(**{3: {"temperature": 3.0}}.get(event.step, {}))
            if event.step == 4:
                run.cancel()
    origin = provenance(run.result)
    assert (origin["steps_done"], origin["changes"][-1]["step"]) == (5, 4)
    program = as_python(origin, path) + "import numpy\nnumpy.save('images.npy', images)\n"
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    fresh(sys.executable, "program.py", folder=tmp_path)
    assert np.array_equal(np.load(tmp_path / "images.npy"), run.result.images)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (ORIGIN, "changed while it ran"),
        (changed(changes=[], steps_done=2), "stopped after 2 of 3"),
        (with_request(first_image=4) | {"changes": []}, "first image of its seed"),
        (
            changed(changes=[], branch={"step": 0, "edits": [], "parent": None}),
            "middle of another run",
        ),
    ],
)
def test_what_no_command_can_say_is_told(values: dict[str, Any], reason: str) -> None:
    assert reason in why_no_command(values)
    with pytest.raises(ConfigError, match=reason):
        as_command(values)
    ast.parse(as_python(values))


def test_options_that_a_model_would_refuse_are_left_out() -> None:
    values = changed(changes=[])
    words = shlex.split(as_command(values))
    assert {"--clip-x0", "--device", "--seed"} <= set(words)
    assert not {"--temperature", "--guidance", "--class", "--eta"} & set(words)
    tokens = with_request(sampler="absorbing") | {"changes": []}
    assert "--temperature" in as_command(tokens)
    assert "clip" not in as_command(tokens)
    assert why_no_command(values) == ""


HOSTILE = [
    "x'); import os; os.abort()  #",
    '"""; raise SystemExit(3)',
    "$(touch owned); `touch owned`; touch owned",
    "' ; touch owned ; '",
    "-rf",
    "--out=owned",
    "a\\",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_texts_of_a_file_are_quoted(name: str, tmp_path: Path) -> None:
    values = named(name) | {"changes": [], "versions": {"spikestudio": f"1\n{name}"}}
    values["device"] = name
    tree = ast.parse(as_python(values))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert calls == {"ss.load", "ss.sample"}
    words = shlex.split(as_command(values))
    assert words[:2] == ["spikestudio", "sample"]
    assert words[2] == (f"./{name}" if name.startswith("-") else name)
    if os.name != "nt":
        done = subprocess.run(
            ["sh", "-c", as_command(values).replace("spikestudio", "echo", 1)],
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        assert b"sample" in done.stdout
    assert not list(tmp_path.iterdir())
