"""The export without widgets: kinds and options, previews that are out of date, names, memory."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spikestudio.app.viewmodels.export import PRESETS, PREVIEW_MS, SIZES, ExportModel
from spikestudio.errors import ConfigError, SpikeStudioError
from spikestudio.export import figures, products
from spikestudio.export.kinds import KINDS, Material
from spikestudio.export.metadata import read_provenance
from spikestudio.export.snapshot import Snapshot
from tests.unit.export.recordings import Known

WAIT_MS = 20_000


class Desk:
    """A model whose jobs are done when the test says so."""

    def __init__(self, memory: dict[str, Any] | None = None) -> None:
        self.jobs: deque[tuple[Any, Any, Any]] = deque()
        self.known = Known()
        self.memory = {} if memory is None else memory
        self.model = ExportModel(
            self._take, lambda *job: self.jobs.append(job), lambda call: call(), self.memory
        )
        self.taken = 0

    def _take(self) -> Material:
        self.taken += 1
        return Material(
            name="tiny_7_1.000",
            run=Snapshot(self.known),
            images=np.zeros((2, 8, 8, 1), np.uint8),
            images_step=5,
            image=1,
            has_tokens=self.known.has_tokens,
        )

    def work(self) -> None:
        """Do what waits, and deliver it."""
        while self.jobs:
            job, done, failed = self.jobs.popleft()
            try:
                result = job()
            except SpikeStudioError as error:
                failed(str(error), "")
            else:
                done(result)

    def draw(self, qtbot: Any) -> None:
        """Wait until the options have settled, and draw."""
        qtbot.waitUntil(lambda: bool(self.jobs), timeout=WAIT_MS)
        self.work()


@pytest.fixture
def desk(qtbot) -> Desk:
    return Desk()


def test_a_preview_follows_the_last_change_only(qtbot, desk):
    desk.model.open("grid")
    for scale in (2, 3, 4, 5):
        desk.model.set(scale=scale)
    assert desk.model.is_drawing
    qtbot.wait(2 * PREVIEW_MS)
    assert len(desk.jobs) == 1
    desk.work()
    assert desk.model.preview.size == "86 x 44 pixels"
    assert not desk.model.is_drawing


def test_a_preview_that_is_out_of_date_is_neither_drawn_nor_shown(qtbot, desk, monkeypatch):
    drawn = []
    real = products.preview
    monkeypatch.setattr(products, "preview", lambda *at: drawn.append(at[2].scale) or real(*at))
    desk.model.open("grid")
    qtbot.waitUntil(lambda: bool(desk.jobs))
    desk.model.set(scale=2)  # before the first was begun
    job, done, _ = desk.jobs.popleft()
    done(job())
    assert drawn == []
    assert desk.model.preview is None
    qtbot.waitUntil(lambda: bool(desk.jobs))
    job, done, _ = desk.jobs.popleft()
    found = job()
    desk.model.set(scale=3)  # while the second is drawn
    done(found)
    assert desk.model.preview is None
    assert desk.model.is_drawing
    desk.draw(qtbot)
    assert drawn == [2, 3]
    assert desk.model.preview.size.startswith("54 x 28")


def test_what_cannot_be_drawn_is_told_and_cannot_be_saved(qtbot, desk):
    desk.model.open("raster")
    desk.model.set(steps="nonsense")
    desk.draw(qtbot)
    assert "are no steps" in desk.model.problem
    assert not desk.model.can_save
    desk.model.set(steps="1-2")
    desk.draw(qtbot)
    assert desk.model.problem == ""
    assert desk.model.can_save


def test_kinds_that_cannot_be_exported_give_the_reason(desk):
    desk.model.open("tokens")
    assert desk.model.reason == "no token model"
    assert not desk.model.is_drawing
    assert not desk.model.can_save
    assert [k.id for k in KINDS if not desk.model.why_not(k.id)] == [
        *("grid", "singles", "raster", "layers", "membrane", "curve", "rates", "spikes"),
        *("animation", "bundle", "recording"),
    ]
    desk.known.has_tokens = True
    desk.model.take()
    assert desk.model.reason == ""


def test_presets_are_those_of_the_figures(desk):
    for name, size in figures.PRESETS.items():
        values = (size.width_mm, size.height_mm or 0.0, size.font_pt, size.dpi)
        assert PRESETS[name][1] == values
    desk.model.open("raster")
    desk.model.set(preset="slide")
    options = desk.model.options
    assert tuple(getattr(options, name) for name in SIZES) == (254.0, 143.0, 14.0, 150)
    desk.model.set(dpi=90)
    assert desk.model.options.preset == "custom"
    assert desk.model.options.width_mm == 254.0


def test_the_snapshot_stays_until_another_is_asked_for(desk):
    desk.model.open("grid")
    run = desk.model.material.run
    desk.model.note_newer()
    assert desk.model.has_newer
    assert desk.model.material.run is run
    desk.model.set(step=3)
    desk.model.take()
    assert not desk.model.has_newer
    assert desk.model.material.run is not run
    assert desk.model.options.step == 0


def test_names_are_never_those_of_files_that_exist(desk, tmp_path):
    desk.model.open("raster")
    first = desk.model.proposal(tmp_path)
    assert first.name == "tiny_7_1.000_raster_a.neuron.png"
    first.touch()
    assert desk.model.proposal(tmp_path).name == "tiny_7_1.000_raster_a.neuron_2.png"
    desk.model.choose("singles")
    folder = desk.model.proposal(tmp_path)
    assert folder.name == "tiny_7_1.000_images"
    folder.mkdir()
    assert desk.model.proposal(tmp_path).name == "tiny_7_1.000_images_2"


def test_the_ending_of_a_name_chooses_the_format(desk, tmp_path):
    desk.model.open("raster")
    assert desk.model.with_format(tmp_path / "x.SVG") == tmp_path / "x.SVG"
    assert desk.model.options.format == ".svg"
    assert desk.model.with_format(tmp_path / "x_0.997") == tmp_path / "x_0.997.svg"
    desk.model.choose("grid")
    assert desk.model.with_format(tmp_path / "x.jpeg") == tmp_path / "x.jpeg"
    assert desk.model.options.format == ".jpg"
    assert desk.model.with_format(tmp_path / "x.pdf") == tmp_path / "x.pdf.jpg"


def test_options_and_folder_are_remembered_by_kind(qtbot, tmp_path):
    memory: dict[str, Any] = {}
    desk = Desk(memory)
    desk.model.open("grid")
    desk.model.set(scale=7, step=2, columns=1)
    desk.model.save(tmp_path / "g.png")
    desk.work()
    assert (tmp_path / "g.png").exists()
    other = Desk(memory)
    other.model.open("grid")
    assert (other.model.options.scale, other.model.options.columns) == (7, 1)
    assert other.model.options.step == 0  # of another run
    assert other.model.folder(Path("/")) == tmp_path
    other.model.choose("raster")
    assert other.model.folder(Path("/")) == Path("/")


@pytest.mark.parametrize(
    "stored",
    [
        {"format": ".exe", "scale": 9},
        {"preset": "poster", "scale": 9},
        "nonsense",
        {"figure": "none", "scale": 9},
        {"beside": 3, "fps": "fast", "folder": 5},
    ],
)
def test_a_memory_that_is_not_understood_gives_the_usual_options(desk, stored, tmp_path):
    desk.memory["grid"] = stored
    desk.model.open("grid")
    assert desk.model.options.scale == 4
    assert desk.model.folder(tmp_path) == tmp_path


def test_a_file_is_written_as_it_was_when_it_was_asked_for(qtbot, desk, tmp_path):
    desk.model.open("grid")
    saved = []
    desk.model.saved.connect(saved.append)
    desk.model.save(tmp_path / "g.png")
    assert desk.model.is_saving
    assert not desk.model.can_save
    desk.model.set(scale=1)  # for the next one
    desk.work()
    assert saved == [tmp_path / "g.png"]
    with Image.open(tmp_path / "g.png") as picture:
        assert picture.width == 2 + 2 * (4 * 8 + 2)
    assert read_provenance(tmp_path / "g.png")["request"]["seed"] == 7


def test_an_animation_is_followed_and_given_up(qtbot, desk, tmp_path):
    desk.model.open("animation")
    desk.model.set(height=120, beside=())
    told, seen = [], []
    desk.model.cancelled.connect(told.append)
    desk.model.progressed.connect(lambda *at: seen.append(at))
    desk.model.progressed.connect(desk.model.cancel)
    desk.model.save(tmp_path / "run.gif")
    desk.work()
    assert seen == [(1, 5)]
    assert "nothing was written" in told[0]
    assert not list(tmp_path.iterdir())
    assert not desk.model.is_saving


def test_a_folder_that_is_not_there_gives_one_sentence_and_loses_nothing(desk, tmp_path):
    desk.model.open("grid")
    failures = []
    desk.model.failed.connect(lambda *at: failures.append(at))
    desk.model.save(tmp_path / "missing" / "g.png")
    desk.work()
    assert len(failures) == 1
    assert "does not exist" in failures[0][0]
    assert not desk.model.is_saving
    desk.model.set(scale=3)
    assert desk.model.options.scale == 3


def test_a_full_disk_leaves_the_old_file(desk, tmp_path, monkeypatch):
    old = tmp_path / "g.png"
    old.write_bytes(b"old")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    failures = []
    desk.model.failed.connect(lambda *at: failures.append(at))
    desk.model.open("grid")
    desk.model.save(old)
    desk.work()
    assert "disk is full" in failures[0][0]
    assert old.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["g.png"]


def test_a_copy_is_drawn_in_full_size(desk):
    desk.model.open("raster")
    copies = []
    desk.model.copy(copies.append)
    desk.jobs = deque([desk.jobs[-1]])
    desk.work()
    assert copies[0].picture.width == int(85 / 25.4 * 300)


def test_closing_draws_no_more(qtbot, desk):
    desk.model.open("grid")
    desk.model.close()
    qtbot.wait(2 * PREVIEW_MS)
    assert not desk.jobs
    assert desk.model.material.run is None


def test_errors_of_options_reach_the_user(qtbot, desk, monkeypatch):
    def refuse(*_: object) -> None:
        raise ConfigError("Too large.", field="dpi")

    monkeypatch.setattr(products, "preview", refuse)
    desk.model.open("raster")
    desk.draw(qtbot)
    assert desk.model.problem == "Too large."
