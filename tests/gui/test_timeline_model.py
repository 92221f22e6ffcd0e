import numpy as np
import pytest

from spikestudio.app.viewmodels.playback import open_playback
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.timeline import (
    SNN_STEPS_PER_SECOND,
    SPEEDS,
    Cursor,
    TimelineModel,
)
from spikestudio.paths import bundled_recordings
from tests.gui.fakes import SMALL_LAYERS
from tests.gui.gaps import FakeRecorder, FakeRun, Gaps


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timeline(run, clock):
    model = TimelineModel(run, clock=clock)
    yield model
    model.pause()
    model._seek_timer.stop()


def tick(timeline, clock, seconds):
    """Let playback go on for a while, in ticks of a twentieth of a second."""
    for _ in range(round(seconds * 20)):
        clock.now += 0.05
        timeline._advance()


def test_live_cursor_follows_the_newest_step(run, timeline):
    fake = FakeRun(run).start().step(3)
    assert timeline.is_live
    assert timeline.cursor == Cursor(2, 3)
    fake.step(2)
    assert timeline.cursor == Cursor(4, 3)


def test_seek_detaches_and_go_live_attaches_again(qtbot, run, timeline):
    fake = FakeRun(run).start().step(5)
    with qtbot.waitSignal(timeline.liveChanged):
        timeline.seek(1, 2)
    fake.step(2)
    assert (timeline.cursor, timeline.is_live) == (Cursor(1, 2), False)
    timeline.go_live()
    assert (timeline.cursor, timeline.is_live) == (Cursor(6, 3), True)
    fake.step(1)
    assert timeline.cursor == Cursor(7, 3)


def test_only_the_newest_of_many_seeks_is_announced(qtbot, run, timeline):
    FakeRun(run).start().step(10)
    qtbot.waitUntil(lambda: not timeline._seek_timer.isActive())
    seen = []
    timeline.cursorChanged.connect(lambda: seen.append(timeline.cursor))
    for step in range(9):
        timeline.seek(step, 1)
    assert seen == []
    qtbot.waitUntil(lambda: bool(seen))
    assert seen == [Cursor(8, 1)]
    qtbot.wait(40)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("asked", "reached"),
    [((-3, -1), (0, 0)), ((99, 99), (4, 3)), ((2, None), (2, 3)), ((7, 0), (4, 0))],
)
def test_seek_goes_to_the_nearest_computed_moment(run, timeline, asked, reached):
    FakeRun(run).start().step(5)
    timeline.seek(*asked)
    assert timeline.cursor == Cursor(*reached)


def test_without_a_run_nothing_moves(qtbot, timeline):
    with qtbot.assertNotEmitted(timeline.cursorChanged, wait=30):
        timeline.seek(3, 1)
        timeline.snn_by(1)
        timeline.play()
        timeline.toggle_bookmark()
    assert (timeline.cursor, timeline.is_playing, timeline.bookmarks) == (Cursor(), False, ())


def test_snn_steps_run_on_into_the_neighbouring_denoising_steps(run, timeline):
    FakeRun(run).start().step(3)
    timeline.seek(1, 3)
    timeline.snn_by(1)
    assert timeline.cursor == Cursor(2, 0)
    timeline.snn_by(-2)
    assert timeline.cursor == Cursor(1, 2)
    timeline.snn_by(-100)
    assert timeline.cursor == Cursor(0, 0)
    timeline.step_by(1)
    assert timeline.cursor == Cursor(1, 0)
    timeline.go_last()
    assert timeline.cursor == Cursor(2, 3)


def test_stepping_forward_at_the_end_keeps_following(run, timeline):
    FakeRun(run).start().step(3)
    timeline.snn_by(1)
    assert timeline.is_live


def test_playback_shows_the_stated_number_of_snn_steps_per_second(run, timeline, clock):
    FakeRun(run).start().step(10).finish()
    timeline.go_first()
    timeline.play()
    assert not timeline.is_live
    tick(timeline, clock, 2.0)
    place = timeline.cursor.step * 4 + timeline.cursor.snn_step
    assert place == pytest.approx(2 * SNN_STEPS_PER_SECOND, abs=1)


@pytest.mark.parametrize("speed", [SPEEDS[0], 2.0])
def test_speed_scales_playback(run, timeline, clock, speed):
    FakeRun(run).start().step(10).finish()
    timeline.go_first()
    timeline.set_speed(speed)
    timeline.play()
    tick(timeline, clock, 1.5)
    place = timeline.cursor.step * 4 + timeline.cursor.snn_step
    assert place == pytest.approx(1.5 * SNN_STEPS_PER_SECOND * speed, abs=1)


def test_playback_stops_at_the_end_of_a_finished_run_and_starts_over(run, timeline, clock):
    FakeRun(run).start().step(2).finish()
    timeline.play()  # at the end: from the start
    assert timeline.cursor == Cursor(0, 0)
    tick(timeline, clock, 3)
    assert (timeline.cursor, timeline.is_playing) == (Cursor(1, 3), False)


