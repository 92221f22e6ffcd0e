"""The command of a sweep does the same sweep, and a folder tells which one it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from spikestudio.cli.main import app
from spikestudio.errors import ConfigError, ExportError
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sweeps import (
    CellStarted,
    Models,
    SweepCancelled,
    SweepFolder,
    parse_axes,
    plan_sweep,
)
from spikestudio.sweeps.command import command, given, read_sweep
from spikestudio.sweeps.run import run_sweep
from spikestudio.sweeps.signals import ask_skip, ask_stop, read_progress
from tests.tiny import save_tiny


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "tiny.safetensors", "sddpm")


@pytest.mark.parametrize("overrides", [[], [{"layer": "*", "kind": "silence"}]])
def test_the_command_does_the_sweep_that_was_planned(
    model: Path, tmp_path: Path, overrides: list[dict[str, object]]
) -> None:
    models, out = Models(), tmp_path / "out"
    axes = parse_axes(["threshold=0.9-1.1(+0.1)", "seed=0-1"])
    request = SamplingRequest(num=2, steps=3, snn_steps=2, clip_x0=False, overrides=overrides)  # type: ignore[arg-type]
    fixed = given(request, models.at(model).defaults(), axes)
    plan = plan_sweep(model, axes, fixed, models)
    arguments = command(model, axes, fixed, out, device="cpu", overrides=tmp_path / "o.json")
    done = CliRunner().invoke(app, arguments[arguments.index("sweep") :], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    files = SweepFolder(out, plan)
    files.check()
    assert all(files.outcome(cell) is not None for cell in plan.cells)
    file, again, found = read_sweep(out, models, [model])
    assert (file, again.to_json(), found) == (model, plan.to_json(), fixed)


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="holds no sweep"):
        read_sweep(tmp_path, Models())


def test_a_request_of_later_images_cannot_be_swept(model: Path) -> None:
    axes = parse_axes(["seed=0,1"])
    with pytest.raises(ConfigError, match="begins with image 1"):
        given(SamplingRequest(first_image=3), Models().at(model).defaults(), axes)


def test_a_sweep_says_what_it_does_and_heeds_what_it_is_asked(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan = plan_sweep(model, parse_axes(["seed=0-3"]), {"num": 2, "steps": 3}, Models())
    seen, last = [], None
    for last in run_sweep(plan, out):
        if isinstance(last, CellStarted):
            progress = read_progress(out)
            assert progress is not None
            assert progress.is_fresh
            seen.append((progress.cell, progress.step, progress.num_steps))
            if last.cell.index == 1:
                ask_skip(out, 1)
            if last.cell.index == 2:
                ask_skip(out, 3)  # not the one being done
                ask_stop(out)
    assert seen == [(0, 0, 3), (1, 0, 3), (2, 0, 3)]
    assert last == SweepCancelled(num_done=1, num_failed=0, num_open=3)
    assert read_progress(out) is None
    *_, last = run_sweep(plan, out)  # nothing of it is left
    assert last.num_done == 4  # type: ignore[union-attr]
