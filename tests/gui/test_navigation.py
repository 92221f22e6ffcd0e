"""Everything that can be done by keyboard alone, in a whole window on a fake worker."""

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from spikestudio.app import theme
from spikestudio.app.actions import Actions
from spikestudio.app.commands import COMMANDS
from spikestudio.app.docks import Dock
from spikestudio.app.layouts import LAYOUTS
from spikestudio.app.viewmodels.timeline import Cursor
from spikestudio.app.views.keys_dialog import KeysDialog
from spikestudio.app.views.palette import Palette
from spikestudio.app.views.provenance_card import ProvenanceCard
from spikestudio.app.widgets.shortcut_sheet import ShortcutSheet

NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)
Key = Qt.Key


@pytest.fixture
def navigation(qtbot, shell):
    window = shell.window
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield window.navigation
    theme.manager.set_high_contrast(on=False)


@pytest.fixture
def done(shell, navigation):
    """A window after a run of five steps."""
    shell.load()
    shell.context.sampler.set(steps=5)
    shell.run()
    return shell


def dialog(window, kind):
    found = [each for each in window.findChildren(kind) if each.isVisible()]
    assert len(found) == 1
    return found[0]


def dock_of(widget):
    while widget is not None and not isinstance(widget, Dock):
        widget = widget.parentWidget()
    return widget


# the palette --------------------------------------------------------------------------------


def test_the_palette_offers_every_command_layout_dock_and_model(qtbot, done):
    QTest.keyClick(done.window, Key.Key_P, CTRL | SHIFT)
    palette = dialog(done.window, Palette)
    qtbot.waitUntil(palette.field.hasFocus)
    rows = [palette.rows.index(row) for row in range(palette.rows.rowCount())]
    keys = {palette.rows.entry(index).key for index in rows}
    assert {f"command:{each.id}" for each in COMMANDS} - keys == {"command:palette"}
    assert {f"layout:{name}" for name in LAYOUTS} <= keys
    assert {f"dock:{view_id}" for view_id in done.window.docks.docks} <= keys
    assert sum(key.startswith("model:") for key in keys) == 3
    palette.close()


def test_a_few_letters_and_enter_do_a_thing_and_it_is_offered_first_afterwards(qtbot, done):
    window = done.window
    window.commands["palette"].trigger()
    palette = dialog(window, Palette)
    qtbot.keyClicks(palette.field, "lay insp")
    assert palette.chosen.text == "Layout Inspect"
    qtbot.keyClick(palette.field, Key.Key_Return)
    assert window.docks.layout_name == "Inspect"
    assert not palette.isVisible()
    window.commands["palette"].trigger()
    palette = dialog(window, Palette)
    assert palette.chosen.text == "Layout Inspect"
    palette.close()


def test_arrows_move_in_the_list_while_the_field_keeps_the_focus(qtbot, done):
    done.window.commands["palette"].trigger()
    palette = dialog(done.window, Palette)
    first = palette.chosen
    qtbot.keyClick(palette.field, Key.Key_Down)
    assert palette.chosen is not first
    qtbot.keyClick(palette.field, Key.Key_Up)
    qtbot.keyClick(palette.field, Key.Key_Up)
    assert palette.chosen is first
    qtbot.waitUntil(palette.field.hasFocus)
    qtbot.keyClick(palette.field, Key.Key_Escape)
    assert not palette.isVisible()


def test_what_cannot_be_done_is_there_with_the_reason(qtbot, shell, navigation):
    shell.window.commands["palette"].trigger()
    palette = dialog(shell.window, Palette)
    qtbot.keyClicks(palette.field, "exchange a and b")
    assert palette.chosen.reason.startswith("Two runs")
    assert "Two runs" in palette.caption.text
    assert "Two runs" in palette.field.accessibleDescription()
    qtbot.keyClick(palette.field, Key.Key_Return)
    assert palette.isVisible()
    qtbot.keyClick(palette.field, Key.Key_A, CTRL)
    qtbot.keyClicks(palette.field, "qqqq")
    assert palette.chosen is None
    assert palette.caption.text == "Nothing fits."
    qtbot.keyClick(palette.field, Key.Key_Return)
    palette.close()


def test_every_command_that_cannot_be_done_says_why(shell, navigation):
    for command in COMMANDS:
        if not shell.window.commands[command.id].isEnabled():
            assert navigation.obstacle(command.id).endswith("."), command.id


