"""``spikestudio doctor``: whether everything is there, and what to do if it is not."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from spikestudio.cli.console import fail, print_json, stdout

_PACKAGES = (
    *(
        "torch",
        "spikingjelly",
        "numpy",
        "safetensors",
        "h5py",
        "pillow",
        "matplotlib",
        "jsonschema",
    ),
    *("PySide6-Essentials", "pyqtgraph", "superqt", "qtawesome", "typer", "rich"),
)
_OPEN_WINDOW = "from PySide6.QtWidgets import QApplication; QApplication([]); print('ok')"


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check the installation: packages, devices, window system, checkpoints."""
    report = _report()
    problems: list[str] = report["problems"]
    if as_json:
        print_json(report)
    else:
        _print(report)
    for problem in problems:
        fail(problem)
    if problems:
        raise typer.Exit(1)


def _report() -> dict[str, Any]:
    from spikestudio import __version__, paths
    from spikestudio.checkpoints.catalog import list_checkpoints

    packages = {name: _version(name) for name in _PACKAGES}
    problems = [
        f"The package {name} is not installed: install it with pip."
        for name, found in packages.items()
        if found is None
    ]
    torch_facts = _torch(problems)
    window = _window(problems)
    entries = list_checkpoints()
    problems += [entry.error for entry in entries if entry.is_bundled and entry.error]
    if not any(entry.is_bundled for entry in entries):
        problems.append(
            f"No bundled checkpoint was found in {paths.bundled_checkpoints()}: install again."
        )
    return {
        "ok": not problems,
        "problems": problems,
        "spikestudio": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "packages": packages,
        **torch_facts,
        "window": window,
        "checkpoints": [entry.name for entry in entries if entry.card is not None],
        "folders": {
            "resources": str(paths.resource()),
            "bundled_checkpoints": str(paths.bundled_checkpoints()),
            "user_checkpoints": str(paths.user_checkpoints()),
            "config": str(paths.user_config()),
            "log": str(paths.log_file()),
        },
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _torch(problems: list[str]) -> dict[str, Any]:
    try:
        import torch

        from spikestudio.checkpoints.devices import available_devices
    except (ImportError, OSError) as error:  # OSError: a library of its own does not load
        problems.append(f"torch cannot be imported ({error}): install it again.")
        return {"devices": [], "threads": None}
    return {"devices": available_devices(), "threads": torch.get_num_threads()}


def _window(problems: list[str]) -> str:
    """Whether Qt starts, without a display; in another process, because Qt aborts when it cannot."""
    if getattr(sys, "frozen", False):
        return (
            "not checked"  # a frozen bundle has no interpreter to start, and brings its libraries
        )
    try:
        done = subprocess.run(
            [sys.executable, "-c", _OPEN_WINDOW],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        problems.append(f"Qt cannot be started ({error}): install PySide6-Essentials again.")
        return "no"
    if done.returncode == 0:
        return "ok"
    reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    problems.append(
        f"Qt cannot be started ({reason}): on Linux install libegl1, libgl1, libxkbcommon-x11-0 and "
        "libxcb-cursor0, elsewhere install PySide6-Essentials again."
    )
    return "no"


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    packages = [f"{name} {found or 'missing'}" for name, found in report["packages"].items()]
    rows = {
        "spikestudio": report["spikestudio"],
        "python": f"{report['python']} ({report['executable']})",
        "platform": f"{report['platform']}, {report['cpu_count']} cores",
        "packages": ", ".join(packages),
        "devices": ", ".join(report["devices"]) or "none",
        "window": report["window"],
        "checkpoints": ", ".join(report["checkpoints"]) or "none",
        **report["folders"],
        "result": "all is well" if report["ok"] else f"{len(report['problems'])} problems",
    }
    for title, text in rows.items():
        table.add_row(title, Text(str(text)))
    stdout().print(table)
