"""``spikestudio inspect``: what is in a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

SUFFIXES = (".json", ".txt")  # of a report

if TYPE_CHECKING:
    from spikestudio.checkpoints.diagnosis import Diagnosis
    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.types import LayerInfo


def inspect(
    file: Annotated[str, typer.Argument(help="Path or name of a checkpoint, ours or official.")],
    second: Annotated[
        Path | None, typer.Argument(help="Other half of a Spiking-Diffusion model.")
    ] = None,
    *,
    accept_rename: Annotated[
        list[str] | None,
        typer.Option(help="OLD=NEW name of a tensor, as if the file had it; may be repeated."),
    ] = None,
    accept_likely: Annotated[
        bool, typer.Option("--accept-likely", help="Accept every likely rename that is found.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Save what was found, as .json or .txt.")
    ] = None,
    strict: Strict = False,
    snn_steps: SnnSteps = None,
    image_size: ImageSize = None,
    timesteps: Timesteps = None,
    dataset: Dataset = None,
    weights: Weights = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a checkpoint's card, spiking layers and parameters, and whether its tensors are sound."""
    renames = parse_renames(accept_rename, "--accept-rename")
    if report is not None and report.suffix not in SUFFIXES:
        raise typer.BadParameter(f"must end in {' or '.join(SUFFIXES)}.", param_hint="--report")

    from spikestudio.checkpoints.catalog import resolve
    from spikestudio.checkpoints.diagnosis import diagnose

    choices = make_choices(
        strict=strict,
        snn_steps=snn_steps,
        image_size=image_size,
        timesteps=timesteps,
        dataset=dataset,
        weights=weights,
        renames=renames,
    )
    found = diagnose(resolve(file), second, choices)
    if accept_likely:
        found = found.accepting_likely()
    if report is not None:
        found.save(report)
    if found.error is not None:
        _print_broken(found, as_json=as_json)
        raise found.error

    from spikestudio.checkpoints.loader import load

    model = load(found.path, second=second, choices=found.choices)
    facts = _facts(found) | _report(model)
    if as_json:
        print_json(facts)
    else:
        _print(facts)
        _print_rows(found)


def _print_broken(found: Diagnosis, *, as_json: bool) -> None:
    """What there is to say of a file that cannot be used, besides the error itself.

    As one JSON object only for an official file that may be mended; ``--report`` gives it for all.
    """
    if not as_json and (found.findings is not None or found.wanted):
        _print_rows(found)
    elif as_json and found.is_official and found.findings is not None:
        print_json(_facts(found) | {"error": str(found.error)})


def _facts(found: Diagnosis) -> dict[str, Any]:
    return {
        "name": found.path.stem,
        "path": str(found.path),
        "size_bytes": found.path.stat().st_size,
        "official": found.is_official,
        "findings": None if found.findings is None else found.findings.to_json(),
        "card": None if found.card is None else found.card.to_json(),
    }


def _report(model: LoadedModel) -> dict[str, Any]:
    layers = [*model.layers, *model.codec_layers]
    return {
        "parameters": sum(parameter.numel() for parameter in model.network.parameters()),
        "neurons": sum(layer.num_neurons for layer in layers),
        "layers": [_layer(layer) for layer in layers],
        "defaults": model.defaults(),
        "card": model.card.to_json(),
    }


def _layer(layer: LayerInfo) -> dict[str, Any]:
    return {
        "id": layer.id,
        "neuron": layer.neuron,
        "shape": list(layer.shape),
        "neurons": layer.num_neurons,
        "v_threshold": layer.v_threshold,
        "tau": layer.tau,
    }


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    card = report["card"]
    training = dict(card["training"])
    assumed = training.pop("assumed", "")
    if assumed:
        assumed += (
            " (not in the file; --snn-steps, --image-size, --timesteps and --weights tell it)"
        )
    facts = {
        "file": f"{report['path']} ({report['size_bytes'] / 1e6:.1f} MB)",
        "architecture": card["architecture"],
        "data": f"{card['dataset']}, {card['image_size']}x{card['image_size']}"
        f"x{card['image_channels']} ({card['data_licence']})",
        "neurons": f"{report['neurons']:,} {card['neuron_type']} in {len(report['layers'])} layers, "
        f"threshold {card['v_threshold']:g}"
        + (f", tau {card['tau']:g}" if card["tau"] is not None else ", no leak"),
        "parameters": f"{report['parameters']:,}",
        "defaults": _pairs(report["defaults"]),
        "configuration": _pairs(card["config"]),
        "training": _pairs(training) or "not stated",
        **({"assumed": assumed} if assumed else {}),
        "quality": "\n".join(
            f"{each['metric']} {each['value']:.4g} ({each['protocol']})" for each in card["quality"]
        )
        or "not measured",
        "tensors": f"SHA-256 {card['tensors_sha256']}",
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for title, text in facts.items():
        table.add_row(title, Text(text))
    stdout().print(table)
    layers = Table(box=None, pad_edge=False)
    for title in ("layer", "neuron", "shape", "neurons"):
        layers.add_column(title, justify="right" if title == "neurons" else "left")
    for layer in report["layers"]:
        shape = " x ".join(str(n) for n in layer["shape"])
        layers.add_row(layer["id"], layer["neuron"], shape, f"{layer['neurons']:,}")
    stdout().print()
    stdout().print(layers)


def _print_rows(found: Diagnosis) -> None:
    from rich.table import Table
    from rich.text import Text

    rows = found.brief_rows()
    stdout().print()
    if not rows:
        stdout().print("Tensors: all as the network needs them.")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("finding", "tensor", "details"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row[:3]))
    stdout().print(table)
    if found.is_usable:
        stdout().print("\nThe file can be used.")
    if found.findings is not None and found.findings.likely and not found.is_usable:
        old, new = found.findings.likely[0]
        stdout().print(
            f"\nTo accept a likely rename: --accept-rename {old}={new}, or --accept-likely for all; "
            "then give the same pairs to spikestudio convert --rename.",
            markup=False,
            soft_wrap=True,
        )


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
