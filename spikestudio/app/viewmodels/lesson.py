"""The lesson being worked through: its page, what completes it, predictions, and progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from spikestudio import language
from spikestudio.app.viewmodels.lesson_numbers import written
from spikestudio.app.viewmodels.lesson_state import AppState
from spikestudio.lessons import conditions
from spikestudio.lessons.lesson import Lesson, Page
from spikestudio.lessons.progress import Answer, Prediction, Progress, ProgressStore, was_right
from spikestudio.lessons.reading import Entry
from spikestudio.lessons.states import Value
from spikestudio.lessons.words import Words, filled

COALESCE_MS = 60  # many changes of the application are looked at once


class LessonModel(QObject):
    """One lesson at a time. Pages are entered in any order and completed by the application's state.

    Whoever arranges the application listens to ``entered`` and calls ``set_ready`` when the page's
    start is in force: only from then on is the page's condition looked at. ``left`` follows whenever
    a page is left, so that its locks can be lifted.
    """

    changed = Signal()
    entered = Signal()
    left = Signal()
    opened = Signal()  # a first lesson, while none was open
    closed = Signal()
    told = Signal(str)

    def __init__(
        self,
        state: AppState,
        find: Callable[[], Sequence[Entry]],
        folder: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state = state
        self._find = find
        self.language = language.current()
        self.uses_own = False  # the loaded model in the place of the bundled ones
        self.lesson: Lesson | None = None
        self.index = 0
        self.is_ready = False
        self.obstacle = ""  # why the page's start could not be made
        self._guests: dict[str, Lesson] = {}  # of packs
        self._store = ProgressStore(folder)
        self._progress: dict[str, Progress] = {}
        self._start: dict[str, Value] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(COALESCE_MS)
        self._timer.timeout.connect(self.update)
        for signal in state.desk.signals:
            signal.connect(self.look_soon)

    # the lesson -----------------------------------------------------------------------------

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Lessons that were found, and those that cannot be used; read when first asked for."""
        return tuple(self._find())

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """Lessons that can be opened."""
        return tuple(entry.lesson for entry in self.entries if entry.lesson is not None)

    @property
    def taken(self) -> tuple[Lesson, ...]:
        """Lessons that can be opened, and those of packs that were begun in this window."""
        return (*self.lessons, *self._guests.values())

    def progress_of(self, lesson: Lesson) -> Progress:
        """Return how far the student got in a lesson."""
        if lesson.id not in self._progress:
            self._progress[lesson.id] = self._store.load(lesson.id)
            if self._store.notice:
                self.told.emit(self._store.notice)
                self._store.notice = ""
        return self._progress[lesson.id]

    def open(self, lesson_id: str) -> None:
        """Begin a lesson, or go on where it was left."""
        lesson = next((each for each in self.lessons if each.id == lesson_id), None)
        if lesson is None:
            return
        self.begin(lesson)

    def begin(self, lesson: Lesson) -> None:
        """Begin a lesson that was read, such as that of a pack, or go on where it was left."""
        is_first = self.lesson is None
        if not is_first:
            self._leave()
        self.lesson = lesson
        if lesson not in self.lessons:
            self._guests[lesson.id] = lesson
        last = self.progress_of(lesson).page
        pages = [page.id for page in lesson.pages]
        if is_first:
            self.opened.emit()
        is_again = all(self.is_page_done(index) for index in range(len(pages)))
        self._enter(0 if is_again or last not in pages else pages.index(last))

    @Slot()
    def close(self) -> None:
        """Leave the lesson; how far it got is kept."""
        if self.lesson is not None:
            self._leave()
            self.lesson, self.index = None, 0
            self.closed.emit()
            self.changed.emit()

    def restart(self) -> None:
        """Forget the progress in the open lesson, and begin it anew."""
        if self.lesson is not None:
            self._mine.leave(monotonic())
            self._mine.begin_anew()
            self._save()
            self.go(0)

    # pages ----------------------------------------------------------------------------------

    @property
    def page(self) -> Page | None:
        """The page that is shown."""
        return self.lesson.pages[self.index] if self.lesson else None

    @property
    def is_foreign(self) -> bool:
        """Whether the page is shown in English because the window's language lacks it."""
        if self.lesson is None or self.page is None:
            return False
        return not self.lesson.has(self.page.id, self.language)

    @property
    def words(self) -> Words:
        """Words of the page."""
        if self.lesson is None or self.page is None:
            return Words()
        return self.lesson.text(self.page.id, self.language)

    @property
    def body(self) -> str:
        """Markdown of the page with the live numbers."""
        return filled(self.words.body, lambda name: written(self.state, name))

    def is_page_done(self, index: int) -> bool:
        """Whether a page of the open lesson was completed."""
        return self.lesson is not None and self.lesson.pages[index].id in self._mine.done

    @property
    def is_done(self) -> bool:
        """Whether the page is complete."""
        return self.is_page_done(self.index)

    @property
    def is_last(self) -> bool:
        """Whether no page follows."""
        return self.lesson is not None and self.index == len(self.lesson.pages) - 1

    @property
    def does_apply(self) -> bool | None:
        """Whether the page is for the loaded model; None as long as none is loaded."""
        page = self.page
        if page is None or page.needs is None:
            return True
        if self.state.value("model.name") is None:
            return None
        return conditions.holds(page.needs, self.state.value, {})

    @property
    def waits_for_run(self) -> bool:
        """Whether a run goes on whose end the page may be completed by.

        Until then what is measured is still that of the runs before it.
        """
        page = self.page
        return (
            page is not None
            and self.is_ready
            and "run.finished" in page.names
            and not (self.is_done or self.is_locked)
            and self.state.desk.run.state.is_active
        )

    def go(self, index: int) -> None:
        """Show a page, whichever are complete."""
        if self.lesson is not None:
            self._leave()
            self._enter(min(max(index, 0), len(self.lesson.pages) - 1))

    @Slot()
    def next(self) -> None:
        """Show the page that follows; after the last one the lesson is closed."""
        if self.is_last:
            self.close()
        else:
            self.go(self.index + 1)

    @Slot()
    def back(self) -> None:
        """Show the page before."""
        if self.index:
            self.go(self.index - 1)

    @Slot()
    def again(self) -> None:
        """Set the page up as it began."""
        self.go(self.index)

    def set_own(self, *, is_own: bool) -> None:
        """Work on the loaded model, or on the bundled one that the lesson names."""
        if is_own != self.uses_own:
            self.uses_own = is_own
            self.again()

    def set_ready(self, obstacle: str = "") -> None:
        """Note that the page's start is in force, or why it cannot be."""
        if self.page is None:
            return
        self.obstacle = obstacle
        self._start.clear()
        self.state.begin()
        self.is_ready = not obstacle
        self.update()
        self.changed.emit()

    def _enter(self, index: int) -> None:
        assert self.lesson is not None
        self.index, self.is_ready, self.obstacle = index, False, ""
        self._start.clear()
        self._mine.enter(self.lesson.pages[index].id, monotonic())
        self._save()
        self.changed.emit()
        self.entered.emit()

    def _leave(self) -> None:
        self.is_ready = False
        self._timer.stop()
        self._mine.leave(monotonic())
        self._save()
        self.left.emit()

    # predictions ----------------------------------------------------------------------------

    @property
    def prediction(self) -> Prediction | None:
        """What was predicted on this page."""
        return self._mine.predictions.get(self.page.id) if self.page else None

    @property
    def is_locked(self) -> bool:
        """Whether the page's controls wait for a prediction."""
        page = self.page
        return page is not None and page.predict is not None and self.prediction is None

    def answer(self, value: Answer) -> None:
        """Store a prediction, which unlocks the page's controls; the first one counts."""
        if self.is_locked and self.page is not None:
            self._mine.answer(self.page.id, value, monotonic())
            self._save()
            self._start.clear()  # what counts from here on
            self.state.begin()
            self.update()

    @property
    def measured(self) -> Answer | None:
        """What the application shows now in the place of the prediction; None: nothing yet."""
        page = self.page
        if page is None or page.predict is None:
            return None
        if page.predict.kind == "choice":
            found = (
                choice.id
                for choice in page.predict.choices
                if conditions.holds(choice.when, self.state.value, self._start)
            )
            return next(found, None)
        value = self.state.value(page.predict.state)
        if isinstance(value, tuple):
            curve = [float(each) for each in value if not isinstance(each, str)]
            return curve if len(curve) == page.predict.points else None
        return float(value) if isinstance(value, int | float) else None

    @property
    def was_right(self) -> bool | None:
        """Whether the prediction is what was measured; None before that."""
        page, prediction = self.page, self.prediction
        if page is None or page.predict is None or prediction is None:
            return None
        return was_right(page.predict, prediction)

    @property
    def lacks(self) -> Literal["", "run", "answer"]:
        """What the comparison waits for where all else is done: another run, an answer that fits."""
        page = self.page
        if page is None or page.predict is None or page.done is None or not self.is_ready:
            return ""
        if self.is_done or self.prediction is None or self.measured is not None:
            return ""
        if not conditions.holds(page.done, self.state.value, self._start):
            return ""
        names = [each for each in page.predict.names if self.state.value(each) is None]
        if not names:
            return "answer"
        return "run" if all(each.startswith("measured.") for each in names) else ""

    # the application's state ----------------------------------------------------------------

    @Slot()
    def look_soon(self) -> None:
        """Look at the application's state in a moment; many changes are looked at once."""
        if self.lesson is not None and not self._timer.isActive():
            self._timer.start()

    @Slot()
    def update(self) -> None:
        """Look whether the page is complete now, and let the card follow the numbers."""
        page = self.page
        if page is None:
            return
        if self.is_ready:
            for name in page.names - self._start.keys():
                value = self.state.value(name)
                if value is not None:
                    self._start[name] = value
            is_open = not (self.is_done or self.is_locked or self.waits_for_run)
            if is_open and self.does_apply and self._holds(page):
                self._complete(page)
        self.changed.emit()

    def _holds(self, page: Page) -> bool:
        if page.done is not None and not conditions.holds(page.done, self.state.value, self._start):
            return False
        return page.predict is None or self.measured is not None

    def _complete(self, page: Page) -> None:
        self._mine.complete(page.id, self.measured)
        self._save()

    @property
    def _mine(self) -> Progress:
        assert self.lesson is not None
        return self.progress_of(self.lesson)

    def _save(self) -> None:
        assert self.lesson is not None
        self._store.save(self.lesson.id, self._mine)
        if self._store.notice:
            self.told.emit(self._store.notice)
            self._store.notice = ""
