"""One cell of a sweep, large: its images, what was measured, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.tiles import Panel, TileGrid
from spikestudio.app.views.parts import Caption, tool_row
from spikestudio.app.views.sweep_words import cell_facts
from spikestudio.language import tr
from spikestudio.sweeps.folder import PAGE

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.sweep_reading import Images
    from spikestudio.app.viewmodels.sweeps import SweepModel
    from spikestudio.sweeps.cells import Cell


class CellPanel(QWidget):
    """Shows the cell that was chosen on the sheet."""

    def __init__(self, sweep: SweepModel) -> None:
        super().__init__()
        self._sweep = sweep
        self.cell: Cell | None = None
        self._read: int | None = None  # cell whose images are shown
        self.title = Caption(role="body", token="text")
        self.facts = Caption()
        self.images = TileGrid()
        self.images.setAccessibleName(tr("Images of the cell"))
        self.images.clicked.connect(self._on_image)
        self.use = self._button(
            tr("Use these parameters"), tr("Put the parameters of the cell in the sampler")
        )
        self.folder = self._button(tr("Open folder"), tr("Show the files of the sweep"))
        self.page = self._button(tr("Open page"), tr("Show the page of all cells in the browser"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.title, self.facts):
            layout.addWidget(widget)
        layout.addWidget(self.images, 1)
        layout.addWidget(tool_row(self.use, self.folder, self.page))
        self.use.clicked.connect(self._on_use)
        self.folder.clicked.connect(self._on_folder)
        self.page.clicked.connect(self._on_page)

    @staticmethod
    def _button(text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        theme.set_role(button, "outline")
        return button

    def show_cell(self, cell: Cell | None) -> None:
        """Show a cell, or hide."""
        is_other = cell is not self.cell
        self.cell = cell
        self.setVisible(cell is not None)
        if cell is None:
            return
        if is_other:
            self._read = None
            self.images.set_panels((), 0)
        self.title.set_text(cell.label)
        self.facts.set_text(cell_facts(cell, self._sweep))
        obstacle = self._sweep.cannot_use(cell)
        self.use.setEnabled(not obstacle)
        self.use.setToolTip(obstacle or tr("Put the parameters of the cell in the sampler"))
        has_page = (self._sweep.out / PAGE).is_file()
        self.page.setEnabled(has_page)
        self.page.setToolTip(
            tr("Show the page of all cells in the browser")
            if has_page
            else tr("The page is written when the sweep ends")
        )
        result = self._sweep.results.get(cell.index)
        if result is not None and result.images is not None and self._read != cell.index:
            self._read = cell.index
            self._show_images(cell, result.images)
            if len(result.images) < cell.request.num:
                self._sweep.images(cell, lambda images: self._show_images(cell, images))

    def _show_images(self, cell: Cell, images: Images | None) -> None:
        if cell is self.cell and images is not None:
            number, all_of_them = len(images), cell.request.num
            count = (
                tr("{number:,} images", number=number)
                if number == all_of_them
                else tr("{number} of {all_of_them:,}", number=number, all_of_them=all_of_them)
            )
            self.images.set_panels((Panel(tr("1 image") if number == 1 else count, images),), 0)

    @Slot(int)
    def _on_image(self, image: int) -> None:
        self.images.set_panels(self.images.panels, image)

    @Slot()
    def _on_use(self) -> None:
        if self.cell is not None:
            self._sweep.use(self.cell)

    @Slot()
    def _on_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._sweep.out)))

    @Slot()
    def _on_page(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._sweep.out / PAGE)))
