"""``spikestudio gallery``: a picture of every layout of the window, and every kind of figure."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from spikestudio.cli.console import interruptible, print_json, progress, stdout
from spikestudio.errors import ConfigError, SpikeStudioError

THEMES = ("dark", "light", "both")
SMALLEST, LARGEST = 640, 7680  # pixels


class _Cancel:
    """Remembers that Ctrl+C was pressed."""

    def __init__(self) -> None:
        self.is_wanted = False

    def cancel(self) -> None:
        self.is_wanted = True


def gallery(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the pictures.")],
    theme: Annotated[str, typer.Option(help="dark, light or both.")] = "both",
    size: Annotated[
        list[str] | None,
        typer.Option(help="Size of the window in pixels, 1600x1000; may be given again."),
    ] = None,
    layout: Annotated[
        list[str] | None, typer.Option(help="Only this layout, such as Watch; may be given again.")
    ] = None,
    lesson: Annotated[
        list[str] | None,
        typer.Option(help="Also the first page of this lesson, or of all; may be given again."),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Draw figures of the runs too.")
    ] = True,
    steps: Annotated[
        int, typer.Option(help="Denoising steps of every run; each model's own if left out.", min=0)
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run the bundled models, and draw every layout of the window and every kind of figure of them.

    Needs no screen. The folder gets an index.html that shows them all; files of the same names are
    replaced.
    """
    if theme not in THEMES:
        raise ConfigError(
            f"There is no theme {theme[:40]!r}: choose {', '.join(THEMES)}.", field="theme"
        )
    sizes = tuple(_size(text) for text in size or ["1600x1000"])
    os.environ["QT_QPA_PLATFORM"] = "offscreen"  # so that pictures are the same on every screen
    try:
        from spikestudio.app.gallery import Wanted, draw
        from spikestudio.app.gallery_lessons import chosen
        from spikestudio.app.layouts import by_name
    except ImportError as error:
        raise SpikeStudioError(
            f"Cannot draw the window because a library does not load ({error}): spikestudio doctor "
            "says what to install."
        ) from error
    wanted = Wanted(
        themes=("dark", "light") if theme == "both" else (theme,),  # type: ignore[arg-type]
        sizes=sizes,
        layouts=tuple(by_name(name).name for name in layout or ()),
        has_figures=figures,
        steps=steps,
        lessons=chosen(lesson or []),
    )
    cancel = _Cancel()
    with progress() as bar, interruptible(cancel):
        task = bar.add_task("Starting", total=None)
        items = draw(
            folder,
            wanted,
            progress=lambda done, total, what: bar.update(
                task, completed=done, total=total, description=what
            ),
            is_cancelled=lambda: cancel.is_wanted,
        )
    if as_json:
        print_json({"folder": str(folder), "files": [item.file for item in items]})
    else:
        stdout().print(
            f"Wrote {len(items):,} pictures and index.html into {folder}.",
            soft_wrap=True,
            markup=False,
        )


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip().lower())
    if found is None:
        raise ConfigError(f"{text[:40]!r} is no size: write it as 1600x1000.", field="size")
    width, height = int(found[1]), int(found[2])
    if not (SMALLEST <= width <= LARGEST and SMALLEST <= height <= LARGEST):
        raise ConfigError(
            f"A window of {width} x {height} pixels cannot be drawn: take {SMALLEST} to {LARGEST} "
            "each way.",
            field="size",
        )
    return width, height
