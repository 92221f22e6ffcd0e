import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QKeySequence, QPixmap, QWheelEvent
from PySide6.QtWidgets import QApplication, QMainWindow

from spikestudio.app import theme
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.timeline import Cursor, TimelineModel
from spikestudio.app.views.timeline import TimelineView
from tests.gui import fakes
from tests.gui.fakes import SMALL_LAYERS, shown
from tests.gui.gaps import FakeRecorder, FakeRun, Gaps


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def timeline(run):
    model = TimelineModel(run)
    yield model
    model.pause()


@pytest.fixture
def view(qtbot, run, timeline):
    return shown(qtbot, TimelineView(run, timeline), 600, 180)


def draw(qtbot, view):
    """Let the last seek be announced, and draw."""
    if isinstance(view, TimelineView):
        qtbot.waitUntil(lambda: not view.timeline._seek_timer.isActive())
    fakes.draw(qtbot, view)


def middle(view, lane, cell):
    return view.lanes.cell_rect(lane, cell).center().toPoint()


def press(qtbot, view, lane, cell, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.mouseClick(view.lanes, Qt.MouseButton.LeftButton, modifier, middle(view, lane, cell))


def test_empty_until_a_run_starts(qtbot, run, view):
    assert view.stack.is_empty
    assert "step" in view.stack.sentence
    with qtbot.waitSignal(view.sampleRequested):
        view.stack._button.click()
    FakeRun(run).start()
    draw(qtbot, view)
    assert not view.stack.is_empty
    assert view.caption.text == "waiting for step 1"
    assert not view.play.isEnabled()


def test_lanes_show_the_moment_and_the_spikes_of_the_layer(qtbot, run, timeline, view):
    FakeRun(run).start().step(6)
    timeline.seek(2, 1)
    draw(qtbot, view)
    picture = view.lanes.picture
    assert (picture.num_steps, picture.snn_steps, picture.done) == (10, 4, 6)
    assert picture.cursor == Cursor(2, 1)
    layer = run.selection.layer
    expected = run.recorder.spikes(layer, 2).sum(axis=1)
    assert np.array_equal(picture.counts, expected)
    assert picture.top >= expected.max()
    assert view.caption.text == (
        f"step 3 of 10, t = {run.run.timesteps[2]}   SNN step 2 of 4   {layer}: {expected[1]} spikes"
    )


def test_scale_of_the_bars_does_not_shrink_while_steps_change(qtbot, run, timeline, view):
    fake = FakeRun(run).start().step(1)
    fake.set_threshold(0.05)
    fake.step(1)
    draw(qtbot, view)
    top = view.lanes.picture.top
    timeline.seek(0, 0)
    qtbot.waitUntil(lambda: view.lanes.picture.cursor == Cursor(0, 0))
    assert view.lanes.picture.counts.max() < top
    assert view.lanes.picture.top == top


def test_pressing_and_dragging_a_lane_goes_there(qtbot, run, timeline, view):
    FakeRun(run).start().step(8)
    draw(qtbot, view)
    press(qtbot, view, "steps", 3)
    assert timeline.cursor == Cursor(3, 3)
    press(qtbot, view, "snn", 1)
    assert timeline.cursor == Cursor(3, 1)
    assert not timeline.is_live
    qtbot.mousePress(view.lanes, Qt.MouseButton.LeftButton, pos=middle(view, "steps", 1))
    far_below = QPoint(middle(view, "steps", 5).x(), view.lanes.height() - 2)
    qtbot.mouseMove(view.lanes, far_below)
    qtbot.mouseRelease(view.lanes, Qt.MouseButton.LeftButton, pos=far_below)
    assert timeline.cursor == Cursor(5, 1)


def test_a_step_that_is_not_computed_yet_cannot_be_reached(qtbot, run, timeline, view):
    FakeRun(run).start().step(4)
    timeline.seek(0, 0)
    draw(qtbot, view)
    press(qtbot, view, "steps", 8)
    assert timeline.cursor == Cursor(3, 0)


def test_alt_snaps_to_the_nearest_mark(qtbot, run, timeline, view):
    fake = FakeRun(run).start().step(4)
    fake.set_threshold(0.9)
    fake.step(4)
    draw(qtbot, view)
    press(qtbot, view, "steps", 5, Qt.KeyboardModifier.AltModifier)
    assert timeline.cursor == Cursor(4, 0)
    press(qtbot, view, "steps", 7, Qt.KeyboardModifier.AltModifier)
    assert timeline.cursor.step == 7


def test_wheel_moves_by_one_step_of_its_lane(qtbot, run, timeline, view):
    FakeRun(run).start().step(8)
    timeline.seek(4, 2)
    draw(qtbot, view)
    for lane, expected in (("steps", Cursor(5, 2)), ("snn", Cursor(5, 3))):
        where = QPointF(middle(view, lane, 0))
        event = QWheelEvent(
            where,
            view.lanes.mapToGlobal(where),
            QPoint(),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(view.lanes, event)
        assert timeline.cursor == expected


@pytest.mark.parametrize(
    ("key", "modifier", "reached"),
    [
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, Cursor(4, 0)),
        (Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier, Cursor(4, 0)),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, Cursor(4, 2)),
        (Qt.Key.Key_D, Qt.KeyboardModifier.NoModifier, Cursor(4, 2)),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier, Cursor(3, 1)),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier, Cursor(5, 1)),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, Cursor(0, 0)),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, Cursor(7, 3)),
        (Qt.Key.Key_L, Qt.KeyboardModifier.NoModifier, Cursor(7, 3)),
    ],
)
def test_keys_move_the_cursor(qtbot, run, timeline, view, key, modifier, reached):
    FakeRun(run).start().step(8)
    timeline.seek(4, 1)
    draw(qtbot, view)
    qtbot.keyClick(view.lanes, key, modifier)
    assert timeline.cursor == reached
    assert timeline.is_live == (key == Qt.Key.Key_L)


