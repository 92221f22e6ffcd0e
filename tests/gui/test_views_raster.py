import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

from spikestudio.app import theme
from spikestudio.app.plots.palettes import (
    FIRST_ABOVE,
    FIRST_WATCHED,
    SILENT,
    SPIKE,
    UNKNOWN,
    potential_indices,
)
from spikestudio.app.plots.row_orders import NEVER, RULES, Fired
from spikestudio.app.plots.traces_item import MAX_LANES
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.raster import MAX_ROWS, RasterView
from tests.gui.fakes import SMALL_LAYERS, FakeRecorder, FakeRun, draw, layer, shown

NO_MODIFIER = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def view(qtbot, run):
    return shown(qtbot, RasterView(run))


def recorded(run, layer_id, steps):
    """Spikes ``[N, steps * T]`` as the recorder has them."""
    return np.concatenate([run.recorder.spikes(layer_id, step) for step in range(steps)]).T


def fired(counts, info=None):
    """What neurons with these spikes did; when they fired first is not told."""
    counts = np.asarray(counts, np.uint16)
    first = np.full(counts.size, NEVER, np.uint16)
    return Fired(info or layer("some", counts.size, 1), counts, first, 100)


def row_point(view, row, column=0.5):
    """Where a row is on the plot's viewport."""
    scene = view.plot.view_box.mapViewToScene(QPointF(column, row + 0.5))
    return view.plot.mapFromScene(scene)


def choose_rule(view, rule):
    view.rule.setCurrentText(rule)
    view.rule.textActivated.emit(rule)


def test_image_item_holds_the_recorded_spikes(qtbot, run, view):
    FakeRun(run).start().step(6)
    choose_rule(view, "index")
    draw(qtbot, view)
    image = view.item.image
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    spikes = recorded(run, "head.neuron", 6)
    assert np.array_equal(image[:, :24] == SPIKE, spikes == 1)
    assert np.array_equal(image[:, :24] == SILENT, spikes == 0)
    assert (image[:, 24:] == UNKNOWN).all()


def test_rows_follow_the_rule_and_the_label_says_so(qtbot, run):
    recorder = FakeRecorder((layer("big", 32, 28, 28),), num_steps=4)
    view = shown(qtbot, RasterView(run))
    FakeRun(run, recorder).start().step(2)
    draw(qtbot, view)
    rows = view.item.image.shape[0]
    assert 64 <= rows <= MAX_ROWS
    assert rows <= view.plot.row_pixels()
    assert view.count_label.text == f"showing {rows} of 25,088, rule: evenly spaced"
    even = np.sort(RULES["evenly spaced"](fired(np.zeros(25_088)))[:rows])
    assert np.array_equal(view.item.image[:, :8] == SPIKE, recorded(run, "big", 2)[even] == 1)
    choose_rule(view, "highest rate")
    draw(qtbot, view)
    rows = view.item.image.shape[0]
    counts = recorded(run, "big", 2).sum(axis=1)
    best = RULES["highest rate"](fired(counts))[:rows]
    assert np.array_equal(view.item.image[:, :8] == SPIKE, recorded(run, "big", 2)[best] == 1)
    choose_rule(view, "firing only")
    draw(qtbot, view)
    firing = np.flatnonzero(counts)[: view.item.image.shape[0]]
    assert np.array_equal(view.item.image[:, :8] == SPIKE, recorded(run, "big", 2)[firing] == 1)


def test_evenly_spaced_rows_leave_no_large_gap():
    order = RULES["evenly spaced"](fired(np.zeros(10_000)))
    assert np.array_equal(np.sort(order), np.arange(10_000))
    for size in (10, 64, 250):
        gaps = np.diff(np.sort(order[:size]))
        assert gaps.max() <= 3 * 10_000 / size


def test_order_is_frozen_until_re_sort(qtbot, run, view):
    fake = FakeRun(run).start().step(1)
    choose_rule(view, "highest rate")
    draw(qtbot, view)
    first = view.choice.orders["head.neuron"].copy()
    fake.step(5)
    draw(qtbot, view)
    assert np.array_equal(view.choice.orders["head.neuron"], first)
    assert view.resort.isVisible()
    qtbot.mouseClick(view.resort, Qt.MouseButton.LeftButton)
    draw(qtbot, view)
    counts = recorded(run, "head.neuron", 6).sum(axis=1)
    assert np.array_equal(view.choice.orders["head.neuron"], RULES["highest rate"](fired(counts)))
    assert not view.resort.isVisible()


