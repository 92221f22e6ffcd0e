"""What importing drags in, checked on the whole package in fresh interpreters."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import spikestudio

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(spikestudio.__path__, "spikestudio.")
    if module.name != "spikestudio.__main__"
)
APP = [name for name in MODULES if name.startswith("spikestudio.app")]
REST = [name for name in MODULES if name not in APP]
QT = ("PySide6", "PyQt", "pyqtgraph", "qasync", "qtawesome", "qtpy", "superqt")

CODE = """
import importlib, sys
forbidden, *modules = sys.argv[1:]
for name in modules:
    importlib.import_module(name)
    found = [each for each in sys.modules if each.startswith(tuple(forbidden.split(",")))]
    if found:
        sys.exit(f"importing {name} loads {found[0]}")
"""


def imports_without(forbidden: tuple[str, ...], modules: list[str]) -> str:
    """Complaint of a fresh interpreter that imports the modules; empty if all is well."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, ",".join(forbidden), *modules],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr.strip()


def test_every_part_is_seen() -> None:
    packages = {name.split(".")[1] for name in MODULES}
    assert {"checkpoints", "cli", "diffusion", "export", "models", "neurons"} <= packages
    assert {"recording", "sampling", "training", "metrics", "data", "app"} <= packages
    assert len(APP) > 5


def test_nothing_but_the_window_imports_qt() -> None:
    assert imports_without(QT, REST) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="torch has to be imported before Qt there")
def test_the_window_does_not_wait_for_torch() -> None:
    assert imports_without(("torch",), APP) == ""


def test_the_command_line_does_not_wait_for_torch() -> None:
    commands = [name for name in REST if name.startswith("spikestudio.cli")]
    assert imports_without(("torch", "matplotlib"), commands) == ""


def test_the_check_itself_notices() -> None:
    assert "loads platformdirs" in imports_without(("platformdirs",), ["spikestudio.paths"])