def test_keys_play_change_the_speed_and_set_bookmarks(qtbot, run, timeline, view):
    FakeRun(run).start().step(8)
    timeline.seek(4, 1)
    draw(qtbot, view)
    qtbot.keyClick(view.lanes, Qt.Key.Key_Up)
    assert timeline.speed == 2
    assert view.speed.currentText() == "2×"
    qtbot.keyClick(view.lanes, Qt.Key.Key_Space)
    assert timeline.is_playing
    assert view.play.accessibleName().startswith("Pause")
    qtbot.keyClick(view.lanes, Qt.Key.Key_Space)
    assert not timeline.is_playing
    qtbot.keyClick(view.lanes, Qt.Key.Key_B)
    assert timeline.bookmarks == (timeline.cursor,)
    qtbot.keyClick(view.lanes, Qt.Key.Key_Home)
    qtbot.keyClick(view.lanes, Qt.Key.Key_PageDown)
    assert timeline.cursor == timeline.bookmarks[0]


def test_keys_of_the_timeline_do_not_reach_the_window(qtbot, run, timeline):
    window = QMainWindow()
    qtbot.addWidget(window)
    view = TimelineView(run, timeline)
    window.setCentralWidget(view)
    action = QAction(window)
    action.setShortcut(QKeySequence("Space"))
    window.addAction(action)
    fired = []
    action.triggered.connect(lambda: fired.append(1))
    with qtbot.waitExposed(window):
        window.show()
    FakeRun(run).start().step(3)
    draw(qtbot, view)
    view.lanes.setFocus()
    qtbot.waitUntil(view.lanes.hasFocus)
    qtbot.keyClick(view.lanes, Qt.Key.Key_Space)
    assert timeline.is_playing
    assert fired == []


def test_live_button_attaches_again(qtbot, run, timeline, view):
    fake = FakeRun(run).start().step(5)
    draw(qtbot, view)
    assert not view.live.isEnabled()
    press(qtbot, view, "steps", 1)
    draw(qtbot, view)
    view.live.click()
    assert timeline.is_live
    fake.step(1)
    draw(qtbot, view)
    assert view.lanes.picture.cursor == Cursor(5, 3)
    fake.finish()
    draw(qtbot, view)
    assert view.live.text() == "Newest"


