"""Small parts that the plot docks share: empty page, tool row, caption, notice."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from spikestudio.app import theme
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.language import tr

SHRINKS_BELOW = 0.8  # of the width asked for
FRAME_SECONDS = 0.006  # reading old steps gives way to the next frame after this long


class EmptyStack(QStackedWidget):
    """Shows either the content of a dock or one sentence with one button."""

    sampleRequested = Signal()  # noqa: N815

    def __init__(self, content: QWidget, sentence: str) -> None:
        super().__init__()
        page = QWidget()
        self._sentence = QLabel()
        self._sentence.setWordWrap(True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme.set_role(self._sentence, "muted")
        self._button = QPushButton(tr("Sample"))
        self._button.setToolTip(tr("Draw images with the current settings"))
        theme.set_role(self._button, "outline")
        self._button.clicked.connect(self.sampleRequested)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(12)
        layout.addStretch()
        layout.addWidget(self._sentence)
        layout.addWidget(self._button, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch()
        self.addWidget(page)
        self.addWidget(content)
        self.show_empty(sentence)

    def show_empty(self, sentence: str, *, has_button: bool = True) -> None:
        """Show the sentence, with the Sample button where sampling would fill the dock."""
        self._sentence.setText(sentence)
        self._button.setVisible(has_button)
        self.setCurrentIndex(0)

    def show_content(self) -> None:
        """Show the dock's content."""
        self.setCurrentIndex(1)

    @property
    def sentence(self) -> str:
        """The sentence of the empty page."""
        return self._sentence.text()

    @property
    def is_empty(self) -> bool:
        """Whether the sentence is shown."""
        return self.currentIndex() == 0


class PotentialsNotice(QWidget):
    """One line that says why there are no potentials of the selected layer, and offers them."""

    def __init__(self, run: RunModel) -> None:
        super().__init__()
        self._run = run
        self._text = Caption()
        self.button = QPushButton(tr("Record from next step"))
        theme.set_role(self.button, "outline")
        self.button.clicked.connect(self._record)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._text, 1)
        layout.addWidget(self.button)
        self.hide()

    def show_if(self, is_missing: bool) -> None:
        """Show the line if the newest step has no potentials of the selected layer."""
        recorder, layer = self._run.recorder, self._run.selection.layer
        is_active = self._run.state.is_active
        is_chosen = recorder is not None and recorder.selected == layer
        if not is_active:
            text = self._run.cannot_recompute or (
                tr("Potentials were not recorded here: the step that is looked at is recomputed.")
            )
        elif is_chosen:
            text = tr("Potentials of this layer are recorded from the next step on.")
        else:
            text = tr("Potentials of this layer are not recorded.")
        self._text.set_text(text if is_missing else "")
        self.button.setVisible(is_active and not is_chosen)
        self.setVisible(is_missing)

    @property
    def text(self) -> str:
        """The sentence shown, empty if there is none."""
        return self._text.text

    @Slot()
    def _record(self) -> None:
        if self._run.recorder:
            self._run.recorder.select(self._run.selection.layer)
            self.show_if(is_missing=True)


class Caption(QWidget):
    """A line of small text, cut with an ellipsis where it does not fit; never asks for a layout.

    One that ``is_whole`` is as high as a control and asks for its width; it is cut only where that
    is more than its parent has. A text that is only a little shorter than the one before leaves the
    width as it was: figures that run would else lay the whole window out anew in every frame.
    """

    def __init__(
        self,
        text: str = "",
        *,
        is_whole: bool = False,
        role: theme.TypeRole = "caption",
        token: str = "muted",
    ) -> None:
        super().__init__()
        self._text = ""
        self._room = 0  # that is asked for
        self._is_whole, self._role, self._token = is_whole, role, token
        horizontal = QSizePolicy.Policy.Maximum if is_whole else QSizePolicy.Policy.Ignored
        self.setSizePolicy(horizontal, QSizePolicy.Policy.Fixed)
        theme.manager.changed.connect(self._restyle)
        self.set_text(text)

    @property
    def text(self) -> str:
        """The whole text."""
        return self._text

    def set_text(self, text: str) -> None:
        """Show a text; the whole of it is also the tooltip."""
        if text != self._text:
            self._text = text
            self.setToolTip(text)
            self.setAccessibleName(text)
            if self._is_whole and not SHRINKS_BELOW * self._room <= self._width() <= self._room:
                self._room = self._width()
                self.updateGeometry()
            self.update()

    def _width(self) -> int:
        return QFontMetrics(theme.font(self._role)).horizontalAdvance(self._text) + 2

    @Slot()
    def _restyle(self) -> None:
        self._room = self._width()
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        if self._is_whole:
            return QSize(self._room, theme.px(28))
        return QSize(0, QFontMetrics(theme.font(self._role)).height() + theme.px(4))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setFont(theme.font(self._role))
        painter.setPen(theme.color(self._token))
        parent = self.parentWidget()  # a row that breaks lets a long line stick out of it
        room = min(self.width(), parent.width() - self.x()) if parent else self.width()
        text = painter.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(
            self.rect(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text
        )


def tool_row(*widgets: QWidget) -> QWidget:
    """Return a row of controls that breaks into more rows where it does not fit."""
    row = QWidget()
    layout = QFlowLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(8)
    layout.setVerticalSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    policy.setHeightForWidth(True)
    row.setSizePolicy(policy)
    return row


def line(*widgets: QWidget) -> QWidget:
    """Return a row that never breaks; the first widget takes what the others leave."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    for index, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if index == 0 else 0)
    return row


class _Content(QWidget):
    """Asks for the height that its rows need at the width it has, not at its least width."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        least, layout = super().minimumSizeHint(), self.layout()
        if layout is None or not layout.hasHeightForWidth():
            return least
        return QSize(least.width(), layout.minimumHeightForWidth(max(self.width(), least.width())))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


def stacked(*widgets: QWidget, stretch: QWidget) -> QWidget:
    """Return the widgets below each other with a dock's margins; ``stretch`` takes the height."""
    content = _Content()
    layout = QVBoxLayout(content)
    layout.setContentsMargins(12, 8, 12, 8)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget, 1 if widget is stretch else 0)
    return content


