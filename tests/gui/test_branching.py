from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikestudio.app import context
from spikestudio.app.viewmodels.branching import NO_RUN, NO_TOKENS, WAIT, BranchModel
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.recording.values import Parameters
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.edits import TokenEdit
from spikestudio.sampling.events import Failed
from spikestudio.sampling.mailbox import Mailbox
from spikestudio.sampling.request import SamplingRequest
from tests.gui.fake_worker import FakeWorker, entry, model_info
from tests.gui.fakes import FakeRecorder, FakeRun
from tests.unit.sampling.test_request import assert_one_sentence


class Recorder(FakeRecorder):
    """Knows its run, which had a threshold of 0.9 from the third step on."""

    def __init__(self, request, sha256, **source):
        super().__init__(num_steps=request.steps, snn_steps=request.snn_steps)
        self.origin = {
            "request": request.to_json(),
            "checkpoint": {"name": "tiny", "tensors_sha256": sha256},
            **source,
        }

    def parameters(self, step):
        return Parameters(1.0 if step < 2 else 0.9, 1.0) if step < self.steps_done else None


class Desk:
    """A run that can be branched from, and what is asked of the worker."""

    def __init__(self, architecture="sddpm"):
        self.run = RunModel()
        self.calls = []
        self.sampler = SamplerModel(self.run, self._sample)
        self.branching = BranchModel(self.run, self.sampler)
        self.said = []
        self.branching.refused.connect(lambda text: self.said.append(("refused", text)))
        self.branching.told.connect(lambda text: self.said.append(("told", text)))
        found = entry("tiny", architecture)
        self.sampler.set_model(model_info(found.path, found.card))
        self.sha256 = found.card.tensors_sha256
        self.is_tokens = architecture == "spiking-diffusion"

    def _sample(self, request, image, layer, branch=None, parent=None):
        self.calls.append((request, branch, parent))
        return RunControl()

    def start(self, steps=6, **changes):
        fake = FakeRun(self.run, FakeRecorder(num_steps=steps), tokens=self.is_tokens)
        fake.request = replace(fake.request, **changes)
        fake.recorder = Recorder(fake.request, self.sha256)
        return fake.start()

    def do(self, steps=6, **changes):
        return self.start(steps, **changes).step(steps).finish()


@pytest.fixture
def desk(qapp):
    return Desk()


def test_a_branch_has_the_sampler_s_parameters_and_its_parent_s_streams(desk):
    recorder = desk.do(seed=3, num=2).recorder
    desk.sampler.set(seed=8, num=5, threshold=0.7, steps=20)
    assert desk.branching.branch(recorder, 3)
    request, branch, parent = desk.calls[-1]
    assert parent is recorder
    assert branch == Branch.of(recorder, 3)
    assert request == SamplingRequest.from_json(recorder.origin["request"] | {"threshold": 0.7})
    assert desk.sampler.is_busy
    assert desk.said == [
        (
            "told",
            "Branched at step 4 with threshold 0.900 → 0.700; "
            "images (2), seed (3) and denoising steps (6) stay as in the parent.",
        )
    ]


def test_changes_count_more_than_the_sampler(desk):
    recorder = desk.do().recorder
    desk.sampler.set(threshold=0.7)
    desk.branching.branch(recorder, 0, {"threshold": 1.2, "seed": 99})
    request, branch, _ = desk.calls[-1]
    assert (request.threshold, request.seed, branch.step) == (1.2, 0, 0)
    assert desk.said[-1][1].endswith("; seed (0) and denoising steps (6) stay as in the parent.")


def test_without_a_difference_it_says_so(desk):
    recorder = desk.do(steps=6).recorder
    desk.sampler.set(**{name: getattr(desk.run.run.request, name) for name in ("num", "steps")})
    desk.branching.branch(recorder, 1)
    assert desk.said == [("told", "Branched at step 2 with the parameters of its parent.")]


def refused(desk, words):
    (kind, text), desk.said[:] = desk.said[-1], []
    assert kind == "refused"
    assert words in text
    assert_one_sentence(text)


def test_what_cannot_be_branched_says_why(desk):
    assert not desk.branching.branch(None, 0)
    refused(desk, NO_RUN)
    fake = desk.start()
    fake.step(2)
    assert not desk.branching.branch(fake.recorder, 1)
    refused(desk, WAIT.removesuffix("."))
    fake.step(1).finish()
    for step in (-1, 4):
        assert not desk.branching.branch(fake.recorder, step)
        refused(desk, "")
    assert not desk.branching.branch(fake.recorder, 1, {"threshold": -1.0})
    refused(desk, "threshold")
    fake.recorder.origin["checkpoint"]["tensors_sha256"] = "1" * 64
    assert not desk.branching.branch(fake.recorder, 1)
    refused(desk, "load tiny first")
    assert desk.calls == []
    assert not desk.branching.fill(np.zeros((2, 2), np.int32), np.ones((2, 2), bool))
    refused(desk, NO_TOKENS)


def test_a_second_branch_waits_for_the_first(desk):
    recorder = desk.do().recorder
    assert desk.branching.branch(recorder, 1)
    assert not desk.branching.branch(recorder, 1)
    refused(desk, "Wait until the run has ended")
    desk.run.take(Failed(run_id=0, message="It does not fit."))
    assert desk.branching.branch(recorder, 1)
    assert len(desk.calls) == 2


def test_given_tokens_begin_a_run_of_their_own(qapp):
    desk = Desk("spiking-diffusion")
    desk.sampler.set(num=9, seed=4)
    tokens = np.arange(49, dtype=np.int32).reshape(7, 7) % 32
    masked = np.zeros((7, 7), bool)
    masked[2:] = True
    assert desk.branching.fill(tokens, masked)
    request, branch, parent = desk.calls[-1]
    assert request == desk.sampler.request
    assert parent is None
    assert (branch.step, branch.past) == (0, None)
    (edit,) = branch.edits
    assert edit == TokenEdit(kind="paint", cells=tuple(range(14)), codes=tuple(range(14)))
    desk.run.take(Failed(run_id=0, message="x"))
    desk.branching.fill(np.stack([tokens] * 3), np.stack([masked] * 3), edit and [edit])
    request, branch, _ = desk.calls[-1]
    assert request.num == 3
    assert branch.edits[-1] == edit


def test_a_branch_reaches_the_worker(qtbot, tmp_path):
    mailbox = Mailbox()
    found = entry("spiking-diffusion-mnist", "spiking-diffusion")
    worker = FakeWorker(mailbox.publish, [found])
    made = context.create(tmp_path, worker, mailbox)
    made.checkpoint.load(Path(found.path))
    made.bridge.tick()
    made.sampler.set_model(made.checkpoint.model)
    branch = Branch(edits=[TokenEdit(kind="paint", cells=(0,), codes=(1,))])
    parent = object()
    made.sampler.sample_branch(made.sampler.request, branch, parent)
    assert worker.branches == [(branch, parent)]
    worker.start()
    while worker.advance():
        pass
    made.bridge.tick()
    made.sampler.sample()
    assert worker.branches[-1] == (None, None)
    made.close()
