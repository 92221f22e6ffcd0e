"""Markdown is written in the two weights that there are."""

from PySide6.QtGui import QFont, QTextDocument

from spikestudio.app.widgets.markdown import set_markdown


def weights(document):
    found, block = [], document.begin()
    while block.isValid():
        pieces = block.begin()
        while not pieces.atEnd():
            piece = pieces.fragment()
            found.append((piece.text(), piece.charFormat().fontWeight()))
            pieces += 1
        block = block.next()
    return found


def test_bold_is_the_semibold_font(qapp):
    document = QTextDocument()
    features = QTextDocument.MarkdownFeature.MarkdownNoHTML
    set_markdown(document, "press **Sample** now\n\n**twice** and **again**", features)
    assert document.toPlainText() == "press Sample now\ntwice and again"
    bold = {text: weight for text, weight in weights(document) if weight > QFont.Weight.Normal}
    assert bold == dict.fromkeys(("Sample", "twice", "again"), QFont.Weight.DemiBold.value)
