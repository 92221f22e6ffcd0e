from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from spikestudio.app import theme
from spikestudio.app.plots.traces_item import Scale, spans_beyond, staircase
from spikestudio.app.plots.watch_pens import watch_color
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.timeline import TimelineModel
from spikestudio.app.views.membrane import MembraneView
from spikestudio.neurons.overrides import Override
from tests.gui.fakes import FakePotentials, FakeRecorder, FakeRun, draw, layer, shown


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


def written_names(view):
    names, _ = view.plot.row_axis.placed()
    return [name.text for name in names]


def written_figures(view):
    _, figures = view.plot.row_axis.placed()
    return [label.text for label, _ in figures]


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
    assert written_names(view) == ["neuron 40", "neuron 50"]
    assert f"↓{written}" in written_figures(view)
    view.resize(700, 220)  # lanes without room for one more line
    draw(qtbot, view)
    assert written_names(view) == [f"neuron 40 ↓{written}", "neuron 50"]
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


# sixteen neurons ----------------------------------------------------------------------------


@pytest.mark.parametrize("is_overlaid", [False, True])
@pytest.mark.parametrize("height", [220, 250, 700])
def test_sixteen_names_are_written_and_none_overlaps(qtbot, run, view, height, is_overlaid):
    fake = FakeRun(run).start()
    run.select(neurons=tuple(range(100, 117)))
    fake.step(2)
    if is_overlaid:
        view.tools.overlay.click()
    view.resize(480, height)
    draw(qtbot, view)
    view.plot.grab()
    names, figures = view.plot.row_axis.placed()
    boxes = [name.box for name in names] + [box for _, box in figures]
    if height > 220:
        assert sorted(name.index for name in names) == list(range(16))
    assert not any(one.intersects(other) for one, other in combinations(boxes, 2))
    assert len(view.traces.traces) == 16


def test_second_eight_repeat_the_colours_with_dashes(qtbot, run, view):
    fake = FakeRun(run).start()
    run.select(neurons=tuple(range(100, 116)))
    fake.step(2)
    draw(qtbot, view)
    pens = [view.traces._pens["trace", index] for index in range(16)]
    for first, second in zip(pens[:8], pens[8:], strict=True):
        assert first.color() == second.color()
        assert first.style() == Qt.PenStyle.SolidLine
        assert second.style() != Qt.PenStyle.SolidLine
    assert watch_color(9) == theme.tokens().watch[1]


def test_overlaid_traces_share_one_lane_over_the_whole_height(qtbot, run, view):
    fake = FakeRun(run).start()
    run.select(neurons=(5, 77))
    fake.step(2)
    view.tools.overlay.click()
    draw(qtbot, view)
    for index, neuron in enumerate((5, 77)):
        h = run.recorder.potentials("head.neuron", 0).h[:, neuron]
        x, y = view.traces.traces[index]
        heights = y[np.flatnonzero(x == 0.5)[0]]
        assert heights == pytest.approx(2 * float(view._scale.height(float(h[0]), 0)))
    at = view.traces.traces[1]
    where = int(np.flatnonzero(at[0] == 0.5)[0])
    assert view.plot.index_at(QPointF(0.25, float(at[1][where]))) == 1
    assert not view.tools.input.isEnabled()


# input --------------------------------------------------------------------------------------


def test_input_is_drawn_in_tall_lanes_with_one_scale_at_the_right_edge(qtbot, run, view):
    fake = FakeRun(run).start()
    run.select(neurons=(5, 77))
    fake.step(3)
    draw(qtbot, view)
    assert view.tools.input.isChecked()
    current = np.stack([run.recorder.potentials("head.neuron", s).current for s in range(3)])
    scale = view.plot._input_scale
    assert scale.low <= current[:, :, [5, 77]].min()
    assert scale.high >= current[:, :, [5, 77]].max()
    for lane, neuron in enumerate((5, 77)):
        x, y = view.inputs.bars[lane]
        tops = y[np.isfinite(y)].reshape(-1, 4)[:, 1]
        assert np.allclose(tops, scale.height(current[:, :, neuron].ravel(), lane))
        assert x[np.isfinite(y)].reshape(-1, 4).mean(axis=1).tolist() == [
            c + 0.5 for c in range(12)
        ]
    assert view.inputs.zeros == [float(scale.height(0.0, lane)) for lane in (0, 1)]
    texts = [text for text, _ in view.plot.edge_texts()]
    assert texts.count("0") == 2
    view.resize(480, 220)  # low lanes: none unless asked for
    draw(qtbot, view)
    assert not view.inputs.bars
    assert view.plot.edge_scale is None
    view.tools.input.click()
    draw(qtbot, view)
    assert len(view.inputs.bars) == 2
    assert [text for text, _ in view.plot.edge_texts()].count("0") == 2
    run.select(neurons=tuple(range(16)))  # no lane has room for figures
    draw(qtbot, view)
    ((text, _),) = view.plot.edge_texts()
    assert text.startswith("input ")


