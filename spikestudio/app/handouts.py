"""Handouts as PDF: the page of a handout, laid out on paper by Qt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QBuffer,
    QByteArray,
    QEventLoop,
    QIODevice,
    QMarginsF,
    QRectF,
    QSizeF,
    Qt,
    QUrl,
)
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QFont,
    QPageLayout,
    QPageSize,
    QPainter,
    QPdfWriter,
    QTextBlock,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)

from spikestudio import __version__
from spikestudio.atomic import atomic_write
from spikestudio.language import tr
from spikestudio.lessons.handout import QUESTION

DPI = 300
POINTS = 10  # of the text
POINT_DPI = 72 if sys.platform == "darwin" else 96  # of Qt's lengths before they are scaled
MARGIN = int(2 / 2.54 * POINT_DPI)  # 2 cm around a sheet


class _Page(QTextDocument):
    """A page that holds everything it needs: nothing else is ever read."""

    def loadResource(self, kind: int, name: QUrl | str) -> Any:  # noqa: N802, ANN401  Qt override
        if QUrl(name).scheme() != "data":
            return QByteArray()
        return super().loadResource(kind, name)


def save_pdf(path: Path, html: str, title: str) -> None:
    """Write a page as PDF with numbered sheets of A4; may be called in any thread.

    Raises ``ExportError``.
    """
    _timers = QEventLoop()  # a document starts timers, for which a plain thread has no dispatcher
    document = _Page()
    document.setDefaultFont(QFont("Inter", POINTS))
    document.setHtml(html)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setResolution(DPI)
    writer.setTitle(title)
    writer.setCreator(tr("SpikeStudio {version}", version=__version__))
    a4 = QPageSize(QPageSize.PageSizeId.A4)
    writer.setPageLayout(QPageLayout(a4, QPageLayout.Orientation.Portrait, QMarginsF()))
    _lay_out(document, writer)
    _keep_together(document, float(writer.height()))
    _paint(document, writer)
    del writer  # before the buffer that it writes to
    data = buffer.data().data()
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def _lay_out(document: QTextDocument, writer: QPdfWriter) -> None:
    document.documentLayout().setPaintDevice(writer)
    document.setPageSize(QSizeF(writer.width(), writer.height()))
    frame = document.rootFrame()
    form = frame.frameFormat()
    form.setMargin(MARGIN)
    frame.setFrameFormat(form)


def _keep_together(document: QTextDocument, height: float) -> None:
    """Begin a new sheet before what would end on the next one: a heading's text, a question's room."""
    layout = document.documentLayout()

    def sheet(block: QTextBlock) -> int:
        box, lines = layout.blockBoundingRect(block), block.layout()
        first = lines.lineAt(0).y() if lines.lineCount() else 0.0
        return int((box.top() + first) / height)

    block = document.begin()
    while block.isValid() and block.next().isValid():
        last = _kept_with(block)
        if last is not None and sheet(block) != sheet(last):
            form = block.blockFormat()
            form.setPageBreakPolicy(QTextFormat.PageBreakFlag.PageBreak_AlwaysBefore)
            QTextCursor(block).setBlockFormat(form)
        block = block.next()


def _kept_with(block: QTextBlock) -> QTextBlock | None:
    """Return what begins on the same sheet: the text of a heading, or the end of a question."""
    if block.blockFormat().headingLevel() > 1:
        return block.next()
    if not any(name.startswith(QUESTION) for name in _anchors(block)):
        return None
    while block.next().isValid() and not block.next().blockFormat().headingLevel():
        block = block.next()  # a question is the last thing on its page
    return block


def _anchors(block: QTextBlock) -> Iterator[str]:
    fragments = block.begin()
    while not fragments.atEnd():
        yield from fragments.fragment().charFormat().anchorNames()
        fragments += 1


def _paint(document: QTextDocument, writer: QPdfWriter) -> None:
    """Paint sheet by sheet, each with its number."""
    layout = document.documentLayout()
    width, height = float(writer.width()), float(writer.height())
    edge = MARGIN * DPI / POINT_DPI
    painter = QPainter(writer)
    painter.setFont(document.defaultFont())
    number = document.pageCount()
    for sheet in range(number):
        if sheet:
            writer.newPage()
        context = QAbstractTextDocumentLayout.PaintContext()
        context.clip = QRectF(0, sheet * height, width, height)
        painter.save()
        painter.translate(0, -sheet * height)
        painter.setClipRect(context.clip)
        layout.draw(painter, context)
        painter.restore()
        room = QRectF(edge, height - edge, width - 2 * edge, edge / 2)
        painter.drawText(room, Qt.AlignmentFlag.AlignRight, f"{sheet + 1} / {number}")
    painter.end()
    layout.setPaintDevice(None)  # type: ignore[arg-type]  # it would outlive the writer
