"""Conditions compare states; what is not known fulfils none."""

from __future__ import annotations

from typing import Any

import pytest

from spikestudio.lessons.conditions import holds, names, problem
from spikestudio.lessons.states import STATES

NOW: dict[str, Any] = {
    "lab.tau": 2.5,
    "lab.kind": "LIF",
    "lab.is_real": False,
    "run.finished": 5,
    "docks.open": ("image", "lesson"),
    "lab.rate": None,
    "lab.potential": (0.0, 1.0),
}


@pytest.mark.parametrize(
    ("condition", "is_true"),
    [
        ({"state": "lab.tau", "gt": 2, "le": 2.5}, True),
        ({"state": "lab.tau", "gt": 2.5}, False),
        ({"state": "lab.kind", "in": ["IF", "LIF"]}, True),
        ({"state": "lab.kind", "ne": "LIF"}, False),
        ({"state": "lab.is_real", "eq": False}, True),
        ({"state": "docks.open", "eq": "image"}, True),
        ({"state": "docks.open", "ne": "image"}, False),
        ({"state": "lab.rate", "ne": 3}, False),
        ({"state": "lab.rate", "changed": True}, False),
        ({"state": "lab.tau", "changed": True}, True),
        ({"state": "lab.kind", "changed": True}, False),
        ({"state": "lab.potential", "changed": True}, True),
        ({"state": "run.finished", "since_start": True, "ge": 2}, True),
        ({"state": "run.finished", "since_start": True, "ge": 3}, False),
        ({"all": [{"state": "lab.tau", "eq": 2.5}, {"state": "lab.kind", "eq": "IF"}]}, False),
        ({"any": [{"state": "lab.tau", "eq": 1}, {"state": "lab.kind", "eq": "LIF"}]}, True),
    ],
)
def test_holds(condition: dict[str, Any], is_true: bool) -> None:
    start = {"lab.tau": 2.0, "lab.kind": "LIF", "run.finished": 3, "lab.potential": (0.0, 0.0)}
    assert holds(condition, NOW.__getitem__, start) is is_true


def test_without_a_start_nothing_has_changed() -> None:
    assert not holds({"state": "lab.tau", "changed": True}, NOW.__getitem__, {})
    assert not holds({"state": "run.finished", "since_start": True, "ge": 0}, NOW.__getitem__, {})


@pytest.mark.parametrize(
    ("leaf", "key"),
    [
        ({"state": "lab.potential", "eq": 1}, "eq"),
        ({"state": "lab.is_real", "eq": 1}, "eq"),
        ({"state": "lab.tau", "eq": True}, "eq"),
        ({"state": "lab.kind", "since_start": True}, "since_start"),
        ({"state": "docks.open", "in": ["a"]}, "in"),
        ({"state": "lab.tau", "in": [1, "a"]}, "in"),
        ({"state": "lab.tau", "in": [1, 2.5]}, ""),
    ],
)
def test_nonsense_is_noticed(leaf: dict[str, Any], key: str) -> None:
    assert problem(leaf)[0] == key


def test_names_of_nested_conditions() -> None:
    inner = {"any": [{"state": "lab.tau", "eq": 1}, {"state": "lab.kind", "eq": "IF"}]}
    assert names({"all": [inner, {"state": "run.seed", "eq": 1}]}) == {
        *("lab.tau", "lab.kind", "run.seed")
    }
    assert all(state.meaning for state in STATES.values())
