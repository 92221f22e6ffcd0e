"""The question of a page, and what was measured beside what was predicted."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QLabel, QPushButton, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.viewmodels.lesson import LessonModel
from spikestudio.app.views.lesson_curve import CurvePad
from spikestudio.app.views.parts import Caption, line
from spikestudio.app.views.sweep_form import Words
from spikestudio.app.widgets.number_field import NumberField
from spikestudio.app.widgets.wrapped_radio import WrappedRadio
from spikestudio.language import tr
from spikestudio.lessons.answers import decimals_of
from spikestudio.lessons.equations import number
from spikestudio.lessons.lesson import Page, Predict
from spikestudio.lessons.progress import Answer, Prediction, difference
from spikestudio.lessons.words import Words as Text

WAITS = {
    "": tr("Your answer is kept. Now try it."),
    "run": tr("Your answer is kept. It is about two runs: sample once more."),
    "answer": tr("Your answer is kept. What was measured fits no answer: try something else."),
}
"""Said between an answer and its result, by what the comparison waits for."""


class PredictBox(QWidget):
    """Asks, keeps quiet once answered, and shows the result."""

    answered = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._key: tuple[str, str] | None = None
        self._predict: Predict | None = None
        self._text = Text()
        self.question = QLabel()
        self.question.setWordWrap(True)
        theme.set_role(self.question, "strong")
        self.choices: dict[str, WrappedRadio] = {}
        self._group: QButtonGroup | None = None
        self.field: NumberField | None = None
        self.pad: CurvePad | None = None
        self.submit = QPushButton(tr("Answer"))
        self.submit.setToolTip(tr("Fix your prediction; the controls are then free"))
        theme.set_role(self.submit, "outline")
        self.submit.clicked.connect(self._on_submit)
        self._limits = Caption()
        self._commands = line(self._limits, self.submit)
        self.result = Words()
        self._inputs = QVBoxLayout()
        self._inputs.setSpacing(theme.SPACE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(theme.SPACE)
        layout.addWidget(self.question)
        layout.addLayout(self._inputs)
        layout.addWidget(self._commands)
        layout.addWidget(self.result)

    def show_page(self, lesson: LessonModel) -> None:
        """Show the question of the page, or nothing."""
        page = lesson.page
        self.setVisible(page is not None and page.predict is not None)
        if page is None or page.predict is None or lesson.lesson is None:
            self._key = None
            return
        key = (lesson.lesson.id, page.id)
        if key != self._key:
            self._key, self._text = key, lesson.words
            self._build(page, page.predict)
        prediction = lesson.prediction
        is_open = prediction is None
        for each in (*self.choices.values(), self.field):
            if each is not None:
                each.setEnabled(is_open)
        self._commands.setVisible(is_open)
        self.submit.setEnabled(self._has_answer)
        if prediction is None:
            self.result.say("", "caption")
        else:
            self._show_prediction(prediction)
            self.result.say(*self._result(page, prediction, lesson))

    def _build(self, page: Page, predict: Predict) -> None:
        self._predict = predict
        while (item := self._inputs.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.choices, self._group, self.field, self.pad = {}, None, None, None
        question = self._text.front["question"]
        self.question.setText(question.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"))
        self._limits.set_text(_limits(predict, decimals_of(page)))
        match predict.kind:
            case "choice":
                self._group = QButtonGroup(self)
                for choice in predict.choices:
                    text = self._text.front[f"choice.{choice.id}"]
                    button = WrappedRadio(text)
                    button.setToolTip(question)
                    button.setAccessibleName(text)
                    self._group.addButton(button)
                    self._inputs.addWidget(button)
                    self.choices[choice.id] = button
                self._group.buttonToggled.connect(self._on_edited)
            case "number":
                unit = self._text.front.get("unit", "")
                decimals = decimals_of(page)
                step = (predict.high - predict.low) / 20 if decimals else 1
                limits = (predict.low - step, predict.high)  # a number there would be a hint
                field = NumberField(
                    question,
                    question,
                    *limits,
                    decimals=decimals,
                    unit=unit,
                    lowest="?",
                    takes_fractions=decimals > 0,
                )
                field.set_number(field.minimum())
                field.setSingleStep(step)
                field.setKeyboardTracking(True)
                field.edited.connect(self._on_edited)
                field.lineEdit().textEdited.connect(self._on_edited)
                field.lineEdit().returnPressed.connect(self.submit.click)
                self.field = field
                self._inputs.addWidget(field)
            case "curve":
                self.pad = CurvePad(predict.points, predict.low, predict.high, question)
                self.pad.edited.connect(self._on_edited)
                self._inputs.addWidget(self.pad)
        self._order(*self.choices.values(), self.field, self.pad)

    def _order(self, *inputs: QWidget | None) -> None:
        """Let Tab reach what was just made between what comes before the question and its button."""
        before = self.submit.previousInFocusChain()
        while before is not None and not before.focusPolicy() & Qt.FocusPolicy.TabFocus:
            before = before.previousInFocusChain()  # ends at the button itself
        for each in (*inputs, self.submit):
            if before is not None and each is not None and before is not each:
                QWidget.setTabOrder(before, each)
                before = each

    def focus_answer(self) -> bool:
        """Let the keys go to the answer; return whether one is asked for."""
        first = next(
            (each for each in (*self.choices.values(), self.field, self.pad) if each), None
        )
        if self._key is None or first is None or self._commands.isHidden():
            return False
        QTimer.singleShot(0, first, first.setFocus)  # once it is shown
        if self.field is not None:
            QTimer.singleShot(0, self.field, self.field.selectAll)
        return True

    @property
    def _has_answer(self) -> bool:
        if self.pad is not None:
            return self.pad.is_complete
        if self.field is not None and self._predict is not None:
            return self.field.hasAcceptableInput() and self.field.value() >= self._predict.low
        return any(button.isChecked() for button in self.choices.values())

    @Slot()
    def _on_edited(self) -> None:
        self.submit.setEnabled(self._has_answer)

    @Slot()
    def _on_submit(self) -> None:
        answer: Answer
        if self.pad is not None:
            answer = list(self.pad.values)
        elif self.field is not None:
            self.field.interpretText()  # what is still being typed
            answer = self.field.value()
        else:
            answer = next(key for key, button in self.choices.items() if button.isChecked())
        self.answered.emit(answer)

    # after the answer -----------------------------------------------------------------------

    def _show_prediction(self, prediction: Prediction) -> None:
        predicted, measured = prediction.predicted, prediction.measured
        if self.pad is not None and isinstance(predicted, list):
            self.pad.show_answer(predicted, measured if isinstance(measured, list) else None)
        elif self.field is not None and isinstance(predicted, int | float):
            self.field.set_number(predicted)
        elif isinstance(predicted, str) and predicted in self.choices:
            self.choices[predicted].setChecked(True)

    def _result(self, page: Page, prediction: Prediction, lesson: LessonModel) -> tuple[str, str]:
        """Return the sentence about the prediction, and its role."""
        if prediction.measured is None:
            return WAITS[lesson.lacks], "accent"
        was_right = lesson.was_right
        predicted = self._written(page, prediction.predicted)
        measured = self._written(page, prediction.measured)
        if isinstance(prediction.measured, list):
            gap = difference(prediction) or 0.0
            text = tr(
                "Dashed: predicted, solid: measured. Largest difference {number}.",
                number=number(gap, 2),
            )
        elif was_right:
            text = tr(
                "Predicted {predicted}, measured {measured}.",
                predicted=predicted,
                measured=measured,
            )
        else:
            gap_text = self._gap(page, prediction)
            text = tr(
                "Predicted {predicted}, measured {measured}{gap_text}.",
                predicted=predicted,
                measured=measured,
                gap_text=gap_text,
            )
        if was_right and not isinstance(prediction.measured, list) and predicted != measured:
            return tr("Close enough. {the_text}", the_text=text), "ok"
        return (
            (tr("Right. {the_text}", the_text=text), "ok")
            if was_right
            else (tr("Not quite. {the_text}", the_text=text), "warn")
        )

    def _gap(self, page: Page, prediction: Prediction) -> str:
        gap = difference(prediction)
        if gap is None:
            return ""
        sign = "+" if gap > 0 else ""
        return f": {sign}{number(gap, decimals_of(page))}"

    def _written(self, page: Page, answer: Answer) -> str:
        if isinstance(answer, str):
            return f"“{self._text.front.get(f'choice.{answer}', answer)}”"
        return number(answer, decimals_of(page)) if isinstance(answer, int | float) else ""


def _limits(predict: Predict, decimals: int) -> str:
    """Return between which numbers an answer lies; empty for other kinds of questions."""
    if predict.kind != "number":
        return ""
    low, high = (
        number(each, 0 if each == int(each) else decimals) for each in (predict.low, predict.high)
    )
    return tr("A number from {low} to {high}", low=low, high=high)
