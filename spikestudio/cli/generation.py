"""Sampling as one of several processes, and many images for a measurement.

Every image has a random stream of its own, so that it does not matter which process draws it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.recording.values import Activity
    from spikestudio.sampling.result import RunResult
    from spikestudio.sampling.run import SamplingRun
    from spikestudio.training.parallel import Part, World
    from spikestudio.types import LayerInfo

PART = 512  # images sampled together


@dataclass(frozen=True, slots=True)
class Generation:
    """All images in one result, and what the neurons did meanwhile."""

    result: RunResult
    layers: tuple[LayerInfo, ...]
    activity: Activity


def generate(
    model: LoadedModel,
    num: int,
    seed: int,
    world: World,
    advance: Callable[[int], object] = lambda _: None,
) -> Generation:
    """Sample ``num`` images with the model's default settings.

    Every process samples its share and gets all of them. Runs of a part of a share bound the memory
    and change no pixel. ``advance`` is told the images times steps that this process has done.

    Raises
    ------
    SamplingError
        A run failed.
    TrainingError
        There are more processes than images, or another one has ended.
    """
    from spikestudio.recording.record import Record
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sampling.run import SamplingRun

    own = world.part(num)
    request = SamplingRequest(**model.defaults() | {"seed": seed})
    results: list[RunResult] = []
    total: Activity | None = None
    layers: tuple[LayerInfo, ...] = ()
    for first in range(own.first, own.end, PART):
        part = replace(request, num=min(PART, own.end - first), first_image=first)
        # Nothing but counts is kept.
        run = SamplingRun(model, part, record=Record(layers=(), budget_mb=0))
        results.append(_finished(run, advance))
        layers = run.layers
        activity = run.recorder.activity()
        total = activity if total is None else _sum(total, activity)
    assert total is not None  # a share has an image at least
    labels = [each.labels for each in results if each.labels is not None]
    images = np.concatenate([each.images for each in results if each.images is not None])
    whole = replace(
        results[0],
        request=replace(request, num=min(num, PART)),
        seconds=sum(each.seconds for each in results),
        images=images,
        labels=np.concatenate(labels) if labels else None,
        tokens=None,
    )
    return Generation(joint(whole, own, world), layers, _summed(total, world, model.device))


def joint(result: RunResult, own: Part, world: World) -> RunResult:
    """Give every process the images, tokens and labels of all; ``own`` says which these are.

    Raises ``TrainingError`` if another process has ended.
    """

    def of_all(rows: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if rows is None else _gathered(rows, own, world, result.device)

    images, tokens, labels = (
        of_all(each) for each in (result.images, result.tokens, result.labels)
    )
    return replace(result, images=images, tokens=tokens, labels=labels)


def _finished(run: SamplingRun, advance: Callable[[int], object]) -> RunResult:
    from spikestudio.errors import SamplingError
    from spikestudio.sampling.events import Failed, StepFinished

    for event in run:
        if isinstance(event, StepFinished):
            advance(run.request.num)
        elif isinstance(event, Failed):
            raise SamplingError(event.message)
    assert run.result is not None  # a run that did not fail has one
    return run.result


def _gathered(rows: NDArray[Any], own: Part, world: World, device: str) -> NDArray[Any]:
    """Rows of all processes; a sum, as those of the others are zero."""
    if world.is_alone:
        return rows
    whole = np.zeros((own.total, *rows.shape[1:]), rows.dtype)
    whole[own.first : own.end] = rows
    return _added(whole, world, device)


def _sum(one: Activity, other: Activity) -> Activity:
    return replace(
        one,
        **{each.name: getattr(one, each.name) + getattr(other, each.name) for each in fields(one)},
    )


def _summed(activity: Activity, world: World, device: str) -> Activity:
    if world.is_alone:
        return activity
    arrays = {each.name: getattr(activity, each.name) for each in fields(activity)}
    return replace(activity, **{name: _added(each, world, device) for name, each in arrays.items()})


def _added(array: NDArray[Any], world: World, device: str) -> NDArray[Any]:
    import torch

    return world.sum_(torch.from_numpy(array).to(device)).cpu().numpy()
