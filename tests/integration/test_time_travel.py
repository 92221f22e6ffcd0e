"""Any moment of a run on real networks, in the window: seen again, and computed again where needed."""

import numpy as np
import pytest

from spikestudio.app import context
from spikestudio.app.main_window import MainWindow
from spikestudio.app.viewmodels.run import RunState
from spikestudio.sampling.events import ImagePreview, StepFinished, TokensUnmasked
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from tests.tiny import ARCHITECTURE_NAMES, save_tiny, tiny_model

WAIT_MS = 30_000
STEPS, LOOKED_AT = 6, 3


@pytest.fixture
def window(qapp, tmp_path):
    opened = MainWindow(context.create(tmp_path / "config"))
    opened.resize(1600, 1000)
    opened.show()
    yield opened
    opened.close()
    opened.deleteLater()


def finished_run(qtbot, window, tmp_path, architecture):
    """Sample in the window, with another threshold from the second step on."""
    sampler, commands, run = window.context.sampler, window.commands, window.context.run
    window.start(str(save_tiny(tmp_path / "tiny.safetensors", architecture)))
    qtbot.waitUntil(lambda: sampler.can_sample, timeout=WAIT_MS)
    sampler.set(num=3, seed=5, steps=STEPS)
    commands["step"].trigger()
    qtbot.waitUntil(lambda: run.state is RunState.PAUSED, timeout=WAIT_MS)
    sampler.set(threshold=0.9)
    commands["pause"].trigger()
    qtbot.waitUntil(lambda: run.state is RunState.FINISHED, timeout=WAIT_MS)
    return run


def same_run(architecture, request: SamplingRequest, layer: str):
    """The same run outside the window, recording another layer's potentials; events by type."""
    run = SamplingRun(tiny_model(architecture), request, layer=layer)
    pictures, tokens = {}, {}
    for event in run:
        if isinstance(event, StepFinished) and event.step == 0:
            run.control.set_parameters(threshold=0.9)
        elif isinstance(event, ImagePreview):
            pictures[event.step] = event
        elif isinstance(event, TokensUnmasked):
            tokens[event.step] = event
    return run.recorder, pictures, tokens


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_an_earlier_step_of_a_layer_that_was_not_recorded(qtbot, window, tmp_path, architecture):
    run = finished_run(qtbot, window, tmp_path, architecture)
    timeline, views = window.context.timeline, window.views
    layer = next(each.id for each in run.layers if each.id != run.recorder.selected)
    recorder, pictures, tokens = same_run(architecture, run.run.request, layer)

    run.select(layer=layer)
    timeline.seek(LOOKED_AT, 1)
    qtbot.waitUntil(lambda: (layer, LOOKED_AT) in run.recomputed, timeout=WAIT_MS)
    found, wanted = run.known.potentials(layer, LOOKED_AT), recorder.potentials(layer, LOOKED_AT)
    assert found.threshold == wanted.threshold == 0.9
    for part in ("h", "v", "current"):
        assert np.array_equal(getattr(found, part), getattr(wanted, part))
    spikes = run.recomputed[layer, LOOKED_AT].spikes
    assert np.array_equal(spikes, run.recorder.spikes(layer, LOOKED_AT))
    qtbot.waitUntil(lambda: "recomputed: step 4" in views.membrane.caption.text, timeout=WAIT_MS)

    if architecture == "spiking-diffusion":
        window.docks.docks["tokens"].raise_()
        qtbot.waitUntil(lambda: views.tokens.map.picture is not None, timeout=WAIT_MS)
        image = run.selection.image
        wanted_ids = tokens[LOOKED_AT].tokens[image]
        qtbot.waitUntil(lambda: np.array_equal(views.tokens.map.picture.ids, wanted_ids))
    else:
        qtbot.waitUntil(
            lambda: np.array_equal(views.image.tiles.panels[0].images, pictures[LOOKED_AT].x_t)
        )
        assert np.array_equal(views.image.tiles.panels[1].images, pictures[LOOKED_AT].x0_hat)

    timeline.go_live()
    qtbot.waitUntil(lambda: views.raster.plot.is_following, timeout=WAIT_MS)
    if architecture != "spiking-diffusion":
        last = pictures[STEPS - 1].x_t
        qtbot.waitUntil(lambda: np.array_equal(views.image.tiles.panels[0].images, last))


def test_what_is_recorded_is_not_computed_again(qtbot, window, tmp_path):
    run = finished_run(qtbot, window, tmp_path, "sddpm")
    asked = []
    window.context.inspection._inspect = lambda *args: asked.append(args)
    run.select(layer=run.recorder.selected)
    window.context.timeline.seek(2, 0)
    qtbot.wait(400)
    assert asked == []
    assert not run.recomputed
