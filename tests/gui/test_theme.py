from dataclasses import fields

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QLabel, QPushButton, QStyle, QStyleOptionComboBox

from spikestudio.app import theme
from spikestudio.app.views.parts import Combo
from spikestudio.app.widgets.command_button import CommandButton


@pytest.fixture(autouse=True)
def _reset(qapp):
    yield
    theme.manager.set_mode("dark")
    theme.manager.set_scale(1.0)


def luminance(color):
    def linear(value):
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(part) for part in QColor(color).getRgbF()[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["dark", "light"])
@pytest.mark.parametrize("behind", ["bg", "surface", "raised", "hover", "selected"])
@pytest.mark.parametrize("name", ["text", "muted", "accent", "ok", "warn", "error"])
def test_text_can_be_read_on_every_background(mode, behind, name):
    table = theme.TABLES[mode]
    assert contrast(getattr(table, name), getattr(table, behind)) >= 4.5


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_marks_stand_out_from_the_surface_and_from_each_other(mode):
    table = theme.TABLES[mode]
    assert contrast(table.on_accent, table.accent) >= 4.5
    for color in (*table.watch, table.spike, table.threshold):
        assert contrast(color, table.surface) >= 3
    used = [*table.watch, table.accent, table.spike, table.threshold, table.warn]
    assert len(set(used)) == len(used)


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_every_token_is_a_colour(mode):
    table = theme.TABLES[mode]
    for field in fields(table):
        value = getattr(table, field.name)
        for color in value if field.name == "watch" else (value,):
            assert QColor(color).isValid()
            assert len(color) == 7


def test_changed_follows_a_change_and_only_a_change(qtbot):
    with qtbot.waitSignal(theme.manager.changed):
        theme.manager.set_mode("light")
    assert theme.tokens() is theme.TABLES["light"]
    with qtbot.assertNotEmitted(theme.manager.changed):
        theme.manager.set_mode("light")
    with pytest.raises(ValueError, match="sepia"):
        theme.manager.set_mode("sepia")


def test_text_size_scales_fonts_and_lengths_within_its_range(qapp):
    assert theme.font("title").pixelSize() == 15
    theme.manager.set_scale(1.5)
    assert theme.font("title").pixelSize() == 22
    assert theme.px(8) == 12
    theme.manager.set_scale(9)
    assert theme.manager.scale == 2.0


def test_the_style_sheet_follows_the_theme(qtbot, qapp, styled):
    label = QLabel("text")
    qtbot.addWidget(label)
    for mode in ("light", "dark"):
        theme.manager.set_mode(mode)
        text = theme.TABLES[mode].text
        assert qapp.palette().color(QPalette.ColorRole.WindowText).name() == text.lower()
        assert theme.TABLES[mode].surface in qapp.styleSheet()
    assert "$" not in qapp.styleSheet()


def test_a_command_button_shows_what_the_command_says(qtbot):
    from PySide6.QtGui import QAction

    action = QAction("Cancel")
    button = CommandButton(action, "mdi6.stop")
    qtbot.addWidget(button)
    action.setText("Stopping…")
    action.setEnabled(False)
    assert isinstance(button, QPushButton)
    assert button.text() == "Stopping…"
    assert not button.isEnabled()
    button.set_text_shown(False)
    assert button.text() == ""
    assert button.accessibleName() == "Stopping…"


@pytest.mark.usefixtures("styled")
def test_a_drop_down_list_is_no_menu_over_its_box(qtbot):
    box = Combo("rule", "tip", ("one", "other"))  # such a menu cut its last row off
    qtbot.addWidget(box)
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    assert not box.style().styleHint(QStyle.StyleHint.SH_ComboBox_Popup, option, box)
