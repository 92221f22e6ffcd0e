"""What pynwb reads back is what was recorded, number by number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from spikestudio.cli.main import app
from spikestudio.errors import ExportError
from spikestudio.export import nirdata, nwb
from spikestudio.export.choice import choose
from spikestudio.paths import bundled_recordings
from spikestudio.recording.hdf5 import open_recording
from tests.unit.export.recordings import LAYERS, ORIGIN, SNN_STEPS, Known

RUN = Known()


def test_without_the_package_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nwb, "find_spec", lambda _: None)
    with pytest.raises(ExportError, match=r"spikestudio\[nwb\]"):
        nwb.save_nwb(tmp_path / "a.nwb", RUN, [], range(5), ORIGIN)
    assert not list(tmp_path.iterdir())


class TestFile:
    """Files that pynwb wrote and reads."""

    @pytest.fixture(autouse=True)
    def pynwb(self) -> Any:
        return pytest.importorskip("pynwb", reason="the extra nwb is not installed")

    def read(self, pynwb: Any, path: Path) -> Any:
        io = pynwb.NWBHDF5IO(str(path), "r")
        self.io = io
        return io.read()

    @pytest.fixture(autouse=True)
    def closed(self) -> Any:
        yield
        if hasattr(self, "io"):
            self.io.close()

    def test_spikes(self, tmp_path: Path, pynwb: Any) -> None:
        steps = range(1, 5)
        chosen = choose(RUN, LAYERS[0], steps, rule="highest rate", rows=7)
        nwb.save_nwb(tmp_path / "a.nwb", RUN, [chosen], steps, ORIGIN)
        units = self.read(pynwb, tmp_path / "a.nwb").units
        assert units["neuron"][:].tolist() == chosen.ids.tolist()
        assert set(units["layer"][:]) == {"a.neuron"}
        for row, neuron in enumerate(chosen.ids.tolist()):
            expected = [
                step * SNN_STEPS + t
                for step in (1, 3, 4)
                for t in range(SNN_STEPS)
                if RUN.spikes("a.neuron", step)[t, neuron]
            ]
            assert units["spike_times"][row].tolist() == expected
            assert units["obs_intervals"][row].tolist() == [[3, 6], [9, 15]]  # step 2 is missing

    def test_potentials_steps_and_layers(self, tmp_path: Path, pynwb: Any) -> None:
        nwb.save_nwb(tmp_path / "a.nwb", RUN, [], range(5), ORIGIN)
        file = self.read(pynwb, tmp_path / "a.nwb")
        names = {"h": "before_reset", "v": "after_reset"}
        for step in range(5):
            at, watched = slice(3 * step, 3 * step + 3), RUN.watched(step)
            for key, name in names.items():
                found = file.acquisition[f"potential_{name}"].data[at]
                assert found.dtype == np.float32
                if watched is None:
                    assert np.isnan(found).all()
                else:
                    np.testing.assert_array_equal(found, getattr(watched, key))
            if watched is not None:
                current = file.acquisition["input_current"].data[at]
                np.testing.assert_array_equal(current, watched.current)
        table = file.processing["network"]["watched_neurons"]
        assert list(zip(table["layer"][:], table["neuron"][:], strict=True)) == [
            ("a.neuron", 5),
            ("b.neuron", 17),
        ]
        counts = file.acquisition["spike_counts"]
        expected = RUN.activity().counts.reshape(2, -1).T
        np.testing.assert_array_equal(counts.data[:], expected)
        assert (counts.starting_time, counts.rate) == (0.0, 1.0)
        assert file.trials["threshold"][:].tolist() == [1.0, 1.0, 1.0, 0.9, 0.9]
        assert file.trials["start_time"][:].tolist() == [0, 3, 6, 9, 12]
        assert json.loads(file.notes) == ORIGIN
        layers = file.processing["network"]["layers"]
        assert list(layers["shape"][:]) == ["6x2x2", "4x6"]
        assert np.isnan(layers["tau"][0])
        assert layers["tau"][1] == 2.0

    def test_a_bundled_recording(self, tmp_path: Path, pynwb: Any) -> None:
        recording = open_recording(bundled_recordings() / "sddpm-mnist.h5")
        try:
            layer = next(each for each in recording.layers if each.id in recording.recorded)
            steps = range(2)
            chosen = choose(recording, layer, steps, rule="highest rate", rows=20)
            nwb.save_nwb(tmp_path / "a.nwb", recording, [chosen], steps, recording.origin)
            file = self.read(pynwb, tmp_path / "a.nwb")
            for row, neuron in enumerate(chosen.ids.tolist()):
                both = [recording.spikes(layer.id, step)[:, neuron] for step in steps]
                expected = np.flatnonzero(np.concatenate(both))
                np.testing.assert_array_equal(file.units["spike_times"][row], expected)
            assert json.loads(file.notes) == recording.origin
            assert [path.name for path in tmp_path.iterdir()] == ["a.nwb"]
        finally:
            recording.close()

    def test_it_is_valid_nwb(self, tmp_path: Path, pynwb: Any) -> None:
        chosen = choose(RUN, LAYERS[0], range(5), rule="index", rows=3)
        nwb.save_nwb(tmp_path / "a.nwb", RUN, [chosen], range(5), ORIGIN)
        assert not pynwb.validate(path=str(tmp_path / "a.nwb"))

    def test_from_the_command_line(self, tmp_path: Path, pynwb: Any) -> None:
        arguments = ["--nwb", str(tmp_path / "a.nwb"), "--steps", "2-3", "--rows", "5"]
        run = bundled_recordings() / "sddpm-mnist.h5"
        result = CliRunner().invoke(app, ["export", str(run), *arguments])
        assert result.exit_code == 0, result.stderr
        file = self.read(pynwb, tmp_path / "a.nwb")
        assert len(file.units) == 5
        assert file.trials["denoising_step"][:].tolist() == [1, 2]


@pytest.mark.parametrize(("option", "name"), [("--nwb", "a.nwb"), ("--nirdata", "a.h5")])
def test_what_cannot_be_written_is_said_before_anything_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, name: str
) -> None:
    for module in (nwb, nirdata):
        monkeypatch.setattr(module, "find_spec", lambda _: None)
    run = bundled_recordings() / "sddpm-mnist.h5"
    arguments = ["--rates", str(tmp_path / "a.svg"), option, str(tmp_path / name)]
    result = CliRunner().invoke(app, ["export", str(run), *arguments])
    assert result.exit_code == 1
    assert "pip install" in result.stderr
    wrong = CliRunner().invoke(app, ["export", str(run), option, str(tmp_path / "a.txt")])
    assert wrong.exit_code == 1
    assert not list(tmp_path.iterdir())
