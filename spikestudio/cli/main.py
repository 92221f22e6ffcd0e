"""Entry point: the table of commands, and how their outcome becomes an exit status.

0 done, 1 failed with one sentence on stderr, 2 wrong usage, 130 cancelled.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
import typer.core
import typer.main

from spikestudio import logs
from spikestudio.cli.console import CANCELLED, fail
from spikestudio.errors import SpikeStudioError

COMMANDS = {
    "app": "spikestudio.cli.window:app",
    "list": "spikestudio.cli.list:list_",
    "inspect": "spikestudio.cli.inspect:inspect",
    "convert": "spikestudio.cli.convert:convert",
    "sample": "spikestudio.cli.sample:sample",
    "export": "spikestudio.cli.export:export",
    "nir": "spikestudio.cli.nir:nir",
    "report": "spikestudio.cli.report:report",
    "lessons": "spikestudio.cli.lessons:app",
    "replay": "spikestudio.cli.replay:replay",
    "sweep": "spikestudio.cli.sweep:sweep",
    "bench": "spikestudio.cli.bench:bench",
    "data": "spikestudio.cli.data:app",
    "train": "spikestudio.cli.train:train",
    "gamma": "spikestudio.cli.gamma:gamma",
    "evaluate": "spikestudio.cli.evaluate:evaluate",
    "gallery": "spikestudio.cli.gallery:gallery",
    "doctor": "spikestudio.cli.doctor:doctor",
}
"""Name to ``module:object``; the object is a function, or a ``typer.Typer`` with further commands."""


class _Commands(typer.core.TyperGroup):
    """Imports a command's module when it is asked for, and turns errors into exit statuses."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  click's context, vendored by typer
        return list(COMMANDS)

    def get_command(self, ctx: Any, name: str) -> Any:  # noqa: ANN401
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        target = getattr(import_module(module), attribute)
        if not isinstance(target, typer.Typer):
            function, target = target, typer.Typer(add_completion=False)
            target.command(name)(function)
        command = typer.main.get_command(target)
        command.name = name
        return command

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        try:
            return super().invoke(ctx)
        except SpikeStudioError as error:
            fail(str(error))
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            fail("Cancelled.")
            raise typer.Exit(CANCELLED) from error


app = typer.Typer(
    name="spikestudio",
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="See spiking generative models at work. Without a command, open the window.",
)


def _version(value: bool) -> None:
    if value:
        from spikestudio import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    if context.invoked_subcommand is None:
        from spikestudio.cli.window import app as window

        window()


def main() -> None:
    """Run the command line and leave the process with its exit status."""
    from multiprocessing import freeze_support

    freeze_support()
    logs.set_up()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a code page that lacks a character must not be fatal
            stream.reconfigure(errors="replace")
    app()
