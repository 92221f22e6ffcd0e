"""The queue dock: what its rows say, and what its keys and buttons do to which entry."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, Qt

from spikestudio.app import theme
from spikestudio.app.views.queue import QueueView
from tests.gui.fakes import draw, shown
from tests.gui.queue_desk import PARENT, Desk, key_of


@pytest.fixture
def desk(qapp):
    return Desk()


@pytest.fixture
def view(qtbot, desk):
    return shown(qtbot, QueueView(desk.run, desk.queue), 460, 420)


@pytest.fixture
def busy(qtbot, desk, view):
    """Seed 0 is running, seeds 1 to 3 wait."""
    desk.queue.sample()
    desk.start()
    for seed in (1, 2, 3):
        desk.add(seed=seed)
    draw(qtbot, view)
    view.list.setFocus()
    return desk


def column(view, of):
    return [of(view.rows.entry(view.rows.index(row))) for row in range(view.rows.rowCount())]


def seeds(view):
    return column(view, lambda entry: entry.request.seed)


def states(view):
    return [text.split("   ")[0] for text in column(view, view.rows.state)]


def button(view, name):
    return view.actions_by_name[name]


def test_an_empty_queue_says_what_appears_here(qtbot, desk, view):
    assert view.stack.is_empty
    assert "nothing waits" in view.stack.sentence
    with qtbot.waitSignal(view.sampleRequested):
        view.stack.sampleRequested.emit()
    desk.queue.sample()
    draw(qtbot, view)
    assert not view.stack.is_empty
    desk.finish()
    draw(qtbot, view)
    assert view.stack.is_empty


def test_rows_tell_what_runs_what_differs_and_how_far_it_is(qtbot, busy, view):
    assert column(view, view.rows.title) == [
        "#1: seed 0, threshold 1.000",
        "#2: seed 0 → 1",
        "#3: seed 1 → 2",
        "#4: seed 2 → 3",
    ]
    assert states(view) == [
        "sampling, 0 of 3 steps done",
        "the next one",
        "behind 1 other",
        "behind 2 others",
    ]
    busy.advance()
    assert states(view)[0] == "sampling, 1 of 3 steps done"
    assert view.rows.fraction(busy.queue.current) == pytest.approx(1 / 3)
    assert view.caption.text == "1 run in progress, 3 waiting"


def test_a_step_draws_only_the_run_in_progress_anew(qtbot, busy, view):
    changed = []
    view.rows.dataChanged.connect(lambda first, last: changed.append((first.row(), last.row())))
    busy.advance()
    assert view.draw_if_needed()
    assert changed == [(0, 0)]
    assert not view.draw_if_needed()


def test_the_run_in_progress_shows_its_newest_picture(busy, view):
    assert view.rows.thumbnail(busy.queue.current) is None
    busy.advance()
    assert view.rows.thumbnail(busy.queue.current) is busy.run.preview.x0_hat
    waiting = busy.queue.waiting[0]
    assert view.rows.thumbnail(waiting) is None
    assert view.rows.badge(waiting) == "1"


def test_a_branch_shows_pictures_of_its_parent(qtbot, busy, view):
    key = busy.queue.add(busy.sampler.request, parent=PARENT)
    draw(qtbot, view)
    assert np.array_equal(
        view.rows.thumbnail(busy.queue.entry(key)), np.full((1, 4, 4, 1), 7, np.uint8)
    )


def test_delete_takes_away_the_row_that_is_chosen_and_no_other(qtbot, busy, view):
    view.choose(key_of(busy, 2))
    qtbot.keyClick(view.list, Qt.Key.Key_Delete)
    assert seeds(view) == [0, 1, 3]
    assert view.chosen.request.seed == 3
    assert not busy.worker.control.is_cancelled
    qtbot.keyClick(view.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert seeds(view) == [0, 1, 2, 3]


def test_delete_on_the_first_row_stops_the_run(qtbot, busy, view):
    view.choose(key_of(busy, 0))
    qtbot.keyClick(view.list, Qt.Key.Key_Delete)
    assert busy.worker.control.is_cancelled
    assert seeds(view) == [0, 1, 2, 3]
    assert states(view)[0].startswith("stopping")


def test_the_chosen_row_follows_its_entry_when_the_queue_moves_on(qtbot, busy, view):
    view.choose(key_of(busy, 2))
    while busy.advance():
        pass
    draw(qtbot, view)
    assert seeds(view) == [1, 2, 3]
    assert view.chosen.request.seed == 2


def test_alt_and_arrows_move_a_row_that_waits(qtbot, busy, view):
    alt = Qt.KeyboardModifier.AltModifier
    view.choose(key_of(busy, 3))
    qtbot.keyClick(view.list, Qt.Key.Key_Up, alt)
    assert seeds(view) == [0, 1, 3, 2]
    assert view.chosen.request.seed == 3
    qtbot.keyClick(view.list, Qt.Key.Key_Up, alt)
    qtbot.keyClick(view.list, Qt.Key.Key_Up, alt)
    assert seeds(view) == [0, 3, 1, 2]
    assert not button(view, "up").isEnabled()
    qtbot.keyClick(view.list, Qt.Key.Key_Down, alt)
    assert seeds(view) == [0, 1, 3, 2]
    assert busy.waiting == [1, 3, 2]


@pytest.mark.parametrize(
    ("source", "destination", "order"),
    [
        (3, 1, [3, 1, 2]),
        (3, 0, [3, 1, 2]),  # above the run in progress: right behind it
        (1, 3, [2, 1, 3]),
        (1, 4, [2, 3, 1]),
        (0, 3, None),  # what runs stays where it is
        (2, 2, None),
        (2, 3, None),
    ],
)
def test_a_dragged_row_goes_to_where_it_is_dropped(busy, view, source, destination, order):
    rows = view.rows
    moved = rows.moveRow(QModelIndex(), source, QModelIndex(), destination)
    assert moved is (order is not None)
    assert busy.waiting == (order or [1, 2, 3])
    assert seeds(view) == [0, *busy.waiting]
    if order:
        assert view.chosen.request.seed == source


def test_only_rows_that_wait_can_be_dragged_and_none_is_dropped_on_another(busy, view):
    dragged = [
        bool(view.rows.flags(view.rows.index(row)) & Qt.ItemFlag.ItemIsDragEnabled)
        for row in range(4)
    ]
    assert dragged == [False, True, True, True]
    assert not view.rows.flags(view.rows.index(1)) & Qt.ItemFlag.ItemIsDropEnabled
    assert view.rows.flags(QModelIndex()) & Qt.ItemFlag.ItemIsDropEnabled


def test_duplicate_and_clear(qtbot, busy, view):
    view.choose(key_of(busy, 1))
    button(view, "duplicate").trigger()
    assert seeds(view) == [0, 1, 1, 2, 3]
    assert column(view, view.rows.title)[2] == "#5: same request as #2"
    button(view, "clear").trigger()
    assert seeds(view) == [0]
    assert not button(view, "clear").isEnabled()
    button(view, "put-back").trigger()
    assert seeds(view) == [0, 1, 1, 2, 3]
    assert busy.queue.current.request.seed == 0


def test_pause_after_this_and_go_on(qtbot, busy, view):
    view.choose(key_of(busy, 0))
    button(view, "pausing").trigger()
    assert "the queue pauses after it" in view.rows.state(busy.queue.current)
    assert view.held.isHidden()
    while busy.advance():
        pass
    draw(qtbot, view)
    assert seeds(view) == [1, 2, 3]
    assert view.held.isVisible()
    assert "Paused after #1" in view.reason.text
    assert view.caption.text == "no run in progress, 3 waiting"
    qtbot.mouseClick(view.go_on, Qt.MouseButton.LeftButton)
    busy.settle()
    draw(qtbot, view)
    assert view.held.isHidden()
    assert busy.seeds == [0, 1]


def test_rows_tell_that_another_model_is_loaded_first_and_why_it_cannot(qtbot, busy, view):
    from spikestudio.sampling.worker import LoadFailed

    busy.load("b")
    busy.add(seed=9)
    while busy.advance():
        pass
    draw(qtbot, view)
    said = column(view, view.rows.state)
    assert ["is loaded first" in text for text in said] == [True, False, False, True]
    assert "a is loaded first" in said[0]
    assert "3 with another model" in view.caption.text
    busy.checkpoint.take(LoadFailed(busy.models["a"].path, "a.safetensors is gone."))
    busy.settle()
    draw(qtbot, view)
    assert view.rows.state(busy.queue.waiting[0]).startswith("a.safetensors is gone.")
    assert "#2 cannot start" in view.reason.text


def test_actions_that_cannot_be_done_say_why(busy, view):
    view.choose(key_of(busy, 0))
    assert not button(view, "up").isEnabled()
    assert "being sampled" in button(view, "up").toolTip()
    assert not button(view, "put-back").isEnabled()
    view.choose(key_of(busy, 3))
    assert button(view, "down").toolTip() == "It is the last one."


def test_two_hundred_entries_are_listed_and_only_those_in_sight_are_worded(qtbot, desk, view):
    desk.queue.sample()
    desk.start()
    for seed in range(1, 201):
        desk.add(seed=seed)
    draw(qtbot, view)
    assert view.rows.rowCount() == 201
    worded = set()
    state = view.rows.state
    view.rows.state = lambda entry: worded.add(entry.key) or state(entry)
    view.mark_dirty()
    draw(qtbot, view)
    view.grab()
    assert 0 < len(worded) < 20
    view.choose(key_of(desk, 200))
    qtbot.keyClick(view.list, Qt.Key.Key_Delete)
    assert desk.waiting[-1] == 199


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_rows_grow_with_the_text(qtbot, busy, view, scale):
    theme.manager.set_scale(scale)
    try:
        draw(qtbot, view)
        row = view.list.visualRect(view.rows.index(0))
        assert row.height() >= 60 * scale
        assert row.width() <= view.list.viewport().width()
    finally:
        theme.manager.set_scale(1.0)
