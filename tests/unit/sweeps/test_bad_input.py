"""What a sweep is asked for and cannot do, and folders that somebody else has written to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from spikestudio.cli.main import app
from spikestudio.errors import ExportError, SpikeStudioError
from spikestudio.sweeps import Models, SweepFolder, SweepPlan, parse_axes, plan_sweep, run_sweep
from spikestudio.sweeps.command import read_sweep
from spikestudio.sweeps.folder import MANIFEST
from spikestudio.sweeps.signals import PROGRESS, read_progress
from tests.tiny import save_tiny

AXES = ("threshold=0.9,1.0", "seed=0-1")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("model") / "tiny.safetensors", "sddpm"))


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


@pytest.fixture(scope="module")
def finished(plan: SweepPlan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "done"
    list(run_sweep(plan, folder))
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "done"))


@pytest.fixture(scope="module")
def plan(model: str, models: Models) -> SweepPlan:
    return plan_sweep(model, parse_axes(AXES), {"num": 1, "steps": 2}, models)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(f): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def assert_one_sentence(text: str) -> None:
    line = text.removesuffix("\n")
    assert line.isprintable(), text
    assert line.endswith("."), text
    assert len(line) < 600, text


def refused(*arguments: str, words: str) -> None:
    result = CliRunner().invoke(app, ["sweep", *arguments])
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert (result.exit_code, result.stdout) == (1, ""), result.stderr
    assert_one_sentence(result.stderr)
    assert words in result.stderr


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ("threshold", "has no values"),
        ("threshold=", "has no value"),
        ("treshold=1", "did you mean threshold"),
        ("threshold=0.9,oops,1.1", "no number and no range"),
        ("threshold=0.9,,1.1", "comma too many"),
        ("threshold=0.9-1.1", "has no step"),
        ("steps=2,5,100000,7", "out of range"),  # in the middle of the list
        ("steps=2,5,13,7", "1 to 12"),  # in range of the parameter, but not of this model
        ("snn-steps=2,65,3", "out of range"),
        ("threshold=0.9,nan", "no number"),
        ("class=1,2", "has no classes"),
        ("seed=0-99999999", "at most 1,000"),
        ("threshold=0.9\x1b[31m", "no number"),
        ("checkpoint=nobody,tiny", "There is no checkpoint"),
    ],
)
def test_an_axis_that_cannot_be_is_refused_before_anything_is_written(
    axis: str, words: str, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    refused(model, "--axis", "seed=1,2" if "seed" not in axis else "threshold=1,0.9",
            "--axis", axis, "--num", "1", "--out", str(out), words=words)  # fmt: skip
    assert not out.exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--axis", "threshold=0.9,1.0", "--axis", "seed=0-1", "--num", "1", "--steps", "3"),
        ("--axis", "threshold=0.9,1.0", "--axis", "seed=0-2", "--num", "1", "--steps", "2"),
        ("--axis", "seed=0-1", "--num", "1", "--steps", "2"),
    ],
)
def test_a_folder_with_other_settings_is_left_as_it_is(
    options: tuple[str, ...], model: str, folder: Path
) -> None:
    before = snapshot(folder)
    refused(model, *options, "--out", str(folder), words="holds another sweep")
    assert snapshot(folder) == before


BROKEN_MANIFESTS = {
    "empty": b"",
    "no text": b"\xff\xfe\0",
    "a list": b"[]",
    "another kind": b'{"kind": "lesson", "schema_version": 1}',
    "axes are a number": {"axes": 3},
    "axes are texts": {"axes": ["seed"]},
    "values are a number": {"axes": [{"name": "seed", "values": 3}]},
    "no such axis": {"axes": [{"name": "smell", "values": ["1"]}]},
    "no cells": {"cells": []},
    "cells are a number": {"cells": 7},
    "cells are null": {"cells": None},
    "a cell is a number": {"cells": [7]},
    "no request": {"cells": [{"checkpoint": {"name": "tiny"}}]},
    "an impossible request": {"cells": [{"request": {"num": -1}, "checkpoint": {"name": "tiny"}}]},
    "an unknown parameter": {"cells": [{"request": {"x": 1}, "checkpoint": {"name": "tiny"}}]},
    "a checkpoint that is gone": "nobody",
}


@pytest.mark.parametrize("kind", BROKEN_MANIFESTS)
def test_a_broken_manifest_is_one_sentence_on_opening_and_on_resuming(
    kind: str, model: str, folder: Path, plan: SweepPlan, models: Models
) -> None:
    change = BROKEN_MANIFESTS[kind]
    manifest = folder / MANIFEST
    if isinstance(change, bytes):
        manifest.write_bytes(change)
    else:
        values = json.loads(manifest.read_text("utf-8"))
        if isinstance(change, str):
            for cell in values["cells"]:
                cell["checkpoint"]["name"] = change
            change = {}
        manifest.write_text(json.dumps(values | change), encoding="utf-8")
    before = snapshot(folder)
    for attempt in (
        lambda: read_sweep(folder, models, (Path(model),)),
        lambda: SweepFolder(folder, plan).prepare(),
    ):
        with pytest.raises(SpikeStudioError) as caught:
            attempt()
        assert_one_sentence(str(caught.value))
    assert snapshot(folder) == before


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_in_a_manifest_is_refused_or_is_that_sweep(
    data: st.DataObject, model: str, finished: Path, plan: SweepPlan, models: Models
) -> None:
    """One value anywhere in it is replaced by another kind of value."""
    values = json.loads((finished / MANIFEST).read_text("utf-8"))
    places: list[tuple[object, object]] = []

    def collect(node: object) -> None:
        items = (
            node.items()
            if isinstance(node, dict)
            else enumerate(node)
            if isinstance(node, list)
            else ()
        )
        for key, child in items:
            places.append((node, key))
            collect(child)

    collect(values)
    node, key = data.draw(st.sampled_from(places))
    node[key] = data.draw(  # type: ignore[index]
        st.sampled_from([None, True, -1, 2**62, 0.5, "", "x", [], ["x"], {}, {"name": "seed"}])
    )
    text = json.dumps(values)
    folder = finished.parent / "changed"
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    try:
        read_sweep(folder, models, (Path(model),))
    except SpikeStudioError as error:
        assert_one_sentence(str(error))
    try:
        SweepFolder(folder, plan).check()
    except ExportError as error:
        assert_one_sentence(str(error))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seconds", "long"),
        ("seconds", None),
        ("mean_rate", [1]),
        ("synaptic_operations", "many"),
        ("device", 3),
        ("error", None),
        ("id", "of another request"),
    ],
)
def test_a_cell_whose_file_says_nonsense_is_done_again(
    field: str, value: object, folder: Path, plan: SweepPlan
) -> None:
    files = SweepFolder(folder, plan)
    cell = files.plan.cells[0]
    assert files.outcome(cell) is not None
    path = files.file(cell, ".json")
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {field: value}), "utf-8")
    assert files.outcome(cell) is None
    list(run_sweep(files.plan, folder))
    assert files.outcome(cell) is not None


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((1, 8, 8, 1), np.float32),
        np.zeros((1, 8, 8), np.uint8),
        np.zeros((1, 8, 8, 2), np.uint8),
        np.zeros((1, 0, 8, 1), np.uint8),
        np.zeros((3, 8, 8, 1), np.uint8),
        np.array({"a": 1}, object),
    ],
)
def test_images_of_another_kind_are_none(array: np.ndarray, folder: Path, plan: SweepPlan) -> None:
    files = SweepFolder(folder, plan)
    cell = files.plan.cells[0]
    np.savez(files.file(cell, ".npz"), arr_0=array)
    assert files.images(cell) is None
    assert files.outcome(cell) is None


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY\x01\x00", b"no archive"])
def test_an_array_file_that_is_broken_is_none(
    content: bytes, folder: Path, plan: SweepPlan
) -> None:
    files = SweepFolder(folder, plan)
    cell = files.plan.cells[0]
    files.file(cell, ".npz").write_bytes(content)
    assert files.images(cell) is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '{"cell": -1, "step": 0, "num_steps": 2, "at": 1}',
     '{"cell": Infinity, "step": 0, "num_steps": 2, "at": 1}', '{"cell": "x"}', "[" * 100_000],
)  # fmt: skip
def test_a_progress_that_makes_no_sense_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / PROGRESS).write_text(text, encoding="utf-8")
    assert read_progress(tmp_path) is None


@pytest.mark.parametrize("name", ["x" * 300, "file/inside"])
def test_a_folder_that_cannot_be_is_said_by_the_form_and_by_the_command(
    name: str, tmp_path: Path, plan: SweepPlan
) -> None:
    (tmp_path / "file").write_text("mine")
    out = tmp_path / name
    with pytest.raises(ExportError) as caught:
        SweepFolder(out, plan).prepare()
    assert_one_sentence(str(caught.value))
    try:
        SweepFolder(out, plan).check()
    except ExportError as error:
        assert_one_sentence(str(error))
    assert (tmp_path / "file").read_text() == "mine"
