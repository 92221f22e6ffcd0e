import pytest
from PySide6.QtCore import Qt

from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.viewmodels.sampler_undo import SamplerUndo
from tests.gui.fake_worker import entry, model_info

CTRL = Qt.KeyboardModifier.ControlModifier


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def sampler(qapp):
    made = SamplerModel(RunModel(), lambda *_: None)
    found = entry()
    made.set_model(model_info(found.path, found.card))
    return made


def test_changes_are_taken_back_and_done_again(sampler):
    clock = Clock()
    undo = SamplerUndo(sampler, clock)
    first = sampler.request
    sampler.set(seed=5)
    sampler.set(threshold=0.99)
    assert (undo.can_undo, undo.can_redo) == (True, False)
    undo.undo()
    assert (sampler.request.seed, sampler.request.threshold) == (5, 1.0)
    undo.undo()
    assert sampler.request == first
    assert not undo.can_undo
    undo.undo()
    undo.redo()
    undo.redo()
    assert (sampler.request.seed, sampler.request.threshold) == (5, 0.99)
    assert not undo.can_redo


def test_dragging_a_slider_is_one_change(sampler):
    clock = Clock()
    undo = SamplerUndo(sampler, clock)
    for value in (0.999, 0.998, 0.997):
        clock.now += 0.1
        sampler.set(threshold=value)
    clock.now += 2
    sampler.set(threshold=0.5)
    undo.undo()
    assert sampler.request.threshold == 0.997
    undo.undo()
    assert sampler.request.threshold == 1.0


def test_a_new_change_forgets_what_was_taken_back(sampler):
    undo = SamplerUndo(sampler, Clock())
    sampler.set(seed=5)
    undo.undo()
    sampler.set(seed=6)
    assert not undo.can_redo


def test_the_sampler_and_its_steps_come_back_together(sampler):
    undo = SamplerUndo(sampler, Clock())
    before = sampler.request
    sampler.set(sampler="ddpm")
    assert sampler.request.steps == 1000
    undo.undo()
    assert sampler.request == before


def test_another_model_begins_anew(sampler):
    undo = SamplerUndo(sampler, Clock())
    sampler.set(seed=5)
    other = entry("sdit-mnist", "sdit")
    sampler.set_model(model_info(other.path, other.card))
    assert not undo.can_undo


def test_the_keys_of_the_window_reach_it(shell, qtbot):
    shell.load()
    shell.context.sampler.set(seed=123)
    assert shell.window.commands["undo-settings"].isEnabled()
    qtbot.keyClick(shell.window, Qt.Key.Key_Z, CTRL)
    assert shell.context.sampler.request.seed == 0
    assert not shell.window.commands["undo-settings"].isEnabled()
    qtbot.keyClick(shell.window, Qt.Key.Key_Z, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert shell.context.sampler.request.seed == 123
