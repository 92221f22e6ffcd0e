"""A field and a list: type a few letters, press Enter, and it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Slot,
)
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.fuzzy import score
from spikestudio.app.views.parts import Caption
from spikestudio.language import tr

WIDTH, ROWS = 620, 12
TOP = 64  # of the window, that stays free above
RECENT = 1.5  # points that something done lately has ahead of other things
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be done; ``reason`` says why not now, as a sentence.

    ``key`` is what it is remembered by, ``kind`` what it is in a word, ``detail`` its keys or a fact.
    """

    key: str
    text: str
    kind: str
    call: Callable[[], object]
    detail: str = ""
    reason: str = ""


def ranked(entries: Sequence[Entry], typed: str, recent: Sequence[str]) -> list[Entry]:
    """Return the entries that fit, the best first; those done lately before others that fit as well.

    ``recent`` holds the keys of what was done lately, the newest first.
    """
    places = {key: place for place, key in enumerate(recent)}
    if not typed.strip():
        return sorted(entries, key=lambda each: places.get(each.key, len(places)))
    found = []
    for number, entry in enumerate(entries):
        points = score(typed, f"{entry.text} {entry.kind}")
        if points is not None:
            bonus = RECENT / (1 + places[entry.key]) if entry.key in places else 0.0
            found.append((-points - bonus, bool(entry.reason), number, entry))
    return [entry for *_, entry in sorted(found, key=lambda each: each[:3])]


class Palette(QDialog):
    """Offers entries; Enter does the chosen one, Escape closes.

    Parameters
    ----------
    name
        What the field is called.
    entries
        Everything that is offered, in the order in which it is listed before anything is typed.
    recent
        Keys of what was done lately, the newest first; what is done is put in front.
    more
        Further entries for what was typed, listed first: a neuron by its number.
    """

    def __init__(
        self,
        name: str,
        entries: Sequence[Entry],
        recent: list[str],
        parent: QWidget,
        more: Callable[[str], Sequence[Entry]] = lambda _typed: (),
    ) -> None:
        super().__init__(parent, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self.setWindowTitle(name)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._entries, self._recent, self._more = entries, recent, more
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("{name}: type a few letters", name=name))
        self.field.setAccessibleName(name)
        self.rows = PaletteRows()
        self.list = QListView()
        self.list.setModel(self.rows)
        self.list.setItemDelegate(PaletteDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setAccessibleName(tr("What fits"))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the field moves in it
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.caption = Caption()
        frame = QFrame()
        frame.setProperty("role", "popup")
        inner = QVBoxLayout(frame)
        inner.setContentsMargins(8, 8, 8, 8)
        inner.setSpacing(2 * theme.SPACE)
        for widget in (self.field, self.list, self.caption):
            inner.addWidget(widget)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)
        self.field.installEventFilter(self)
        self.field.textChanged.connect(self._follow)
        self.list.clicked.connect(self._do)
        self._follow()
        self._place(parent.window())

    def _place(self, window: QWidget) -> None:
        width = min(theme.px(WIDTH), window.width() - 32)
        row = self.list.itemDelegate().sizeHint(QStyleOptionViewItem(), QModelIndex()).height()
        self.list.setFixedHeight(min(ROWS * row, window.height() // 2) + 2)
        self.setFixedWidth(width)
        corner = window.mapToGlobal(QPoint((window.width() - width) // 2, theme.px(TOP)))
        self.move(corner)

    @property
    def chosen(self) -> Entry | None:
        """The entry that Enter does."""
        return self.rows.entry(self.list.currentIndex())

    @Slot()
    def _follow(self) -> None:
        """List what fits what was typed."""
        typed = self.field.text()
        found = [*self._more(typed), *ranked(self._entries, typed, self._recent)]
        self.rows.set_entries(found)
        self._choose(0)

    def _choose(self, row: int) -> None:
        if self.rows.rowCount():
            row = min(max(row, 0), self.rows.rowCount() - 1)
            index = self.rows.index(row)
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)
        self._describe()

    def _describe(self) -> None:
        """Say in the line below why the chosen entry cannot be done, or how many there are."""
        entry, number = self.chosen, self.rows.rowCount()
        if entry is None:
            text = tr("Nothing fits.")
        elif entry.reason:
            text = tr("Not now: {reason}", reason=entry.reason)
        else:
            text = tr("{number:,} found. Enter: do it, Esc: close", number=number)
        self.caption.set_text(text)
        spoken = "" if entry is None else self.rows.spoken(entry)
        self.field.setAccessibleDescription(f"{spoken}. {text}" if spoken else text)

    @Slot()
    def _do(self) -> None:
        entry = self.chosen
        if entry is None or entry.reason:
            return
        if entry.key in self._recent:
            self._recent.remove(entry.key)
        self._recent.insert(0, entry.key)
        self.accept()
        entry.call()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            key, row = Qt.Key, self.list.currentIndex().row()
            page = max(1, self.list.height() // max(1, self.list.sizeHintForRow(0)) - 1)
            moves = {key.Key_Down: 1, key.Key_Up: -1, key.Key_PageDown: page, key.Key_PageUp: -page}
            if event.key() in moves:
                self._choose(row + moves[key(event.key())])
                return True
            if event.key() in (key.Key_Return, key.Key_Enter):
                self._do()
                return True
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.close()  # as a menu does


class PaletteRows(QAbstractListModel):
    """The entries that fit."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []

    def set_entries(self, entries: list[Entry]) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self._entries = entries
        self.endResetModel()

    def entry(self, index: Index) -> Entry | None:
        """Return the entry of a row."""
        return self._entries[index.row()] if index.isValid() else None

    @staticmethod
    def spoken(entry: Entry) -> str:
        """Return an entry in words."""
        reason = tr("not now: {reason}", reason=entry.reason) if entry.reason else ""
        return ", ".join(filter(None, (entry.text, entry.kind, entry.detail, reason)))

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802  Qt override
        return len(self._entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self.entry(index)
        if entry is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return entry.reason or None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.spoken(entry)
        return None


class PaletteDelegate(QStyledItemDelegate):
    """A row: what, of which kind, and its keys or why it cannot be done."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(200), theme.px(30))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rows = index.model()
        entry = rows.entry(index) if isinstance(rows, PaletteRows) else None
        if entry is None:
            return
        box: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, theme.color("selected"))
            painter.fillRect(QRect(box.x(), box.y(), 3, box.height()), theme.color("accent"))
        inner = box.adjusted(theme.px(12), 0, -theme.px(8), 0)
        align = Qt.AlignmentFlag
        painter.setFont(theme.font("caption"))
        detail = entry.detail if not entry.reason else tr("not now")
        right = f"{entry.kind}   {detail}" if detail else entry.kind
        metrics = painter.fontMetrics()
        right = metrics.elidedText(right, Qt.TextElideMode.ElideLeft, inner.width() // 2)
        painter.setPen(theme.color("muted"))
        painter.drawText(inner, align.AlignRight | align.AlignVCenter, right)
        room = inner.width() - metrics.horizontalAdvance(right) - theme.px(12)
        painter.setFont(theme.font("body"))
        painter.setPen(theme.color("muted" if entry.reason else "text"))
        text = painter.fontMetrics().elidedText(entry.text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(inner, align.AlignLeft | align.AlignVCenter, text)
        painter.restore()
