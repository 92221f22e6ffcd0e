"""List of runs: a thumbnail and three lines for each, the newest first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.tiles import to_qimage
from spikestudio.app.viewmodels.comparison import ComparisonModel
from spikestudio.app.viewmodels.history import CLOSED, LET_GO, Entry, HistoryModel
from spikestudio.app.viewmodels.parameters import short_title
from spikestudio.app.viewmodels.run import RunState
from spikestudio.app.views.card_rows import CardDelegate, CardRows, Index, paint_lines
from spikestudio.language import tr, tr_n
from spikestudio.recording.record import MEBIBYTE

GAP = 2


class HistoryRows(CardRows[Entry]):
    """The runs of a ``HistoryModel``."""

    def __init__(self, history: HistoryModel, comparison: ComparisonModel) -> None:
        super().__init__()
        self._history, self._comparison = history, comparison

    def found(self) -> list[Entry]:
        return list(reversed(self._history.entries))

    def words(self, entry: Entry) -> list[str]:
        sides = self.sides(entry)
        marked = [tr("{sides} of the comparison", sides=tr(" and ").join(sides))] if sides else []
        return [self.title(entry), facts(entry), self.state(entry), *marked]

    def title(self, entry: Entry) -> str:
        """Return its name and what differs from the run that it is compared with."""
        origin, changes = self._history.origin(entry), self._history.changes(entry)
        name = entry.name.capitalize() if not entry.file_name else entry.file_name
        parts = [each.text for each in changes]
        if entry.branch is not None:
            of = self._history.entry(entry.parent)
            where = tr(" of {of}", of=of.name) if of else ""
            parts.insert(
                0,
                tr(
                    "branch{where} at step {branch_step:,}",
                    where=where,
                    branch_step=entry.branch.step + 1,
                ),
            )
        if origin is None or entry.file_name:
            return name
        is_other_model = origin.tensors_sha256 != entry.tensors_sha256
        if is_other_model:
            parts.insert(0, tr("model {checkpoint}", checkpoint=entry.checkpoint))
        what = ", ".join(parts) or tr("same request as {origin}", origin=origin.name)
        if origin.key == entry.parent and entry.branch is None and parts:
            what += tr(" (from {origin})", origin=origin.name)
        return f"{name}: {what}"

    def state(self, entry: Entry) -> str:
        """Return when and how it ended, and what is left of its recording."""
        outcome = entry.failure or entry.outcome
        seconds = entry.result.seconds if entry.result else float("nan")
        if np.isfinite(seconds) and not entry.failure:
            outcome += tr(" in {seconds:.1f} s", seconds=seconds)
        parts = [f"{entry.ended_at:%H:%M:%S}", outcome]
        if entry is self._history.shown:
            parts.append(tr("shown"))
        if entry.changes:
            number = len(entry.changes)
            parts.append(
                tr_n(
                    "{number:,} change while it ran",
                    "{number:,} changes while it ran",
                    number,
                    number=number,
                )
            )
        if entry.ended is None and entry.stored is not None:
            parts.append(tr("recording in the session's file"))
        elif entry.ended is None:
            parts.append(CLOSED if entry.path else LET_GO)
        elif not entry.file_name:
            parts.append(tr("recording {nbytes:,.3g} MiB", nbytes=entry.ended.nbytes / MEBIBYTE))
        if entry.is_pinned:
            parts.append(tr("kept"))
        return "   ".join(parts)

    def sides(self, entry: Entry) -> list[str]:
        """Return which sides of the comparison it is."""
        comparison = self._comparison
        return [s for s, e in (("A", comparison.a), ("B", comparison.b)) if e is entry]


def facts(entry: Entry) -> str:
    """Return the model and the size of the request."""
    request = entry.request
    sampler = short_title(request.sampler)
    parts = (
        entry.checkpoint,
        tr_n(
            "{request_num:,} image", "{request_num:,} images", request.num, request_num=request.num
        ),
        tr(
            "{num_timesteps:,} steps {sampler}", num_timesteps=len(entry.timesteps), sampler=sampler
        ),
    )
    return "   ".join(filter(None, parts))


class HistoryDelegate(CardDelegate):
    """Draws a run: its images, its lines, and the sides of the comparison that it is."""

    def paint_card(
        self, painter: QPainter, rect: QRect, picture: QRect, room: QRect, index: Index
    ) -> None:
        rows = index.model()
        if not isinstance(rows, HistoryRows) or (entry := rows.entry(index)) is None:
            return
        if entry.thumbnail is None:
            painter.fillRect(picture, hatch_brush())
        else:
            paint_images(painter, picture, entry.thumbnail)
        end = "error" if entry.state is RunState.FAILED else "muted"
        lines = (rows.title(entry), "text"), (facts(entry), "muted"), (rows.state(entry), end)
        paint_lines(painter, room, lines, _paint_badges(painter, room, rows.sides(entry)))


def _paint_badges(painter: QPainter, room: QRect, badges: list[str]) -> int:
    """Draw letters before the title, and return how much of its room they take."""
    painter.setFont(theme.font("body", semibold=True))
    side, taken = painter.fontMetrics().height(), 0
    for badge in badges:
        box = QRect(room.left() + taken, room.top(), side, side)
        painter.fillRect(box, theme.color("accent"))
        painter.setPen(theme.color("on_accent"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, badge)
        taken += side + theme.px(6)
    return taken


def paint_images(painter: QPainter, place: QRect, images: NDArray[np.uint8]) -> None:
    """Draw the first images ``[B, H, W, C]``, two by two where that leaves whole pixels."""
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)  # views set it
    _, height, width, _ = images.shape
    longest = max(height, width)
    columns = 2 if len(images) > 1 and 2 * longest + GAP <= place.width() else 1
    scale = max(1, (place.width() - (columns - 1) * GAP) // (columns * longest))
    side = min(scale * longest, place.width())
    total = columns * side + (columns - 1) * GAP
    left = place.left() + (place.width() - total) // 2
    for number, image in enumerate(images[: columns * columns]):
        row, column = divmod(number, columns)
        corner = QRect(left + column * (side + GAP), place.top() + row * (side + GAP), side, side)
        painter.drawImage(corner, to_qimage(np.ascontiguousarray(image)))
