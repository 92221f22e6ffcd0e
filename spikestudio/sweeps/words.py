"""How a sweep is described on its sheet and page."""

from __future__ import annotations

from spikestudio.language import mark, tr
from spikestudio.sweeps.axes import EXECUTION_ORDER
from spikestudio.sweeps.cells import SweepPlan

UNITS = {
    "snn-steps": mark("SNN time steps"),
    "steps": mark("denoising steps"),
    "class": mark("class"),
    "guidance": mark("guidance scale"),
    "tau": mark("tau of every LIF layer"),
}
_NEUTRAL = {"guidance": 1, "temperature": 1}  # nothing to tell of


def axis_title(name: str) -> str:
    """Name of an axis in words."""
    return tr(UNITS.get(name, name))


def title(plan: SweepPlan) -> str:
    """What was swept, in a few words."""
    names = sorted({cell.checkpoint for cell in plan.cells})
    models = names[0] if len(names) == 1 else tr("{num_names} checkpoints", num_names=len(names))
    return f"{models}: {' × '.join(axis_title(axis.name) for axis in plan.axes)}"


def settings(plan: SweepPlan) -> str:
    """What is the same in all cells, in one line."""
    fields = {axis.field for axis in plan.axes}
    names = {field: name for name, field in EXECUTION_ORDER.items()}
    parts = [_images(plan)]
    requests = [cell.request.to_json() for cell in plan.cells]
    shown = ("seed", "sampler", "steps", "snn_steps", "threshold", "class_label", *_NEUTRAL)
    for field in shown:
        values = [request[field] for request in requests]
        is_telling = values[0] is not None and values[0] != _NEUTRAL.get(field)
        if field not in fields and is_telling and values.count(values[0]) == len(values):
            text = values[0] if isinstance(values[0], str | int) else f"{values[0]:.12g}"
            parts.append(f"{axis_title(names[field])} {text}")
    if "tau" not in fields and any(request["overrides"] for request in requests):
        parts.append(tr("with overrides of neurons"))
    return ", ".join(parts)


def _images(plan: SweepPlan) -> str:
    nums = sorted({cell.request.num for cell in plan.cells})
    count = f"{nums[0]}" if len(nums) == 1 else tr("{num} to {num_2}", num=nums[0], num_2=nums[-1])
    text = tr("1 image per cell") if nums == [1] else tr("{count} images per cell", count=count)
    is_apart = any(axis.name in ("seed", "checkpoint") for axis in plan.axes)
    return text if is_apart else tr("{the_text} from the same noise", the_text=text)
