"""Which keys every command has: the window's own, or those that the user gave it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from spikestudio.errors import ConfigError
from spikestudio.language import tr

MOST_KEYS = 4  # of one command
_FORM = QKeySequence.SequenceFormat
_COMMAND_MODIFIERS = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)
_KEEPS_ITS_USE = {  # dialogs, lists and the way from control to control work by these
    Qt.Key.Key_Tab,
    Qt.Key.Key_Backtab,
    Qt.Key.Key_Escape,
    Qt.Key.Key_Return,
    Qt.Key.Key_Enter,
}
_NO_KEY = {
    Qt.Key.Key_unknown,
    Qt.Key.Key_Control,
    Qt.Key.Key_Shift,
    Qt.Key.Key_Alt,
    Qt.Key.Key_Meta,
    Qt.Key.Key_AltGr,
}


def native(keys: str) -> str:
    """Return keys as the platform writes them: ``Ctrl+F``, or ``⌘F``."""
    return QKeySequence.fromString(keys, _FORM.PortableText).toString(_FORM.NativeText)


def normalised(keys: str) -> str:
    """Return keys in the one form that is stored, ``Ctrl+Shift+P``; raises ``ConfigError``."""
    sequence = QKeySequence.fromString(keys, _FORM.PortableText)
    if sequence.count() != 1 or _combination(sequence).key() in _NO_KEY:
        raise ConfigError(
            tr(
                "{key!r} names no key: press one, with Ctrl, Alt or Shift if you like.",
                key=keys[:40],
            ),
            field="keys",
        )
    if _combination(sequence).key() in _KEEPS_ITS_USE and is_plain(sequence):
        raise ConfigError(
            tr(
                "{keys} keeps its use in dialogs and lists: add Ctrl or Alt to it, or take "
                "another key.",
                keys=native(keys),
            ),
            field="keys",
        )
    return sequence.toString(_FORM.PortableText)


def is_plain(sequence: QKeySequence) -> bool:
    """Whether keys are a single key that the control in use may have a use for itself.

    Those are letters, figures, Space, arrows and the like, alone or with Shift.
    """
    if sequence.count() != 1:
        return False
    combination = _combination(sequence)
    key, modifiers = combination.key(), combination.keyboardModifiers()
    is_function = Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35
    return not is_function and not modifiers & _COMMAND_MODIFIERS


def pressed(event: QKeyEvent) -> tuple[str, ...]:
    """Return the keys of an event, in the form that is stored, in every way they may be named.

    Shift belongs to ``?`` on some keyboards and not on others.
    """
    key = event.key()  # of other alphabets, a number that ``Qt.Key`` has no name for
    if key in _NO_KEY:
        return ()
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    names = [QKeySequence(key | modifiers.value).toString(_FORM.PortableText)]
    is_sign = event.text().isprintable() and event.text() and not event.text().isalpha()
    if modifiers == Qt.KeyboardModifier.ShiftModifier and is_sign and key != Qt.Key.Key_Space:
        names.append(QKeySequence(key).toString(_FORM.PortableText))
    return tuple(names)


class Bindings:
    """Keys by command id. No key ever belongs to two commands.

    Parameters
    ----------
    defaults
        Keys that the commands have at first, by id.
    names
        What the commands are called, by id; for messages.
    stored
        Keys given by the user, as ``custom`` returned them or as a file holds them: what cannot be
        used (an unknown command, no key, a key that another command has) is left out.
    """

    def __init__(
        self,
        defaults: Mapping[str, tuple[str, ...]],
        names: Mapping[str, str],
        stored: Mapping[str, object] | None = None,
    ) -> None:
        self._defaults = {
            command: tuple(normalised(each) for each in keys) for command, keys in defaults.items()
        }
        self._names = names
        self._custom = {
            command: keys
            for command, given in (stored or {}).items()
            if command in defaults and (keys := _usable(given)) is not None
        }
        while doubtful := self._doubled():
            del self._custom[doubtful]

    def keys(self, command: str) -> tuple[str, ...]:
        """Return the keys in force."""
        return self._custom.get(command, self._defaults[command])

    def is_custom(self, command: str) -> bool:
        """Whether the keys in force are not the command's first ones."""
        return command in self._custom

    def holder(self, keys: str) -> str | None:
        """Return the id of the command that has these keys."""
        return next((command for command in self._defaults if keys in self.keys(command)), None)

    def assign(self, command: str, keys: Iterable[str]) -> None:
        """Give a command these keys and no others; raises ``ConfigError`` and changes nothing."""
        wanted = tuple(dict.fromkeys(normalised(each) for each in keys))
        if len(wanted) > MOST_KEYS:
            raise ConfigError(
                tr("A command has at most {most_keys} keys.", most_keys=MOST_KEYS), field="keys"
            )
        for each in wanted:
            holder = self.holder(each)
            if holder not in (None, command):
                raise ConfigError(
                    tr(
                        "{each} belongs to “{name}”: give that command another key first.",
                        each=native(each),
                        name=self._names[str(holder)],
                    ),
                    field="keys",
                )
        if wanted == self._defaults[command]:
            self._custom.pop(command, None)
        else:
            self._custom[command] = wanted

    def reset(self, command: str) -> None:
        """Give a command its first keys again; raises ``ConfigError`` if another one has them."""
        self.assign(command, self._defaults[command])

    def reset_all(self) -> None:
        """Give every command its first keys again."""
        self._custom.clear()

    @property
    def custom(self) -> dict[str, list[str]]:
        """Keys that are not a command's first ones, to be stored."""
        return {command: list(keys) for command, keys in self._custom.items()}

    def _doubled(self) -> str:
        """Return a command whose stored keys another one has; empty if there is none."""
        owners: dict[str, str] = {}
        for command in self._defaults:
            for each in self.keys(command):
                other = owners.setdefault(each, command)
                if other != command:
                    return command if command in self._custom else other
        return ""


def _combination(sequence: QKeySequence) -> QKeyCombination:
    found: QKeyCombination = sequence[0]  # type: ignore[index]  # the stubs leave it out
    return found


def _usable(given: object) -> tuple[str, ...] | None:
    """Return stored keys in the form of ``normalised``; None if they are none."""
    if not isinstance(given, list | tuple) or len(given) > MOST_KEYS:
        return None
    try:
        return tuple(dict.fromkeys(normalised(each) for each in given))
    except (ConfigError, TypeError):
        return None
