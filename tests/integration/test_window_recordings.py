"""Real runs recorded from the window, and opened again: the views get the same arrays."""

import dataclasses
import gc
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PySide6.QtWidgets import QFileDialog

from spikestudio.app import context
from spikestudio.app.main_window import MainWindow
from spikestudio.app.viewmodels.moments import preview_after, tokens_after
from spikestudio.app.viewmodels.run import RunState
from spikestudio.recording.hdf5 import RecordingWriter
from spikestudio.recording.pictures import pictures
from spikestudio.sampling.pixels import as_data
from tests.tiny import ARCHITECTURE_NAMES, save_tiny, tiny_card

WAIT_MS = 30_000
STEPS = 6


@pytest.fixture
def window(qapp, tmp_path):
    opened = MainWindow(context.create(tmp_path / "config"))
    opened.resize(1600, 1000)
    opened.show()
    yield opened
    opened.close()
    opened.deleteLater()


def load(qtbot, window, path):
    window.start(str(path))
    qtbot.waitUntil(lambda: window.context.sampler.can_sample, timeout=WAIT_MS)
    window.context.sampler.set(num=3, seed=5, steps=STEPS)


def record_to(window, path):
    window.commands["record"].trigger()
    dialog = window.findChild(QFileDialog)
    dialog.fileSelected.emit(str(path))
    dialog.close()


def sample(qtbot, window):
    """Sample with another threshold from the second step on, and return the finished run."""
    run, sampler, commands = window.context.run, window.context.sampler, window.commands
    sampler.set(threshold=1.0)
    commands["step"].trigger()
    qtbot.waitUntil(lambda: run.state is RunState.PAUSED, timeout=WAIT_MS)
    sampler.set(threshold=0.9)
    commands["pause"].trigger()
    qtbot.waitUntil(lambda: run.state is RunState.FINISHED, timeout=WAIT_MS)
    return run


def shown(window):
    """Everything that views read of the run, at every step and of every layer."""
    run, timeline = window.context.run, window.context.timeline
    seen = {"rates": run.recorder.rates(), "images": run.result.images}
    activity = run.recorder.activity()
    seen |= {name: getattr(activity, name) for name in ("counts", "neurons", "silent", "saturated")}
    for step in range(STEPS):
        for layer in run.layers:
            seen["spikes", layer.id, step] = run.known.spikes(layer.id, step)
        for source in (preview_after(run, step), tokens_after(run, step)):
            names = ("x_t", "x0_hat", "decoded", "tokens", "order", "confidence", "mask_id")
            for name in names:
                if getattr(source, name, None) is not None:
                    seen[name, step] = np.asarray(getattr(source, name))
    timeline.seek(1)
    seen["marks"] = [(mark.at, mark.text) for mark in timeline.marks]
    seen["thresholds"] = run.result.thresholds
    seen["at"] = (run.step.step, run.step.t, run.step.threshold, timeline.steps_done)
    seen["timesteps"] = run.run.timesteps
    seen["request"] = run.run.request
    return seen


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_a_run_that_was_recorded_is_the_same_when_it_is_opened(
    qtbot, window, tmp_path, architecture
):
    load(qtbot, window, save_tiny(tmp_path / "tiny.safetensors", architecture))
    path = tmp_path / "mine.h5"
    record_to(window, path)
    run = sample(qtbot, window)
    live = shown(window)
    layer = next(each.id for each in run.layers if each.id != run.recorder.selected)
    assert [m.text for m in window.notifications.messages][-1].startswith(
        "Recorded the run to mine"
    )
    first = path.read_bytes()

    window.recordings.open(path)
    qtbot.waitUntil(lambda: run.recording is not None, timeout=WAIT_MS)
    assert run.state is RunState.FINISHED
    assert run.cannot_recompute == ""  # the model that made it is loaded
    played = shown(window)
    assert played.keys() == live.keys()
    for key, values in played.items():
        if key == ("confidence", STEPS - 1):  # follows from the logits
            np.testing.assert_allclose(values, live[key], rtol=1e-5)
        elif isinstance(values, np.ndarray):
            np.testing.assert_array_equal(values, live[key], err_msg=str(key))
        else:
            assert values == live[key]

    run.select(layer=layer)
    window.context.timeline.seek(2)
    qtbot.waitUntil(lambda: (layer, 2) in run.recomputed, timeout=WAIT_MS)
    again = run.recomputed[layer, 2]
    np.testing.assert_array_equal(again.spikes, live["spikes", layer, 2])

    sample(qtbot, window)  # another run goes to a file of its own
    assert path.read_bytes() == first
    assert (tmp_path / "mine_2.h5").exists()


