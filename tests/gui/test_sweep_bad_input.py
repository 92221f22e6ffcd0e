"""What is typed into the sweep dock and cannot be, and folders that cannot be opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.viewmodels.sweep_texts import AxisText
from spikestudio.app.viewmodels.sweeps import SweepModel
from spikestudio.checkpoints.loader import load
from spikestudio.errors import SpikeStudioError
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.worker import describe
from spikestudio.sweeps import run_sweep
from tests.tiny import save_tiny
from tests.unit.sampling.test_request import assert_one_sentence

THRESHOLDS = AxisText("threshold", "0.9,1.0")


def submit(job, done, failed):
    """Do a job at once; an error that is none of ours is a failure of the test."""
    try:
        result = job()
    except SpikeStudioError as error:
        failed(str(error), "")
    else:
        done(result)


@pytest.fixture
def sweep(qapp, tmp_path):
    sampler = SamplerModel(RunModel(), lambda *_: RunControl())
    started = []
    made = SweepModel(sampler, submit, launch=started.append, parent_folder=tmp_path / "sweeps")
    made.started = started
    sampler.set_model(describe(load(save_tiny(tmp_path / "tiny.safetensors", "sddpm"))))
    sampler.set(steps=2)
    made.form.set_num(1)
    made.form.set_axes((THRESHOLDS,))
    yield made
    made._timer.stop()


def said(sweep) -> str:
    sweep.form.check()
    assert sweep.form.checked is None
    sweep.start()
    assert sweep.started == []
    (sentence,) = sweep.form.problems.values()
    assert_one_sentence(sentence)
    return sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2,5,100000,7", "out of range"),  # of the parameter
        ("2,5,13,7", "1 to 12"),  # of this model
        ("2,,5", "comma too many"),
        ("two", "no number and no range"),
        ("", "no value"),
        ("1-9(0)", "step other than 0"),
    ],
)
def test_an_axis_that_cannot_be_is_one_sentence_and_nothing_starts(sweep, text, words):
    sweep.form.set_axes((THRESHOLDS, AxisText("steps", text)))
    assert words in said(sweep)
    assert sweep.plan is None


@pytest.mark.parametrize("text", ["~nobody-of-this-name/sweep", "x" * 300, "file/inside", "file"])
def test_a_folder_that_cannot_be_is_one_sentence(sweep, tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    sweep.form.set_folder(text)
    sweep.form.check()
    for sentence in sweep.form.problems.values():
        assert_one_sentence(sentence)
    if text in ("file", "x" * 300):
        assert sweep.form.checked is None
    assert (tmp_path / "file").read_text() == "mine"


def test_the_folder_of_a_sweep_with_other_settings_is_left_alone(sweep, tmp_path):
    sweep.form.set_folder(str(tmp_path / "taken"))
    sweep.form.check()
    list(run_sweep(sweep.form.checked.plan, tmp_path / "taken"))
    before = {f: f.read_bytes() for f in (tmp_path / "taken").rglob("*") if f.is_file()}
    sweep.form.set_axes((AxisText("threshold", "0.9,1.1"),))
    assert "holds another sweep (axes threshold; 2 cells)" in said(sweep)
    assert list(sweep.form.problems) == ["folder"]
    assert before == {f: f.read_bytes() for f in (tmp_path / "taken").rglob("*") if f.is_file()}


@pytest.mark.parametrize(
    "change",
    [
        {"axes": 3},
        {"axes": ["seed"]},
        {"cells": None},
        {"cells": [7]},
        {"kind": "x"},
        {"cells": []},
    ],
)
def test_opening_a_broken_sweep_keeps_the_one_that_is_shown(sweep, tmp_path, change):
    good, bad = tmp_path / "good", tmp_path / "bad"
    sweep.form.check()
    plan = sweep.form.checked.plan
    for folder in (good, bad):
        list(run_sweep(plan, folder))
    failures: list[str] = []
    sweep.open(good, failures.append)
    assert failures == []
    manifest = bad / "sweep.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    sweep.open(bad, failures.append)
    sweep.open(Path("/no/such/folder"), failures.append)
    assert len(failures) == 2
    for sentence in failures:
        assert_one_sentence(sentence)
    assert sweep.out == good
    assert len(sweep.results) == 2
