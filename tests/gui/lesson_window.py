"""A window with the lessons in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikestudio.app.lessons import Lessons
from spikestudio.app.main_window import MainWindow
from spikestudio.app.viewmodels.lesson import LessonModel
from spikestudio.app.views.lesson import LessonView


@dataclass
class Class:
    """A window, its lessons, and what drives them."""

    window: MainWindow
    model: LessonModel
    view: LessonView
    lessons: Lessons

    @property
    def lab(self) -> Any:
        return self.model.state.desk.lab

    def widget(self, name: str) -> Any:
        """A view of the window by its id."""
        return self.window.docks.docks[name].view


def with_lessons(window: MainWindow) -> Class:
    """Return the lessons of a window."""
    view = window.views.lesson
    return Class(window, window.context.lesson, view, window.lessons)
