"""Charge, fire and reset of one SNN step, large, with the numbers filled in."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikestudio.app import theme
from spikestudio.app.views.neuron_card import Part
from spikestudio.app.views.neuron_lab_words import Line
from spikestudio.language import tr

SPARE = "[64]−−"  # by how much the equations of other steps may be longer
LINE = 1.2  # from row to row, in heights of the type
Row = tuple[str, list[Part]]  # name of the equation, or none, and what stands behind it
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class EquationCard(QWidget):
    """One row per equation, or two where the rule and its numbers do not fit beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []
        self._title = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Equations of the step"))
        theme.manager.changed.connect(self._restyle)

    @property
    def text(self) -> str:
        """All equations."""
        return "\n".join(line.text for line in self.lines)

    def set_lines(self, title: str, lines: list[Line]) -> None:
        """Show the equations of another step."""
        if (title, lines) != (self._title, self.lines):
            self._title, self.lines = title, lines
            self.setAccessibleName(
                f"{title}: {self.text}" if lines else tr("Equations of the step")
            )
            self.setToolTip(f"{title}\n{self.text}" if lines else "")
            self.updateGeometry()
            self.update()

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def _layout(self) -> tuple[theme.TypeRole, float, list[Row]]:
        """Return the type, where equations begin, and rows that fit the width as well as can be.

        Large type if each equation has room in one row, else the usual one; small type and no names
        where even that would be cut.
        """
        role: theme.TypeRole
        for role in ("title", "body"):
            start = self._name_width(role)
            rows = self._rows(role, start)
            if len(rows) <= len(self.lines) or (role == "body" and self._fits(role, start, rows)):
                return role, start, rows
        rows = self._rows("caption", 0.0)
        return "caption", 0.0, [("", parts) for _, parts in rows]

    def _fits(self, role: theme.TypeRole, start: float, rows: list[Row]) -> bool:
        advance = QFontMetricsF(_font(role)).horizontalAdvance
        room = self.width() - start
        return all(sum(advance(part.text) for part in parts) <= room for _, parts in rows)

    def _rows(self, role: theme.TypeRole, start: float) -> list[Row]:
        advance, rows = QFontMetricsF(_font(role)).horizontalAdvance, list[Row]()
        spare = advance(SPARE)  # of other steps: stepping must not move the plot
        room = self.width() - start - spare
        for each in self.lines:
            parts = each.parts
            if sum(advance(part.text) for part in parts) <= room or each is self.lines[-1]:
                rows.append((each.name, parts))
            else:
                rows += [(each.name, parts[:1]), ("", parts[1:])]
        return rows

    def _name_width(self, role: theme.TypeRole) -> float:
        metrics = QFontMetricsF(theme.font(role, semibold=True))
        widest = max((metrics.horizontalAdvance(each.name) for each in self.lines), default=0.0)
        return widest + theme.px(12)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        role, _, rows = self._layout()
        height = QFontMetricsF(_font(role)).height()
        return QSize(0, round(max(3, len(rows)) * LINE * height + theme.px(4)))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        role, start, rows = self._layout()
        metrics = QFontMetricsF(_font(role))
        height = LINE * metrics.height()
        for row, (name, parts) in enumerate(rows):
            top = row * height
            painter.setFont(theme.font(role, semibold=True))
            painter.setPen(theme.color("text"))
            painter.drawText(QRectF(0, top, start, height), LEFT, name)
            painter.setFont(_font(role))
            x = start
            for part in parts:
                room = self.width() - x
                text = metrics.elidedText(part.text, Qt.TextElideMode.ElideRight, room)
                painter.setPen(theme.color(part.token))
                painter.drawText(QRectF(x, top, room, height), LEFT, text)
                if text != part.text:
                    break
                x += metrics.horizontalAdvance(part.text)


def _font(role: theme.TypeRole) -> QFont:
    return theme.font(role, semibold=False)
