"""A recording that is being streamed when the disk is full: every complete step stays as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from spikestudio.errors import ExportError
from spikestudio.recording.hdf5 import RecordingWriter, open_recording
from spikestudio.recording.values import Parameters, StepRecord
from tests.integration import writers
from tests.unit.export.recordings import LAYERS, NEURONS, ORIGIN, SNN_STEPS, STEPS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")


def step_record(step: int) -> StepRecord:
    rng = np.random.default_rng(step)
    spikes = rng.integers(0, 2, (SNN_STEPS, NEURONS), np.uint8)
    return StepRecord(
        step=step,
        parameters=Parameters(1.0, 1.0),
        totals=rng.integers(0, 9, (len(LAYERS), SNN_STEPS + 4)),
        spikes={"a.neuron": np.packbits(spikes, axis=1)},
        potentials={},
        watched=None,
        state={
            name: rng.normal(size=(2, 1, 8, 8)).astype(np.float32) for name in ("x_t", "x0_hat")
        },
    )


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_complete_steps_stay(tmp_path: Path, share: float) -> None:
    from tests.integration.faults import limit

    path = tmp_path / "run.h5"
    writer = RecordingWriter(
        path,
        writers._plain_run(),
        states={"x_t": (2, 1, 8, 8), "x0_hat": (2, 1, 8, 8)},
        provenance=ORIGIN,
    )
    done, said = 0, ""
    with limit(int(path.stat().st_size * share)):
        try:
            for step in range(STEPS):
                writer.add(step_record(step))
                done += 1
        except ExportError as error:
            said = str(error)
    assert "stays readable, and the run goes on." in said
    assert f"after {done} steps" in said
    writer.close(ORIGIN)
    recording = open_recording(path)
    try:
        assert recording.steps_done == done
        for step in range(done):
            record = step_record(step)
            for name, values in (record.state or {}).items():
                np.testing.assert_array_equal(recording.state(step)[name], values)
            spikes = np.unpackbits(record.spikes["a.neuron"], axis=1, count=NEURONS)
            np.testing.assert_array_equal(recording.spikes("a.neuron", step), spikes)
    finally:
        recording.close()
    assert list(tmp_path.iterdir()) == [path]
