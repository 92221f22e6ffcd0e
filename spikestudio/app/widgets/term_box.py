"""Small card with a word of the glossary, or with the address of a web page before it is opened."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from spikestudio.app import theme
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr
from spikestudio.lessons.glossary import Term

UNKNOWN = tr("The glossary does not have this word.")
OWN_WORDS = tr("As the word is used in this application")


class TermBox(QFrame):
    """Name, explanation and source; ``opened`` carries the address that the user wants to see."""

    opened = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "message")
        self._address = ""
        self.name = QLabel()
        theme.set_role(self.name, "strong")
        self.text = QLabel()
        self.source = QLabel()
        theme.set_role(self.source, "caption")
        for label in (self.name, self.text, self.source):
            label.setWordWrap(True)
        self.open = QPushButton(tr("Open in the browser"))
        self.open.setToolTip(tr("Leave the application for this address"))
        theme.set_role(self.open, "outline")
        self.close_button = IconButton("mdi6.close", tr("Close the explanation"), size=16)
        self.open.clicked.connect(self._on_open)
        self.close_button.clicked.connect(self.hide)
        head = QHBoxLayout()
        head.addWidget(self.name, 1)
        head.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 4, 8)
        layout.setSpacing(2)
        layout.addLayout(head)
        for each in (self.text, self.source, self.open):
            layout.addWidget(each)
        self.hide()

    def show_term(self, term: Term | None) -> None:
        """Explain a word; None is one that the glossary does not have."""
        if term is None:
            self._show("", UNKNOWN, "", "")
        else:
            source = (
                tr("Source: {paper}, {address}", paper=term.paper, address=term.address)
                if term.paper
                else OWN_WORDS
            )
            self._show(term.name, term.text, source, term.address)

    def show_link(self, address: str) -> None:
        """Show an address in full."""
        self._show(tr("Web page"), address, "", address)

    def _show(self, name: str, text: str, source: str, address: str) -> None:
        self._address = address
        for label, words in ((self.name, name), (self.text, text), (self.source, source)):
            label.setText(words)
        self.source.setVisible(bool(source))
        self.open.setVisible(bool(address))
        self.setAccessibleName(f"{name}: {text} {source}".strip())
        self.show()

    @Slot()
    def _on_open(self) -> None:
        self.opened.emit(self._address)
