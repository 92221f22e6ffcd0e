from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import spikestudio as ss
from spikestudio.export.provenance import of_image, provenance
from spikestudio.neurons.overrides import Override
from spikestudio.paths import resource
from spikestudio.sampling.events import StepFinished
from spikestudio.sampling.result import RunResult
from spikestudio.seeds import derive_seed
from tests.unit.checkpoints import tiny

SCHEMA = json.loads(resource("schemas", "provenance.json").read_text(encoding="utf-8"))


def run(tmp_path: Path, architecture: str) -> RunResult:
    path = tmp_path / f"{architecture}.safetensors"
    tiny.save(path, architecture)
    model = ss.load(path)
    task = ss.sample(model, num=3, seed=5, steps=3)
    for event in task:
        if isinstance(event, StepFinished) and event.step == 0:
            task.control.set_parameters(threshold=0.9)
    assert task.result is not None
    return task.result


@pytest.mark.parametrize("architecture", tiny.CONFIGS)
def test_it_tells_everything_and_fits_the_schema(tmp_path: Path, architecture: str) -> None:
    result = run(tmp_path, architecture)
    origin = provenance(result)
    jsonschema.validate(json.loads(json.dumps(origin, allow_nan=False)), SCHEMA)
    assert origin["request"] == result.request.to_json()
    assert [(change["step"], change["threshold"]) for change in origin["changes"]] == [(1, 0.9)]
    assert origin["checkpoint"]["name"] == architecture
    card = ss.load(tmp_path / f"{architecture}.safetensors").card
    assert origin["checkpoint"]["tensors_sha256"] == card.tensors_sha256
    assert origin["image_seeds"] == [derive_seed(5, "image", k) for k in range(3)]
    assert (origin["labels"] is None) == (architecture != "sdit")
    assert (origin["device"], origin["dtype"]) == ("cpu", "float32")
    assert {"spikestudio", "torch", "spikingjelly", "python", "platform"} <= set(origin["versions"])


def test_no_path_of_this_machine_is_told(tmp_path: Path) -> None:
    assert str(tmp_path) not in json.dumps(provenance(run(tmp_path, "sddpm")))


def test_that_of_one_image_fits_the_schema_too(tmp_path: Path) -> None:
    origin = provenance(run(tmp_path, "sdit"))
    single = of_image(origin, 2)
    jsonschema.validate(single, SCHEMA)
    assert single["image"] == 2
    assert single["image_seeds"] == origin["image_seeds"][2:]
    assert single["labels"] == origin["labels"][2:]
    assert len(origin["image_seeds"]) == 3  # untouched


def test_overrides_are_told_and_fit_the_schema(tmp_path: Path) -> None:
    result = run(tmp_path, "sdit")
    overrides = (
        Override(layer="*", kind="tau", value=3.0),
        Override(layer="in_blocks.0.lif1", kind="silence", channels=(1, 2), steps=(0, 1)),
    )
    origin = provenance(replace(result, request=replace(result.request, overrides=overrides)))
    jsonschema.validate(json.loads(json.dumps(origin, allow_nan=False)), SCHEMA)
    assert [Override.from_json(each) for each in origin["request"]["overrides"]] == [*overrides]
    origin["request"]["overrides"][0]["kind"] = "mute"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(origin, SCHEMA)


def test_the_schema_refuses_what_is_not_provenance(tmp_path: Path) -> None:
    result = run(tmp_path, "sddpm")
    broken = provenance(replace(result, tensors_sha256="?"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)
