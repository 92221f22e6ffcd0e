"""``spikestudio list``: the checkpoints at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikestudio.cli.console import fail, print_json, stdout

if TYPE_CHECKING:
    from spikestudio.checkpoints.catalog import Entry


def list_(
    folder: Annotated[
        list[Path] | None,
        typer.Option(help="Look in this folder as well, and in those in it; may be repeated."),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            help="Order: name, newest, largest, parameters, architecture, dataset or recognised."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the bundled checkpoints and your own, and those of further folders."""
    if folder or sort:
        _list_library(folder or [], sort, as_json=as_json)
        return

    from spikestudio.checkpoints.catalog import list_checkpoints

    entries = list_checkpoints()
    if as_json:
        print_json({"checkpoints": [_as_json(entry) for entry in entries]})
    else:
        _print(entries)


def _list_library(folders: list[Path], sort: str, *, as_json: bool) -> None:
    from spikestudio.checkpoints.library import Scan, arranged, printable
    from spikestudio.errors import ConfigError

    asked = [folder.absolute() for folder in folders]
    scan = Scan(asked)
    arranged((), sort or "name")  # refuses an unknown order before the work
    scan.advance()
    for search in scan.searches:
        if search.error and search.folder in asked:
            raise ConfigError(
                f"Cannot list {printable(str(search.folder))}: {search.error}; give another --folder.",
                field="folder",
            )
    items = arranged(scan.items, sort) if sort else scan.items
    entries = [item.entry for item in items]
    if as_json:
        left_out = {"left_out": scan.left_out()}
        print_json({"checkpoints": [_as_json(entry) for entry in entries], **left_out})
        return
    _print(entries)
    for sentence in scan.left_out():
        fail(f"Note: {sentence}")


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
