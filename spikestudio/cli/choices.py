"""Options for what a user knows of an official file and it does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spikestudio.checkpoints.official import Choices

Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Take only what the papers' code would load, and sample as it does."
    ),
]
SnnSteps = Annotated[int | None, typer.Option(help="SNN time steps, where not stored.")]
ImageSize = Annotated[int | None, typer.Option(help="Side in pixels, where not stored.")]
Timesteps = Annotated[int | None, typer.Option(help="Diffusion steps, where not stored.")]
Dataset = Annotated[str | None, typer.Option(help="Data set that it was trained on.")]
Weights = Annotated[
    str | None, typer.Option(help="Entry to take, such as ema_model where there are several.")
]


def parse_renames(renames: list[str] | None, option: str) -> dict[str, str]:
    """Pairs of names given as OLD=NEW; raises ``BadParameter``."""
    pairs = [each.partition("=") for each in renames or []]
    if not all(old and new for old, _, new in pairs):
        raise typer.BadParameter("must be OLD=NEW.", param_hint=option)
    return {old: new for old, _, new in pairs}


def make_choices(
    *,
    strict: bool,
    snn_steps: int | None,
    image_size: int | None,
    timesteps: int | None,
    dataset: str | None,
    weights: str | None,
    renames: dict[str, str],
) -> Choices:
    """Put the options together; raises ``ConfigError`` for an unknown data set."""
    from spikestudio.checkpoints.official import Choices
    from spikestudio.data.registry import dataset_info

    return Choices(
        snn_steps=snn_steps,
        image_size=image_size,
        num_train_timesteps=timesteps,
        dataset=dataset_info(dataset) if dataset else None,
        part=weights,
        renames=renames,
        strict=strict,
    )
