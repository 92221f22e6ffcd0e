import numpy as np
import pytest

from spikestudio import paths
from spikestudio.app.viewmodels.history import LET_GO
from spikestudio.app.viewmodels.playback import open_playback
from spikestudio.app.viewmodels.run import RunState
from spikestudio.sampling.branch import Branch, Past
from spikestudio.sampling.events import Failed
from tests.gui.session import Session


@pytest.fixture
def session(qapp):
    return Session()


def test_every_run_that_ends_is_taken_with_what_it_left(session):
    finished = session.sample(seed=3, changed_at=2)
    stopped = session.sample(seed=4, done=2, end="cancelled")
    failed = session.sample(seed=5, done=1, end="failed")
    assert session.history.entries == [finished, stopped, failed]
    assert [e.state for e in session.history.entries] == [
        RunState.FINISHED,
        RunState.CANCELLED,
        RunState.FAILED,
    ]
    assert finished.request.seed == 3
    assert [change.step for change in finished.changes] == [2]
    assert np.isfinite(finished.rates).all()
    assert np.array_equal(finished.thumbnail, finished.result.images[:4])
    assert (stopped.outcome, stopped.steps_done) == ("stopped after 2 of 4 steps", 2)
    assert failed.failure == "The network gave NaN at denoising step 3."
    assert failed.result is None
    assert np.array_equal(failed.thumbnail, session.run.preview.x0_hat[:4])
    assert len({each.key for each in session.history.entries}) == 3


def test_a_failure_before_a_run_began_adds_nothing(session):
    first = session.sample()
    session.run.take(Failed(run_id=0, message="No model is loaded: choose one first."))
    assert session.history.entries == [first]
    assert first.state is RunState.FINISHED


def test_a_run_is_compared_with_the_one_before_it(session):
    session.sample()
    second = session.sample(threshold=0.997, seed=3)
    texts = [each.text for each in session.history.changes(second)]
    assert texts == ["seed 0 → 3", "threshold 1.000 → 0.997"]


def test_a_duplicate_is_compared_with_its_parent(session):
    first = session.sample(seed=1)
    session.sample(seed=2)
    session.history.duplicate(first.key)
    assert session.sampler.request == first.request
    third = session.sample(seed=1, threshold=0.95)
    assert third.parent == first.key
    assert [each.name for each in session.history.changes(third)] == ["threshold"]
    assert session.sample(seed=9).parent is None, "only the next run is made from it"


def test_a_branch_knows_its_parent_and_step(session):
    first = session.sample(seed=1)
    session.sample(seed=2)
    past = Past(request=first.request, checkpoint="tiny", tensors_sha256=session.sha256)
    branched = session.sample(seed=1, threshold=0.9, branch=Branch(step=2, past=past))
    assert branched.parent == first.key
    assert branched.branch.step == 2


def test_the_oldest_recordings_go_first_and_the_rest_of_the_run_stays(session):
    session.budget_mb = 105  # two recorders of 100 MiB each, with some pictures
    runs = [session.sample(seed=k) for k in range(4)]
    assert [run.recorder is not None for run in runs] == [False, False, True, True]
    assert session.history.bytes_used <= session.history.budget_bytes == 2 * 105 * 2**20
    assert runs[0].images is not None
    assert np.isfinite(runs[0].rates).all()
    assert "images" in LET_GO
    assert "let go" in session.history.cannot_look(runs[0])
    assert "let go" in session.history.cannot_branch(runs[0])


def test_a_recording_that_is_kept_goes_after_the_others(session):
    session.budget_mb = 105
    first = session.sample(seed=0)
    session.comparison.mark("a", first.key)
    session.history.set_pinned(first.key, is_pinned=True)
    runs = [session.sample(seed=k) for k in (1, 2, 3)]
    assert first.recorder is not None
    assert [run.recorder is not None for run in runs] == [False, False, True]


def test_recordings_that_are_compared_go_after_the_others(session):
    session.budget_mb = 155
    runs = [session.sample(seed=k) for k in range(2)]
    session.comparison.mark("a", runs[0].key)
    session.comparison.mark("b", runs[1].key)
    runs += [session.sample(seed=k) for k in range(2, 4)]
    assert [run.recorder is not None for run in runs] == [True, True, False, True]


def test_the_recording_that_is_shown_stays_whatever_the_budget(session):
    session.budget_mb = 10
    first = session.sample(seed=0)
    assert first.recorder is session.run.recorder
    session.sample(seed=1)
    assert first.recorder is None


def test_looking_again_hands_over_everything_the_docks_show(qtbot, session):
    first = session.sample(seed=0, changed_at=1)
    recorder, preview = session.run.recorder, session.run.preview
    session.sample(seed=1)
    with qtbot.waitSignal(session.history.lookRequested) as caught:
        session.history.look(first.key)
    (ended,) = caught.args
    assert ended.run.recorder is recorder
    assert ended.preview is preview
    assert ended.step.step == 3
    assert (ended.state, ended.result) == (RunState.FINISHED, first.result)
    assert [change.step for change in ended.changes] == [1]


def test_only_what_can_be_done_is_offered(session):
    first = session.sample(seed=0)
    other = session.sample(seed=1, sha256="1" * 64)
    history = session.history
    assert history.cannot_look(other) == "This run is shown."
    assert not history.cannot_look(first)
    assert "tiny" in history.cannot_duplicate(other)
    assert "Look at this run first" in history.cannot_branch(first)
    session.sampler.sample()
    assert history.cannot_look(first) == history.cannot_duplicate(first) != ""


def test_a_branch_is_asked_for_at_a_step_that_was_done(qtbot, session):
    shown = session.sample(done=3, end="cancelled")
    with qtbot.waitSignal(session.history.branchRequested) as caught:
        session.history.branch(shown.key, 17)
    assert caught.args == [shown.key, 2]


def test_deleting_forgets_the_run(session):
    first, second = session.sample(seed=0), session.sample(seed=1)
    session.history.delete(first.key)
    assert session.history.entries == [second]
    assert session.history.origin(second) is None


@pytest.fixture
def opened(session, qapp):
    """Show a recording of this repository, as the file menu does."""

    def show(name="sddpm-mnist"):
        playback = open_playback(paths.bundled_recordings() / f"{name}.h5")
        session.run.show(playback)
        return session.history.entries[-1]

    return show


def test_a_recording_that_is_opened_is_listed_and_closed_with_the_next_run(session, opened):
    recording = opened()
    assert recording.file_name == "sddpm-mnist.h5"
    assert recording.recorder is session.run.recorder
    first = session.sample()
    assert recording.recorder is None
    assert "open" in session.history.cannot_look(recording)
    assert first.name == "run 1"
    assert session.history.origin(first) is None
    assert session.comparison.a is first, "the last runs of this session are compared"


def test_a_recording_opened_twice_is_listed_once(session, opened):
    opened()
    again = opened()
    assert session.history.entries == [again]


def test_a_recording_that_is_compared_stays_open(session, opened):
    recording = opened()
    session.comparison.mark("a", recording.key)
    session.sample()
    assert recording.recorder is not None
    session.comparison.follow_last()
    session.sample(seed=1)
    assert recording.recorder is None
