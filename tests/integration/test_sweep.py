"""Sweeps as a whole: what is written, and what is left when a process ends in the middle."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import spikestudio as ss
from spikestudio import language
from spikestudio.checkpoints.safetensors_io import save
from spikestudio.cli.main import app
from spikestudio.errors import ConfigError, ExportError, SamplingError
from spikestudio.paths import resource
from spikestudio.sweeps import (
    CellFinished,
    CellSkipped,
    CellStarted,
    Models,
    Share,
    SweepCancelled,
    SweepControl,
    SweepFinished,
    SweepFolder,
    SweepPlan,
    parse_axes,
    plan_sweep,
    run_sweep,
)
from spikestudio.sweeps.outputs import write_outputs
from spikestudio.sweeps.sheet import SHEET_CHUNK
from tests.tiny import save_tiny, tiny_model

AXES = ("--axis", "threshold=0.9-1.1(+0.1)", "--axis", "snn-steps=2,3")
OPTIONS = ("--num", "2", "--steps", "3")
# Slow enough that a process can be met in the middle of a cell; says what it writes.
SLOW = """
import os, time
from spikestudio.neurons.nodes import IFNode
from spikestudio.sweeps.folder import SweepFolder
original, write = IFNode.multi_step_forward, SweepFolder.write
def slow(self, x):
    time.sleep(0.004)
    return original(self, x)
def logged(self, cell, *rest):
    write(self, cell, *rest)
    with open(os.environ["LOG"], "a") as log:
        log.write(f"{cell.index}\\n")
IFNode.multi_step_forward, SweepFolder.write = slow, logged
from spikestudio.cli.main import main
main()
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(save_tiny(tmp_path / "tiny.safetensors", "sddpm"))


def sweep(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["sweep", *arguments], catch_exceptions=False)


