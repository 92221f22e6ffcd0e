"""``spikestudio evaluate``: measure what a model generates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikestudio.cli.console import print_json, progress, stdout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spikestudio.checkpoints.card import Measurement
    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.cli.generation import Generation
    from spikestudio.data.readers import Dataset
    from spikestudio.metrics.judge import Judge
    from spikestudio.metrics.protocol import Figure
    from spikestudio.metrics.report import Choice

_RECONSTRUCTED = 1000  # test images at least that a VQ-SVAE brings back


def evaluate(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A checkpoint, or the name of a bundled one.")
    ] = "",
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    dataset: Annotated[
        str, typer.Option(help="Name of the data set; the model's own by default.")
    ] = "",
    num: Annotated[int, typer.Option(help="Images to sample.", min=1, max=1_000_000)] = 256,
    seed: Annotated[int, typer.Option(help="Seed of the samples.", min=0)] = 0,
    reference_split: Annotated[
        str, typer.Option(help="Real images to compare with: test or train.")
    ] = "test",
    judge_file: Annotated[
        str,
        typer.Option("--judge", help="Classifier of that data set; ours by default, or none."),
    ] = "",
    autoencoder: Annotated[
        str,
        typer.Option(
            help="Of the Fréchet autoencoder distance: own (trained once, minutes), none, or a "
            "file of published weights."
        ),
    ] = "own",
    autoencoder_reference: Annotated[
        Path | None, typer.Option(help="Its published mu and sigma (.npz).")
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(help="Inception weights for FID, KID and IS; needs the extra inception."),
    ] = None,
    resize: Annotated[
        str, typer.Option(help="How images come to Inception's size: tf-bilinear or pil-bicubic.")
    ] = "tf-bilinear",
    reference: Annotated[
        Path | None,
        typer.Option(help="Inception features or statistics of real images (.npy, .npz)."),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(help="Inception features of generated images from elsewhere (.npy, .npz)."),
    ] = None,
    baseline: Annotated[
        bool,
        typer.Option("--baseline", help="Compare with pixels drawn from a Gaussian of each class."),
    ] = False,
    as_in_paper: Annotated[
        bool,
        typer.Option(
            "--as-in-paper",
            help="Add the biased figures of Spiking-Diffusion's code (1280 images).",
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "cpu",
    store: Annotated[
        bool, typer.Option("--store", help="Write the figures into the card of FILE.")
    ] = False,
    table: Annotated[
        bool,
        typer.Option("--table", help="Print the figures in all bundled cards as Markdown."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sample with the model's default settings and measure the images; each figure has its protocol.

    Under torchrun every process samples a share, with the result of one process. Without FILE,
    --features and --reference are compared.
    """
    from spikestudio.errors import ConfigError

    if table:
        return _print_table()
    if (features is None) != (reference is None) and inception is None:
        raise ConfigError("--features and --reference belong together: give both.")
    given: list[Figure] = []
    if features is not None and reference is not None:
        from spikestudio.metrics.report import file_figures

        given = list(file_figures(features, reference, is_biased=as_in_paper, seed=seed))
    if not file:
        if not given:
            raise ConfigError(
                "Nothing to measure: give a checkpoint and --data, --features and --reference, "
                "or --table."
            )
        _show({"figures": [each.to_json() for each in given]}, given, (), as_json=as_json)
        return None
    if data is None:
        raise ConfigError("The folder of the data set is missing: give --data.", field="data")

    from spikestudio.metrics.report import Choice

    choice = Choice(
        reference_split=reference_split,
        inception=inception,
        inception_reference=reference if features is None else None,
        resize=resize,
        autoencoder=autoencoder,
        autoencoder_reference=autoencoder_reference,
        has_baseline=baseline,
        is_biased=as_in_paper,
        seed=seed,
        device=device,
    )
    _evaluate(file, data, dataset, num, judge_file, choice, given, store=store, as_json=as_json)
    return None


