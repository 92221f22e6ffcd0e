"""``spikestudio evaluate``: measure what a model generates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikestudio.cli.console import print_json, progress, stdout

if TYPE_CHECKING:
    from collections.abc import Callable

    from spikestudio.checkpoints.card import Measurement
    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.sampling.result import RunResult
    from spikestudio.sampling.run import SamplingRun

_PART = 512  # images sampled together


def evaluate(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A checkpoint, or the name of a bundled one.")
    ],
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    dataset: Annotated[
        str, typer.Option(help="Name of the data set; the model's own by default.")
    ] = "",
    num: Annotated[int, typer.Option(help="Images to sample.", min=1, max=1_000_000)] = 256,
    seed: Annotated[int, typer.Option(help="Seed of the samples.", min=0)] = 0,
    judge_file: Annotated[
        Path | None,
        typer.Option("--judge", help="Classifier of that data set; one of ours by default."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "cpu",
    store: Annotated[
        bool, typer.Option("--store", help="Write the figures into the card of FILE.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sample with the model's default settings and let a classifier of real images judge."""
    from spikestudio.checkpoints.loader import load
    from spikestudio.data.readers import load_dataset
    from spikestudio.metrics.judge import bundled_judge, load_judge
    from spikestudio.metrics.quality import check_judge, measurements, quality_report

    model = load(file, device)
    name = dataset or model.card.dataset
    judge = load_judge(judge_file or bundled_judge(name))
    check_judge(judge, name)
    train, test = (load_dataset(data, name, split) for split in ("train", "test"))
    result = _sample(model, num, seed)
    assert result.images is not None  # it is complete
    report = quality_report(result.images, result.labels, train, judge, test=test, seed=seed)
    report["protocol"] |= {
        "checkpoint": result.checkpoint,
        "tensors_sha256": result.tensors_sha256,
        "request": result.request.to_json(),
        "device": result.device,
        "seconds": round(result.seconds, 2),
    }
    if store:
        _store(model.path, measurements(report))
    if as_json:
        print_json(report)
    else:
        _print(report)


def _sample(model: LoadedModel, num: int, seed: int) -> RunResult:
    """One result for all images; runs of a part of them bound the memory and change no pixel."""
    from dataclasses import replace

    import numpy as np

    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sampling.run import SamplingRun

    request = SamplingRequest(**model.defaults() | {"seed": seed})
    parts: list[RunResult] = []
    with progress() as bar:
        task = bar.add_task(f"Sampling {num} images", total=None)
        for first in range(0, num, _PART):
            part = replace(request, num=min(_PART, num - first), first_image=first)
            run = SamplingRun(model, part)
            bar.update(task, total=len(run.timesteps) * -(-num // _PART))
            parts.append(_result(run, lambda: bar.advance(task)))
    labels = [each.labels for each in parts if each.labels is not None]
    return replace(
        parts[0],
        request=replace(request, num=min(num, _PART)),
        seconds=sum(each.seconds for each in parts),
        images=np.concatenate([each.images for each in parts if each.images is not None]),
        labels=np.concatenate(labels) if labels else None,
    )


def _result(run: SamplingRun, advance: Callable[[], None]) -> RunResult:
    from spikestudio.errors import SamplingError
    from spikestudio.sampling.events import Failed, StepFinished

    for event in run:
        if isinstance(event, StepFinished):
            advance()
        elif isinstance(event, Failed):
            raise SamplingError(event.message)
    assert run.result is not None  # a run that did not fail has one
    return run.result


def _store(path: Path, quality: tuple[Measurement, ...]) -> None:
    from dataclasses import replace

    from spikestudio.checkpoints.safetensors_io import read_header, read_tensors, save

    header = read_header(path)
    save(path, read_tensors(header), replace(header.card, quality=quality))


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table

    from spikestudio.metrics.quality import measurements

    table = Table(box=None, pad_edge=False, show_header=False)
    for each in measurements(report):
        table.add_row(each.metric.replace("_", " "), f"{each.value:.4g}")
    for name, share in report["class_shares"].items():
        table.add_row(f"share of {name}", f"{share:.4g}")
    stdout().print(table)
    stdout().print(measurements(report)[0].protocol, style="dim")
