"""A snapshot stays as it was taken, and can be written as a recording."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from spikestudio.errors import ExportError
from spikestudio.export.progress import ExportCancelledError
from spikestudio.export.provenance import provenance
from spikestudio.export.recordings import cannot_record, complete_layers, save_recording
from spikestudio.export.snapshot import Snapshot, provenance_so_far
from spikestudio.paths import bundled_recordings, resource
from spikestudio.recording.hdf5 import open_recording
from spikestudio.recording.record import Record
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.events import StepFinished
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from tests.tiny import ARCHITECTURE_NAMES, SAMPLERS, tiny_model
from tests.unit.export.recordings import Known

STEPS = 5


def run_of(architecture: str, until: int | None = None, **record: object) -> SamplingRun:
    """A run of a tiny model, ended or stopped behind a step while it goes on."""
    model = tiny_model(architecture)
    request = SamplingRequest(
        num=3, seed=4, steps=STEPS, snn_steps=3, sampler=SAMPLERS[architecture][0]
    )
    run = SamplingRun(model, request, RunControl(), record=Record(**record))
    for event in run:
        if isinstance(event, StepFinished) and event.step + 1 == until:
            break
    return run


def same(one: object, two: object) -> None:
    """Compare what two recordings say of every step, array by array."""
    assert one.steps_done == two.steps_done
    np.testing.assert_array_equal(one.activity().counts, two.activity().counts)
    np.testing.assert_array_equal(one.activity().additions, two.activity().additions)
    for step in range(one.steps_done):
        assert one.parameters(step) == two.parameters(step)
        for name, values in one.state(step).items():
            np.testing.assert_array_equal(two.state(step)[name], values)
        for layer in one.layers:
            np.testing.assert_array_equal(one.spikes(layer.id, step), two.spikes(layer.id, step))


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_a_run_in_memory_is_written_as_the_recording_that_it_would_have_streamed(
    architecture: str, tmp_path: Path
) -> None:
    run = run_of(architecture)
    layer = run.layers[0].id
    snapshot = Snapshot(
        run.recorder,
        lambda _: provenance(run.result),
        selected=run.recorder.selected,
        neurons=(2, 0),
    )
    save_recording(tmp_path / "run.h5", snapshot, snapshot.origin)
    back = open_recording(tmp_path / "run.h5")
    same(run.recorder, back)
    assert back.origin == provenance(run.result)
    assert back.spikes(layer, 0) is not None
    chosen = back.watched(1)
    assert chosen.neurons == ((run.recorder.selected, 2), (run.recorder.selected, 0))
    whole = run.recorder.potentials(run.recorder.selected, 1)
    np.testing.assert_array_equal(chosen.h, whole.h[:, [2, 0]])
    if architecture == "spiking-diffusion":
        np.testing.assert_array_equal(back.logits_of(2, 1), run.recorder.logits_of(2, 1))
    back.close()


def test_nothing_changes_while_the_run_goes_on() -> None:
    model = tiny_model("sddpm")
    request = SamplingRequest(num=2, steps=STEPS, snn_steps=3, sampler="ddim")
    run = SamplingRun(model, request)
    events = iter(run)
    while not (isinstance(event := next(events), StepFinished) and event.step == 1):
        pass
    snapshot = Snapshot(run.recorder)
    rates, spikes = snapshot.rates(), snapshot.spikes(run.layers[0].id, 1)
    for _ in events:
        pass
    assert run.recorder.steps_done == STEPS
    assert snapshot.steps_done == 2
    np.testing.assert_array_equal(snapshot.rates(), rates)
    assert np.isnan(rates[:, 2:]).all()
    np.testing.assert_array_equal(snapshot.spikes(run.layers[0].id, 1), spikes)
    assert snapshot.spikes(run.layers[0].id, 3) is None
    assert snapshot.state(3) is None
    assert snapshot.parameters(3) is None


def test_what_was_read_once_stays_when_the_recorder_lets_it_go() -> None:
    class Forgetful(Known):
        gone = False

        def spikes(self, layer_id: str, step: int):
            return None if self.gone else super().spikes(layer_id, step)

    recorder = Forgetful()
    snapshot = Snapshot(recorder)
    before = snapshot.spikes("a.neuron", 1)
    recorder.gone = True
    np.testing.assert_array_equal(snapshot.spikes("a.neuron", 1), before)
    assert snapshot.spikes("a.neuron", 3) is None


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_the_provenance_of_a_run_in_progress_is_that_of_its_end_cut_short(
    architecture: str,
) -> None:
    whole = provenance(run_of(architecture).result)
    whole.pop("images")  # only a run that has ended knows them
    run = run_of(architecture, until=3)
    model = run.model
    found = provenance_so_far(
        Snapshot(run.recorder),
        timesteps=run.timesteps,
        device=model.device,
        architecture=model.card.architecture,
        num_classes=model.num_classes,
    )
    assert found == {**whole, "steps_done": 3}
    schema = json.loads(resource("schemas", "provenance.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(found)


def test_a_recording_file_is_copied(tmp_path: Path) -> None:
    source = bundled_recordings() / "sddpm-mnist.h5"
    recording = open_recording(source)
    save_recording(tmp_path / "copy.h5", Snapshot(recording), recording.origin)
    assert (tmp_path / "copy.h5").read_bytes() == source.read_bytes()
    recording.close()


def test_a_layer_whose_spikes_were_let_go_keeps_its_counts(tmp_path: Path) -> None:
    run = run_of("sddpm")
    lost = run.layers[1].id
    recorder = run.recorder
    missing = recorder.missing
    recorder.missing = lambda name, step: (
        "let go" if (name, step) == (lost, 0) else missing(name, step)
    )
    snapshot = Snapshot(recorder, lambda _: provenance(run.result))
    assert lost not in complete_layers(snapshot)
    save_recording(tmp_path / "run.h5", snapshot, snapshot.origin)
    back = open_recording(tmp_path / "run.h5")
    assert back.spikes(lost, 1) is None
    np.testing.assert_array_equal(back.activity().counts, recorder.activity().counts)
    back.close()


def test_states_that_were_let_go_cannot_be_written(tmp_path: Path) -> None:
    run = run_of("sddpm", budget_mb=0.001)
    snapshot = Snapshot(run.recorder, lambda _: provenance(run.result))
    assert "let go" in cannot_record(snapshot)
    with pytest.raises(ExportError, match="let go"):
        save_recording(tmp_path / "run.h5", snapshot, snapshot.origin)
    assert not list(tmp_path.iterdir())


def test_a_cancelled_recording_leaves_nothing(tmp_path: Path) -> None:
    run = run_of("sddpm")
    snapshot = Snapshot(run.recorder, lambda _: provenance(run.result))
    done: list[int] = []
    with pytest.raises(ExportCancelledError):
        save_recording(
            tmp_path / "run.h5",
            snapshot,
            snapshot.origin,
            progress=lambda step, _: done.append(step),
            is_cancelled=lambda: len(done) == 2,
        )
    assert done == [1, 2]
    assert not list(tmp_path.iterdir())
