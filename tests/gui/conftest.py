"""A whole window on a fake worker; no thread, timer or widget may outlive a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from spikestudio import paths
from spikestudio.app import context, theme
from spikestudio.app.main_window import MainWindow
from spikestudio.checkpoints import catalog
from spikestudio.sampling.mailbox import Mailbox
from tests.gui.fake_worker import FakeWorker, entry


@dataclass
class Shell:
    """A window and what drives it."""

    window: MainWindow
    worker: FakeWorker

    @property
    def context(self) -> context.Context:
        return self.window.context

    def frame(self) -> None:
        """Do what the bridge's timer does."""
        self.context.bridge.tick()

    def load(self, name: str = "sddpm-mnist") -> None:
        """Load a model of the catalogue."""
        path = next(item.path for item in self.context.checkpoint.entries if item.name == name)
        self.context.checkpoint.load(path)
        self.frame()

    def run(self, steps: int | None = None) -> None:
        """Press Sample and do some steps, or all of them."""
        self.window.commands["sample"].trigger()
        self.worker.start()
        self.frame()
        left = self.context.sampler.request.steps if steps is None else steps
        while left and self.worker.advance():
            left -= 1
            self.frame()
        self.frame()


@pytest.fixture
def entries():
    return [
        entry("sddpm-mnist", "sddpm"),
        entry("sdit-mnist", "sdit"),
        entry("spiking-diffusion-mnist", "spiking-diffusion"),
    ]


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch) -> Path:
    """Journals and progress in a folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def config_folder(tmp_path: Path) -> Path:
    return tmp_path / "config"


@pytest.fixture
def make_shell(qtbot: QtBot, monkeypatch, entries, config_folder):
    """Open windows one after the other on the same settings; all are closed at the end."""
    monkeypatch.setattr(catalog, "list_checkpoints", lambda: entries)
    theme.manager.set_mode("dark")
    theme.manager.set_scale(1.0)
    shells: list[Shell] = []

    def make(width: int = 1600, height: int = 1000) -> Shell:
        mailbox = Mailbox()
        worker = FakeWorker(mailbox.publish, entries)
        window = MainWindow(context.create(config_folder, worker, mailbox))
        if not window.context.settings.geometry:
            window.resize(width, height)
            window.docks.apply(window.docks.layout_name)
        window.show()
        shells.append(Shell(window, worker))
        return shells[-1]

    yield make
    for shell in shells:
        shell.window.close()
        shell.window.deleteLater()
        del shell.window  # pytest keeps the shell for longer than the window may live
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    theme.manager.set_mode("dark")
    theme.manager.set_scale(1.0)


@pytest.fixture
def shell(make_shell) -> Shell:
    """A window whose catalogue is there and which has no model yet."""
    opened = make_shell()
    opened.context.checkpoint.set_entries(catalog.list_checkpoints())
    return opened


@pytest.fixture
def styled(qapp: QApplication) -> Iterator[None]:
    """The look of the application, which widens nearly everything; gone after the test."""
    font, style, palette = qapp.font(), qapp.style().objectName(), qapp.palette()
    theme.load_fonts(paths.resource("fonts"))
    sheet = theme.apply(qapp)
    yield
    theme.manager.changed.disconnect(sheet.apply)
    qapp.setStyleSheet("")
    qapp.setPalette(palette)
    qapp.setFont(font)
    qapp.setStyle(style)
