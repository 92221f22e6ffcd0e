"""``spikestudio app``: hand over to the window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def app(
    checkpoint: Annotated[
        Path | None, typer.Option(help="Checkpoint to load, as a path or a name.")
    ] = None,
    reset_layout: Annotated[
        bool, typer.Option("--reset-layout", help="Forget the dock layout.")
    ] = False,
) -> None:
    """Open the window."""
    from spikestudio.app.entry import main

    raise typer.Exit(main(checkpoint=checkpoint, reset_layout=reset_layout))
