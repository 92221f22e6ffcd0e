import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from spikestudio.app import theme
from spikestudio.app.plots.traces_item import Scale, spans_beyond, staircase
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.membrane import MembraneView
from tests.gui.fakes import FakeRecorder, FakeRun, draw, shown


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def view(qtbot, run):
    return shown(qtbot, MembraneView(run))


def choose_whole_run(view):
    view.window_choice.setCurrentIndex(1)
    view.window_choice.activated.emit(1)


def lane_point(view, lane, column, height=0.5):
    scene = view.plot.view_box.mapViewToScene(QPointF(column, lane + height))
    return view.plot.mapFromScene(scene)


def test_curves_hold_the_recorded_potentials(qtbot, run, view):
    FakeRun(run).start()
    run.select(neurons=(5, 77))
    choose_whole_run(view)
    fake = FakeRun(run, run.recorder)
    fake.step(4)
    draw(qtbot, view)
    for lane, neuron in enumerate((5, 77)):
        potentials = [run.recorder.potentials("head.neuron", step) for step in range(4)]
        h = np.full((10, 4), np.nan)
        v = h.copy()
        h[:4] = [each.h[:, neuron] for each in potentials]
        v[:4] = [each.v[:, neuron] for each in potentials]
        x, y = staircase(h, v, 0.0)
        shown_x, shown_y = view.traces.traces[lane]
        assert np.array_equal(shown_x, x)
        assert np.array_equal(shown_y, view._scale.height(y, lane), equal_nan=True)
    assert len(view.traces.traces) == 2


def test_spike_ticks_are_the_recorded_spikes(qtbot, run, view):
    fake = FakeRun(run).start()
    run.select(neurons=(3, 12, 140))
    fake.step(6)
    draw(qtbot, view)
    x, y = view.traces.spikes
    for lane, neuron in enumerate((3, 12, 140)):
        spikes = np.concatenate([run.recorder.spikes("head.neuron", step) for step in range(6)])
        in_lane = (y >= lane) & (y < lane + 1)
        assert np.array_equal(x[in_lane][::2] - 0.5, np.flatnonzero(spikes[:, neuron]))


def test_line_rises_to_h_falls_to_v_and_breaks_at_each_denoising_step():
    h = np.array([[0.5, 1.2], [0.3, 0.4]])
    v = np.array([[0.5, 0.0], [0.3, 0.4]])
    x, y = staircase(h, v, 0.0, first_step=3)
    assert x.tolist() == [
        6,
        6,
        6.5,
        6.5,
        7,
        7,
        7.5,
        7.5,
        8,
        8,
        8,
        8,
        8.5,
        8.5,
        9,
        9,
        9.5,
        9.5,
        10,
        10,
    ]
    first = [0, 0.5, 0.5, 0.5, 0.5, 1.2, 1.2, 0, 0]
    second = [0, 0.3, 0.3, 0.3, 0.3, 0.4, 0.4, 0.4, 0.4]
    assert np.allclose(y, [*first, np.nan, *second, np.nan], equal_nan=True)


def test_scale_grows_in_steps_as_far_as_two_thresholds_and_never_shrinks():
    scale = Scale.start(1.0)
    assert scale.containing(np.array([0.0, 1.2]), 1.0) == scale
    grown = scale.containing(np.array([-0.4, 1.7, np.nan]), 1.0)
    assert (grown.low, grown.high) == (-0.5, 2.0)
    assert grown.containing(np.array([0.1]), 1.0) == grown
    assert grown.containing(np.array([np.nan]), 1.0) == grown
    furthest = scale.containing(np.array([-90.0, 400.0]), 1.0)
    assert (furthest.low, furthest.high) == (-1.0, 2.0)
    assert scale.reaching(np.array([1.0, 3.0])).high == 3.75


def test_what_is_beyond_the_scale_stays_at_its_edge_and_is_marked():
    scale = Scale(-1.0, 2.0)
    line = (np.arange(7.0), np.array([0.0, -3.0, -9.0, np.nan, 5.0, 0.5, -2.0]))
    assert spans_beyond(line, scale) == [(1.5, False), (4.0, True), (6.0, False)]
    assert scale.height(-9.0, 0) == scale.height(-1.0, 0)
    assert scale.height(5.0, 0) == scale.height(2.0, 0)
    assert scale.beyond(line[1]) == (-9.0, 5.0)
    assert scale.beyond(np.array([0.0, np.nan])) == (None, None)


class SinkingRecorder(FakeRecorder):
    """One neuron is inhibited all the time."""

    def advance(self, threshold=1.0):
        self._drive[self.layers[0].id][40] = -3.0
        super().advance(threshold)


def test_a_sinking_neuron_leaves_the_threshold_in_sight_and_its_depth_is_written(qtbot, run, view):
    fake = FakeRun(run, SinkingRecorder()).start()
    run.select(neurons=(40, 50))
    fake.step(2)
    draw(qtbot, view)
    lowest = min(
        float(run.recorder.potentials("head.neuron", step).h[:, 40].min()) for step in (0, 1)
    )
    assert lowest < -9
    assert view._scale.low == -1.0
    assert [lane for lane, _, is_above in view.traces.cut if not is_above] == [0, 0]
    written = f"{lowest:#.3g}".replace("-", "\N{MINUS SIGN}")
    labels = view.plot.row_axis._labels
    assert [label.text for label in labels[:3]] == ["neuron 40", f"↓{written}", "neuron 50"]
    view.resize(700, 220)  # lanes without room for one more line
    draw(qtbot, view)
    labels = view.plot.row_axis._labels
    assert [label.text for label in labels[:2]] == [f"neuron 40 ↓{written}", "neuron 50"]
    assert f"neuron 40 goes down to {written}" in view.plot.accessibleDescription()