def test_a_model_is_loaded_and_a_dock_gone_to_from_the_palette(qtbot, done):
    window = done.window
    for typed, check in (
        ("load sdit", lambda: done.worker.loads[-1][0].stem == "sdit-mnist"),
        ("go to history", lambda: not window.docks.docks["history"].isHidden()),
    ):
        window.commands["palette"].trigger()
        palette = dialog(window, Palette)
        qtbot.keyClicks(palette.field, typed)
        qtbot.keyClick(palette.field, Key.Key_Return)
        assert check(), typed
    assert dock_of(QApplication.focusWidget()).view.view_id == "history"


def test_a_button_of_a_dock_is_pressed_from_the_palette(qtbot, done):
    window = done.window
    wide = window.views.sampler.wide
    before = wide.isChecked()
    window.commands["palette"].trigger()
    palette = dialog(window, Palette)
    name = wide.accessibleName() or wide.text()
    qtbot.keyClicks(palette.field, f"sampler {name}")
    assert palette.chosen.kind == "button"
    qtbot.keyClick(palette.field, Key.Key_Return)
    assert wide.isChecked() != before


def test_every_button_of_an_open_dock_can_be_reached_without_the_mouse(done, navigation):
    """By Tab, or from the palette."""
    from spikestudio.app.palette_entries import entries

    offered = {entry.text for entry in entries(navigation._sources())}
    for view in done.window.docks.views_in_front():
        for button in view.findChildren(QPushButton):
            name = button.accessibleName() or button.text()
            takes_tab = button.focusPolicy() & Qt.FocusPolicy.TabFocus
            if button.isVisible():
                assert takes_tab or f"{view.title}: {name}" in offered, name


def test_find_goes_to_a_layer_and_to_a_neuron_by_its_number(qtbot, done):
    run, window = done.context.run, done.window
    other = run.layers[-1]
    QTest.keyClick(window, Key.Key_F, CTRL)
    palette = dialog(window, Palette)
    qtbot.keyClicks(palette.field, other.id)
    qtbot.keyClick(palette.field, Key.Key_Return)
    assert run.selection.layer == other.id
    window.commands["find"].trigger()
    palette = dialog(window, Palette)
    qtbot.keyClicks(palette.field, "7")
    assert palette.chosen.text == f"Neuron 7 of {other.id}"
    qtbot.keyClick(palette.field, Key.Key_Return)
    assert run.selection.neurons == (7,)
    window.commands["find"].trigger()
    palette = dialog(window, Palette)
    qtbot.keyClicks(palette.field, "999999")
    assert "has the neurons 0 to" in palette.chosen.reason
    palette.close()


# docks --------------------------------------------------------------------------------------


def test_f6_goes_round_the_toolbar_and_the_docks_in_front(done, navigation):
    window = done.window
    count = len(window.docks.views_in_front()) + 1
    seen = []
    for _ in range(count):
        QTest.keyClick(QApplication.focusWidget() or window, Key.Key_F6)
        focus = QApplication.focusWidget()
        seen.append(dock_of(focus) or window.toolbar)
        frame = navigation.focus.frame
        assert frame.isVisible()
        assert frame.parent() is seen[-1]
        assert frame.size() == seen[-1].size()
    assert len(set(seen)) == count
    assert {place.view for place in seen if isinstance(place, Dock)} == set(
        window.docks.views_in_front()
    )
    QTest.keyClick(QApplication.focusWidget(), Key.Key_F6, SHIFT)
    assert (dock_of(QApplication.focusWidget()) or window.toolbar) is seen[-2]


def test_a_dock_gives_the_focus_back_to_what_had_it(done, navigation):
    window = done.window
    steps = window.views.sampler.rows["steps"].slider
    steps.setFocus()
    navigation.focus.go(1)
    assert not steps.hasFocus()
    navigation.focus.go(-1)
    assert steps.hasFocus()


def test_a_click_takes_the_frame_away(qtbot, done, navigation):
    navigation.focus.go(1)
    navigation.focus.go(1)
    seed = done.window.toolbar.seed
    QTest.mouseClick(seed, Qt.MouseButton.LeftButton)
    assert seed.hasFocus()


def test_the_next_tab_comes_to_the_front_and_has_the_focus(done, navigation, qtbot):
    window, docks = done.window, done.window.docks
    navigation.focus.open("rates")
    qtbot.wait(10)
    others = {dock.view.view_id for dock in window.tabifiedDockWidgets(docks.docks["rates"])}
    assert others
    seen = set()
    for _ in range(len(others)):
        QTest.keyClick(QApplication.focusWidget(), Key.Key_PageDown, CTRL)
        seen.add(dock_of(QApplication.focusWidget()).view.view_id)
    assert seen == others
    QTest.keyClick(QApplication.focusWidget(), Key.Key_PageDown, CTRL)
    assert dock_of(QApplication.focusWidget()).view.view_id == "rates"


