import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest

from spikestudio.app.keys import Bindings, is_plain, normalised, pressed
from spikestudio.errors import ConfigError

DEFAULTS = {"one": ("Ctrl+1", "N"), "two": ("Ctrl+2",), "three": ()}
NAMES = {"one": "First", "two": "Second", "three": "Third"}


@pytest.fixture
def bindings():
    return Bindings(DEFAULTS, NAMES)


def owners(bindings):
    keys = [key for command in DEFAULTS for key in bindings.keys(command)]
    return keys, set(keys)


def test_other_keys_replace_the_first_ones_and_can_be_reset(bindings):
    bindings.assign("two", ["ctrl+shift+p", "F6", "F6"])
    assert bindings.keys("two") == ("Ctrl+Shift+P", "F6")
    assert bindings.holder("F6") == "two"
    assert bindings.holder("Ctrl+2") is None
    assert bindings.custom == {"two": ["Ctrl+Shift+P", "F6"]}
    bindings.reset("two")
    assert bindings.keys("two") == ("Ctrl+2",)
    assert bindings.custom == {}


def test_a_key_that_another_command_has_is_refused_with_its_name(bindings):
    with pytest.raises(ConfigError, match=r"Ctrl\+1 belongs to “First”") as caught:
        bindings.assign("two", ["Ctrl+7", "Ctrl+1"])
    assert caught.value.field == "keys"
    assert bindings.keys("two") == ("Ctrl+2",)


def test_first_keys_that_were_given_away_are_not_taken_back_silently(bindings):
    bindings.assign("two", [])
    bindings.assign("three", ["Ctrl+2"])
    with pytest.raises(ConfigError, match="Third"):
        bindings.reset("two")
    bindings.reset_all()
    assert bindings.keys("two") == ("Ctrl+2",)
    assert bindings.keys("three") == ()


@pytest.mark.parametrize(
    "keys", ["", "Ctrl", "Foo", "Ctrl+1, Ctrl+2", "Tab", "Esc", "Return", "Shift+Tab", "Enter"]
)
def test_what_names_no_free_key_is_refused(bindings, keys):
    with pytest.raises(ConfigError):
        bindings.assign("three", [keys])
    assert bindings.keys("three") == ()


def test_keys_are_kept_in_a_form_that_can_be_stored(bindings):
    bindings.assign("one", ["Ctrl+2".replace("2", "9")])
    bindings.assign("two", ["Ctrl+1"])
    again = Bindings(DEFAULTS, NAMES, bindings.custom)
    assert {each: again.keys(each) for each in DEFAULTS} == {
        each: bindings.keys(each) for each in DEFAULTS
    }


def test_two_commands_may_have_exchanged_their_keys():
    stored = {"one": ["Ctrl+2"], "two": ["Ctrl+1"]}
    assert Bindings(DEFAULTS, NAMES, stored).custom == stored


@pytest.mark.parametrize(
    "stored",
    [
        {"gone": ["Ctrl+9"]},
        {"one": "Ctrl+9"},
        {"one": ["no key at all"]},
        {"one": [7]},
        {"one": ["Ctrl+2"]},
        {"one": None},
        {"one": ["F1", "F2", "F3", "F4", "F5"]},
    ],
)
def test_stored_keys_that_cannot_be_used_are_left_out(stored):
    assert Bindings(DEFAULTS, NAMES, stored).custom == {}


KEYS = st.sampled_from(["Ctrl+1", "Ctrl+2", "N", "F6", "Tab", "nonsense", "Shift+N", ""])
STORED = st.dictionaries(st.sampled_from([*DEFAULTS, "gone"]), st.lists(KEYS, max_size=5))


@given(STORED)
def test_no_key_ever_belongs_to_two_commands(stored):
    keys, different = owners(Bindings(DEFAULTS, NAMES, stored))
    assert len(keys) == len(different)


@pytest.mark.parametrize(
    ("keys", "plain"),
    [
        ("N", True),
        ("Shift+N", True),
        ("Left", True),
        ("Space", True),
        ("?", True),
        ("F6", False),
        ("Shift+F6", False),
        ("Ctrl+N", False),
        ("Alt+A", False),
    ],
)
def test_plain_keys_are_those_that_a_control_may_use(keys, plain):
    from PySide6.QtGui import QKeySequence

    assert is_plain(QKeySequence(normalised(keys))) == plain


def test_a_question_mark_is_one_with_and_without_shift(qapp):
    for modifiers in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier):
        event = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Question, modifiers, "?")
        assert "?" in pressed(event)
    shifted = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier, "N")
    assert pressed(shifted) == ("Shift+N",)
    keypad = QKeyEvent(
        QEvent.Type.KeyPress, Qt.Key.Key_Left, Qt.KeyboardModifier.KeypadModifier, ""
    )
    assert pressed(keypad) == ("Left",)


def test_letters_of_other_alphabets_are_keys_like_others(qapp):
    event = QKeyEvent(QEvent.Type.KeyPress, 0x0416, Qt.KeyboardModifier.NoModifier, "\u0436")
    assert pressed(event) == ("\u0416",)


def test_enter_presses_the_button_that_has_the_focus_and_nothing_else(qtbot, shell):
    wide = shell.window.views.sampler.wide
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        before = wide.isChecked()
        wide.setFocus()
        qtbot.waitUntil(wide.hasFocus)
        QTest.keyClick(wide, key)
        assert wide.isChecked() != before
    before = wide.isChecked()
    shell.window.setFocus()
    QTest.keyClick(shell.window, Qt.Key.Key_Return)
    assert wide.isChecked() == before
