"""``spikestudio app``: hand over to the window."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from spikestudio.errors import SpikeStudioError


def app(
    checkpoint: Annotated[str, typer.Option(help="Path or name of a checkpoint to load.")] = "",
    layout: Annotated[
        str, typer.Option(help="Layout to open with, such as Watch, Teach or Inspect.")
    ] = "",
    reset_layout: Annotated[
        bool, typer.Option("--reset-layout", help="Forget the positions of window and docks.")
    ] = False,
    recording: Annotated[str, typer.Option(help="Path of a recording (.h5) to open.")] = "",
    session: Annotated[str, typer.Option(help="Path of a session (.spikestudio) to open.")] = "",
    lesson: Annotated[str, typer.Option(help="Path of a lesson pack (.spikelesson) to open.")] = "",
) -> None:
    """Open the window."""
    if layout:
        from spikestudio.app.layouts import by_name

        by_name(layout)  # a wrong name ends here, before anything is opened
    displays = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, displays)):
        raise SpikeStudioError(
            "Cannot open the window because there is no display: run this in a graphical session, or "
            "use the other commands (spikestudio --help)."
        )
    try:
        from spikestudio.app.entry import main
    except ImportError as error:
        raise SpikeStudioError(
            f"Cannot open the window because a library does not load ({error}): spikestudio doctor "
            "says what to install."
        ) from error
    raise typer.Exit(
        main(
            checkpoint,
            layout,
            reset_layout=reset_layout,
            recording=recording,
            session=session,
            lesson=lesson,
        )
    )
