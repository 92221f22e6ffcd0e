"""Every writer of the project, as data: functions that make version 1 or 2 of their files."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Writer:
    """``write(folder, version)`` makes version 1 or 2 of the same files.

    ``is_quiet``: what it writes can be done without, so it says nothing when it cannot. ``in_parts``:
    it writes several files, each of them as a whole. ``appends``: its file grows, and what was in it
    stays. ``read``: raises unless the files are whole, where version 2 is not the same bits twice.
    ``own_words``: it does not say "disk is full".
    """

    write: Callable[[Path, int], object]
    is_quiet: bool = False
    in_parts: bool = False
    appends: bool = False
    read: Callable[[Path], object] | None = None
    own_words: bool = False


def _origin(version: int) -> dict[str, Any]:
    from tests.unit.export.recordings import ORIGIN

    return {**ORIGIN, "note": f"version {version} " + "x" * 300 * version}


def _images(version: int) -> Any:
    return np.random.default_rng(version).integers(0, 256, (2 + version, 12, 12, 1), np.uint8)


@cache
def _known() -> Any:
    from tests.unit.export.recordings import Known

    return Known()


def _grid(folder: Path, version: int) -> None:
    from spikestudio.export.images import save_grid

    save_grid(folder / "a.png", _images(version), _origin(version))


def _npz(folder: Path, version: int) -> None:
    from spikestudio.export.images import save_npz

    save_npz(folder / "a.npz", _images(version), _origin(version))


def _singles(folder: Path, version: int) -> None:
    from spikestudio.export.images import save_folder

    save_folder(folder / "singles", _images(version), _origin(version))


def _picture(suffix: str, length: int = 0) -> Callable[[Path, int], None]:
    def write(folder: Path, version: int) -> None:
        from spikestudio.export.images import grid
        from spikestudio.export.pictures import save_picture

        origin = _origin(version) | {"more": "y" * length}
        save_picture(folder / f"a{suffix}", grid(_images(version)), origin)

    return write


@cache
def _figure_data(version: int) -> Any:
    from spikestudio.export import figures

    return figures.rates_figure(
        _known(), range(5), figures.Size(width_mm=40 + 10 * version, dpi=50)
    )


def _figure(suffix: str) -> Callable[[Path, int], None]:
    def write(folder: Path, version: int) -> None:
        from spikestudio.export.figures import save_figure

        save_figure(folder / f"a{suffix}", _figure_data(version), _origin(version))

    return write


def _bundle(folder: Path, version: int) -> None:
    from spikestudio.export.bundle import save_bundle

    save_bundle(folder / "a.zip", _figure_data(version), _origin(version))


def _raster(folder: Path, version: int) -> None:
    from spikestudio.export.rasters import Rows, save_raster

    cells = np.random.default_rng(version).integers(0, 2, (6, 15), np.uint8)
    rows = Rows(layer="a.neuron", neurons=tuple(range(6)), total=24, rule="index")
    save_raster(
        folder / "a.png",
        cells,
        rows=rows,
        snn_steps=3,
        thresholds=[1.0] * 5,
        provenance=_origin(version),
    )


def _table(suffix: str) -> Callable[[Path, int], None]:
    def write(folder: Path, version: int) -> None:
        from spikestudio.export.tables import rates_table, save_table

        save_table(
            folder / f"a{suffix}", rates_table(_known(), range(3 + version)), _origin(version)
        )

    return write


def _animation(suffix: str) -> Callable[[Path, int], None]:
    def write(folder: Path, version: int) -> None:
        from spikestudio.export.animation import Timing, save_animation
        from spikestudio.export.frames import Scene

        scene = Scene(recording=_known(), steps=range(1 + version), height=120)
        save_animation(folder / f"a{suffix}", scene, Timing(hold=0), _origin(version))

    return write


def _plain_run() -> Any:
    from tests.unit.export.recordings import LAYERS, SNN_STEPS, STEPS

    return SimpleNamespace(
        layers=LAYERS,
        recorded=("a.neuron",),
        num_steps=STEPS,
        snn_steps=SNN_STEPS,
        image=0,
        file_path=None,
        file_bytes=0,
    )


@cache
def _snapshot(version: int) -> Any:
    """A run in memory of a tiny model."""
    from spikestudio.export.snapshot import Snapshot
    from spikestudio.recording.record import Record
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sampling.run import SamplingRun
    from tests.tiny import tiny_model

    run = SamplingRun(
        tiny_model("sddpm"), SamplingRequest(num=1, seed=version, steps=2), record=Record()
    )
    list(run)
    return Snapshot(run.recorder)


def _recording(folder: Path, version: int) -> None:
    from spikestudio.export.recordings import save_recording

    save_recording(folder / "a.h5", _snapshot(version), _origin(version))


def _read_recording(folder: Path) -> None:
    from spikestudio.recording.hdf5 import open_recording

    opened = open_recording(folder / "a.h5")
    try:
        assert opened.steps_done == 2
        assert all(opened.state(step) is not None for step in range(2))
    finally:
        opened.close()


def _copied(folder: Path, version: int) -> None:
    from spikestudio.export.recordings import save_recording
    from spikestudio.export.snapshot import Snapshot

    source = _sources() / f"{version}.h5"
    if not source.exists():
        save_recording(source, _snapshot(version), _origin(version))
    from spikestudio.recording.hdf5 import open_recording

    opened = open_recording(source)
    try:
        save_recording(folder / "copy.h5", Snapshot(opened), _origin(version))
    finally:
        opened.close()


@cache
def _sources() -> Path:
    return Path(tempfile.mkdtemp(dir=os.environ["FAULTS_SOURCES"]))


def _begun_recording(folder: Path, version: int) -> None:
    from spikestudio.recording.hdf5 import RecordingWriter

    writer = RecordingWriter(
        folder / "begun.h5",
        _plain_run(),
        states={"x_t": (2, 1, 8, 8), "x0_hat": (2, 1, 8, 8)},
        provenance=_origin(version),
    )
    writer._file.close()  # before its first step


@cache
def _plan(version: int) -> Any:
    from tests.unit.sweeps.test_sheet import make_plan

    return make_plan(1 + version)


def _sweep(folder: Path, version: int) -> None:
    from spikestudio.sweeps.folder import SweepFolder

    SweepFolder(folder / f"sweep-{version}", _plan(version)).prepare()


def _cell(folder: Path, version: int) -> None:
    from spikestudio.sweeps.folder import Outcome, SweepFolder

    files = SweepFolder(folder, _plan(1))
    (folder / "cells").mkdir(exist_ok=True)
    outcome = Outcome(seconds=float(version), device="cpu")
    files.write(files.plan.cells[0], outcome, _images(version)[:1], _origin(version))


def _outputs(folder: Path, version: int) -> None:
    from spikestudio.sweeps.folder import SweepFolder
    from spikestudio.sweeps.outputs import write_outputs

    write_outputs(SweepFolder(folder, _plan(version)))


def _stop(folder: Path, version: int) -> None:
    from spikestudio.errors import ExportError
    from spikestudio.sweeps.signals import ask_skip

    try:
        ask_skip(folder, version * 10**300)
    except OSError as error:  # the window says so in its own words
        raise ExportError(f"The cell could not be left out ({error.strerror}).") from error


def _bench_csv(folder: Path, version: int) -> None:
    from spikestudio.bench.answer import Answer
    from spikestudio.bench.table import save_csv

    save_csv(folder / "bench.csv", [Answer(checkpoint=f"m{k}", path="p") for k in range(version)])


def _bench_sheet(folder: Path, version: int) -> None:
    from spikestudio.bench.answer import Answer
    from spikestudio.bench.question import Question
    from spikestudio.bench.sheet import save_sheet

    answers = [Answer(checkpoint=f"m{k}", path="p", error="failed") for k in range(version)]
    save_sheet(folder / "bench.png", Question(seed=version), answers)


@cache
def _checkpoint_data(version: int) -> Any:
    from tests.tiny import tiny_card, tiny_model

    tensors = {
        name: tensor + version for name, tensor in tiny_model("sddpm").network.state_dict().items()
    }
    return tensors, tiny_card("sddpm")


def _checkpoint(folder: Path, version: int) -> None:
    from spikestudio.checkpoints.safetensors_io import save

    save(folder / "a.safetensors", *_checkpoint_data(version))


def _state(folder: Path, version: int) -> None:
    import torch

    from spikestudio.training.state import save_state

    tensors = {"network": {"w": torch.full((500 * version,), float(version))}}
    save_state(folder, position={"step": version}, tensors=tensors)


def _log(folder: Path, version: int) -> None:
    import torch

    from spikestudio.training.log import LossLog

    log = LossLog(folder / "log.csv", "stage")
    log.add({f"loss{k}": torch.tensor(0.5) for k in range(20)})
    log.flush(version)


def _trimmed(folder: Path, version: int) -> None:
    from spikestudio.training.log import trim_log

    path = folder / "log.csv"
    if not path.exists():
        rows = "".join(f"s,{k},loss,0.5\n" for k in range(100))
        path.write_text(f"stage,step,name,value\n{rows}")
    trim_log(path, ["s"], 100 - version)


def _status(folder: Path, version: int) -> None:
    import threading
    from unittest.mock import patch

    from spikestudio.training.status import Desk

    with patch("time.time", return_value=1.0):  # its digits would make the file longer or shorter
        Desk(folder, threading.Event(), {"version": version, "text": "x" * 500}).end("finished")


def _read_status(folder: Path) -> None:
    from spikestudio.training.status import read_status

    status = read_status(folder)
    assert status is not None
    assert status.state == "finished"


def _judge(folder: Path, version: int) -> None:
    import torch

    from spikestudio.metrics.judge import Judge, JudgeFacts, JudgeNetwork, save_judge

    torch.manual_seed(version)
    facts = JudgeFacts(
        dataset="mnist", test_accuracy=1, test_confident=1, num_train=1, epochs=1, seed=version
    )
    save_judge(folder / "judge.safetensors", Judge(JudgeNetwork(), facts))


def _headers(folder: Path, version: int) -> None:
    from spikestudio.checkpoints.library_cache import Header, HeaderCache

    cache = HeaderCache(folder / "headers.json")
    for k in range(5):
        cache.put(Path(f"/models/{k}"), [version], Header(None, "x" * 100, version))
    cache.save()


def _evaluation(folder: Path, version: int) -> None:
    from spikestudio.metrics.cache import keep

    keep(folder / "cache.npz", lambda path: path.write_bytes(bytes([version]) * 5000))


def _report(folder: Path, version: int) -> None:
    from spikestudio.checkpoints.diagnosis import Diagnosis
    from spikestudio.checkpoints.official import Choices

    choices = Choices()
    Diagnosis(path=Path("x" * 300 * version), second=None, choices=choices).save(
        folder / "report.txt"
    )


def _settings(folder: Path, version: int) -> None:
    from spikestudio.app.settings import Settings, SettingsStore

    SettingsStore(folder).save(replace(Settings(), theme="dark" if version == 1 else "light"))


def _fetched(folder: Path, version: int) -> None:
    from spikestudio.data.fetch import RemoteFile, fetch_files

    data = bytes([version]) * 3000 * version
    source = _sources() / f"{version}"
    source.mkdir(exist_ok=True)
    if not (source / "data.bin").exists():
        (source / "data.bin").write_bytes(data)
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    fetch_files([RemoteFile("data.bin", len(data), digest, (source.as_uri(),))], folder)


def _nwb(folder: Path, version: int) -> None:
    from spikestudio.export.nwb import save_nwb

    save_nwb(folder / "a.nwb", _known(), [], range(2 + version), _origin(version))


def _read_nwb(folder: Path) -> None:
    import pynwb

    with pynwb.NWBHDF5IO(str(folder / "a.nwb"), "r") as io:
        assert len(io.read().trials["threshold"][:]) in (3, 4)


def _nirdata(folder: Path, version: int) -> None:
    from spikestudio.export.nirdata import save_nirdata

    save_nirdata(folder / "a.h5", _known(), range(3, 3 + version), _origin(version))


def _read_nirdata(folder: Path) -> None:
    import nir

    assert nir.read_data(folder / "a.h5").nodes


def _nir(folder: Path, version: int) -> None:
    from spikestudio.export.nirgraph import save_nir

    save_nir(folder / "a.nir", _token_model(), "sdid.conv2", 0.1 * version)


@cache
def _token_model() -> Any:
    from tests.tiny import tiny_model

    model = tiny_model("spiking-diffusion")
    model.network.eval()
    return model


def _read_nir(folder: Path) -> None:
    import nir

    assert len(nir.read(folder / "a.nir").nodes) == 4


def _pack(folder: Path, version: int) -> None:
    from spikestudio.lessons.pack_writing import save_pack

    files = {"pack.json": b"{}", "lesson.json": b"x" * 300 * version}
    save_pack(folder / "a.spikelesson", files)


WRITERS: dict[str, Writer] = {
    "sample grid": Writer(_grid),
    "sample array": Writer(_npz),
    "single images": Writer(_singles, in_parts=True),
    "picture .jpg": Writer(_picture(".jpg")),
    "picture .jpg and sidecar": Writer(_picture(".jpg", 70_000)),
    "picture .webp": Writer(_picture(".webp")),
    "picture .tiff": Writer(_picture(".tiff")),
    "figure .svg": Writer(_figure(".svg")),
    "figure .pdf": Writer(_figure(".pdf")),
    "figure .png": Writer(_figure(".png")),
    "figure bundle": Writer(_bundle),
    "raster": Writer(_raster),
    "table .npz": Writer(_table(".npz")),
    "table .csv and sidecar": Writer(_table(".csv")),
    "animation .gif": Writer(_animation(".gif")),
    "animation .png": Writer(_animation(".png")),
    "animation .webp": Writer(_animation(".webp")),
    "recording": Writer(_recording, read=_read_recording),
    "recording, copied": Writer(_copied),
    "recording, begun": Writer(_begun_recording),
    "sweep": Writer(_sweep, in_parts=True),
    "sweep cell": Writer(_cell, in_parts=True),
    "sweep outputs": Writer(_outputs, in_parts=True),
    "sweep signal": Writer(_stop, own_words=True),
    "bench table": Writer(_bench_csv),
    "bench sheet": Writer(_bench_sheet),
    "checkpoint": Writer(_checkpoint),
    "training state": Writer(_state),
    "training log": Writer(_log, appends=True),
    "training log, trimmed": Writer(_trimmed),
    "training status": Writer(_status, is_quiet=True, read=_read_status),
    "judge": Writer(_judge),
    "header cache": Writer(_headers, is_quiet=True),
    "evaluation cache": Writer(_evaluation, is_quiet=True),
    "diagnosis report": Writer(_report),
    "settings": Writer(_settings),
    "lesson pack": Writer(_pack),
    "data set": Writer(_fetched, own_words=True),
}
OPTIONAL = {
    "animation .mp4": ("imageio_ffmpeg", Writer(_animation(".mp4"))),
    "NWB": ("pynwb", Writer(_nwb, read=_read_nwb)),
    "NIRData": ("nir", Writer(_nirdata, read=_read_nirdata)),
    "NIR": ("nirtorch", Writer(_nir, read=_read_nir)),
}
"""Writers that need a package which is not installed by default."""

WRITERS |= {
    name: writer for name, (package, writer) in OPTIONAL.items() if find_spec(package) is not None
}

MODULES: dict[str, tuple[str, ...] | str] = {
    "app.settings": ("settings",),
    "app.theme": "glyphs of the style sheet, made anew at every start",
    "app.viewmodels.sweep_process": "what a process says, in a file without a name",
    "app.viewmodels.training_process": "what a process says, which only grows",
    "atomic": "it is what the others write with",
    "bench.sheet": ("bench sheet",),
    "bench.table": ("bench table",),
    "checkpoints.diagnosis": ("diagnosis report",),
    "checkpoints.library_cache": ("header cache",),
    "checkpoints.safetensors_io": ("checkpoint",),
    "app.gallery": "a gallery is drawn anew",
    "app.gallery_page": "a gallery is drawn anew",
    "data.fetch": ("data set",),
    "export.animation": ("animation .gif", "animation .png", "animation .webp", "animation .mp4"),
    "export.bundle": ("figure bundle",),
    "export.figures": ("figure .svg", "figure .pdf", "figure .png"),
    "export.images": ("sample grid", "sample array", "single images"),
    "app.handouts": "lessons have tests of their own",
    "lessons.answers": "lessons have tests of their own",
    "lessons.handout": "lessons have tests of their own",
    "lessons.pages": "lessons have tests of their own",
    "lessons.summary": "lessons have tests of their own",
    "export.metadata": ("picture .jpg and sidecar",),
    "export.nirdata": ("NIRData",),
    "export.nirgraph": ("NIR",),
    "export.nwb": ("NWB",),
    "export.pictures": ("picture .jpg", "picture .webp", "picture .tiff"),
    "export.rasters": ("raster",),
    "export.recordings": ("recording", "recording, copied"),
    "export.tables": ("table .npz", "table .csv and sidecar"),
    "logs": "the log of the application, which grows and is cut by the standard library",
    "metrics.autoencoder_distance": ("evaluation cache",),
    "metrics.cache": ("evaluation cache",),
    "metrics.judge": ("judge",),
    "neurons.lab_table": "one table; its own tests write it",
    "recording.hdf5": ("recording, begun", "recording"),
    "cli.report": "reports have tests of their own",
    "app.viewmodels.pack_file": "parts of a pack, in a temporary folder",
    "app.views.pack_pages": "pictures of a preview, in a temporary folder",
    "lessons.pack_reading": "parts of a pack, in a temporary folder",
    "lessons.pack_writing": ("lesson pack",),
    "lessons.progress": "lessons have tests of their own",
    "sessions.report": "reports have tests of their own",
    "sessions.files": "sessions have tests of their own",
    "sessions.journal": "sessions have tests of their own",
    "sessions.lock": "sessions have tests of their own",
    "sessions.writing": "sessions have tests of their own",
    "sweeps.command": "overrides, in a temporary file that the process reads when it starts",
    "sweeps.folder": ("sweep", "sweep cell"),
    "sweeps.page": ("sweep outputs",),
    "sweeps.sheet": ("sweep outputs",),
    "sweeps.signals": ("sweep signal",),
    "sweeps.table": ("sweep outputs",),
    "training.log": ("training log", "training log, trimmed"),
    "training.state": ("training state",),
    "training.status": ("training status",),
}
"""Modules that write, with their writers in the table above or a sentence why none is there."""
