"""What Sample does in the window while a run goes on, and where it shows."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from spikestudio.app.viewmodels.run import RunState


@pytest.fixture
def window(shell):
    shell.load()
    shell.context.sampler.set(steps=3, seed=0)
    return shell.window


def press(qtbot, window, *, shift=False):
    modifiers = Qt.KeyboardModifier.ControlModifier
    if shift:
        modifiers |= Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(window, Qt.Key.Key_Return, modifiers)


def seeds(shell):
    return [each.request.seed for each in shell.context.queue.waiting]


def messages(window):
    return [message.text for message in window.notifications.messages]


def test_ctrl_enter_samples_then_queues_and_with_shift_in_front(qtbot, shell, window):
    press(qtbot, window)
    assert len(shell.worker.requests) == 1
    for seed in (1, 2):
        shell.context.sampler.set(seed=seed)
        press(qtbot, window)
    shell.worker.start()
    shell.frame()
    assert shell.context.run.state is RunState.RUNNING
    shell.context.sampler.set(seed=3)
    press(qtbot, window, shift=True)
    assert seeds(shell) == [3, 1, 2]
    assert len(shell.worker.requests) == 1
    assert messages(window) == ["Queued in front: 3 waiting."]


def test_the_toolbar_shows_how_many_wait_and_opens_the_dock(qtbot, shell, window):
    bar = window.toolbar
    assert bar.waiting.isHidden()
    assert bar.sample.text() == "Sample"
    shell.run(steps=1)
    assert bar.sample.text() == "Queue"
    assert bar.sample.isEnabled()
    assert "wait for its turn" in bar.sample.toolTip()
    assert bar.waiting.isHidden()
    for _ in range(12):
        bar.sample.click()
    assert bar.waiting.isVisible()
    assert bar.waiting.text() == "12"
    assert bar.waiting.accessibleName() == "Queue: 12 waiting."
    assert window.docks.docks["queue"].isHidden()
    bar.waiting.click()
    QApplication.processEvents()
    assert window.docks.docks["queue"].isVisible()
    assert window.docks.docks["queue"].is_in_front
    shell.context.queue.clear()
    assert bar.waiting.isHidden()


def test_the_queue_moves_on_by_itself_and_the_last_run_leaves_the_window_ready(shell, window):
    shell.run(steps=1)
    window.commands["sample"].trigger()
    for _ in range(2):
        while shell.worker.advance():
            shell.frame()
        shell.frame()
        QApplication.processEvents()
        if shell.worker.control is not None:
            shell.worker.start()
            shell.frame()
    assert len(shell.worker.requests) == 2
    assert shell.context.run.state is RunState.FINISHED
    assert window.commands["sample"].text() == "Sample"
    assert not window.commands["cancel"].isEnabled()


def test_nothing_can_be_queued_without_a_model_or_while_one_is_loading(shell):
    commands = shell.window.commands
    assert not commands["sample"].isEnabled()
    assert not commands["sample-next"].isEnabled()
    shell.load()
    assert commands["sample-next"].isEnabled()
    shell.worker.is_slow = True
    shell.load("sdit-mnist")
    assert not commands["sample"].isEnabled()
    assert not commands["sample-next"].isEnabled()


def test_the_toolbar_stays_within_a_small_window_when_runs_wait(make_shell, entries):
    shell = make_shell(1280, 720)
    shell.context.checkpoint.set_entries(entries)
    shell.load()
    shell.run(steps=1)
    for _ in range(120):
        shell.window.commands["sample"].trigger()
    QApplication.processEvents()
    bar = shell.window.toolbar
    assert bar.waiting.text() == "120"
    assert bar.help.geometry().right() <= bar.width()
    assert shell.window.width() == 1280
