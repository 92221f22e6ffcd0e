"""Presentations: bars, titles, text and docks while one goes on and after it; ring; second window."""

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from spikestudio.app import theme
from spikestudio.app.layouts import Split
from spikestudio.app.present import COLUMN, SCALE, Presentation
from spikestudio.app.widgets.dock_scroll import AWAY

LARGER = 1.25


@pytest.fixture
def present(shell):
    found = getattr(shell.window, "presentation", None) or Presentation(
        shell.window, shell.window.docks
    )
    found.has_ring = True
    yield found
    found.end()
    found.close_second()
    theme.manager.set_least_scale(1.0)


def arrangement(shell):
    docks = shell.window.docks
    return (
        docks.layout_name,
        theme.manager.scale,
        shell.window.windowState(),
        {key: dock.isHidden() for key, dock in docks.docks.items()},
        {
            key: dock.geometry()
            for key, dock in docks.docks.items()
            if not dock.visibleRegion().isEmpty()
        },
        shell.window.toolbar.isVisible(),
        shell.window.statusBar().isVisible(),
    )


def titles(shell):
    docks = shell.window.docks.docks.values()
    shown = [dock for dock in docks if not dock.visibleRegion().isEmpty()]
    return [dock.title_bar.height() > 0 or dock.buttons.isVisible() for dock in shown]


# the presentation -------------------------------------------------------------------------------


def test_bars_and_titles_go_and_the_text_is_large(qtbot, shell, present):
    qtbot.wait(50)
    assert any(titles(shell))
    shell.window.docks.arrange(Split("row", ("image",), (100,)))
    present.toggle()
    qtbot.waitUntil(lambda: not any(titles(shell)))
    assert shell.window.isFullScreen()
    assert not shell.window.toolbar.isVisible()
    assert not shell.window.statusBar().isVisible()
    assert theme.manager.scale == SCALE


@pytest.mark.parametrize("is_by_key", [True, False])
def test_the_end_brings_everything_back(qtbot, shell, present, is_by_key):
    docks = shell.window.docks
    docks.apply("Inspect")
    docks.docks["model"].close()
    qtbot.wait(150)
    before = arrangement(shell)
    present.toggle()
    qtbot.wait(200)
    docks.apply("Teach")
    docks.docks["rates"].show()
    qtbot.wait(50)
    if is_by_key:
        QTest.keyClick(shell.window, Qt.Key.Key_Escape)
    else:
        present.toggle()
    qtbot.waitUntil(lambda: arrangement(shell) == before)
    qtbot.wait(200)  # longer than the layouts wait for the window's size
    assert arrangement(shell) == before
    assert not present.is_active


@pytest.mark.parametrize("number", [1, 2, 4])
def test_text_is_as_large_as_the_docks_have_room_for(qtbot, shell, present, number):
    names = ("image", "sampler", "rates", "history")[:number]
    shell.window.docks.arrange(Split("row", names, (25,) * number))
    present.toggle()
    room = shell.window.screen().size().width() / number
    assert theme.manager.scale == min(SCALE, max(1.0, room / COLUMN))


def test_text_that_was_set_meanwhile_holds_afterwards(qtbot, shell, present):
    shell.window.docks.arrange(Split("row", ("image",), (100,)))
    present.toggle()
    theme.manager.set_scale(LARGER)
    assert theme.manager.scale == SCALE
    present.toggle()
    assert theme.manager.scale == LARGER


def test_text_that_is_larger_anyway_stays(qtbot, shell, present):
    theme.manager.set_scale(2.0)
    present.toggle()
    assert theme.manager.scale == 2.0
    present.toggle()
    assert theme.manager.scale == 2.0


def test_escape_leaves_the_single_dock_first(qtbot, shell, present):
    present.toggle()
    qtbot.wait(150)
    many = {key for key, dock in shell.window.docks.docks.items() if not dock.isHidden()}
    shell.window.views.raster.setFocus()
    present.toggle_dock()
    assert len([dock for dock in shell.window.docks.docks.values() if not dock.isHidden()]) == 1
    present.step_back()
    assert present.is_active
    assert not shell.window.toolbar.isVisible()
    shown = {key for key, dock in shell.window.docks.docks.items() if not dock.isHidden()}
    assert shown == many
    present.step_back()
    assert not present.is_active
    assert shell.window.toolbar.isVisible()


def test_escape_does_nothing_without_a_presentation(qtbot, shell, present):
    before = arrangement(shell)
    QTest.keyClick(shell.window, Qt.Key.Key_Escape)
    assert arrangement(shell) == before


# the pointer ------------------------------------------------------------------------------------


def move_pointer(window, where):
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(where),
        QPointF(window.mapToGlobal(where)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window.windowHandle(), event)


