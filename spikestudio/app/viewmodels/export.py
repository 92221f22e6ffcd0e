"""What is being exported: kind and options, its preview, and writing the file. No widget is touched."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from spikestudio.atomic import unused
from spikestudio.errors import SpikeStudioError
from spikestudio.export.kinds import (
    AS_SHOWN,
    FIGURES,
    FOLDER,
    KINDS,
    Kind,
    Material,
    Options,
    kind_of,
    rules_of,
    why_not,
    why_not_format,
)
from spikestudio.export.progress import ExportCancelledError
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.export.product_images import Preview

PREVIEW_MS = 150  # after the last change of an option
OF_THE_RUN = ("step", "steps", "image")  # not remembered: they belong to one run
PRESETS = {  # width, height, font, dpi as in ``export.figures.PRESETS``; a height of 0 is what fits
    "column": (tr("One column"), (85.0, 0.0, 7.0, 300)),
    "two-columns": (tr("Two columns"), (178.0, 0.0, 8.0, 300)),
    "slide": (tr("Slide"), (254.0, 143.0, 14.0, 150)),
    "custom": (tr("Own size"), None),
}
SIZES = ("width_mm", "height_mm", "font_pt", "dpi")

Result = TypeVar("Result")


class Submit(Protocol):
    """As ``Jobs.submit``."""

    def __call__(
        self,
        job: Callable[[], Result],
        done: Callable[[Result], None],
        failed: Callable[[str, str], None],
    ) -> None: ...


class ExportModel(QObject):
    """Kind, options and preview of an export; ``memory`` keeps options and folder of every kind.

    ``material`` is a snapshot: it stays as it was taken while sampling goes on, and ``has_newer`` says
    that there is more by now. Drawing and writing are done by ``submit``; ``post`` has something called
    on the window's thread and may be called from any.
    """

    changed = Signal()  # kind, options, material, or whether something is being written
    previewChanged = Signal()  # noqa: N815
    progressed = Signal(int, int)  # parts that are done, and their number
    saved = Signal(object)  # the path
    cancelled = Signal(str)  # what was, in one sentence
    failed = Signal(str, str)  # in one sentence, and details

    def __init__(
        self,
        take: Callable[[], Material],
        submit: Submit,
        post: Callable[[Callable[[], None]], None],
        memory: dict[str, Any],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._take, self._submit, self._post = take, submit, post
        self.memory = memory
        self.material = Material()
        self._reasons: dict[str, str] = {}  # of the material
        self.has_newer = False
        self.kind: Kind = KINDS[0]
        self._options: dict[str, Options] = {}
        self.preview: Preview | None = None
        self.problem = ""
        self.is_drawing = False
        self._stamp = 0  # of the newest wish for a preview
        self._stop: threading.Event | None = None  # of the file being written
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PREVIEW_MS)
        self._timer.timeout.connect(self._draw)

    # what is exported -------------------------------------------------------------------------

    def open(self, kind: str = "") -> None:
        """Take a snapshot, and begin with a kind; with the last one if it is empty."""
        self.kind = kind_of(kind) if kind else self.kind
        self.take()

    @Slot()
    def take(self) -> None:
        """Take a snapshot of the run as it is now."""
        self.material = self._take()
        self.has_newer, self.preview = False, None
        self._reasons.clear()
        for name in list(self._options):
            fresh: dict[str, Any] = {field: getattr(Options(), field) for field in OF_THE_RUN}
            self._options[name] = replace(self._options[name], **fresh)
        if self.material.run is not None:
            self._set(image=self.material.image + 1)
        self._follow()

    @Slot()
    def note_newer(self) -> None:
        """The run that is shown has moved on, or is another one."""
        if not self.has_newer:
            self.has_newer = True
            self.changed.emit()

    def choose(self, kind: str) -> None:
        """Export something else."""
        if kind != self.kind.id:
            self.kind, self.preview = kind_of(kind), None
            self._set(image=self.material.image + 1)
            self._follow()

    @property
    def options(self) -> Options:
        """What is chosen for the kind, as far as it can be."""
        return self._options.setdefault(self.kind.id, self._remembered(self.kind))

    def set(self, **changes: Any) -> None:  # noqa: ANN401  the fields of ``Options``
        """Change options of the kind; a preset brings its sizes, and another size is an own one."""
        size = PRESETS[changes["preset"]][1] if "preset" in changes else None
        if size is not None:
            changes |= dict(zip(SIZES, size, strict=True))
        elif "preset" not in changes and changes.keys() & set(SIZES):
            changes["preset"] = "custom"
        before = self.options
        self._set(**changes)
        if self.options != before:
            self._follow()

    def _set(self, **changes: Any) -> None:  # noqa: ANN401
        self._options[self.kind.id] = replace(self.options, **changes)

    def _remembered(self, kind: Kind) -> Options:
        """What was chosen the last time; anything that is not understood is left out."""
        usual = replace(Options(format=kind.formats[0]), **kind.defaults)
        stored = self.memory.get(kind.id)
        if not isinstance(stored, dict):
            return usual
        known: dict[str, Any] = {}
        for each in fields(Options):
            value, default = stored.get(each.name), getattr(usual, each.name)
            if isinstance(default, tuple) and isinstance(value, list):
                value = tuple(str(part) for part in value)
            if type(value) is type(default) and each.name not in OF_THE_RUN:
                known[each.name] = value
        found = replace(usual, **known)
        is_known = found.format in kind.formats and found.preset in PRESETS
        return found if is_known and found.figure in FIGURES else usual

    def _remember(self, folder: Path) -> None:
        options = self.options
        names = ["format", *self.kind.options]
        values = {name: getattr(options, name) for name in names if name not in OF_THE_RUN}
        stored = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        self.memory[self.kind.id] = {**stored, "folder": str(folder)}

    # what can be ------------------------------------------------------------------------------

    def why_not(self, kind: str) -> str:
        """Why a kind cannot be exported now, in a few words; empty if it can."""
        if kind not in self._reasons:
            self._reasons[kind] = why_not(kind, self.material)
        return self._reasons[kind]

    def formats(self) -> list[tuple[str, str]]:
        """Formats of the kind, each with why it cannot be written here."""
        return [(each, why_not_format(each)) for each in self.kind.formats]

    def figures(self) -> list[tuple[Kind, str]]:
        """What a bundle can be of, each with why it cannot."""
        return [(kind_of(each), self.why_not(each)) for each in FIGURES]

    def rules(self) -> tuple[str, ...]:
        """Rules by which neurons can be chosen."""
        rules = rules_of(self.material)
        is_of_one = self.kind.id in ("raster", "spikes") or self.kind.id == "bundle"
        return rules if is_of_one else tuple(each for each in rules if each != AS_SHOWN)

    @property
    def reason(self) -> str:
        """Why nothing can be saved now; empty if it can."""
        options = self.options
        reason = self.why_not(self.kind.id) or why_not_format(options.format)
        if not reason and self.kind.id == "bundle":
            reason = self.why_not(options.figure)
        return reason

    @property
    def can_save(self) -> bool:
        """Whether a file can be written; not while another one is."""
        return not (self.reason or self.problem or self.is_saving)

    # preview ----------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Have another preview drawn soon; the one on the way is out of date."""
        self._stamp += 1
        self.problem = ""
        self.is_drawing = not self.reason
        if self.reason:
            self.preview = None
            self._timer.stop()
        else:
            self._timer.start()
        self.changed.emit()
        self.previewChanged.emit()

    @Slot()
    def close(self) -> None:
        """Draw no more previews, and let go of the snapshot."""
        self._stamp += 1
        self._timer.stop()
        self.is_drawing = False
        self.preview = None
        if not self.is_saving:
            self.material = Material()
            self._reasons.clear()

    @Slot()
    def _draw(self) -> None:
        stamp, kind, material, options = self._stamp, self.kind.id, self.material, self.options

        def job() -> Preview | None:
            if stamp != self._stamp:  # another one is wanted by now
                return None
            from spikestudio.export.products import preview

            return preview(kind, material, options)

        def done(found: Preview | None) -> None:
            if stamp == self._stamp:
                self.preview, self.is_drawing, self.problem = found, False, ""
                self.previewChanged.emit()

        def failed(message: str, _details: str) -> None:
            if stamp == self._stamp:
                self.preview, self.is_drawing, self.problem = None, False, message
                self.previewChanged.emit()

        self._submit(job, done, failed)

    @property
    def can_copy(self) -> bool:
        """Whether there is a picture to copy."""
        return self.preview is not None and self.preview.picture is not None

    def copy(self, done: Callable[[Preview], None]) -> None:
        """Have the picture drawn in the size that the file would have, without its provenance."""
        kind, material, options = self.kind.id, self.material, self.options

        def job() -> Preview:
            from spikestudio.export.products import preview

            return preview(kind, material, options, limit=None)

        self._submit(job, done, self.failed.emit)

    # saving -----------------------------------------------------------------------------------

    @property
    def is_saving(self) -> bool:
        """Whether a file is being written."""
        return self._stop is not None

    def folder(self, usual: Path) -> Path:
        """Where a file of this kind was saved last, if that is still there."""
        stored = self.memory.get(self.kind.id)
        name = stored.get("folder") if isinstance(stored, dict) else None
        path = Path(name) if isinstance(name, str) and name else usual
        return path if path.is_dir() else usual

    def proposal(self, folder: Path) -> Path:
        """A name in a folder that no file has."""
        options, kind = self.options, self.kind.id
        what = options.figure if kind == "bundle" else {"singles": "images"}.get(kind, kind)
        run = self.material.run
        if what in ("raster", "spikes") and run is not None:
            what = f"{what}_{run.selected}"
        step = f"_step{options.step}" if options.step and "step" in self.kind.options else ""
        # No ``with_suffix``: a name such as 0.997 has a dot of its own.
        return _unused(
            folder / f"{self.material.name}_{what}{step}{options.format}", options.format
        )

    def with_format(self, path: Path) -> Path:
        """The path as it will be written: its ending chooses the format, if it is one of the kind."""
        suffix = path.suffix.lower()
        if self.options.format == FOLDER:
            return path
        aliases = {".jpeg": ".jpg", ".tif": ".tiff", ".hdf5": ".h5"}
        wanted = aliases.get(suffix, suffix)
        if wanted in self.kind.formats and not why_not_format(wanted):
            if wanted != self.options.format:
                self.set(format=wanted)
            return path
        return path.with_name(path.name + self.options.format)

    def save(self, path: Path) -> None:
        """Write the file; ``saved``, ``cancelled`` or ``failed`` says how it went."""
        if self.is_saving:
            return
        path = self.with_format(path)
        self._remember(path.parent)
        self._stop = stop = threading.Event()
        kind, material, options = self.kind.id, self.material, self.options

        def progress(done: int, total: int) -> None:
            self._post(lambda: self.progressed.emit(done, total))

        def job() -> str:
            from spikestudio.export.products import save

            try:
                save(kind, material, options, path, progress=progress, is_cancelled=stop.is_set)
            except ExportCancelledError as error:
                return str(error)
            except OSError as error:  # a folder that went away, a disk that is full
                raise SpikeStudioError(
                    tr(
                        "{path} could not be written ({strerror}): choose another folder.",
                        path=path.name,
                        strerror=error.strerror or error,
                    )
                ) from error
            return ""

        def done(cancelled: str) -> None:
            self._stop = None
            self.changed.emit()
            if cancelled:
                self.cancelled.emit(cancelled)
            else:
                self.saved.emit(path)

        def failed(message: str, details: str) -> None:
            self._stop = None
            self.changed.emit()
            self.failed.emit(message, details)

        self._submit(job, done, failed)
        self.changed.emit()

    @Slot()
    def cancel(self) -> None:
        """Give up the file being written, as soon as it is asked for."""
        if self._stop is not None:
            self._stop.set()


def _unused(path: Path, suffix: str) -> Path:
    """As ``unused``, for names with dots and for folders."""
    if suffix:
        return unused(path)
    number, free = 2, path
    while free.exists():
        free, number = path.with_name(f"{path.name}_{number}"), number + 1
    return free
