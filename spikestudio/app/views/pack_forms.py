"""Pages of the pack editor: what the pack is, what it starts from, and what is locked in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.pack_draft import TITLE_PAGE, PackDraft
from spikestudio.app.views.pack_parts import button, field, show_text, typed
from spikestudio.app.views.sweep_form import Words
from spikestudio.app.widgets.choice_box import ChoiceBox
from spikestudio.app.widgets.number_field import NumberField
from spikestudio.language import tr, tr_in
from spikestudio.lessons.pack import CONTROL_VALUES, MANIFEST
from spikestudio.lessons.reading import FILE
from spikestudio.sessions.document import Session

LEVELS = ((tr("Intro"), "intro"), (tr("Explore"), "explore"), (tr("Lab"), "lab"))
COMMANDS = ("sampler.sample", "model.chooser", "tokens.edit", "lesions.kind", "lab.take")
"""Controls without a value of their own that are worth locking."""


class GeneralForm(QWidget):
    """Title, author, level and start of the pack."""

    startRequested = Signal()  # noqa: N815  what is seen now is to be the start

    def __init__(self, draft: PackDraft, rows: Mapping[str, str]) -> None:
        super().__init__()
        self._draft = draft
        self.title = field(tr("Title"), tr("What the lesson is called on the card"))
        self.summary = field(tr("Summary"), tr("What is learnt, in a sentence"))
        self.author = field(tr("Author"), tr("Who made it; may be left empty"))
        self.minutes = NumberField(
            tr("Minutes"), tr("How long a student takes"), 1, 240, unit="min"
        )
        self.level = ChoiceBox(tr("Lesson for"))
        self.level.setToolTip(tr("Whom the lesson is for, as the list of lessons says it"))
        self.level.set_choices(list(LEVELS))
        self.shown = ChoiceBox(tr("Window shows"))
        self.shown.setToolTip(tr("How much of the window is shown while the lesson is open"))
        self.shown.set_choices([(tr("as the student has it"), ""), *LEVELS])
        self.start_text = Words()
        self.take = button(
            tr("Start from what you see"), tr("Take model, settings and docks as they are")
        )
        self.only = QCheckBox(tr("Show only these rows of the sampler"))
        self.only.setToolTip(tr("The others are hidden while the lesson is open"))
        self.rows = {control: QCheckBox(title) for control, title in rows.items()}
        for control, box in self.rows.items():
            box.setToolTip(tr("Show {row} while the lesson is open", row=rows[control]))
        self._build()
        self._connect()

    def _build(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(4 * theme.SPACE)
        form.setVerticalSpacing(2 * theme.SPACE)
        for each in (self.title, self.summary, self.author, self.minutes, self.level, self.shown):
            form.addRow(each.accessibleName(), each)
        start = QHBoxLayout()
        start.addWidget(self.take)
        start.addStretch(1)
        below = QVBoxLayout()
        below.setSpacing(2 * theme.SPACE)
        below.addWidget(self.start_text)
        below.addLayout(start)
        form.addRow(tr("Start"), below)
        rows = QGridLayout()
        rows.setVerticalSpacing(2 * theme.SPACE)
        rows.addWidget(self.only, 0, 0, 1, 3)
        for index, box in enumerate(self.rows.values()):
            rows.addWidget(box, 1 + index // 3, index % 3)
        form.addRow(tr("Visible"), rows)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.addLayout(form)
        column.addStretch(1)

    def _connect(self) -> None:
        draft = self._draft
        self.title.textEdited.connect(lambda text: draft.set_front(TITLE_PAGE, title=text))
        self.summary.textEdited.connect(lambda text: draft.set_front(TITLE_PAGE, summary=text))
        self.author.textEdited.connect(lambda text: draft.put(MANIFEST, "author", text or None))
        self.minutes.edited.connect(lambda number: draft.put(FILE, "minutes", int(number)))
        self.level.chosen.connect(lambda level: draft.put(FILE, "level", level))
        self.shown.chosen.connect(lambda level: draft.put(MANIFEST, "level", level or None))
        self.take.clicked.connect(self.startRequested)
        for box in (self.only, *self.rows.values()):
            box.clicked.connect(self._on_rows)

    def refresh(self) -> None:
        """Show the draft."""
        draft = self._draft
        front = draft.words(TITLE_PAGE).front
        for line, text in (
            (self.title, front.get("title", "")),
            (self.summary, front.get("summary", "")),
            (self.author, draft.get(MANIFEST, "author")),
        ):
            show_text(line, text)
        self.minutes.set_number(draft.get(FILE, "minutes", 10))
        self.level.set_choice(draft.get(FILE, "level"))
        self.shown.set_choice(draft.get(MANIFEST, "level"))
        visible = draft.get(MANIFEST, "visible", None)
        self.only.setChecked(visible is not None)
        for control, box in self.rows.items():
            box.setChecked(visible is None or control in visible)
            box.setEnabled(visible is not None)
        self.start_text.say(start_text(draft.session), "muted")

    @Slot()
    def _on_rows(self) -> None:
        chosen = [control for control, box in self.rows.items() if box.isChecked()]
        self._draft.put(MANIFEST, "visible", chosen if self.only.isChecked() else None)


def start_text(session: Session | None) -> str:
    """Return what a pack starts from, in a sentence."""
    if session is None:
        return tr("Starts from whatever the student has: no model and no settings are in the pack.")
    request, place = session.sampler, session.place
    model = session.model.name if session.model is not None else tr("no model")
    return tr(
        "Starts with {model}: {request_num} images, {steps} steps, {snn_steps} SNN "
        "steps, threshold {threshold:g}, seed {seed}; layout "
        "{layout}. Runs are not in the pack.",
        model=model,
        request_num=request.num,
        steps=request.steps,
        snn_steps=request.snn_steps,
        threshold=request.threshold,
        seed=request.seed,
        layout=tr_in("layout", place.layout) if place.layout else tr("as it is"),
    )


class LocksForm(QScrollArea):
    """Every control that can be locked, with its value and the teacher's note."""

    def __init__(
        self, draft: PackDraft, titles: Mapping[str, str], value_of: Callable[[str], Any]
    ) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        content = QWidget()
        grid = QGridLayout(content)
        grid.setContentsMargins(0, 8, 8, 8)
        grid.setHorizontalSpacing(2 * theme.SPACE)
        grid.setVerticalSpacing(theme.SPACE)
        grid.setColumnStretch(2, 1)
        intro = QLabel(tr("A locked control shows a padlock and your note, and keeps its value."))
        intro.setWordWrap(True)
        theme.set_role(intro, "muted")
        grid.addWidget(intro, 0, 0, 1, 3)
        self.rows: dict[str, LockRow] = {}
        for control in (*CONTROL_VALUES, *COMMANDS):
            if control in titles:
                row = self.rows[control] = LockRow(draft, control, titles[control], value_of)
                for at, each in enumerate((row.box, row.value, row.note)):
                    grid.addWidget(each, len(self.rows), at)
        grid.setRowStretch(len(self.rows) + 1, 1)
        self.setWidget(content)

    def refresh(self) -> None:
        """Show the draft."""
        for row in self.rows.values():
            row.refresh()


