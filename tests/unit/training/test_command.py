"""``spikestudio train`` as a process of its own, stopped by signals."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError, safe_open

from spikestudio.training.state import STATE_FILE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals differ")


def write_idx(path: Path, values: np.ndarray) -> None:
    header = bytes((0, 0, 8, values.ndim)) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(header + values.tobytes())


@pytest.fixture
def data(tmp_path) -> Path:
    """Eight images of MNIST's shape."""
    folder = tmp_path / "data"
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28), dtype=np.uint8)
    write_idx(folder / "train-first8-images-idx3-ubyte", images)
    write_idx(folder / "train-first8-labels-idx1-ubyte", np.arange(8, dtype=np.uint8))
    return folder


def position(run_folder: Path) -> dict[str, int]:
    """Where the saved state is; empty if there is none yet."""
    try:
        with safe_open(run_folder / STATE_FILE, framework="numpy") as file:
            return json.loads(file.metadata()["spikestudio-training"])
    except (FileNotFoundError, SafetensorError):
        return {}


def train_until(command: list[str], run_folder: Path, step: int, number: int) -> tuple[int, str]:
    """Start training and send a signal once ``step`` is saved; exit status and messages."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    deadline = time.monotonic() + 120
    while position(run_folder).get("step", -1) < step and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def test_signals_stop_training_with_its_state_saved(data, tmp_path):
    out = tmp_path / "model.safetensors"
    run_folder = tmp_path / "model.run"
    command = [sys.executable, "-m", "spikestudio", "train", "spiking-diffusion"]
    command += ["--data", str(data), "--out", str(out), "--save-minutes", "0", "--device", "cpu"]
    status, output = train_until(command, run_folder, 1, signal.SIGINT)
    assert status == 130, output
    assert "Stopped and saved" in output
    assert "--resume" in output
    assert "Traceback" not in output
    first = position(run_folder)
    assert first["stage"] == 0
    assert first["step"] >= 1

    status, output = train_until(
        [*command, "--resume"], run_folder, first["step"] + 1, signal.SIGTERM
    )
    assert status == 130, output
    assert position(run_folder)["step"] > first["step"]
    assert not out.exists()
