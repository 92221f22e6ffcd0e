"""Files that the window opens: asked for, or dropped on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from spikestudio.app.recordings import SUFFIXES as RECORDINGS
from spikestudio.app.viewmodels.checkpoint import can_be_told
from spikestudio.app.viewmodels.provenance import SUFFIXES as EXPORTS
from spikestudio.app.widgets.drop_overlay import DropOverlay
from spikestudio.checkpoints.catalog import SUFFIXES as CHECKPOINTS
from spikestudio.language import tr
from spikestudio.lessons.pack import SUFFIX as PACK
from spikestudio.sessions.files import SUFFIX as SESSION

_OPENED = (*CHECKPOINTS, *RECORDINGS, SESSION, PACK)


class Opening(QObject):
    """Knows a file by its suffix; ``load``, ``play``, ``restore`` and ``explain`` take it then.

    They are for a checkpoint, a recording, a session, and an export, whose origin is shown.
    ``load_pair`` takes both files of a Spiking-Diffusion model of the papers' code.
    """

    def __init__(
        self,
        window: QWidget,
        *,
        load: Callable[[Path], None],
        load_pair: Callable[[Path, Path], None],
        play: Callable[[Path], None],
        restore: Callable[[Path], None],
        teach: Callable[[Path], None],
        explain: Callable[[Path], None],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._load, self._play, self._restore, self._explain = load, play, restore, explain
        self._load_pair, self._teach = load_pair, teach
        self.overlay = DropOverlay(window)

    @Slot()
    def ask(self) -> None:
        """Ask for a file, and open it."""
        dialog = QFileDialog(self._window, tr("Open a checkpoint, recording, session or lesson"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters(
            [
                *(
                    f"{name} ({' '.join(f'*{suffix}' for suffix in suffixes)})"
                    for name, suffixes in (
                        (tr("Checkpoints, recordings, sessions and lessons"), _OPENED),
                        (tr("Checkpoints"), CHECKPOINTS),
                        (tr("Recordings"), RECORDINGS),
                        (tr("Sessions"), (SESSION,)),
                        (tr("Lesson packs"), (PACK,)),
                    )
                ),
                tr("All files (*)"),
            ]
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(self._on_chosen)
        dialog.open()

    @Slot(list)
    def _on_chosen(self, names: list[str]) -> None:
        files = [Path(name) for name in names]
        if _is_pair(files):
            self._load_pair(*files)
        elif files:
            self.open(files[0])

    def open(self, path: Path) -> None:
        """Open a session, play a recording, or load anything else as a checkpoint."""
        suffix = path.suffix.lower()
        if suffix == SESSION:
            self._restore(path)
        elif suffix == PACK:
            self._teach(path)
        elif suffix in RECORDINGS:
            self._play(path)
        else:
            self._load(path)

    # dropping -------------------------------------------------------------------------------

    def enter(self, event: QDragEnterEvent) -> None:
        """Say what would become of the files that are dragged in."""
        files = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if not files:
            return
        text = _offer(files)
        models, runs = (", ".join(suffixes) for suffixes in (CHECKPOINTS, RECORDINGS))
        refusal = tr(
            "Only one checkpoint ({models}), recording ({runs}), session ({session}), lesson pack "
            "({pack}) or export of a run can be dropped, or the two files of a Spiking-Diffusion model",
            models=models,
            runs=runs,
            session=SESSION,
            pack=PACK,
        )
        self.overlay.announce(text or refusal, is_welcome=bool(text))
        event.acceptProposedAction()  # also refused: or the overlay would not hear that it has left

    def leave(self) -> None:
        """Say no more: what was dragged is gone."""
        self.overlay.hide()

    def drop(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        self.overlay.hide()
        files = [Path(url.toLocalFile()) for url in event.mimeData().urls()]
        if not _offer(files):
            return
        event.acceptProposedAction()
        if len(files) == 2:
            self._load_pair(*files)
        elif files[0].suffix.lower() in EXPORTS:
            self._explain(files[0])
        else:
            self.open(files[0])


def _is_pair(files: list[Path]) -> bool:
    """Whether these may be the two halves of one model."""
    return len(files) == 2 and all(can_be_told(each) for each in files)


def _offer(files: list[Path]) -> str:
    """What would be done with files; empty if they cannot be opened."""
    if _is_pair(files):
        return tr("Load {file} and {file_2} as one model", file=files[0].name, file_2=files[1].name)
    if len(files) != 1:
        return ""
    file = files[0]
    suffix = file.suffix.lower()
    if suffix in EXPORTS:
        return tr("Show how {file} was made", file=file.name)
    if suffix == SESSION:
        return tr("Open the session {file}", file=file.name)
    if suffix == PACK:
        return tr("Open the lesson pack {file}", file=file.name)
    if suffix in RECORDINGS:
        return tr("Open the recording {file}", file=file.name)
    return tr("Load {file}", file=file.name) if suffix in CHECKPOINTS else ""