def test_a_cancel_by_mouse_leaves_the_focus_at_sample(qtbot, shell, navigation):
    shell.load()
    shell.run(steps=2)
    toolbar = shell.window.toolbar
    QTest.mouseClick(toolbar.cancel, Qt.MouseButton.LeftButton)
    assert not toolbar.cancel.isEnabled()
    assert toolbar.sample.hasFocus()


# moments, neurons, runs ---------------------------------------------------------------------


def test_the_timeline_is_moved_from_anywhere(done, navigation):
    window, timeline = done.window, done.context.timeline
    image = window.views.image
    image.setFocus()
    for key, modifier, expected in (
        (Key.Key_Home, NONE, Cursor(0, 0)),
        (Key.Key_Right, NONE, Cursor(0, 1)),
        (Key.Key_D, NONE, Cursor(0, 2)),
        (Key.Key_Right, SHIFT, Cursor(1, 2)),
        (Key.Key_A, NONE, Cursor(1, 1)),
        (Key.Key_End, NONE, timeline.newest),
    ):
        QTest.keyClick(image, key, modifier)
        assert timeline.cursor == expected, key
    assert not timeline.is_live
    QTest.keyClick(image, Key.Key_L)
    assert timeline.is_live
    speed = timeline.speed
    QTest.keyClick(image, Key.Key_Up)
    assert timeline.speed > speed
    QTest.keyClick(image, Key.Key_B)
    assert timeline.bookmarks == (timeline.newest,)


def test_the_control_that_has_the_focus_keeps_its_keys(qtbot, done, navigation):
    timeline, sampler = done.context.timeline, done.window.views.sampler
    slider = sampler.rows["steps"].slider
    slider.setFocus()
    before, steps = timeline.cursor, done.context.sampler.request.steps
    watched = done.context.run.selection.neurons
    QTest.keyClick(slider, Key.Key_Right)
    assert timeline.cursor == before
    assert done.context.sampler.request.steps == steps + 1
    seed = done.window.toolbar.seed
    seed.setFocus()
    for key in (Key.Key_N, Key.Key_L, Key.Key_Home, Key.Key_Left):
        QTest.keyClick(seed, key)
    assert timeline.cursor == before
    assert done.context.run.selection.neurons == watched


def test_n_watches_the_neurons_of_the_raster_one_after_the_other(qtbot, done, navigation):
    run, window = done.context.run, done.window
    done.frame()
    shown = window.views.raster.shown().neurons
    run.select(neurons=(int(shown[0]),))
    for place in range(1, 4):
        QTest.keyClick(window.views.image, Key.Key_N)
        assert run.selection.neurons == (int(shown[place]),)
    QTest.keyClick(window.views.image, Key.Key_N, SHIFT)
    assert run.selection.neurons == (int(shown[2]),)


def test_without_a_raster_the_neurons_follow_their_numbers(done, navigation):
    run = done.context.run
    done.window.docks.docks["raster"].close()
    run.select(neurons=(5,))
    done.window.commands["next-neuron"].trigger()
    assert run.selection.neurons == (6,)
    for _ in range(7):
        done.window.commands["previous-neuron"].trigger()
    assert run.selection.neurons == (run.layer(run.selection.layer).num_neurons - 1,)


def test_m_brings_the_comparison_and_changes_its_way_and_c_exchanges(done, navigation):
    window, comparison = done.window, done.context.comparison
    done.context.sampler.set(seed=9)
    done.run()
    a, b = comparison.a, comparison.b
    QTest.keyClick(window.views.image, Key.Key_C)
    assert (comparison.a, comparison.b) == (b, a)
    compare = window.docks.docks["compare"]
    QTest.keyClick(window.views.image, Key.Key_M)
    assert compare.is_in_front
    done.frame()
    modes = window.views.compare.controls.mode
    seen = [modes.current]
    for _ in range(3):
        window.commands["compare-mode"].trigger()
        seen.append(modes.current)
    assert len(set(seen)) == 3
    assert seen[0] == seen[-1]


def test_settings_of_a_run_are_recalled_whole_and_in_parts(shell, navigation):
    sampler = shell.context.sampler
    shell.load()
    sampler.set(steps=5, seed=3, num=2)
    shell.run()
    entry = shell.context.history.entries[-1]
    object.__setattr__(entry, "tensors_sha256", sampler.model.card.tensors_sha256)
    for command, seed, num in (("recall-seed", 3, 7), ("remix", 8, 2), ("recall-all", 3, 2)):
        sampler.set(seed=8, num=7)
        shell.window.commands[command].trigger()
        assert (sampler.request.seed, sampler.request.num) == (seed, num), command


