"""Runs of one session in the real window: looked at again, compared, computed again."""

import numpy as np
import pytest

from spikestudio.app import context
from spikestudio.app.main_window import MainWindow
from spikestudio.app.viewmodels.run import RunState
from tests.tiny import ARCHITECTURE_NAMES, save_tiny

WAIT_MS = 30_000


@pytest.fixture
def window(qapp, tmp_path):
    opened = MainWindow(context.create(tmp_path / "config"))
    opened.resize(1600, 1000)
    opened.show()
    opened.docks.apply("Sweep")
    yield opened
    opened.close()
    opened.deleteLater()


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_an_ended_run_is_looked_at_again_and_compared(qtbot, window, tmp_path, architecture):
    parts = window.context
    run, history, comparison = parts.run, parts.history, parts.comparison
    window.start(str(save_tiny(tmp_path / "tiny.safetensors", architecture)))
    qtbot.waitUntil(lambda: parts.sampler.can_sample, timeout=WAIT_MS)
    parts.sampler.set(num=3, seed=5, steps=4)
    window.commands["sample"].trigger()
    qtbot.waitUntil(lambda: len(history.entries) == 1, timeout=WAIT_MS)

    comparison.sample_b({"threshold": 0.9})
    qtbot.waitUntil(
        lambda: len(history.entries) == 2 and run.state is RunState.FINISHED, timeout=WAIT_MS
    )
    first, second = history.entries
    assert comparison.has_same_noise
    qtbot.waitUntil(lambda: comparison.divergence is not None, timeout=WAIT_MS)
    assert run.recorder is second.recorder

    history.look(first.key)
    assert run.recorder is first.recorder
    assert run.result is first.result
    assert run.state is RunState.FINISHED
    assert len(history.entries) == 2
    parts.timeline.seek(1, 0)
    layer = next(each.id for each in run.layers if each.id != run.recorder.selected)
    run.select(layer=layer)
    qtbot.waitUntil(lambda: (layer, 1) in run.recomputed, timeout=WAIT_MS)
    again = run.recomputed[layer, 1].spikes
    assert np.array_equal(again, first.recorder.spikes(layer, 1))
    qtbot.waitUntil(lambda: "step 2 of 4" in window.views.compare.caption.text, timeout=WAIT_MS)
    assert not window.notifications.messages

    parts.sampler.set(seed=6)
    window.commands["sample"].trigger()
    qtbot.waitUntil(lambda: len(history.entries) == 3, timeout=WAIT_MS)
    assert not run.is_again