def test_input_leaves_the_time_axis_where_it_is(qtbot, run, view):
    FakeRun(run).start().step(3)
    draw(qtbot, view)
    before = view.plot.view_box.sceneBoundingRect()
    view.tools.input.click()
    draw(qtbot, view)
    assert view.plot.view_box.sceneBoundingRect() == before


# constants in force -------------------------------------------------------------------------


class SoftRecorder(FakeRecorder):
    """Subtracts the threshold after a spike."""

    def advance(self, threshold=1.0):
        step = self.steps_done
        super().advance(threshold)
        key = (self.selected, step)
        old = self._potentials[key]
        h, v = np.empty_like(old.h), np.empty_like(old.v)
        after = np.zeros_like(h[0])
        for t, x in enumerate(old.current):
            h[t] = after + x
            after = v[t] = np.where(h[t] >= threshold, h[t] - np.float32(threshold), h[t])
        self._spikes[key] = (h >= threshold).astype(np.uint8)
        self._potentials[key] = FakePotentials(h, v, old.current, threshold)


def with_overrides(fake, *overrides):
    fake.request = replace(fake.request, overrides=overrides)
    return fake


def firing(recorder, number, layer_id="head.neuron", step=0):
    counts = recorder.spikes(layer_id, step).sum(axis=0)
    return tuple(int(n) for n in np.flatnonzero((counts > 0) & (counts < 4))[:number])


def test_soft_reset_has_no_reset_line_and_falls_by_the_threshold(qtbot, run, view):
    soft = Override(layer="head.*", kind="soft-reset")
    fake = with_overrides(FakeRun(run, SoftRecorder()), soft).start().step(2)
    neuron = firing(run.recorder, 1)
    run.select(neurons=neuron)
    draw(qtbot, view)
    assert np.isnan(view.traces.resets[1]).all()
    potentials = fake.recorder.potentials("head.neuron", 0)
    t = int(np.argmax(potentials.h[:, neuron[0]] >= 1))
    h, v = potentials.h[t, neuron[0]], potentials.v[t, neuron[0]]
    assert v == pytest.approx(h - 1)
    assert "soft reset" in view.layer_label.text
    qtbot.mouseMove(view.plot.viewport(), lane_point(view, 0, t + 0.5))
    assert view.card.text.endswith(f"v = h − θ = {v:.3f} (soft reset)")


def test_threshold_and_reset_lines_follow_the_overrides_of_the_layer(qtbot, run, view):
    with_overrides(
        FakeRun(run),
        Override(layer="head.neuron", kind="threshold", value=0.5, steps=(2, 3)),
        Override(layer="head.neuron", kind="hard-reset", value=-0.25, steps=(4, 9)),
        Override(layer="middleblocks.*", kind="threshold", value=9.0),
    ).start().step(1)
    run.select(neurons=(5,))
    choose_whole_run(view)
    draw(qtbot, view)
    x, y = view.traces.thresholds
    assert x[:6].tolist() == [0, 8, 8, 16, 16, 40]
    wanted = [1, 1, 0.5, 0.5, 1, 1]
    assert np.allclose(y[:6], [view._scale.height(each, 0) for each in wanted])
    x, y = view.traces.resets
    assert x[:4].tolist() == [0, 16, 16, 40]
    assert np.allclose(y[:4], [view._scale.height(each, 0) for each in (0, 0, -0.25, -0.25)])


# what if ------------------------------------------------------------------------------------


def open_what_if(qtbot, view):
    view.tools.what_if.click()
    draw(qtbot, view)