def test_the_ring_follows_the_pointer_and_takes_no_event(qtbot, shell, present):
    present.toggle()
    ring = present.rings[0]
    for where in (QPoint(200, 150), QPoint(400, 300)):
        move_pointer(shell.window, where)
        assert ring.isVisible()
        assert (ring.geometry().center() - where).manhattanLength() <= 2
        assert shell.window.childAt(where) is not ring
    assert not ring.mask().contains(ring.rect().center())  # what is pointed at stays visible
    present.toggle()
    assert present.rings == []


def test_the_ring_can_be_switched_off(qtbot, shell, present):
    present.toggle()
    present.toggle_ring()
    assert present.rings == []
    move_pointer(shell.window, QPoint(300, 300))
    present.toggle_ring()
    assert len(present.rings) == 1


def test_the_menu_tells_whether_there_is_a_ring(qtbot, shell, present):
    action = shell.window.commands["pointer-ring"]
    assert action.isCheckable()
    present.has_ring = action.isChecked()
    for is_on in (not action.isChecked(), action.isChecked()):
        action.trigger()  # by the menu, the palette or a key
        assert action.isChecked() is present.has_ring is is_on
    present.toggle_ring()
    assert action.isChecked() is present.has_ring


def test_a_desktop_without_animations_has_no_ring_at_first(qtbot, shell, monkeypatch):
    monkeypatch.setattr(theme, "is_motion_reduced", lambda: True)
    quiet = Presentation(shell.window, shell.window.docks)
    assert not quiet.has_ring


# the second window ------------------------------------------------------------------------------


def test_a_chosen_dock_is_shown_and_drawn_in_the_second_window(qtbot, shell, present):
    shell.load()
    shell.run(steps=2)
    image = shell.window.docks.docks["image"]
    present.menu.choices["image"].trigger()
    view = image.view
    assert view.window() is present.second
    assert view.isVisible()
    assert image.isHidden()
    assert present.menu.choices["image"].isChecked()
    assert view in shell.window.docks.views_in_front()
    view.mark_dirty()
    assert view.draw_if_needed()
    assert present.second.panels["image"].title.text == view.title


def test_docks_go_back_where_they_were_when_the_window_is_closed(qtbot, shell, present):
    qtbot.wait(150)
    before = arrangement(shell)
    for view_id in ("image", "raster", "lesions"):
        present.lend(view_id, is_lent=True)
    qtbot.wait(50)
    assert len(present.lent) == 3
    second = present.second
    second.close()
    qtbot.waitUntil(lambda: arrangement(shell)[3] == before[3])
    qtbot.wait(150)
    after = arrangement(shell)
    assert after[3] == before[3]  # the lesions, which were closed, are closed again
    for key in ("image", "raster"):
        assert (after[4][key].topLeft() - before[4][key].topLeft()).manhattanLength() < 60, key
        assert shell.window.docks.docks[key].view.window() is shell.window
    assert present.lent == ()
    assert present.second is None


def test_docks_go_back_when_the_screen_is_unplugged(qtbot, qapp, shell, present):
    present.lend("raster", is_lent=True)
    screen = QGuiApplication.primaryScreen()
    present._on_screen_removed(present.second.screen())
    assert screen is not None
    raster = shell.window.docks.docks["raster"]
    assert raster.view.window() is shell.window
    assert not raster.isHidden()
    assert present.second is None


def test_docks_go_back_at_the_end_of_the_presentation(qtbot, shell, present):
    qtbot.wait(100)
    present.lend("raster", is_lent=True)
    present.toggle()
    qtbot.wait(150)
    present.lend("membrane", is_lent=True)
    assert present.second.isVisible()
    assert len(present.rings) == 2
    QTest.keyClick(present.second, Qt.Key.Key_Escape)
    qtbot.wait(150)
    for key in ("raster", "membrane"):
        dock = shell.window.docks.docks[key]
        assert dock.view.window() is shell.window, key
        assert not dock.isHidden(), key
    assert present.second is None


def test_a_layout_says_where_a_dock_is_that_it_would_show(qtbot, shell, present):
    present.lend("raster", is_lent=True)
    shell.window.docks.apply("Inspect")
    raster = shell.window.docks.docks["raster"]
    assert not raster.isHidden()
    assert raster.area.content.text() == AWAY
    assert raster.view.window() is present.second
    present.menu.bring_back.trigger()
    assert raster.area.content is raster.view
    assert not raster.isHidden()


def test_opening_the_dock_from_the_menu_brings_it_back(qtbot, shell, present):
    raster = shell.window.docks.docks["raster"]
    present.lend("raster", is_lent=True)
    raster.toggleViewAction().trigger()
    assert raster.view.window() is shell.window
    assert not raster.isHidden()
    assert present.second is None


def test_the_dock_in_use_goes_to_the_second_window_and_back_by_command(qtbot, shell, present):
    shell.window.views.image.setFocus()
    used = shell.window.docks.dock_in_use().view.view_id
    present.toggle_second()
    assert present.lent == (used,)
    present.second.activateWindow()
    qtbot.waitUntil(present.second.isActiveWindow)
    present.toggle_second()
    assert present.lent == ()
