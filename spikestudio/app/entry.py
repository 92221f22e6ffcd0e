"""Start and end of the application: import order, first picture, errors, clean shut-down.

On Windows torch has to be imported before Qt, or its libraries do not load; elsewhere the window comes
first and the worker's thread imports torch.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

from spikestudio import logs, paths
from spikestudio.language import tr

os.environ.setdefault("PYQTGRAPH_QT_LIB", "PySide6")
os.environ.setdefault("QT_API", "pyside6")
if sys.platform == "win32":
    import torch  # noqa: F401

from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from spikestudio.app.bridge import Bridge
    from spikestudio.app.notifications import Notifications

logger = logging.getLogger(__name__)


def main(
    checkpoint: str = "",
    layout: str = "",
    *,
    reset_layout: bool = False,
    recording: str = "",
    session: str = "",
    lesson: str = "",
) -> int:
    """Open the window and stay until it is closed; return the exit status.

    Parameters
    ----------
    checkpoint
        Name or path of the model to load first; empty takes the last one, else a bundled one.
    layout
        Name of the layout to open with; empty keeps the last one.
    reset_layout
        Forget the kept positions of window and docks.
    recording
        Path of a recording to open.
    session
        Path of a session to open.
    lesson
        Path of a lesson pack to open.
    """
    started = time.perf_counter()
    gc.disable()  # until the collector takes over: what is imported and made by then stays
    multiprocessing.freeze_support()
    if sys.stderr is not None:  # a windowed program on Windows has none
        faulthandler.enable()
    logs.set_up(paths.log_file())
    app = _application()
    from spikestudio.app import languages

    languages.take(paths.user_config())  # before modules with tables of words
    languages.translate_qt(app)
    from spikestudio.app import context, theme
    from spikestudio.app.collecting import Collector
    from spikestudio.app.layouts import by_name
    from spikestudio.app.main_window import MainWindow

    parts = context.create(paths.user_config())
    if layout:
        parts.settings.layout = by_name(layout).name
        parts.settings.dock_state = ""
    if reset_layout:
        parts.settings.geometry = parts.settings.dock_state = ""
    theme.load_fonts(paths.resource("fonts"))
    theme.manager.set_mode("light" if parts.settings.theme == "light" else "dark")
    sheet = theme.begin(app)
    window = MainWindow(parts)
    sheet.apply()
    _route_errors(parts.bridge, window.notifications)

    def start() -> None:
        logger.info("first picture after %.2f s", time.perf_counter() - started)
        window.start(checkpoint, recording, session, lesson)

    window.firstPainted.connect(start)

    def close() -> None:
        window.close()

    signal.signal(signal.SIGINT, lambda *_: parts.bridge.post(close))
    window.show()
    collector = Collector(window)
    try:
        return app.exec()
    finally:
        parts.close()
        collector.stop()


def _application() -> QApplication:
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(sys.argv[:1])
    app.setApplicationName("SpikeStudio")
    app.setDesktopFileName("spikestudio")
    return app


def _route_errors(bridge: Bridge, messages: Notifications) -> None:
    """Show what nothing has caught, from any thread, in the message area; the log has it too."""

    def show(kind: type[BaseException], error: BaseException, where: str) -> None:
        details = "".join(traceback.format_exception(error))
        logger.error(tr("unexpected error %s\n%s"), where, details)
        text = tr(
            "Something went wrong {where}: {kind}, {error}. Your work is still there.",
            where=where,
            kind=kind.__name__,
            error=error,
        )
        bridge.post(lambda: messages.error(text, details))

    def in_window(
        kind: type[BaseException], error: BaseException, _trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        show(kind, error, tr("in the window"))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else tr("a thread")
        if args.exc_value is not None:
            show(args.exc_type, args.exc_value, tr("in {name}", name=name))

    sys.excepthook = in_window
    threading.excepthook = in_thread
