"""From axes to cells: every combination, checked against its model before anything is sampled."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikestudio.checkpoints.catalog import resolve
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.neurons.overrides import Override, as_overrides, check_overrides
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sweeps.axes import EXECUTION_ORDER, Axis, Value
from spikestudio.sweeps.cells import Cell, SweepPlan

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel

MAX_CELLS = 5000
_OWN = ("seed", "class")  # axes along which pictures are not compared


class Models:
    """Loads checkpoints one after the other; only the last one stays in memory."""

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._loaded: tuple[Path, LoadedModel] | None = None

    def at(self, path: Path) -> LoadedModel:
        """The model in a file; raises ``CheckpointError``."""
        if self._loaded is None or self._loaded[0] != path:
            from spikestudio.checkpoints.loader import load

            self._loaded = None  # frees the one before first
            self._loaded = (path, load(path, self._device))
        return self._loaded[1]


def plan_sweep(
    file: str | Path, axes: Sequence[Axis], given: Mapping[str, Any], models: Models
) -> SweepPlan:
    """Make and check every cell.

    Parameters
    ----------
    file
        Name or path of the checkpoint; an axis of checkpoints takes its place.
    axes
        As ``parse_axes`` gives them.
    given
        Fields of ``SamplingRequest`` that hold for all cells. What is left out is each model's default.
    models
        Each checkpoint is loaded once.

    Raises
    ------
    ConfigError
        Too many cells, a parameter that is given and an axis as well, an axis that the model would
        ignore, or a combination that it cannot do.
    CheckpointError
        A checkpoint is missing or cannot be used.
    """
    num_cells = prod(len(axis.values) for axis in axes)
    if num_cells > MAX_CELLS:
        raise ConfigError(
            tr(
                "The sweep would have {num_cells:,} cells where at most {max_cells:,} are allowed: "
                "take fewer values or fewer axes.",
                num_cells=num_cells,
                max_cells=MAX_CELLS,
            ),
            field="axis",
        )
    for axis in axes:
        if axis.field in given:
            raise ConfigError(
                tr(
                    "The axis {axis} is given as --{axis} as well: leave one of them out.",
                    axis=axis.name,
                ),
                field=axis.field,
            )
    base = resolve(file)
    axes = tuple(_resolved(axis) for axis in axes)
    order = sorted(axes, key=lambda axis: list(EXECUTION_ORDER).index(axis.name))
    ways = itertools.product(*(enumerate(axis.values) for axis in order))
    cells = [
        _cell(k, axes, {a.name: c for a, c in zip(order, way, strict=True)}, base, given, models)
        for k, way in enumerate(ways)
    ]
    return SweepPlan(axes, _with_references(axes, cells, base, given, models))


def _resolved(axis: Axis) -> Axis:
    """A checkpoint axis with paths; two names of one file are one value."""
    if axis.name != "checkpoint":
        return axis
    paths = {str(resolve(value.value)): value for value in reversed(axis.values)}  # type: ignore[arg-type]
    values = [Value(_name(value.text), path) for path, value in reversed(paths.items())]
    texts = [value.text for value in values]
    if len(set(texts)) < len(texts):  # files of one name in several folders
        values = [Value(str(value.value), value.value) for value in values]
    return replace(axis, values=tuple(values))


def _name(text: str) -> str:
    return Path(text).stem if Path(text).name != text or Path(text).suffix else text


def _cell(
    index: int,
    axes: Sequence[Axis],
    chosen: Mapping[str, tuple[int, Value]],
    base: Path,
    given: Mapping[str, Any],
    models: Models,
) -> Cell:
    from spikestudio.sampling.plan import plan, run_layers

    path = Path(chosen["checkpoint"][1].value) if "checkpoint" in chosen else base  # type: ignore[arg-type]
    model = models.at(path)
    _refuse_unused(model, axes, given)
    fields = {
        EXECUTION_ORDER[name]: value.value
        for name, (_, value) in chosen.items()
        if name not in ("checkpoint", "tau")
    }
    if "tau" in chosen:
        overrides = as_overrides(given.get("overrides", ()))
        fields["overrides"] = (*overrides, *_tau(model, float(chosen["tau"][1].value)))  # type: ignore[assignment]
    request = SamplingRequest(**model.defaults() | dict(given) | fields)
    times = plan(model, request)
    check_overrides(request.overrides, run_layers(model), len(times))
    size = model.card.image_size
    return Cell(
        index=index,
        place=tuple(chosen[axis.name][0] for axis in axes),
        texts={axis.name: chosen[axis.name][1].text for axis in axes},
        request=request,
        path=path,
        checkpoint=model.name,
        dataset=model.card.dataset,
        tensors_sha256=model.card.tensors_sha256,
        num_steps=len(times),
        shape=(size, size, model.card.image_channels),
        reference=index,
    )


def _tau(model: LoadedModel, tau: float) -> tuple[Override, ...]:
    """Overrides of every layer that leaks."""
    from spikestudio.sampling.plan import run_layers

    layers = run_layers(model)
    leaking = [layer.id for layer in layers if layer.tau is not None]
    ids = ["*"] if len(leaking) == len(layers) else leaking
    return tuple(Override(layer=each, kind="tau", value=tau) for each in ids)


def _refuse_unused(model: LoadedModel, axes: Sequence[Axis], given: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` for an axis or option that this model would silently ignore."""
    names = {axis.field: axis.name for axis in axes}
    for field, is_used, why in (
        ("temperature", model.is_token_model, tr("works on pixels and not on tokens")),
        ("guidance", model.num_classes is not None, tr("has no classes to be guided to")),
        ("class_label", model.num_classes is not None, tr("has no classes to choose from")),
        ("clip_x0", not model.is_token_model, tr("predicts tokens and no pixels to clip")),
        ("tau", any(layer.tau for layer in model.layers), tr("has no neurons that leak")),
    ):
        if not is_used and field in names:
            raise ConfigError(
                tr(
                    "{model} {why}, so the axis {name} would change nothing: leave it out.",
                    model=model.name,
                    why=why,
                    name=names[field],
                ),
                field=field,
            )
        if not is_used and field in given:
            option = field.replace("_label", "").replace("_", "-")
            raise ConfigError(
                tr(
                    "{model} {why}: leave --{option} out.", model=model.name, why=why, option=option
                ),
                field=field,
            )


