"""The thresholds' dock, by mouse and keyboard."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest

from spikestudio.app import theme
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.viewmodels.threshold_lab import ThresholdLab
from spikestudio.app.views.threshold_curve import CHANGE
from spikestudio.app.views.threshold_lab import CURVE, LAYERS, STEPS, ThresholdLabView
from spikestudio.app.views.threshold_layers import RESULT, SET, SOURCE
from spikestudio.neurons.overrides import Override
from spikestudio.neurons.schedules import Curve, Point, place
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.request import SamplingRequest
from tests.gui import test_threshold_lab
from tests.gui.fake_worker import card, entry, model_info
from tests.gui.fakes import FakeRecorder, FakeRun, draw, shown

INFOS, IDS = test_threshold_lab.LAYERS, test_threshold_lab.IDS
Key = Qt.Key


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def sampler(run):
    made = SamplerModel(run, lambda *_: RunControl())
    made.set_model(model_info(entry().path, card(), layers=INFOS))
    made.set(steps=10)
    return made


@pytest.fixture
def lab(run, sampler):
    return ThresholdLab(run, sampler)


@pytest.fixture
def view(qtbot, run, lab):
    made = shown(qtbot, ThresholdLabView(run, lab), 560, 640)
    draw(qtbot, made)
    yield made
    theme.manager.set_scale(1.0)


def go_to(qtbot, view, page):
    view.pages.button(page).click()
    draw(qtbot, view)


def values(sampler):
    """Threshold of every step that a layer without its own has."""
    return test_threshold_lab.scheduled(sampler)


def press(view, key, modifier=Qt.KeyboardModifier.NoModifier):
    """Press a key in the curve; it must be the curve's even if the window has a command for it."""
    override = QKeyEvent(QEvent.Type.ShortcutOverride, key, modifier)
    override.ignore()
    view.curve.curve.event(override)
    assert override.isAccepted()
    QTest.keyClick(view.curve.curve, key, modifier)


# what it says -----------------------------------------------------------------------------------


def test_without_a_model_it_says_so(qtbot, run):
    empty = ThresholdLab(run, SamplerModel(run, lambda *_: RunControl()))
    view = shown(qtbot, ThresholdLabView(run, empty))
    draw(qtbot, view)
    assert view.stack.is_empty
    assert "once it is loaded" in view.stack.sentence


def test_the_help_names_the_direction_and_the_chaos():
    assert len(ThresholdLabView.help_text.splitlines()) <= 10
    assert "Lower = more spikes" in ThresholdLabView.help_text
    assert "one picture proves nothing" in ThresholdLabView.help_text


@pytest.mark.parametrize("scale", theme.TEXT_SCALES)
def test_large_text_asks_for_no_wider_dock_than_others(qtbot, view, scale):
    theme.manager.set_scale(scale)
    for page in (LAYERS, CURVE, STEPS):
        go_to(qtbot, view, page)
        assert view.minimumSizeHint().width() <= 250 * scale
        assert view.minimumSizeHint().height() <= 300


# layers -----------------------------------------------------------------------------------------


def test_the_chosen_row_is_what_the_control_sets(qtbot, view, sampler):
    page = view.layers
    page.choose("downblocks.*")
    page.row.slider.setFocus()
    QTest.keyClick(page.row.slider, Key.Key_Left)
    assert sampler.request.overrides == (
        Override(layer="downblocks.*", kind="threshold", value=0.999),
    )
    page.choose(IDS[2])
    page.row.box.setValue(1.002)
    draw(qtbot, view)
    assert page.text("downblocks.*", SET) == "0.999"
    assert page.text("downblocks.*", RESULT) == "0.999–1.002"
    assert [page.text(each, RESULT) for each in IDS] == [
        "1.000",
        "0.999",
        "1.002",
        "1.000",
        "1.000",
    ]
    assert [page.text(each, SOURCE) for each in IDS] == ["all", "group", "own", "all", "all"]
    assert view.caption.text == "2 differences"


def test_the_threshold_of_all_layers_is_the_samplers(qtbot, view, sampler):
    view.layers.row.box.setValue(0.998)
    assert sampler.request.threshold == 0.998
    sampler.set(threshold=1.003)
    draw(qtbot, view)
    assert view.layers.row.box.value() == 1.003
    assert view.layers.text("*", RESULT) == "1.003"
    view.layers.row.reset.click()
    assert sampler.request.threshold == 1.0


