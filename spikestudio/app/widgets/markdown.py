"""Markdown with the fonts that come with the application."""

from __future__ import annotations

from PySide6.QtGui import QFont, QTextCharFormat, QTextCursor, QTextDocument


def set_markdown(
    document: QTextDocument, text: str, features: QTextDocument.MarkdownFeature
) -> None:
    """Set a document's text; bold is the semibold that there is, or Qt would smear the regular one."""
    document.setMarkdown(text, features)
    bold = []
    block = document.begin()
    while block.isValid():
        pieces = block.begin()
        while not pieces.atEnd():
            piece = pieces.fragment()
            if piece.charFormat().fontWeight() > QFont.Weight.DemiBold:
                bold.append((piece.position(), piece.position() + piece.length()))
            pieces += 1
        block = block.next()
    form = QTextCharFormat()
    form.setFontWeight(QFont.Weight.DemiBold)
    cursor = QTextCursor(document)
    for start, end in bold:
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(form)
