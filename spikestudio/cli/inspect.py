"""``spikestudio inspect``: what is in a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikestudio.cli.console import print_json, stdout

if TYPE_CHECKING:
    from spikestudio.checkpoints.contents import Contents
    from spikestudio.checkpoints.examine import Findings
    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.types import LayerInfo


def inspect(
    file: Annotated[str, typer.Argument(help="Path or name of a checkpoint, ours or official.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a checkpoint's card, spiking layers and parameters, and whether its tensors are sound."""
    from spikestudio.checkpoints.catalog import resolve
    from spikestudio.checkpoints.contents import open_checkpoint

    contents = open_checkpoint(
        resolve(file)
    )  # a wrong file is known by now, before torch is loaded

    from spikestudio.checkpoints.building import examine
    from spikestudio.checkpoints.loader import load
    from spikestudio.errors import CheckpointError

    try:
        model = load(contents.path)
    except CheckpointError as error:
        if not contents.is_official:  # ours are whole or damaged: there is nothing to mend
            raise
        findings = examine(contents)
        if as_json:
            print_json(_facts(contents, findings) | {"error": str(error)})
        else:
            _print_findings(findings)
        raise
    findings = examine(contents, values=False)  # those that are there have been checked
    report = _facts(contents, findings) | _report(model)
    if as_json:
        print_json(report)
    else:
        _print(report)
        _print_findings(findings)


def _facts(contents: Contents, findings: Findings) -> dict[str, Any]:
    return {
        "name": contents.path.stem,
        "path": str(contents.path),
        "size_bytes": contents.path.stat().st_size,
        "official": contents.is_official,
        "findings": findings.to_json(),
        "card": contents.card.to_json(),
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
        "training": _pairs(card["training"]) or "not stated",
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


def _print_findings(findings: Findings) -> None:
    from rich.table import Table
    from rich.text import Text

    rows = findings.rows()
    stdout().print()
    if not rows:
        stdout().print("Tensors: all as the network needs them.")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("finding", "tensor", "details"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    stdout().print(table)


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
