import base64
from itertools import pairwise

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QLineEdit, QTabBar, QWidget

from spikestudio.app import theme
from spikestudio.app.docks import SIDE_WIDTHS, STATE_VERSION
from spikestudio.app.layouts import LAYOUTS, Split, by_name
from spikestudio.errors import ConfigError


def open_docks(shell):
    return {view_id for view_id, dock in shell.window.docks.docks.items() if not dock.isHidden()}


def all_splits(tree):
    yield tree
    for part in tree.parts:
        if not isinstance(part, str):
            yield from all_splits(part)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_names_docks_that_exist_and_each_once(shell, layout):
    for tree in (layout.full, layout.compact):
        ids = tree.view_ids()
        assert len(ids) == len(set(ids))
        assert set(ids) <= shell.window.docks.docks.keys()
        for split in all_splits(tree):
            assert split.kind == "tabs" or len(split.shares) == len(split.parts)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_opens_its_docks_and_no_others(shell, layout):
    shell.window.docks.apply(layout.name)
    assert open_docks(shell) == set(layout.full.view_ids())


@pytest.mark.parametrize(("width", "height"), [(1600, 1000), (1280, 720)])
@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_is_cut_off(qtbot, make_shell, width, height, name):
    shell = make_shell(width, height)
    shell.window.docks.apply(name)
    qtbot.wait(20)
    assert (shell.window.width(), shell.window.height()) == (width, height)
    for dock in shell.window.docks.docks.values():
        if not dock.visibleRegion().isEmpty():
            assert shell.window.rect().contains(dock.geometry()), dock.objectName()


def test_watch_puts_controls_left_image_in_the_middle_and_plots_right(qtbot, shell):
    qtbot.wait(20)
    place = {view_id: dock.geometry() for view_id, dock in shell.window.docks.docks.items()}
    for view_id in ("model", "sampler"):
        assert SIDE_WIDTHS[0] <= place[view_id].width() <= SIDE_WIDTHS[1]
        assert place[view_id].right() < place["image"].left()
    for view_id in ("raster", "membrane", "rates"):
        assert place["image"].right() < place[view_id].left()
    assert place["raster"].bottom() < place["membrane"].top()
    assert place["membrane"].bottom() < place["rates"].top()


def test_a_small_window_turns_the_plots_into_tabs(qtbot, make_shell):
    shell = make_shell(1280, 720)
    docks = shell.window.docks.docks
    tabs = shell.window.tabifiedDockWidgets(docks["raster"])
    assert {dock.view.view_id for dock in tabs} == {"membrane", "rates", "tokens", "efficiency"}


def test_a_layout_follows_the_size_of_the_window_unless_docks_were_changed(qtbot, shell):
    docks = shell.window.docks.docks

    def are_tabs():
        return bool(shell.window.tabifiedDockWidgets(docks["raster"]))

    shell.window.resize(1280, 720)
    qtbot.waitUntil(are_tabs)
    shell.window.resize(1600, 1000)
    qtbot.waitUntil(lambda: not are_tabs())
    docks["rates"].close()
    shell.window.resize(1280, 860)
    qtbot.wait(200)
    assert not are_tabs()
    assert docks["rates"].isHidden()


def test_titles_are_cut_with_an_ellipsis_and_never_widen_a_dock(qtbot, make_shell):
    shell = make_shell(1280, 720)
    shell.window.context.settings.text_scale = 2.0
    theme.manager.set_scale(2.0)
    qtbot.wait(250)
    assert shell.window.width() == 1280
    for dock in shell.window.docks.docks.values():
        if not dock.visibleRegion().isEmpty():
            assert shell.window.rect().contains(dock.geometry()), dock.objectName()
            bar = dock.title_bar
            assert bar.height() in (0, theme.title_height())
            assert bar.rect().contains(bar.childrenRect()) or not bar.height()
    tabs = [bar for bar in shell.window.findChildren(QTabBar) if bar.isVisible()]
    assert tabs
    for bar in tabs:
        assert bar.elideMode() is Qt.TextElideMode.ElideRight
        assert bar.tabRect(bar.count() - 1).right() <= bar.width()
    toolbar = shell.window.toolbar
    shown = [each for each in toolbar.children() if isinstance(each, QWidget) and each.isVisible()]
    shown.sort(key=lambda each: each.x())
    for left, right in pairwise(shown):
        assert left.geometry().right() < right.x()


def test_a_tab_takes_the_place_of_the_title(qtbot, shell):
    rates = shell.window.docks.docks["rates"]
    raster = shell.window.docks.docks["raster"]
    qtbot.waitUntil(lambda: rates.title_bar.height() == 0)
    assert raster.title_bar.height() == theme.title_height()
    assert rates.buttons.isVisible()
    bars = [bar for bar in shell.window.findChildren(QTabBar) if bar.isVisible()]
    assert any(bar.geometry().contains(rates.buttons.geometry()) for bar in bars)
    rates.buttons.float.click()
    qtbot.waitUntil(lambda: rates.title_bar.height() == theme.title_height())
    assert rates.isFloating()


def test_what_is_typed_into_keeps_the_keys_when_docks_are_arranged(qtbot, shell):
    docks = shell.window.docks
    docks.arrange(Split("row", ("sampler", "image"), (1, 1)))
    field = next(
        each for each in docks.docks["sampler"].findChildren(QLineEdit) if each.isVisible()
    )
    field.setFocus()
    assert shell.window.focusWidget() in (field, field.parentWidget())
    focus = shell.window.focusWidget()
    docks.arrange(Split("row", ("sampler", "raster"), (1, 1)))
    assert shell.window.focusWidget() is focus


