"""What the docks draw is what the network computed: plot items against hooks of the test's own.

The window samples one copy of a model, the test another one with hooks that keep everything. Nothing
of the recorder or the views is used on the test's side.
"""

import numpy as np
import pytest

from spikestudio.app import context
from spikestudio.app.main_window import MainWindow
from spikestudio.app.plots.palettes import RATE_RANGE, SILENT, scalar_indices
from spikestudio.app.plots.traces_item import staircase
from spikestudio.app.viewmodels.run import RunState
from spikestudio.checkpoints.loader import load
from spikestudio.neurons.nodes import spiking_layers
from spikestudio.sampling.events import ImagePreview, TokensUnmasked
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from tests.tiny import ARCHITECTURE_NAMES, save_tiny

WAIT_MS = 30_000
STEPS = 5
LAYERS = {
    "sddpm": "downblocks.0.neuron2",
    "spiking-diffusion": "sdid.conv2.2",
    "sdit": "mid_block.lif1",
}


@pytest.fixture
def window(qapp, tmp_path):
    opened = MainWindow(context.create(tmp_path / "config"))
    opened.resize(1600, 1000)
    opened.show()
    yield opened
    opened.close()
    opened.deleteLater()


def sample(qtbot, window, **changes):
    """Sample to the end and have every visible dock drawn; return the views by id."""
    run = window.context.run
    window.context.sampler.set(**changes)
    before = run.run
    window.commands["sample"].trigger()
    qtbot.waitUntil(
        lambda: run.run is not before and run.state is RunState.FINISHED, timeout=WAIT_MS
    )
    views = window.views.by_id()
    for view_id in ("image", "raster", "membrane", "rates", "tokens"):
        window.docks.docks[view_id].raise_()
        qtbot.waitUntil(lambda view=views[view_id]: view.isVisible(), timeout=WAIT_MS)
        qtbot.waitUntil(lambda view=views[view_id]: not view._is_dirty, timeout=WAIT_MS)
    return views


def observe(path, layer, **request):
    """Run a second copy of the model; keep input and output of every layer at every evaluation."""
    model = load(path)
    seen = {name: [] for name in spiking_layers(model.network)}

    def keep(name):
        return lambda _node, args, out: seen[name].append((args[0].clone(), out.clone()))

    for name, node in spiking_layers(model.network).items():
        node.register_forward_hook(keep(name))
    run = SamplingRun(model, SamplingRequest(**{**model.defaults(), **request}))
    layers = [each.id for each in run.layers]
    for calls in seen.values():
        calls.clear()  # the layer table took an evaluation
    events = list(run)
    currents = [calls[0][:, 0].flatten(1).numpy() for calls in seen[layer]]
    spikes = [calls[1][:, 0].flatten(1).numpy() for calls in seen[layer]]
    num = request["num"]  # rows after these only fill the batch up
    rates = np.array([[float(out[:, :num].mean()) for _, out in seen[name]] for name in layers])
    return run.result, events, currents, spikes, rates


def charged(currents, spikes, tau):
    """Potentials before and after reset ``[T, N]``, from the definition and the spikes seen."""
    v = np.zeros_like(currents[0])
    before, after = [], []
    for x, s in zip(currents, spikes, strict=True):
        h = v + x if tau is None else v + (x - v) / np.float32(tau)
        v = np.where(s > 0, np.float32(0), h)
        before.append(h)
        after.append(v)
    return np.array(before), np.array(after)


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_plot_items_hold_what_independent_hooks_saw(qtbot, window, tmp_path, architecture):
    path, layer = save_tiny(tmp_path / "tiny.safetensors", architecture), LAYERS[architecture]
    window.start(str(path))
    qtbot.waitUntil(lambda: window.context.sampler.can_sample, timeout=WAIT_MS)
    run = window.context.run
    request = {"num": 3, "seed": 11, "steps": STEPS, "threshold": 0.97}
    sample(qtbot, window, **request)
    run.select(layer=layer)
    sample(qtbot, window, seed=12)
    run.select(neurons=(1, 3))
    views = sample(qtbot, window, seed=11)
    result, events, currents, spikes, rates = observe(path, layer, **request)

    last = [event for event in events if isinstance(event, ImagePreview)][-1]
    wanted = [each for each in (last.x_t, last.x0_hat, last.decoded) if each is not None]
    for panel, images in zip(views["image"].tiles.panels, wanted, strict=True):
        assert np.array_equal(panel.images, images)
    assert np.array_equal(run.result.images, result.images)

    raster = views["raster"]
    steps = np.concatenate(spikes).T[raster._data.rows]
    shown = raster.item.image
    assert np.array_equal(shown[:, : steps.shape[1]] != SILENT, steps == 1)

    tau = run.layer(layer).tau
    potentials = [charged(x, s, tau) for x, s in zip(currents, spikes, strict=True)]
    membrane = views["membrane"]
    for lane, neuron in enumerate((1, 3)):
        h = np.array([each[0][:, neuron] for each in potentials])
        v = np.array([each[1][:, neuron] for each in potentials])
        x, y = staircase(h, v, 0.0)
        shown_x, shown_y = membrane.traces.traces[lane]
        assert np.array_equal(shown_x, x)
        assert np.array_equal(shown_y, membrane._scale.height(y, lane), equal_nan=True)

    assert np.abs(run.recorder.rates() - rates).max() < 1e-6
    drawn = views["rates"].item.image.astype(int)
    assert np.abs(drawn - scalar_indices(rates.astype(np.float32), *RATE_RANGE)).max() <= 1

    if architecture == "spiking-diffusion":
        tokens = [event for event in events if isinstance(event, TokensUnmasked)][-1]
        assert np.array_equal(views["tokens"].map.picture.ids, tokens.tokens[0])

    pictures = [shown.copy(), drawn]
    other = sample(qtbot, window, seed=99)
    assert not np.array_equal(other["raster"].item.image, pictures[0])
    assert not np.array_equal(other["rates"].item.image, pictures[1])
    assert not np.array_equal(run.result.images, result.images)
