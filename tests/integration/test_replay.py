"""Runs done again from what a file says of them: the same pixels, or what is another."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import spikestudio as ss
from spikestudio.checkpoints.safetensors_io import save
from spikestudio.errors import ConfigError
from spikestudio.export.images import save_folder, save_grid, save_npz
from spikestudio.export.metadata import read_provenance, write_sidecar
from spikestudio.export.origin import Origin
from spikestudio.export.pictures import GridStyle, layout, save_picture, tile
from spikestudio.export.provenance import provenance
from spikestudio.export.repeat import as_python, why_no_command
from spikestudio.export.replay import Outcome, Replay, repeated
from spikestudio.recording.record import Record
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.events import StepFinished
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from tests.tiny import ARCHITECTURE_NAMES, save_tiny, tiny_model, tiny_request

STEPS = 4
LESION = {"layer": "*", "kind": "silence", "channels": [0], "steps": [1, 2]}
CURVE = {"layer": "*", "kind": "threshold", "value": 0.8, "steps": [2, 3]}

# Every parameter of a request: a model that it matters to, two values, and what else is asked.
PARAMETERS: dict[str, tuple[str, Any, Any, dict[str, Any]]] = {
    "num": ("sddpm", 3, 2, {}),
    "first_image": ("sddpm", 5, 6, {}),
    "seed": ("sddpm", 11, 12, {}),
    "sampler": ("sddpm", "ancestral", "ddim", {}),
    "steps": ("spiking-diffusion", 3, 4, {}),
    "snn_steps": ("sddpm", 2, 5, {}),
    "threshold": ("sdit", 0.9, 0.7, {}),
    "temperature": ("spiking-diffusion", 4.0, 0.01, {}),
    "class_label": ("sdit", 3, 4, {}),
    "guidance": ("sdit", 3.0, 1.0, {}),
    "eta": ("sddpm", 1.0, 0.0, {"sampler": "ddim"}),
    "clip_x0": ("sddpm", False, True, {"threshold": 0.6}),
    "rescale_readout": ("spiking-diffusion", True, False, {"snn_steps": 8, "temperature": 0.01}),
    "overrides": ("sdit", [LESION], [LESION, CURVE], {}),
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {name: save_tiny(folder / f"{name}.safetensors", name) for name in ARCHITECTURE_NAMES}


def make(path: Path, change: dict[int, dict[str, float]] | None = None, **values: Any) -> Any:
    """Sample with changes after steps; ``stop`` cancels after a step."""
    model = ss.load(path)
    stop, record = values.pop("stop", None), values.pop("record", None)
    asked = {"num": 3, "steps": STEPS, "seed": 4} | values
    run = SamplingRun(model, tiny_request(model, **asked), record=record, describe=provenance)
    return drive(run, change, stop)


def drive(
    run: Any, change: dict[int, dict[str, float]] | None = None, stop: int | None = None
) -> Any:
    for event in run:
        if isinstance(event, StepFinished):
            run.control.set_parameters(**(change or {}).get(event.step, {}))
            if event.step == stop:
                run.cancel()
    assert run.result is not None
    return run


def exported(run: Any, path: Path, **changes: Any) -> Path:
    """The images as a grid whose provenance has been changed."""
    save_grid(path, run.result.images, provenance(run.result) | changes)
    return path


def repeat(path: Path, checkpoint: Path) -> Outcome:
    outcome = Replay(path, checkpoint).compare()
    assert outcome is not None
    return outcome


def told(outcome: Outcome) -> list[str]:
    return [each.field for each in outcome.differences]


# every parameter ----------------------------------------------------------------------------


def test_there_is_a_case_for_every_parameter_of_a_request() -> None:
    assert set(PARAMETERS) == {each.name for each in fields(SamplingRequest)}


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_repeated_and_another_value_of_it_reported(
    name: str, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    architecture, value, other, more = PARAMETERS[name]
    path = checkpoints[architecture]
    run = make(path, **more | {name: value})
    outcome = repeat(exported(run, tmp_path / "a.png"), path)
    assert outcome.is_identical, outcome.differences
    request = replace(run.request, **{name: other}).to_json()
    forged = exported(run, tmp_path / "b.png", request=request)
    outcome = repeat(forged, path)
    assert not outcome.is_identical
    assert outcome.compared
    assert any(each.startswith("images") for each in told(outcome)), outcome.differences


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_in_the_copied_program(
    name: str, checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program asks for the very request; no run is done."""
    architecture, value, _, more = PARAMETERS[name]
    run = make(checkpoints[architecture], stop=0, **more | {name: value})
    origin = provenance(run.result)
    asked: list[SamplingRequest] = []

    def sample(_model: object, **parameters: Any) -> Any:
        asked.append(SamplingRequest(**parameters))
        return run

    monkeypatch.setattr(ss, "sample", sample)
    monkeypatch.setattr(ss, "load", lambda *_: None)
    with pytest.raises(Exception, match="started before"):  # this very run is done
        exec(as_python(origin), {})
    assert asked == [run.request]


