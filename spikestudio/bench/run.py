"""Asks the models one after the other, as a generator of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikestudio.bench.answer import Answer
from spikestudio.bench.measure import load_average, measure
from spikestudio.bench.question import Question, asked
from spikestudio.checkpoints.catalog import resolve
from spikestudio.errors import SpikeStudioError
from spikestudio.recording.record import Record
from spikestudio.sampling.events import Cancelled, Failed, StepFinished
from spikestudio.sweeps.run import SweepControl

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchStarted:
    """First event: the models by their names, in order."""

    names: tuple[str, ...]
    load: float | None  # see ``Figures``


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStarted:
    """A model is loaded and begins."""

    index: int
    num_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProgressed:
    """A denoising step, counted from 0, is done."""

    index: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFinished:
    """A model has answered, or could not."""

    index: int
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchFinished:
    """Last event: every model was asked."""

    num_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchCancelled:
    """Last event of a cancelled bench: so many models had finished."""

    num_done: int


BenchEvent = (
    BenchStarted | ModelStarted | ModelProgressed | ModelFinished | BenchFinished | BenchCancelled
)


def run_bench(
    models: Sequence[str | Path | LoadedModel],
    question: Question,
    *,
    device: str = "cpu",
    control: SweepControl | None = None,
) -> Iterator[BenchEvent]:
    """Ask every model; iterating does the work in the caller's thread.

    Parameters
    ----------
    models
        Names, paths or loaded models. A file is loaded when it is its turn and let go afterwards; one
        that comes twice is asked once.
    question
        The same for all.
    device
        Where files are loaded: ``cpu``, ``cuda``, ``mps`` or ``auto``.
    control
        ``cancel`` ends the bench within the step in progress, from any thread; answers stay.

    Raises
    ------
    CheckpointError
        A file is missing; raised before anything is sampled. One that is there and cannot be used, or
        a run that breaks off, is an ``Answer`` with an error.
    """
    control = control or SweepControl()
    sources = list(dict.fromkeys(_source(each) for each in models))
    load = load_average()
    yield BenchStarted(names=tuple(_name(each) for each in sources), load=load)
    num_done = num_failed = 0
    for index, source in enumerate(sources):
        if control.is_cancelled:
            break
        for event in _ask(index, source, question, device, control, load):
            if isinstance(event, ModelFinished):
                num_done += 1
                num_failed += bool(event.answer.error)
            yield event
    if num_done < len(sources):
        yield BenchCancelled(num_done=num_done)
    else:
        yield BenchFinished(num_failed=num_failed)


def _source(model: str | Path | LoadedModel) -> Path | LoadedModel:
    return resolve(model) if isinstance(model, str | Path) else model


def _name(source: Path | LoadedModel) -> str:
    return source.stem if isinstance(source, Path) else source.name


def _ask(
    index: int,
    source: Path | LoadedModel,
    question: Question,
    device: str,
    control: SweepControl,
    load: float | None,
) -> Iterator[BenchEvent]:
    from spikestudio.checkpoints.loader import load as load_model
    from spikestudio.export.provenance import provenance
    from spikestudio.sampling.run import SamplingRun

    path = source if isinstance(source, Path) else source.path
    answer = Answer(checkpoint=_name(source), path=str(path))
    try:
        model = load_model(source, device) if isinstance(source, Path) else source
        request, refused = asked(model, question)
        answer = replace(
            answer,
            architecture=model.card.architecture,
            dataset=model.card.dataset,
            request=request.to_json(),
            refused=refused,
        )
        # Nothing but counts is kept: recording would cost time.
        record = Record(layers=(), budget_mb=0)
        run = SamplingRun(model, request, control.begin(), record=record)
    except SpikeStudioError as error:
        yield ModelFinished(index=index, answer=replace(answer, error=str(error)))
        return
    yield ModelStarted(index=index, num_steps=len(run.timesteps))
    seconds: list[float] = []
    with _rows(model.network) as rows:
        for event in run:
            match event:
                case StepFinished(step=step):
                    seconds.append(event.seconds)
                    yield ModelProgressed(index=index, step=step)
                case Cancelled():
                    return
                case Failed(message=message):
                    yield ModelFinished(index=index, answer=replace(answer, error=message))
                    return
    result = run.result
    assert result is not None  # a run that ends otherwise has finished
    computed = round(sum(rows) * request.num / max(1, _needed(run, request.num)))
    figures = measure(model, result, run.recorder, seconds, computed, load)
    yield ModelFinished(
        index=index,
        answer=replace(
            answer, figures=figures, images=result.images, provenance=provenance(result)
        ),
    )


@contextmanager
def _rows(network: Any) -> Iterator[list[int]]:  # noqa: ANN401  any of the architectures
    """Numbers of images in each call of a network, those that only fill up the batch included."""
    rows: list[int] = []
    handle = network.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    try:
        yield rows
    finally:
        handle.remove()


def _needed(run: Any, num: int) -> int:  # noqa: ANN401  a SamplingRun
    """Images that all evaluations had to compute: with guidance each of them twice in a step."""
    layer = next(k for k, each in enumerate(run.layers) if each.id == run.model.layers[0].id)
    evaluated = run.recorder.activity().neurons[layer].sum() / run.layers[layer].num_neurons
    return int(evaluated)
