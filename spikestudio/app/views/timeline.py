"""Timeline dock: go to any denoising step and any SNN step of the run, or play it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import nice_stride
from spikestudio.app.plots.timeline_item import Lane, TimelineLanes, TimelinePicture
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.timeline import SPEEDS, TimelineModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import Caption, Combo, EmptyStack, fill, stacked, tool_row
from spikestudio.app.widgets.icons import ICON_SIZE, IconButton, icon
from spikestudio.language import tr

SNAP_STEPS = 0.03  # of the run: with Alt, a mark as near as this is meant


class TimelineView(View):
    """Play button, two lanes, marks; everything it does is a method of the model."""

    view_id: ClassVar[str] = "timeline"
    title: ClassVar[str] = tr("Timeline")
    help_text: ClassVar[str] = tr(
        "Above: denoising steps of the run. Below: the SNN steps inside the chosen one,\n"
        "with the spikes of the selected layer in each.\n"
        "Press or drag in a lane: go there. Alt: snap to marks. Wheel: one step on or back.\n"
        "Left, Right (or A, D): SNN step. Shift+Left, Shift+Right: denoising step.\n"
        "Home, End: first, newest. L: follow the run again. Space: play. Up, Down: speed.\n"
        "B: bookmark. Page up, Page down: previous, next bookmark.\n"
        "Diamonds: the threshold or the temperature was changed there. Flags: bookmarks.\n"
        "Hatched: spikes of the selected layer are not recorded; point at it for the reason.\n"
        "Record to file: keeps the next runs as recordings, which can be opened again."
    )

    sampleRequested = Signal()  # noqa: N815
    recordRequested = Signal()  # noqa: N815  or that nothing more is to be recorded

    def __init__(
        self, run: RunModel, timeline: TimelineModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(run, parent)
        self.timeline = timeline
        self.play = IconButton("mdi6.play", tr("Play (Space)"))
        self.speed = Combo(
            tr("Speed"),
            tr("Speed of playback (Up, Down)"),
            tuple(f"{speed:g}×" for speed in SPEEDS),
        )
        self.previous = IconButton("mdi6.chevron-left", tr("Previous bookmark (Page up)"))
        self.bookmark = IconButton("mdi6.bookmark-outline", tr("Bookmark this moment (B)"))
        self.next = IconButton("mdi6.chevron-right", tr("Next bookmark (Page down)"))
        self.live = QPushButton(tr("Live"))
        self.record = QPushButton(tr("Record to file…"))
        self.record.setCheckable(True)
        self.target: Path | None = None
        self.caption = Caption()
        self.lanes = TimelineLanes()
        self.lanes.setAccessibleName(tr("Denoising steps and SNN steps of the run"))
        self.lanes.tip_at = self._tip
        self._scale: tuple[object, str, int] = (None, "", 1)
        self.stack = EmptyStack(
            stacked(self._build_row(), self.lanes, self.caption, stretch=self.lanes),
            tr("Every step of a run can be looked at again here."),
        )
        fill(self, self.stack)
        self._keys = self._key_table()
        self._connect()

    def _build_row(self) -> QWidget:
        for button in (self.live, self.record):
            theme.set_role(button, "outline")
        return tool_row(
            *(self.play, self.speed, self.record),
            *(self.previous, self.bookmark, self.next, self.live),
        )

    def _connect(self) -> None:
        timeline, run = self.timeline, self.run
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.play.clicked.connect(timeline.toggle_playing)
        self.speed.activated.connect(self._on_speed_chosen)
        self.previous.clicked.connect(timeline.previous_bookmark)
        self.bookmark.clicked.connect(timeline.toggle_bookmark)
        self.next.clicked.connect(timeline.next_bookmark)
        self.live.clicked.connect(timeline.go_live)
        self.record.clicked.connect(self._on_record_clicked)
        theme.manager.changed.connect(self._show_record)
        self._show_record()
        self.lanes.sought.connect(self._on_sought)
        self.lanes.turned.connect(self._on_turned)
        for signal in (
            timeline.cursorChanged,
            timeline.liveChanged,
            timeline.playingChanged,
            timeline.marksChanged,
        ):
            signal.connect(self._redraw)
        for signal in (run.started, run.stepFinished, run.selectionChanged, run.stateChanged):
            signal.connect(self.mark_dirty)

    def refresh(self) -> None:
        """Draw the lanes and controls for the moment that is looked at."""
        timeline, recorder = self.timeline, self.run.recorder
        if recorder is None:
            return
        self.stack.show_content()
        counts = timeline.counts()
        layer = self.run.selection.layer
        most = self._scale[2] if self._scale[:2] == (recorder, layer) else 1
        if counts is not None:  # the scale only grows, so that playing does not rescale it
            most = max(most, nice_stride(int(counts.max())))
        self._scale = (recorder, layer, most)
        self.lanes.set_picture(
            TimelinePicture(
                num_steps=timeline.num_steps,
                snn_steps=timeline.snn_steps,
                done=timeline.steps_done,
                cursor=timeline.cursor,
                gaps=timeline.gaps(),
                marks=timeline.marks,
                counts=counts,
                top=most,
            )
        )
        self._show_controls()
        self._show_caption(None if counts is None else int(counts[timeline.cursor.snn_step]))

    def _show_controls(self) -> None:
        timeline = self.timeline
        self.play.set_icon("mdi6.pause" if timeline.is_playing else "mdi6.play")
        word = tr("Pause playback (Space)") if timeline.is_playing else tr("Play (Space)")
        self.play.setToolTip(word)
        self.play.setAccessibleName(word)
        self.play.setEnabled(timeline.steps_done > 0)
        nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - timeline.speed))
        self.speed.setCurrentIndex(nearest)
        is_marked = timeline.cursor in timeline.bookmarks
        self.bookmark.set_icon("mdi6.bookmark" if is_marked else "mdi6.bookmark-outline")
        self.bookmark.setEnabled(timeline.steps_done > 0)
        self.previous.setEnabled(any(at < timeline.cursor for at in timeline.bookmarks))
        self.next.setEnabled(any(at > timeline.cursor for at in timeline.bookmarks))
        is_active = self.run.state.is_active
        self.live.setText(tr("Live") if is_active else tr("Newest"))
        self.live.setToolTip(
            tr("The newest step is shown as soon as it is computed")
            if timeline.is_live
            else tr("Show the newest step again, and follow the run (L)")
        )
        self.live.setEnabled(not timeline.is_live)

    def show_record_target(self, target: Path | None) -> None:
        """Say where the next runs are recorded to; None: in memory only."""
        self.target = target
        self._show_record()

    @Slot()
    def _show_record(self) -> None:
        is_on = self.target is not None
        self.record.setChecked(is_on)
        self.record.setIcon(icon("mdi6.record-rec" if is_on else "mdi6.record-circle-outline"))
        self.record.setIconSize(QSize(theme.px(ICON_SIZE), theme.px(ICON_SIZE)))
        self.record.setText(tr("Recording to file") if is_on else tr("Record to file…"))
        keys = "Ctrl+Shift+R"
        self.record.setToolTip(
            tr(
                "The next runs are recorded beside {target}; press to stop that ({keys})",
                target=self.target,
                keys=keys,
            )
            if is_on
            else tr(
                "Keep the next runs as recordings, which can be opened again ({keys})", keys=keys
            )
        )

    @Slot()
    def _on_record_clicked(self) -> None:
        self._show_record()  # what holds, until it changes
        self.recordRequested.emit()

    def _show_caption(self, spikes: int | None) -> None:
        timeline, run = self.timeline, self.run.run
        if run is None or not timeline.steps_done:
            self.caption.set_text(tr("waiting for step 1"))
            return
        at = timeline.cursor
        text = tr(
            "step {at_step:,} of {num_steps:,}, t = {timestep}"
            "   SNN step {snn_step} of {snn_steps}",
            at_step=at.step + 1,
            num_steps=timeline.num_steps,
            timestep=run.timesteps[at.step],
            snn_step=at.snn_step + 1,
            snn_steps=timeline.snn_steps,
        )
        layer = self.run.selection.layer
        text += f"   {layer}: "
        text += tr("not recorded") if spikes is None else tr("{spikes:,} spikes", spikes=spikes)
        recording, recorder = self.run.recording, self.run.recorder
        if recording is not None:
            text += tr("   recording {recording}, not live", recording=recording.name)
        elif recorder is not None and recorder.dropped:
            text += f"   {recorder.dropped}"
        self.caption.set_text(text)
        self.lanes.setAccessibleDescription(text)

    def _tip(self, lane: Lane, cell: int) -> str:
        timeline, run = self.timeline, self.run.run
        if run is None or not timeline.steps_done:
            return ""
        if lane == "snn":
            counts = timeline.counts()
            text = tr("SNN step {cell} of {snn_steps}", cell=cell + 1, snn_steps=timeline.snn_steps)
            words = (
                tr("not recorded")
                if counts is None
                else tr("{count:,} spikes", count=int(counts[cell]))
            )
            return tr(
                "{the_text}: {words} in {layer}",
                the_text=text,
                words=words,
                layer=self.run.selection.layer,
            )
        parts = [
            tr(
                "Step {cell:,} of {num_steps:,}, t = {timestep}",
                cell=cell + 1,
                num_steps=timeline.num_steps,
                timestep=run.timesteps[cell],
            )
        ]
        if cell >= timeline.steps_done:
            parts.append(tr("not computed yet"))
        parts += [mark.text for mark in timeline.marks if mark.at.step == cell]
        for gap in timeline.gaps():
            if gap.first <= cell < gap.last:
                parts.append(tr("not recorded: {reason}", reason=gap.reason))
        return "\n".join(parts)

    # input ----------------------------------------------------------------------------------

    def _key_table(self) -> dict[tuple[Qt.Key, bool], Callable[[], None]]:
        """What each key does, by key and whether Shift is down."""
        timeline, key = self.timeline, Qt.Key
        return {
            (key.Key_Space, False): timeline.toggle_playing,
            (key.Key_Left, False): lambda: timeline.snn_by(-1),
            (key.Key_A, False): lambda: timeline.snn_by(-1),
            (key.Key_Right, False): lambda: timeline.snn_by(1),
            (key.Key_D, False): lambda: timeline.snn_by(1),
            (key.Key_Left, True): lambda: timeline.step_by(-1),
            (key.Key_Right, True): lambda: timeline.step_by(1),
            (key.Key_Home, False): timeline.go_first,
            (key.Key_End, False): timeline.go_last,
            (key.Key_L, False): timeline.go_live,
            (key.Key_Up, False): timeline.faster,
            (key.Key_Down, False): timeline.slower,
            (key.Key_B, False): timeline.toggle_bookmark,
            (key.Key_PageUp, False): timeline.previous_bookmark,
            (key.Key_PageDown, False): timeline.next_bookmark,
        }

    def event(self, event: QEvent) -> bool:
        # Keys that mean something here do not reach the window's shortcuts.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self._command(event) is not None
        ):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        command = self._command(event)
        if command is None:
            super().keyPressEvent(event)
        else:
            command()

    def _command(self, event: QKeyEvent) -> Callable[[], None] | None:
        plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if plain not in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier):
            return None
        return self._keys.get((Qt.Key(event.key()), plain == Qt.KeyboardModifier.ShiftModifier))

    @Slot(str, int, bool)
    def _on_sought(self, lane: Lane, cell: int, is_snapping: bool) -> None:
        timeline = self.timeline
        timeline.pause()
        if lane == "snn":
            timeline.seek(timeline.cursor.step, cell)
            return
        reach = max(1, round(SNAP_STEPS * timeline.num_steps))
        marks = [mark.at for mark in timeline.marks if abs(mark.at.step - cell) <= reach]
        if is_snapping and marks:
            at = min(marks, key=lambda mark: abs(mark.step - cell))
            timeline.seek(at.step, at.snn_step)
        else:
            timeline.seek(cell)

    @Slot(str, int)
    def _on_turned(self, lane: Lane, cells: int) -> None:
        if lane == "snn":
            self.timeline.snn_by(cells)
        else:
            self.timeline.step_by(cells)

    @Slot(int)
    def _on_speed_chosen(self, index: int) -> None:
        self.timeline.set_speed(SPEEDS[index])

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()
