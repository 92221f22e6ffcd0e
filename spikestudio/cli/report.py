"""``spikestudio report``: a session as one page."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from spikestudio.cli.console import print_json, progress, stdout


def report(
    session: Annotated[Path, typer.Argument(metavar="SESSION", help="A .spikestudio file.")],
    out: Annotated[Path, typer.Option(help="The page to write, such as report.html.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a session as one HTML page: images, parameters, figures, provenance and notes.

    The page needs no network and no other file. It is complete, or not there.
    """
    from spikestudio.atomic import check_writable
    from spikestudio.checkpoints.catalog import list_checkpoints
    from spikestudio.sessions import files
    from spikestudio.sessions.reading import has_recording, open_session
    from spikestudio.sessions.report import save_report

    check_writable(out)
    found, source = open_session(session)
    cards = [entry.card for entry in list_checkpoints() if entry.card is not None]
    with tempfile.TemporaryDirectory(prefix="spikestudio-") as folder, progress() as bar:
        try:
            task = bar.add_task("Writing", total=max(len(found.runs), 1))
            runs = []
            for run in found.runs:
                target = Path(folder) / f"{run.key}.h5"
                if has_recording(source, run.key):
                    source.unpack(files.member(run.key, files.RECORDING), target, lambda: False)
                    run = replace(run, recording=target)
                runs.append(run)
        finally:
            source.close()
        name = found.name or session.stem
        save_report(
            out,
            replace(found, name=name, runs=tuple(runs)),
            cards,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        print_json({"session": str(session), "report": str(out), "runs": len(found.runs)})
    else:
        stdout().print(f"Wrote {out}.", soft_wrap=True, markup=False)
