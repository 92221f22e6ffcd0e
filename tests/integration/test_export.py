"""The command on the recordings that come with the application."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from spikestudio.cli.main import app
from spikestudio.export.metadata import read_provenance
from spikestudio.paths import bundled_recordings
from spikestudio.recording.hdf5 import open_recording

TOKENS = bundled_recordings() / "spiking-diffusion-mnist.h5"
PIXELS = bundled_recordings() / "sddpm-mnist.h5"


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["export", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_everything_in_one_call(tmp_path: Path) -> None:
    names = {
        "raster": "raster.svg",
        "spikes": "spikes.npz",
        "animation": "run.gif",
        "grid": "grid.png",
        "rates": "rates.pdf",
        "membrane": "traces.svg",
        "tokens": "tokens.png",
        "curve": "curve.zip",
    }
    wanted = [part for name, file in names.items() for part in (f"--{name}", tmp_path / file)]
    options = [
        "--rows",
        "32",
        "--steps",
        "40-49",
        "--width",
        "120",
        "--dpi",
        "100",
        "--size",
        "160",
    ]
    status, out, err = run(TOKENS, *wanted, *options, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["tokens"] == str(tmp_path / "tokens.png")
    origin = open_recording(TOKENS).origin
    for file in names.values():
        assert read_provenance(tmp_path / file) == origin
    with Image.open(tmp_path / "tokens.png") as picture:
        assert picture.width == pytest.approx(120 / 25.4 * 100, abs=1)
    with Image.open(tmp_path / "run.gif") as moving:
        assert moving.n_frames == 10
    assert len(list(tmp_path.iterdir())) == len(names)  # no temporary file is left


def test_exported_spikes_are_the_recorded_ones(tmp_path: Path) -> None:
    layer = "upblocks.2.neuron"
    status, _, err = run(
        PIXELS,
        "--spikes",
        tmp_path / "a.npz",
        "--layer",
        layer,
        "--neurons",
        "7,3",
        "--steps",
        "2-3",
    )
    assert (status, err) == (0, "")
    recording = open_recording(PIXELS)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as data:
        assert data["neurons"].tolist() == [7, 3]
        for k, step in enumerate((1, 2)):
            spikes = recording.spikes(layer, step)
            assert spikes is not None
            assert np.array_equal(data["spikes"][k], spikes[:, [7, 3]])


def test_the_grid_of_an_early_step_says_how_far_the_run_was(tmp_path: Path) -> None:
    for name in ("a.webp", "a.tiff", "a.npz", "folder/"):
        status, _, err = run(PIXELS, "--grid", f"{tmp_path}/{name}", "--steps", "1-4")
        assert (status, err) == (0, "")
    assert read_provenance(tmp_path / "a.webp")["steps_done"] == 4
    assert read_provenance(tmp_path / "folder" / "0001.png")["image"] == 1
    with np.load(tmp_path / "a.npz", allow_pickle=False) as data:
        images = data["arr_0"]
    with Image.open(tmp_path / "a.tiff") as tiff:
        assert np.array_equal(np.asarray(tiff)[2:30, 2:30], images[0, ..., 0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--raster", "a.svg", "--layer", "nothing"], "no layer 'nothing'"),
        (["--raster", "a.svg", "--layer", "downblocks.0.neuron1"], "No spikes of"),
        (["--raster", "a.bmp"], "must end in"),
        (["--raster", "no/such/folder/a.svg"], "does not exist"),
        (["--raster", "a.svg", "--curve", "a.svg"], "same name"),
        (["--tokens", "a.png"], "no tokens"),
        (["--rates", "a.pdf", "--steps", "1-99"], "not recorded"),
        (["--rates", "a.pdf", "--preset", "poster"], "no preset"),
        (["--membrane", "a.svg", "--neurons", "3"], "not watched"),
        (["--animation", "a.gif", "--beside", "music"], "choose among"),
    ],
)
def test_mistakes_leave_one_sentence_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = run(PIXELS, *arguments)
    assert status == 1
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_asking_for_nothing_is_wrong_usage() -> None:
    assert run(PIXELS)[0] == 2
