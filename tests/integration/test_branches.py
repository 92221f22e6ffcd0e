"""Runs that start in the middle of another: the same bits without a change, and what edits do."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch

import spikestudio as ss
from spikestudio.errors import ConfigError
from spikestudio.export.provenance import provenance
from spikestudio.paths import resource
from spikestudio.recording.hdf5 import open_recording
from spikestudio.recording.record import MEBIBYTE, Record
from spikestudio.sampling.branch import Branch, given_tokens
from spikestudio.sampling.edits import TokenEdit
from spikestudio.sampling.events import Cancelled, Failed, Finished, RunStarted, StepFinished
from spikestudio.sampling.recompute import recompute
from spikestudio.sampling.run import SamplingRun
from tests.tiny import evaluate, num_hooks, same_bits, tiny_model, tiny_request
from tests.unit.sampling.test_request import assert_one_sentence

STEPS = 6
RUNS = [
    ("sddpm", {"sampler": "ddim"}),
    ("sddpm", {"sampler": "ancestral"}),
    ("spiking-diffusion", {}),
    ("sdit", {"sampler": "ddim"}),
    ("sdit", {"sampler": "ancestral", "guidance": 2.0}),
]
over_runs = pytest.mark.parametrize(("architecture", "changes"), RUNS)
over_architectures = pytest.mark.parametrize("architecture", ["sddpm", "spiking-diffusion", "sdit"])
CHANGE = {"threshold": 0.8, "temperature": 0.6}


def make(architecture: str, record: Record | None = None, **changes: Any) -> SamplingRun:
    model = tiny_model(architecture)
    asked = {"num": 3, "steps": STEPS, "seed": 4} | changes
    return SamplingRun(model, tiny_request(model, **asked), record=record, describe=provenance)


def finish(run: SamplingRun, change_after: int | None = None, **changed: float) -> SamplingRun:
    """Run to the end, with other parameters after a step."""
    event = None
    for event in run:
        if isinstance(event, StepFinished) and event.step == change_after:
            run.control.set_parameters(**(changed or CHANGE))
    assert isinstance(event, Finished), event
    return run


def branch_off(
    parent: SamplingRun,
    step: int,
    edits: Any = (),
    source: Any = None,
    record: Record | None = None,
    **changes: Any,
) -> SamplingRun:
    """Branch from a run and go to the end; ``source`` is another record of it, or "none"."""
    source = source or parent.recorder
    branch = Branch.of(parent.recorder if source == "none" else source, step, edits)
    run = SamplingRun(
        parent.model,
        replace(branch.request, **changes),
        branch=branch,
        parent=None if source == "none" else source,
        record=record,
        describe=provenance,
    )
    return finish(run)


def assert_same(run: SamplingRun, other: SamplingRun) -> None:
    """Equal to the bit, also in what every layer did in the steps that both did."""
    assert np.array_equal(run.result.images, other.result.images)
    if run.result.tokens is not None:
        assert np.array_equal(run.result.tokens, other.result.tokens)
    for step in range(run.branch.step, run.request.steps):
        for name, values in run.recorder.state(step).items():
            kept = other.recorder.state(step)
            assert kept is None or np.array_equal(kept[name], values)
        for layer in run.layers:
            spikes = other.recorder.spikes(layer.id, step)
            assert spikes is None or np.array_equal(run.recorder.spikes(layer.id, step), spikes)


# Without a change


@over_runs
def test_a_branch_without_a_change_is_its_parent_to_the_bit(architecture, changes):
    parent = finish(make(architecture, **changes))
    before = evaluate(parent.model)
    for step in (0, 1, 3, STEPS - 1):
        branch = branch_off(parent, step)
        assert branch.request == parent.request
        assert_same(branch, parent)
    assert num_hooks(parent.model.network) == 0
    assert same_bits(evaluate(parent.model), before)


@over_runs
@pytest.mark.parametrize("step", [2, 4, STEPS - 1])
def test_after_a_change_in_the_middle_of_the_parent(architecture, changes, step):
    parent = finish(make(architecture, **changes), change_after=1)
    for source in (parent.recorder, "none"):
        branch = branch_off(parent, step, source=source)
        assert (branch.request.threshold, branch.request.temperature) == (0.8, 0.6)
        assert branch.result.thresholds == parent.result.thresholds
        assert_same(branch, parent)


@pytest.mark.parametrize(
    ("architecture", "num", "changes"),
    [
        ("sddpm", 35, {"sampler": "ancestral"}),
        ("spiking-diffusion", 35, {}),
        ("sdit", 11, {"guidance": 2.0}),
    ],
)
def test_in_a_large_batch_in_parts(architecture, num, changes):
    parent = finish(make(architecture, num=num, steps=4, first_image=7, **changes), change_after=0)
    for source in (parent.recorder, "none"):
        assert_same(branch_off(parent, 2, source=source), parent)


@over_runs
def test_from_a_record_that_kept_few_states(architecture, changes):
    whole = finish(make(architecture, **changes), change_after=1)
    size = sum(each.nbytes for each in whole.recorder.state(0).values())
    thin = Record(budget_mb=4 * 2.5 * size / MEBIBYTE)  # a fourth of it is for states
    parent = finish(make(architecture, record=thin, **changes), change_after=1)
    kept = [step for step in range(STEPS) if parent.recorder.state(step) is not None]
    assert 0 < len(kept) < 3
    for step in (2, 3, 5):
        assert_same(branch_off(parent, step), whole)


@over_architectures
def test_from_a_recording_and_into_one(tmp_path, architecture):
    parent = finish(make(architecture, Record(path=tmp_path / "a.h5")), change_after=1)
    source = open_recording(tmp_path / "a.h5")
    branch = branch_off(parent, 3, source=source, record=Record(path=tmp_path / "b.h5"))
    source.close()
    assert_same(branch, parent)
    recording = open_recording(tmp_path / "b.h5")
    assert recording.origin == json.loads(json.dumps(provenance(branch.result)))
    for record in (branch.recorder, recording):
        assert record.steps_done == STEPS
        assert np.isnan(record.rates()[:, :3]).all()
        assert not np.isnan(record.rates()[:, 3:]).any()
        assert [record.parameters(step).threshold for step in range(STEPS)] == [1, 1] + [0.8] * 4
        layer = branch.layers[2].id
        assert record.first_step == 3
        assert record.missing(layer, 2) == "before this run branched off"
        assert record.missing(layer, 3) == ""
        assert record.state(2) is record.spikes(layer, 2) is record.watched(2) is None
        for step in (3, 4):
            again = recompute(branch.model, record, step, [layer])
            assert np.array_equal(again[layer].spikes, record.spikes(layer, step))
        with pytest.raises(ConfigError, match="branched from, at step 3") as caught:
            recompute(branch.model, record, 2, [layer])
        assert_one_sentence(str(caught.value))
        again = branch_off(branch, 4, source=record)
        assert_same(again, parent)
    recording.close()


@over_architectures
def test_a_cancelled_run_goes_on_as_a_branch(architecture):
    whole, stopped = finish(make(architecture)), make(architecture)
    for event in stopped:
        if isinstance(event, StepFinished) and event.step == 2:
            stopped.cancel()
    assert isinstance(event, Cancelled)
    assert_same(branch_off(stopped, 3), whole)
    with pytest.raises(ConfigError, match="0 to 3, not at 4") as caught:
        Branch.of(stopped.recorder, 4)
    assert_one_sentence(str(caught.value))


# With a change


@over_architectures
def test_a_changed_threshold_is_one_changed_in_the_middle_of_the_run(architecture):
    parent = finish(make(architecture))
    changed = finish(make(architecture), 2, threshold=0.7, temperature=0.4)
    branch = branch_off(parent, 3, threshold=0.7, temperature=0.4)
    assert_same(branch, changed)
    assert branch.result.thresholds == changed.result.thresholds
    assert not np.array_equal(branch.result.images, parent.result.images)


@over_architectures
def test_changed_experiments_are_those_of_a_run_from_this_step_on(architecture):
    parent = finish(make(architecture))
    lesion = {"layer": parent.layers[1].id, "kind": "scale", "value": 1.7}
    whole = finish(make(architecture, overrides=[{**lesion, "steps": (2, STEPS)}]))
    branch = branch_off(parent, 2, overrides=(lesion,))
    assert_same(branch, whole)
    assert not np.array_equal(branch.result.images, parent.result.images)
    # and those of the parent end where the branch begins
    assert_same(branch_off(finish(make(architecture, overrides=[lesion])), 0, overrides=()), parent)


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("sddpm", {"snn_steps": 5, "clip_x0": False}),
        ("spiking-diffusion", {"snn_steps": 7}),
        ("sdit", {"class_label": 3, "guidance": 3.0}),
    ],
)
def test_other_parameters_hold_from_the_step_on(architecture, changes):
    parent = finish(make(architecture))
    assert_same(branch_off(parent, 0, **changes), finish(make(architecture, **changes)))
    branch = branch_off(parent, 3, **changes)
    assert_same(branch_off(parent, 3, source="none", **changes), branch)
    first = branch.recorder.state(3)
    assert all(
        np.array_equal(first[k], parent.recorder.state(3)[k])
        for k in set(first) - {"guess", "x0_hat", "decoded"}
    )
    assert not np.array_equal(branch.result.images, parent.result.images)
    assert branch.recorder.snn_steps == branch.request.snn_steps


@over_architectures
def test_a_branch_of_a_branch_is_made_again_from_its_provenance_alone(architecture):
    parent = finish(make(architecture), change_after=0)
    second = branch_off(parent, 2, threshold=0.9, snn_steps=6)
    edits = [{"kind": "clear", "cells": [0, 4]}] if architecture == "spiking-diffusion" else []
    third = branch_off(second, 4, edits, threshold=0.95)
    assert_same(branch_off(second, 3), second)
    assert_same(branch_off(third, 5), third)
    origin = json.loads(json.dumps(provenance(third.result)))
    schema = resource("schemas", "provenance.json").read_text(encoding="utf-8")
    jsonschema.validate(origin, json.loads(schema))
    branch = Branch.from_json(origin["branch"])
    assert branch == third.branch
    assert [each.step for each in branch.lineage()] == [4, 2]
    again = ss.sample(tiny_model(architecture), branch=branch, **origin["request"])
    assert_same(finish(again), third)
    assert json.loads(json.dumps(provenance(again.result))) == origin
    # looked into, with and without the states that were kept
    for gone in ((), (4,), (4, 5)):
        for step in gone:
            third.recorder._store.states.pop(step, None)
        layer = third.layers[-1].id
        looked = recompute(third.model, third.recorder, 5, [layer])
        assert np.array_equal(looked[layer].spikes, third.recorder.spikes(layer, 5))


def test_events_and_counts_are_numbered_as_the_parent_s():
    parent = finish(make("sddpm"))
    branch = Branch.of(parent.recorder, 4)
    run = ss.sample(parent.model, branch=branch, parent=parent.recorder, threshold=0.9)
    assert run.request == replace(parent.request, threshold=0.9)
    events = list(run)
    assert isinstance(events[0], RunStarted)
    assert events[0].timesteps == parent.timesteps
    assert [event.step for event in events if isinstance(event, StepFinished)] == [4, 5]
    result = run.result
    assert result.is_complete
    assert result.branch == branch
    assert result.thresholds == (1, 1, 1, 1, 0.9, 0.9)
    recorder = run.recorder
    assert (recorder.num_steps, recorder.steps_done) == (STEPS, STEPS)
    for step in range(4):
        assert recorder.state(step) is recorder.spikes(run.layers[0].id, step) is None
        assert recorder.parameters(step) == parent.recorder.parameters(step)
    assert recorder.origin["branch"] == provenance(result)["branch"]


def test_a_branch_can_be_cancelled_while_its_past_is_computed():
    parent = finish(make("sddpm"))
    run = SamplingRun(parent.model, parent.request, branch=Branch.of(parent.recorder, 4))
    before = evaluate(parent.model)
    for event in run:
        if isinstance(event, RunStarted):
            assert event.recorder.steps_done == 4
            run.cancel()
    assert isinstance(event, Cancelled)
    assert event.result.images is None
    assert same_bits(evaluate(parent.model), before)


# Token edits


def test_edits_of_some_images_leave_the_others_as_they_were():
    parent = finish(make("spiking-diffusion", num=4))
    step = 4
    entering = parent.recorder.state(step)
    revealed = np.flatnonzero(entering["revealed"][1].ravel() >= 0)
    locked, cleared = tuple(revealed[:1].tolist()), tuple(revealed.tolist())
    painted = tuple(np.flatnonzero(entering["revealed"][1].ravel() < 0)[:1].tolist())
    assert locked
    assert painted
    assert len(cleared) > 2
    edits = [
        TokenEdit(kind="lock", cells=locked, images=(1,)),
        TokenEdit(kind="clear", cells=cleared, images=(1,)),
        TokenEdit(kind="paint", cells=painted, codes=5, images=(1, 3)),
    ]
    branch = branch_off(parent, step, edits)
    assert_same(branch_off(parent, step, edits, source="none"), branch)
    for other in (0, 2):
        assert np.array_equal(branch.result.tokens[other], parent.result.tokens[other])
        assert np.array_equal(branch.result.images[other], parent.result.images[other])
    tokens = branch.result.tokens[1].ravel()
    assert (tokens < branch.model.network.config.codebook_size).all()  # all is revealed
    assert tokens[[*locked]].tolist() == entering["tokens"][1].ravel()[[*locked]].tolist()
    assert tokens[[*painted]].tolist() == [5]
    first = {name: values[1].ravel() for name, values in branch.recorder.state(step).items()}
    again = sorted({*cleared} - {*locked})
    assert (first["tokens"][again] == branch.model.card.mask_id).all()
    assert (first["revealed"][again] == -1).all()
    assert first["revealed"][[*painted]].tolist() == [step]
    assert first["confidence"][[*painted]].tolist() == [1.0]
    assert branch.result.tokens[3].ravel()[[*painted]].tolist() == [5]


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_the_rest_of_a_real_image_is_filled_in(steps):
    model = tiny_model("spiking-diffusion")
    size = model.card.image_size
    image = torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(1))
    tokens = model.encode(image)[0]
    masked = torch.zeros_like(tokens, dtype=torch.bool)
    masked[1:, 1:] = True
    branch = given_tokens(tokens, masked)
    run = ss.sample(model, branch=branch, num=5, steps=steps, seed=2)
    events = list(run)
    assert isinstance(events[-1], Finished)
    given, hidden = tokens.numpy()[~masked], masked.numpy()
    found = run.result.tokens
    for k in range(5):
        assert np.array_equal(found[k][~hidden], given)
    assert (found < model.network.config.codebook_size).all()
    state = run.recorder.state(0)
    assert (state["revealed"][:, hidden] == -1).all()
    assert (state["revealed"][:, ~hidden] == 0).all()
    assert len({each.tobytes() for each in found}) > 1  # each image has a stream of its own
    again = ss.sample(model, branch=Branch.from_json(branch.to_json()), num=5, steps=steps, seed=2)
    assert_same(finish(again), run)
    middle = finish(SamplingRun(model, run.request, branch=Branch.of(run.recorder, steps - 1)))
    assert_same(middle, run)


# Bad input


def refused(field: str, words: str, branch: Branch, run: SamplingRun, **changes: Any) -> None:
    parent = changes.pop("parent", None)
    model = changes.pop("model", run.model)
    with pytest.raises(ConfigError, match=words) as caught:
        SamplingRun(model, replace(run.request, **changes), branch=branch, parent=parent)
    assert caught.value.field == field
    assert_one_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("steps", 5, "number of denoising steps stays 6 and cannot be 5"),
        ("seed", 3, "the seed stays 4 and cannot be 3"),
        ("num", 2, "number of images stays 3"),
        ("first_image", 1, "number of the first image stays 0"),
        ("sampler", "ancestral", "sampler stays ddim and cannot be ancestral"),
    ],
)
def test_what_random_streams_belong_to_must_stay(name, value, words):
    run = finish(make("sddpm"))
    refused(name, words, Branch.of(run.recorder, 3), run, **{name: value})


def test_a_branch_that_does_not_fit_is_refused():
    run, tokens = finish(make("sddpm")), finish(make("spiking-diffusion"))
    branch = Branch.of(run.recorder, 3)
    for step in (-1, STEPS, 2.0):
        with pytest.raises(ConfigError) as caught:
            Branch.of(run.recorder, step)
        assert_one_sentence(str(caught.value))
    refused("branch", "cannot start at 6", replace(branch, step=6), run)
    clear = [{"kind": "clear", "cells": [0]}]
    refused("branch", "works on pixels", Branch.of(run.recorder, 3, clear), run)
    for edit, words in (
        ({"kind": "clear", "cells": [9]}, "token cells 0 to 8, not 9"),
        ({"kind": "clear", "cells": [0], "images": [3]}, "images 0 to 2, not 3"),
        ({"kind": "paint", "cells": [0], "codes": [10]}, "codes 0 to 9, not 10"),
    ):
        refused("branch", words, Branch.of(tokens.recorder, 3, [edit]), tokens)
    other = replace(branch, past=replace(branch.past, tensors_sha256="1" * 64))
    refused("model", "another model than tiny", other, run)
    nested = replace(branch, past=replace(branch.past, branch=other))
    refused("model", "another model than tiny", nested, run)
    refused(
        "branch",
        "another run than the branch",
        branch,
        run,
        parent=finish(make("sddpm", seed=5)).recorder,
    )
    refused(
        "branch", "another run", branch, run, parent=finish(make("sddpm"), change_after=1).recorder
    )
    locked = tiny_model("sddpm", tsm=True)
    tsm = finish(SamplingRun(locked, tiny_request(locked)))
    refused("snn_steps", "one scale for each", Branch.of(tsm.recorder, 1), tsm, snn_steps=5)
    assert_same(branch_off(tsm, 1), tsm)


def test_a_later_change_of_the_parent_does_not_matter():
    parent = make("sddpm")
    branch = None
    for event in parent:
        if isinstance(event, StepFinished) and event.step == 2:
            branch = Branch.of(parent.recorder, 3)
            parent.control.set_parameters(threshold=0.7)
    run = SamplingRun(parent.model, branch.request, branch=branch, parent=parent.recorder)
    assert_same(finish(run), finish(make("sddpm")))


def test_a_masked_cell_that_is_to_be_locked_ends_the_run_with_one_sentence():
    parent = finish(make("spiking-diffusion"))
    branch = Branch.of(parent.recorder, 0, [{"kind": "lock", "cells": [0]}])
    *_, last = SamplingRun(parent.model, parent.request, branch=branch)
    assert isinstance(last, Failed)
    assert "is masked when denoising step 0 begins" in last.message
    assert_one_sentence(last.message)