def test_random_order_is_the_same_every_time():
    silent = fired(np.zeros(1000))
    order = RULES["random"](silent)
    assert np.array_equal(order, RULES["random"](silent))
    assert np.array_equal(np.sort(order), np.arange(1000))


def test_pages_reach_every_neuron(qtbot, run):
    recorder = FakeRecorder((layer("mid", 500),), num_steps=2)
    recorder.layers = (layer("mid", 5, 100),)
    view = shown(qtbot, RasterView(run), height=300)
    FakeRun(run, recorder).start().step(1)
    choose_rule(view, "index")
    draw(qtbot, view)
    seen = list(view._data.rows)
    while view.forth.isEnabled():
        qtbot.mouseClick(view.forth, Qt.MouseButton.LeftButton)
        draw(qtbot, view)
        seen += list(view._data.rows)
        assert ", page " in view.count_label.text
    assert seen == list(range(500))
    qtbot.mouseClick(view.back, Qt.MouseButton.LeftButton)
    draw(qtbot, view)
    assert view._data.rows[0] < 500 - view._data.rows.size


def test_click_watches_a_neuron_and_ctrl_click_adds_and_removes(qtbot, run, view):
    FakeRun(run).start().step(2)
    choose_rule(view, "index")
    draw(qtbot, view)
    viewport, left = view.plot.viewport(), Qt.MouseButton.LeftButton
    ctrl = Qt.KeyboardModifier.ControlModifier
    qtbot.mouseClick(viewport, left, pos=row_point(view, 17))
    assert run.selection.neurons == (17,)
    qtbot.mouseClick(viewport, left, ctrl, row_point(view, 90))
    assert run.selection.neurons == (17, 90)
    draw(qtbot, view)
    image, spikes = view.item.image, recorded(run, "head.neuron", 2)
    assert np.array_equal(image[17, :8] == FIRST_WATCHED, spikes[17] == 1)
    assert np.array_equal(image[90, :8] == FIRST_WATCHED + 1, spikes[90] == 1)
    qtbot.mouseClick(viewport, left, ctrl, row_point(view, 17))
    assert run.selection.neurons == (90,)


def test_no_more_neurons_are_watched_than_there_are_lanes(qtbot, run, view):
    FakeRun(run).start().step(1)
    choose_rule(view, "index")
    draw(qtbot, view)
    run.select(neurons=tuple(range(MAX_LANES)))
    ctrl = Qt.KeyboardModifier.ControlModifier
    qtbot.mouseClick(view.plot.viewport(), Qt.MouseButton.LeftButton, ctrl, row_point(view, 100))
    assert run.selection.neurons == tuple(range(MAX_LANES))


def test_colours_of_watched_neurons_repeat_after_eight(qtbot, run, view):
    FakeRun(run).start().step(6)
    choose_rule(view, "index")
    busy = np.argsort(recorded(run, "head.neuron", 6).sum(axis=1))[-16:]
    run.select(neurons=tuple(busy.tolist()))
    draw(qtbot, view)
    colors = [view.item.image[row].max() for row in busy]
    assert colors == [FIRST_WATCHED + place % 8 for place in range(16)]


def test_pointing_at_a_row_names_the_neuron(qtbot, run, view):
    FakeRun(run).start().step(2)
    choose_rule(view, "index")
    draw(qtbot, view)
    qtbot.mouseMove(view.plot.viewport(), row_point(view, 47, column=5.5))
    count = recorded(run, "head.neuron", 2)[47].sum()
    text = view.caption.text
    assert text.startswith(f"Neuron 47: channel 1, y 1, x 5; {count} spikes, rate ")
    assert text.endswith("step 2, SNN step 2")


def test_potential_mode_shows_potentials_before_reset_on_a_fixed_scale(qtbot, run, view):
    fake = FakeRun(run).start().step(2)
    fake.set_threshold(0.8)
    fake.step(2)
    choose_rule(view, "index")
    qtbot.mouseClick(view.mode.button(1), Qt.MouseButton.LeftButton)
    draw(qtbot, view)
    for step in range(4):
        potentials = run.recorder.potentials("head.neuron", step)
        part = view.item.image[:, step * 4 : step * 4 + 4]
        assert np.array_equal(part, potential_indices(potentials.h, potentials.threshold).T)
        spikes = run.recorder.spikes("head.neuron", step)
        assert np.array_equal(part >= FIRST_ABOVE, spikes.T == 1)
    assert view.scale.isVisible()