class LockRow(QObject):
    """Fields: whether a control is locked, the value it is held at, and why."""

    def __init__(
        self, draft: PackDraft, control: str, title: str, value_of: Callable[[str], Any]
    ) -> None:
        super().__init__()
        self._draft, self._control, self._value_of = draft, control, value_of
        self.box = QCheckBox(title)
        self.box.setToolTip(tr("Lock {title} while the lesson is open", title=title))
        self.value = field(
            tr("Value of {title}", title=title), tr("What it is held at"), tr("as it is")
        )
        self.value.setFixedWidth(theme.px(110))
        self.note = field(
            tr("Note on {title}", title=title),
            tr("What a student reads at the padlock"),
            tr("why?"),
        )
        if control not in CONTROL_VALUES:
            self.value.setPlaceholderText(tr("no value"))
            self.value.setToolTip(tr("This control has no value of its own"))
        self.box.clicked.connect(self._on_box)
        self.value.editingFinished.connect(self._store)
        self.note.editingFinished.connect(self._store)

    def refresh(self) -> None:
        """Show the draft."""
        entry = self._draft.locked.get(self._control)
        self.box.setChecked(entry is not None)
        self.value.setEnabled(entry is not None and self._control in CONTROL_VALUES)
        self.note.setEnabled(entry is not None)
        for line, key in ((self.value, "value"), (self.note, "note")):
            show_text(line, str((entry or {}).get(key, "")))

    @Slot(bool)
    def _on_box(self, is_locked: bool) -> None:
        if not is_locked:
            self._draft.unlock(self._control)
            return
        value = self._value_of(self._control) if self._control in CONTROL_VALUES else None
        self._draft.lock(self._control, "", value)

    @Slot()
    def _store(self) -> None:
        if self._control in self._draft.locked:
            text = self.value.text().strip()
            value = typed(text) if text and self._control in CONTROL_VALUES else None
            self._draft.lock(self._control, self.note.text().strip(), value)