def _with_references(
    axes: Sequence[Axis],
    cells: Sequence[Cell],
    base: Path,
    given: Mapping[str, Any],
    models: Models,
) -> tuple[Cell, ...]:
    usual = _usual_place(axes, base, given, models)
    by_place = {cell.place: cell.index for cell in cells}
    own = [axis.name in _OWN for axis in axes]
    return tuple(
        replace(
            cell,
            reference=by_place[
                tuple(
                    mine if is_own else common
                    for mine, common, is_own in zip(cell.place, usual, own, strict=True)
                )
            ],
        )
        for cell in cells
    )


def _usual_place(
    axes: Sequence[Axis], base: Path, given: Mapping[str, Any], models: Models
) -> tuple[int, ...]:
    """What holds without the sweep, where it is on the axis; else the axis' first value."""
    wanted: dict[str, Any] = {"checkpoint": str(base)}
    first = {axis.name: axis.values[0] for axis in axes}
    values = next((axis.values for axis in axes if axis.name == "checkpoint"), ())
    if values and str(base) not in [value.value for value in values]:
        wanted["checkpoint"] = first["checkpoint"].value
    model = models.at(Path(wanted["checkpoint"]))
    wanted |= model.defaults() | dict(given) | {"tau": model.card.tau}
    return tuple(
        next((k for k, value in enumerate(axis.values) if value.value == wanted.get(axis.field)), 0)
        for axis in axes
    )