def test_rows_by_keyboard(qtbot, view, sampler):
    page = view.layers
    page.tree.setFocus()
    QTest.keyClick(page.tree, Key.Key_Down)
    assert page.target == "neuron"
    QTest.keyClick(page.tree, Key.Key_Return)
    qtbot.waitUntil(page.row.box.hasFocus)
    QTest.keyClicks(page.row.box, "0.9")
    QTest.keyClick(page.row.box, Key.Key_Return)
    assert sampler.request.overrides == (Override(layer="neuron", kind="threshold", value=0.9),)
    page.tree.setFocus()
    QTest.keyClick(page.tree, Key.Key_Delete)
    assert sampler.request.overrides == ()


def test_a_layer_that_is_clicked_is_looked_at_everywhere(qtbot, run, view):
    FakeRun(run, FakeRecorder(INFOS)).start()
    page = view.layers
    page.choose(IDS[3])
    box = page.tree.visualItemRect(page.tree.currentItem())
    QTest.mouseClick(page.tree.viewport(), Qt.MouseButton.LeftButton, pos=box.center())
    assert run.selection.layer == IDS[3]


def test_the_wide_range_is_a_choice(qtbot, view, sampler):
    with qtbot.waitSignal(view.wideChanged) as signal:
        view.wide.click()
    assert signal.args == [True]
    QTest.keyClick(view.layers.row.slider, Key.Key_Home)
    assert sampler.request.threshold == 0.5
    go_to(qtbot, view, CURVE)
    low, high = view.curve.curve.view_box.viewRange()[1]
    assert low < 0.5 < 1.5 < high
    assert view.curve.curve.levels == (0.5, 0.75, 1.0, 1.25, 1.5)


def test_the_published_values_are_marked(qtbot, view):
    go_to(qtbot, view, CURVE)
    published = (0.997, 0.998, 0.999, 1.0, 1.001, 1.002, 1.003)
    assert view.curve.curve.levels == published
    assert view.layers.row.parameter.marks == published


def test_all_as_in_the_checkpoint(qtbot, view, sampler, lab):
    lesion = Override(layer="*", kind="silence", neurons=(1,))
    sampler.set(overrides=(lesion,))
    lab.set_value("*", 0.998)
    lab.set_value(IDS[1], 0.998)
    lab.use_preset("Cosine")
    draw(qtbot, view)
    view.revert_all.click()
    assert sampler.request.overrides == (lesion,)
    assert sampler.request.threshold == 1.0
    draw(qtbot, view)
    assert not view.revert_all.isEnabled()
    assert view.caption.text == "No differences"


def test_a_curve_that_takes_the_place_of_the_common_threshold_is_named(qtbot, view, lab):
    lab.use_preset("Linear up")
    draw(qtbot, view)
    assert "curve" in view.layers.row.note.text()
    assert view.layers.text("neuron", SOURCE) == "curve"
    assert view.layers.text("neuron", RESULT) == "0.997–1.000"


# curve ------------------------------------------------------------------------------------------


@pytest.fixture
def curve(qtbot, view, lab):
    """The curve's plot, with points at steps 1, 5 and 10."""
    go_to(qtbot, view, CURVE)
    points = (Point(0, 1.0), Point(place(4, 10), 1.0), Point(1, 1.0))
    lab.set_curve(Curve(points))
    draw(qtbot, view)
    return view.curve.curve


def pixel(plot, step, value):
    return plot.pixel_of(QPointF(plot.column_of(step), value)).toPoint()


def test_a_point_is_dragged(qtbot, view, sampler, curve):
    area, left = curve.viewport(), Qt.MouseButton.LeftButton
    QTest.mousePress(area, left, pos=pixel(curve, 4, 1.0))
    QTest.mouseMove(area, pixel(curve, 6, 0.998))
    QTest.mouseRelease(area, left, pos=pixel(curve, 6, 0.998))
    wanted = np.interp(np.arange(10), [0, 6, 9], [1.0, 0.998, 1.0])
    assert values(sampler) == pytest.approx(wanted, abs=1e-4)
    assert curve.picture.values == pytest.approx(wanted, abs=1e-4)
    assert curve.picture.selected == 1
    QTest.mouseMove(area, pixel(curve, 2, 1.002))  # let go
    assert values(sampler) == pytest.approx(wanted, abs=1e-4)


