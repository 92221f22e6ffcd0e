"""Pictures of lessons: the first page of each, set up as a student finds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spikestudio.app import theme
from spikestudio.app.gallery_page import Item
from spikestudio.errors import ConfigError, SpikeStudioError
from spikestudio.lessons import shelf

if TYPE_CHECKING:
    from spikestudio.app.gallery import Stage, Wanted

ALL = "all"
READY_S = 120.0


def chosen(names: list[str]) -> tuple[str, ...]:
    """Return the ids of the lessons that are asked for; raises ``ConfigError`` for one there is not."""
    known = [each.lesson.id for each in shelf.bundled() if each.lesson is not None]
    unknown = [name for name in names if name not in (*known, ALL)]
    if unknown:
        raise ConfigError(
            f"There is no lesson {unknown[0][:40]!r}: choose {', '.join(known)} or {ALL}.",
            field="lesson",
        )
    return tuple(known) if ALL in names else tuple(names)


def first_page(stage: Stage, lesson_id: str, wanted: Wanted, folder: Path) -> list[Item]:
    """Write the first page of a lesson in every size and theme."""
    lesson, checkpoint = stage.context.lesson, stage.context.checkpoint
    items = []
    for width, height in wanted.sizes:
        stage.window.resize(width, height)
        stage.window.docks.apply(stage.window.docks.layout_name)
        stage.window.lessons.show()
        lesson.open(lesson_id)
        problem = f"the lesson {lesson_id} was not set up"
        stage.wait(lambda: lesson.is_ready or bool(lesson.obstacle), READY_S, problem)
        if lesson.obstacle:
            raise SpikeStudioError(lesson.obstacle)
        stage.wait(lambda: checkpoint.loading is None, READY_S, problem)
        for mode in wanted.themes:
            theme.manager.set_mode(mode)
            stage.settle()
            path = folder / f"lesson-{lesson_id}-{mode}-{width}x{height}.png"
            stage.grab(path)
            caption = f"Lesson {lesson_id}, first page, {mode} theme, {width} x {height}"
            items.append(Item(path.name, caption, "Lessons"))
        lesson.close()
        stage.settle()
    return items
