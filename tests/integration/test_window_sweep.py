"""A sweep that the window starts as a process of its own: it runs, is cancelled and resumed."""

from __future__ import annotations

import numpy as np
import pytest

from spikestudio.app import context
from spikestudio.app.viewmodels.sweep_texts import AxisText
from spikestudio.app.viewmodels.sweeps import SweepModel
from spikestudio.sweeps import Models, SweepFolder, run_sweep
from tests.tiny import save_tiny

WAIT_MS = 90_000


@pytest.fixture
def parts(qapp, tmp_path):
    made = context.create(tmp_path / "config")
    made.checkpoint.loaded.connect(lambda: made.sampler.set_model(made.checkpoint.model))
    made.bridge.wake()
    made.checkpoint.load(save_tiny(tmp_path / "tiny.safetensors", "sddpm"))
    yield made
    made.close()


def test_a_sweep_runs_beside_the_window(qtbot, parts, tmp_path):
    qtbot.waitUntil(lambda: parts.sampler.can_sample, timeout=WAIT_MS)
    parts.sampler.set(steps=4, threshold=0.95)
    sweep = SweepModel(parts.sampler, parts.jobs.submit, parent_folder=tmp_path / "sweeps")
    sweep.form.set_num(2)
    sweep.form.set_axes((AxisText("snn-steps", "2,3"), AxisText("seed", "0-2")))
    sweep.form.check(then=sweep.start)
    qtbot.waitUntil(lambda: sweep.state == "starting", timeout=WAIT_MS)
    parts.sampler.sample()  # at the same time
    qtbot.waitUntil(lambda: sweep.state == "ended", timeout=WAIT_MS)
    assert sweep.failure == ""
    assert len(sweep.results) == 6
    assert (sweep.out / "index.html").is_file()
    assert {cell.request.threshold for cell in sweep.plan.cells} == {0.95}
    assert sweep.form.folder.parent == tmp_path / "sweeps"

    list(run_sweep(sweep.plan, tmp_path / "here", models=Models()))
    here = SweepFolder(tmp_path / "here", sweep.plan)
    for cell in sweep.plan.cells:
        assert np.array_equal(sweep.results[cell.index].images, here.images(cell))


def test_a_cancelled_sweep_keeps_its_cells_and_is_opened_again(qtbot, parts, tmp_path):
    qtbot.waitUntil(lambda: parts.sampler.can_sample, timeout=WAIT_MS)
    sweep = SweepModel(parts.sampler, parts.jobs.submit, parent_folder=tmp_path / "sweeps")
    sweep.form.set_axes((AxisText("seed", "0-199"),))
    sweep.form.check(then=sweep.start)
    qtbot.waitUntil(lambda: len(sweep.results) > 1, timeout=WAIT_MS)
    sweep.cancel()
    qtbot.waitUntil(lambda: sweep.state == "ended", timeout=WAIT_MS)
    done = len(sweep.results)
    assert 1 < done < 200
    assert sweep.failure == ""
    again = SweepModel(parts.sampler, parts.jobs.submit, parent_folder=tmp_path / "sweeps")
    refused = []
    again.open(sweep.out, refused.append)
    qtbot.waitUntil(lambda: len(again.results) == done, timeout=WAIT_MS)
    assert not refused
    assert again.can_resume
    again.resume()
    qtbot.waitUntil(lambda: len(again.results) > done, timeout=WAIT_MS)
    again.cancel()
    qtbot.waitUntil(lambda: again.state == "ended", timeout=WAIT_MS)
