from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from spikestudio.export.images import save_grid
from tests.unit.checkpoints import tiny
from tests.unit.cli.conftest import Command

SAMPLE = ["sample", "sddpm-mnist", "--num", "3", "--steps", "3", "--seed", "7"]


def read(path: str) -> tuple[np.ndarray, dict[str, Any]]:
    with Image.open(path) as picture:
        return np.array(picture), json.loads(picture.text["spikestudio"])


@pytest.mark.parametrize("architecture", tiny.CONFIGS)
def test_what_was_sampled_is_repeated(command: Command, architecture: str) -> None:
    options = ["--num", "3", "--steps", "3", "--threshold", "0.9"]
    done = command(
        "sample", f"{architecture}-mnist", *options, "--out", "a.png", "--record", "r.h5"
    )
    assert done.status == 0, done.err
    for file in ("a.png", "r.h5"):
        done = command("replay", file)
        assert (done.status, done.err) == (0, "")
        assert done.out.startswith(f"identical pixels: compared with the 3 images of {file}")
        done = command("replay", file, "--json")
        assert done.status == 0
        assert done.json["identical"] is True
        assert done.json["file"] == file
        assert (done.json["differences"], done.json["machine"]) == ([], [])


def test_what_differs_is_told_and_the_exit_status_is_1(command: Command) -> None:
    assert command(*SAMPLE, "--out", "a.npz").status == 0
    assert command(*SAMPLE, "--out", "a.png").status == 0
    with np.load("a.npz") as arrays:
        images = arrays["arr_0"]
    _, origin = read("a.png")
    origin["request"]["seed"] = 8
    origin["versions"]["torch"] = "1.0"
    save_grid("b.png", images, origin)
    done = command("replay", "b.png")
    assert done.status == 1
    assert done.out.startswith("different: b.png was not repeated")
    assert "image_seeds: " in done.out
    assert "pixels differ, in 3 of 3 images" in done.out
    assert "torch: 1.0 there" in done.out
    done = command("replay", "b.png", "--json")
    assert done.status == 1
    assert done.json["identical"] is False
    assert {each["field"] for each in done.json["differences"]} == {"image_seeds", "images"}
    assert done.json["machine"][0] == {
        "field": "torch",
        "there": "1.0",
        "here": done.json["machine"][0]["here"],
        "text": done.json["machine"][0]["text"],
    }


def test_a_model_that_is_not_at_hand_can_be_named(command: Command, tmp_path: Path) -> None:
    assert command(*SAMPLE, "--out", "a.png").status == 0
    (tmp_path / "bundled" / "sddpm-mnist.safetensors").rename(tmp_path / "elsewhere.safetensors")
    done = command("replay", "a.png")
    assert done.status == 1
    assert "name its file with --checkpoint" in done.err
    done = command("replay", "a.png", "--checkpoint", str(tmp_path / "elsewhere.safetensors"))
    assert done.status == 0, done.out + done.err


def test_a_renamed_model_is_found_by_its_tensors(command: Command, tmp_path: Path) -> None:
    assert command(*SAMPLE, "--out", "a.png").status == 0
    bundled = tmp_path / "bundled"
    (bundled / "sddpm-mnist.safetensors").rename(bundled / "renamed.safetensors")
    assert command("replay", "a.png").status == 0


def test_a_picture_of_something_else_is_compared_by_its_hash(command: Command) -> None:
    assert command(*SAMPLE, "--out", "a.png", "--record", "r.h5").status == 0
    assert command("export", "r.h5", "--rates", "rates.svg").status == 0
    done = command("replay", "rates.svg")
    assert done.status == 0, done.out + done.err
    assert "compared with the SHA-256 of its 3 images" in done.out


def elsewhere(path: Path) -> None:
    """Let an array of a recording be that of another file."""
    with h5py.File("other.h5", "w") as other:
        other["secret"] = np.zeros(3)
    with h5py.File(path, "r+") as file:
        name = next(f"steps/0000/{each}" for each in file["steps/0000"])
        del file[name]
        file[name] = h5py.ExternalLink("other.h5", "/secret")


def softly(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["request/threshold"]
        file["request/threshold"] = h5py.SoftLink("/request/temperature")


def outside(path: Path) -> None:
    Path("raw").write_bytes(bytes(8 * 3))
    with h5py.File(path, "r+") as file:
        del file["request/threshold"]
        file["request"].create_dataset("threshold", (3,), "<f8", external=[("raw", 0, 24)])


@pytest.mark.parametrize("harm", [elsewhere, softly, outside])
def test_a_recording_that_points_elsewhere_is_refused(command: Command, harm: Any) -> None:
    assert command(*SAMPLE, "--out", "a.png", "--record", "r.h5").status == 0
    harm(Path("r.h5"))
    done = command("replay", "r.h5")
    assert (done.status, done.out) == (1, "")
    assert "points elsewhere" in done.err or "does not lie in the file" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "nothing is said"),
        (b"{", "not JSON"),
        (b'{"schema_version": 1}', "does not fit the schema"),
        (b'{"schema_version": 99}', "newer"),
        (b'{"a":' * 5000, "nested"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "known because"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "cannot be read"),
    ],
)
def test_a_file_that_says_nothing_usable_is_refused_in_one_sentence(
    command: Command, data: bytes, said: str
) -> None:
    Path("a.bin").write_bytes(data)
    done = command("replay", "a.bin")
    assert (done.status, done.out) == (1, "")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_file_that_is_not_there_is_told(command: Command) -> None:
    done = command("replay", "nothing.png")
    assert done.status == 1
    assert "no such file" in done.err
