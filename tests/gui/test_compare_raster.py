import time

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from spikestudio.app import theme
from spikestudio.app.plots.compare_raster_data import BOTH, NEITHER, ONLY_A, ONLY_B, classes
from spikestudio.app.plots.palettes import SILENT, SPIKE, UNKNOWN, raster_lut, rgb
from spikestudio.app.views.compare import CompareView
from spikestudio.app.views.compare_controls import DIFFERENCE
from spikestudio.app.views.compare_raster import OTHER_LAYERS
from tests.gui.fakes import draw, layer, shown
from tests.gui.session import Session

LAYER = "head.neuron"


@pytest.fixture
def session(qapp):
    theme.manager.set_mode("dark")
    return Session()


@pytest.fixture
def view(session, qtbot):
    view = CompareView(
        session.run, session.timeline, session.sampler, session.history, session.comparison
    )
    return shown(qtbot, view, 900, 700)


def show_raster(qtbot, session, view, layer_id=LAYER):
    session.run.select(layer=layer_id)
    draw(qtbot, view)
    view.controls.kind.setCurrentText("raster")
    view.controls.changed.emit()
    draw(qtbot, view)
    return view.stage.rasters


def show_difference(qtbot, view):
    view.controls.mode.button(DIFFERENCE).click()
    draw(qtbot, view)


def spikes_of(entry, rows, layer_id=LAYER):
    recorder = entry.recorder
    steps = [recorder.spikes(layer_id, step)[:, rows] for step in range(recorder.steps_done)]
    return np.concatenate(steps).T


def painted(rasters, side):
    return rasters.panels[side].item.image


def column(plot, column, row):
    """Where a cell lies in the widget."""
    scene = plot.view_box.mapViewToScene(QPointF(column + 0.5, row + 0.5))
    return plot.mapFromScene(scene)


def test_both_rasters_show_the_recorded_spikes_of_the_same_neurons(qtbot, session, view):
    runs = {"a": session.sample(), "b": session.sample(threshold=0.5)}
    rasters = show_raster(qtbot, session, view)
    rows = rasters.pair.rows
    assert 1 < rows.size <= 144
    assert (np.diff(rows) > 0).all()
    for side, entry in runs.items():
        assert np.array_equal(rasters.pair.stacks[side].parts[0].rows, rows)
        expected = np.where(spikes_of(entry, rows), SPIKE, SILENT)
        assert np.array_equal(painted(rasters, side), expected)
        assert rasters.panels[side].heading.text == f"{side.upper()}: {entry.name}"
    assert not np.array_equal(painted(rasters, "a"), painted(rasters, "b"))
    assert f"{rows.size} of 144 neurons, evenly spaced" in view.caption.text


def test_the_difference_says_in_which_run_each_spike_is(qtbot, session, view):
    a, b = session.sample(), session.sample(threshold=0.5)
    rasters = show_raster(qtbot, session, view)
    show_difference(qtbot, view)
    rows = rasters.pair.rows
    one, other = (spikes_of(entry, rows).astype(bool) for entry in (a, b))
    expected = np.select([one & other, one, other], [BOTH, ONLY_A, ONLY_B], NEITHER)
    assert rasters.panels["b"].isHidden()
    assert np.array_equal(painted(rasters, "a"), expected)
    counts = tuple(int((expected == which).sum()) for which in (ONLY_A, ONLY_B, BOTH))
    assert min(counts) > 0
    assert rasters.legend.counts == counts
    assert f"only in B {counts[1]:,}" in rasters.legend.accessibleName()


def test_a_cell_of_which_one_run_is_not_known_has_no_class(qapp):
    a = np.array([[UNKNOWN, SPIKE, SILENT, SPIKE, SILENT, SPIKE]], np.uint8)
    b = np.array([[SPIKE, UNKNOWN, SILENT, SILENT, SPIKE, SPIKE]], np.uint8)
    assert classes(a, b).tolist() == [[0, 0, NEITHER, ONLY_A, ONLY_B, BOTH]]


def test_steps_whose_spikes_are_not_kept_are_hatched(qtbot, session, view):
    a, b = session.sample(), session.sample(threshold=0.5)
    del a.recorder._spikes[LAYER, 1]
    del b.recorder._spikes[LAYER, 2]
    rasters = show_raster(qtbot, session, view)
    assert rasters.panels["a"].hatch.spans == ((4.0, 8.0),)
    assert rasters.panels["b"].hatch.spans == ((8.0, 12.0),)
    assert (painted(rasters, "a")[:, 4:8] == UNKNOWN).all()
    show_difference(qtbot, view)
    assert rasters.panels["a"].hatch.spans == ((4.0, 12.0),)
    assert (painted(rasters, "a")[:, 4:12] == UNKNOWN).all()


