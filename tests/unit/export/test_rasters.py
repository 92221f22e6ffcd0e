from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from spikestudio.errors import ExportError
from spikestudio.export.rasters import NOT_RECORDED, ROWS_CHUNK, Rows, combine, save_raster

ORIGIN = {"schema_version": 1, "request": {"seed": 3}}
FACTS: dict[str, Any] = {
    "rows": Rows(
        layer="downblocks.0.neuron1",
        neurons=(9, 3, 6, 1, 2, 5),
        total=6272,
        rule="highest rate",
        page=2,
        pages=1046,
    ),
    "snn_steps": 4,
    "thresholds": [0.997] * 10,
    "provenance": ORIGIN,
}
INK = (27, 31, 38)
GREY = (227, 231, 236)
THRESHOLD = (184, 74, 0)
SHOWN = "6 of 6,272 neurons, highest rate, page 2 of 1,046"


def draw(path: Path, cells: NDArray[Any], **facts: Any) -> tuple[NDArray[np.uint8], list[str]]:
    """Pixels of the file, and every text that was drawn into it."""
    texts: list[str] = []
    original = Figure.savefig

    def spy(figure: Figure, *args: Any, **kwargs: Any) -> None:
        axes = [*figure.axes]
        texts.extend(text.get_text() for text in figure.texts)
        for each in axes:
            texts.extend((each.get_title(loc="left"), each.get_xlabel(), each.get_ylabel()))
        original(figure, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", spy)
        save_raster(path, cells, **(FACTS | facts))
    with Image.open(path) as picture:
        assert json.loads(picture.text["spikestudio"]) == ORIGIN
        assert json.loads(picture.text[ROWS_CHUNK])["neurons"] == [9, 3, 6, 1, 2, 5]
        return np.asarray(picture.convert("RGB")), [text for text in texts if text]


def count(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((pixels == colour).all(-1).sum())


def test_every_spike_covers_the_same_number_of_pixels(tmp_path: Path) -> None:
    spikes = (np.random.default_rng(0).random((6, 40)) < 0.3).astype(np.uint8)
    pixels, _ = draw(tmp_path / "a.png", spikes)
    one = np.zeros_like(spikes)
    one[2, 5] = 1
    single, _ = draw(tmp_path / "b.png", one)
    area = count(single, INK)
    assert area > 100
    # Lines between denoising steps run over the edges of some cells.
    assert count(pixels, INK) == pytest.approx(area * spikes.sum(), rel=0.1)
    empty, _ = draw(tmp_path / "c.png", np.zeros_like(spikes))
    assert count(empty, INK) == 0


def test_the_captions_are_honest(tmp_path: Path) -> None:
    _, texts = draw(tmp_path / "a.png", np.zeros((6, 8), np.uint8))
    assert "Spikes of downblocks.0.neuron1" in texts
    assert {SHOWN, "threshold 0.997"} <= set(texts)
    assert "SNN time step (4 per denoising step)" in texts
    _, texts = draw(tmp_path / "a.png", np.zeros((6, 8), np.float32), thresholds=[1.0, 0.9])
    assert "Potential before reset of downblocks.0.neuron1" in texts
    assert {SHOWN, "threshold 1, 0.9 from step 2 (dashed)"} <= set(texts)
    assert "potential ÷ threshold" in texts


def test_the_threshold_is_that_of_each_step(tmp_path: Path) -> None:
    potentials = np.full((6, 12), 0.75, np.float32)
    same, _ = draw(tmp_path / "a.png", potentials, thresholds=[1.0] * 3)
    changed, texts = draw(tmp_path / "b.png", potentials, thresholds=[1.0, 0.5, 0.5])
    half = slice(600, 650)  # rows of pixels inside the drawing
    assert (same[half] == changed[half])[:, 250:500].all()  # step 1
    assert (same[half] != changed[half])[:, 550:750].any(axis=-1).all()  # step 2: 0.75 is above 0.5
    assert count(same[:, :1100], THRESHOLD) == 0
    assert count(changed[:, :1100], THRESHOLD) > 100
    assert "threshold 1, 0.5 from step 2 (dashed)" in texts
    _, texts = draw(tmp_path / "c.png", potentials, thresholds=[1.0, 0.9, 1.1])
    assert "threshold 1, 0.9 from step 2 (dashed), 1.1 from step 3 (dashed)" in texts
    long = np.zeros((6, 20), np.uint8)
    _, texts = draw(tmp_path / "d.png", long, thresholds=[1.0, 0.9, 1.1, 1.0, 0.8])
    assert "threshold 0.8 to 1.1, changed at 4 steps (dashed)" in texts


def test_a_single_page_is_not_counted() -> None:
    rows = Rows(layer="a", neurons=(1, 0), total=2, rule="index")
    assert rows.text() == "2 of 2 neurons, index"


def test_what_was_not_recorded_is_grey_and_said(tmp_path: Path) -> None:
    spikes = np.zeros((6, 8), np.uint8)
    complete, texts = draw(tmp_path / "a.png", spikes)
    assert not any("not recorded" in text for text in texts)
    assert count(complete, GREY) == 0
    spikes[:, 4:] = NOT_RECORDED
    pixels, texts = draw(tmp_path / "a.png", spikes)
    assert any("grey: not recorded" in text for text in texts)
    assert count(pixels, GREY) > 10_000
    potentials = np.zeros((6, 8), np.float32)
    potentials[:, :4] = np.nan
    pixels, texts = draw(tmp_path / "a.png", potentials)
    assert any("grey: not recorded" in text for text in texts)
    assert count(pixels, GREY) > 10_000


def test_a_large_raster_says_how_many_neurons_a_row_stands_for(tmp_path: Path) -> None:
    spikes = np.zeros((5000, 8), np.uint8)
    spikes[4321, 3] = 1
    pixels, texts = draw(tmp_path / "a.png", spikes)
    assert any("max of 5" in text for text in texts)
    assert count(pixels, INK) > 0  # the one spike is still there


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 9))
def test_combining_keeps_every_maximum(rows: int, columns: int, most: int, many: int) -> None:
    cells = np.random.default_rng(rows * columns).normal(size=(rows, columns))
    cells[cells > 1.5] = np.nan
    combined, per_row, per_column = combine(cells, (most, many))
    assert combined.shape[0] <= most
    assert combined.shape[1] <= many
    for i, line in enumerate(combined):
        for j, value in enumerate(line):
            block = cells[i * per_row : (i + 1) * per_row, j * per_column : (j + 1) * per_column]
            known = block[~np.isnan(block)]
            assert np.isnan(value) if not known.size else value == known.max()


def test_nothing_to_draw_and_a_full_disk_are_export_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(ExportError, match="nothing recorded"):
        save_raster(path, np.zeros((0, 8), np.uint8), **FACTS)

    def full(file: Path, data: bytes) -> None:
        with file.open("wb") as half:
            half.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ExportError, match="disk is full"):
        save_raster(path, np.zeros((6, 8), np.uint8), **FACTS)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
