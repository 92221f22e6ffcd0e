import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton

from spikestudio.app import theme
from spikestudio.app.views.history import HistoryView
from tests.gui.fakes import draw, shown
from tests.gui.session import Session


@pytest.fixture
def session(qapp):
    return Session()


@pytest.fixture
def view(qtbot, session):
    made = HistoryView(session.run, session.timeline, session.history, session.comparison)
    return shown(qtbot, made, 460, 360)


def texts(view):
    rows = view.rows
    return [rows.data(rows.index(row)) for row in range(rows.rowCount())]


def action(view, name):
    return view.actions_by_name[name]


def test_says_what_appears_here_before_the_first_run(qtbot, session, view):
    assert view.stack.is_empty
    session.sample()
    draw(qtbot, view)
    assert not view.stack.is_empty


def test_lists_the_newest_run_first_with_what_differs(qtbot, session, view):
    session.sample()
    session.sample(threshold=0.997, seed=3)
    session.sample(threshold=0.997, seed=3)
    draw(qtbot, view)
    assert texts(view) == [
        "Run 3: same request as run 2",
        "Run 2: seed 0 → 3, threshold 1.000 → 0.997",
        "Run 1",
    ]


def test_rows_tell_how_a_run_ended_and_what_is_left_of_it(qtbot, session, view):
    session.budget_mb = 10
    first = session.sample(seed=0)
    failed = session.sample(seed=1, done=1, end="failed")
    draw(qtbot, view)
    assert "recording let go; its images and parameters are kept" in view.rows.state(first)
    assert "The network gave NaN" in view.rows.state(failed)
    assert "shown" in view.rows.state(failed)
    assert view.caption.text == "2 runs, recordings 100 of 20 MiB"


def test_the_newest_run_is_chosen_unless_another_one_was(qtbot, session, view):
    first, second = session.sample(seed=0), session.sample(seed=1)
    draw(qtbot, view)
    assert view.chosen is second
    view.choose(first.key)
    session.sample(seed=2)
    draw(qtbot, view)
    assert view.chosen is first


def test_enter_looks_at_the_run_again(qtbot, session, view):
    first = session.sample(seed=0)
    session.sample(seed=1)
    draw(qtbot, view)
    view.list.setFocus()
    qtbot.keyClick(view.list, Qt.Key.Key_Down)
    with qtbot.waitSignal(session.history.lookRequested) as caught:
        qtbot.keyClick(view.list, Qt.Key.Key_Return)
    assert caught.args == [first.ended]


def test_keys_mark_the_sides_of_the_comparison(qtbot, session, view):
    first, second, third = (session.sample(seed=k) for k in range(3))
    draw(qtbot, view)
    assert view.rows.sides(third) == ["B"]
    view.choose(first.key)
    view.list.setFocus()
    qtbot.keyClick(view.list, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert session.comparison.b is first
    view.choose(third.key)
    qtbot.keyClick(view.list, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert session.comparison.a is third
    assert [view.rows.sides(each) for each in (first, second, third)] == [["B"], [], ["A"]]
    row = view.rows.data(view.list.currentIndex(), Qt.ItemDataRole.AccessibleTextRole)
    assert "A of the comparison" in row


def test_duplicate_puts_the_settings_in_the_sampler(qtbot, session, view):
    first = session.sample(seed=8, threshold=0.95)
    draw(qtbot, view)
    action(view, "duplicate").trigger()
    assert session.sampler.request == first.request


def test_branch_is_asked_for_at_the_step_looked_at(qtbot, session, view):
    entry = session.sample()
    session.timeline.seek(2, 0)
    draw(qtbot, view)
    assert "step 3" in action(view, "branch").toolTip()
    with qtbot.waitSignal(session.history.branchRequested) as caught:
        action(view, "branch").trigger()
    assert caught.args == [entry.key, 2]


def test_what_cannot_be_done_is_disabled_with_the_reason(qtbot, session, view):
    first = session.sample(seed=0)
    session.sample(seed=1)
    draw(qtbot, view)
    assert not action(view, "look").isEnabled()
    assert action(view, "look").toolTip() == "This run is shown."
    view.choose(first.key)
    assert action(view, "look").isEnabled()
    assert not action(view, "branch").isEnabled()


def test_keep_and_delete(qtbot, session, view):
    first, second = session.sample(seed=0), session.sample(seed=1)
    draw(qtbot, view)
    action(view, "keep").trigger()
    assert second.is_pinned
    assert action(view, "keep").isChecked()
    view.list.setFocus()
    qtbot.keyClick(view.list, Qt.Key.Key_Delete)
    assert session.history.entries == [first]
    assert view.chosen is first
    action(view, "delete").trigger()
    draw(qtbot, view)
    assert view.stack.is_empty


def test_thumbnails_show_the_images_sharply(qtbot, session, view):
    entry = session.sample()
    draw(qtbot, view)
    picture = view.list.viewport().grab().toImage()
    found = {
        picture.pixelColor(x, y).red()
        for x in range(8, 68)
        for y in range(8, 68)
        if picture.pixelColor(x, y).red() == picture.pixelColor(x, y).blue()
    }
    assert {int(value) for value in entry.thumbnail[0].ravel()} <= found


def test_every_action_is_named_and_drawn_at_twice_the_text_size(qtbot, session, view):
    session.sample()
    session.sample(threshold=0.9)
    draw(qtbot, view)
    theme.manager.set_scale(2.0)
    try:
        draw(qtbot, view)
        height = view.list.sizeHintForIndex(view.rows.index(0)).height()
        assert height >= 2 * theme.TYPE_SIZES["body"] + 4 * theme.TYPE_SIZES["caption"]
        for button in view.findChildren(QToolButton):
            assert button.text()
            assert button.toolTip()
    finally:
        theme.manager.set_scale(1.0)
