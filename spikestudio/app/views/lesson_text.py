"""The text of a page: Markdown without HTML; pictures of the lesson's folder, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QUrl
from PySide6.QtGui import QImage, QTextBlockFormat, QTextCursor, QTextDocument
from PySide6.QtWidgets import QFrame, QTextBrowser

from spikestudio.app import theme
from spikestudio.lessons.reading import picture

FEATURES = (
    QTextDocument.MarkdownFeature.MarkdownNoHTML
    | QTextDocument.MarkdownFeature.MarkdownDialectCommonMark
)
PARAGRAPH, LINE = 10, 125  # pixels below a paragraph, and height of a line in per cent


class LessonText(QTextBrowser):
    """Shows pages; links are announced by ``anchorClicked`` and never followed."""

    def __init__(self) -> None:
        super().__init__()
        self._folder: Path | None = None
        self._shown: tuple[str, str, str, float] | None = None
        self.setOpenLinks(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("background: transparent; border: none; padding: 0;")
        self.setAccessibleName("Text of the lesson")
        self.document().setDocumentMargin(0)

    def show_page(self, folder: Path, page_id: str, markdown: str) -> None:
        """Show a page; the same one with other numbers stays where it was scrolled to."""
        key = (page_id, markdown, theme.manager.mode, theme.manager.scale)
        if key == self._shown:
            return
        is_same = self._shown is not None and self._shown[0] == page_id
        place = self.verticalScrollBar().value() if is_same else 0
        self._shown, self._folder = key, folder
        document = self.document()
        document.clear()
        document.setDefaultFont(theme.font("title", semibold=False))
        document.setMarkdown(markdown, FEATURES)
        self._space()
        self.verticalScrollBar().setValue(place)

    def _space(self) -> None:
        """Set paragraphs apart, and lines a little."""
        cursor = QTextCursor(self.document())
        block = self.document().begin()
        while block.isValid():
            cursor.setPosition(block.position())
            form = cursor.blockFormat()
            form.setTopMargin(0)
            form.setBottomMargin(theme.px(PARAGRAPH))
            form.setLineHeight(LINE, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
            cursor.setBlockFormat(form)
            block = block.next()

    def loadResource(self, kind: int, name: QUrl | str) -> Any:  # noqa: N802, ANN401  Qt override
        """Return a picture of the lesson's folder; nothing else is ever read."""
        is_image = kind == QTextDocument.ResourceType.ImageResource.value
        url = QUrl(name)
        path = None
        if self._folder is not None and is_image and url.isRelative():
            path = picture(self._folder, url.path())
        if path is None:
            return QByteArray()
        found = QImage(str(path))
        width = self.viewport().width()
        if width and found.width() > width:
            return found.scaledToWidth(width)
        return found
