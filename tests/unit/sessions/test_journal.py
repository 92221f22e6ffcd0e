import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest

from spikestudio.recording.hdf5 import open_recording
from spikestudio.sampling.run import SamplingRun
from spikestudio.sessions import files
from spikestudio.sessions.document import Session
from spikestudio.sessions.journal import Journal
from spikestudio.sessions.recovery import abandoned, recover
from tests.tiny import tiny_card, tiny_model, tiny_request
from tests.unit.sessions.made import made_run, streamed


@pytest.fixture
def root(tmp_path):
    return tmp_path / "sessions"


def crash(journal):
    """Let the lock go as the end of the process does, and leave everything else."""
    journal._held.release()


# one window ---------------------------------------------------------------------------------


def test_a_journal_is_made_when_it_is_needed_and_removed_at_a_clean_end(root, tmp_path):
    journal = Journal(root)
    assert not root.exists()
    run = journal.keep(made_run(tmp_path / "made"))
    assert (journal.folder / "runs" / "0001" / "run.json").is_file()
    assert run.name == "run 1"
    assert oct(journal.folder.stat().st_mode & 0o777) == "0o700"
    journal.close()
    assert list(root.iterdir()) == []
    with pytest.raises(OSError, match="closed"):
        _ = journal.folder


def test_the_recording_of_an_ended_run_gets_a_name_to_be_seen(root):
    journal = Journal(root)
    place = journal.next_recording()
    run = made_run(place.parent)
    run.recording.replace(place)
    kept = journal.keep(replace(run, recording=place))
    assert kept.recording == journal.folder / "runs" / "0001" / "run 1.h5"
    assert kept.recording.is_file()
    assert not place.parent.exists()
    journal.close()


def test_a_window_in_which_a_recording_was_merely_opened_leaves_nothing_to_recover(root, tmp_path):
    journal = Journal(root)
    opened = replace(made_run(tmp_path / "made"), number=0)
    journal.keep(opened)
    crash(journal)
    assert abandoned(root) == []
    assert list(root.iterdir()) == []

    journal = Journal(root)
    journal.keep(opened)
    journal.write_manifest(Session(note="what I saw"))
    crash(journal)
    (found,) = abandoned(root)
    assert found.text == "a note"
    found.discard()


def test_a_window_does_not_see_the_journal_of_one_that_is_open(root, tmp_path):
    journal = Journal(root)
    journal.keep(made_run(tmp_path / "made"))
    assert abandoned(root) == []
    crash(journal)
    (found,) = abandoned(root)
    assert found.num_runs == 1
    assert abandoned(root) == []  # it is held by whoever found it
    found.leave()
    (again,) = abandoned(root)
    again.discard()
    assert list(root.iterdir()) == []


def test_an_empty_journal_is_removed_without_a_word(root):
    journal = Journal(root)
    journal.folder  # noqa: B018  it makes it
    crash(journal)
    assert abandoned(root) == []
    assert list(root.iterdir()) == []


def test_a_folder_that_is_just_being_made_is_left_alone(root):
    (root / "new").mkdir(parents=True)
    assert abandoned(root) == []
    assert (root / "new").is_dir()
    os.utime(root / "new", (1, 1))
    assert abandoned(root) == []
    assert not (root / "new").exists()


def test_trimming_takes_recordings_in_the_order_given(root, tmp_path):
    journal = Journal(root)
    kept = []
    for key in (1, 2, 3):
        place = journal.next_recording()
        run = made_run(tmp_path / "made", key)
        run.recording.replace(place)
        kept.append(journal.keep(replace(run, recording=place)))
    size = kept[0].recording.stat().st_size
    assert journal.trim(10 * size, [2, 1, 3]) == []
    assert journal.trim(2 * size, [2, 1, 3]) == [2]
    assert [run.recording.exists() for run in kept] == [True, False, True]
    journal.close()


# recovering ---------------------------------------------------------------------------------


def test_everything_but_the_step_in_progress_is_recovered(root, tmp_path):
    journal = Journal(root)
    first = journal.keep(made_run(tmp_path / "made", seed=5))
    journal.write_manifest(Session(note="a note"))
    run, stream = streamed(journal.next_recording().parent, steps=2, seed=6)
    stream.writer._file.close()  # as the end of the process does
    crash(journal)
    (found,) = abandoned(root)
    assert found.in_progress == (2, 3)
    assert found.text == "1 run, and one cut off after 2 of 3 steps"
    session, problems = recover(found, [tiny_card("sddpm")])
    assert problems == []
    assert session.note == "a note"
    ended, cut = session.runs
    assert ended.origin == first.origin
    assert np.array_equal(ended.images, first.images)
    assert (cut.key, cut.number, cut.state, cut.steps_done) == (2, 2, "cancelled", 2)
    assert cut.request == run.request
    assert np.array_equal(cut.rates, run.recorder.rates(), equal_nan=True)
    assert cut.images.shape == (2, 8, 8, 1)
    recording = open_recording(cut.recording)
    for step in range(2):
        for layer in run.recorder.layers:
            assert np.array_equal(
                recording.spikes(layer.id, step), run.recorder.spikes(layer.id, step)
            )
    recording.close()
    mine = Journal(root)
    mine.adopt(found)
    assert mine.keep(cut).recording.name == "run 2.h5"
    assert abandoned(root) == []
    mine.close()
    assert list(root.iterdir()) == []