def test_what_cannot_be_done_is_told_when_its_key_is_pressed(shell, navigation):
    QTest.keyClick(shell.window, Key.Key_C)
    assert "sample twice" in shell.window.notifications.messages[-1].text


# keys ---------------------------------------------------------------------------------------


def test_another_key_works_at_once_and_shows_everywhere(qtbot, done, navigation):
    window, run = done.window, done.context.run
    window.commands.set_keys("next-neuron", ["Ctrl+J"])
    image = window.views.image
    image.setFocus()
    watched = run.selection.neurons
    QTest.keyClick(image, Key.Key_N)
    assert run.selection.neurons == watched
    QTest.keyClick(image, Key.Key_J, CTRL)
    assert run.selection.neurons != watched
    assert dict(window.commands.sheet())["Next neuron"] == QKeySequence("Ctrl+J").toString(
        QKeySequence.SequenceFormat.NativeText
    )
    assert window.commands["next-neuron"].toolTip().endswith("(Ctrl+J)")
    window.commands.set_keys("roll-seed", [])
    assert "(" not in window.toolbar.dice.toolTip()
    window.commands.reset_keys()
    assert window.toolbar.dice.toolTip().endswith("(Ctrl+R)")


def test_the_dialog_gives_refuses_and_resets_keys(qtbot, done, navigation):
    window = done.window
    window.commands["keys"].trigger()
    keys = dialog(window, KeysDialog)
    keys.choose("record")
    keys.keys.setKeySequence(QKeySequence("Ctrl+O"))
    keys.replace.click()
    assert "Open file" in keys.message.text()
    assert window.commands.keys("record") == ("Ctrl+Shift+R",)
    keys.keys.setKeySequence(QKeySequence("Ctrl+J"))
    keys.add.click()
    assert not keys.message.text()
    assert window.commands.keys("record") == ("Ctrl+Shift+R", "Ctrl+J")
    assert keys.chosen == "record"
    keys.take_away.click()
    assert window.commands.keys("record") == ()
    keys.reset.click()
    assert window.commands.keys("record") == ("Ctrl+Shift+R",)
    window.commands.set_keys("play", ["P"])
    keys.reset_all.click()
    assert window.commands.custom_keys == {}
    keys.filter.setText("next neur")
    assert keys.chosen == "next-neuron"
    keys.filter.setText("no such command")
    assert keys.chosen == ""
    assert not keys.add.isEnabled()
    keys.close()


def test_keys_are_taken_over_from_the_last_start(qtbot, shell):
    again = Actions(shell.window, {"swap": ["Ctrl+J"], "gone": ["X"], "open": ["Ctrl+Q"]})
    assert again.keys("swap") == ("Ctrl+J",)
    assert again.keys("open") == ("Ctrl+O",)
    assert again.custom_keys == {"swap": ["Ctrl+J"]}


def test_the_sheet_fits_the_screen_and_lists_the_keys_in_force(qtbot, done, navigation):
    from PySide6.QtWidgets import QLabel

    done.window.commands.set_keys("swap", ["Ctrl+J"])
    QTest.keyClick(done.window, Key.Key_Question, SHIFT)
    sheet = dialog(done.window, ShortcutSheet)
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    assert "Ctrl+J" in texts
    assert sheet.height() <= sheet.screen().availableGeometry().height()
    sheet.close()
    done.window.commands.reset_keys()


def test_a_floating_dock_hears_plain_keys_too(qtbot, done, navigation):
    dock = done.window.docks.docks["image"]
    dock.setFloating(True)
    done.context.timeline.go_first()
    dock.view.setFocus()
    QTest.keyClick(dock.view, Key.Key_Right)
    assert done.context.timeline.cursor == Cursor(0, 1)
    dock.setFloating(False)


def test_high_contrast_is_switched_by_a_command(done, navigation):
    before = theme.tokens()
    done.window.commands["high-contrast"].trigger()
    assert theme.tokens() is theme.HIGH_CONTRAST["dark"]
    done.window.commands["high-contrast"].trigger()
    assert theme.tokens() is before


def test_the_information_of_an_image_is_shown(done, navigation):
    entry = done.context.history.entries[-1]
    QTest.keyClick(done.window.views.image, Key.Key_I)
    cards = [each for each in done.window.findChildren(ProvenanceCard) if each.isVisible()]
    if cards:
        assert cards[0].opened.origin.request == entry.request
        cards[0].close()
    else:  # the fake worker's runs lack parts of their provenance
        assert done.window.notifications.messages
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
