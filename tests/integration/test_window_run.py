"""The window on real networks: load, step, change the threshold, finish, cancel, export, close."""

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QFileDialog

from spikestudio.app import context
from spikestudio.app.main_window import MainWindow
from spikestudio.app.viewmodels.run import RunState
from tests.tiny import ARCHITECTURE_NAMES, save_tiny

WAIT_MS = 30_000


@pytest.fixture
def window(qapp, tmp_path):
    opened = MainWindow(context.create(tmp_path / "config"))
    opened.show()
    yield opened
    opened.close()
    opened.deleteLater()


def wait_for(qtbot, window, *states):
    qtbot.waitUntil(lambda: window.context.run.state in states, timeout=WAIT_MS)


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_a_model_from_loading_to_export(qtbot, window, tmp_path, architecture):
    run, sampler, commands = window.context.run, window.context.sampler, window.commands
    window.start(str(save_tiny(tmp_path / "tiny.safetensors", architecture)))
    qtbot.waitUntil(lambda: sampler.can_sample, timeout=WAIT_MS)
    assert not window.notifications.messages
    sampler.set(num=3, seed=5, steps=6)

    commands["step"].trigger()
    wait_for(qtbot, window, RunState.PAUSED)
    assert run.step.step == 0
    sampler.set(threshold=0.9)
    commands["pause"].trigger()
    wait_for(qtbot, window, RunState.FINISHED, RunState.FAILED)
    assert run.failure is None
    assert run.result.thresholds == (1.0, *[0.9] * 5)
    assert [(change.step, change.threshold) for change in run.changes] == [(1, 0.9)]
    images = run.result.images
    assert len(images) == 3
    assert np.isfinite(run.recorder.rates()).all()

    commands["export"].trigger()
    exporter = window.exporter
    qtbot.waitUntil(lambda: exporter.dialog.save.isEnabled(), timeout=WAIT_MS)
    exporter.dialog.save.click()
    chooser = exporter.dialog.findChild(QFileDialog)
    chooser.fileSelected.emit(str(tmp_path / "grid.png"))
    chooser.close()
    qtbot.waitUntil(lambda: bool(window.notifications.messages), timeout=WAIT_MS)
    exporter.dialog.close()
    assert window.notifications.messages[0].kind == "ok", window.notifications.messages[0].text
    with Image.open(tmp_path / "grid.png") as picture:
        assert "spikestudio" in picture.text

    sampler.set(threshold=1.0, seed=6)
    commands["step"].trigger()
    wait_for(qtbot, window, RunState.PAUSED)
    commands["cancel"].trigger()
    wait_for(qtbot, window, RunState.CANCELLED)
    assert run.result.steps_done == 1
    assert not np.array_equal(run.result.images, images)

    commands["sample"].trigger()
    wait_for(qtbot, window, RunState.RUNNING, RunState.FINISHED)
    window.close()
    assert window.context.is_closed


def test_a_file_that_is_no_model_is_told_and_another_loads(qtbot, window, tmp_path):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"not a checkpoint")
    window.start(str(bad))
    qtbot.waitUntil(lambda: bool(window.notifications.messages), timeout=WAIT_MS)
    assert "bad.safetensors" in window.notifications.messages[0].text
    window.context.checkpoint.load(save_tiny(tmp_path / "good.safetensors", "sddpm"))
    qtbot.waitUntil(lambda: window.context.sampler.can_sample, timeout=WAIT_MS)