def test_ghost_without_a_change_is_the_trace_bit_for_bit(qtbot, run, view):
    fake = FakeRun(run).start().step(2)
    fake.set_threshold(0.8)
    fake.step(3)
    run.select(neurons=firing(run.recorder, 3))
    open_what_if(qtbot, view)
    data, ghost = view._data, view.ghost
    for mine, recorded in ((ghost.h, data.h), (ghost.v, data.v), (ghost.spikes, data.spikes)):
        assert np.array_equal(mine, recorded, equal_nan=mine.dtype != bool)
    for (gx, gy), (x, y) in zip(view.traces.ghosts, view.traces.traces, strict=True):
        assert np.array_equal(gx, x)
        assert np.array_equal(gy, y, equal_nan=True)
    spikes = int(data.spikes.sum())
    assert view.what_if.outcome.text == f"spikes {spikes} → {spikes} (±0) over 5 steps recorded"


def test_another_threshold_draws_a_ghost_and_counts_the_spikes(qtbot, run, view):
    FakeRun(run).start().step(5)
    neurons = firing(run.recorder, 3)
    run.select(neurons=neurons)
    open_what_if(qtbot, view)
    assert view.what_if.threshold.value() == 1.0
    view.what_if.threshold.setValue(0.5)
    draw(qtbot, view)
    after = before = 0
    for step in range(5):
        currents = run.recorder.potentials("head.neuron", step).current[:, list(neurons)]
        before += int(run.recorder.spikes("head.neuron", step)[:, list(neurons)].sum())
        v = np.zeros(3, np.float32)
        for x in currents:
            h = v + x
            after += int((h >= 0.5).sum())
            v = np.where(h >= 0.5, 0, h)
    assert after > before
    change = f"spikes {before} → {after} (+{after - before}) over 5 steps recorded"
    assert view.what_if.outcome.text == change
    assert "The rest of the network stays as it was" in view.what_if.outcome.toolTip()
    assert not np.array_equal(view.traces.ghosts[0][1], view.traces.traces[0][1], equal_nan=True)
    qtbot.mouseClick(view.what_if.back, Qt.MouseButton.LeftButton)
    draw(qtbot, view)
    assert view.what_if.threshold.value() == 1.0
    assert "(±0)" in view.what_if.outcome.text
    view.tools.what_if.click()
    draw(qtbot, view)
    assert view.traces.ghosts == []


def test_tau_is_offered_for_leaky_neurons_only(qtbot, run, view):
    FakeRun(run).start().step(2)
    open_what_if(qtbot, view)
    assert not view.what_if.tau.isVisible()
    lif = replace(layer("head.lif", 3, 4, 4), neuron="LIF", tau=2.0)
    FakeRun(run, FakeRecorder((lif,))).start().step(2)
    draw(qtbot, view)
    assert view.what_if.tau.isVisible()
    assert view.what_if.tau.value() == 2.0


def test_what_if_fits_into_a_low_dock(qtbot, run, view):
    FakeRun(run).start().step(2)
    view.resize(480, 220)
    open_what_if(qtbot, view)
    assert view.minimumSizeHint().height() <= 220
    row, plot = view.what_if.geometry(), view.plot.geometry()
    assert row.bottom() < plot.top()
    assert view.what_if.outcome.geometry().left() > view.what_if.back.geometry().right()


# hovering and going there -------------------------------------------------------------------


def test_pointing_at_a_lane_is_told_to_all_and_heard_from_others(qtbot, run, view):
    fake = FakeRun(run).start()
    run.select(neurons=(40, 50))
    fake.step(2)
    draw(qtbot, view)
    qtbot.mouseMove(view.plot.viewport(), lane_point(view, 1, 3.5))
    assert run.hovered == 50
    assert view.plot.row_axis.hovered == 1
    view.plot.hovered.emit(None)
    assert run.hovered is None
    run.hover(40)
    assert view.plot.row_axis.hovered == 0
    assert view.card.text.startswith("40: ")
    run.hover(99)
    assert view.plot.row_axis.hovered is None
    assert view.card.text.startswith("40: ")