def test_playback_waits_for_a_run_that_goes_on(run, timeline, clock):
    fake = FakeRun(run).start().step(1)
    timeline.play()
    tick(timeline, clock, 3)
    assert (timeline.cursor, timeline.is_playing) == (Cursor(0, 3), True)
    fake.step(1)
    tick(timeline, clock, 3)
    assert timeline.cursor == Cursor(1, 3)


def test_a_stall_does_not_make_playback_jump(run, timeline, clock):
    FakeRun(run).start().step(10).finish()
    timeline.go_first()
    timeline.play()
    clock.now += 60
    timeline._advance()
    assert timeline.cursor <= Cursor(0, 2)


def test_speeds_stay_within_their_range(qtbot, timeline):
    for _ in range(20):
        timeline.faster()
    assert timeline.speed == 8
    with qtbot.waitSignal(timeline.playingChanged):
        timeline.slower()
    assert timeline.speed == 4
    timeline.set_speed(3)
    timeline.slower()
    assert timeline.speed == 2
    timeline.set_speed(0.0001)
    assert timeline.speed == 0.05


def test_changes_of_parameters_are_marked(qtbot, run, timeline):
    fake = FakeRun(run).start().step(3)
    with qtbot.waitSignal(timeline.marksChanged):
        fake.set_threshold(0.9)
    fake.step(1)
    (mark,) = timeline.marks
    assert (mark.at, mark.text) == (Cursor(3), "threshold 0.9 from here")
    assert not mark.is_bookmark


def test_bookmarks_are_set_visited_and_taken_away(run, timeline):
    FakeRun(run).start().step(6)
    for at in (Cursor(4, 1), Cursor(1, 2)):
        timeline.seek(at.step, at.snn_step)
        timeline.toggle_bookmark()
    assert timeline.bookmarks == (Cursor(1, 2), Cursor(4, 1))
    timeline.next_bookmark()
    assert timeline.cursor == Cursor(4, 1)
    timeline.next_bookmark()
    assert timeline.cursor == Cursor(4, 1)
    timeline.previous_bookmark()
    assert timeline.cursor == Cursor(1, 2)
    timeline.toggle_bookmark()
    assert timeline.bookmarks == (Cursor(4, 1),)
    assert [mark.is_bookmark for mark in timeline.marks] == [True]


def test_a_new_run_starts_live_and_unmarked(run, timeline):
    FakeRun(run).start().step(6)
    timeline.seek(2, 0)
    timeline.toggle_bookmark()
    timeline.play()
    FakeRun(run).start()
    assert (timeline.cursor, timeline.is_live, timeline.is_playing) == (Cursor(), True, False)
    assert timeline.marks == ()


def test_what_is_announced_of_a_shorter_run_lies_within_it(run, timeline):
    longer, shorter = (
        open_playback(bundled_recordings() / f"{name}-mnist.h5") for name in ("sddpm", "sdit")
    )
    run.show(longer)
    timeline.seek(30)
    timeline.play()
    seen = []
    for signal in (timeline.liveChanged, timeline.playingChanged, timeline.marksChanged):
        signal.connect(lambda: seen.append(timeline.cursor.step))
    run.show(shorter)
    assert len(run.run.timesteps) <= 30
    assert len(seen) == 3
    assert max(seen) < len(run.run.timesteps)


def test_counts_are_those_of_the_selected_layer_at_the_cursor(run, timeline):
    FakeRun(run).start().step(4)
    for layer in SMALL_LAYERS:
        run.select(layer=layer.id)
        timeline.seek(2, 1)
        expected = run.recorder.spikes(layer.id, 2).sum(axis=1)
        assert np.array_equal(timeline.counts(), expected)


def spans(timeline):
    return [(gap.first, gap.last) for gap in timeline.gaps()]


def test_gaps_are_the_steps_without_spikes_of_the_selected_layer(run, timeline):
    recorder = FakeRecorder()
    one, other = SMALL_LAYERS[0].id, SMALL_LAYERS[1].id
    recorder.missing = Gaps({(one, 0), (one, 1), (one, 4), (other, 5)})
    FakeRun(run, recorder).start().step(6)
    run.select(layer=one)
    assert spans(timeline) == [(0, 2), (4, 5)]
    assert timeline.gaps()[0].reason == "let go to stay within 512 MiB"
    timeline.seek(4)
    assert timeline.counts() is None
    run.select(layer=other)
    assert spans(timeline) == [(5, 6)]


def test_steps_let_go_later_become_a_gap(run, timeline):
    recorder = FakeRecorder()
    recorder.missing = Gaps()
    fake = FakeRun(run, recorder).start().step(5)
    assert spans(timeline) == []
    recorder.missing.update((run.selection.layer, step) for step in range(3))
    fake.step(1)
    assert spans(timeline) == [(0, 3)]


def test_gaps_of_different_reasons_stay_apart(run, timeline):
    recorder = FakeRecorder()
    recorder.missing = Gaps()
    FakeRun(run, recorder).start().step(3)
    recorder.missing = lambda layer, step: ("", "a", "b")[step]
    assert spans(timeline) == [(1, 2), (2, 3)]
