"""Runs of every solver of diffusers on small networks: batches, branches, and steps computed again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikestudio.diffusion import solvers
from spikestudio.diffusion.solvers import OURS, SCHEDULERS
from spikestudio.errors import ConfigError
from spikestudio.export.provenance import provenance
from spikestudio.recording.record import MEBIBYTE, Record
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.chain import state_shapes
from spikestudio.sampling.events import Cancelled, Finished, StepFinished
from spikestudio.sampling.plan import plan
from spikestudio.sampling.recompute import recompute
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from spikestudio.sweeps.axes import parse_axis
from tests.tiny import run_to_end, tiny_model, tiny_request

pytest.importorskip("diffusers")

STEPS = 7
NAMES = sorted(SCHEDULERS)
RUNS = [("sddpm", {}), ("sdit", {"guidance": 2.0})]
every_solver = pytest.mark.parametrize("name", NAMES)
over_runs = pytest.mark.parametrize(("architecture", "changes"), RUNS, ids=lambda v: str(v)[:5])


def make(architecture: str, name: str, record: Record | None = None, **changes: Any) -> SamplingRun:
    model = tiny_model(architecture)
    asked = {"num": 3, "steps": STEPS, "seed": 4, "sampler": name} | changes
    return SamplingRun(model, tiny_request(model, **asked), record=record, describe=provenance)


def finish(run: SamplingRun, change_after: int | None = None) -> SamplingRun:
    event = None
    for event in run:
        if isinstance(event, StepFinished) and event.step == change_after:
            run.control.set_parameters(threshold=0.8)
    assert isinstance(event, Finished), event
    return run


def branch_off(parent: SamplingRun, step: int, *, has_record: bool, **changes: Any) -> SamplingRun:
    branch = Branch.of(parent.recorder, step)
    return finish(
        SamplingRun(
            parent.model,
            replace(branch.request, **changes),
            branch=branch,
            parent=parent.recorder if has_record else None,
        )
    )


def assert_same(run: SamplingRun, other: SamplingRun, first: int) -> None:
    """Equal to the bit from a step on, in what every layer did as well."""
    assert np.array_equal(run.result.images, other.result.images)
    for step in range(first, STEPS):
        mine, theirs = run.recorder.state(step), other.recorder.state(step)
        if mine is not None and theirs is not None:
            assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
        for layer in run.layers:
            spikes = other.recorder.spikes(layer.id, step)
            assert spikes is None or np.array_equal(run.recorder.spikes(layer.id, step), spikes)


@over_runs
@every_solver
def test_an_image_is_the_same_in_every_batch(name: str, architecture: str, changes: Any) -> None:
    model = tiny_model(architecture)
    asked = {"sampler": name, "steps": STEPS, "seed": 4} | changes
    together = run_to_end(model, num=5, **asked)
    assert together.steps_done == len(together.timesteps) == STEPS
    assert len(np.unique(together.images)) > 2
    alone = run_to_end(model, num=1, first_image=3, **asked)
    assert np.array_equal(alone.images[0], together.images[3])
    assert np.array_equal(run_to_end(model, num=5, **asked).images, together.images)


@over_runs
@every_solver
def test_a_branch_without_a_change_is_its_parent(
    name: str, architecture: str, changes: Any
) -> None:
    parent = finish(make(architecture, name, **changes), change_after=0)
    for step in (1, 2, 3, STEPS - 1):
        for has_record in (True, False):
            assert_same(branch_off(parent, step, has_record=has_record), parent, step)


@every_solver
def test_a_branch_of_a_branch_and_one_with_another_threshold(name: str) -> None:
    parent = finish(make("sddpm", name))
    changed = branch_off(parent, 2, has_record=True, threshold=0.7)
    assert not np.array_equal(changed.result.images, parent.result.images)
    for has_record in (True, False):
        assert_same(branch_off(changed, 4, has_record=has_record), changed, 4)


@every_solver
def test_steps_computed_again_and_a_record_that_kept_few_states(name: str) -> None:
    whole = finish(make("sddpm", name), change_after=1)
    size = sum(each.nbytes for each in whole.recorder.state(0).values())
    thin = Record(budget_mb=4 * 2.5 * size / MEBIBYTE)  # a fourth of it is for states
    few = finish(make("sddpm", name, thin), change_after=1)
    kept = [step for step in range(STEPS) if few.recorder.state(step) is not None]
    assert 0 < len(kept) < 4
    layers = [layer.id for layer in whole.layers][-2:]
    for step in (1, 2, 4, STEPS - 1):
        for record in (whole.recorder, few.recorder):
            again = recompute(whole.model, record, step, layers, image=0)
            for layer in layers:
                spikes = whole.recorder.spikes(layer, step)
                assert spikes is not None
                assert np.array_equal(again[layer].spikes, spikes)


@every_solver
def test_the_state_has_the_shape_that_is_told(name: str) -> None:
    run = finish(make("sddpm", name))
    shapes = state_shapes(run.model, run.request)
    for step in range(STEPS):
        state = run.recorder.state(step)
        assert {each: values.shape for each, values in state.items()} == shapes
        assert all(values.dtype == np.float32 for values in state.values())


@every_solver
def test_a_cancelled_run_keeps_what_it_has(name: str) -> None:
    run = make("sddpm", name)
    last = None
    for event in run:
        last = event
        if isinstance(event, StepFinished) and event.step == 2:
            run.control.cancel()
    assert isinstance(last, Cancelled)
    assert last.result.steps_done == 3
    assert last.result.images is not None


@pytest.mark.parametrize("name", [name for name in NAMES if not SCHEDULERS[name].slots])
def test_a_recording_without_history_is_that_of_any_sampler(name: str, tmp_path: Any) -> None:
    path = tmp_path / "run.h5"
    run = finish(make("sddpm", name, Record(path=path)))
    assert not run.recorder.file_error
    assert {*run.recorder.state(3)} == {"x_t", "x0_hat"}


@pytest.mark.parametrize("architecture", ["sddpm", "sdit"])
def test_eta_adds_noise_and_a_branch_of_it_goes_on(architecture: str) -> None:
    images = [finish(make(architecture, "ddim", eta=eta)).result.images for eta in (0.0, 0.5, 1.0)]
    assert not np.array_equal(images[0], images[1])
    assert not np.array_equal(images[1], images[2])
    parent = finish(make(architecture, "ddim", eta=0.5), change_after=1)
    for has_record in (True, False):
        assert_same(branch_off(parent, 3, has_record=has_record), parent, 3)


@pytest.mark.parametrize("sampler", ["ancestral", "diffusers:unipc"])
def test_eta_is_refused_where_there_is_none(sampler: str) -> None:
    with pytest.raises(ConfigError, match="has no eta: leave it at 0, or choose ddim") as refused:
        make("sddpm", sampler, eta=0.5)
    assert refused.value.field == "eta"


@pytest.mark.parametrize("name", [*NAMES, "ddim"])
def test_tokens_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError, match="masked and revealed, and carry no Gaussian noise"):
        make("spiking-diffusion", name)


@pytest.mark.parametrize("name", ["absorbing"])
def test_pixels_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError, match="no tokens to reveal"):
        make("sdit", name)


def test_without_the_package_a_run_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    request = SamplingRequest(sampler="diffusers:unipc", steps=4)  # can be read all the same
    monkeypatch.setattr(solvers, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'spikestudio\[solvers\]'") as refused:
        plan(tiny_model("sddpm"), request)
    assert refused.value.field == "sampler"


def test_a_sweep_goes_over_solvers() -> None:
    axis = parse_axis(
        "sampler=ddim, diffusers:unipc,diffusers:UniPCMultistepScheduler,diffusers:dpm++"
    )
    assert [value.value for value in axis.values] == ["ddim", "diffusers:unipc", "diffusers:dpm++"]
    assert [value.text for value in axis.values] == ["ddim", "diffusers:unipc", "diffusers:dpm++"]
    with pytest.raises(ConfigError, match="Brownian") as refused:
        parse_axis("sampler=ddim,diffusers:DPMSolverSDEScheduler")
    assert refused.value.field == "axis"
    with pytest.raises(ConfigError, match="Unknown sampler"):
        parse_axis("sampler=nonsense")
    assert all(parse_axis(f"sampler={name}").values[0].value == name for name in OURS)
