import re

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from spikestudio.app import theme
from spikestudio.app.plots.palettes import RATE_RANGE, scalar_indices
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.rates import FITTED, HALF, WHOLE, RatesView, merge_columns, scale_range
from tests.gui.fakes import SMALL_LAYERS, FakeRecorder, FakeRun, draw, shown


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def view(qtbot, run):
    return shown(qtbot, RatesView(run))


def cell_point(view, row, step):
    scene = view.plot.view_box.mapViewToScene(QPointF(step + 0.5, row + 0.5))
    return view.plot.mapFromScene(scene)


def test_image_item_holds_the_recorded_rates(qtbot, run, view):
    FakeRun(run).start().step(4)
    draw(qtbot, view)
    expected = scalar_indices(run.recorder.rates(), *RATE_RANGE)
    assert np.array_equal(view.item.image, expected)
    assert (view.item.image[:, :4] > 0).all()
    assert (view.item.image[:, 4:] == 0).all()


def test_fixed_scale_clips_and_unknown_is_its_own_index():
    rates = np.array([0, 0.25, 0.5, 0.9, np.nan], np.float32)
    assert scalar_indices(rates, 0, 0.5).tolist() == [1, 128, 255, 255, 0]


def test_click_selects_the_layer(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    qtbot.mouseClick(view.plot.viewport(), Qt.MouseButton.LeftButton, pos=cell_point(view, 1, 0))
    assert run.selection.layer == SMALL_LAYERS[1].id


def test_click_on_a_name_selects_the_layer_alone(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    at = cell_point(view, 2, 0)
    at.setX(20)
    with qtbot.assertNotEmitted(view.seekRequested):
        qtbot.mouseClick(view.plot.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert run.selection.layer == SMALL_LAYERS[2].id


def test_click_asks_for_the_step_of_a_cell_that_is_reached(qtbot, run, view):
    FakeRun(run).start().step(3)
    draw(qtbot, view)
    with qtbot.waitSignal(view.seekRequested) as asked:
        at = cell_point(view, 2, 1)
        qtbot.mouseClick(view.plot.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert asked.args == [1, 3]  # the end of that step
    with qtbot.assertNotEmitted(view.seekRequested):
        at = cell_point(view, 0, 7)
        qtbot.mouseClick(view.plot.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert run.selection.layer == SMALL_LAYERS[0].id


def test_the_row_of_the_selected_layer_is_marked(qtbot, run, view):
    FakeRun(run).start().step(2)
    for row in (2, 0):
        run.select(layer=SMALL_LAYERS[row].id)
        draw(qtbot, view)
        assert view.row_mark.row == row
    picture = view.plot.grab().toImage()
    top = cell_point(view, -0.5, 5)
    column = [picture.pixelColor(top.x(), y) for y in range(top.y() - 3, top.y() + 4)]
    assert theme.color("accent") in column


@pytest.mark.parametrize(
    ("highest", "top"), [(0.02, 0.02), (0.021, 0.03), (0.21, 0.25), (0.25, 0.25), (0.97, 1.0)]
)
def test_a_fitted_scale_ends_just_above_the_highest_rate(highest, top):
    rates = np.array([[0.001, highest, np.nan]], np.float32)
    assert scale_range(FITTED, rates) == (0.0, pytest.approx(top))
    assert scale_range(HALF, rates) == RATE_RANGE
    assert scale_range(WHOLE, rates) == (0.0, 1.0)
    assert scale_range(FITTED, rates[:, 2:]) == RATE_RANGE


def test_another_scale_recolours_every_cell_and_is_stated(qtbot, run, view):
    FakeRun(run).start().step(4)
    draw(qtbot, view)
    assert "≥ 0.5" in view.scale.accessibleName()
    for choice, word in ((WHOLE, "rate, 0, 0.5, 1"), (FITTED, "rate, fitted")):
        view.range.setCurrentText(choice)
        view.range.activated.emit(view.range.currentIndex())
        expected = scalar_indices(run.recorder.rates(), *scale_range(choice, view._rates))
        assert np.array_equal(view.item.image, expected)
        assert word in view.scale.accessibleName()


def test_pointing_at_a_cell_tells_layer_step_and_rate(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    qtbot.mouseMove(view.plot.viewport(), cell_point(view, 1, 1))
    text = view.caption.text
    assert text.startswith("downblocks.0.neuron1, step 2: rate ")
    rate, silent, saturated = (float(part) for part in re.findall(r"\d+\.?\d*(?= %|;)", text))
    assert rate == pytest.approx(run.recorder.rates()[1, 1], rel=5e-3)
    spikes = run.recorder.spikes(SMALL_LAYERS[1].id, 1)
    assert silent == pytest.approx(100 * (~spikes.any(axis=0)).mean(), rel=5e-3)
    assert saturated == pytest.approx(100 * spikes.all(axis=0).mean(), rel=5e-3)
    qtbot.mouseMove(view.plot.viewport(), cell_point(view, 1, 7))
    assert view.caption.text == "downblocks.0.neuron1, step 8: not reached yet"


def test_parameter_changes_are_marked(qtbot, run, view):
    fake = FakeRun(run).start().step(3)
    fake.set_threshold(0.9)
    fake.step(1)
    draw(qtbot, view)
    assert view.marks.columns == (3.0,)
    assert view.caption.text.endswith("threshold 0.9 from step 4")


def test_more_steps_than_pixels_are_averaged_and_the_axis_says_so(qtbot, run):
    view = shown(qtbot, RatesView(run), 420, 300)
    FakeRun(run, FakeRecorder(SMALL_LAYERS[2:], num_steps=1000)).start().step(10)
    draw(qtbot, view)
    columns = view.item.image.shape[1]
    assert columns <= view.plot.view_box.width()
    merged = -(-1000 // columns)
    assert f"mean of {merged} per cell" in view.plot.time_axis.text
    assert view.plot.columns_shown()[0] == 0


def test_merged_cells_are_means_of_what_is_known():
    rates = np.array([[0.1, 0.3, 0.5, np.nan, np.nan, np.nan, np.nan]], np.float32)
    merged = merge_columns(rates, 3)
    assert np.allclose(merged, [[0.3, np.nan, np.nan]], equal_nan=True)
    assert np.allclose(merge_columns(rates, 2), [[0.2, 0.5, np.nan, np.nan]], equal_nan=True)


def test_hidden_view_does_not_draw(qtbot, run):
    view = RatesView(run)
    qtbot.addWidget(view)
    FakeRun(run).start().step(1)
    assert not view.draw_if_needed()
    assert view.item.image is None
    view.show()
    assert view.item.image is not None


def test_theme_switch_changes_the_background(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    theme.manager.set_mode("light")
    try:
        assert view.plot.backgroundBrush().color().name() == theme.tokens().surface.lower()
    finally:
        theme.manager.set_mode("dark")


def test_time_axes_align_across_docks(qtbot, run, view):
    from spikestudio.app.views.membrane import MembraneView
    from spikestudio.app.views.raster import RasterView

    others = [shown(qtbot, RasterView(run)), shown(qtbot, MembraneView(run))]
    others[1].window_choice.setCurrentIndex(1)
    FakeRun(run).start().step(2)
    for each in (view, *others):
        draw(qtbot, each)
    edges = set()
    for each, per_step in ((view, 1), (others[0], 4), (others[1], 4)):
        ends = [each.plot.view_box.mapViewToScene(QPointF(x * per_step, 0)).x() for x in (0, 10)]
        edges.add(tuple(round(end) for end in ends))
    assert len(edges) == 1


def test_cells_are_reached_by_the_keys(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    view.plot.clearFocus()
    view.plot.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(view.plot.key_cursor.isVisible)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Right):
        qtbot.keyClick(view.plot, key)
    rate = run.recorder.rates()[1, 1]
    expected = f"{SMALL_LAYERS[1].id}, step 2: rate {rate:.3g}; "
    assert view.plot.accessibleDescription().startswith(expected)
    with qtbot.waitSignal(view.seekRequested) as asked:
        qtbot.keyClick(view.plot, Qt.Key.Key_Return)
    assert asked.args == [1, 3]
    assert run.selection.layer == SMALL_LAYERS[1].id
    qtbot.keyClick(view.plot, Qt.Key.Key_Return)
    assert run.selection.layer == SMALL_LAYERS[1].id
    qtbot.keyClick(view.plot, Qt.Key.Key_Home)
    qtbot.keyClick(view.plot, Qt.Key.Key_Down)
    qtbot.keyClick(view.plot, Qt.Key.Key_Space)
    assert run.selection.layer == SMALL_LAYERS[2].id