def test_potential_index_tells_threshold_exactly():
    below = np.nextafter(np.float32(0.997), np.float32(0))
    h = np.array([-9, -0.997, 0, below, 0.997, 50], np.float32)
    indices = potential_indices(h, 0.997)
    assert indices.tolist() == [1, 1, 86, FIRST_ABOVE - 1, FIRST_ABOVE, 255]
    assert potential_indices(h, 0.5)[2] == 86


def test_unrecorded_potentials_are_hatched_and_offered(qtbot, run, view):
    fake = FakeRun(run).start().step(1)
    run.select(layer="downblocks.0.neuron1")
    fake.step(1)
    qtbot.mouseClick(view.mode.button(1), Qt.MouseButton.LeftButton)
    draw(qtbot, view)
    assert (view.item.image == UNKNOWN).all()
    assert view.hatch.spans == ((0.0, 8.0),)
    assert view.notice.text == "Potentials of this layer are not recorded."
    qtbot.mouseClick(view.notice.button, Qt.MouseButton.LeftButton)
    assert run.recorder.selected == "downblocks.0.neuron1"
    assert view.notice.text == "Potentials of this layer are recorded from the next step on."
    fake.step(1)
    draw(qtbot, view)
    assert view.notice.isHidden()
    assert view.hatch.spans == ((0.0, 8.0),)
    assert (view.item.image[:, 8:12] != UNKNOWN).all()


def test_dropped_spikes_are_hatched_not_silent(qtbot, run, view):
    recorder = FakeRecorder()
    recorder.missing = {("head.neuron", 1)}
    FakeRun(run, recorder).start().step(3)
    draw(qtbot, view)
    assert (view.item.image[:, 4:8] == UNKNOWN).all()
    assert view.hatch.spans == ((4.0, 8.0),)


def test_another_layer_starts_over_with_its_own_neurons(qtbot, run, view):
    FakeRun(run).start().step(4)
    draw(qtbot, view)
    view.layers.setCurrentIndex(2)
    view.layers.activated.emit(2)
    assert run.selection.layer == "middleblocks.0.neuron2"
    choose_rule(view, "index")
    draw(qtbot, view)
    spikes = recorded(run, "middleblocks.0.neuron2", 4)
    assert np.array_equal(view.item.image[:, :16] == SPIKE, spikes == 1)
    assert view.count_label.text == "showing 15 of 15, rule: index"


def test_layer_chooser_lists_layers_with_their_newest_rates(qtbot, run, view):
    FakeRun(run).start().step(3)
    draw(qtbot, view)
    model = view.layers.model()
    assert [model.index(row).data() for row in range(3)] == [info.id for info in SMALL_LAYERS]
    rates = [model.index(row).data(Qt.ItemDataRole.UserRole) for row in range(3)]
    assert np.allclose(rates, run.recorder.rates()[:, 2])


def test_rates_of_the_layers_are_those_of_the_step_that_is_looked_at(qtbot, run, view):
    FakeRun(run).start().step(5)
    draw(qtbot, view)
    model, rates = view.layers.model(), run.recorder.rates()

    def shown_rates():
        return [model.index(row).data(Qt.ItemDataRole.UserRole) for row in range(3)]

    view.plot.look_at(1 * 4 + 2)  # four SNN steps each
    qtbot.waitUntil(lambda: np.allclose(shown_rates(), rates[:, 1]))
    assert not np.allclose(rates[:, 1], rates[:, 4])
    assert view.caption.text.startswith("step 2 of")
    view.plot.look_at(None)
    view.mark_dirty()
    draw(qtbot, view)
    assert np.allclose(shown_rates(), rates[:, 4])
    assert view.caption.text.startswith("step 5 of")


def test_a_click_on_the_name_of_the_layer_opens_the_list_and_typing_there_searches(
    qtbot, run, view
):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    layers, editor = view.layers, view.layers.lineEdit()
    qtbot.mouseClick(editor, Qt.MouseButton.LeftButton)
    assert layers.view().isVisible()
    qtbot.keyClick(layers.view(), Qt.Key.Key_M)
    assert not layers.view().isVisible()
    assert editor.text() == "m"
    qtbot.mouseClick(editor, Qt.MouseButton.LeftButton)  # the click that closed the list
    assert not layers.view().isVisible()
    layers.hidePopup()


