"""Pointing and clicking in one dock of the real window is seen in all others."""

import time

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from spikestudio.app import context
from spikestudio.app.main_window import MainWindow
from spikestudio.app.viewmodels.run import RunState
from tests.tiny import save_tiny

WAIT_MS = 30_000
LAYER = "downblocks.0.neuron2"


@pytest.fixture(scope="module")
def window(qapp, tmp_path_factory):
    """A window that has sampled a small network, with the docks for single neurons."""
    folder = tmp_path_factory.mktemp("linked")
    opened = MainWindow(context.create(folder / "config"))
    opened.resize(1600, 1000)
    opened.show()
    opened.docks.apply("Inspect")
    opened.start(str(save_tiny(folder / "tiny.safetensors", "sddpm")))
    wait(lambda: opened.context.sampler.can_sample)
    opened.context.sampler.set(num=3, steps=4)
    opened.commands["sample"].trigger()
    wait(lambda: opened.context.run.state is RunState.FINISHED)
    yield opened
    opened.close()
    opened.deleteLater()


def wait(until):
    deadline = time.monotonic() + WAIT_MS / 1000
    while not until():
        assert time.monotonic() < deadline
        QTest.qWait(10)


@pytest.fixture
def docks(qtbot, window):
    """The views by id, with one neuron watched and none pointed at."""
    run = window.context.run
    run.select(layer=LAYER, neurons=(5, 77))
    run.hover(None)
    for view_id in ("raster", "membrane", "image"):
        window.docks.docks[view_id].raise_()
        drawn(qtbot, window, view_id)
    return window.views.by_id()


def drawn(qtbot, window, view_id):
    window.docks.docks[view_id].raise_()
    view = window.views.by_id()[view_id]
    qtbot.waitUntil(view.isVisible, timeout=WAIT_MS)
    qtbot.wait(60)  # the layout comes to rest
    qtbot.waitUntil(lambda: not view._is_dirty, timeout=WAIT_MS)
    return view


def point_of(plot, column, row):
    return plot.mapFromScene(plot.view_box.mapViewToScene(QPointF(column + 0.5, row + 0.5)))


def assert_pointed_at(qtbot, window, neuron):
    """Every dock shows that this neuron is pointed at."""
    views = window.views
    assert window.context.run.hovered == neuron
    qtbot.waitUntil(
        lambda: f"neuron {neuron:,}:" in views.image.field_caption.text, timeout=WAIT_MS
    )
    assert len(views.image.tiles.outlines) == 2
    assert views.mosaic.map.pointed_rect is not None
    rows = views.raster.shown().neurons.tolist()
    assert views.raster.plot.highlight.row == (rows.index(neuron) if neuron in rows else None)
    watched = window.context.run.selection.neurons
    place = watched.index(neuron) if neuron in watched else None
    assert views.membrane.plot.row_axis.hovered == place


def test_a_row_of_the_raster(qtbot, window, docks):
    raster = docks["raster"]
    where = point_of(raster.plot, 2, 3)  # rows may be as thin as a pixel
    row = int(raster.plot.view_box.mapSceneToView(raster.plot.mapToScene(where)).y())
    neuron = int(raster.shown().neurons[row])
    qtbot.mouseMove(raster.plot.viewport(), where)
    assert_pointed_at(qtbot, window, neuron)
    leave(raster.plot)
    assert window.context.run.hovered is None


def test_a_trace(qtbot, window, docks):
    membrane = docks["membrane"]
    qtbot.mouseMove(membrane.plot.viewport(), point_of(membrane.plot, 2, 1))
    assert_pointed_at(qtbot, window, 77)


def test_a_pixel_of_the_mosaic(qtbot, window, docks):
    mosaic = drawn(qtbot, window, "mosaic")
    qtbot.mouseMove(mosaic.map, mosaic.map.point_of(40))
    drawn(qtbot, window, "raster")
    assert_pointed_at(qtbot, window, 40)
    drawn(qtbot, window, "mosaic")
    qtbot.mouseClick(mosaic.map, Qt.MouseButton.LeftButton, pos=mosaic.map.point_of(40))
    assert window.context.run.selection.neurons == (40,)
    membrane = docks["membrane"]
    qtbot.waitUntil(lambda: membrane.plot.row_axis.hovered == 0, timeout=WAIT_MS)


def test_a_pixel_of_the_image(qtbot, window, docks):
    tiles = docks["image"].tiles
    run = window.context.run
    tile = tiles.tile_rect(0, run.selection.image)
    where = (tile.topLeft() + QPointF(tile.width() * 0.55, tile.height() * 0.3)).toPoint()
    qtbot.mouseMove(tiles.viewport(), where)
    layer = run.layer(LAYER)
    channels, height, width = layer.shape
    channel, row, column = 5 // (height * width), int(0.3 * height), int(0.55 * width)
    neuron = (channel * height + row) * width + column
    assert channel < channels
    assert_pointed_at(qtbot, window, neuron)
    qtbot.mouseClick(
        tiles.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, pos=where
    )
    assert run.selection.neurons == (neuron,)


def test_a_cell_of_the_activity_map_leads_to_its_layer_and_step(qtbot, window, docks):
    rates = drawn(qtbot, window, "rates")
    run, timeline = window.context.run, window.context.timeline
    row = 4
    qtbot.mouseClick(
        rates.plot.viewport(), Qt.MouseButton.LeftButton, pos=point_of(rates.plot, 1, row)
    )
    assert run.selection.layer == run.layers[row].id
    assert timeline.cursor.step == 1
    assert not timeline.is_live
    image, table = docks["image"], window.views.layers
    qtbot.waitUntil(lambda: image.caption.text.startswith("step 2 of 4"), timeout=WAIT_MS)
    drawn(qtbot, window, "layers")
    chosen = table.table.selectionModel().selectedRows()
    assert [index.data() for index in chosen] == [run.layers[row].id]
    assert docks["raster"].layers.currentText().startswith(run.layers[row].id)


def test_a_row_of_the_layer_table(qtbot, window, docks):
    table = drawn(qtbot, window, "layers").table
    where = table.visualRect(table.model().index(2, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    run = window.context.run
    assert run.selection.layer == run.layers[2].id
    raster = docks["raster"]
    qtbot.waitUntil(lambda: raster.shown().layer.id == run.layers[2].id, timeout=WAIT_MS)


def test_a_click_in_a_finished_run_leads_to_its_moment(qtbot, window, docks):
    raster, timeline = docks["raster"], window.context.timeline
    where = point_of(raster.plot, 2 * timeline.snn_steps + 1, 2)
    row = int(raster.plot.view_box.mapSceneToView(raster.plot.mapToScene(where)).y())
    qtbot.mouseClick(raster.plot.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert (timeline.cursor.step, timeline.cursor.snn_step) == (2, 1)
    assert window.context.run.selection.neurons == (int(raster.shown().neurons[row]),)


def leave(widget):
    QApplication.sendEvent(widget, QEvent(QEvent.Type.Leave))