@pytest.mark.parametrize("name", LAYOUTS)
def test_only_views_that_can_be_seen_are_drawn(qtbot, shell, name):
    shell.window.docks.apply(name)
    qtbot.wait(20)
    seen = [
        dock.view
        for dock in shell.window.docks.docks.values()
        if not dock.visibleRegion().isEmpty()
    ]
    assert [view for view in shell.window.docks.views_in_front() if view.isVisible()] == seen


def test_docks_close_and_come_back_where_they_were(shell):
    raster = shell.window.docks.docks["raster"]
    raster.buttons.close_button.click()
    assert "raster" not in open_docks(shell)
    shell.window.commands["reset-layout"].trigger()
    assert "raster" in open_docks(shell)
    assert not raster.isFloating()


def test_the_view_menu_lists_every_dock_and_layout(shell):
    texts = [action.text() for action in shell.window.view_menu.actions()]
    for dock in shell.window.docks.docks.values():
        assert dock.view.title in texts
    assert texts[1 : 1 + len(LAYOUTS)] == list(LAYOUTS)


def test_teach_is_written_larger_and_leaving_it_is_not(shell):
    shell.window.docks.apply("Teach")
    assert theme.manager.scale == 1.25
    shell.window.docks.apply("Watch")
    assert theme.manager.scale == 1.0


def test_a_saved_arrangement_comes_back(qtbot, shell):
    docks = shell.window.docks
    docks.apply("Inspect")
    docks.docks["model"].close()
    text = docks.save()
    docks.apply("Watch")
    assert docks.restore(text, STATE_VERSION)
    assert open_docks(shell) == set(LAYOUTS["Inspect"].full.view_ids()) - {"model"}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("not base64 at all", STATE_VERSION),
        (base64.b64encode(b"no window state").decode(), STATE_VERSION),
        ("", STATE_VERSION),
    ],
)
def test_an_unreadable_arrangement_is_refused(shell, text, version):
    before = open_docks(shell)
    assert not shell.window.docks.restore(text, version)
    assert open_docks(shell) == before


def test_an_arrangement_of_another_version_is_refused(shell):
    text = shell.window.docks.save()
    assert not shell.window.docks.restore(text, STATE_VERSION + 1)


def test_a_floating_dock_that_no_screen_shows_is_docked_again(shell):
    docks = shell.window.docks
    raster = docks.docks["raster"]
    raster.setFloating(True)
    raster.setGeometry(QRect(50_000, 50_000, 400, 300))
    docks.redock_lost()
    assert not raster.isFloating()


def test_one_dock_can_fill_the_screen_and_escape_goes_back(qtbot, shell):
    before = open_docks(shell)
    shell.window.views.raster.setFocus()
    shell.window.commands["present"].trigger()
    assert open_docks(shell) <= {"raster", "image"}
    assert len(open_docks(shell)) == 1
    assert not shell.window.toolbar.isVisible()
    qtbot.keyClick(shell.window, Qt.Key.Key_Escape)
    shell.window.commands["present"].trigger() if shell.window.docks.is_presenting else None
    assert open_docks(shell) == before
    assert shell.window.toolbar.isVisible()


def test_a_layout_is_found_whatever_its_case():
    assert by_name("inspect").name == "Inspect"
    with pytest.raises(ConfigError, match="'Cinema': choose one of Watch"):
        by_name("Cinema")


def test_docks_that_a_layout_does_not_use_stay_closed_after_a_restart(make_shell):
    before, after = make_shell(1600, 1000), make_shell(1600, 1000)

    def are_open(shell):
        return {key for key, dock in shell.window.docks.docks.items() if not dock.isHidden()}

    wanted = are_open(before)
    assert "lesions" not in wanted
    text = before.window.docks.save()
    after.window.docks.docks["lesions"].show()
    assert after.window.docks.restore(text, STATE_VERSION)
    assert are_open(after) == wanted


def test_a_plot_that_was_dragged_back_stays_while_the_run_goes_on(qtbot, shell):
    shell.load()
    shell.run(steps=3)
    plot = shell.window.views.raster.plot
    plot.view_box.sigRangeChangedManually.emit([True, False])
    assert not plot.is_following
    shell.worker.advance()
    shell.frame()
    qtbot.wait(60)  # longer than a cursor waits to be announced
    assert shell.context.timeline.is_live
    assert not plot.is_following


@pytest.mark.parametrize("is_menu", [True, False], ids=["menu", "palette"])
def test_a_dock_that_the_layout_does_not_have_gets_a_place(qtbot, shell, is_menu):
    docks = shell.window.docks

    def open_dock(name):
        if is_menu:
            docks.docks[name].toggleViewAction().trigger()
        else:
            docks.bring(name)
        qtbot.wait(20)
        return docks.docks[name]

    docks.apply("Watch")
    qtbot.wait(20)
    lab = open_dock("neuron-lab")
    assert docks.docks["image"] in shell.window.tabifiedDockWidgets(lab)
    assert lab.is_in_front
    assert not docks.docks["image"].is_in_front
    queue = open_dock("queue")
    assert docks.docks["image"].geometry().right() < queue.geometry().left()
    assert shell.window.rect().contains(queue.geometry())
    lab.close()
    docks.docks["image"].raise_()
    assert open_dock("neuron-lab").is_in_front
    assert docks.docks["image"] in shell.window.tabifiedDockWidgets(lab)


def test_a_dock_that_is_opened_does_not_cover_the_lesson(qtbot, shell):
    docks = shell.window.docks
    shell.window.resize(1280, 720)
    docks.arrange(Split("row", ("lesson", "sampler", "image"), (60, 20, 20)))
    docks.bring("sweep")
    qtbot.waitUntil(lambda: docks.docks["sweep"].is_in_front)
    assert docks.docks["lesson"].is_in_front
    assert shell.window.tabifiedDockWidgets(docks.docks["sweep"])
