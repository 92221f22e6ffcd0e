"""Constants of whole layers as a table edits them: text in, overrides for the next run out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikestudio.neurons.constants import constants_at
from spikestudio.neurons.overrides import CONSTANTS, Override
from spikestudio.neurons.thresholds import schedule_of

if TYPE_CHECKING:
    from spikestudio.types import LayerInfo

KINDS = {"threshold": ("threshold",), "tau": ("tau",), "reset": ("hard-reset", "soft-reset")}
"""What a cell holds, and the kinds of override that set it."""
SOFT = "soft"
Overrides = tuple[Override, ...]


def edit(overrides: Overrides, layer_id: str, what: str) -> Override | None:
    """Return the override of one cell, if it has one."""
    found = [each for each in overrides if _is_cell(each, layer_id, what)]
    return found[-1] if found else None


def edits(overrides: Overrides) -> int:
    """Count the cells that differ from the checkpoint."""
    kinds = {kind: what for what, kinds in KINDS.items() for kind in kinds}
    return len({(each.layer, kinds[each.kind]) for each in overrides if _is_edit(each)})


def others(overrides: Overrides) -> Overrides:
    """Return the overrides that no cell and no curve stands for: lesions, and those of some steps."""
    curve = [each for each in schedule_of(overrides) if each.steps is not None]
    return tuple(each for each in overrides if not _is_edit(each) and each not in curve)


def own_text(overrides: Overrides, layer: LayerInfo, what: str, threshold: float) -> str:
    """Return what a cell holds without its own override; ``threshold`` is the one of all layers."""
    if what == "threshold":
        whole = [each for each in reverted(overrides, layer.id, what) if each.steps is None]
        return f"{constants_at(layer, whole, 0, threshold).v_threshold:g}"
    if what == "tau":
        return "" if layer.tau is None else f"{layer.tau:g}"
    return f"{layer.v_reset:g}"


def text(overrides: Overrides, layer: LayerInfo, what: str, threshold: float) -> str:
    """Return what a cell holds, as it can be typed: a number, or ``soft``; empty if nothing."""
    found = edit(overrides, layer.id, what)
    if found is None:
        return own_text(overrides, layer, what, threshold)
    return SOFT if found.value is None else f"{found.value:g}"


def typed(
    overrides: Overrides, layer: LayerInfo, what: str, entry: str, threshold: float
) -> Overrides:
    """Return the overrides after something was typed into a cell; its own value takes its mark off.

    Raises ``ConfigError`` for what is no such constant.
    """
    entry = entry.strip().lower()
    rest = reverted(overrides, layer.id, what)
    if entry == own_text(overrides, layer, what, threshold):
        return rest
    if what == "reset" and entry == SOFT:
        return (*rest, Override(layer=layer.id, kind="soft-reset"))
    try:
        value: float | str = float(entry)
    except ValueError:
        value = entry
    kind = KINDS[what][0]
    return (*rest, Override(layer=layer.id, kind=kind, value=value))  # type: ignore[arg-type]


def reverted(overrides: Overrides, layer_id: str, what: str) -> Overrides:
    """Return the overrides without that of one cell."""
    return tuple(each for each in overrides if not _is_cell(each, layer_id, what))


def _is_edit(override: Override) -> bool:
    is_one = not any(sign in override.layer for sign in "*?[")
    return override.kind in CONSTANTS and override.steps is None and is_one


def _is_cell(override: Override, layer_id: str, what: str) -> bool:
    return _is_edit(override) and override.layer == layer_id and override.kind in KINDS[what]
