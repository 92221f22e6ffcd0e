"""Conditions of a lesson: data that is compared with the state of the application, no code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from spikestudio.language import tr
from spikestudio.lessons.states import STATES, Value

Condition = Mapping[str, Any]
ORDER = ("lt", "le", "gt", "ge")
OPERATORS = ("eq", "ne", *ORDER, "in")
_TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "text": (str,),
    "flag": (bool,),
    "names": (str,),
}


def leaves(condition: Condition) -> Iterator[tuple[tuple[str | int, ...], Condition]]:
    """Return every comparison in a condition, with the place where it stands."""
    for kind in ("all", "any"):
        if kind in condition:
            for index, part in enumerate(condition[kind]):
                for place, leaf in leaves(part):
                    yield (kind, index, *place), leaf
            return
    yield (), condition


def names(condition: Condition) -> set[str]:
    """Return the states that a condition asks for."""
    return {leaf["state"] for _, leaf in leaves(condition)}


def problem(leaf: Condition) -> tuple[str, str]:
    """Return the key and the reason why a comparison makes no sense; two empty texts if it does."""
    name = leaf["state"]
    if name not in STATES:
        return "state", tr("there is no state {name!r}", name=name)
    kind = STATES[name].kind
    if leaf.get("since_start") and kind != "number":
        return "since_start", tr("{name} is no number", name=name)
    for operator in OPERATORS:
        if operator not in leaf:
            continue
        if kind == "curve":
            return operator, tr("{name} is a curve, which can only be changed", name=name)
        if operator in ORDER and kind != "number":
            return operator, tr("{name} is no number", name=name)
        if operator == "in" and kind in ("names", "flag"):
            return operator, tr(
                "{operator!r} cannot be asked of {name}", operator=operator, name=name
            )
        values = leaf[operator] if operator == "in" else [leaf[operator]]
        is_flag = kind == "flag"
        if any(isinstance(v, bool) != is_flag or not isinstance(v, _TYPES[kind]) for v in values):
            return operator, tr(
                "{name} is a {kind}, which {leaf!r} is not",
                name=name,
                kind=kind,
                leaf=leaf[operator],
            )
    return "", ""


def holds(
    condition: Condition, value_of: Callable[[str], Value], start: Mapping[str, Value]
) -> bool:
    """Whether a condition holds now; ``start`` are the values when the page began."""
    if "all" in condition:
        return all(holds(part, value_of, start) for part in condition["all"])
    if "any" in condition:
        return any(holds(part, value_of, start) for part in condition["any"])
    name = condition["state"]
    value, before = value_of(name), start.get(name)
    if value is None:
        return False
    if condition.get("changed") and (before is None or value == before):
        return False
    if condition.get("since_start"):
        if not isinstance(value, int | float) or not isinstance(before, int | float):
            return False
        value -= before
    return all(
        _compare(operator, value, condition[operator])
        for operator in OPERATORS
        if operator in condition
    )


def _compare(operator: str, value: Any, wanted: Any) -> bool:  # noqa: ANN401  checked by `problem`
    match operator:
        case "eq":
            return bool(wanted in value if isinstance(value, tuple) else value == wanted)
        case "ne":
            return bool(wanted not in value if isinstance(value, tuple) else value != wanted)
        case "lt":
            return bool(value < wanted)
        case "le":
            return bool(value <= wanted)
        case "gt":
            return bool(value > wanted)
        case "ge":
            return bool(value >= wanted)
        case _:
            return value in wanted
