"""What nir reads back are the recorded spikes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import nirdata
from spikestudio.export.nirdata import save_nirdata
from spikestudio.paths import bundled_recordings
from spikestudio.recording.hdf5 import open_recording
from tests.unit.export.recordings import NEURONS, ORIGIN, SNN_STEPS, Known

RUN = Known()


def test_without_the_package_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nirdata, "find_spec", lambda _: None)
    with pytest.raises(ExportError, match=r"spikestudio\[nir\]"):
        save_nirdata(tmp_path / "a.h5", RUN, range(2), ORIGIN)
    assert not list(tmp_path.iterdir())


class TestFile:
    @pytest.fixture(autouse=True)
    def nir(self) -> Any:
        return pytest.importorskip("nir", reason="the extra nir is not installed")

    def test_spikes_are_the_recorded_ones(self, tmp_path: Path, nir: Any) -> None:
        save_nirdata(tmp_path / "a.h5", RUN, range(3, 5), ORIGIN)
        found = nir.read_data(tmp_path / "a.h5").nodes
        assert list(found) == ["a.neuron"]
        spikes = found["a.neuron"].observables["spikes"]
        assert spikes.data.dtype == bool
        assert spikes.shape == (2, SNN_STEPS, NEURONS)
        assert spikes.dt == 1.0
        for k, step in enumerate((3, 4)):
            np.testing.assert_array_equal(spikes.data[k], RUN.spikes("a.neuron", step))
        with h5py.File(tmp_path / "a.h5") as file:
            told = json.loads(file["spikestudio"].asstr()[()])
        assert told["spikestudio"] == ORIGIN
        assert told["steps"] == [3, 4]
        assert told["layers"] == {"a.neuron": [6, 2, 2]}

    def test_what_is_missing_is_refused_and_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"a\.neuron in step 3"):
            save_nirdata(tmp_path / "a.h5", RUN, range(5), ORIGIN)
        with pytest.raises(ConfigError, match=r"b\.neuron in step 1"):
            save_nirdata(tmp_path / "a.h5", RUN, range(1), ORIGIN, ("b.neuron",))
        assert not list(tmp_path.iterdir())

    def test_a_bundled_recording(self, tmp_path: Path, nir: Any) -> None:
        recording = open_recording(bundled_recordings() / "spiking-diffusion-mnist.h5")
        try:
            save_nirdata(tmp_path / "a.h5", recording, range(2), recording.origin)
            found = nir.read_data(tmp_path / "a.h5").nodes
            assert set(found) == set(recording.recorded)
            for name in recording.recorded:
                data = found[name].observables["spikes"].data
                for step in range(2):
                    np.testing.assert_array_equal(data[step], recording.spikes(name, step))
        finally:
            recording.close()