def test_a_double_click_adds_a_point(qtbot, view, lab, sampler, curve):
    area = curve.viewport()
    QTest.mouseDClick(area, Qt.MouseButton.LeftButton, pos=pixel(curve, 7, 1.002))
    assert lab.curve.points[2] == Point(place(7, 10), 1.002)
    assert values(sampler)[7] == 1.002
    QTest.mouseDClick(area, Qt.MouseButton.LeftButton, pos=pixel(curve, 7, 1.002))
    assert len(lab.curve.points) == 4  # there is one already


def test_points_by_keyboard(qtbot, view, lab, sampler, curve):
    curve.setFocus()
    press(view, Key.Key_Home)
    press(view, Key.Key_PageDown)
    assert curve.picture.selected == 1
    press(view, Key.Key_Right)
    press(view, Key.Key_Up)
    assert lab.curve.points[1] == Point(place(5, 10), 1.001)
    press(view, Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert lab.curve.points[1] == Point(place(5, 10), 0.991)
    assert values(sampler)[5] == 0.991
    assert view.curve.caption.text.startswith("step 6: threshold 0.9910")
    press(view, Key.Key_Insert)
    assert [round(point.at * 9) for point in lab.curve.points] == [0, 5, 7, 9]
    assert curve.picture.selected == 2
    press(view, Key.Key_Delete)
    assert [round(point.at * 9) for point in lab.curve.points] == [0, 5, 9]
    press(view, Key.Key_End)
    press(view, Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert round(lab.curve.points[2].at * 9) == 6  # not beyond its neighbour


def test_the_last_point_stays(qtbot, view, lab, curve):
    for _ in range(5):
        press(view, Key.Key_Delete)
    assert len(lab.curve.points) == 1
    assert not view.curve.remove.isEnabled()
    press(view, Key.Key_Insert)
    assert len(lab.curve.points) == 2


def test_buttons_do_what_the_keys_do(qtbot, view, lab, curve):
    press(view, Key.Key_Home)
    view.curve.add.click()
    assert len(lab.curve.points) == 4
    view.curve.remove.click()
    assert len(lab.curve.points) == 3
    view.curve.smooth.click()
    assert lab.curve.is_smooth


def test_presets_are_chosen_from_a_list(qtbot, view, sampler, lab):
    go_to(qtbot, view, CURVE)
    assert not view.curve.used.isChecked()
    index = view.curve.preset.findText("First half only")
    view.curve.preset.setCurrentIndex(index)
    view.curve.preset.activated.emit(index)
    assert values(sampler) == [0.997] * 5 + [1.0] * 5
    assert view.curve.used.isChecked()
    view.curve.value.setValue(0.9)
    assert values(sampler) == [0.9] * 5 + [1.0] * 5
    view.curve.used.click()
    assert sampler.request.overrides == ()
    assert not view.curve.curve.picture.is_used


def test_the_line_has_as_many_steps_as_the_next_run(qtbot, view, sampler, curve):
    sampler.set(steps=17)
    draw(qtbot, view)
    assert len(curve.picture.values) == 17
    assert curve.columns == 17
    assert view.curve.rates.columns == 17
    sampler.set(steps=1000)
    draw(qtbot, view)
    assert curve.merged > 1
    assert curve.view_box.viewRange()[0][1] >= curve.columns - 1e-6


def test_both_plots_share_the_time_axis(qtbot, view, curve):
    rates = view.curve.rates
    assert rates.view_box.viewRange()[0] == curve.view_box.viewRange()[0]
    assert rates.view_box.sceneBoundingRect().left() == curve.view_box.sceneBoundingRect().left()
    assert rates.view_box.width() == curve.view_box.width()


def do_run(run, seed, steps=10, done=None):
    fake = FakeRun(run, FakeRecorder(INFOS, num_steps=steps, seed=seed))
    fake.request = replace(fake.request, steps=steps)
    fake.start().step(steps if done is None else done)
    if done is None:
        fake.finish()
    return fake.recorder.rates().mean(axis=0)


def test_the_rates_of_the_last_two_runs_are_below(qtbot, run, view, curve):
    first = do_run(run, 1)
    draw(qtbot, view)
    (line,) = view.curve.rates.item.lines
    assert line.values == pytest.approx(first)
    second = do_run(run, 2)
    draw(qtbot, view)
    before, last = view.curve.rates.item.lines
    assert before.is_dashed
    assert before.values == pytest.approx(first)
    assert not last.is_dashed
    assert last.values == pytest.approx(second)
    low, high = view.curve.rates.view_box.viewRange()[1]
    assert low < min(first.min(), second.min()) < max(first.max(), second.max()) < high
    view.curve.shown.button(CHANGE).click()
    (change,) = view.curve.rates.item.lines
    assert change.values == pytest.approx(100 * (second / first - 1), rel=1e-4)


def test_runs_of_different_lengths_are_said_to_be(qtbot, run, view, curve):
    do_run(run, 1, steps=4)
    do_run(run, 2)
    draw(qtbot, view)
    assert "4 steps, drawn over the same width" in view.curve.caption.text
    view.curve.shown.button(CHANGE).click()
    draw(qtbot, view)
    assert view.curve.rates.item.lines == ()
    assert "same number of steps" in view.curve.caption.text


def test_a_run_in_progress_grows(qtbot, run, view, curve):
    do_run(run, 1, done=3)
    draw(qtbot, view)
    (line,) = view.curve.rates.item.lines
    assert np.isfinite(line.values).tolist() == [True] * 3 + [False] * 7


# time steps -------------------------------------------------------------------------------------


def of(sampler, architecture, **changes):
    locked = changes.pop("tsm_locked", False)
    info = model_info(entry(architecture).path, card(architecture, **changes), layers=INFOS)
    sampler.set_model(replace(info, tsm_locked=locked))


def test_gain_by_time_steps(qtbot, view, sampler):
    go_to(qtbot, view, STEPS)
    chart = view.steps.chart
    assert len(chart.gains) == 16
    assert chart.gains[3] == 1.0
    assert chart.gains[7] == pytest.approx(4.161 / 2.952, abs=1e-3)
    assert chart.gains[15] == pytest.approx(4.859 / 2.952, abs=1e-3)
    assert chart.text(4) == "T = 4: as trained"
    sampler.set(snn_steps=8)
    draw(qtbot, view)
    assert "1.41 times as strong (sum 4.161 instead of 2.952)" in view.steps.words.text()
    assert chart.accessibleDescription() == "T = 8: 1.41 times the trained strength"
    assert not view.footer.isVisible()  # of thresholds


def test_time_steps_by_keyboard_and_mouse(qtbot, view, sampler):
    go_to(qtbot, view, STEPS)
    chart = view.steps.chart
    chart.setFocus()
    QTest.keyClick(chart, Key.Key_Right)
    assert view.steps.pointed.text == "T = 5: 1.14 times the trained strength"
    assert sampler.request.snn_steps == 4
    QTest.keyClick(chart, Key.Key_Return)
    assert sampler.request.snn_steps == 5
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=chart.rect().center())
    assert sampler.request.snn_steps in (8, 9)
    view.steps.row.reset.click()
    assert sampler.request.snn_steps == 4


def test_a_model_with_temporal_scales_is_locked(qtbot, view, sampler):
    of(sampler, "sddpm", tsm_locked=True)
    go_to(qtbot, view, STEPS)
    assert not view.steps.row.box.isEnabled()
    assert "one scale for each of its time steps" in view.steps.row.note.text()
    chart = view.steps.chart
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=chart.rect().center())
    assert sampler.request.snn_steps == 4


