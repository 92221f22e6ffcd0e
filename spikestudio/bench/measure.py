"""Figures of a run that has finished."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikestudio.bench.answer import Cost, Figures
from spikestudio.errors import DataError
from spikestudio.metrics.operations import Costs, Count, Operations, as_ann, as_papers, as_strict
from spikestudio.sweeps.measures import firing
from spikestudio.sweeps.table import confidence

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.metrics.judge import Judge
    from spikestudio.recording.recorder import Recorder
    from spikestudio.sampling.result import RunResult


def measure(
    model: LoadedModel,
    result: RunResult,
    recorder: Recorder,
    seconds: Sequence[float],
    computed: int,
    load: float | None,
) -> Figures:
    """Figures of a complete run; ``seconds`` are those of its steps, ``computed`` as in ``Figures``."""
    from spikestudio.metrics.tracing import count_operations

    num = result.request.num
    activity = recorder.activity()
    denoiser = {layer.id for layer in model.layers}
    is_denoiser = [layer.id in denoiser for layer in recorder.layers]
    rate, additions = firing(activity, is_denoiser, num)
    first = is_denoiser.index(True)
    per_step = activity.neurons[first] / (recorder.layers[first].num_neurons * num)
    step = sum(seconds[1:]) / (len(seconds) - 1) if len(seconds) > 1 else None
    costs = _costs(count_operations(model.network), recorder, per_step)
    sure, judge = _judged(model.card.dataset, result.images)
    return Figures(
        parameters=sum(each.numel() for each in model.network.parameters()),
        neurons=sum(layer.num_neurons for layer in model.layers),
        steps=len(result.timesteps),
        evaluations=round(float(per_step.sum())),
        computed=computed,
        seconds=result.seconds,
        seconds_per_evaluation=None if step is None else step / float(per_step[1:].mean()),
        seconds_per_image=None if step is None else step * len(result.timesteps) / num,
        mean_rate=rate,
        synaptic_operations=additions,
        ann=costs[0],
        papers=costs[1],
        strict=costs[2],
        confidence=sure,
        judge=judge,
        device=result.device,
        threads=result.num_threads,
        load=load,
    )


def load_average() -> float | None:
    """Mean number of threads that wanted a core in the last minute; None if the system cannot tell."""
    if not hasattr(os, "getloadavg"):
        return None
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def _costs(
    operations: Operations, recorder: Recorder, per_step: NDArray[np.float64]
) -> tuple[Cost, ...]:
    """Of the network without spikes, in the papers' accounting and in the strict one."""
    ids = [layer.id for layer in recorder.layers]
    rows = [ids.index(layer_id) for layer_id in operations.spiking]
    activity = recorder.activity()
    additions = activity.additions_of_one([layer.num_neurons for layer in recorder.layers])
    ann = as_ann(operations)
    dense = Count(ann.mac[:, None], ann.ac[:, None])
    rates = activity.rates[rows].astype(np.float64)
    return tuple(
        _cost(count, per_step)
        for count in (
            dense,
            as_papers(operations, rates, recorder.snn_steps),
            as_strict(operations, additions[rows], recorder.snn_steps),
        )
    )


def _cost(count: Count, per_step: NDArray[np.float64]) -> Cost:
    """Sum over layers and steps of ``[layers, steps]``, each step as often as it is evaluated."""
    totals = (count.mac, count.ac, count.energy(Costs()))
    return Cost(*(float((each.sum(0) * per_step).sum()) for each in totals))


def _judged(dataset: str, images: NDArray[np.uint8] | None) -> tuple[float | None, str]:
    judge = _judge_of(dataset)
    if judge is None or images is None:
        return None, ""
    return float(confidence(judge, images).mean()), judge.facts.dataset


@cache
def _judge_of(dataset: str) -> Judge | None:
    from spikestudio.metrics.judge import bundled_judge, load_judge

    try:
        return load_judge(bundled_judge(dataset))
    except DataError:
        return None
