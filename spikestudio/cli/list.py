"""``spikestudio list``: the checkpoints at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikestudio.cli.console import print_json, stdout

if TYPE_CHECKING:
    from spikestudio.checkpoints.catalog import Entry


def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the bundled checkpoints and your own."""
    from spikestudio.checkpoints.catalog import list_checkpoints

    entries = list_checkpoints()
    if as_json:
        print_json({"checkpoints": [_as_json(entry) for entry in entries]})
    else:
        _print(entries)


def _as_json(entry: Entry) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": entry.name,
        "path": str(entry.path),
        "bundled": entry.is_bundled,
        "size_bytes": entry.size_bytes,
        "error": entry.error,
    }
    if entry.card is not None:
        card = entry.card.to_json()
        kept = ("architecture", "dataset", "image_size", "image_channels", "snn_steps", "quality")
        values |= {name: card[name] for name in kept}
        values["parameters"] = entry.num_parameters
    return values


def _print(entries: list[Entry]) -> None:
    from rich.table import Table
    from rich.text import Text

    from spikestudio.paths import user_checkpoints

    if not entries:
        stdout().print(f"No checkpoints found; put .safetensors files in {user_checkpoints()}.")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("name", "architecture", "data", "parameters", "size", "quality"):
        table.add_column(title, justify="right" if title in ("parameters", "size") else "left")
    for entry in entries:
        size = f"{entry.size_bytes / 1e6:.1f} MB"
        if entry.card is None:
            table.add_row(Text(entry.name), "", "", "", size, Text(entry.error or "", "red"))
            continue
        quality = [f"{each.metric} {each.value:.3g}" for each in entry.card.quality[:1]]
        table.add_row(
            Text(entry.name),
            entry.card.architecture,
            Text(entry.card.dataset),
            f"{entry.num_parameters:,}",
            size,
            Text(*quality) if quality else Text("not measured", "dim"),
        )
    stdout().print(table)
