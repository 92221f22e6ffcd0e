"""The lesions' dock: what it asks for, and how it sets both runs beside each other."""

from dataclasses import replace

import numpy as np
import pytest

from spikestudio.app.viewmodels.lesion import LesionModel, channels_of
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.views.lesions import CHANNELS, KINDS, WATCHED, LesionsView
from spikestudio.neurons.overrides import Override
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.events import Finished
from spikestudio.sampling.result import RunResult
from spikestudio.types import LayerInfo
from tests.gui.fake_worker import card, entry, model_info
from tests.gui.fakes import SMALL_LAYERS, FakeRecorder, FakeRun, draw, shown

LAYER = SMALL_LAYERS[1].id


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def sampler(run):
    made = SamplerModel(run, lambda *_: RunControl())
    made.set_model(model_info(entry().path, card()))
    return made


@pytest.fixture
def lesions(run, sampler):
    return LesionModel(run, sampler)


@pytest.fixture
def asked(lesions):
    requests = []
    lesions.runRequested.connect(requests.append)
    return requests


@pytest.fixture
def view(qtbot, run, lesions):
    return shown(qtbot, LesionsView(run, lesions), 700, 600)


def finish(run, request=None, *, seed=0, grey=0, thresholds=None, sha256=None):
    """Do a whole run; its images are of one grey."""
    recorder = FakeRecorder(num_steps=5, seed=seed)
    fake = FakeRun(run, recorder)
    fake.request = request or replace(fake.request, num=3)
    fake.start().step(5)
    result = RunResult(
        request=fake.request,
        checkpoint="fake",
        tensors_sha256=card().tensors_sha256 if sha256 is None else sha256,
        architecture="sddpm",
        device="cpu",
        num_threads=1,
        timesteps=fake.timesteps,
        steps_done=5,
        seconds=1.0,
        thresholds=thresholds or (1.0,) * 5,
        temperatures=(1.0,) * 5,
        images=np.full((3, 28, 28, 1), grey, np.uint8),
    )
    run.take(Finished(run_id=1, result=result))
    return result


def test_without_a_finished_run_there_is_nothing_to_compare_with(qtbot, run, view, lesions):
    draw(qtbot, view)
    assert view.stack.is_empty
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    assert view.stack.is_empty
    assert lesions.obstacle.startswith("Sample first")


@pytest.mark.parametrize(("kind", "value"), [("silence", None), ("clamp", None), ("scale", 0.25)])
def test_the_same_request_is_asked_for_with_the_lesion(qtbot, run, view, asked, kind, value):
    intact = finish(run)
    run.select(layer=LAYER)
    view.kind.button(KINDS.index(kind)).click()
    draw(qtbot, view)
    assert view.factor.isVisible() == (kind == "scale")
    view.factor.setValue(0.25)
    view.sample.click()
    lesion = Override(layer=LAYER, kind=kind, value=value)
    assert asked == [replace(intact.request, overrides=(lesion,))]
    assert view.target.text == f"all neurons of layer {LAYER}"


def test_watched_neurons_or_their_channels_at_chosen_steps(qtbot, run, view, asked):
    finish(run)
    run.select(layer=LAYER, neurons=(30, 4))
    draw(qtbot, view)
    view.first.setValue(2)
    view.last.setValue(4)
    for where in (WATCHED, CHANNELS):
        view.where.setCurrentIndex(where)
        view.where.activated.emit(where)
        view.sample.click()
    (neurons,), (channels,) = (request.overrides for request in asked)
    assert neurons == Override(layer=LAYER, kind="silence", neurons=(4, 30), steps=(1, 3))
    assert channels == Override(layer=LAYER, kind="silence", channels=(0, 3), steps=(1, 3))


def test_without_watched_neurons_it_says_what_to_do(qtbot, run, view, asked):
    finish(run)
    run.select(layer=LAYER)
    view.where.setCurrentIndex(WATCHED)
    draw(qtbot, view)
    assert not view.sample.isEnabled()
    assert view.target.text == f"Watch neurons of layer {LAYER} first, in the raster."


def test_both_runs_their_difference_and_the_change_of_rates(qtbot, run, view, asked):
    finish(run, grey=50)
    before = run.recorder.rates().mean(axis=1)
    run.select(layer=LAYER)
    draw(qtbot, view)
    assert [panel.title for panel in view.tiles.panels] == ["intact"]
    assert not view.table.isVisible()
    view.sample.click()
    finish(run, asked[0], seed=1, grey=20)
    after = run.recorder.rates().mean(axis=1)
    draw(qtbot, view)
    assert [panel.images[0, 0, 0, 0] for panel in view.tiles.panels] == [50, 20, 30]
    assert view.caption.text == ("Mean difference 30.0 of 255 over 3 images, 30.0 in image 1")
    change = {layer.id: after[i] - before[i] for i, layer in enumerate(SMALL_LAYERS)}
    rows = [view.table.item(row, 0).text() for row in range(3)]
    assert rows == sorted(change, key=lambda name: -abs(change[name]))
    for row, name in enumerate(rows):
        text = view.table.item(row, 3).text().replace("\N{MINUS SIGN}", "-")
        assert float(text) == pytest.approx(change[name], abs=1e-4)


def test_another_run_is_another_intact_one(qtbot, run, view, lesions, asked):
    finish(run)
    run.select(layer=LAYER)
    draw(qtbot, view)
    view.sample.click()
    finish(run, asked[0])
    assert lesions.lesioned is not None
    finish(run, replace(asked[0], seed=9))
    assert lesions.lesioned is None
    assert lesions.intact.request.seed == 9


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"thresholds": (1.0, 0.9, 0.9, 0.9, 0.9)}, "changed during the run"),
        ({"sha256": "1" * 64}, "another model's"),
    ],
)
def test_a_run_that_cannot_be_repeated_is_not_compared(qtbot, run, view, case, words):
    finish(run, **case)
    run.select(layer=LAYER)
    draw(qtbot, view)
    assert words in view.target.text
    assert not view.sample.isEnabled()


def test_a_change_during_the_lesioned_run_is_told(qtbot, run, view, asked):
    finish(run)
    run.select(layer=LAYER)
    draw(qtbot, view)
    view.sample.click()
    finish(run, asked[0], thresholds=(1.0, 1.0, 0.9, 0.9, 0.9))
    draw(qtbot, view)
    assert view.caption.text.endswith("changed during the lesioned run")


def test_no_lesion_while_a_run_goes_on(qtbot, run, view, lesions):
    finish(run)
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert lesions.obstacle == "Wait until the run has ended."


def test_a_click_on_a_row_selects_the_layer(qtbot, run, view, asked):
    finish(run)
    run.select(layer=LAYER)
    draw(qtbot, view)
    view.sample.click()
    finish(run, asked[0], seed=1)
    draw(qtbot, view)
    view.table.cellClicked.emit(2, 0)
    assert run.selection.layer == view.table.item(2, 0).text()


def test_channels_of_neurons():
    tokens = LayerInfo("a", "LIF", (6, 5), v_threshold=1.0, v_reset=0.0, tau=2.0)
    assert channels_of(tokens, (0, 5, 7)) == (0, 2)
    assert channels_of(SMALL_LAYERS[0], (0, 35, 36, 143)) == (0, 1, 3)
