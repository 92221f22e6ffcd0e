"""Check box whose text is cut with an ellipsis where it does not fit."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QToolTip,
    QWidget,
)

LEAST = 8  # letters that stay


class ElidedCheckBox(QCheckBox):
    """Takes the width that it is given; its tooltip has the whole text where that was cut."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @property
    def shown_text(self) -> str:
        """The text as far as there is room for it."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        room = (
            self.style().subElementRect(QStyle.SubElement.SE_CheckBoxContents, option, self).width()
        )
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        whole = super().minimumSizeHint()
        metrics = self.fontMetrics()
        cut = f"{self.text()[:LEAST]}…"
        spare = metrics.horizontalAdvance(self.text()) - metrics.horizontalAdvance(cut)
        return QSize(whole.width() - max(spare, 0), whole.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = self.shown_text
        QStylePainter(self).drawControl(QStyle.ControlElement.CE_CheckBox, option)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            tip = self.toolTip()
            if self.shown_text != self.text():
                tip = f"{self.text()}\n{tip}".rstrip()
            QToolTip.showText(event.globalPos(), tip, self)
            return True
        return super().event(event)