def test_a_model_that_averages_has_no_such_chart(qtbot, view, sampler):
    of(sampler, "sdit")
    go_to(qtbot, view, STEPS)
    assert not view.steps.chart.isVisible()
    assert "averages the spikes" in view.steps.words.text()


def test_a_token_model_has_it_in_its_decoder(qtbot, view, sampler):
    of(sampler, "spiking-diffusion")
    go_to(qtbot, view, STEPS)
    sampler.set(snn_steps=8)
    draw(qtbot, view)
    assert view.steps.chart.isVisible()
    assert "image decoder adds them up" in view.steps.words.text()
    assert "decoded image before its tanh therefore comes out 1.41" in view.steps.words.text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescaling(SamplingRequest):
    """A request that knows of the scale of the read-out."""

    rescale_readout: bool = False


def test_the_read_out_can_be_rescaled_where_a_request_has_it(qtbot, view, sampler):
    sampler.request = Rescaling(snn_steps=8)
    go_to(qtbot, view, STEPS)
    assert view.steps.rescale.isVisible()
    view.steps.rescale.click()
    assert sampler.request.rescale_readout is True
    assert "divided out again" in view.steps.words.text()
    of(sampler, "sdit")
    go_to(qtbot, view, STEPS)
    assert not view.steps.rescale.isVisible()
