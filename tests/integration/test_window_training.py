"""A real run that the window starts: it outlives the window, is attached again, stopped and resumed."""

from __future__ import annotations

import csv
import os
import sys

import numpy as np
import pytest

from spikestudio.app import context
from spikestudio.app.viewmodels.training import TrainingModel
from spikestudio.training.processes import process_start
from spikestudio.training.status import read_status
from tests.unit.training.test_command import write_idx

WAIT_MS = 240_000

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def parts(qapp, tmp_path):
    made = context.create(tmp_path / "config")
    made.bridge.wake()
    yield made
    made.close()


@pytest.fixture
def data(tmp_path):
    """Eight made images of MNIST's shape: bars whose place is their class."""
    folder = tmp_path / "data"
    folder.mkdir()
    images = np.zeros((8, 28, 28), np.uint8)
    for number, image in enumerate(images):
        image[3 * number : 3 * number + 3] = 230
    write_idx(folder / "train-first8-images-idx3-ubyte", images)
    write_idx(folder / "train-first8-labels-idx1-ubyte", np.arange(8, dtype=np.uint8))
    return folder


def test_a_run_outlives_the_window_and_is_stopped_and_resumed(qtbot, parts, data, tmp_path):
    first = TrainingModel(parts.jobs.submit, parent_folder=tmp_path / "out")
    first.form.set(data=str(data), length=0.004, device="cpu", gamma_images=0)
    first.form.check()
    qtbot.waitUntil(lambda: first.form.checked is not None, timeout=WAIT_MS)
    assert first.form.checked.stages == (("denoiser", 24, 64),)
    first.start()
    folder = first.folder
    qtbot.waitUntil(lambda: first.state == "running", timeout=WAIT_MS)
    first.close()  # as a window does that is closed
    pid = read_status(folder).pid
    if sys.platform != "win32":
        assert os.getsid(pid) == pid  # nothing of the window's terminal or session ends it

    second = TrainingModel(parts.jobs.submit, list(first.known))
    second.attach(folder)
    qtbot.waitUntil(lambda: second.state == "running", timeout=WAIT_MS)
    assert second.snapshot.status.pid == pid
    second.stop()
    assert second.state == "stopping"
    qtbot.waitUntil(lambda: second.state == "stopped", timeout=WAIT_MS)
    done = second.snapshot.status.total_done
    assert 0 < done < 24
    assert second.can_resume
    qtbot.waitUntil(lambda: process_start(pid) == "", timeout=WAIT_MS)
    assert "Stopped and saved" in second.snapshot.said[-1]

    second.resume()
    qtbot.waitUntil(lambda: second.state == "finished", timeout=WAIT_MS)
    assert second.snapshot.status.total_done == 24
    with (folder / "log.csv").open(encoding="utf-8") as file:
        logged = {(int(row[1]), row[2]): float(row[3]) for row in list(csv.reader(file))[1:]}
    assert second.snapshot.curves["loss"].last == pytest.approx(logged[24, "loss"])
    assert 0 < logged[24, "rate_lowest"] <= logged[24, "rate"] <= logged[24, "rate_highest"] < 1
    parts.checkpoint.load(second.checkpoint)
    qtbot.waitUntil(lambda: parts.checkpoint.model is not None, timeout=WAIT_MS)
    assert parts.checkpoint.model.card.training["steps"] == 24
    second.close()