def test_a_disk_that_fills_is_told_while_the_run_goes_on(qtbot, window, tmp_path, monkeypatch):
    write = RecordingWriter._write

    def full(self, name, row, values):
        if row == 2:
            raise OSError(28, "No space left on device")
        write(self, name, row, values)

    monkeypatch.setattr(RecordingWriter, "_write", full)
    load(qtbot, window, save_tiny(tmp_path / "tiny.safetensors", "sddpm"))
    record_to(window, tmp_path / "mine.h5")
    run = sample(qtbot, window)
    assert run.result.is_complete
    told = [m for m in window.notifications.messages if m.kind == "error"]
    assert len(told) == 1
    assert "No space left on device" in told[0].text
    assert not any(m.text.startswith("Recorded") for m in window.notifications.messages)
    window.recordings.open(tmp_path / "mine.h5")
    qtbot.waitUntil(lambda: run.recording is not None, timeout=WAIT_MS)
    assert window.context.timeline.steps_done == 2
    assert any("cut short" in m.text for m in window.notifications.messages)


def test_a_file_that_cannot_be_made_is_told(qtbot, window, tmp_path):
    load(qtbot, window, save_tiny(tmp_path / "tiny.safetensors", "sddpm"))
    record_to(window, tmp_path / "no" / "mine.h5")
    window.commands["sample"].trigger()
    run = window.context.run
    qtbot.waitUntil(lambda: run.state is RunState.FAILED, timeout=WAIT_MS)
    assert any("does not exist" in m.text for m in window.notifications.messages)


def test_a_budget_too_small_for_one_step_lets_the_run_finish(qtbot, window, tmp_path, monkeypatch):
    load(qtbot, window, save_tiny(tmp_path / "tiny.safetensors", "sddpm"))
    window.context.record.budget_mb = 0.001
    run = sample(qtbot, window)
    assert run.result.is_complete
    texts = [m.text for m in window.notifications.messages if m.kind == "warn"]
    assert len(texts) == 1
    assert texts[0].startswith("One denoising step takes")
    assert run.recorder.bytes_used <= 0.001 * 2**20
    assert np.isfinite(run.recorder.rates()).all()
    assert "let go" in window.status.labels["Recorder"].toolTip()


KILLED = """
import os, signal, sys
import spikestudio as ss
from spikestudio.sampling.events import StepFinished
model = ss.load(sys.argv[1])
for event in ss.sample(model, num=3, seed=5, steps=6, record=ss.Record(path=sys.argv[2])):
    if isinstance(event, StepFinished) and event.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal there")
@pytest.mark.parametrize("architecture", ["sddpm", "spiking-diffusion"])
def test_a_run_that_was_killed_opens_with_its_steps(qtbot, window, tmp_path, architecture):
    model, path = save_tiny(tmp_path / "tiny.safetensors", architecture), tmp_path / "killed.h5"
    done = subprocess.run([sys.executable, "-c", KILLED, str(model), str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    window.start(str(model), str(path))
    run = window.context.run
    qtbot.waitUntil(lambda: run.recording is not None, timeout=WAIT_MS)
    texts = [message.text for message in window.notifications.messages]
    assert "killed.h5 was cut short: it holds the first 4 of 6 denoising steps." in texts
    assert window.context.timeline.steps_done == 4
    qtbot.waitUntil(lambda: run.cannot_recompute == "", timeout=WAIT_MS)
    assert "killed.h5, not live" in window.windowTitle()


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 8), (3, 11)])
def test_recorded_pictures_are_those_of_a_run(channels, size):
    x = torch.randn(40, channels, 8, 8)
    for wanted in (1, channels):
        card = dataclasses.replace(tiny_card("sddpm"), image_size=size, image_channels=wanted)
        expected = as_data(x, card)
        np.testing.assert_array_equal(pictures(x.numpy(), size, wanted), expected)


def test_opening_leaves_no_file_open(qtbot, window, tmp_path):
    load(qtbot, window, save_tiny(tmp_path / "tiny.safetensors", "sddpm"))
    record_to(window, tmp_path / "mine.h5")
    run = sample(qtbot, window)
    window.recordings.open(tmp_path / "mine.h5")
    qtbot.waitUntil(lambda: run.recording is not None, timeout=WAIT_MS)
    file = run.recorder._file
    window.context.record.set_path(None)
    sample(qtbot, window)
    gc.collect()
    qtbot.waitUntil(lambda: file.closed, timeout=WAIT_MS)
