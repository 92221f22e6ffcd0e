"""``spikestudio convert``: an official checkpoint as one of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikestudio.cli.console import print_json, stdout

_SUFFIX = ".safetensors"


def convert(
    official: Annotated[Path, typer.Argument(help="The .pt or .pth file of the papers' code.")],
    second: Annotated[
        Path | None, typer.Argument(help="Other half of a Spiking-Diffusion model.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Take only what the papers' code would load.")
    ] = False,
    snn_steps: Annotated[int | None, typer.Option(help="SNN time steps, where not stored.")] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side in pixels, where not stored.")
    ] = None,
    timesteps: Annotated[
        int | None, typer.Option(help="Diffusion steps, where not stored.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set that it was trained on.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Entry to take, such as ema_model where there are several.")
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option(help="OLD=NEW name of a tensor; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Convert an official checkpoint; what the file cannot say is assumed, and the card says so."""
    if out.suffix != _SUFFIX:
        raise typer.BadParameter(f"must end in {_SUFFIX}.", param_hint="--out")
    pairs = [each.partition("=") for each in rename or []]
    if not all(old and new for old, _, new in pairs):
        raise typer.BadParameter("must be OLD=NEW.", param_hint="--rename")

    from spikestudio.checkpoints.contents import open_checkpoint
    from spikestudio.checkpoints.official import Choices
    from spikestudio.data.registry import dataset_info

    choices = Choices(
        snn_steps=snn_steps,
        image_size=image_size,
        num_train_timesteps=timesteps,
        dataset=dataset_info(dataset) if dataset else None,
        part=weights,
        renames={old: new for old, _, new in pairs},
        strict=strict,
    )
    contents = open_checkpoint(official, second, choices, must_be_official=True)

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
        f"assumed: {card.training['assumed']}",
    )
    for line in lines:
        stdout().print(line, markup=False, soft_wrap=True)
