"""Pictures of the window and figures of the bundled models, drawn without a screen.

Everything in them was sampled for them: no data is made up. Use it in a process of its own, since it
takes over the application.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QEvent, QEventLoop, QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from spikestudio import paths
from spikestudio.app import context as contexts
from spikestudio.app import entry, theme
from spikestudio.app.gallery_lessons import first_page
from spikestudio.app.gallery_page import Item, write_page
from spikestudio.app.layouts import DEFAULT, LAYOUTS
from spikestudio.app.main_window import FIRST_SIZE, MainWindow
from spikestudio.app.theme_tables import Mode
from spikestudio.app.viewmodels.export_material import gather
from spikestudio.app.viewmodels.run import RunState
from spikestudio.app.viewmodels.sweep_texts import AxisText
from spikestudio.atomic import atomic_write
from spikestudio.checkpoints import catalog
from spikestudio.errors import ConfigError, ExportError, SpikeStudioError
from spikestudio.export.kinds import KINDS, Kind, Material, Options, ShownRaster, why_not
from spikestudio.export.progress import ExportCancelledError

__all__ = ["Wanted", "draw"]

MODELS = {  # whose run a layout shows best
    "Watch": "sdit-mnist",
    "Teach": "sddpm-mnist",
    "Inspect": "sddpm-mnist",
    "Tokens": "spiking-diffusion-mnist",
    "Sweep": "sddpm-mnist",
    "Models": "sddpm-mnist",
}
FIGURES = tuple(
    kind
    for kind in KINDS
    if ".svg" in kind.formats or kind.id in ("grid", "codebook", "shown", "animation")
)
SEED = 42
NUM_WATCHED = 3  # neurons
OTHER_THRESHOLD = 0.99  # of the second run of a comparison
SWEEP = (AxisText("threshold", "0.97-1.03(+0.02)"), AxisText("seed", "0-1"))
SWEEP_STEPS = 5
LOAD_S, RUN_S, SWEEP_S, SETTLE_S = 120.0, 600.0, 900.0, 5.0
QUIET_FRAMES = 3  # in which no view had anything to draw

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be drawn; empty sequences mean everything there is.

    ``themes`` are of ``dark`` and ``light``, ``sizes`` width and height of the window in pixels.
    ``steps`` is the number of denoising steps of every run; 0 takes each model's own. ``lessons`` are
    the ids of lessons whose first page is drawn; none if empty.
    """

    themes: Sequence[Mode] = ("dark", "light")
    sizes: Sequence[tuple[int, int]] = ((1600, 1000),)
    layouts: Sequence[str] = ()
    has_figures: bool = True
    steps: int = 0
    lessons: Sequence[str] = ()

    @property
    def layout_names(self) -> tuple[str, ...]:
        """The layouts, in the order of the menu."""
        return tuple(name for name in LAYOUTS if not self.layouts or name in self.layouts)


