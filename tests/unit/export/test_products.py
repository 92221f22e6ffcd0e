"""Every kind of export as a preview and as a file: both show the same, and say where it is from."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikestudio.errors import ConfigError, SpikeStudioError
from spikestudio.export import figures
from spikestudio.export.choice import NOT_RECORDED
from spikestudio.export.kinds import (
    AS_SHOWN,
    FOLDER,
    KINDS,
    Material,
    Options,
    ShownRaster,
    SweepResult,
    kind_of,
    rules_of,
    why_not,
)
from spikestudio.export.metadata import read_provenance
from spikestudio.export.products import preview, raster_cells, save
from spikestudio.export.progress import ExportCancelledError
from spikestudio.export.snapshot import Snapshot
from spikestudio.metrics.codebook import CodebookInfo
from tests.unit.export.recordings import LAYERS, NEURONS, STEPS, Known

CODES = 6


def material(*, has_tokens: bool = False, **changes: object) -> Material:
    """Everything that can be exported, of a small recording."""
    known = Known(has_tokens=has_tokens)
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8)
    shown = ShownRaster(((LAYERS[0], np.array([3, 1, 7])),), NEURONS, "spikes", "mine", 2, 8)
    book = CodebookInfo(
        "0" * 64,
        np.arange(CODES * 16, dtype=np.uint8).reshape(CODES, 4, 4, 1),
        np.zeros((CODES, 2), np.float32),
        np.zeros((CODES, 2), np.float32),
        (0.5, 0.2),
    )
    values = np.array([[0.9, 0.1, 0.08, 0.12], [1.0, 0.2, np.nan, np.nan]])
    sweep = SweepResult(
        (("rate", values),), "threshold", "tiny", ("2 cells",), {"schema_version": 1}
    )
    base = Material(
        run=Snapshot(known),
        images=images,
        images_step=STEPS,
        thresholds=(1.0,) * STEPS,
        has_tokens=has_tokens,
        shown=shown,
        codebook=book,
        uses=np.arange(CODES),
        sweep=sweep,
    )
    return replace(base, **changes)


def usual(kind: str, suffix: str | None = None, **changes: object) -> Options:
    found = kind_of(kind)
    values = {"format": suffix or found.formats[0], "height": 160, **found.defaults, **changes}
    return Options(**values)


PICTURES = [
    (kind.id, suffix)
    for kind in KINDS
    for suffix in kind.formats
    if suffix in (".png", ".jpg", ".webp", ".tiff", ".gif", ".apng") and kind.id != "tokens"
]


@pytest.mark.parametrize(("kind", "suffix"), PICTURES)
def test_the_preview_says_how_large_the_file_is(kind: str, suffix: str, tmp_path: Path) -> None:
    options = usual(kind, suffix, steps="1-2" if kind == "animation" else "")
    told = preview(kind, material(), options)
    save(kind, material(), options, tmp_path / f"file{suffix}")
    with Image.open(tmp_path / f"file{suffix}") as picture:
        assert told.size.startswith(f"{picture.width:,} x {picture.height:,} pixels")
        assert told.picture is not None
        full = preview(kind, material(), options, limit=None).picture
        assert full.size == picture.size
        if suffix == ".png":
            np.testing.assert_array_equal(
                np.asarray(full.convert("RGB")), np.asarray(picture.convert("RGB"))
            )
    assert told.caption


@pytest.mark.parametrize("kind", ["raster", "membrane", "curve", "rates", "layers", "sweep"])
@pytest.mark.parametrize("suffix", [".svg", ".pdf"])
def test_vector_figures(kind: str, suffix: str, tmp_path: Path) -> None:
    options = usual(kind, suffix, width_mm=100.0)
    assert preview(kind, material(), options).size.endswith("mm, vector")
    save(kind, material(), options, tmp_path / f"f{suffix}")
    assert read_provenance(tmp_path / f"f{suffix}")["schema_version"] == 1


@pytest.mark.parametrize(
    ("kind", "has_tokens"),
    [("spikes", False), ("membrane", False), ("rates", False), ("tokens", True)],
)
def test_the_first_lines_of_a_table_are_those_of_the_file(
    kind: str, has_tokens: bool, tmp_path: Path
) -> None:
    source = material(has_tokens=has_tokens)
    options = usual(kind, ".csv")
    told = preview(kind, source, options)
    save(kind, source, options, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        lines = [row for row, _ in zip(csv.reader(file), range(10), strict=False)]
    shown = [line.split() for line in told.text.splitlines()]
    assert shown[:10] == lines
    save(kind, source, usual(kind, ".npz"), tmp_path / "t.npz")
    text = preview(kind, source, usual(kind, ".npz")).text
    with np.load(tmp_path / "t.npz") as data:
        for name in json.loads(str(data["manifest"]))["arrays"]:
            assert f"{data[name].dtype} {list(data[name].shape)}" in text


def test_single_images_and_arrays(tmp_path: Path) -> None:
    source = material()
    told = preview("singles", source, usual("singles", FOLDER))
    assert told.size.startswith("2 files of 8 x 8")
    save("singles", source, usual("singles", FOLDER), tmp_path / "images")
    assert sorted(p.name for p in (tmp_path / "images").glob("*.png")) == ["0000.png", "0001.png"]
    save("grid", source, usual("grid", ".npz"), tmp_path / "i.npz")
    with np.load(tmp_path / "i.npz") as data:
        np.testing.assert_array_equal(data["arr_0"], source.images)


def test_images_of_an_earlier_step_say_so(tmp_path: Path) -> None:
    options = usual("grid", step=2)
    assert "predicted in step 2 of 5" in preview("grid", material(), options).caption
    save("grid", material(), options, tmp_path / "g.png")
    assert read_provenance(tmp_path / "g.png")["steps_done"] == 2
    assert read_provenance(tmp_path / "g.png")["changes"] == []
    with pytest.raises(ConfigError, match="Step 9"):
        preview("grid", material(), usual("grid", step=9))


def test_a_picture_of_a_part_of_the_images_gives_way_to_all_of_them() -> None:
    part = np.zeros((1, 8, 8, 1), np.uint8)
    assert preview("grid", material(images=part), usual("grid")).caption.startswith("2 of 2 images")


@pytest.mark.parametrize(
    ("labels", "count"), [("number", True), ("seed", True), ("class", False), ("none", True)]
)
def test_labels(labels: str, count: bool) -> None:
    options = usual("grid", labels=labels)
    if count:
        assert preview("grid", material(), options).picture is not None
    else:
        with pytest.raises(ConfigError, match="no classes"):
            preview("grid", material(), options)


def test_the_raster_of_a_layer_can_be_that_of_the_dock() -> None:
    source = material()
    assert AS_SHOWN in rules_of(source)
    told = preview("raster", source, usual("raster", rule=AS_SHOWN))
    assert told.caption.startswith("3 of 24 neurons, mine, page 2 of 8")
    other = replace(source.shown, mode="potential")
    assert AS_SHOWN not in rules_of(material(shown=other))
    with pytest.raises(ConfigError, match="does not show"):
        preview("raster", material(shown=other), usual("raster", rule=AS_SHOWN))


def test_the_raster_of_all_layers_names_them_and_counts() -> None:
    both = Known()
    both.recorded = ("a.neuron", "b.neuron")
    chosen = [
        figures.Neurons(LAYERS[0], np.arange(4), "index"),
        figures.Neurons(LAYERS[1], np.arange(3), "index"),
    ]
    data = figures.layers_figure(both, chosen, range(STEPS))
    assert data.spec["groups"] == [["a.neuron", 4], ["b.neuron", 3]]
    assert data.spec["caption"][0].startswith("7 of 48 neurons of 2 layers, index in each")
    assert (data.arrays["spikes"][4:] == NOT_RECORDED).all()
    figure = figures.DRAWERS["raster"][1](data.arrays, data.spec)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["a.neuron", "b.neuron"]


def test_traces_are_those_of_the_selected_neurons_if_they_are_known() -> None:
    told = preview("membrane", material(), usual("membrane"))
    assert told.caption.startswith("2 of 48 neurons, watched")
    told = preview("membrane", material(neurons=(5,)), usual("membrane"))
    assert told.caption.startswith("1 of 24 neurons, watched")
    told = preview("membrane", material(neurons=(6,)), usual("membrane"))
    assert told.caption.startswith("2 of 48 neurons, watched")


@pytest.mark.parametrize("figure", ["raster", "layers", "sweep", "tokens"])
def test_a_bundle_draws_itself_again_and_can_be_given_up(figure: str, tmp_path: Path) -> None:
    source, seen = material(has_tokens=figure == "tokens"), []
    options = usual("bundle", figure=figure)
    save("bundle", source, options, tmp_path / "b.zip", progress=lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        script = archive.read("redraw.py").decode()
        archive.extractall(tmp_path / "b")
    assert "from spikestudio" not in script
    if figure in ("layers", "sweep"):
        command = [sys.executable, str(tmp_path / "b" / "redraw.py"), str(tmp_path / "again.png")]
        subprocess.run(command, check=True, capture_output=True)
        files = (tmp_path / "again.png", tmp_path / "b" / "figure.png")
        with Image.open(files[0]) as again, Image.open(files[1]) as first:
            np.testing.assert_array_equal(np.asarray(again), np.asarray(first))
    with pytest.raises(ExportCancelledError):
        save("bundle", source, options, tmp_path / "c.zip", is_cancelled=lambda: True)
    assert not (tmp_path / "c.zip").exists()


def test_what_cannot_be_exported_says_why() -> None:
    nothing = Material()
    for kind in KINDS:
        assert why_not(kind.id, nothing)
        with pytest.raises((SpikeStudioError, ValueError)):
            preview(kind.id, nothing, usual(kind.id))
    source = material(codebook=None, sweep=None, shown=None)
    assert why_not("tokens", source) == "no token model"
    assert "no token model" in why_not("codebook", source)
    assert "sweep" in why_not("sweep", source)
    assert "dock" in why_not("shown", source)
    assert why_not("raster", source) == why_not("animation", source) == ""
    elsewhere = Snapshot(Known(), selected="b.neuron")
    assert why_not("raster", material(run=elsewhere)) == "no spikes of b.neuron were recorded"


def test_exported_cells_are_those_of_the_recording() -> None:
    rows = np.array([5, 0, 3])
    cells = raster_cells(Known(), "a.neuron", rows, "spikes")
    np.testing.assert_array_equal(cells[:, :3].T, Known().spikes("a.neuron", 0)[:, rows])
    assert (cells[:, 6:9] == NOT_RECORDED).all()  # step 2 was not kept
    assert np.isnan(raster_cells(Known(), "a.neuron", rows, "potential")).all()
