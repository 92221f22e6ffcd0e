"""Card with a few lines of help, closed by a click anywhere else; its words lead to the glossary."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.widgets.term_box import TermBox
from spikestudio.language import current, tr
from spikestudio.lessons import glossary

WIDTH = 340
MARGIN = 24  # of the screen, that stays free
LINKS = (
    Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
)
ALL = "all"  # in the place of a term's id


class HelpCard(QFrame):
    """Title and text in a popup; the first time that a word of the glossary occurs it is a link."""

    def __init__(self, title: str, text: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("role", "popup")
        self.setAccessibleName(tr("Help: {title}", title=title))
        self._terms = glossary.load(current())
        self._anchor: QWidget | None = None
        head = QLabel(title)
        theme.set_role(head, "title")
        self.term = TermBox()
        self.lines = [_linked_label(line) for line in self._link(text)]
        more = _linked_label(
            tr(
                '<a href="{scheme}:{all}">All words of the glossary</a>',
                scheme=glossary.SCHEME,
                all=ALL,
            )
        )
        theme.set_role(more, "caption")
        self.all_words = _linked_label(self._listed())
        self.all_words.hide()
        self._content = QWidget()
        column = QVBoxLayout(self._content)
        column.setContentsMargins(16, 12, 16, 16)
        column.setSpacing(2 * theme.SPACE)
        for each in (head, *self.lines, self.term, more, self.all_words):
            column.addWidget(each)
        for label in (*self.lines, more, self.all_words):
            label.linkActivated.connect(self.follow)
        self.area = QScrollArea()
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(self._content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.area)
        self.term.opened.connect(self._on_open)
        self.term.close_button.clicked.connect(self._fit)

    def _link(self, text: str) -> list[str]:
        """Return the lines as HTML; of all lines together the first occurrence is the link."""
        return glossary.linked(text, self._terms).split("\n")

    def _listed(self) -> str:
        named = sorted((term.name, key) for key, term in self._terms.items())
        return " · ".join(f'<a href="{glossary.SCHEME}:{key}">{name}</a>' for name, key in named)

    @Slot(str)
    def follow(self, link: str) -> None:
        """Explain the word that a link leads to."""
        key = link.removeprefix(f"{glossary.SCHEME}:")
        if key == ALL:
            self.all_words.setVisible(self.all_words.isHidden())
        else:
            self.term.show_term(self._terms.get(key))
        self._fit()
        if key != ALL:
            self.area.ensureWidgetVisible(self.term)

    @Slot(str)
    def _on_open(self, address: str) -> None:
        self.close()
        QDesktopServices.openUrl(QUrl(address))

    def show_under(self, widget: QWidget) -> None:
        """Open below a widget, on its screen."""
        self._anchor = widget
        self._fit()
        self.show()

    @Slot()
    def _fit(self) -> None:
        """Take the height of the text, and a place on the screen."""
        if self._anchor is None:
            return
        widget, column = self._anchor, self._content.layout()
        screen = widget.screen().availableGeometry()
        width = min(theme.px(WIDTH), screen.width() - MARGIN)
        height = (column.heightForWidth(width - 2) if column is not None else 0) + 2
        height = min(height, screen.height() - MARGIN)
        self.setFixedSize(width, height)
        at = widget.mapToGlobal(QPoint(widget.width() - width, widget.height() + 4))
        at.setX(min(max(at.x(), screen.left()), screen.right() - width))
        at.setY(max(min(at.y(), screen.bottom() - height), screen.top()))
        self.move(at)


def _linked_label(html: str) -> QLabel:
    label = QLabel(html)
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setTextInteractionFlags(LINKS)
    label.setWordWrap(True)
    return label
