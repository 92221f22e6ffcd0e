"""The text of a page: Markdown without HTML; pictures of the lesson's folder, and no others."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSize, Qt, QUrl
from PySide6.QtGui import QImage, QResizeEvent, QTextBlockFormat, QTextCursor, QTextDocument
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser

from spikestudio.app import theme
from spikestudio.app.widgets.markdown import set_markdown
from spikestudio.language import tr
from spikestudio.lessons.reading import picture

FEATURES = (
    QTextDocument.MarkdownFeature.MarkdownNoHTML
    | QTextDocument.MarkdownFeature.MarkdownDialectCommonMark
)
WIDTH = 320  # pixels that a page asks for
PARAGRAPH, LINE = 10, 125  # pixels below a paragraph, and height of a line in per cent


class LessonText(QTextBrowser):
    """Shows pages, as high as they are; links are announced by ``anchorClicked`` and never followed."""

    def __init__(self) -> None:
        super().__init__()
        self._folder: Path | None = None
        self._shown: tuple[str, str, str, float] | None = None
        self.setOpenLinks(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("background: transparent; border: none; padding: 0;")
        self.setAccessibleName(tr("Text of the lesson"))
        self.document().setDocumentMargin(0)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_page(self, folder: Path, page_id: str, markdown: str) -> None:
        """Show a page, or the same one with other numbers."""
        key = (page_id, markdown, theme.manager.mode, theme.manager.scale)
        if key == self._shown:
            return
        self._shown, self._folder = key, folder
        document = self.document()
        document.clear()
        document.setDefaultFont(theme.font("title", semibold=False))
        set_markdown(document, markdown, FEATURES)
        self._space()
        self.updateGeometry()

    # size -----------------------------------------------------------------------------------

    def hasHeightForWidth(self) -> bool:  # noqa: N802  Qt override
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802  Qt override
        frame = self.width() - self.viewport().width()
        document = self.document()
        before = document.textWidth()
        document.setTextWidth(max(width - frame, 1))
        height = document.size().height()
        document.setTextWidth(before)
        return ceil(height) + frame

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(0, 0)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(WIDTH), self.heightForWidth(max(self.width(), 1)))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

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
