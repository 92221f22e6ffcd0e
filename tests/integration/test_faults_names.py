"""Names that the application makes: two processes that find the same one free do not both get it."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from spikestudio.errors import ExportError
from spikestudio.recording.hdf5 import RecordingWriter, open_recording
from spikestudio.sweeps.folder import SweepFolder, read_manifest
from spikestudio.training.log import HEADER, trim_log
from tests.integration import writers
from tests.unit.export.recordings import ORIGIN
from tests.unit.sweeps.test_sheet import make_plan


def record(path: Path, *, is_new: bool) -> None:
    writer = RecordingWriter(
        path,
        writers._plain_run(),
        states={"x_t": (2, 1, 8, 8), "x0_hat": (2, 1, 8, 8)},
        provenance=ORIGIN,
        is_new=is_new,
    )
    writer.close(ORIGIN)


def test_a_recording_with_a_name_of_its_own_replaces_no_other(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    record(path, is_new=True)
    before = path.read_bytes()
    with pytest.raises(ExportError, match="by now"):
        record(path, is_new=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    record(path, is_new=False)  # a name that the user gave
    open_recording(path).close()


def _prepare(folder: str, length: int, barrier: Barrier) -> None:
    files = SweepFolder(folder, make_plan(length))
    barrier.wait(60)
    try:
        files.prepare()
    except ExportError as error:
        raise SystemExit(3 if "another sweep" in str(error) else 4) from error


def test_of_two_sweeps_that_begin_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    both = [
        context.Process(target=_prepare, args=(str(tmp_path / "sweep"), length, barrier))
        for length in (2, 3)
    ]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    ends = [each.exitcode for each in both]
    assert sorted(ends) == [0, 3]
    plan = make_plan((2, 3)[ends.index(0)])
    assert len(read_manifest(tmp_path / "sweep")["cells"]) == len(plan.cells)
    SweepFolder(tmp_path / "sweep", plan).prepare()


@pytest.mark.parametrize("half", ["s,3", "s,3,loss,0.", "s", "s,x,loss,0.5\n", "\0\n"])
def test_half_a_row_of_a_killed_training_is_dropped(tmp_path: Path, half: str) -> None:
    path = tmp_path / "log.csv"
    head = ",".join(HEADER)
    path.write_text(f"{head}\ns,1,loss,0.5\ns,2,loss,0.4\n{half}", encoding="utf-8")
    trim_log(path, ["s"], 5)
    assert path.read_text(encoding="utf-8") == f"{head}\ns,1,loss,0.5\ns,2,loss,0.4\n"