def fill(view: QWidget, content: QWidget) -> None:
    """Make ``content`` all there is in a view."""
    layout = QVBoxLayout(view)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(content)


class Combo(QComboBox):
    """Drop-down list that the wheel does not change by accident."""

    def __init__(self, name: str, tip: str, items: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.addItems(items)
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt override
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


def chip(text: str, tip: str) -> QPushButton:
    """Return a small button that is shown only while it has something to offer."""
    button = QPushButton(text)
    button.setToolTip(tip)
    theme.set_role(button, "outline")
    button.hide()
    return button


class Segmented(QWidget):
    """A few exclusive choices beside each other."""

    chosen = Signal(int)

    def __init__(self, name: str, choices: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self._group = QButtonGroup(self)
        for index, (text, tip) in enumerate(choices):
            button = QToolButton()
            button.setText(text)
            button.setToolTip(tip)
            button.setAccessibleName(f"{name}: {text}")
            button.setCheckable(True)
            button.setChecked(index == 0)
            self._group.addButton(button, index)
            layout.addWidget(button)
        self._group.idClicked.connect(self.chosen)

    @property
    def current(self) -> int:
        """Index of the choice made."""
        return self._group.checkedId()

    def button(self, index: int) -> QToolButton:
        """Return the button of a choice."""
        button = self._group.button(index)
        assert isinstance(button, QToolButton)
        return button


def threshold_at(run: RunModel, step: int) -> float:
    """Return the firing threshold that a denoising step of the current run used."""
    value = run.run.request.threshold if run.run else 1.0
    for change in run.changes:
        if change.step <= step:
            value = change.threshold
    return value


def steps_done(run: RunModel) -> int:
    """Return how many denoising steps of the current run are done and announced."""
    return run.step.step + 1 if run.step else 0


def step_text(run: RunModel, step: int | None = None) -> str:
    """Return ``step 31 of 50, t = 379`` of a step or the newest, or what the run waits for."""
    if run.run is None:
        return ""
    total = len(run.run.timesteps)
    if run.step is None:
        return tr("waiting for step 1 of {total:,}", total=total)
    step = run.step.step if step is None else step
    return tr(
        "step {step:,} of {total:,}, t = {timestep}",
        step=step + 1,
        total=total,
        timestep=run.run.timesteps[step],
    )


def recomputed_text(run: RunModel) -> str:
    """Return which steps of the selected layer are not recordings but were computed again."""
    layer = run.selection.layer
    steps = sorted(step + 1 for name, step in run.recomputed if name == layer)
    return (
        tr("   recomputed: step {steps}", steps=", ".join(f"{step:,}" for step in steps))
        if steps
        else ""
    )


def image_text(run: RunModel) -> str:
    """Return which image of the batch the recorded neurons belong to."""
    if run.recorder is None:
        return ""
    recorded, selected = run.recorder.image + 1, run.selection.image + 1
    if recorded == selected:
        return tr("neurons of image {recorded:,}", recorded=recorded)
    return tr(
        "neurons of image {recorded:,} recorded, image {selected:,} selected",
        recorded=recorded,
        selected=selected,
    )
