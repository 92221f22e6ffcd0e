"""Radio button whose text breaks into lines."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QRadioButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QWidget,
)

from spikestudio.app import theme

LEAST = 8  # letters in a line
FLAGS = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap


class WrappedRadio(QRadioButton):
    """One choice of a few; as high as its text needs at the width that it has."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def _left(self) -> int:
        """Where the text begins: after ring and gap, of which a style sheet tells nothing else."""
        return super().sizeHint().width() - self.fontMetrics().horizontalAdvance(self.text())

    def _text_height(self, width: int) -> int:
        room = QRect(0, 0, max(width - self._left, 1), 100_000)
        return self.fontMetrics().boundingRect(room, FLAGS, self.text()).height()

    def hasHeightForWidth(self) -> bool:  # noqa: N802  Qt override
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802  Qt override
        return max(self._text_height(width) + 2 * theme.SPACE, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        letters = self.fontMetrics().averageCharWidth() * LEAST
        return QSize(self._left + letters, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        whole = super().sizeHint()
        return QSize(whole.width(), whole.height() + 2 * theme.SPACE)

    def hitButton(self, pos: QPoint) -> bool:  # noqa: N802  Qt override
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        option = QStyleOptionButton()
        self.initStyleOption(option)
        text, option.text = option.text, ""
        line = super().sizeHint().height() + 2 * theme.SPACE  # the ring stands beside the first one
        whole = QRect(option.rect)
        option.rect = QRect(0, 0, whole.width(), min(line, whole.height()))
        painter = QStylePainter(self)
        painter.drawControl(QStyle.ControlElement.CE_RadioButton, option)
        left = self._left
        height = self._text_height(self.width())
        first = self.fontMetrics().height()
        top = max((option.rect.height() - first) // 2, 0) if height > first else 0
        room = QRect(left, top, whole.width() - left, whole.height() - top)
        flags = FLAGS
        if height <= first:
            flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme.color("text" if self.isEnabled() else "muted"))
        painter.drawText(room, flags, text)