def test_a_part_that_is_damaged_is_told_and_the_rest_recovered(root, tmp_path):
    journal = Journal(root)
    for key in (1, 2):
        journal.keep(made_run(tmp_path / "made", key))
    (journal.folder / "runs" / "0001" / "rates.npy").write_bytes(b"x")
    (journal.folder / files.MANIFEST).write_bytes(b"{")
    crash(journal)
    (found,) = abandoned(root)
    session, problems = recover(found)
    assert [run.key for run in session.runs] == [2]
    assert len(problems) == 1
    assert "rates" in problems[0]
    found.discard()


CHILD = """
    import sys
    from pathlib import Path
    from spikestudio.sampling.events import StepFinished
    from spikestudio.sampling.run import SamplingRun
    from spikestudio.sessions.follower import Follower
    from spikestudio.sessions.journal import Journal
    from tests.tiny import tiny_model, tiny_request
    from tests.unit.sessions.made import made_run

    journal = Journal(Path(sys.argv[1]))
    journal.keep(made_run(Path(sys.argv[2])))
    follower = Follower(journal)
    def publish(event):
        if isinstance(event, StepFinished):
            print(event.step, flush=True)
            if event.step == 3:
                sys.stdin.read()  # here it is killed, before the fifth step
    note = follower.following(publish)
    model = tiny_model("sddpm")
    for event in SamplingRun(model, tiny_request(model, steps=12, seed=8)):
        note(event)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_process_that_is_killed_in_the_middle_of_a_run_loses_only_the_step_it_was_at(
    root, tmp_path
):
    arguments = [sys.executable, "-c", textwrap.dedent(CHILD), str(root), str(tmp_path / "made")]
    child = subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "."},
    )
    try:
        while child.stdout.readline().strip() != b"3":
            assert child.poll() is None
        assert abandoned(root) == []  # it is alive
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()
    deadline = time.monotonic() + 5
    while not (found := abandoned(root)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found[0].num_runs == 1
    assert found[0].in_progress == (4, 12)
    session, problems = recover(found[0], [tiny_card("sddpm")])
    assert not problems
    assert [(run.state, run.steps_done) for run in session.runs] == [
        ("finished", 3),
        ("cancelled", 4),
    ]
    model = tiny_model("sddpm")
    whole = SamplingRun(model, tiny_request(model, steps=12, seed=8))
    assert len(list(whole)) > 12
    recording = open_recording(session.runs[1].recording)
    for step in range(4):
        for name, values in whole.recorder.state(step).items():
            assert np.array_equal(recording.state(step)[name], values)
    recording.close()
    found[0].discard()


# streaming ----------------------------------------------------------------------------------


def test_spikes_that_exceed_the_memory_are_left_out_and_then_everything(
    root, tmp_path, monkeypatch
):
    from spikestudio.sessions import stream as module

    sizes = []

    def size(recorder, recorded, states):
        sizes.append(recorded)
        return recorder.budget_bytes + 1 if recorded else 0

    monkeypatch.setattr(module, "_size", size)
    run, stream = streamed(tmp_path / "a")
    stream.close(None)
    recording = open_recording(stream.path)
    assert recording.recorded == ()
    assert recording.steps_done == 3
    assert np.array_equal(recording.rates(), run.recorder.rates())
    recording.close()
    monkeypatch.setattr(module, "_size", lambda recorder, *_: recorder.budget_bytes + 1)
    run, stream = streamed(tmp_path / "b")
    assert not stream.path.exists()
    assert "larger than the recorder's memory" in stream.left_out
    assert run.result.is_complete


def test_a_disk_that_fails_does_not_end_the_run(tmp_path, monkeypatch):
    from spikestudio.recording.hdf5 import RecordingWriter

    def full(*_):
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(RecordingWriter, "_write", full)
    run, stream = streamed(tmp_path / "a")
    stream.close(None)
    assert run.result.is_complete
    assert "could not be kept" in stream.left_out
    assert run.recorder.file_error == ""


def test_a_branch_is_streamed_with_the_parameters_of_its_parent(tmp_path):
    from spikestudio.sampling.branch import Branch
    from spikestudio.sampling.events import RunStarted
    from spikestudio.sessions.recovery import cut_off
    from spikestudio.sessions.stream import attach

    model = tiny_model("sddpm")
    parent = SamplingRun(model, tiny_request(model, threshold=0.9))
    list(parent)
    branch = Branch.of(parent.recorder, 1)
    run = SamplingRun(model, tiny_request(model), branch=branch, parent=parent.recorder)
    for event in run:
        if isinstance(event, RunStarted):
            stream = attach(event, tmp_path / "recording.h5", lambda _: "sddpm")
    stream.close(None)
    made = cut_off(stream.path, 1, 1)
    assert made.branch == branch
    assert made.result.thresholds == (0.9, 1.0, 1.0)