def test_spike_touches_the_threshold_on_screen():
    scale = Scale(-0.25, 1.5)
    assert scale.height(1.0, 2) < scale.height(0.99, 2)
    assert 2 < scale.height(1.5, 2) < scale.height(-0.25, 2) < 3


def test_neurons_that_fire_but_are_not_saturated_are_watched_by_default(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    spikes = run.recorder.spikes("head.neuron", 0)
    counts = spikes.sum(axis=0)
    assert ((counts > 0) & (counts < len(spikes))).sum() >= 3
    assert len(run.selection.neurons) == 3
    watched = counts[list(run.selection.neurons)]
    assert ((watched > 0) & (watched < len(spikes))).all()


def test_threshold_line_jumps_where_it_was_changed(qtbot, run, view):
    fake = FakeRun(run).start().step(3)
    fake.set_threshold(0.8)
    fake.step(2)
    choose_whole_run(view)
    draw(qtbot, view)
    x, y = view.traces.thresholds
    assert x[:4].tolist() == [0, 12, 12, 40]
    expected = [1.0, 1.0, 0.8, 0.8]
    assert np.allclose(y[:4], [view._scale.height(value, 0) for value in expected])


def test_only_recorded_steps_are_drawn_and_the_others_hatched(qtbot, run, view):
    fake = FakeRun(run).start().step(2)
    run.select(layer="downblocks.0.neuron1", neurons=(4,))
    fake.step(1)
    draw(qtbot, view)
    assert np.isnan(view.traces.traces[0][1]).all()
    assert view.hatch.spans == ((0.0, 12.0),)
    qtbot.mouseClick(view.notice.button, Qt.MouseButton.LeftButton)
    fake.step(1)
    draw(qtbot, view)
    x, y = view.traces.traces[0]
    assert np.isnan(y[x < 12]).all()
    assert np.isfinite(y[(x > 12) & (x < 16)]).any()
    assert view.notice.isHidden()


def test_missing_potentials_of_a_finished_run_are_not_recorded_but_recomputed(qtbot, run, view):
    fake = FakeRun(run).start().step(2).finish()
    run.select(layer="downblocks.0.neuron1", neurons=(4,))
    draw(qtbot, view)
    assert view.notice.text == (
        "Potentials were not recorded here: the step that is looked at is recomputed."
    )
    assert view.notice.button.isHidden()
    assert fake.recorder.selected == "head.neuron"


def test_window_of_the_last_steps_or_the_whole_run(qtbot, run, view):
    FakeRun(run, FakeRecorder(num_steps=20)).start().step(15)
    draw(qtbot, view)
    assert view.plot.columns_shown() == (28, 60)
    choose_whole_run(view)
    draw(qtbot, view)
    assert view.plot.columns_shown() == (0, 80)


def test_pointing_at_a_lane_tells_the_numbers(qtbot, run, view):
    fake = FakeRun(run).start()
    run.select(neurons=(40,))
    fake.step(2)
    draw(qtbot, view)
    potentials = run.recorder.potentials("head.neuron", 1)
    qtbot.mouseMove(view.plot.viewport(), lane_point(view, 0, 6.5))
    text = view.caption.text
    assert text.startswith("Neuron 40: channel 1, y 0, x 4; step 2, SNN step 3: before reset ")
    shown_h = float(text.split("before reset ")[1].split(",")[0])
    assert shown_h == pytest.approx(float(potentials.h[2, 40]), rel=5e-3)


def test_ctrl_click_stops_watching(qtbot, run, view):
    fake = FakeRun(run).start()
    run.select(neurons=(40, 50, 60))
    fake.step(2)
    draw(qtbot, view)
    ctrl = Qt.KeyboardModifier.ControlModifier
    at = lane_point(view, 1, 3)
    qtbot.mouseClick(view.plot.viewport(), Qt.MouseButton.LeftButton, ctrl, at)
    assert run.selection.neurons == (40, 60)


def test_neurons_beyond_the_layer_are_left_out(qtbot, run, view):
    fake = FakeRun(run).start()
    run.select(layer="middleblocks.0.neuron2", neurons=(3, 99))
    fake.step(1)
    draw(qtbot, view)
    assert view._data.neurons == (3,)


def test_hidden_view_does_not_draw(qtbot, run):
    view = MembraneView(run)
    qtbot.addWidget(view)
    FakeRun(run).start().step(2)
    assert not view.draw_if_needed()
    assert view._data is None
    view.show()
    assert view._data is not None


def colors_on_screen(view):
    image = view.plot.viewport().grab().toImage()
    across, down = range(0, image.width(), 2), range(image.height())
    return {image.pixelColor(x, y).name() for x in across for y in down}


def test_traces_are_painted_in_the_watch_colours_of_the_theme(qtbot, run, view):
    FakeRun(run).start().step(8)
    draw(qtbot, view)
    try:
        for mode in ("dark", "light"):
            theme.manager.set_mode(mode)
            tokens = theme.tokens()
            expected = {*tokens.watch[:3], tokens.spike, tokens.threshold, tokens.surface}
            assert {color.lower() for color in expected} <= colors_on_screen(view)
    finally:
        theme.manager.set_mode("dark")


def test_lanes_are_reached_by_the_keys(qtbot, run, view):
    fake = FakeRun(run).start()
    run.select(neurons=(40, 50, 60))
    fake.step(2)
    draw(qtbot, view)
    view.plot.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(view.plot.key_cursor.isVisible)
    qtbot.keyClick(view.plot, Qt.Key.Key_Down)
    assert "Neuron 50: " in view.plot.accessibleDescription()
    qtbot.keyClick(view.plot, Qt.Key.Key_Space)
    assert run.selection.neurons == (40, 60)
