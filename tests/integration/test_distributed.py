"""Training with several processes on one machine: the result is that of one."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from spikestudio.checkpoints.safetensors_io import read_card
from spikestudio.training.state import STATE_FILE
from tests.tiny import ARCHITECTURE_NAMES
from tests.unit.training.test_command import position, write_idx

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gloo and signals differ")
ROOT = Path(__file__).parents[2]


def environment(rank: int, size: int, port: int) -> dict[str, str]:
    """Return what torchrun tells a process."""
    return os.environ | {
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def started(size: int, *command: str) -> list[subprocess.Popen[str]]:
    """Start ``size`` processes of one run."""
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment(rank, size, port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        for rank in range(size)
    ]


def ended(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Wait, and return what each said."""
    try:
        return [process.communicate(timeout=150)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


def trained(size: int, architecture: str, folder: Path, **changes: Any) -> list[str]:
    """Train with ``size`` processes to the end."""
    command = ["-m", "tests.unit.training.worker", architecture, str(folder), json.dumps(changes)]
    processes = started(size, *command)
    outputs = ended(processes)
    assert [process.returncode for process in processes] == [0] * size, "\n".join(outputs)
    return outputs


def losses(folder: Path) -> dict[tuple[str, ...], float]:
    """Every figure of the log."""
    with (folder / "model.run" / "log.csv").open(encoding="utf-8") as file:
        return {tuple(row[:3]): float(row[3]) for row in list(csv.reader(file))[1:]}


def furthest(first: Path, second: Path) -> float:
    """Largest difference between two files of tensors with the same names."""
    ours, theirs = load_file(first), load_file(second)
    assert ours.keys() == theirs.keys()
    return max(
        float(np.abs(ours[name].astype(np.float64) - theirs[name].astype(np.float64)).max())
        for name in ours
    )


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_two_processes_train_the_network_of_one(architecture, tmp_path):
    """Ten steps in each stage in float64: every loss, weight, moment, average and statistic."""
    outputs = trained(2, architecture, tmp_path / "two", precision="float64")
    assert "0 Trained" in outputs[0]
    assert outputs[1] == ""  # the first process tells and writes for all
    trained(1, architecture, tmp_path / "one", precision="float64")
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert one.keys() == two.keys()
    assert len({step for _, step, _ in one}) == 10
    assert max(abs(one[key] - two[key]) for key in one) < 1e-6
    state = Path("model.run", STATE_FILE)
    assert load_file(tmp_path / "one" / state)["network/" + first_weight(architecture)].dtype == (
        np.float64
    )
    assert furthest(tmp_path / "one" / state, tmp_path / "two" / state) < 1e-6
    files = (tmp_path / "one" / "model.safetensors", tmp_path / "two" / "model.safetensors")
    assert furthest(*files) < 1e-6
    assert [read_card(path).training.get("processes") for path in files] == [None, 2]


def first_weight(architecture: str) -> str:
    return {
        "sddpm": "conv.weight",
        "spiking-diffusion": "sdid.conv1.0.weight",
        "sdit": "conv.weight",
    }[architecture]


def test_parts_that_differ_in_size_and_recomputed_blocks_change_nothing(tmp_path):
    """Batches of 8 for three processes, whose BatchNorms also meet while blocks are recomputed."""
    changes = {"precision": "float64", "num_steps": 3}
    trained(3, "sddpm", tmp_path / "three", checkpointing=True, **changes)
    trained(1, "sddpm", tmp_path / "one", **changes)
    state = Path("model.run", STATE_FILE)
    assert furthest(tmp_path / "one" / state, tmp_path / "three" / state) < 1e-6


@pytest.fixture
def command(tmp_path) -> list[str]:
    """Train on eight images of MNIST's shape, saving after every step."""
    folder = tmp_path / "data"
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28), dtype=np.uint8)
    write_idx(folder / "train-first8-images-idx3-ubyte", images)
    write_idx(folder / "train-first8-labels-idx1-ubyte", np.arange(8, dtype=np.uint8))
    command = ["-m", "spikestudio", "train", "spiking-diffusion", "--save-minutes", "0"]
    return [*command, "--data", str(folder), "--out", str(tmp_path / "m.safetensors")]


def wait_for_step(processes: list[subprocess.Popen[str]], folder: Path, step: int) -> None:
    deadline = time.monotonic() + 120
    while position(folder).get("step", -1) < step:
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes), ended(processes)
        time.sleep(0.05)


def test_a_signal_to_one_stops_all_after_the_same_step_and_they_resume(command, tmp_path):
    run_folder = tmp_path / "m.run"
    command += ["--device", "cpu"]
    processes = started(2, *command)
    wait_for_step(processes, run_folder, 1)
    processes[1].send_signal(signal.SIGTERM)
    first, second = ended(processes)
    assert "Stopped and saved" in first
    assert "Traceback" not in first + second
    assert "Stopped" not in second
    assert processes[0].returncode == 130
    done = position(run_folder)["step"]

    processes = started(2, *command, "--resume")
    wait_for_step(processes, run_folder, done + 1)
    for process in processes:
        process.send_signal(signal.SIGINT)
    first, second = ended(processes)
    assert [process.returncode for process in processes] == [130, 130], first + second
    assert position(run_folder)["step"] > done
    assert not (tmp_path / "m.safetensors").exists()


def test_a_process_that_dies_ends_the_others_with_one_sentence(command, tmp_path):
    processes = started(2, *command, "--device", "cpu")
    wait_for_step(processes, tmp_path / "m.run", 1)
    processes[1].kill()
    first, _ = ended(processes)
    assert processes[0].returncode == 1
    assert "Another process of this command has ended" in first
    assert "Traceback" not in first


def samples(file: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Pixels and provenance of an .npz file."""
    with np.load(file) as stored:
        return stored["arr_0"], json.loads(str(stored["spikestudio"]))


@pytest.mark.parametrize("name", ["sdit-mnist", "spiking-diffusion-mnist"])
def test_two_processes_sample_the_pixels_of_one(name, tmp_path):
    """Three images are two uneven shares; the first is not the seed's first one either."""
    command = ["-m", "spikestudio", "sample", name, "--num", "3", "--steps", "2", "--seed", "5"]
    command += ["--device", "cpu"]
    files = {size: tmp_path / f"{size}.npz" for size in (1, 2)}
    for size, file in files.items():
        processes = started(size, *command, "--out", str(file))
        outputs = ended(processes)
        assert [process.returncode for process in processes] == [0] * size, outputs
        assert "Wrote 3 images" in outputs[0]
        assert outputs[1:] == [""] * (size - 1)  # the first process tells for all
    (one, origin), (two, shared_origin) = (samples(file) for file in files.values())
    assert len(one) == 3
    assert np.array_equal(one, two)
    assert origin["request"] == shared_origin["request"]
    assert origin["images"] == shared_origin["images"]


def test_a_recording_is_refused_to_several_processes(tmp_path):
    command = ["-m", "spikestudio", "sample", "sdit-mnist", "--num", "2", "--steps", "1"]
    command += ["--out", str(tmp_path / "a.png"), "--record", str(tmp_path / "a.h5")]
    processes = started(2, *command)
    for output, process in zip(ended(processes), processes, strict=True):
        assert process.returncode == 1
        assert "leave --record or torchrun out" in output
    assert not list(tmp_path.iterdir())