def test_speed_is_chosen_from_the_list(qtbot, run, timeline, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    view.speed.activated.emit(0)
    assert timeline.speed == 0.05


def test_bookmark_buttons_follow_the_cursor(qtbot, run, timeline, view):
    FakeRun(run).start().step(6)
    timeline.seek(3, 0)
    draw(qtbot, view)
    view.bookmark.click()
    assert [mark.is_bookmark for mark in view.lanes.picture.marks] == [True]
    timeline.seek(1, 0)
    draw(qtbot, view)
    qtbot.waitUntil(view.next.isEnabled)
    assert not view.previous.isEnabled()
    view.next.click()
    assert timeline.cursor == Cursor(3, 0)


def test_gaps_are_shown_and_explained(qtbot, run, timeline, view):
    recorder = FakeRecorder()
    recorder.missing = Gaps({(SMALL_LAYERS[0].id, 2), (SMALL_LAYERS[0].id, 3)})
    fake = FakeRun(run, recorder).start().step(5)
    fake.set_threshold(0.9)
    fake.step(1)
    draw(qtbot, view)
    assert [(gap.first, gap.last) for gap in view.lanes.picture.gaps] == [(2, 4)]
    assert "not recorded: let go to stay within 512 MiB" in view.lanes.tip_at("steps", 2)
    assert "threshold 0.9 from here" in view.lanes.tip_at("steps", 5)
    assert "not computed yet" in view.lanes.tip_at("steps", 9)
    timeline.seek(3, 0)
    draw(qtbot, view)
    qtbot.waitUntil(lambda: view.lanes.picture.counts is None)
    assert view.caption.text.endswith("head.neuron: not recorded")


def test_controls_have_accessible_names(view):
    for control in (view.play, view.speed, view.previous, view.bookmark, view.next, view.lanes):
        assert control.accessibleName()
    assert view.live.text()
    assert len(view.help_text.splitlines()) <= 10


def test_time_is_where_it_is_in_the_plots_above(qtbot, run, timeline, view):
    from spikestudio.app.views.rates import RatesView

    rates = shown(qtbot, RatesView(run), 600, 300)
    FakeRun(run).start().step(6)
    draw(qtbot, view)
    draw(qtbot, rates)
    for step in (0, 9):
        column = rates.plot.view_box.mapViewToScene(QPointF(step, 0)).x()
        lane = view.lanes.mapTo(view, view.lanes.cell_rect("steps", step).topLeft().toPoint()).x()
        plot = rates.plot.mapTo(rates, rates.plot.mapFromScene(QPointF(column, 0))).x()
        assert lane == pytest.approx(plot, abs=2)


def test_every_pixel_of_a_lane_belongs_to_a_cell(qtbot, run, view):
    FakeRun(run, FakeRecorder(SMALL_LAYERS[2:], 1000, 64)).start().step(2)
    draw(qtbot, view)
    box = view.lanes.lane_rect("steps")
    assert view.lanes.cell_at("steps", box.left() - 50) == 0
    assert view.lanes.cell_at("steps", box.right() + 50) == 999
    for cell in (0, 17, 500, 999):
        assert view.lanes.cell_at("steps", view.lanes.cell_rect("steps", cell).center().x()) == cell


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_the_chosen_snn_step_stands_out(qtbot, run, timeline, view, mode):
    theme.manager.set_mode(mode)
    try:
        FakeRun(run).start().step(6)
        timeline.seek(2, 1)
        draw(qtbot, view)
        picture = QPixmap(view.lanes.size())
        view.lanes.render(picture)
        box = view.lanes.cell_rect("snn", 1)
        edge = picture.toImage().pixelColor(int(box.left()), int(box.center().y()))
        assert edge.name().upper() == theme.tokens().accent
    finally:
        theme.manager.set_mode("dark")
