"""Fields of the pack editor: named, with a tooltip, and a condition of a page as a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QWidget

from spikestudio.app import theme
from spikestudio.app.widgets.choice_box import ChoiceBox
from spikestudio.language import tr
from spikestudio.lessons.conditions import ORDER
from spikestudio.lessons.states import STATES

WRITTEN = tr("as written in the source")
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "eq": "=", "ne": "≠", "changed": tr("changed")}
_CHANGED = "changed"


def field(name: str, tip: str, placeholder: str = "") -> QLineEdit:
    """Return a line to type in."""
    found = QLineEdit()
    found.setAccessibleName(name)
    found.setToolTip(tip)
    found.setPlaceholderText(placeholder)
    return found


def button(text: str, tip: str, role: str = "outline") -> QPushButton:
    """Return a button that Enter in a field does not press."""
    found = QPushButton(text)
    found.setToolTip(tip)
    found.setAutoDefault(False)
    theme.set_role(found, role)
    return found


def show_text(line: QLineEdit, text: str) -> None:
    """Show a text, unless it is what is being typed but for spaces."""
    if " ".join(line.text().split()) != text:
        line.setText(text)


def typed(text: str) -> float | str:
    """Return what was typed as a number if it is one."""
    try:
        number = float(text)
    except ValueError:
        return text.strip()
    return int(number) if number.is_integer() and "." not in text else number


class ConditionRow(QWidget):
    """One comparison of a state with a value; what is more than that is left as it is written."""

    edited = Signal()

    def __init__(self, name: str, *, nothing: str = "") -> None:
        super().__init__()
        self._kept: Mapping[str, Any] | None = None
        self.state = ChoiceBox(tr("{name}: state", name=name))
        self.state.setToolTip(tr("What is compared"))
        first: list[tuple[str, object]] = [(nothing, "")] if nothing else []
        known = [(f"{each}: {state.meaning}", each) for each, state in STATES.items()]
        self.state.set_choices([*first, *known, (WRITTEN, None)])
        self.operator = ChoiceBox(tr("{name}: comparison", name=name))
        self.operator.setToolTip(tr("How it is compared; changed: differs from the page's start"))
        self.operator.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.operator.setMinimumContentsLength(6)
        self.value = field(tr("{name}: value", name=name), tr("What it is compared with"))
        self.value.setFixedWidth(theme.px(80))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * theme.SPACE)
        row.addWidget(self.state, 1)
        row.addWidget(self.operator)
        row.addWidget(self.value)
        self.state.chosen.connect(self._on_state)
        self.operator.chosen.connect(self._on_edited)
        self.value.editingFinished.connect(self._on_edited)

    def show_condition(self, condition: Mapping[str, Any] | None) -> None:
        """Show a condition; emits nothing."""
        self._kept = condition
        if not condition:
            self.state.set_choice("")
        elif not _is_simple(condition):
            self.state.set_choice(None)
        else:
            name = condition["state"]
            self.state.set_choice(name)
            self._offer(name)
            operator = next(each for each in condition if each in SIGNS)
            is_added = "since_start" in condition
            self.operator.set_choice(f"+{operator}" if is_added else operator)
            self.value.setText("" if operator == _CHANGED else str(condition[operator]))
        self._follow()

    @property
    def condition(self) -> Mapping[str, Any] | None:
        """The condition; None where nothing is compared."""
        name = self.state.choice
        if name is None:
            return self._kept
        if not name:
            return None
        operator = str(self.operator.choice)
        if operator == _CHANGED:
            return {"state": name, _CHANGED: True}
        value: Any = typed(self.value.text())
        if STATES[str(name)].kind == "flag":
            value = str(value).casefold() in ("true", "yes", "1")
        if operator.startswith("+"):
            return {"state": name, "since_start": True, operator[1:]: value}
        return {"state": name, operator: value}

    def _offer(self, name: str) -> None:
        kind = STATES[name].kind
        order = ORDER if kind == "number" else ()
        plain = () if kind == "curve" else ("eq", "ne")
        choices: list[tuple[str, object]] = [(SIGNS[each], each) for each in (*plain, *order)]
        if kind == "number":
            choices.append((tr("rose by ≥"), "+ge"))
        self.operator.set_choices([*choices, (tr("changed"), _CHANGED)])

    @Slot(object)
    def _on_state(self, name: object) -> None:
        if name:
            self._offer(str(name))
            if not self.value.text():
                self.value.setText("1" if STATES[str(name)].kind == "number" else "")
        self._on_edited()

    @Slot()
    def _on_edited(self) -> None:
        self._follow()
        self.edited.emit()

    def _follow(self) -> None:
        is_plain = bool(self.state.choice)
        self.operator.setVisible(is_plain)
        self.value.setVisible(is_plain and self.operator.choice != _CHANGED)


def _is_simple(condition: Mapping[str, Any]) -> bool:
    operators = [each for each in condition if each in SIGNS]
    known = {"state", "since_start", *SIGNS}
    is_known = condition.keys() <= known and condition.get("state") in STATES
    added = "since_start" in condition
    return is_known and len(operators) == 1 and (not added or operators == ["ge"])
