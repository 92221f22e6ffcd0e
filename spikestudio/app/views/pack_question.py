"""The question of a page in the pack editor: a choice, or a number or a curve that is measured."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.viewmodels.pack_draft import PackDraft
from spikestudio.app.views.pack_parts import ConditionRow, button, field, show_text
from spikestudio.app.views.parts import line
from spikestudio.app.widgets.choice_box import ChoiceBox
from spikestudio.app.widgets.number_field import NumberField
from spikestudio.language import tr
from spikestudio.lessons.states import STATES

MOST = 6  # choices
FINISHED = {"state": "run.finished", "since_start": True, "ge": 1}
POINTS = (2, 64)  # of a curve that is drawn
# What a page begins with that asks for the curve of a neuron: current is given after the answer.
CURVE_LAB = {"kind": "IF", "threshold": 1.0, "reset": 0.0, "shape": "constant", "steps": 8}
CURVE_START = {"show": [["neuron-lab"]], "lab": CURVE_LAB | {"amplitude": 0.0}}
CURVE_DONE = {"state": "lab.amplitude", "gt": 0}
_FAR = 1e9


class QuestionForm(QWidget):
    """Kind, question, and what is the measured answer."""

    def __init__(self, draft: PackDraft) -> None:
        super().__init__()
        self._draft, self._index = draft, 0
        self.kind = ChoiceBox(tr("Question"))
        self.kind.setToolTip(tr("What the student is asked before trying"))
        self.kind.set_choices(
            [
                (tr("no question"), ""),
                (tr("choose one"), "choice"),
                (tr("predict a number"), "number"),
                (tr("draw a curve"), "curve"),
            ]
        )
        self.question = field(
            tr("Text of the question"), tr("Shown above the answers"), tr("More spikes?")
        )
        self.waits = QCheckBox(tr("Sample waits for the answer"))
        self.waits.setToolTip(
            tr("Sample and what is pointed at are locked until the student answers")
        )
        self.answers: list[AnswerRow] = []
        self.more = button(tr("Add an answer"), tr("One more answer to choose from"))
        self.state = ChoiceBox(tr("Measured"))
        self.state.setToolTip(tr("What the prediction is compared with"))
        self.low, self.high, self.tolerance = (
            NumberField(name, tip, -_FAR, _FAR, decimals=3)
            for name, tip in (
                (tr("From"), tr("Lowest number that can be answered")),
                (tr("To"), tr("Highest number that can be answered")),
                (tr("Right within"), tr("How far off still counts as right")),
            )
        )
        self.points = NumberField(
            tr("SNN time steps"),
            tr("Points of the curve: the neuron lab has to have as many SNN steps"),
            *POINTS,
        )
        self._build()
        self.kind.chosen.connect(self._on_kind)
        self.question.textEdited.connect(self._on_question)
        self.waits.clicked.connect(self._store)
        self.more.clicked.connect(self._add)
        self.state.chosen.connect(self._store)
        for number in (self.low, self.high, self.tolerance, self.points):
            number.edited.connect(self._store)

    def _build(self) -> None:
        self._list = QVBoxLayout()
        self._list.setSpacing(theme.SPACE)
        self._numbers = QWidget()
        state, limits = QHBoxLayout(), QHBoxLayout()
        state.addWidget(QLabel(self.state.accessibleName()))
        state.addWidget(self.state, 1)
        self._of_points = QLabel(self.points.accessibleName())
        state.addWidget(self._of_points)
        state.addWidget(self.points)
        for number in (self.low, self.high, self.tolerance):
            limits.addWidget(QLabel(number.accessibleName()))
            limits.addWidget(number, 1)
        rows = QVBoxLayout(self._numbers)
        rows.setContentsMargins(0, 0, 0, 0)
        for row in (state, limits):
            row.setSpacing(2 * theme.SPACE)
            rows.addLayout(row)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE)
        for each in (self.kind, self.question, self.waits):
            column.addWidget(each)
        column.addLayout(self._list)
        for part in (self.more, self._numbers):
            column.addWidget(part)

    # showing --------------------------------------------------------------------------------

    def show_page(self, index: int) -> None:
        """Show the question of a page."""
        self._index = index
        page = self._draft.pages[index]
        predict: dict[str, Any] = page.get("predict", {})
        words = self._draft.words(page["id"])
        kind = predict.get("kind", "")
        is_curve, is_measured = kind == "curve", kind in ("number", "curve")
        self.kind.set_choice(kind)
        show_text(self.question, words.front.get("question", ""))
        self.waits.setChecked("sampler.sample" in predict.get("locks", ()))
        self.question.setVisible(bool(kind))
        self.waits.setVisible(bool(kind) and not is_curve)
        self.more.setVisible(kind == "choice" and len(predict.get("choices", ())) < MOST)
        self._numbers.setVisible(is_measured)
        for widget in (self._of_points, self.points):
            widget.setVisible(is_curve)
        self._show_choices(predict.get("choices", []), words.front)
        if is_measured:
            names = [name for name, state in STATES.items() if state.kind == kind]
            self.state.set_choices([(f"{name}: {STATES[name].meaning}", name) for name in names])
            self.state.set_choice(predict.get("state"))
            self.low.set_number(predict.get("low", 0))
            self.high.set_number(predict.get("high", 1))
            self.tolerance.set_number(predict.get("tolerance", 0))
            self.points.set_number(predict.get("points", POINTS[0]))

    def _show_choices(self, choices: list[dict[str, Any]], front: Any) -> None:  # noqa: ANN401
        while len(self.answers) > len(choices):
            row = self.answers.pop()
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        while len(self.answers) < len(choices):
            row = AnswerRow(len(self.answers) + 1)
            row.text.textEdited.connect(self._on_texts)
            row.when.edited.connect(self._store)
            row.remove.clicked.connect(self._on_remove)
            self.answers.append(row)
            self._list.addWidget(row)
        for row, choice in zip(self.answers, choices, strict=True):
            show_text(row.text, front.get(f"choice.{choice['id']}", ""))
            row.when.show_condition(choice["when"])
            row.remove.setEnabled(len(choices) > 2)

    # changing -------------------------------------------------------------------------------

    @property
    def _page_id(self) -> str:
        return str(self._draft.pages[self._index]["id"])

    @Slot(object)
    def _on_kind(self, kind: object) -> None:
        page = self._draft.pages[self._index]
        is_ours = page.get("done") in (None, FINISHED, CURVE_DONE)
        if kind and is_ours:  # a prediction is compared when the page is complete
            page["done"] = dict(CURVE_DONE if kind == "curve" else FINISHED)
        if kind == "curve":
            page["start"] = CURVE_START | page.get("start", {})
        if kind:
            front = {"question": self.question.text() or tr("What do you expect?")}
            if kind == "choice":
                front |= {"choice__a": tr("More"), "choice__b": tr("Less")}
            self._draft.set_front(self._page_id, **front)
        predict: dict[str, Any] | None = None
        if kind == "choice":
            rate = {"state": "measured.rate_change"}
            choices = [
                {"id": "a", "when": rate | {"gt": 0}},
                {"id": "b", "when": rate | {"lt": 0}},
            ]
            predict = {"kind": "choice", "locks": ["sampler.sample"], "choices": choices}
        elif kind == "number":
            measured = {"state": "measured.rate", "low": 0, "high": 1, "tolerance": 0.05}
            predict = {"kind": "number", "locks": ["sampler.sample"], **measured}
        elif kind == "curve":
            measured = {"state": "lab.potential", "low": 0, "high": 1, "tolerance": 0.15}
            locks = ["lab.amplitude", "lab.steps", "lab.threshold", "lab.shape"]
            points = page["start"]["lab"].get("steps", CURVE_LAB["steps"])
            predict = {"kind": "curve", "locks": locks, **measured, "points": points}
        self._draft.put_page(self._index, "predict", predict)

    @Slot(str)
    def _on_question(self, text: str) -> None:
        self._draft.set_front(self._page_id, question=text)

    @Slot()
    def _on_texts(self) -> None:
        choices = self._draft.pages[self._index]["predict"]["choices"]
        front = {
            f"choice__{choice['id']}": row.text.text()
            for row, choice in zip(self.answers, choices, strict=True)
        }
        self._draft.set_front(self._page_id, **front)

    @Slot()
    def _store(self) -> None:
        predict = dict(self._draft.pages[self._index].get("predict", {}))
        if not predict:
            return
        if predict["kind"] != "curve":
            others = [each for each in predict.get("locks", ()) if each != "sampler.sample"]
            predict["locks"] = [*others, *(["sampler.sample"] if self.waits.isChecked() else [])]
        if predict["kind"] == "choice":
            predict["choices"] = [
                {"id": choice["id"], "when": row.when.condition or choice["when"]}
                for row, choice in zip(self.answers, predict["choices"], strict=True)
            ]
        else:
            predict |= {
                "state": self.state.choice,
                "low": self.low.value(),
                "high": self.high.value(),
                "tolerance": self.tolerance.value(),
            }
            if predict["kind"] == "curve":
                predict["points"] = round(self.points.value())
        self._draft.put_page(self._index, "predict", predict)

    @Slot()
    def _add(self) -> None:
        predict = dict(self._draft.pages[self._index]["predict"])
        taken = {choice["id"] for choice in predict["choices"]}
        name = next(each for each in "abcdefgh" if each not in taken)
        when = {"state": "measured.rate_change", "eq": 0}
        predict["choices"] = [*predict["choices"], {"id": name, "when": when}]
        self._draft.set_front(self._page_id, **{f"choice__{name}": tr("The same")})
        self._draft.put_page(self._index, "predict", predict)

    @Slot()
    def _on_remove(self) -> None:
        sender = self.sender()
        index = next(i for i, row in enumerate(self.answers) if row.remove is sender)
        predict = dict(self._draft.pages[self._index]["predict"])
        gone = predict["choices"][index]["id"]
        predict["choices"] = [each for each in predict["choices"] if each["id"] != gone]
        self._draft.set_front(self._page_id, **{f"choice__{gone}": ""})
        self._draft.put_page(self._index, "predict", predict)


class AnswerRow(QWidget):
    """Text of an answer, and when it is the measured one."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.text = field(tr("Answer {number}", number=number), tr("What the student chooses"))
        self.when = ConditionRow(tr("Answer {number} is right when", number=number))
        self.remove = button(tr("Remove"), tr("Take answer {number} away", number=number))
        caption = QLabel(tr("is right when"))
        theme.set_role(caption, "caption")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 4)
        column.setSpacing(theme.SPACE)
        column.addWidget(line(self.text, self.remove))
        when = QHBoxLayout()
        when.setSpacing(2 * theme.SPACE)
        when.addSpacing(4 * theme.SPACE)
        when.addWidget(caption)
        when.addWidget(self.when, 1)
        column.addLayout(when)