def draw(
    folder: Path,
    wanted: Wanted,
    *,
    progress: Progress = lambda done, total, what: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> list[Item]:
    """Write every picture into ``folder``, and an ``index.html`` that shows them all.

    Returns what was written. Takes about a minute on two cores: the bundled models are run.

    Raises
    ------
    ExportCancelledError
        ``is_cancelled`` said so; what was written so far stays.
    SpikeStudioError
        A model does not load or run, or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"Cannot write into {folder}: {error}.", path=folder) from error
    items: list[Item] = []
    with _stage(is_cancelled) as stage:
        jobs = list(_jobs(wanted, stage.names))
        for number, (model, what, job) in enumerate(jobs):
            progress(number, len(jobs), f"{model}: {what}")
            stage.check()
            items += job(stage, folder)
        progress(len(jobs), len(jobs), "done")
    items.sort(key=lambda item: ("Window", "Lessons", item.group).index(item.group))
    write_page(folder / "index.html", items)
    return items


Job = Callable[["Stage", Path], list[Item]]


def _jobs(wanted: Wanted, names: Sequence[str]) -> Iterator[tuple[str, str, Job]]:
    """Everything to be done, model by model, so that each is loaded once."""
    for model in names:
        layouts = [name for name in wanted.layout_names if MODELS.get(name, names[0]) == model]
        if not layouts and not wanted.has_figures:
            continue
        yield model, "sampling", lambda stage, _, model=model: stage.run(model, wanted.steps)  # type: ignore[misc]
        if wanted.has_figures and model == MODELS["Sweep"]:
            yield model, "a small sweep", lambda stage, _: stage.sweep()
        if wanted.has_figures:
            for kind in FIGURES:
                yield model, kind.title, lambda stage, folder, kind=kind: stage.figure(kind, folder)  # type: ignore[misc]
        for name in layouts:
            yield (
                model,
                f"layout {name}",
                lambda stage, folder, name=name: stage.layout(name, wanted, folder),  # type: ignore[misc]
            )
    for lesson in wanted.lessons:
        yield (
            lesson,
            "first page",
            lambda stage, folder, lesson=lesson: first_page(stage, lesson, wanted, folder),  # type: ignore[misc]
        )


@contextmanager
def _stage(is_cancelled: Callable[[], bool]) -> Iterator[Stage]:
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = entry._application()
        theme.load_fonts(paths.resource("fonts"))
        theme.apply(app)
    before = qInstallMessageHandler(_drop_chatter)
    mode = theme.manager.mode
    with tempfile.TemporaryDirectory(prefix="spikestudio-gallery-") as folder:
        parts = contexts.create(Path(folder), progress=Path(folder) / "lessons")
        parts.settings.autoplay = False
        window = MainWindow(parts)
        stage = Stage(window, Path(folder), is_cancelled)
        try:
            window.show()
            stage.open()
            yield stage
        finally:
            parts.close()  # so that the window asks nothing
            window.close()
            window.deleteLater()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
            theme.manager.set_mode(mode)
            qInstallMessageHandler(before)


def _drop_chatter(kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
    """Write what Qt warns of, but for what only says that there is no screen."""
    if kind != QtMsgType.QtDebugMsg and "propagateSizeHints" not in text:
        os.write(2, f"{text}\n".encode())


class Stage:
    """A window that nobody sees, and what was run in it."""

    def __init__(self, window: MainWindow, scratch: Path, is_cancelled: Callable[[], bool]) -> None:
        self.window, self._scratch, self._is_cancelled = window, scratch, is_cancelled
        self.context = window.context
        self.names: list[str] = []

    def check(self) -> None:
        """Raise ``ExportCancelledError`` if it is time to stop."""
        if self._is_cancelled():
            raise ExportCancelledError("Cancelled; the pictures drawn so far are kept.")

    def open(self) -> None:
        """Find the bundled models, and arrange the window as it is at the first start."""
        self.window.resize(*FIRST_SIZE)
        self.window.docks.apply(DEFAULT)
        bundled = paths.bundled_checkpoints()
        entries = [each for each in catalog.list_checkpoints() if each.path.parent == bundled]
        self.context.checkpoint.set_entries(entries)
        self.names = [each.name for each in entries if each.card is not None]
        missing = sorted({*MODELS.values()} - {*self.names})
        if missing:
            raise SpikeStudioError(
                f"Cannot draw the gallery without the bundled models {', '.join(missing)}: install "
                "SpikeStudio again."
            )

    def run(self, name: str, steps: int) -> list[Item]:
        """Load a model and sample its default request; one of them twice, to be compared."""
        checkpoint, run = self.context.checkpoint, self.context.run
        path = next(each.path for each in checkpoint.entries if each.name == name)
        checkpoint.load(path)
        self.wait(lambda: checkpoint.loading is None, LOAD_S, f"{name} did not load")
        if checkpoint.model is None or checkpoint.model.path != path:
            told = checkpoint.failure.message if checkpoint.failure else f"{name} did not load."
            raise SpikeStudioError(told)
        if steps:
            self.context.sampler.set(steps=steps)
        thresholds = [self.context.sampler.request.threshold]
        if name == MODELS["Sweep"]:  # it has two runs to compare
            thresholds = [OTHER_THRESHOLD, *thresholds]
        for threshold in thresholds:
            self.context.sampler.set(seed=SEED, threshold=threshold)
            self.context.sampler.sample()
            self.wait(lambda: run.state.is_active, LOAD_S, f"{name} did not start")
            self.wait(
                lambda: run.step is not None or not run.state.is_active,
                RUN_S,
                f"{name} did no step",
            )
            self._watch_some()
            self.wait(lambda: not run.state.is_active, RUN_S, f"{name} did not finish")
            if run.state is not RunState.FINISHED:
                raise SpikeStudioError(run.failure.message if run.failure else "The run stopped.")
        return []

    def _watch_some(self) -> None:
        """Have the potentials of a few neurons that fire recorded, unless some were chosen."""
        run = self.context.run
        layer, known, step = run.selection.layer, run.known, run.step
        spikes = known.spikes(layer, step.step) if known is not None and step is not None else None
        if run.selection.neurons or spikes is None:
            return
        firing = np.flatnonzero(spikes.any(axis=0))
        places = [firing.size * part // (2 * NUM_WATCHED) for part in range(1, 2 * NUM_WATCHED, 2)]
        run.select(neurons=tuple(int(firing[place]) for place in places if firing.size))

    def sweep(self) -> list[Item]:
        """Do a small sweep of thresholds."""
        sweeps, sampler = self.context.sweeps, self.context.sampler
        steps = sampler.request.steps
        sampler.set(steps=SWEEP_STEPS)
        sweeps.form.set_num(2)
        sweeps.form.set_folder(str(self._scratch / "sweep"))
        sweeps.form.set_axes(SWEEP)
        sweeps.form.check(then=sweeps.start)
        self.wait(lambda: not sweeps.form.is_checking, LOAD_S, "The sweep could not be planned")
        if sweeps.form.problems:
            raise ConfigError(next(iter(sweeps.form.problems.values())), field="sweep")
        self.wait(lambda: sweeps.state == "ended", SWEEP_S, "The sweep did not finish")
        sampler.set(steps=steps)
        self.settle()
        return []

    def layout(self, name: str, wanted: Wanted, folder: Path) -> list[Item]:
        """Write a layout in every size and theme."""
        items = []
        for width, height in wanted.sizes:
            self.window.resize(width, height)
            self.window.docks.apply(name)
            for mode in wanted.themes:
                theme.manager.set_mode(mode)
                self.settle()
                path = folder / f"{name.lower()}-{mode}-{width}x{height}.png"
                self.grab(path)
                caption = f"Layout {name}, {mode} theme, {width} x {height}"
                items.append(Item(path.name, caption, "Window"))
        return items

    def figure(self, kind: Kind, folder: Path) -> list[Item]:
        """Write one kind of export of the run, if the run has it."""
        from spikestudio.export import products

        material = self._material()
        model = self.context.checkpoint.model
        assert model is not None
        if why_not(kind.id, material) or (kind.id == "sweep" and model.name != MODELS["Sweep"]):
            return []
        suffix = ".svg" if ".svg" in kind.formats else kind.formats[0]
        path = folder / f"{kind.id}-{model.name}{suffix}"
        options = Options(format=suffix, **kind.defaults)
        products.save(kind.id, material, options, path, is_cancelled=self._is_cancelled)
        return [Item(path.name, f"{kind.title}, {model.name}", model.name)]

    def _material(self) -> Material:
        shown = self.window.views.raster.shown()
        if shown is None or not shown.neurons.size:
            return gather(self.context)
        rows = (shown.groups, shown.total, shown.mode, shown.rule, shown.page, shown.pages)
        return gather(self.context, ShownRaster(*rows))

    def grab(self, path: Path) -> None:
        picture = self.window.grab()
        with atomic_write(path) as temporary:
            if not picture.save(str(temporary), "PNG"):
                raise ExportError(f"Cannot write {path}: the disk may be full.", path=path)

    def settle(self) -> None:
        """Let the docks draw all they have; messages are taken away."""
        notes, quiet = self.window.notifications, 0
        deadline = time.monotonic() + SETTLE_S
        if (focused := self.window.focusWidget()) is not None:
            focused.clearFocus()
        while quiet < QUIET_FRAMES and time.monotonic() < deadline:
            for message in list(notes.messages):
                notes.close_message(message)
            self._turn()
            drawn = [view.draw_if_needed() for view in self.window.docks.views_in_front()]
            quiet = 0 if any(drawn) or self.context.jobs.is_active else quiet + 1

    def wait(self, is_done: Callable[[], bool], seconds: float, problem: str) -> None:
        deadline = time.monotonic() + seconds
        while not is_done():
            self.check()
            if time.monotonic() > deadline:
                raise SpikeStudioError(f"{problem} within {seconds:.0f} seconds.")
            self._turn()

    def _turn(self) -> None:
        """Let the window do what it has to do, for a moment."""
        self.context.bridge.wake()
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        time.sleep(0.01)  # the model is computed by another thread
