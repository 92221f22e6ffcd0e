"""List of the queue: a picture or a place and three lines for each, the run in progress first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter

from spikestudio.app import theme
from spikestudio.app.viewmodels.queue import QueueModel
from spikestudio.app.viewmodels.queued_run import QueuedRun
from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.app.views.card_rows import CardDelegate, CardRows, Index, paint_lines
from spikestudio.app.views.history_rows import paint_images
from spikestudio.language import tr, tr_n


class QueueRows(CardRows[QueuedRun]):
    """The entries of a ``QueueModel``; those that wait can be dragged to another place among them."""

    moved = Signal(int)  # key of the one that was

    def __init__(self, run: RunModel, queue: QueueModel) -> None:
        super().__init__()
        self._run, self._queue = run, queue

    def found(self) -> list[QueuedRun]:
        return self._queue.entries

    def words(self, entry: QueuedRun) -> list[str]:
        asked = tr("asked for at {queued_at:%H:%M:%S}", queued_at=entry.queued_at)
        return [self.title(entry), entry.facts, self.state(entry), asked]

    def show_progress(self) -> None:
        """Draw the run in progress anew."""
        if self._entries and self._entries[0] is self._queue.current:
            self.dataChanged.emit(self.index(0), self.index(0))

    # moving ---------------------------------------------------------------------------------

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled  # between rows, not on one
        flags = super().flags(index)
        is_waiting = self.entry(index) is not self._queue.current
        return flags | Qt.ItemFlag.ItemIsDragEnabled if is_waiting else flags

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: N802  Qt override
        return Qt.DropAction.MoveAction

    def moveRows(  # noqa: N802  Qt override
        self,
        source_parent: Index,
        source: int,
        count: int,
        destination_parent: Index,
        destination: int,
    ) -> bool:
        """Let a waiting row go before the row ``destination``; what runs stays the first."""
        entry = self.entry(self.index(source)) if count == 1 else None
        if entry is None or source_parent.isValid() or destination_parent.isValid():
            return False
        first = self._queue.current is not None  # rows before those that wait
        place = max(destination, first) - first - (destination > source)
        is_moved = self._queue.move(entry.key, place)
        if is_moved:
            self.reload()
            self.moved.emit(entry.key)
        return is_moved

    # words ----------------------------------------------------------------------------------

    def changes(self, entry: QueuedRun) -> list[str]:
        """Return what differs from the run before it, each in a few words."""
        return entry.changes(self._queue.predecessor(entry))

    def title(self, entry: QueuedRun) -> str:
        """Return its name and what differs from the run before it."""
        return f"{entry.name}: {', '.join(self.changes(entry))}"

    def state(self, entry: QueuedRun) -> str:
        """Return where it is, and what keeps it or comes after it."""
        parts = [self._progress() if entry is self._queue.current else self._place(entry)]
        if entry.problem:
            parts.insert(0, entry.problem)
        if entry.is_pausing:
            parts.append(tr("the queue pauses after it"))
        return "   ".join(parts)

    def _progress(self) -> str:
        run = self._run
        if not run.state.is_active or run.run is None:
            return tr("starting")
        done, total = run.step.step + 1 if run.step else 0, len(run.run.timesteps)
        word = {RunState.PAUSED: tr("paused"), RunState.STOPPING: tr("stopping")}.get(
            run.state, tr("sampling")
        )
        return tr("{word}, {done:,} of {total:,} steps done", word=word, done=done, total=total)

    def _place(self, entry: QueuedRun) -> str:
        queue = self._queue
        place = queue.place(entry.key) or 0
        others = tr_n("behind {place:,} other", "behind {place:,} others", place, place=place)
        where = others if place else tr("the next one")
        before = queue.predecessor(entry) if place or queue.current else None
        model = before.model if before else queue.model
        loads = (
            ""
            if entry.is_made_with(model)
            else tr("   {model} is loaded first", model=entry.model.name)
        )
        return f"{where}{loads}"

    def thumbnail(self, entry: QueuedRun) -> NDArray[np.uint8] | None:
        """Return what has come of it so far, or pictures of its parent, ``[k, H, W, C]``."""
        preview = self._run.preview
        if entry is not self._queue.current or not self._run.state.is_active or preview is None:
            return entry.thumbnail
        found = (preview.x0_hat, preview.decoded)
        return next((each for each in found if each is not None), entry.thumbnail)

    def badge(self, entry: QueuedRun) -> str:
        """Return its place in the queue, from 1 on; empty for the run in progress."""
        place = self._queue.place(entry.key)
        return "" if place is None else f"{place + 1:,}"

    def is_current(self, entry: QueuedRun) -> bool:
        """Whether it is the run in progress."""
        return entry is self._queue.current

    def fraction(self, entry: QueuedRun) -> float:
        """Return which part of it is done, from 0 to 1."""
        run = self._run
        if not self.is_current(entry) or not run.state.is_active or not run.run or not run.step:
            return 0.0
        return (run.step.step + 1) / len(run.run.timesteps)


class QueueDelegate(CardDelegate):
    """Draws a run that waits or goes on: picture or place, lines, progress."""

    def paint_card(
        self, painter: QPainter, rect: QRect, picture: QRect, room: QRect, index: Index
    ) -> None:
        rows = index.model()
        if not isinstance(rows, QueueRows) or (entry := rows.entry(index)) is None:
            return
        _paint_picture(painter, picture, rows, entry)
        title, rest = _broken(rows.changes(entry), entry.name, room.width())
        below = (rest, "text") if rest else (entry.facts, "muted")
        last = "warn" if entry.problem else "accent" if rows.is_current(entry) else "muted"
        paint_lines(painter, room, ((title, "text"), below, (rows.state(entry), last)))
        if (fraction := rows.fraction(entry)) > 0:
            done = QRect(room.left(), rect.bottom() - 2, round(room.width() * fraction), 2)
            painter.fillRect(done, theme.color("accent"))
        if rows.is_current(entry):
            line = QRect(rect.left(), rect.bottom(), rect.width(), 1)
            painter.fillRect(line, theme.color("border"))


def _title_font() -> QFont:
    return theme.font("body", semibold=True)


def _broken(changes: list[str], name: str, room: int) -> tuple[str, str]:
    """Return as many changes as fit into the title, at least one, and the others."""
    metrics = QFontMetrics(_title_font())
    title = f"{name}: {changes[0]}"
    for number, change in enumerate(changes[1:], 1):
        longer = f"{title}, {change}"
        if metrics.horizontalAdvance(longer) > room:
            return title, ", ".join(changes[number:])
        title = longer
    return title, ""


def _paint_picture(painter: QPainter, place: QRect, rows: QueueRows, entry: QueuedRun) -> None:
    """Draw what is there of the run; else its place in the queue."""
    images, badge = rows.thumbnail(entry), rows.badge(entry)
    if images is not None:
        paint_images(painter, place, images)
    else:
        painter.fillRect(place, theme.color("raised"))
        painter.setPen(theme.color("border"))
        painter.drawRect(place.adjusted(0, 0, -1, -1))
    if not badge:
        return
    painter.setFont(theme.font("figure" if images is None else "caption", semibold=True))
    if images is not None:  # a corner of it, so that the picture stays recognisable
        metrics = painter.fontMetrics()
        width = metrics.horizontalAdvance(badge) + theme.px(8)
        place = QRect(place.left(), place.top(), width, metrics.height())
        painter.fillRect(place, theme.color("raised"))
    painter.setPen(theme.color("muted"))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, badge)
