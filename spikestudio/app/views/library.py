"""Library dock: all checkpoints at hand, what each says about itself, and a doctor for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QHideEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QLineEdit,
    QListView,
    QMenu,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.facts import architecture_title, dataset_title
from spikestudio.app.views.base import View
from spikestudio.app.views.doctor import DoctorPage
from spikestudio.app.views.library_card import LibraryCard
from spikestudio.app.views.library_rows import LibraryDelegate, LibraryRows
from spikestudio.app.views.parts import Caption, Combo, Segmented, stacked, tool_row
from spikestudio.checkpoints.library import SORTS, Filter, Item, State, arranged, printable
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.checkpoint import CheckpointModel
    from spikestudio.app.viewmodels.doctor import DoctorModel
    from spikestudio.app.viewmodels.library import LibraryModel
    from spikestudio.app.viewmodels.run import RunModel

WIDE = 620  # pixels from which the card is beside the list and not below it
STATES: tuple[tuple[str, State], ...] = (
    (tr("All files"), "all"),
    (tr("Usable"), "usable"),
    (tr("Broken"), "broken"),
)
CHOOSE = tr("Choose a file first.")
FILES, DOCTOR = 0, 1


class LibraryView(View):
    """List of files with filters, the card of the chosen one, and the doctor's page."""

    view_id: ClassVar[str] = "library"
    title: ClassVar[str] = tr("Library")
    help_text: ClassVar[str] = tr(
        "Every checkpoint of your folders, and those that come with the application.\n"
        "Only the start of each file is read, in the background, and remembered until it changes.\n"
        "Open (double-click, Enter): load it. Find: every word must be in name, path, network or\n"
        "data set. Folders: add one, or look through one no more; F5 looks through all again.\n"
        "The card shows all that the file says, each figure with how it was measured; figures of\n"
        "different protocols cannot be compared. What the file does not say is unknown.\n"
        "Doctor (Ctrl+Shift+D): missing, unexpected and wrong tensors of the chosen file, likely\n"
        "other names for some, and a report."
    )

    rejected = Signal(str)  # what could not be done
    told = Signal(str)  # what was done

    def __init__(
        self,
        run: RunModel,
        library: LibraryModel,
        doctor: DoctorModel,
        checkpoint: CheckpointModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(run, parent)
        self._library, self._checkpoint = library, checkpoint
        self._items: tuple[Item, ...] | None = None  # that are listed
        self._listed: tuple[str, Filter] | None = None  # by which order and filter
        self.rows, self.delegate = LibraryRows(), LibraryDelegate(self)
        self.pages = Segmented(
            tr("Page of the library"),
            (
                (tr("Files"), tr("All files of your folders")),
                (tr("Doctor"), tr("What is wrong with one file")),
            ),
        )
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Find by name, network, data set"))
        self.search.setAccessibleName(tr("Find"))
        self.search.setToolTip(
            tr("List only files with these words in name, path, network or data set")
        )
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(theme.px(160))
        self.architecture = Combo(tr("Network"), tr("List only files of one network"))
        self.dataset = Combo(tr("Data set"), tr("List only files trained on one data set"))
        self.state = Combo(
            tr("State"), tr("List usable or broken files"), tuple(t for t, _ in STATES)
        )
        self.sort = Combo(
            tr("Order"), tr("Order of the list; unknown values last"), tuple(SORTS.values())
        )
        self.sort.setItemData(
            list(SORTS).index("recognised"),
            tr("Comparable only where data set and protocol are the same"),
            Qt.ItemDataRole.ToolTipRole,
        )
        self.list = self._made_list()
        self.actions_by_name: dict[str, QAction] = {}
        buttons = (
            self._add("open", tr("Open"), ("Return", "Enter"), self._open),
            self._add("doctor", tr("Doctor…"), ("Ctrl+Shift+D",), self._examine),
            self._add("rescan", tr("Rescan"), ("F5",), self._rescan),
        )
        self.folders = self._folders_button()
        self.card = LibraryCard()
        self.splitter = QSplitter()
        self.splitter.setChildrenCollapsible(False)
        for part in (self.list, self.card):
            self.splitter.addWidget(part)
        self.caption, self.notice = Caption(), Caption(token="warn")
        files = stacked(
            tool_row(self.search, self.architecture, self.dataset, self.state, self.sort),
            tool_row(*buttons, self.folders),
            *(self.splitter, self.notice, self.caption),
            stretch=self.splitter,
        )
        self.doctor = DoctorPage(doctor)
        self.stack = QStackedWidget()
        for page in (files, self.doctor):
            self.stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(0)
        head = tool_row(self.pages)
        head.setContentsMargins(12, 0, 12, 0)
        column.addWidget(head)
        column.addWidget(self.stack, 1)
        self._connect(doctor)

    # parts ----------------------------------------------------------------------------------

    def _made_list(self) -> QListView:
        made = QListView()
        made.setModel(self.rows)
        made.setItemDelegate(self.delegate)
        made.setAccessibleName(tr("Checkpoint files"))
        made.setUniformItemSizes(True)
        made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        made.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        made.setMouseTracking(True)
        made.setMinimumHeight(theme.px(80))
        return made

    def _add(
        self, name: str, text: str, keys: tuple[str, ...], call: Callable[[], None]
    ) -> QToolButton:
        action = QAction(text, self.list)
        action.setIconText(text)  # a button would else leave out the dots
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(call)
        self.list.addAction(action)
        self.actions_by_name[name] = action
        button = QToolButton()
        button.setDefaultAction(action)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _folders_button(self) -> QToolButton:
        button = QToolButton()
        button.setText(tr("Folders"))
        button.setToolTip(tr("Add a folder to look through, or leave one out again"))
        button.setAccessibleName(tr("Folders"))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.menu = QMenu(button)
        self.menu.aboutToShow.connect(self._fill_menu)
        self._fill_menu()
        button.setMenu(self.menu)
        return button

    def _connect(self, doctor: DoctorModel) -> None:
        library, checkpoint = self._library, self._checkpoint
        for signal in (library.changed, checkpoint.loaded, checkpoint.loadingChanged):
            signal.connect(self.mark_dirty)
        for combo in (self.architecture, self.dataset, self.state, self.sort):
            combo.activated.connect(self._redraw)
        self.search.textChanged.connect(self.mark_dirty)
        self.search.returnPressed.connect(self._go_to_list)
        self.list.doubleClicked.connect(self._open)
        self.list.selectionModel().currentChanged.connect(self._show_chosen)
        self.pages.chosen.connect(self.show_page)
        for problem in (library.refused, doctor.refused):
            problem.connect(self.rejected)
        doctor.told.connect(self.told)
        theme.manager.changed.connect(self._restyle)

    # drawing --------------------------------------------------------------------------------

    @property
    def chosen(self) -> Item | None:
        """The file of the row that is chosen."""
        return self.rows.item(self.list.currentIndex())

    def choose(self, path: Path) -> None:
        """Choose the row of a file."""
        self.list.setCurrentIndex(self.rows.index_of(path))

    @Slot(int)
    def show_page(self, page: int) -> None:
        """Show the files, or the doctor."""
        self.pages.button(page).setChecked(True)
        self.stack.setCurrentIndex(page)

    def refresh(self) -> None:
        """List the files that there are now."""
        library, checkpoint = self._library, self._checkpoint
        if not (library.has_scanned or library.is_scanning or library.failure):
            library.scan()  # when the dock is first seen
        self._list()
        in_use = checkpoint.model.path if checkpoint.model else None
        self.rows.mark(in_use, checkpoint.loading)
        self._say()
        self._show_chosen()

    def _list(self) -> None:
        """List what the filters keep; the file that is chosen stays, while it is listed."""
        items = self._library.items
        if items is not self._items:
            self._items, self._listed = items, None
            self._fill_filters()
        wanted = (self._sort(), self._filter())
        if wanted == self._listed:
            return
        self._listed, before = wanted, self.chosen
        if self.rows.show(arranged(items, *wanted)):
            index = self.rows.index_of(before.entry.path if before else None)
            self.list.setCurrentIndex(index if index.isValid() else self.rows.index(0))

    def _filter(self) -> Filter:
        architecture, dataset = self.architecture.currentData(), self.dataset.currentData()
        state = STATES[max(self.state.currentIndex(), 0)][1]
        return Filter(self.search.text(), architecture or "", dataset or "", state)

    def _sort(self) -> str:
        return list(SORTS)[max(self.sort.currentIndex(), 0)]

    def _fill_filters(self) -> None:
        cards = [item.card for item in self._library.items if item.card is not None]
        networks = {card.architecture: architecture_title(card.architecture, {}) for card in cards}
        sets = {card.dataset: printable(dataset_title(card.dataset)) for card in cards}
        _fill_combo(self.architecture, tr("All networks"), networks)
        _fill_combo(self.dataset, tr("All data sets"), sets)

    def _say(self) -> None:
        library = self._library
        shown, total = len(self.rows.items), len(library.items)
        broken = sum(item.entry.card is None for item in library.items)
        text = tr("{shown:,} of {total:,} files", shown=shown, total=total) + (
            tr(", {broken:,} broken", broken=broken) if broken else ""
        )
        if library.is_scanning:
            text += tr(
                "   looking through the folders: {num_scanned:,} files so far",
                num_scanned=library.num_scanned,
            )
        self.caption.set_text(text)
        notices = [*library.left_out, *([library.failure] if library.failure else [])]
        self.notice.set_text("   ".join(notices))
        self.notice.setVisible(bool(notices))

    @Slot()
    def _show_chosen(self, *_: object) -> None:
        """Show the card of the chosen file, and what can be done with it."""
        item = self.chosen
        self.card.show_item(item, self.delegate.picture(item) if item else None)
        is_scanning, rescan = self._library.is_scanning, self.actions_by_name["rescan"]
        text = tr("Stop") if is_scanning else tr("Rescan")
        if rescan.text() != text:
            rescan.setText(text)
            rescan.setIconText(text)
        for name, tip in (
            ("open", tr("Load this file")),
            ("doctor", tr("See what is wrong with the tensors of this file")),
            (
                "rescan",
                tr("Leave it at what was found")
                if is_scanning
                else tr("Look through all folders again"),
            ),
        ):
            action = self.actions_by_name[name]
            obstacle = CHOOSE if item is None and name != "rescan" else ""
            action.setEnabled(not obstacle)
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(obstacle or f"{tip} ({keys})")

    @Slot()
    def _redraw(self, *_: object) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _restyle(self) -> None:
        self.list.doItemsLayout()
        self._turn()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._turn()

    def _turn(self) -> None:
        """Put the card beside the list where there is room, else below it."""
        is_wide = self.width() >= theme.px(WIDE)
        turn = Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical
        if turn != self.splitter.orientation() or not any(self.splitter.sizes()):
            self.splitter.setOrientation(turn)
            self.splitter.setSizes([500, 500])

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802  Qt override
        super().hideEvent(event)
        self.menu.hide()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(360), theme.px(400))

    # actions --------------------------------------------------------------------------------

    @Slot()
    def _open(self, *_: object) -> None:
        if (item := self.chosen) is not None:
            self._library.open(item)

    @Slot()
    def _examine(self) -> None:
        if (item := self.chosen) is not None:
            self.doctor.examine(item.entry.path)
            self.show_page(DOCTOR)

    @Slot()
    def _rescan(self) -> None:
        if self._library.is_scanning:
            self._library.stop()
        else:
            self._library.scan()

    @Slot()
    def _go_to_list(self) -> None:
        self._redraw()
        self.list.setFocus()

    @Slot()
    def _fill_menu(self) -> None:
        self.menu.clear()
        self.menu.addAction(tr("Add folder…"), self.ask_folder)
        if self._library.folders:
            self.menu.addSeparator()
        for folder in self._library.folders:
            text = printable(str(folder)).replace("&", "&&")
            action = self.menu.addAction(tr("Look no more through {the_text}", the_text=text))
            action.triggered.connect(partial(self._library.remove_folder, folder))

    @Slot()
    def ask_folder(self) -> None:
        """Ask for one more folder to look through."""
        dialog = QFileDialog(self, tr("Folder of checkpoints"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._on_folder)
        dialog.open()

    @Slot(str)
    def _on_folder(self, name: str) -> None:
        self._library.add_folder(Path(name))


def _fill_combo(combo: Combo, every: str, titles: dict[str, str]) -> None:
    """Offer all values that there are; the one that is chosen stays, while there is one."""
    wanted = [("", every), *sorted(titles.items(), key=lambda pair: pair[1].casefold())]
    if [combo.itemData(index) for index in range(combo.count())] != [data for data, _ in wanted]:
        chosen = combo.currentData()
        combo.clear()
        for data, text in wanted:
            combo.addItem(text, data)
        combo.setCurrentIndex(max(combo.findData(chosen), 0))
