"""``spikestudio gamma``: add to a checkpoint what is measured of it over its data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikestudio.cli.console import progress, stdout

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.data.readers import Dataset
    from spikestudio.training.tables import Tables


def gamma(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A checkpoint, or the name of a bundled one.")
    ],
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    dataset: Annotated[
        str, typer.Option(help="Name of the data set; the model's own by default.")
    ] = "",
    images: Annotated[
        int, typer.Option(help="Images per diffusion time; not for spiking-diffusion.", min=1)
    ] = 16,
    seed: Annotated[int, typer.Option(help="Seed of images and noise.", min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Checkpoint to write; FILE itself by default.")
    ] = None,
) -> None:
    """Measure a model over its training images and store the result in its file.

    For sddpm and sdit it is the table of the sampler analytic, for spiking-diffusion how often each
    code of the codebook is used. Weights and their hash stay the same.
    """
    from spikestudio.atomic import check_writable
    from spikestudio.checkpoints.catalog import resolve
    from spikestudio.checkpoints.loader import load
    from spikestudio.checkpoints.safetensors_io import read_header
    from spikestudio.data.readers import load_dataset
    from spikestudio.training.tables import add_to_file

    path = resolve(file)
    read_header(path)  # refuses files of others
    target = out or path
    check_writable(target)
    model = load(path, device)
    tables = _measured(
        model, load_dataset(data, dataset or model.card.dataset, "train"), images, seed
    )
    add_to_file(path, tables, target)
    names = ", ".join(tables.tensors)
    stdout().print(f"Wrote {names} to {target}", soft_wrap=True, markup=False)


def _measured(model: LoadedModel, dataset: Dataset, images: int, seed: int) -> Tables:
    from spikestudio.training.tables import measure

    work = measure(model, dataset, images=images, seed=seed)
    with progress() as bar:
        task = bar.add_task("Measuring", total=None)
        while True:
            try:
                event = next(work)
            except StopIteration as end:
                tables: Tables = end.value
                return tables
            bar.update(task, total=event.total, completed=event.done)
