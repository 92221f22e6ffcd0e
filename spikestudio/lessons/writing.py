"""Values and counts as they are read."""

from __future__ import annotations

from spikestudio.language import tr
from spikestudio.lessons.equations import NOT_RECORDED, number
from spikestudio.lessons.states import STATES, Value


def value_text(name: str, value: Value, unknown: str = NOT_RECORDED) -> str:
    """Return a value as it is read: numbers with the decimals of their state."""
    if value is None:
        return unknown
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    if isinstance(value, tuple):
        return ", ".join(value_text(name, each) for each in value)
    if isinstance(value, int | float):
        decimals = STATES[name].decimals
        return f"{value:,}" if isinstance(value, int) else number(value, decimals)
    return value


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"