# what was done during a run -----------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
@pytest.mark.parametrize("kind", ["plain", "changed", "stopped", "branch", "both"])
def test_changes_branches_and_cancelling_are_repeated(
    kind: str, architecture: str, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path = checkpoints[architecture]
    change = {0: {"threshold": 0.8, "temperature": 0.5}, 2: {"threshold": 1.1}}
    run = make(
        path,
        change if kind in ("changed", "both") else None,
        stop=2 if kind == "stopped" else None,
        overrides=[LESION],
    )
    if kind in ("branch", "both"):
        is_tokens = architecture == "spiking-diffusion"
        edits = [
            {"kind": "paint", "cells": [0, 1], "codes": [3]},
            {"kind": "lock", "cells": [0], "images": [1]},
            {"kind": "clear", "cells": [0, 1]},
        ]
        branch = Branch.of(run.recorder, 2, edits if is_tokens else ())
        own = replace(branch.request, threshold=0.95, overrides=())
        run = drive(SamplingRun(run.model, own, branch=branch), {2: {"threshold": 0.7}})
    file = exported(run, tmp_path / "a.png")
    assert repeat(file, path).is_identical
    origin = Origin.of(read_provenance(file))
    assert bool(why_no_command(origin.values)) == (kind != "plain")
    if kind in ("changed", "both"):
        forged = exported(run, file, changes=[{"step": 3, "threshold": 3.0, "temperature": 1.0}])
        assert told(repeat(forged, path)) == ["images"]


# what is altered ----------------------------------------------------------------------------


def test_another_weight_is_reported(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    path = checkpoints["sddpm"]
    file = exported(make(path), tmp_path / "a.png")
    tensors = load_file(path)
    name = next(each for each in tensors if each.endswith("tail.2.weight") or "conv" in each)
    tensors[name].view(-1)[0] += 1.0
    other = tmp_path / "other.safetensors"
    save(other, tensors, ss.load(path).card)
    outcome = repeat(file, other)
    assert "checkpoint.tensors_sha256" in told(outcome)
    assert not outcome.is_identical


def test_another_seed_is_named_and_the_pixels_counted(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path = checkpoints["sdit"]
    run = make(path)
    request = replace(run.request, seed=5).to_json()
    outcome = repeat(exported(run, tmp_path / "a.png", request=request), path)
    assert {"image_seeds", "images"} <= set(told(outcome))
    here = make(path, seed=5).result.images
    levels = np.abs(here.astype(int) - run.result.images).max(axis=-1)
    number, most = (levels > 0).sum(), levels.max()
    text = next(each.text for each in outcome.differences if each.field == "images")
    assert f"{number:,} of {levels.size:,} pixels differ" in text
    assert text.endswith(f"by up to {most} of 255")


def test_one_other_threshold_is_reported(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    path = checkpoints["spiking-diffusion"]
    run = make(path, {1: {"threshold": 0.9}}, temperature=0.01)
    changes = provenance(run.result)["changes"]
    changes[0]["threshold"] = 0.3
    outcome = repeat(exported(run, tmp_path / "a.png", changes=changes), path)
    assert told(outcome) == ["images"]


def test_one_other_pixel_is_reported(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    path = checkpoints["sddpm"]
    file = exported(make(path), tmp_path / "a.png")
    with Image.open(file) as picture:
        pixels, text = np.array(picture), picture.text["spikestudio"]
    pixels[3, 4] ^= 1
    save_picture(file, Image.fromarray(pixels), json.loads(text))
    outcome = repeat(file, path)
    assert [each.text for each in outcome.differences] == [
        "images: 1 of 192 pixels differ, in 1 of 3 images, by up to 1 of 255"
    ]


# kinds of files -----------------------------------------------------------------------------


def write_svg(path: Path, images: Any, origin: dict[str, Any]) -> None:
    from spikestudio.export.metadata import into_svg

    path.write_bytes(into_svg(b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', origin))


def write_beside(path: Path, images: Any, origin: dict[str, Any]) -> None:
    write_sidecar(path.with_suffix(""), origin)


WRITERS: dict[str, tuple[Callable[..., None], str]] = {
    "a.png": (lambda *a: save_grid(*a, columns=3, rgb=True), "the 3 images"),
    "a.npz": (lambda *a: save_npz(*a), "the 3 images"),
    "folder/0001.png": (lambda path, *a: save_folder(path.parent, *a), "the 1 image"),
    "folder/spikestudio.json": (lambda path, *a: save_folder(path.parent, *a), "the 3 images"),
    "a.svg": (write_svg, "the SHA-256 of its 3 images"),
    "a.csv.json": (write_beside, "the SHA-256 of its 3 images"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_is_compared_with_what_it_holds(
    name: str, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path, file = checkpoints["sddpm"], tmp_path / name
    write, compared = WRITERS[name]
    run = make(path)
    write(file, run.result.images, provenance(run.result))
    outcome = repeat(file, path)
    assert outcome.is_identical
    assert outcome.compared.startswith(compared)
    images = run.result.images.copy()
    images[1, 0, 0] ^= 255
    other = replace(run.result, images=images)
    write(file, images, provenance(other))
    assert set(told(repeat(file, path))) <= {"images", "images.sha256"} != set()
    assert not repeat(file, path).is_identical


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_a_recording_is_compared_step_by_step(
    architecture: str, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path, file = checkpoints[architecture], tmp_path / "run.h5"
    run = make(path, {1: {"threshold": 0.8}}, record=Record(path=file), overrides=[LESION])
    assert run.recorder.file_error == ""
    outcome = repeat(file, path)
    assert outcome.is_identical, outcome.differences
    assert outcome.compared == "the 3 images of run.h5"
    other = tmp_path / "other.safetensors"
    tensors = load_file(path)
    for name, tensor in tensors.items():
        if name.endswith("weight") and "timembedding.0" not in name:  # a table
            tensor.mul_(1.5)
    save(other, tensors, ss.load(path).card)
    outcome = repeat(file, other)
    assert "checkpoint.tensors_sha256" in told(outcome)
    assert any("the first to differ is" in each.text for each in outcome.differences)


def test_a_file_without_images_or_hash_is_compared_with_nothing(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path = checkpoints["sddpm"]
    origin = provenance(make(path).result)
    del origin["images"]
    write_svg(tmp_path / "a.svg", None, origin)
    outcome = repeat(tmp_path / "a.svg", path)
    assert (outcome.compared, outcome.differences, outcome.is_identical) == ("", (), False)


def test_the_hash_of_more_steps_than_the_file_says_is_not_used(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    origin = provenance(make(checkpoints["sddpm"]).result) | {"steps_done": 2}
    assert Origin.of(origin).images_sha256 is None


# machine ------------------------------------------------------------------------------------


def test_what_this_machine_differs_in_is_listed_and_does_not_count(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path = checkpoints["sddpm"]
    run = make(path)
    origin = provenance(run.result)
    changes: dict[str, Any] = {
        "device": "cuda",
        "threads": 97,
        "versions": origin["versions"] | {"torch": "1.0"},
        "flags": origin["flags"] | {"cpu_capability": "NEON"},
    }
    outcome = repeat(exported(run, tmp_path / "a.png", **changes), path)
    if not torch.cuda.is_available():
        assert outcome.is_identical
        assert {"device", "threads", "torch", "cpu capability"} <= {
            each.field for each in outcome.machine
        }
        assert f"torch: 1.0 there, {torch.__version__} here" in [e.text for e in outcome.machine]


def test_a_run_that_is_cancelled_meanwhile_is_not_compared(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path = checkpoints["sddpm"]
    task = Replay(exported(make(path), tmp_path / "a.png"), path)
    assert task.compare(lambda _: task.run.cancel()) is None


def test_a_branch_is_not_repeated_with_another_model(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    run = make(checkpoints["sddpm"])
    branch = Branch.of(run.recorder, 1)
    branched = drive(SamplingRun(run.model, branch.request, branch=branch))
    other = tiny_model("sddpm", base_channels=8)
    save(tmp_path / "other.safetensors", other.network.state_dict(), other.card)
    with pytest.raises(ConfigError, match="another model"):
        Replay(exported(branched, tmp_path / "a.png"), tmp_path / "other.safetensors")


def test_the_driver_gives_the_state_of_the_last_step(checkpoints: dict[str, Path]) -> None:
    run = make(checkpoints["sddpm"])
    again = SamplingRun(run.model, run.request)
    result, state, parted = repeated(again, Origin.of(provenance(run.result)), lambda _: None)
    assert parted is None
    assert state is not None
    assert np.array_equal(result.images, run.result.images)


@pytest.mark.parametrize("style", [{"scale": 3, "padding": 5}, {"labels": ["a", "b", "c"]}])
def test_an_enlarged_and_labelled_grid_says_where_its_images_are(
    style: dict[str, Any], checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path, file = checkpoints["sddpm"], tmp_path / "a.png"
    run = make(path)
    images, made = run.result.images.copy(), GridStyle(columns=2, **style)
    origin = provenance(run.result) | layout(images, made)
    save_picture(file, tile(images, made), origin)
    outcome = repeat(file, path)
    assert outcome.is_identical
    assert outcome.compared == "the 3 images of a.png"
    images[2, 7, 7] ^= 255
    save_picture(file, tile(images, made), origin)
    assert told(repeat(file, path)) == ["images"]


def test_the_file_of_the_model_and_its_type_are_told(checkpoints: dict[str, Path]) -> None:
    path = checkpoints["sddpm"]
    origin = provenance(make(path).result)
    assert origin["checkpoint"]["file_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert origin["dtype"] == "float32"
    model = ss.load(path)
    model.network.double()
    assert model.dtype == "float64"


@pytest.mark.parametrize("kind", ["png", "h5"])
def test_a_branch_of_a_branch_of_a_branch_can_be_read_back(
    kind: str, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    path = checkpoints["spiking-diffusion"]
    run = make(path, overrides=[LESION])
    edits = [{"kind": "paint", "cells": [0, 1], "codes": [3]}]
    for generation in range(4):
        branch = Branch.of(run.recorder, 1, edits)
        record = Record(path=tmp_path / "run.h5" if generation == 3 and kind == "h5" else None)
        run = drive(
            SamplingRun(
                run.model, branch.request, branch=branch, record=record, describe=provenance
            )
        )
    file = tmp_path / "run.h5" if kind == "h5" else exported(run, tmp_path / "a.png")
    assert repeat(file, path).is_identical
