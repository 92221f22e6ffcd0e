"""A session in a window: journal, file, recovery and what is asked before something is lost."""

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtWidgets import QMessageBox

from spikestudio import language
from spikestudio.app.viewmodels.run import RunState
from spikestudio.app.viewmodels.session_runs import to_entry, to_run
from spikestudio.sessions.journal import Journal, default_folder
from spikestudio.sessions.reading import open_session
from spikestudio.sessions.recovery import abandoned
from spikestudio.sessions.writing import save_session
from tests.gui.fake_worker import card
from tests.unit.sessions.made import made_run, made_session


@pytest.fixture(autouse=True)
def root(monkeypatch, tmp_path):
    """Journals in a folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return default_folder()


def messages(shell):
    return [message.text for message in shell.window.notifications.messages]


def settle(qtbot, shell):
    """Wait until nothing is being written or read."""
    model = shell.context.session
    model.keeping.sync()
    qtbot.waitUntil(lambda: not model.work.is_active and not model.busy, timeout=10_000)


def fake_session(folder, sha256="0" * 64):
    """Two runs of real networks, said to be of a model of the fake worker."""
    made = made_session(folder)
    runs = tuple(
        replace(
            run,
            origin={
                **run.origin,
                "checkpoint": {**run.origin["checkpoint"], "tensors_sha256": sha256},
            },
        )
        for run in made.runs
    )
    return replace(made, runs=runs, model=None)


# entries and runs ---------------------------------------------------------------------------


def test_a_run_becomes_an_entry_and_a_run_again(tmp_path):
    run = made_run(tmp_path, 3)
    entry = to_entry(run)
    assert entry.request == run.request
    assert entry.result.images is run.images
    assert entry.state is RunState.FINISHED
    assert entry.name == "run 3"
    again = to_run(entry)
    assert again.to_json() == run.to_json()
    assert again.recording == run.recording


# the journal --------------------------------------------------------------------------------


def test_nothing_is_written_before_there_is_something(shell, qtbot, root):
    shell.load()
    settle(qtbot, shell)
    assert not root.exists()


def test_an_ended_run_is_in_the_journal_and_gone_after_a_clean_end(shell, qtbot, root):
    shell.load()
    shell.run(steps=None)
    settle(qtbot, shell)
    folder = shell.context.session.keeping.journal.folder
    assert (folder / "runs" / "0001" / "run.json").is_file()
    assert (folder / "session.json").is_file()
    shell.window.close()
    assert list(root.iterdir()) == []


def test_a_deleted_run_leaves_the_journal(shell, qtbot):
    shell.load()
    shell.run()
    settle(qtbot, shell)
    shell.context.history.delete(1)
    settle(qtbot, shell)
    assert not (shell.context.session.keeping.journal.folder / "runs" / "0001").exists()


# saving and opening -------------------------------------------------------------------------


def test_a_session_is_saved_opened_and_shows_its_name(shell, make_shell, qtbot, tmp_path):
    shell.load()
    shell.context.sampler.set(seed=11, steps=4)
    shell.run()
    shell.context.history.set_note(1, "looks **good**")
    shell.context.session.set_note("# Today")
    shell.context.history.set_pinned(1, is_pinned=True)
    path = tmp_path / "my work.spikestudio"
    shell.window.sessions.save_to(str(path))
    settle(qtbot, shell)
    assert shell.window.windowTitle().startswith("my work – ")
    assert any("Saved my work.spikestudio" in text for text in messages(shell))
    shell.context.session.set_note("# Later")
    assert shell.window.windowTitle().startswith("my work* – ")
    first = shell.context.history.entries[0]

    other = make_shell()
    other.context.checkpoint.set_entries(list(shell.context.checkpoint.entries))
    other.window.sessions.open(path)
    settle(qtbot, other)
    (entry,) = other.context.history.entries
    assert (entry.note, entry.is_pinned, entry.number) == ("looks **good**", True, 1)
    assert other.context.session.note == "# Today"
    assert not other.context.session.is_unsaved
    assert np.array_equal(entry.images, first.images)
    assert np.array_equal(entry.rates, first.rates)
    assert entry.request == first.request
    assert other.window.windowTitle().startswith("my work – ")
    shell.context.session._saved_revision = shell.context.session._revision


def test_the_recording_of_a_saved_run_can_be_looked_at_again(shell, qtbot, tmp_path):
    path = tmp_path / "x.spikestudio"
    save_session(path, fake_session(tmp_path / "runs"))
    shell.window.sessions.open(path)
    settle(qtbot, shell)
    run, history = shell.context.run, shell.context.history
    entry = history.entry(2)
    assert run.recording is not None  # the run that was shown is shown again, where it was
    assert history.shown is entry
    assert run.selection.image == 1
    assert not shell.context.timeline.is_live
    assert shell.context.timeline.cursor.step == 1
    assert shell.window.windowTitle() == "x – Run 2, not live – SpikeStudio"
    assert history.cannot_look(history.entry(1)) == ""
    history.look(1)
    settle(qtbot, shell)
    assert history.shown is history.entry(1)
    original = fake_session(tmp_path / "again").runs[0]
    assert np.array_equal(run.recorder.rates(), original.rates)
    assert np.array_equal(run.result.images, original.images)


def test_a_recording_that_was_let_go_comes_from_the_journal(shell, qtbot, tmp_path):
    path = tmp_path / "x.spikestudio"
    save_session(path, fake_session(tmp_path / "runs"))
    shell.window.sessions.open(path)
    settle(qtbot, shell)
    entry = shell.context.history.entry(2)
    entry.ended = None
    assert shell.context.history.cannot_look(entry) == ""
    shell.context.history.look(2)
    settle(qtbot, shell)
    assert entry.ended is not None


def test_a_session_that_cannot_be_opened_changes_nothing(shell, qtbot, tmp_path, root):
    shell.load()
    shell.run()
    shell.context.session._saved_revision = shell.context.session._revision
    path = tmp_path / "bad.spikestudio"
    path.write_bytes(b"no zip at all")
    shell.window.sessions.open(path)
    settle(qtbot, shell)
    assert len(shell.context.history.entries) == 1
    assert any("bad.spikestudio cannot be opened" in text for text in messages(shell))
    assert shell.context.session.path is None


def test_a_session_is_not_opened_while_a_run_is_in_progress(shell, qtbot, tmp_path):
    path = tmp_path / "x.spikestudio"
    save_session(path, fake_session(tmp_path / "runs"))
    shell.load()
    shell.run(steps=2)
    shell.window.sessions.open(path)
    settle(qtbot, shell)
    assert any("A run is in progress" in text for text in messages(shell))
    assert shell.context.history.entries == []


def test_a_model_that_is_not_here_is_told_and_the_rest_opens(shell, qtbot, tmp_path):
    from spikestudio.sessions.document import Model

    session = fake_session(tmp_path / "runs")
    model = Model(name="my-model", path="/nowhere/my-model.safetensors", tensors_sha256="1" * 64)
    path = tmp_path / "x.spikestudio"
    save_session(path, replace(session, model=model))
    shell.load()
    shell.window.sessions.open(path)
    settle(qtbot, shell)
    assert len(shell.context.history.entries) == 2
    assert any("my-model of this session is not here" in text for text in messages(shell))


def test_the_settings_come_back_with_the_model(shell, qtbot, tmp_path):
    from spikestudio.sessions.document import Model

    sha256 = card("sdit").tensors_sha256
    model = Model(name="sdit-mnist", path="", tensors_sha256=sha256)
    path = tmp_path / "x.spikestudio"
    session = fake_session(tmp_path / "runs")
    save_session(path, replace(session, model=model, sampler=replace(session.sampler, seed=77)))
    shell.load("spiking-diffusion-mnist")
    shell.window.sessions.open(path)
    settle(qtbot, shell)
    shell.frame()
    assert shell.context.sampler.request.seed == 77
    assert shell.context.sampler.request.threshold == 0.95


# what is asked ------------------------------------------------------------------------------


def answer(qtbot, shell, button):
    qtbot.waitUntil(lambda: shell.window.sessions.question is not None)
    shell.window.sessions.question.button(button).click()


def test_unsaved_runs_are_not_replaced_without_a_word(shell, qtbot, tmp_path):
    path = tmp_path / "x.spikestudio"
    save_session(path, fake_session(tmp_path / "runs"))
    shell.load()
    shell.run()
    settle(qtbot, shell)
    shell.window.sessions.open(path)
    answer(qtbot, shell, QMessageBox.StandardButton.Cancel)
    settle(qtbot, shell)
    assert len(shell.context.history.entries) == 1
    shell.window.sessions.open(path)
    answer(qtbot, shell, QMessageBox.StandardButton.Discard)
    settle(qtbot, shell)
    assert [entry.key for entry in shell.context.history.entries] == [1, 2]


def test_a_window_without_a_session_closes_at_once(shell):
    shell.load()
    shell.run()
    assert shell.window.close()


def test_a_named_session_asks_before_it_closes(shell, qtbot, tmp_path):
    shell.load()
    shell.run()
    path = tmp_path / "x.spikestudio"
    shell.window.sessions.save_to(str(path))
    settle(qtbot, shell)
    shell.context.session.set_note("more")
    assert not shell.window.close()
    answer(qtbot, shell, QMessageBox.StandardButton.Save)
    qtbot.waitUntil(lambda: shell.context.is_closed, timeout=10_000)
    session, source = open_session(path)
    source.close()
    assert session.note == "more"


# after a crash ------------------------------------------------------------------------------


def left(root, tmp_path):
    """A journal as a window leaves it that was killed: a run that ended, and one cut off."""
    journal = Journal(root)
    journal.keep(made_run(tmp_path / "made"))
    place = journal.next_recording()
    made_run(tmp_path / "cut", seed=5).recording.replace(place)
    journal._held.release()
    return journal.folder


def test_what_was_left_by_a_crash_is_offered_and_recovered(shell, qtbot, root, tmp_path):
    folder = left(root, tmp_path)
    shell.context.session.look_for_abandoned()
    qtbot.waitUntil(lambda: shell.window.sessions.notice is not None)
    notice = shell.window.sessions.notice
    assert "The last session ended unexpectedly" in notice.label.text()
    assert "1 run, and one cut off after 3 of 3 steps" in notice.label.text()
    notice.recover.click()
    settle(qtbot, shell)
    first, cut = shell.context.history.entries
    assert (first.key, cut.key, cut.request.seed) == (1, 2, 5)
    assert cut.stored == folder / "runs" / "0002" / "run 2.h5"
    shell.context.history.look(2)
    settle(qtbot, shell)
    assert shell.context.run.recorder.path == cut.stored
    shell.context.history.delete(2)
    settle(qtbot, shell)
    assert shell.context.run.recorder.steps_done == 3  # what is shown of it stays on the screen
    assert shell.window.status.isVisible()
    assert shell.context.session.keeping.journal.folder == folder
    assert shell.context.session.is_unsaved
    assert abandoned(root) == []
    shell.window.close()
    assert not folder.exists()


@pytest.mark.parametrize(("code", "month"), [("en", "November"), ("es", "noviembre")])
def test_the_day_of_a_crash_is_written_in_the_language(shell, code, month):
    lost = SimpleNamespace(ended=datetime(2026, 11, 3, 14, 5).astimezone(), text="", leave=None)
    language.use(code)
    try:
        shell.window.sessions._on_found(lost)
    finally:
        language.use(language.ENGLISH)
    text = shell.window.sessions.notice.label.text()
    assert month in text
    assert "14:05" in text


def test_docks_that_are_arranged_do_not_cover_what_was_left_by_a_crash(shell, qtbot):
    lost = SimpleNamespace(ended=datetime(2026, 11, 3).astimezone(), text="", leave=None)
    shell.window.sessions._on_found(lost)
    notice = shell.window.sessions.notice
    for view_id in ("lesson", "image", "raster"):
        shell.window.docks.bring(view_id)
        qtbot.wait(50)
        edges = (notice.geometry().topLeft(), notice.geometry().center())
        for point in edges:
            found = shell.window.childAt(point)
            assert found is notice or notice.isAncestorOf(found)


def test_what_was_left_by_a_crash_can_be_discarded(shell, qtbot, root, tmp_path):
    folder = left(root, tmp_path)
    shell.context.session.look_for_abandoned()
    qtbot.waitUntil(lambda: shell.window.sessions.notice is not None)
    shell.window.sessions.notice.discard.click()
    settle(qtbot, shell)
    assert not folder.exists()
    assert shell.context.history.entries == []


def test_the_journal_of_another_window_is_not_offered(make_shell, qtbot, root, tmp_path):
    first = make_shell()
    first.context.session.keeping.journal.keep(made_run(tmp_path / "made"))
    second = make_shell()
    second.context.session.look_for_abandoned()
    settle(qtbot, second)
    assert second.window.sessions.notice is None
