"""The thresholds among the overrides of a request: a schedule, groups of layers, single layers.

The last override that concerns a layer counts, so they are put in this order: the schedule, which is of
all layers; groups; layers. What is neither is left where it is, as are lesions and other constants.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikestudio.neurons.overrides import Override
from spikestudio.neurons.schedules import Values, spans
from spikestudio.types import LayerInfo

ALL = "*"
Overrides = tuple[Override, ...]

EVERYWHERE, SCHEDULE, GROUP, LAYER, OTHER = SOURCES = ("all", "curve", "group", "own", "other")
"""Where the threshold of a layer comes from, from the weakest to the strongest but for the last."""


@dataclass(frozen=True, slots=True)
class Group:
    """Layers whose ids begin alike; a single one is a group under its own id."""

    pattern: str
    name: str
    layers: tuple[str, ...]

    @property
    def is_layer(self) -> bool:
        """Whether it is a layer and no pattern."""
        return self.layers == (self.pattern,)


def groups_of(layer_ids: Iterable[str]) -> tuple[Group, ...]:
    """Groups by the first part of the ids, in order of evaluation."""
    members: dict[str, list[str]] = {}
    for layer_id in layer_ids:
        members.setdefault(layer_id.partition(".")[0], []).append(layer_id)
    return tuple(
        Group(ids[0] if len(ids) == 1 else f"{name}.*", name, tuple(ids))
        for name, ids in members.items()
    )


def value_of(overrides: Overrides, pattern: str) -> float | None:
    """Threshold that a layer or a pattern has for the whole run; None if it has none of its own."""
    found = [each.value for each in overrides if _is_whole(each, pattern)]
    return found[-1] if found else None


def with_value(overrides: Overrides, pattern: str, value: float | None) -> Overrides:
    """Give a layer or a pattern a threshold for the whole run, or (None) take it off.

    A pattern goes behind the schedule, in front of all else; a layer goes to the end.
    """
    rest = tuple(each for each in overrides if not _is_whole(each, pattern))
    if value is None:
        return rest
    new = Override(layer=pattern, kind="threshold", value=value)
    if not _is_pattern(pattern):
        return (*rest, new)
    schedule = schedule_of(rest)
    return (*schedule, new, *_without(rest, schedule))


def schedule_of(overrides: Overrides) -> Overrides:
    """Thresholds of all layers that come before any other threshold."""
    found = []
    for each in overrides:
        if each.kind == "threshold":
            if each.layer != ALL:
                break
            found.append(each)
    return tuple(found)


def with_schedule(overrides: Overrides, values: Sequence[float] | Values | None) -> Overrides:
    """Put a schedule, one threshold per denoising step, in the place of the one there; None: none."""
    rest = _without(overrides, schedule_of(overrides))
    return rest if values is None else (*as_overrides(values), *rest)


def as_overrides(values: Sequence[float] | Values) -> Overrides:
    """Return one threshold per denoising step as overrides of all layers."""
    return tuple(
        Override(layer=ALL, kind="threshold", value=value, steps=(first, last))
        for first, last, value in spans(values)
    )


def scheduled(schedule: Overrides, base: NDArray[np.float64]) -> Values:
    """Threshold of every denoising step under a schedule; ``base`` is that without it."""
    values = base.astype(np.float64)  # a copy
    for each in schedule:
        first, last = each.steps or (0, len(values) - 1)
        values[first : last + 1] = each.value
    return values


def in_force(
    overrides: Overrides, layers: Sequence[LayerInfo], num_steps: int, threshold: float
) -> Values:
    """Threshold of every layer in every denoising step, ``[layers, steps]``.

    ``threshold`` is the common one of all layers.
    """
    values = np.full((len(layers), num_steps), threshold, np.float64)
    rows: dict[str, NDArray[np.bool_]] = {}
    for each in overrides:
        if each.kind != "threshold" or each.value is None:
            continue
        if each.layer not in rows:
            rows[each.layer] = np.array([each.concerns(layer.id) for layer in layers], bool)
        first, last = each.steps or (0, num_steps - 1)
        values[rows[each.layer], first : last + 1] = each.value
    return values


def sources(
    overrides: Overrides, layers: Sequence[LayerInfo], groups: Iterable[Group]
) -> tuple[str, ...]:
    """Which of ``SOURCES`` the threshold of every layer comes from."""
    patterns = {group.pattern for group in groups if not group.is_layer}
    num_scheduled = len(schedule_of(overrides))
    found = [EVERYWHERE] * len(layers)
    if num_scheduled:
        found = [SCHEDULE] * len(layers)
    for each in [each for each in overrides if each.kind == "threshold"][num_scheduled:]:
        source = OTHER
        if each.steps is None:
            source = GROUP if each.layer in patterns else OTHER
            source = source if _is_pattern(each.layer) else LAYER
        for row, layer in enumerate(layers):
            if each.concerns(layer.id):
                found[row] = source
    return tuple(found)


def without_thresholds(overrides: Overrides) -> Overrides:
    """Leave lesions and other constants only."""
    return tuple(each for each in overrides if each.kind != "threshold")


def others(overrides: Overrides, groups: Iterable[Group]) -> Overrides:
    """Thresholds that are neither of the schedule, nor of a group or layer for the whole run."""
    patterns = {group.pattern for group in groups}
    rest = _without(overrides, schedule_of(overrides))
    return tuple(
        each
        for each in rest
        if each.kind == "threshold"
        and (each.steps is not None or (_is_pattern(each.layer) and each.layer not in patterns))
    )


def _is_whole(override: Override, pattern: str) -> bool:
    is_threshold = override.kind == "threshold" and override.steps is None
    return is_threshold and override.layer == pattern


def _is_pattern(layer: str) -> bool:
    return any(sign in layer for sign in "*?[")


def _without(overrides: Overrides, part: Overrides) -> Overrides:
    """Take out these very overrides, not others that are equal."""
    ids = {id(each) for each in part}
    return tuple(each for each in overrides if id(each) not in ids)
