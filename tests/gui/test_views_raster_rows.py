"""Filter, all layers, the marked band, hover and seek of the raster dock."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from spikestudio.app.jobs import Jobs
from spikestudio.app.plots.palettes import FIRST_WATCHED, SPIKE
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.raster import RasterView
from tests.gui.fakes import SMALL_LAYERS, FakeRecorder, FakeRun, draw, layer, shown
from tests.gui.test_views_raster import choose_rule, recorded, row_point

LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
IDS = tuple(info.id for info in SMALL_LAYERS)


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def view(qtbot, run):
    return shown(qtbot, RasterView(run))


@pytest.fixture
def fake(run):
    recorder = FakeRecorder()
    recorder.recorded = IDS
    return FakeRun(run, recorder).start().step(4)


def write(qtbot, view, text):
    view.controls.funnel.setChecked(True)
    view.controls.filter.edit.setText(text)
    qtbot.keyClick(view.controls.filter.edit, Qt.Key.Key_Return)
    draw(qtbot, view)


def show_all(qtbot, view):
    view.controls.scope.setCurrentIndex(1)
    draw(qtbot, view)


def drag(view, first, last, modifier=SHIFT, column=5.5):
    viewport = view.plot.viewport()
    start, end = row_point(view, first, column), row_point(view, last, column)
    QTest.mousePress(viewport, LEFT, modifier, start)
    QTest.mouseMove(viewport, end)
    QTest.mouseRelease(viewport, LEFT, modifier, end)


def on_names(view, row):
    at = row_point(view, row, view.plot.view_box.viewRange()[0][0])
    at.setX(at.x() - 20)
    return at


# filter -------------------------------------------------------------------------------------


def test_only_neurons_that_pass_the_filter_are_shown(qtbot, view, run, fake):
    choose_rule(view, "index")
    draw(qtbot, view)
    assert view.controls.filter.isHidden()
    write(qtbot, view, "rate > 0.2 and channel in [0, 2]")
    spikes = recorded(run, "head.neuron", 4)
    channel = np.arange(144) // 36
    passing = np.flatnonzero((spikes.mean(axis=1) > 0.2) & np.isin(channel, (0, 2)))
    assert 0 < passing.size < 144
    assert np.array_equal(view._data.rows, passing)
    assert np.array_equal(view.item.image[:, :16] == SPIKE, spikes[passing] == 1)
    assert view.count_label.text == f"showing {passing.size} of 144 (filter), rule: index"
    told = view.shown()
    assert told.rule == "index, filter: rate > 0.2 and channel in [0, 2] up to step 4"


def test_escape_and_the_clear_button_remove_the_filter(qtbot, view, fake):
    draw(qtbot, view)
    edit = view.controls.filter.edit
    write(qtbot, view, "neuron < 10")
    assert view._rows.size == 10
    edit.clear()  # what the button does
    draw(qtbot, view)
    assert view._rows.size == 144
    write(qtbot, view, "neuron < 10")
    qtbot.keyClick(edit, Qt.Key.Key_Escape)
    draw(qtbot, view)
    assert view._rows.size == 144
    assert view.controls.filter.isHidden()
    assert not edit.text()


def test_a_bad_filter_says_why_and_changes_nothing(qtbot, view, fake):
    draw(qtbot, view)
    write(qtbot, view, "neuron < 10")
    rows = view._data.rows.copy()
    write(qtbot, view, "neuron < 10 and chanel == 1")
    problem = view.controls.filter.problem
    assert problem.isVisible()
    assert problem.text().startswith("In the filter at character 17, 'chanel' is no field")
    assert np.array_equal(view._data.rows, rows)
    assert view.count_label.text.startswith("showing 10 of 144 (filter)")
    write(qtbot, view, "neuron < 20")
    assert not problem.isVisible()
    assert view._rows.size == 20


def test_a_filter_that_nothing_passes_is_told(qtbot, view, fake):
    write(qtbot, view, "neuron > 1000")
    assert view._rows.size == 0
    assert view.count_label.text == "showing 0 of 144: none passes the filter up to step 4"


def test_a_filtered_order_is_frozen_until_re_sort(qtbot, view, run, fake):
    choose_rule(view, "index")
    write(qtbot, view, "rate > 0.25")
    before = view._data.rows.copy()
    fake.step(4)
    draw(qtbot, view)
    assert np.array_equal(view._data.rows, before)
    assert view.resort.isVisible()
    qtbot.mouseClick(view.resort, LEFT)
    draw(qtbot, view)
    now = np.flatnonzero(recorded(run, "head.neuron", 8).mean(axis=1) > 0.25)
    assert not np.array_equal(now, before)
    assert np.array_equal(view._data.rows, now)


# similar spikes -----------------------------------------------------------------------------


def test_similar_spikes_are_sorted_beside_the_window(qtbot, run, fake):
    jobs = Jobs()
    try:
        view = shown(qtbot, RasterView(run, jobs))
        draw(qtbot, view)
        choose_rule(view, "similar spikes")
        draw(qtbot, view)
        assert view.count_label.text == "144 neurons, sorting"
        qtbot.waitUntil(lambda: jobs.deliver() or view.choice.is_made, timeout=20_000)
        draw(qtbot, view)
        spikes = recorded(run, "head.neuron", 4)
        varying = np.flatnonzero(spikes.any(axis=1) & ~spikes.all(axis=1))
        assert np.array_equal(np.sort(view._data.rows), varying)
        assert np.array_equal(view.item.image[:, :16] == SPIKE, spikes[view._data.rows] == 1)
        assert view.count_label.text.endswith(f"rule: similar spikes over {varying.size}")
    finally:
        jobs.close()


def test_an_order_that_comes_too_late_is_dropped(qtbot, run, fake):
    jobs = Jobs()
    try:
        view = shown(qtbot, RasterView(run, jobs))
        draw(qtbot, view)
        choose_rule(view, "similar spikes")
        draw(qtbot, view)
        choose_rule(view, "index")
        draw(qtbot, view)
        qtbot.waitUntil(lambda: jobs.deliver() or not jobs.is_active, timeout=20_000)
        draw(qtbot, view)
        assert np.array_equal(view._data.rows, np.arange(144))
    finally:
        jobs.close()


def test_without_jobs_similar_spikes_are_not_offered(view):
    assert view.rule.findText("similar spikes") < 0


# all layers ---------------------------------------------------------------------------------


def test_rows_of_all_layers_are_grouped_and_named(qtbot, view, run, fake):
    choose_rule(view, "index")
    show_all(qtbot, view)
    assert [part.layer.id for part in view._rows.parts] == list(IDS)
    expected = np.concatenate(
        [recorded(run, part.layer.id, 4)[part.rows] for part in view._rows.parts]
    )
    assert np.array_equal(view.item.image[:, :16] == SPIKE, expected == 1)
    assert view.plot.groups.borders == view._rows.starts[1:]
    names = {label.text for label in view.plot.row_axis._labels}
    assert set(IDS) <= names
    assert f"showing {view._rows.size} of 231 (" in view.count_label.text
    assert "per layer), rule: index" in view.count_label.text


def test_clicking_a_row_of_another_layer_selects_layer_and_neuron(qtbot, view, run, fake):
    show_all(qtbot, view)
    row = view._rows.starts[2] + 3
    neuron = int(view._rows.parts[2].rows[3])
    qtbot.mouseClick(view.plot.viewport(), LEFT, pos=row_point(view, row))
    assert run.selection.layer == "middleblocks.0.neuron2"
    assert run.selection.neurons == (neuron,)
    draw(qtbot, view)
    fired = recorded(run, "middleblocks.0.neuron2", 4)[neuron] == 1
    assert np.array_equal(view.item.image[row, :16] == FIRST_WATCHED, fired)
    assert view.layers.currentText() == "middleblocks.0.neuron2"


def test_a_filter_may_name_the_layer(qtbot, view, fake):
    show_all(qtbot, view)
    write(qtbot, view, f'layer == "{IDS[1]}"')
    assert [part.rows.size for part in view._rows.parts] == [0, 72, 0]
    assert view._rows.at(0)[0].layer.id == IDS[1]


def test_potentials_are_offered_of_one_layer_only(qtbot, view, fake):
    draw(qtbot, view)
    view.mode.button(1).click()
    show_all(qtbot, view)
    assert view.controls.current_mode == "spikes"
    assert not view.mode.button(1).isEnabled()
    assert not view.scale.isVisible()
    view.controls.scope.setCurrentIndex(0)
    assert view.mode.button(1).isEnabled()


def test_steps_that_one_layer_lacks_are_hatched_there_only(qtbot, view, run):
    recorder = FakeRecorder()
    recorder.recorded = IDS
    recorder.missing.add((IDS[1], 1))
    FakeRun(run, recorder).start().step(3)
    show_all(qtbot, view)
    first, end = view._rows.starts[1], view._rows.starts[2]
    assert view.plot.groups.hatched == ((4.0, float(first), 8.0, float(end)),)


def test_many_layers_are_read_in_slices(qtbot, view, run, fake, monkeypatch):
    monkeypatch.setattr("spikestudio.app.views.raster.FRAME_SECONDS", 0.0)
    choose_rule(view, "index")
    view.controls.scope.setCurrentIndex(1)
    assert view._rows.counted < 4
    draw(qtbot, view)
    expected = np.concatenate(
        [recorded(run, part.layer.id, 4)[part.rows] for part in view._rows.parts]
    )
    assert np.array_equal(view.item.image[:, :16] == SPIKE, expected == 1)


def test_what_is_exported_of_all_layers_is_what_is_shown(qtbot, view, fake):
    show_all(qtbot, view)
    told = view.shown()
    assert [info.id for info, _ in told.groups] == list(IDS)
    assert told.total == 231
    assert np.array_equal(told.neurons, np.concatenate(view._rows.rows))


# the band -----------------------------------------------------------------------------------


def test_shift_drag_shows_the_mean_of_these_neurons(qtbot, view, run, fake):
    choose_rule(view, "index")
    draw(qtbot, view)
    left = view.plot.view_box.viewRange()[0][0]
    drag(view, 20, 31)
    draw(qtbot, view)
    assert view.plot.view_box.viewRange()[0][0] == left
    assert view.plot.strip.isVisible()
    assert view.band.text == "mean of 12 neurons"
    expected = recorded(run, "head.neuron", 4)[20:32].mean(axis=0)
    np.testing.assert_allclose(view.plot.curve.rates[:16], expected, rtol=1e-6)
    assert np.isnan(view.plot.curve.rates[16:]).all()
    assert view.plot.strip.viewRange()[0] == view.plot.view_box.viewRange()[0]
    assert run.selection.neurons == ()
    fake.step()
    draw(qtbot, view)
    expected = recorded(run, "head.neuron", 5)[20:32].mean(axis=0)
    np.testing.assert_allclose(view.plot.curve.rates[:20], expected, rtol=1e-6)


def test_the_strip_takes_height_and_the_band_stays_in_sight(qtbot, run):
    recorder = FakeRecorder((layer("big", 32, 28, 28),), num_steps=4)
    view = shown(qtbot, RasterView(run))
    FakeRun(run, recorder).start().step(2)
    choose_rule(view, "highest rate")
    draw(qtbot, view)
    size = view._rows.size
    wanted = view._data.rows[size - 10 : size - 4].copy()
    drag(view, size - 10, size - 5)
    draw(qtbot, view)
    assert view._rows.size <= view.plot.row_pixels() < size
    first, end = view.plot.band.rows
    assert np.array_equal(view._data.rows[first:end], wanted)
    assert view.count_label.text.startswith(f"showing {view._rows.size} of 25,088")


def test_escape_removes_the_band(qtbot, view, fake):
    draw(qtbot, view)
    size = view._rows.size
    drag(view, 3, 9)
    draw(qtbot, view)
    qtbot.keyClick(view.plot, Qt.Key.Key_Escape)
    draw(qtbot, view)
    assert view.band.mean is None
    assert not view.plot.strip.isVisible()
    assert view.plot.band.rows is None
    assert view._rows.size == size


def test_dragging_over_the_names_marks_and_a_click_elsewhere_on_them_removes(
    qtbot, view, run, fake
):
    choose_rule(view, "index")
    draw(qtbot, view)
    viewport = view.plot.viewport()
    QTest.mousePress(viewport, LEFT, pos=on_names(view, 10))
    QTest.mouseMove(viewport, on_names(view, 40))
    QTest.mouseRelease(viewport, LEFT, pos=on_names(view, 40))
    draw(qtbot, view)
    assert view.band.mean.size == 31
    qtbot.mouseClick(viewport, LEFT, pos=on_names(view, 20))  # in the band
    assert run.selection.neurons == (int(view._data.rows[20]),)
    assert view.band.mean is not None
    qtbot.mouseClick(viewport, LEFT, pos=on_names(view, 60))
    draw(qtbot, view)
    assert view.band.mean is None
    assert len(run.selection.neurons) == 1  # that click only removed
    qtbot.mouseClick(viewport, LEFT, pos=on_names(view, 60))
    assert run.selection.neurons == (int(view._data.rows[60]),)


def test_a_band_over_two_layers_is_the_mean_of_both(qtbot, view, run, fake):
    choose_rule(view, "index")
    show_all(qtbot, view)
    border = view._rows.starts[1]
    drag(view, border - 2, border + 1)
    draw(qtbot, view)
    (first, above), (second, below) = view.band.mean.groups
    assert (first, second) == IDS[:2]
    both = [recorded(run, first, 4)[above], recorded(run, second, 4)[below]]
    expected = np.concatenate(both).mean(axis=0)
    assert len(both[0]) == len(both[1]) == 2
    np.testing.assert_allclose(view.plot.curve.rates[:16], expected, rtol=1e-6)


def test_steps_that_were_not_recorded_are_gaps_in_the_mean(qtbot, view, run):
    recorder = FakeRecorder()
    recorder.missing.add(("head.neuron", 1))
    FakeRun(run, recorder).start().step(3)
    draw(qtbot, view)
    drag(view, 3, 9)
    draw(qtbot, view)
    assert np.isnan(view.plot.curve.rates[4:8]).all()
    assert view.plot.gaps.spans == ((4.0, 8.0),)


def test_rows_are_marked_by_the_keys(qtbot, view, fake):
    choose_rule(view, "index")
    draw(qtbot, view)
    view.plot.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(view.plot.key_cursor.isVisible)
    qtbot.keyClick(view.plot, Qt.Key.Key_Down)
    for _ in range(3):
        qtbot.keyClick(view.plot, Qt.Key.Key_Down, SHIFT)
    draw(qtbot, view)
    assert view.band.mean.groups[0][1].tolist() == [1, 2, 3, 4]
    assert "mean of 4 neurons" in view.plot.accessibleDescription()


def test_another_order_removes_the_band(qtbot, view, fake):
    draw(qtbot, view)
    drag(view, 3, 9)
    choose_rule(view, "random")
    draw(qtbot, view)
    assert view.band.mean is None


# hover --------------------------------------------------------------------------------------


def test_pointing_at_a_row_tells_the_other_docks(qtbot, view, run, fake):
    choose_rule(view, "index")
    draw(qtbot, view)
    qtbot.wait(50)  # the layout has come to rest
    draw(qtbot, view)
    told = []
    run.hoverChanged.connect(lambda: told.append(run.hovered))
    picture = view.item.image
    qtbot.mouseMove(view.plot.viewport(), row_point(view, 50, column=9.5))  # wherever it was before
    qtbot.mouseMove(view.plot.viewport(), row_point(view, 47, column=5.5))
    qtbot.waitUntil(lambda: told[-1:] == [47])
    assert view.plot.highlight.row == 47
    view.plot.hovered.emit(None)
    assert told[-2:] == [47, None]
    assert view.plot.highlight.row is None
    assert view.item.image is picture
    assert not view._is_dirty


def test_a_neuron_pointed_at_elsewhere_is_lit_up_without_a_new_picture(qtbot, view, run, fake):
    choose_rule(view, "random")
    draw(qtbot, view)
    qtbot.wait(50)  # the layout has come to rest
    draw(qtbot, view)
    picture = view.item.image
    before = view.plot.viewport().grab().toImage()
    run.hover(99)
    row = int(np.flatnonzero(view._data.rows == 99)[0])
    assert view.plot.highlight.row == row
    assert view.plot.row_axis._labels[0].text == "99"
    assert view.plot.row_axis._labels[0].y == row + 0.5
    assert view.plot.viewport().grab().toImage() != before
    assert view.item.image is picture
    assert not view._is_dirty
    run.hover(None)
    assert view.plot.viewport().grab().toImage() == before


def test_rows_of_other_layers_are_not_announced(qtbot, view, run, fake):
    show_all(qtbot, view)
    start = view._rows.starts[1]
    qtbot.mouseMove(view.plot.viewport(), row_point(view, 1))
    assert run.hovered == int(view._rows.parts[0].rows[1])
    qtbot.mouseMove(view.plot.viewport(), row_point(view, start + 1))
    assert run.hovered is None
    assert IDS[1] in view.caption.text


# seek ---------------------------------------------------------------------------------------


def click_cell(qtbot, view, column, modifier=Qt.KeyboardModifier.NoModifier):
    told = []
    connection = view.seekRequested.connect(lambda *at: told.append(at))
    at = row_point(view, 17, column)
    qtbot.mouseClick(view.plot.viewport(), LEFT, modifier, at)
    view.seekRequested.disconnect(connection)
    return told


def test_a_click_asks_for_its_moment_unless_the_run_is_followed(qtbot, view, run, fake):
    choose_rule(view, "index")
    draw(qtbot, view)
    assert click_cell(qtbot, view, 6.5) == []
    view.plot.mark(3.5)  # the timeline is not live
    assert click_cell(qtbot, view, 6.5) == [(1, 2)]
    assert run.selection.neurons == (17,)
    view.plot.mark(None)
    fake.finish()
    assert click_cell(qtbot, view, 15.5) == [(3, 3)]
    assert click_cell(qtbot, view, 16.5) == []  # not computed
    assert click_cell(qtbot, view, 6.5, Qt.KeyboardModifier.ControlModifier) == []


def test_a_click_on_a_name_asks_for_no_moment(qtbot, view, run, fake):
    choose_rule(view, "index")
    draw(qtbot, view)
    fake.finish()
    told = []
    view.seekRequested.connect(lambda *at: told.append(at))
    qtbot.mouseClick(view.plot.viewport(), LEFT, pos=on_names(view, 17))
    assert run.selection.neurons == (17,)
    assert told == []


def test_the_tip_over_the_strip_tells_the_mean(qtbot, view, run, fake):
    choose_rule(view, "index")
    draw(qtbot, view)
    drag(view, 20, 31)
    draw(qtbot, view)
    mean = recorded(run, "head.neuron", 4)[20:32].mean(axis=0)[6]
    text = view.plot.tip_at(QPointF(6.5, view._rows.size + 5))
    assert text.startswith("mean of 12 neurons: rate ")
    assert float(text.split("rate ")[1].split(";")[0]) == pytest.approx(mean, abs=1e-3)
    assert text.endswith("step 2, SNN step 3")
