"""The export commands of a window: the dialog, and how it is told what became of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.context import Context
from spikestudio.app.notifications import Notifications
from spikestudio.app.viewmodels.export import ExportModel
from spikestudio.app.viewmodels.export_material import gather
from spikestudio.app.views.export_dialog import ExportDialog
from spikestudio.app.views.export_preview import to_qimage
from spikestudio.app.views.raster import RasterView
from spikestudio.app.widgets.icons import IconButton
from spikestudio.export.kinds import Material, ShownRaster
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.docks import DockManager
    from spikestudio.export.product_images import Preview

ICON = "mdi6.export-variant"
KIND_OF_VIEW = {  # what the button of a dock exports
    "image": "grid",
    "raster": "raster",
    "membrane": "membrane",
    "rates": "rates",
    "tokens": "tokens",
    "codebook": "codebook",
    "timeline": "animation",
    "thresholds": "curve",
    "sweep": "sweep",
    "history": "recording",
}


class Exporter(QObject):
    """Opens the dialog, one per window; ``memory`` keeps options and folders between two starts."""

    def __init__(
        self,
        window: QWidget,
        context: Context,
        raster: RasterView,
        messages: Notifications,
        memory: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(window)
        self._window, self._context = window, context
        self._raster, self._messages = raster, messages
        self.dialog: ExportDialog | None = None
        self._taken: tuple[object, int, object] = (None, 0, None)
        self.model = ExportModel(
            self._take,
            context.jobs.submit,
            context.bridge.post,
            {} if memory is None else memory,
            self,
        )
        self.model.saved.connect(self._on_saved)
        self.model.cancelled.connect(self._on_cancelled)
        self.model.failed.connect(self._on_failed)
        for signal in (self.model.changed, self.model.previewChanged, self.model.progressed):
            signal.connect(context.bridge.wake)
        for moved in (context.run.started, context.run.stepFinished, context.run.stateChanged):
            moved.connect(self._note_newer)
        window.installEventFilter(self)

    # opening ----------------------------------------------------------------------------------

    def show(self, kind: str = "") -> None:
        """Open the dialog with a kind; with the one that was open last if it is empty."""
        self.model.open(kind)
        if self.dialog is None:
            usual = Path(self._context.settings.export_folder or Path.home())
            self.dialog = ExportDialog(self.model, usual, self._window)
            self.dialog.copyRequested.connect(self._copy)
            self.dialog.folderRequested.connect(show_in_folder)
        self.dialog.tell("")
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()
        self.dialog.kinds.setFocus()

    @Slot()
    def export(self) -> None:
        """Open the dialog where it was left."""
        self.show()

    @Slot()
    def export_raster(self) -> None:
        """Open the dialog with the raster of the selected layer."""
        self.show("raster")

    def add_to(self, docks: DockManager) -> None:
        """Put a button for the export into every dock that has something to export."""
        for view_id, kind in KIND_OF_VIEW.items():
            dock = docks.docks.get(view_id)
            row = dock.buttons.layout() if dock is not None else None
            if dock is not None and isinstance(row, QHBoxLayout):
                button = IconButton(
                    ICON, tr("Export what {view} shows…", view=dock.view.title), size=16
                )
                button.setObjectName("export")
                button.clicked.connect(lambda _=False, kind=kind: self.show(kind))
                row.insertWidget(0, button)

    def _take(self) -> Material:
        self._taken = self._state()
        shown = self._raster.shown() if self._raster.isVisible() else None
        if shown is None or not shown.neurons.size:
            return gather(self._context)
        return gather(
            self._context,
            ShownRaster(shown.groups, shown.total, shown.mode, shown.rule, shown.page, shown.pages),
        )

    @Slot()
    def _note_newer(self) -> None:
        is_open = self.dialog is not None and self.dialog.isVisible()
        if is_open and self._has_moved():
            self.model.note_newer()

    def _has_moved(self) -> bool:
        (run, steps, result), (old, before, known) = self._state(), self._taken
        return run is not old or steps != before or result is not known

    def _state(self) -> tuple[object, int, object]:
        """The run that is shown, how far it is, and what came of it."""
        run = self._context.run
        return run.run, run.recorder.steps_done if run.recorder else 0, run.result

    # what became of it ------------------------------------------------------------------------

    @Slot(object)
    def _on_saved(self, path: Path) -> None:
        self._context.settings.export_folder = str(path.parent)
        text = tr("Saved {path} in {parent}.", path=path.name, parent=path.parent)
        self._messages.done(text)
        self._offer_folder(path)
        if self.dialog is not None:
            self.dialog.tell(text, path)

    @Slot(str)
    def _on_cancelled(self, text: str) -> None:
        self._messages.info(text)
        if self.dialog is not None:
            self.dialog.tell(text)

    @Slot(str, str)
    def _on_failed(self, text: str, details: str) -> None:
        self._messages.error(text, details)
        if self.dialog is not None:
            self.dialog.tell(text)

    def _offer_folder(self, path: Path) -> None:
        """Let the newest message lead to the file."""
        message = self._messages.messages[-1]
        button = QPushButton(tr("Show in folder"))
        button.setToolTip(tr("Open {parent}", parent=path.parent))
        theme.set_role(button, "outline")
        button.clicked.connect(lambda _=False: show_in_folder(path))
        row = QHBoxLayout()
        row.addWidget(button)
        row.addStretch(1)
        column = message.layout()
        assert isinstance(column, QVBoxLayout)
        column.addLayout(row)
        button.show()
        self._messages.place_soon()

    @Slot()
    def _copy(self) -> None:
        self.model.copy(self._on_drawn)
        self._context.bridge.wake()

    def _on_drawn(self, found: Preview) -> None:
        if found.picture is None:
            return
        QGuiApplication.clipboard().setImage(to_qimage(found.picture))
        text = tr(
            "Copied a picture of {width:,} x {height:,} pixels; the "
            "clipboard does not keep where it comes from.",
            width=found.picture.width,
            height=found.picture.height,
        )
        if self.dialog is not None:
            self.dialog.tell(text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if watched is self._window and event.type() == QEvent.Type.Close:
            self.model.cancel()  # or the window would wait for an animation to be written
            if self.dialog is not None:
                self.dialog.close()
        return super().eventFilter(watched, event)


def show_in_folder(path: Path) -> None:
    """Open the folder of a file, as the system does."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))