def _evaluate(
    file: str,
    data: Path,
    dataset: str,
    num: int,
    judge_file: str,
    choice: Choice,
    given: list[Figure],
    *,
    store: bool,
    as_json: bool,
) -> None:
    from dataclasses import replace

    from spikestudio.checkpoints.devices import pick_device
    from spikestudio.checkpoints.loader import load
    from spikestudio.cli.generation import generate
    from spikestudio.data.readers import load_dataset
    from spikestudio.data.registry import DATASETS
    from spikestudio.errors import ConfigError
    from spikestudio.metrics.quality import measurements
    from spikestudio.sweeps.share import Share
    from spikestudio.training.parallel import joined

    share = Share.of_environment()
    device = pick_device(share.device(choice.device))
    model = load(file, device)
    name = dataset or model.card.dataset
    if name not in DATASETS and not dataset:
        raise ConfigError(
            f"{model.path.name} does not say what it was trained on: give --dataset "
            f"({', '.join(DATASETS)}).",
            field="dataset",
        )
    judge = _judge(judge_file, name)
    with joined(share.rank, share.size, device) as world, progress() as bar:
        task = bar.add_task("Reading")

        def stage(text: str, total: int | None) -> Callable[[int], None]:
            bar.update(task, description=text, total=total, completed=0)
            return lambda more: bar.advance(task, more)

        sets = [load_dataset(data, name, split) for split in ("train", "test")]
        own = world.part(num)
        stage(f"Sampling {num} images", len(own) * model.defaults()["steps"])
        made = generate(model, num, choice.seed, world, lambda more: bar.advance(task, more))
        if not share.is_first:  # the first process measures for all
            return
        train, test = sets
        report = _report(made, train, test, judge, choice.seed)
        figures = [*given]
        choice = replace(choice, device=device)
        figures += _figures(model, made, train, test, judge, choice, stage)
    report["figures"] = [each.to_json() for each in figures]
    request = report["protocol"]["request"]
    settings = f"{request['sampler']}, {request['steps']} steps, seed {request['seed']}"
    kept = (
        *(measurements(report) if judge is not None else ()),
        *(each.measurement(settings) for each in figures),
    )
    if store:
        _store(model.path, kept)
    _show(report, figures, kept, as_json=as_json)


def _judge(judge_file: str, dataset: str) -> Judge | None:
    """Load the judge that is asked for, before anything that takes long."""
    from spikestudio.errors import DataError
    from spikestudio.metrics.judge import bundled_judge, load_judge
    from spikestudio.metrics.quality import check_judge

    if judge_file == "none":
        return None
    try:
        judge = load_judge(Path(judge_file) if judge_file else bundled_judge(dataset))
    except DataError as error:
        if judge_file:
            raise
        raise DataError(f"{error} --judge none leaves its figures out.") from error
    check_judge(judge, dataset)
    return judge


def _report(
    made: Generation, train: Dataset, test: Dataset, judge: Judge | None, seed: int
) -> dict[str, Any]:
    from spikestudio.metrics.quality import quality_report

    result = made.result
    assert result.images is not None  # it is complete
    if judge is None:
        report: dict[str, Any] = {
            "num": len(result.images),
            "protocol": {"dataset": train.name, "seed": seed, "judge": None},
        }
    else:
        report = quality_report(result.images, result.labels, train, judge, test=test, seed=seed)
    report["protocol"] |= {
        "checkpoint": result.checkpoint,
        "tensors_sha256": result.tensors_sha256,
        "request": result.request.to_json(),
        "device": result.device,
        "seconds": round(result.seconds, 2),
    }
    return report


