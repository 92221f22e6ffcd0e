"""Window in which an export is chosen, looked at and saved; sampling goes on beside it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.export import ExportModel
from spikestudio.app.views.export_options import ExportOptions
from spikestudio.app.views.export_preview import ExportPreview
from spikestudio.app.views.parts import Caption
from spikestudio.export.kinds import FOLDER, FORMAT_NAMES, KINDS
from spikestudio.language import tr

SIZE = (1080, 660)  # at 100 % text
LIST_WIDTH, OPTIONS_WIDTH = 200, 262
LIST_SHARE, OPTIONS_SHARE = 0.25, 0.32  # of the width, at most
SCREEN_ROOM = 48  # pixels that borders and bars of the system may take
ROLE = Qt.ItemDataRole.UserRole


class ExportDialog(QDialog):
    """What can be exported at the left, its options in the middle, a preview at the right."""

    copyRequested = Signal()  # noqa: N815
    folderRequested = Signal(object)  # noqa: N815  the file to be shown in it

    def __init__(self, model: ExportModel, usual_folder: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self._model, self._usual_folder = model, usual_folder
        self._saved: Path | None = None
        self.setWindowTitle(tr("Export"))
        self.setModal(False)
        self.title = Caption(role="title", token="text")
        self.newest = QPushButton(tr("Take the newest state"))
        self.newest.setToolTip(tr("The run has moved on since this dialog took its state"))
        theme.set_role(self.newest, "outline")
        self.kinds = QListWidget()
        self.kinds.setAccessibleName(tr("What to export"))
        self.kinds.setWordWrap(True)
        self.kinds.setViewportMargins(2, 2, 2, 2)  # or its items cover the mark of the focus
        self.kinds.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.options = ExportOptions(model)
        self.preview = ExportPreview(model)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(tr("Progress"))
        self.note = Caption()
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setToolTip(tr("Give up the file that is being written"))
        self.show_folder = QPushButton(tr("Show in folder"))
        self.show_folder.setToolTip(tr("Open the folder of the file that was saved"))
        self.copy = QPushButton(tr("Copy picture"))
        self.copy.setToolTip(
            tr(
                "Put the picture on the clipboard, in full size (Ctrl+Shift+C). Where it comes from is "
                "not kept there."
            )
        )
        self.save = QPushButton(tr("Save…"))
        self.save.setToolTip(tr("Choose a name and write the file (Ctrl+S)"))
        self.done_button = QPushButton(tr("Close"))
        self.done_button.setToolTip(
            tr("Close this dialog (Escape); a file being written is finished")
        )
        theme.set_role(self.save, "primary")
        for button in (self.cancel, self.show_folder, self.copy, self.done_button):
            theme.set_role(button, "outline")
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)
        self._fill()
        self._build()
        self._connect()
        self._fit()
        self.follow()

    def _fill(self) -> None:
        group = ""
        for kind in KINDS:
            if kind.group != group:
                group = kind.group
                head = QListWidgetItem(group, self.kinds)
                head.setFlags(Qt.ItemFlag.NoItemFlags)
                head.setData(Qt.ItemDataRole.AccessibleTextRole, tr("Group {group}", group=group))
            item = QListWidgetItem(kind.title, self.kinds)
            item.setData(ROLE, kind.id)

    def _build(self) -> None:
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self.options)
        self._scroll = scroll
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.title, 1)
        head.addWidget(self.newest)
        body = QHBoxLayout()
        body.setSpacing(16)
        body.addWidget(self.kinds)
        body.addWidget(scroll)
        body.addWidget(self.preview, 1)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.note, 1)
        foot.addWidget(self.progress, 1)
        for button in (self.cancel, self.show_folder, self.copy, self.save, self.done_button):
            foot.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(12)
        layout.addLayout(head)
        layout.addLayout(body, 1)
        layout.addLayout(foot)

    def _connect(self) -> None:
        model = self._model
        self.kinds.currentItemChanged.connect(self._on_kind)
        self.kinds.itemActivated.connect(self.choose_file)
        self.newest.clicked.connect(model.take)
        self.copy.clicked.connect(self.copyRequested)
        self.cancel.clicked.connect(model.cancel)
        self.save.clicked.connect(self.choose_file)
        self.show_folder.clicked.connect(self._on_show_folder)
        self.done_button.clicked.connect(self.reject)
        self.finished.connect(model.close)
        QShortcut(QKeySequence("Ctrl+S"), self, self.choose_file)
        QShortcut(QKeySequence("Ctrl+Shift+C"), self, self.copy.click)
        model.changed.connect(self.follow)
        model.previewChanged.connect(self._follow_buttons)
        model.progressed.connect(self._on_progressed)
        theme.manager.changed.connect(self._fit)

    @Slot()
    def _fit(self) -> None:
        """Widths for the text size; never larger than the screen."""
        for item in self._heads():
            item.setFont(theme.font("caption", semibold=True))
        room = self.screen().availableGeometry().size() - QSize(SCREEN_ROOM, SCREEN_ROOM)
        self.resize(QSize(theme.px(SIZE[0]), theme.px(SIZE[1])).boundedTo(room))
        self._share()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._share()

    def _share(self) -> None:
        """Leave the preview some room where text is large and the screen is not."""
        width = self.width()
        self.kinds.setFixedWidth(min(theme.px(LIST_WIDTH), round(LIST_SHARE * width)))
        self._scroll.setFixedWidth(min(theme.px(OPTIONS_WIDTH), round(OPTIONS_SHARE * width)))

    def _heads(self) -> list[QListWidgetItem]:
        items = (self.kinds.item(k) for k in range(self.kinds.count()))
        return [item for item in items if item.data(ROLE) is None]

    # following the model ----------------------------------------------------------------------

    @Slot()
    def follow(self) -> None:
        """Show which kinds there are, which one is chosen, and of which run."""
        model = self._model
        self.title.set_text(model.material.title or tr("Nothing was sampled yet"))
        self.newest.setVisible(model.has_newer)
        self.kinds.blockSignals(True)
        for k in range(self.kinds.count()):
            item = self.kinds.item(k)
            kind = next((each for each in KINDS if each.id == item.data(ROLE)), None)
            if kind is None:
                continue
            why = model.why_not(kind.id)
            item.setText(f"{kind.title}\n{why}" if why else kind.title)
            item.setToolTip(f"{kind.title}: {why}" if why else kind.title)
            usable = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            item.setFlags(Qt.ItemFlag.NoItemFlags if why else usable)
            if kind.id == model.kind.id:
                self.kinds.setCurrentItem(item)
        self.kinds.blockSignals(False)
        self._follow_buttons()

    @Slot()
    def _follow_buttons(self) -> None:
        model = self._model
        is_saving = model.is_saving
        self.save.setEnabled(model.can_save)
        self.copy.setEnabled(model.can_copy)
        self.cancel.setVisible(is_saving)
        self.progress.setVisible(is_saving)
        self.note.setVisible(not is_saving)
        self.show_folder.setVisible(self._saved is not None and not is_saving)
        if not is_saving:
            self.progress.setRange(0, 0)
            self.cancel.setEnabled(True)

    @Slot(int, int)
    def _on_progressed(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def tell(self, text: str, saved: Path | None = None) -> None:
        """Say how it went; ``saved`` is the file that was written."""
        self.note.set_text(text)
        self._saved = saved
        self._follow_buttons()

    # what the user does -----------------------------------------------------------------------

    @Slot()
    def _on_kind(self) -> None:
        item = self.kinds.currentItem()
        if item is not None and item.data(ROLE) is not None:
            self._model.choose(item.data(ROLE))
            self._scroll.verticalScrollBar().setValue(0)

    @Slot()
    def _on_show_folder(self) -> None:
        if self._saved is not None:
            self.folderRequested.emit(self._saved)

    @Slot()
    def choose_file(self) -> None:
        """Ask for a name, and have the file written."""
        model = self._model
        if not model.can_save:
            return
        folder = model.folder(self._usual_folder)
        suffix = model.options.format
        dialog = QFileDialog(
            self, tr("Export {model_kind}", model_kind=model.kind.title.lower()), str(folder)
        )
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        if suffix != FOLDER:
            others = [each for each, why in model.formats() if each != suffix and not why]
            names = [f"{FORMAT_NAMES[each]} (*{each})" for each in (suffix, *others)]
            dialog.setNameFilters(names)
            dialog.setDefaultSuffix(suffix[1:])
        dialog.selectFile(model.proposal(folder).name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._on_file)
        dialog.open()

    @Slot(str)
    def _on_file(self, name: str) -> None:
        self._saved = None
        self.note.set_text("")
        self._model.save(Path(name))