def start(model: str, out: Path, log: Path, axes: Sequence[str] = AXES, **env: str) -> Any:
    """A slow process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, "sweep", model, *axes, *OPTIONS, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"LOG": str(log), "OMP_NUM_THREADS": "1"} | env,
    )


def wait_for_cells(process: Any, out: Path, num: int) -> None:
    deadline = time.monotonic() + 90
    while len(list(out.glob("cells/*.json"))) < num:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def plan_of(model: str, *axes: str, **given: Any) -> SweepPlan:
    texts = parse_axes(axes or ["threshold=0.9,1.0"])
    return plan_sweep(model, texts, {"num": 2, "steps": 2} | given, Models())


def arrays(out: Path) -> list[np.ndarray]:
    return [np.load(path)["arr_0"] for path in sorted(out.glob("cells/*.npz"))]


def times(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in out.glob("cells/*")}


def test_every_cell_has_the_pixels_of_its_request_and_carries_it(
    model: str, tmp_path: Path
) -> None:
    done = sweep(model, *AXES, *OPTIONS, "--seed", "7", "--out", str(tmp_path / "out"))
    assert (done.exit_code, done.stdout[:13]) == (0, "Wrote 6 cells")
    assert re.match(r"6 cells; time about \d+ s \(estimated from measured steps\)", done.stderr)
    loaded = ss.load(model)
    manifest = json.loads((tmp_path / "out" / "sweep.json").read_text())
    jsonschema.validate(manifest, json.loads(resource("schemas", "sweep.json").read_text()))
    expected = [(t, v) for t in (2, 3) for v in (0.9, 1.0, 1.1)]
    for k, (cell, (snn_steps, threshold)) in enumerate(
        zip(manifest["cells"], expected, strict=True)
    ):
        run = ss.sample(loaded, num=2, steps=3, seed=7, snn_steps=snn_steps, threshold=threshold)
        list(run)
        assert run.result is not None
        assert cell["request"] == run.request.to_json()
        with np.load(tmp_path / "out" / "cells" / f"{k:04}.npz") as npz:
            assert np.array_equal(npz["arr_0"], run.result.images)
            origin = json.loads(str(npz["spikestudio"]))
        with Image.open(tmp_path / "out" / "cells" / f"{k:04}.png") as picture:
            assert json.loads(picture.text["spikestudio"]) == origin
        assert origin["request"] == cell["request"]
        measured = json.loads((tmp_path / "out" / "cells" / f"{k:04}.json").read_text())
        activity = run.recorder.activity()
        chances = activity.neurons.sum() * snn_steps
        assert measured["mean_rate"] == pytest.approx(activity.spikes.sum() / chances)
        assert measured["synaptic_operations"] == activity.additions.sum() / 2
    assert len({array.tobytes() for array in arrays(tmp_path / "out")}) == 6


def test_table_sheet_and_page_cover_all_cells(model: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = sweep(model, *AXES, *OPTIONS, "--judge", "mnist", "--out", str(out), "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert (summary["done"], summary["failed"], summary["open"], summary["resumed"]) == (6, 0, 0, 0)
    with (out / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["snn-steps"], row["threshold"]) for row in rows] == [
        (t, v) for t in ("2", "3") for v in ("0.9", "1.0", "1.1")
    ]
    images = arrays(out)
    reference = int(rows[0]["reference_cell"])
    assert (rows[reference]["threshold"], rows[reference]["snn-steps"]) == ("1.0", "3")
    for row, mine, given in zip(rows, images, summary["rows"], strict=True):
        gap = np.abs(mine.astype(float) - images[reference]).mean() / 255
        assert float(row["difference"]) == pytest.approx(gap)
        assert float(row["difference_low"]) <= gap <= float(row["difference_high"])
        assert 0.1 <= float(row["judge_confidence"]) <= 1
        assert float(row["mean_firing_rate"]) == given["mean_firing_rate"]
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    assert "http" not in page.replace("http-equiv", "")
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    data = re.search(r'<script type="application/json" id="cells">(.*?)</script>', page, re.S)
    assert data is not None
    assert json.loads(data[1]) == json.loads((out / "sweep.json").read_text())["cells"]
    with Image.open(out / "sheet.png") as sheet:
        assert json.loads(sheet.text[SHEET_CHUNK])["cells"] == json.loads(data[1])


def test_names_are_escaped_on_the_page(tmp_path: Path) -> None:
    odd = save_tiny(tmp_path / "a<b>&'$x.safetensors", "sddpm")
    done = sweep(str(odd), "--axis", "seed=0,1", *OPTIONS, "--out", str(tmp_path / "out"))
    assert done.exit_code == 0
    page = (tmp_path / "out" / "index.html").read_text()
    assert "a<b>" not in page
    assert "a&lt;b&gt;&amp;&#x27;$x" in page


def test_the_same_command_resumes_and_leaves_finished_cells_alone(
    model: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = (model, *AXES, *OPTIONS, "--out", str(out))
    assert sweep(*command).exit_code == 0
    before, pixels = times(out), arrays(out)
    (out / "cells" / "0001.json").unlink()
    (out / "cells" / "0003.npz").write_bytes((out / "cells" / "0003.npz").read_bytes()[:100])
    (out / "cells" / "0004.json").write_text("{")
    done = sweep(*command, "--json")
    assert json.loads(done.stdout)["resumed"] == 3
    after = times(out)
    changed = {name[:4] for name in before if before[name] != after[name]}
    assert changed == {"0001", "0003", "0004"}
    assert all(np.array_equal(a, b) for a, b in zip(pixels, arrays(out), strict=True))


def test_another_command_into_the_folder_is_refused_in_one_sentence(
    model: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert sweep(model, *AXES, *OPTIONS, "--out", str(out)).exit_code == 0
    before = times(out)
    for changed in (("--seed", "1"), ("--axis", "seed=1,2"), ("--num", "3")):
        done = sweep(model, *AXES, *OPTIONS, *changed, "--out", str(out))
        assert done.exit_code == 1
        assert "holds another sweep (axes threshold, snn-steps; 6 cells)" in done.stderr
        assert done.stderr.count("\n") == 1
    assert times(out) == before


@pytest.mark.parametrize("content", ["other", "broken", "newer"])
def test_a_folder_that_is_no_such_sweep_is_refused(
    model: str, tmp_path: Path, content: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    if content == "other":
        (out / "thesis.txt").write_text("mine")
    else:
        text = "{" if content == "broken" else '{"schema_version": 2, "kind": "sweep"}'
        (out / "sweep.json").write_text(text)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    done = sweep(model, *AXES, *OPTIONS, "--out", str(out))
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_process_loses_the_cell_it_was_at_and_no_more(model: str, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    process = start(model, out, log)
    wait_for_cells(process, out, 2)
    process.kill()
    process.communicate()
    finished = sorted(path.stem for path in out.glob("cells/*.json"))
    assert 2 <= len(finished) < 6
    assert finished == [f"{k:04}" for k in range(len(finished))]
    assert not (out / "index.html").exists()
    before = {name: at for name, at in times(out).items() if name[:4] in finished}
    done = sweep(model, *AXES, *OPTIONS, "--out", str(out), "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["resumed"] == len(finished)
    assert {name: at for name, at in times(out).items() if name in before} == before
    assert sweep(model, *AXES, *OPTIONS, "--out", str(tmp_path / "whole")).exit_code == 0
    pairs = zip(arrays(out), arrays(tmp_path / "whole"), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.skipif(sys.platform == "win32", reason="a signal cannot be sent like that there")
def test_ctrl_c_keeps_finished_cells_and_writes_what_there_is(model: str, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    process = start(model, out, log)
    wait_for_cells(process, out, 1)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    num = len(list(out.glob("cells/*.json")))
    assert 1 <= num < 6
    assert f"Cancelled after {num} of 6 cells; they are in {out}" in said
    with (out / "table.csv").open(newline="") as file:
        states = [row["state"] for row in csv.DictReader(file)]
    assert states == ["done"] * num + ["open"] * (6 - num)
    assert (out / "index.html").read_text().count("data:image/png") == num


def test_two_processes_share_the_cells_without_overlap(model: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    processes = [
        start(model, out, tmp_path / f"log{rank}", RANK=str(rank), WORLD_SIZE="2")
        for rank in (0, 1)
    ]
    results = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], results
    done = [
        [int(line) for line in (tmp_path / f"log{rank}").read_text().split()] for rank in (0, 1)
    ]
    assert done == [[0, 2, 4], [1, 3, 5]]
    assert results[1][0] == ""  # only the first one reports
    assert results[0][0].startswith("Wrote 6 cells")
    with (out / "table.csv").open(newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["done"] * 6
    assert sweep(model, *AXES, *OPTIONS, "--out", str(tmp_path / "alone")).exit_code == 0
    pairs = zip(arrays(out), arrays(tmp_path / "alone"), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_the_first_process_does_not_wait_for_ever(model: str, tmp_path: Path) -> None:
    share = Share(rank=0, size=2)
    events = run_sweep(plan_of(model), tmp_path / "out", share=share, patience=0.3)
    with pytest.raises(SamplingError, match=r"of other processes are missing \(1\)"):
        list(events)


@pytest.mark.parametrize("rank", ["2", "-1", "one"])
def test_an_environment_that_makes_no_sense_is_refused(rank: str) -> None:
    with pytest.raises(ConfigError, match="torchrun"):
        Share.of_environment({"RANK": rank, "WORLD_SIZE": "2"})


def test_a_cell_that_breaks_down_is_told_and_the_others_are_done(
    model: str, tmp_path: Path
) -> None:
    broken = tiny_model("sddpm")
    state = {k: v.clone() for k, v in broken.network.state_dict().items()}
    state["tail_conv.weight"].fill_(3e38)
    state["tail_conv.bias"].fill_(3e38)
    save(tmp_path / "broken.safetensors", state, broken.card)
    axis = ("--axis", f"checkpoint={tmp_path / 'broken.safetensors'},{model}")
    done = sweep(model, *axis, *OPTIONS, "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "1 of 2 cells failed: The network gave NaN or infinity" in done.stderr
    with (tmp_path / "out" / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["checkpoint"], row["state"]) for row in rows] == [
        ("broken", "failed"),
        ("tiny", "done"),
    ]
    assert "NaN" in rows[0]["error"]
    page = (tmp_path / "out" / "index.html").read_text()
    assert ">failed<" in page
    assert page.count("data:image/png") == 1


def test_a_long_sweep_asks_on_a_terminal_only(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikestudio.sweeps.forecast.LONG", 0.0)
    command = (model, "--axis", "seed=0,1", *OPTIONS, "--out", str(tmp_path / "out"))
    monkeypatch.setattr("spikestudio.cli.sweep._is_terminal", lambda: True)
    done = sweep(*command)
    assert done.exit_code == 1
    assert "add --yes to begin" in done.stderr
    assert list(tmp_path.glob("out/cells/*")) == []
    assert sweep(*command, "--yes").exit_code == 0
    monkeypatch.setattr("spikestudio.cli.sweep._is_terminal", lambda: False)
    done = sweep(*command)
    assert done.exit_code == 0
    assert "2 cells, all done already" in done.stderr
    (tmp_path / "out" / "cells" / "0001.json").unlink()
    done = sweep(*command, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["resumed"] == 1
    assert "2 cells, 1 of them still to do; time about" in done.stderr
    assert "that is more than" in done.stderr


def test_events_come_in_order_and_the_images_with_them(model: str, tmp_path: Path) -> None:
    plan = plan_of(model)
    events = list(run_sweep(plan, tmp_path / "out"))
    kinds = [type(event).__name__ for event in events]
    one = ["CellStarted", "CellProgressed", "CellProgressed", "CellFinished"]
    assert kinds == ["SweepStarted", *one, *one, "SweepFinished"]
    finished = [event for event in events if isinstance(event, CellFinished)]
    folder = SweepFolder(tmp_path / "out", plan)
    for event in finished:
        assert np.array_equal(event.images, folder.images(event.cell))
        assert folder.outcome(event.cell) == event.outcome
    assert events[-1] == SweepFinished(num_done=2, num_failed=0, num_open=0)


def test_what_is_written_is_english_in_every_language(model: str, tmp_path: Path) -> None:
    written = {}
    code = language.current()
    plan = plan_of(model)
    for _ in run_sweep(plan, tmp_path / "out"):
        pass
    for each in ("en", "es"):
        language.use(each)
        try:
            write_outputs(SweepFolder(tmp_path / "out", plan))
            written[each] = [
                (tmp_path / "out" / name).read_bytes()
                for name in ("index.html", "sheet.png", "table.csv")
            ]
        finally:
            language.use(code)
    assert written["es"] == written["en"]


def test_a_skipped_cell_stays_open_and_cancel_ends_the_sweep(model: str, tmp_path: Path) -> None:
    plan = plan_of(model, "seed=0-3")
    control = SweepControl()
    events = []
    for event in run_sweep(plan, tmp_path / "out", control=control):
        events.append(event)
        if isinstance(event, CellStarted) and event.cell.index == 1:
            control.skip()
        if isinstance(event, CellStarted) and event.cell.index == 3:
            control.cancel()
    skipped = [event.cell.index for event in events if isinstance(event, CellSkipped)]
    assert skipped == [1]
    assert events[-1] == SweepCancelled(num_done=2, num_failed=0, num_open=2)
    *_, last = run_sweep(plan, tmp_path / "out")
    assert last == SweepFinished(num_done=4, num_failed=0, num_open=0)


def test_a_checkpoint_that_changes_meanwhile_is_noticed(model: str, tmp_path: Path) -> None:
    plan = plan_of(model)
    save_tiny(Path(model), "sddpm", base_channels=4)
    with pytest.raises(ConfigError, match="has changed"):
        list(run_sweep(plan, tmp_path / "out"))


def test_an_output_that_is_a_file_is_refused(model: str, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ExportError, match="it is a file"):
        list(run_sweep(plan_of(model), tmp_path / "out"))


def test_importing_sweeps_needs_neither_torch_nor_qt() -> None:
    code = (
        "import sys, spikestudio.sweeps\n"
        "assert not {'torch', 'matplotlib', 'scipy', 'PySide6'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
