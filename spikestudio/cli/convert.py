"""``spikestudio convert``: an official checkpoint as one of ours, or one of ours mended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikestudio.cli.choices import (
    Dataset,
    ImageSize,
    SnnSteps,
    Strict,
    Timesteps,
    Weights,
    make_choices,
    parse_renames,
)
from spikestudio.cli.console import print_json, stdout

_SUFFIX = ".safetensors"
_ROUNDED = "note: weights were stored in float64 and are now float32"


def convert(
    official: Annotated[Path, typer.Argument(help="The .pt or .pth file of the papers' code.")],
    second: Annotated[
        Path | None, typer.Argument(help="Other half of a Spiking-Diffusion model.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    strict: Strict = False,
    snn_steps: SnnSteps = None,
    image_size: ImageSize = None,
    timesteps: Timesteps = None,
    dataset: Dataset = None,
    weights: Weights = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            help="OLD=NEW name of a tensor; may be repeated. Mends a file of ours as well."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Convert an official checkpoint; what the file cannot say is assumed, and the card says so."""
    if out.suffix != _SUFFIX:
        raise typer.BadParameter(f"must end in {_SUFFIX}.", param_hint="--out")
    renames = parse_renames(rename, "--rename")

    from spikestudio.checkpoints.contents import open_checkpoint

    choices = make_choices(
        strict=strict,
        snn_steps=snn_steps,
        image_size=image_size,
        timesteps=timesteps,
        dataset=dataset,
        weights=weights,
        renames=renames,
    )
    contents = open_checkpoint(official, second, choices, must_be_official=not renames)

    from spikestudio.checkpoints.building import checked_tensors
    from spikestudio.checkpoints.safetensors_io import save

    card = save(out, checked_tensors(contents), contents.card)
    if as_json:
        print_json({"path": str(out), "size_bytes": out.stat().st_size, "card": card.to_json()})
        return
    config = ", ".join(f"{name} {value}" for name, value in card.config.items())
    lines = (
        f"{out}: {card.architecture}, {contents.num_parameters:,} numbers",
        f"configuration: {config}",
        f"assumed: {card.training.get('assumed', 'nothing')}",
        *([_ROUNDED] if any(each.dtype == "F64" for each in contents.tensors.values()) else []),
    )
    for line in lines:
        stdout().print(line, markup=False, soft_wrap=True)