def _figures(
    model: LoadedModel,
    made: Generation,
    train: Dataset,
    test: Dataset,
    judge: Judge | None,
    choice: Choice,
    stage: Callable[[str, int | None], Callable[[int], None]],
) -> Iterator[Figure]:
    from spikestudio.metrics.efficiency import efficiency_figures
    from spikestudio.metrics.report import image_figures
    from spikestudio.metrics.tracing import count_operations

    images = made.result.images
    assert images is not None  # it is complete
    yield from image_figures(images, train, test, judge, choice, stage)
    if model.is_token_model:
        yield from _reconstruction(model, test, len(images), choice, stage)
    operations = count_operations(model.network)
    yield from efficiency_figures(operations, made.layers, made.activity, len(images))


def _reconstruction(
    model: LoadedModel,
    test: Dataset,
    num: int,
    choice: Choice,
    stage: Callable[[str, int | None], Callable[[int], None]],
) -> Iterator[Figure]:
    """A part of the test images drawn at random: some data sets are sorted by class."""
    import numpy as np

    from spikestudio.metrics.quality import fit
    from spikestudio.metrics.reconstruction import reconstruct, reconstruction_figures

    rows = np.random.default_rng(choice.seed).permutation(len(test))[: max(num, _RECONSTRUCTED)]
    images, resizing = fit(test.images[rows], model.card.image_size, model.card.image_channels)
    advance = stage("Reconstructing test images", len(images))
    found = reconstruct(model, images, advance)
    protocol = {
        "reference": f"{len(rows)} of {len(test)} test images of {test.name}",
        "images_brought_to_size": resizing,
        "snn_steps": model.card.snn_steps,
    }
    yield from reconstruction_figures(found, protocol, is_biased=choice.is_biased, seed=choice.seed)


def _store(path: Path, quality: tuple[Measurement, ...]) -> None:
    from dataclasses import replace

    from spikestudio.checkpoints.safetensors_io import read_header, read_tensors, save

    header = read_header(path)
    save(path, read_tensors(header), replace(header.card, quality=quality))


def _print_table() -> None:
    from spikestudio.checkpoints.catalog import list_checkpoints
    from spikestudio.metrics.table import quality_table

    cards = [(each.name, each.card) for each in list_checkpoints() if each.card and each.is_bundled]
    typer.echo(quality_table([(name, card) for name, card in cards if card is not None]), nl=False)


def _show(
    report: dict[str, Any],
    figures: list[Figure],
    kept: tuple[Measurement, ...],
    *,
    as_json: bool,
) -> None:
    from rich.table import Table

    if as_json:
        print_json(report)
        return
    names = {each.metric for each in figures}
    of_judge = [each for each in kept if each.metric not in names]
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in of_judge:
        table.add_row(each.metric.replace("_", " "), f"{each.value:.4g}")
    for name, share in report.get("class_shares", {}).items():
        table.add_row(f"share of {name}", f"{share:.4g}")
    stdout().print(table)
    if of_judge:
        stdout().print(of_judge[0].protocol, style="dim")
    beside = list(dict.fromkeys(name for each in figures for name in each.beside))
    table = Table("figure", box=None, pad_edge=False)
    for title in ("value", "95 % interval", *beside, "images"):
        table.add_column(title, justify="right")
    for figure in figures:
        interval = "" if figure.interval is None else "{:.4g} to {:.4g}".format(*figure.interval)
        others = [f"{figure.beside[name]:.4g}" if name in figure.beside else "" for name in beside]
        row = (figure.metric.replace("_", " "), f"{figure.value:.4g}", interval, *others)
        table.add_row(*row, f"{figure.num}" if figure.num else "?")
    stdout().print(table)
    of_protocol: dict[str, list[str]] = {}
    for figure in figures:
        protocol = "; ".join(
            f"{name.replace('_', ' ')}: {value}" for name, value in figure.protocol.items()
        )
        of_protocol.setdefault(protocol, []).append(figure.metric.replace("_", " "))
    for protocol, metrics in of_protocol.items():
        stdout().print(f"\n{', '.join(metrics)}", markup=False)
        stdout().print(protocol, style="dim", markup=False)