def test_typing_part_of_a_name_finds_the_layer(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    editor = view.layers.lineEdit()
    editor.selectAll()
    qtbot.keyClicks(editor, "middle")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert run.selection.layer == "middleblocks.0.neuron2"
    assert view.layers.currentText() == "middleblocks.0.neuron2"


def test_search_text_that_matches_nothing_is_put_back(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    view.layers.setEditText("nonsense")
    view.layers.lineEdit().editingFinished.emit()
    assert view.layers.currentText() == "head.neuron"


def test_a_plot_that_was_narrow_for_a_moment_shows_as_much_as_before(qtbot, run, view):
    FakeRun(run, FakeRecorder(SMALL_LAYERS, num_steps=40)).start().step(40)
    view.resize(700, 400)
    draw(qtbot, view)
    plot = view.plot
    plot.look_at(100)
    assert plot.columns_shown() == (0, 160)
    view.resize(260, 400)
    qtbot.waitUntil(lambda: plot.columns_shown() != (0, 160))
    low, high = plot.columns_shown()
    assert low <= 100 < high  # what is looked at stays in sight
    view.resize(700, 400)
    qtbot.waitUntil(lambda: plot.columns_shown() == (0, 160))
    plot.view_box.setXRange(40, 60, padding=0)  # zoomed by the user
    view.resize(650, 400)
    qtbot.wait(20)
    assert plot.columns_shown() == (40, 60)


def test_a_long_run_follows_the_newest_steps_and_can_look_back(qtbot, run):
    recorder = FakeRecorder(SMALL_LAYERS[2:], num_steps=400)
    view = shown(qtbot, RasterView(run))
    FakeRun(run, recorder).start().step(300)
    choose_rule(view, "index")
    draw(qtbot, view)
    first, last = view.plot.columns_shown()
    assert last == 1200
    assert last - first <= view.plot.view_box.width()
    spikes = recorded(run, "middleblocks.0.neuron2", 300)
    assert np.array_equal(view.item.image == SPIKE, spikes[:, first:last] == 1)
    view.plot.view_box.translateBy(x=-400)
    view.plot.view_box.sigRangeChangedManually.emit([True, False])
    draw(qtbot, view)
    moved, end = view.plot.columns_shown()
    assert moved == first - 400
    assert np.array_equal(view.item.image == SPIKE, spikes[:, moved:end] == 1)
    qtbot.mouseClick(view.live, Qt.MouseButton.LeftButton)
    draw(qtbot, view)
    assert view.plot.columns_shown() == (first, last)


def test_old_steps_are_read_in_slices(qtbot, run, view, monkeypatch):
    monkeypatch.setattr("spikestudio.app.views.raster.FRAME_SECONDS", 0.0)
    FakeRun(run).start().step(5)
    choose_rule(view, "index")
    view.draw_if_needed()
    assert view._data.filled < 5
    draw(qtbot, view)
    assert np.array_equal(view.item.image[:, :20] == SPIKE, recorded(run, "head.neuron", 5) == 1)


def test_a_new_run_replaces_everything(qtbot, run, view):
    FakeRun(run).start().step(5)
    draw(qtbot, view)
    FakeRun(run, FakeRecorder(seed=1)).start()
    draw(qtbot, view)
    assert view.item.image is None or (view.item.image == UNKNOWN).all()
    assert view.count_label.text == "144 neurons, none recorded yet"


def test_says_which_image_the_neurons_belong_to(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert view.caption.text.endswith("neurons of image 1")
    run.select(image=2)
    draw(qtbot, view)
    assert view.caption.text.endswith("neurons of image 1 recorded, image 3 selected")


def test_hidden_view_does_not_read_the_recorder(qtbot, run, monkeypatch):
    view = RasterView(run)
    qtbot.addWidget(view)
    fake = FakeRun(run).start().step(2)
    reads = []
    read = fake.recorder.spikes
    monkeypatch.setattr(fake.recorder, "spikes", lambda *key: reads.append(key) or read(*key))
    assert not view.draw_if_needed()
    assert reads == []
    view.show()
    assert reads


def test_theme_switch_changes_the_colour_table(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    dark = view.item.lut.copy()
    theme.manager.set_mode("light")
    try:
        assert not np.array_equal(view.item.lut, dark)
    finally:
        theme.manager.set_mode("dark")
    assert np.array_equal(view.item.lut, dark)


# keys ---------------------------------------------------------------------------------------


def press(qtbot, view, *keys):
    for key in keys:
        qtbot.keyClick(view.plot, key)


def test_rows_are_reached_and_watched_by_the_keys(qtbot, run, view):
    FakeRun(run).start().step(2)
    choose_rule(view, "index")
    draw(qtbot, view)
    view.plot.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(view.plot.key_cursor.isVisible)
    press(qtbot, view, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right)
    assert "Neuron 2: " in view.plot.accessibleDescription()
    assert "step 1, SNN step 2" in view.caption.text
    press(qtbot, view, Qt.Key.Key_Return)
    assert run.selection.neurons == (2,)
    press(qtbot, view, Qt.Key.Key_PageDown, Qt.Key.Key_Space)
    assert run.selection.neurons == (2, 12)
    press(qtbot, view, Qt.Key.Key_Space)
    assert run.selection.neurons == (2,)
    press(qtbot, view, *[Qt.Key.Key_PageDown] * 20, Qt.Key.Key_End, Qt.Key.Key_Return)
    assert run.selection.neurons == (int(view._data.rows[-1]),)
    assert view.plot.accessibleName()


def test_the_place_of_the_keys_is_seen_only_with_the_focus(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    view.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    view.setFocus()
    before = view.plot.viewport().grab().toImage()
    view.plot.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(view.plot.key_cursor.isVisible)
    assert view.plot.viewport().grab().toImage() != before
    view.setFocus()
    assert not view.plot.key_cursor.isVisible()
    assert "Neuron" not in view.caption.text


def test_a_click_hides_the_place_and_the_keys_go_on_from_there(qtbot, run, view):
    FakeRun(run).start().step(2)
    choose_rule(view, "index")
    draw(qtbot, view)
    qtbot.mouseClick(view.plot.viewport(), Qt.MouseButton.LeftButton, pos=row_point(view, 7))
    assert not view.plot.key_cursor.isVisible()
    press(qtbot, view, Qt.Key.Key_Down)  # shows where it is
    press(qtbot, view, Qt.Key.Key_Down, Qt.Key.Key_Return)
    assert run.selection.neurons == (8,)


def test_the_keys_of_the_window_are_left_alone_until_the_place_is_seen(qtbot, run, view):
    def is_taken():
        event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Space, NO_MODIFIER, " ")
        event.ignore()
        QApplication.sendEvent(view.plot, event)
        return event.isAccepted()

    FakeRun(run).start().step(1)
    draw(qtbot, view)
    view.plot.setFocus(Qt.FocusReason.MouseFocusReason)
    assert not is_taken()
    press(qtbot, view, Qt.Key.Key_Down)
    assert is_taken()


# export -------------------------------------------------------------------------------------


def test_what_is_shown_states_order_and_page(qtbot, run):
    recorder = FakeRecorder((layer("big", 32, 28, 28),), num_steps=4)
    view = shown(qtbot, RasterView(run))
    assert view.shown() is None
    FakeRun(run, recorder).start().step(3)
    choose_rule(view, "highest rate")
    draw(qtbot, view)
    view.forth.click()
    draw(qtbot, view)
    told = view.shown()
    assert np.array_equal(told.neurons, view._data.rows)
    assert (told.rule, told.page) == ("highest rate up to step 3", 2)
    assert told.pages == view.choice.pages > 2
    assert f", page 2 of {told.pages:,}" in view.count_label.text


def test_a_hidden_raster_tells_what_it_would_show(qtbot, run):
    view = RasterView(run)
    qtbot.addWidget(view)
    FakeRun(run).start().step(2)
    told = view.shown()
    assert told.layer.id == run.selection.layer
    assert told.neurons.size


def test_the_longest_name_of_a_layer_is_read_whole(qtbot, run):
    names = ("head.neuron", "middleblocks.0.residual_shortcut.neuron1")
    recorder = FakeRecorder(tuple(layer(name, 16, 1) for name in names))
    view = shown(qtbot, RasterView(run))
    FakeRun(run, recorder).start().step(1)
    draw(qtbot, view)
    editor = view.layers.lineEdit()
    assert editor.width() > editor.fontMetrics().horizontalAdvance(names[1])
