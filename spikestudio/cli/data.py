"""``spikestudio data``: data sets for training and evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikestudio.cli.console import stdout

app = typer.Typer(help="Data sets for training and evaluation.")


@app.callback()
def _data() -> None:
    """Keep ``fetch`` a command of its own while it is the only one."""


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="mnist, fashion-mnist, kmnist or cifar10.")],
    to: Annotated[Path, typer.Option(help="Folder for the files; made if it does not exist.")],
) -> None:
    """Download a data set from its official mirror; a download that broke off is gone on with."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from spikestudio.data.fetch import fetch_dataset
    from spikestudio.data.registry import dataset_info

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, int] = {}

        def show(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file, total=total)
            bar.update(tasks[file], completed=done)  # type: ignore[arg-type]

        paths = fetch_dataset(name, to, show)
    for path in paths:
        stdout().print(path, soft_wrap=True)
    stdout().print(f"Licence: {dataset_info(name).licence}", soft_wrap=True)
