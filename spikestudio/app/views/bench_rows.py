"""Rows of a bench: one for each model that is asked, with its figures or how it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QImage

from spikestudio.app.plots.tiles import to_qimage
from spikestudio.bench.answer import Answer
from spikestudio.bench.table import COLUMNS, remarks
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.bench import BenchModel

IMAGES, MODEL, FIRST = range(3)  # columns; figures begin with the last one
SORT_ROLE = Qt.ItemDataRole.UserRole
NO_INDEX = QModelIndex()
Index = QModelIndex | QPersistentModelIndex
MARK = "*"  # beside times that something else has spoilt


class BenchTable(QAbstractTableModel):
    """One row for each model that is asked."""

    def __init__(self, bench: BenchModel) -> None:
        super().__init__()
        self._bench = bench
        self._paths = bench.paths
        self._pictures: dict[str, tuple[QImage, ...]] = {}
        self._largest: dict[int, float] = {}

    def show_answers(self) -> None:
        """Show what is there now; rows stay what they are unless another bench was started."""
        bench = self._bench
        is_other = bench.paths != self._paths or not bench.done
        if is_other:
            self.beginResetModel()
            self._paths, self._pictures = bench.paths, {}
        self._largest = {
            k: max((column.of(answer) or 0.0 for answer in bench.done), default=0.0)
            for k, column in enumerate(COLUMNS)
        }
        if is_other:
            self.endResetModel()
        elif self._paths:
            last = self.index(len(self._paths) - 1, self.columnCount() - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def answer(self, row: int) -> Answer | None:
        """Return the answer of a row; None while there is none."""
        return self._bench.answers[row] if row < len(self._bench.answers) else None

    def pictures(self, row: int) -> tuple[QImage, ...]:
        """Return the images of a row."""
        answer = self.answer(row)
        if answer is None or answer.images is None:
            return ()
        if answer.path not in self._pictures:
            self._pictures[answer.path] = tuple(to_qimage(each) for each in answer.images)
        return self._pictures[answer.path]

    def share(self, row: int, column: int) -> float | None:
        """Return how long a bar is, of the longest one in the column."""
        answer = self.answer(row)
        value = COLUMNS[column - FIRST].of(answer) if answer is not None else None
        largest = self._largest.get(column - FIRST, 0.0)
        return None if value is None or largest <= 0 else value / largest

    def is_disturbed(self, row: int, column: int) -> bool:
        """Whether a time was taken while something else was computed."""
        path = str(self._paths[row])
        return COLUMNS[column - FIRST].unit == "s" and path in self._bench.disturbed

    def lines(self, row: int) -> tuple[str, str, str]:
        """Return the name of a model, its data, and a word on how it stands."""
        answer, bench = self.answer(row), self._bench
        name = self._paths[row].stem
        if answer is None:
            return name, "", self._waiting(row)
        notes = remarks(answer)
        if answer.error:
            return name, answer.dataset, tr("failed: {error}", error=answer.error)
        if answer.path in bench.disturbed:
            notes = [tr("{mark} something else was computed meanwhile", mark=MARK), *notes]
        return name, tr("data {dataset}", dataset=answer.dataset), "; ".join(notes)

    def _waiting(self, row: int) -> str:
        bench = self._bench
        if bench.current == row:
            return tr(
                "step {bench_step:,} of {num_steps:,}",
                bench_step=bench.step,
                num_steps=bench.num_steps,
            )
        return tr("waiting") if bench.is_active else tr("not asked")

    # Qt ---------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NO_INDEX) -> int:  # noqa: N802  Qt override
        return 0 if parent.isValid() else len(self._paths)

    def columnCount(self, parent: Index = NO_INDEX) -> int:  # noqa: N802  Qt override
        return 0 if parent.isValid() else FIRST + len(COLUMNS)

    def headerData(  # noqa: N802  Qt override
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        titles = (tr("Images"), tr("Model"), *(column.title for column in COLUMNS))
        tips = (tr("The images, in the order of the batch"), tr("Checkpoint and its data set"))
        if role == Qt.ItemDataRole.DisplayRole:
            return titles[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return (*tips, *(column.tip for column in COLUMNS))[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row, column = index.row(), index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return self._text(row, column)
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(row, column)
            case role if role == SORT_ROLE:
                return self._sort_key(row, column)
        return None

    def _text(self, row: int, column: int) -> str:
        if column == IMAGES:
            return tr("{num_pictures} images", num_pictures=len(self.pictures(row)))
        if column == MODEL:
            return ", ".join(filter(None, self.lines(row)))
        answer = self.answer(row)
        if answer is None:
            return ""
        mark = MARK if self.is_disturbed(row, column) else ""
        return COLUMNS[column - FIRST].text(answer) + mark

    def _tip(self, row: int, column: int) -> str:
        if column >= FIRST:
            return COLUMNS[column - FIRST].tip
        answer = self.answer(row)
        if answer is None:
            return self._text(row, MODEL)
        words = [f"{answer.checkpoint} {word}." for word in remarks(answer)]
        return "\n".join([", ".join(self.lines(row)[:2]), *words])

    def _sort_key(self, row: int, column: int) -> str | float | None:
        if column == MODEL:
            return self._paths[row].stem
        answer = self.answer(row)
        return COLUMNS[column - FIRST].of(answer) if answer and column >= FIRST else None


def _alignment(column: int) -> Qt.AlignmentFlag:
    flag = Qt.AlignmentFlag
    return (flag.AlignRight if column >= FIRST else flag.AlignLeft) | flag.AlignVCenter
