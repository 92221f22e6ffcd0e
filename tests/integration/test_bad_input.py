"""Every kind of bad input, through the command line and through the API.

Each gives one sentence that says what, why and what to do, exit status 1, and changes nothing.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import spikestudio as ss
from spikestudio import paths
from spikestudio.checkpoints import safetensors_io
from spikestudio.cli.main import app
from spikestudio.errors import CheckpointError, ConfigError, ExportError
from tests.unit.checkpoints import tiny

Snapshot = dict[str, bytes]


def snapshot(folder: Path) -> Snapshot:
    """Every file below a folder with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty bundle, and a folder that holds one good file and earlier results."""
    monkeypatch.setattr(paths, "bundled_checkpoints", lambda: tmp_path / "bundled")
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    tiny.save(Path("good.safetensors"), "sddpm")
    for name in ("grid.png", "samples.npz"):
        Path(name).write_bytes(b"earlier result")
    return folder


def one_sentence(text: str) -> bool:
    """Whether it is a line that begins like a sentence, ends like one, and holds no second one."""
    line = text.removesuffix("\n")
    body = line.replace(".safetensors", "").replace(".png", "").replace(".npz", "")
    return line.isprintable() and line.endswith(".") and ". " not in body and len(line) < 600


def refused(*arguments: str, words: str) -> None:
    """Check that a command fails with one sentence that has these words, and changes nothing."""
    before = snapshot(Path())
    result = CliRunner().invoke(app, list(arguments))
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert (result.exit_code, result.stdout) == (1, ""), result.stderr
    assert one_sentence(result.stderr), result.stderr
    assert words in result.stderr
    assert snapshot(Path()) == before


def change_tensors(**changes: torch.Tensor | None) -> Callable[[Path], None]:
    """Rewrite the file with some tensors replaced or removed and a hash that fits."""

    def apply(path: Path) -> None:
        header = safetensors_io.read_header(path)
        tensors = safetensors_io.read_tensors(header) | {
            name.replace("__", "."): value for name, value in changes.items()
        }
        kept = {name: value for name, value in tensors.items() if value is not None}
        safetensors_io.save(path, kept, header.card)

    return apply


def change_card(**changes: object) -> Callable[[Path], None]:
    return lambda path: tiny.rewrite_card(path, **changes)


def change_config(**changes: object) -> Callable[[Path], None]:
    return lambda path: tiny.rewrite_card(
        path, config=tiny.make_card("sddpm").to_json()["config"] | changes
    )


def drop_card(path: Path) -> None:
    header, tensors = tiny.split(path)
    del header["__metadata__"]["spikestudio"]
    tiny.join(path, header, tensors)


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


class _Bomb:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("crater",)


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "There is no checkpoint"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "a folder"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "truncated"),
    "truncated header": (lambda path: path.write_bytes(path.read_bytes()[:500]), "truncated"),
    "random": (lambda path: path.write_bytes(random.Random(1).randbytes(9000)), "not a safeten"),
    "an image": (lambda path: Image.new("L", (9, 9)).save(path, "PNG"), "not a safetensors file"),
    "a flipped bit": (flip_a_bit, "SHA-256"),
    "no card": (drop_card, "no SpikeStudio card"),
    "another schema": (change_card(schema_version=2), "schema version 2"),
    "a card of escapes": (change_card(dataset="\x1b]0;pwned\x07"), "dataset"),
    "a card of NaN": (change_card(v_threshold=float("nan")), "NaN"),
    "a card of infinity": (change_card(tau=float("inf")), "Infinity"),
    "another architecture": (change_card(architecture="stable-diffusion"), "architecture"),
    "hostile T": (change_card(snn_steps=10**9), "snn_steps"),
    "hostile widths": (change_config(base_channels=10**12), "base_channels"),
    "hostile depth": (change_config(num_res_blocks=10**6), "num_res_blocks"),
    "other widths": (change_config(base_channels=8), "of another shape"),
    "keys missing": (change_tensors(conv__weight=None), "1 missing (conv.weight)"),
    "keys unexpected": (change_tensors(extra=torch.zeros(3)), "1 unexpected (extra)"),
    "wrong shape": (change_tensors(conv__bias=torch.zeros(5)), "another shape or type (conv.bias)"),
    "NaN weights": (change_tensors(conv__bias=torch.full((4,), torch.nan)), "NaN or infinite"),
    "infinite weights": (change_tensors(conv__bias=torch.full((4,), torch.inf)), "NaN or infin"),
    "a pickle": (lambda path: torch.save({"w": torch.ones(2)}, path), "pickled PyTorch file"),
    "a pickle bomb": (lambda path: torch.save({"w": _Bomb()}, path), "mkdir"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
@pytest.mark.parametrize("command", ["sample", "inspect"])
def test_a_bad_file_is_refused_by_the_command_line(kind: str, command: str) -> None:
    path = Path("bad.safetensors")
    shutil.copy("good.safetensors", path)
    make_bad, words = BAD_FILES[kind]
    make_bad(path)
    options = ["--out", "grid.png"] if command == "sample" else ["--json"]
    refused(command, str(path), *options, words=words)
    assert not Path("crater").exists()


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_by_the_api(kind: str) -> None:
    path = Path("bad.safetensors")
    shutil.copy("good.safetensors", path)
    make_bad, words = BAD_FILES[kind]
    make_bad(path)
    before = snapshot(Path())
    with pytest.raises(CheckpointError) as caught:
        ss.load(path)
    assert words in str(caught.value)
    assert one_sentence(str(caught.value))
    assert snapshot(Path()) == before
    assert ss.load("good.safetensors").predict(torch.zeros(1, 1, 8, 8), 3) is not None


def test_a_bad_file_does_not_spoil_the_list(tmp_path: Path) -> None:
    (tmp_path / "bundled").mkdir()
    shutil.copy("good.safetensors", tmp_path / "bundled")
    for kind, (make_bad, _) in BAD_FILES.items():
        if kind != "missing":
            path = tmp_path / "bundled" / f"{kind}.safetensors"
            shutil.copy("good.safetensors", path)
            make_bad(path)
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 0
    assert "good" in result.stdout


BAD_VALUES = {
    "steps": ["0", "-1", "1001", "99999999999999999999"],
    "num": ["0", "-16", "4097"],
    "snn-steps": ["0", "65", "-4"],
    "threshold": ["0", "-1", "nan", "inf", "20.5"],
    "seed": ["-1", str(2**63)],
    "sampler": ["euler", ""],
    "class": ["3"],
    "temperature": ["0", "nan", "0.5"],
    "guidance": ["-1", "21", "2"],
    "device": ["gpu", "cuda:99"],
}


@pytest.mark.parametrize(
    ("option", "value"), [(name, value) for name, values in BAD_VALUES.items() for value in values]
)
def test_a_value_out_of_range_is_refused(option: str, value: str) -> None:
    refused("sample", "good.safetensors", f"--{option}={value}", "--out", "grid.png", words="")
    name = {"class": "class_label", "snn-steps": "snn_steps"}.get(option, option)
    if option == "device":
        with pytest.raises(ConfigError):
            ss.load("good.safetensors", value)
    elif value not in ("0.5", "2"):  # those are in range, but not of use to this model
        typed = value if option == "sampler" else float(value)
        if option in ("steps", "num", "snn-steps", "seed", "class"):
            typed = int(value)
        with pytest.raises(ConfigError):
            ss.sample(ss.load("good.safetensors"), **{name: typed})


def test_more_steps_than_the_model_has_are_refused() -> None:
    refused("sample", "good.safetensors", "--steps", "21", "--out", "grid.png", words="1 to 20")
    tiny.save(Path("tokens.safetensors"), "spiking-diffusion")
    refused("sample", "tokens.safetensors", "--steps", "5", "--out", "grid.png", words="1 to 4")


def test_a_model_locked_to_its_snn_steps_says_so() -> None:
    from spikestudio.models.sddpm import SDDPM, SDDPMConfig

    config = SDDPMConfig(**tiny.CONFIGS["sddpm"], tsm=True)
    card = tiny.make_card("sddpm")
    card = type(card).from_json(
        card.to_json() | {"config": {**card.to_json()["config"], "tsm": True}}, Path("x")
    )
    safetensors_io.save(Path("tsm.safetensors"), SDDPM(config).state_dict(), card)
    refused(
        *("sample", "tsm.safetensors", "--snn-steps", "4", "--out", "grid.png"),
        words="cannot run with 4",
    )


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("no/such/folder/grid.png", "does not exist"),
        ("good.safetensors/grid.png", "does not exist"),
        ("grid.jpg", ".jpg is not known"),
        ("samples.npz/", "a file of that name exists"),
        (".", "other files"),
        ("x" * 300 + ".png", "too long"),
        ("x" * 300 + "/", "too long"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(out: str, words: str) -> None:
    refused("sample", "good.safetensors", "--steps", "1", "--out", out, words=words)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_device_is_no_output() -> None:
    refused("sample", "good.safetensors", "--steps", "1", "--out", "/dev/full", words="exists")


WRITERS = {
    "grid.png": (Image.Image, "save"),
    "samples.npz": (np, "savez"),
    "new folder/": (Image.Image, "save"),
}


@pytest.mark.parametrize("out", WRITERS)
def test_a_disk_that_fills_up_keeps_the_old_result(
    out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    owner, name = WRITERS[out]
    monkeypatch.setattr(owner, name, full)
    options = ["--num", "2", "--steps", "1", "--out", out]
    refused("sample", "good.safetensors", *options, words="disk is full")


def test_a_disk_that_fills_up_keeps_the_old_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    header = safetensors_io.read_header(Path("good.safetensors"))
    tensors = safetensors_io.read_tensors(header)
    before = snapshot(Path())
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ExportError, match="disk is full"):
        safetensors_io.save(Path("good.safetensors"), tensors, header.card)
    assert snapshot(Path()) == before


LIMITED = """
import resource, sys
from spikestudio.cli.main import main
import spikestudio.sampling.run, spikestudio.export.provenance
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
sys.argv = ["spikestudio", *sys.argv[1:]]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_a_real_process_that_may_write_no_more_keeps_the_old_result() -> None:
    before = snapshot(Path())
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            LIMITED,
            "sample",
            "good.safetensors",
            "--steps=1",
            "--out=grid.png",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert one_sentence(done.stderr), done.stderr
    assert "disk is full" in done.stderr
    assert snapshot(Path()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["sample", "missing.safetensors", "--out", "grid.png"],
        ["sample", "good.safetensors", "--steps", "0", "--out", "grid.png"],
        ["inspect", "grid.png"],
    ],
)
def test_a_real_process_says_one_sentence_and_ends_with_1(arguments: list[str]) -> None:
    before = snapshot(Path())
    done = subprocess.run(
        [sys.executable, "-m", "spikestudio", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert one_sentence(done.stderr), done.stderr
    assert snapshot(Path()) == before