def test_a_recording_that_was_let_go_is_hatched_and_said(qtbot, session, view):
    session.budget_mb = 10
    session.sample()
    session.sample(threshold=0.5)
    rasters = show_raster(qtbot, session, view)
    assert rasters.panels["a"].heading.text.endswith("recording let go")
    assert rasters.panels["a"].hatch.spans == ((0.0, 4.0),)
    assert rasters.panels["b"].item.image is not None
    show_difference(qtbot, view)
    assert rasters.panels["b"].isVisible(), "there is nothing to lay over the other"


def test_a_click_seeks_the_timeline_and_selects_the_neuron(qtbot, session, view):
    session.sample()
    session.sample(threshold=0.5)
    rasters = show_raster(qtbot, session, view)
    plot = rasters.panels["b"].plot
    at = column(plot, 9, 5)
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=at)
    neuron = int(rasters.pair.rows[5])
    assert session.run.selection.neurons == (neuron,)
    assert (session.timeline.cursor.step, session.timeline.cursor.snn_step) == (2, 1)
    draw(qtbot, view)
    for side in ("a", "b"):
        moment = rasters.panels[side].plot.moment
        assert moment.isVisible()
        assert moment.value() == 9.5
    spike = raster_lut()[painted(rasters, "a")[5].max()]
    assert spike[:3].tolist() == rgb(theme.tokens().watch[0]).tolist()


def test_a_click_on_the_names_selects_but_does_not_seek(qtbot, session, view):
    session.sample()
    session.sample(threshold=0.5)
    rasters = show_raster(qtbot, session, view)
    session.timeline.seek(1, 1)
    plot = rasters.panels["a"].plot
    at = QPoint(plot.row_axis.width() // 2, column(plot, 0, 3).y())
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert session.run.selection.neurons == (int(rasters.pair.rows[3]),)
    assert (session.timeline.cursor.step, session.timeline.cursor.snn_step) == (1, 1)


def test_runs_of_other_steps_are_only_put_beside_each_other(qtbot, session, view):
    session.sample(steps=4, snn_steps=2)
    session.sample(steps=10)
    rasters = show_raster(qtbot, session, view)
    show_difference(qtbot, view)
    assert rasters.panels["b"].isVisible()
    assert "only side by side" in view.caption.text
    plot = rasters.panels["a"].plot
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=column(plot, 5, 0))
    assert session.timeline.cursor.step == 6, "the nearest diffusion time of the run that is shown"
    assert session.timeline.cursor.snn_step == 2


def test_runs_with_different_layers_get_a_sentence(qtbot, session, view, monkeypatch):
    session.sample()
    b = session.sample(threshold=0.5)
    b.layers = (layer(LAYER, 2, 6, 6), *b.layers[1:])
    rasters = show_raster(qtbot, session, view)
    assert rasters.sentence.isVisible()
    assert rasters.sentence.text() == OTHER_LAYERS
    session.run.select(layer="downblocks.0.neuron1")
    draw(qtbot, view)
    assert not rasters.sentence.isVisible()
    assert rasters.pair.layer.id == "downblocks.0.neuron1"


def test_a_frame_reads_no_more_than_its_time_allows(qtbot, session, view, monkeypatch):
    session.sample(steps=12)
    session.sample(steps=12, threshold=0.5)
    session.run.select(layer=LAYER)
    draw(qtbot, view)
    view.controls.kind.setCurrentText("raster")
    clock = iter(range(10_000))
    with monkeypatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: float(next(clock)))
        view.mark_dirty()
        assert view.draw_if_needed()
        filled = [stack.parts[0].filled for stack in view.stage.rasters.pair.stacks.values()]
        assert filled == [1, 1]
        assert view.draw_if_needed(), "it is dirty again"
    draw(qtbot, view)
    stacks = view.stage.rasters.pair.stacks.values()
    assert [stack.parts[0].filled for stack in stacks] == [12, 12]


def test_a_narrow_dock_puts_them_above_each_other(qtbot, session, view):
    session.sample()
    session.sample(threshold=0.5)
    rasters = show_raster(qtbot, session, view)
    a, b = (rasters.panels[side] for side in ("a", "b"))
    assert a.y() == b.y()
    view.resize(420, 700)
    qtbot.wait(1)
    draw(qtbot, view)
    assert a.x() == b.x()
    assert b.y() >= a.y() + a.height()
    assert painted(rasters, "a").shape == painted(rasters, "b").shape


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_the_three_classes_stay_apart_without_red_and_green(qapp, mode):
    from spikestudio.app.plots.compare_raster_data import class_lut

    # Machado et al. 2009, severity 1: deuteranopia and protanopia.
    deutan = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    protan = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    theme.manager.set_mode(mode)
    try:
        colors = class_lut()[[ONLY_A, ONLY_B, BOTH], :3].astype(float) / 255
    finally:
        theme.manager.set_mode("dark")
    for matrix in (np.eye(3), np.array(deutan), np.array(protan)):
        seen = (np.clip((colors**2.2) @ matrix.T, 0, 1) ** (1 / 2.2)) * 255
        for i, j in ((0, 1), (0, 2), (1, 2)):
            assert np.linalg.norm(seen[i] - seen[j]) > 60