def test_click_goes_to_a_moment_of_a_run_that_is_not_followed(qtbot, run):
    timeline = TimelineModel(run)
    view = shown(qtbot, MembraneView(run, timeline))
    fake = FakeRun(run).start()
    run.select(neurons=(40, 50))
    fake.step(4)
    draw(qtbot, view)
    asked = []
    view.seekRequested.connect(lambda *where: asked.append(where))
    at = lane_point(view, 1, 6.5)
    qtbot.mouseClick(view.plot.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert asked == []  # it goes on, and is followed
    timeline.seek(0, 0)
    qtbot.wait(600)  # no double click
    qtbot.mouseClick(view.plot.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: asked == [(1, 2)])
    assert run.selection.neurons == (40, 50)
    timeline.stop()


def test_equation_is_of_the_cursor_where_nothing_is_pointed_at(qtbot, run):
    timeline = TimelineModel(run)
    view = shown(qtbot, MembraneView(run, timeline))
    fake = FakeRun(run).start().step(4)
    run.select(neurons=(40, 50))
    timeline.seek(1, 2)
    draw(qtbot, view)
    potentials = fake.recorder.potentials("head.neuron", 1)
    assert f"= {potentials.h[2, 40]:.3f}".replace("-", "\N{MINUS SIGN}") in view.card.text
    assert "step 2, SNN step 3" in view.card.accessibleName()
    timeline.stop()


# statistics ---------------------------------------------------------------------------------


def test_statistics_tell_the_rates_of_the_layer(qtbot, run, view):
    FakeRun(run).start().step(5)
    view.tools.statistics.click()
    draw(qtbot, view)
    counts = [run.recorder.spikes("head.neuron", step).sum(axis=0) for step in range(5)]
    shown_counts = view.statistics.plot.histogram.counts
    assert shown_counts.tolist() == np.bincount(counts[4], minlength=5).tolist()
    silent = 100 * float((counts[4] == 0).mean())
    assert f"silent {silent:.1f} %" in view.statistics.summary.text
    assert "of 144 neurons" in view.statistics.summary.text
    view.statistics.span.setCurrentIndex(1)
    view.statistics.span.activated.emit(1)
    draw(qtbot, view)
    total = np.sum(counts, axis=0)
    histogram = view.statistics.plot.histogram
    assert histogram.counts[0] == (total == 0).sum()
    assert histogram.counts[-1] == (total == 20).sum()
    assert histogram.neurons == 144
    assert "5 steps recorded" in view.statistics.summary.text
    assert "this run has 4" in view.statistics.intervals.text


def test_intervals_are_offered_from_eight_snn_steps_on(qtbot, run, view):
    FakeRun(run, FakeRecorder(snn_steps=8)).start().step(2)
    view.tools.statistics.click()
    draw(qtbot, view)
    assert view.statistics.intervals.text.startswith("interval between spikes in SNN steps")


@pytest.mark.parametrize("height", [220, 520])
def test_statistics_take_the_place_of_the_plot_in_a_low_dock(qtbot, run, view, height):
    FakeRun(run).start().step(2)
    view.resize(480, height)
    view.tools.statistics.click()
    draw(qtbot, view)
    assert view.height() == height
    assert view.plot.isVisible() == (height > 300)
    assert view.statistics.plot.height() >= 50


def test_help_has_at_most_ten_lines():
    assert len(MembraneView.help_text.splitlines()) <= 10


def test_nothing_watched_draws_nothing(qtbot, run, view):
    fake = FakeRun(run).start().step(2)
    run.select(layer="downblocks.0.neuron1", neurons=())
    fake.recorder.missing.update({("downblocks.0.neuron1", step) for step in range(10)})
    view.tools.what_if.click()
    view.resize(700, 600)
    view.tools.statistics.click()
    draw(qtbot, view)
    fake.step(1)
    fake.recorder._spikes.clear()
    view._data = None
    run.select(neurons=(0,))
    draw(qtbot, view)
    assert view.what_if.outcome.text == "no potentials recorded to replay"
    assert view.card.text == "no potentials recorded at this step"
    assert "not recorded" in view.statistics.summary.text


def test_a_dock_of_480_pixels_is_wide_enough_at_every_text_size(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    try:
        for scale in theme.TEXT_SCALES:
            theme.manager.set_scale(scale)
            draw(qtbot, view)
            assert view.minimumSizeHint().width() <= 480
    finally:
        theme.manager.set_scale(1.0)


def test_another_layer_starts_from_its_own_constants(qtbot, run, view):
    fake = FakeRun(run).start().step(2)
    open_what_if(qtbot, view)
    view.what_if.threshold.setValue(0.5)
    draw(qtbot, view)
    fake.recorder.select("downblocks.0.neuron1")
    fake.step(1)
    run.select(layer="downblocks.0.neuron1")
    draw(qtbot, view)
    assert view.what_if.threshold.value() == 1.0
    assert "(±0) over 1 step recorded" in view.what_if.outcome.text
