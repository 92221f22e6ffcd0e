from __future__ import annotations

import subprocess
import sys

import pytest

import spikestudio
from spikestudio.cli import window
from spikestudio.cli.main import COMMANDS
from spikestudio.errors import SpikeStudioError
from tests.unit.cli.conftest import Command


def test_help_shows_every_command(command: Command) -> None:
    done = command("--help")
    assert done.status == 0
    assert all(f" {name} " in done.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command: Command, name: str) -> None:
    done = command(name, "--help")
    assert done.status == 0
    assert "Usage" in done.out


def test_help_needs_no_torch() -> None:
    code = (
        "import sys\nfrom spikestudio.cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_version(command: Command) -> None:
    done = command("--version")
    assert (done.status, done.out) == (0, f"{spikestudio.__version__}\n")


@pytest.mark.parametrize("arguments", [["paint"], ["--paint"], ["list", "--paint"], ["inspect"]])
def test_wrong_usage_is_status_2(command: Command, arguments: list[str]) -> None:
    done = command(*arguments)
    assert done.status == 2
    assert done.out == ""
    assert "Usage" in done.err


def test_an_interrupt_is_status_130(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("spikestudio.checkpoints.catalog.list_checkpoints", interrupted)
    done = command("list")
    assert (done.status, done.out, done.err) == (130, "", "Cancelled.\n")


def test_without_a_command_the_window_opens(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, str, bool, str]] = []

    def main(
        checkpoint: str = "",
        layout: str = "",
        *,
        reset_layout: bool = False,
        recording: str = "",
        session: str = "",
        lesson: str = "",
    ) -> int:
        opened.append((checkpoint, layout, reset_layout, recording or session or lesson))
        return 7

    monkeypatch.setattr("spikestudio.app.entry.main", main)
    assert command().status == 7
    assert command("app", "--checkpoint", "sddpm-mnist", "--reset-layout").status == 7
    assert command("app", "--layout", "teach").status == 7
    assert command("app", "--recording", "run.h5").status == 7
    assert command("app", "--session", "work.spikestudio").status == 7
    assert command("app", "--lesson", "class.spikelesson").status == 7
    assert opened == [
        ("", "", False, ""),
        ("sddpm-mnist", "", True, ""),
        ("", "teach", False, ""),
        ("", "", False, "run.h5"),
        ("", "", False, "work.spikestudio"),
        ("", "", False, "class.spikelesson"),
    ]


def test_an_unknown_layout_is_said_in_one_sentence_and_opens_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr("spikestudio.app.entry.main", lambda *args, **_: opened.append(args))
    done = command("app", "--layout", "cinema")
    assert done.status == 1
    assert done.err.startswith("There is no layout 'cinema': choose one of Watch,")
    assert done.err.count("\n") == 1
    assert opened == []


def test_no_display_is_said_in_one_sentence(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SpikeStudioError, match="no display"):
        window.app()
    done = command("app")
    assert done.status == 1
    assert done.err.count("\n") == 1
