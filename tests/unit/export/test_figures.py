from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import figures
from spikestudio.export.bundle import save_bundle
from spikestudio.export.choice import choose, find_layer, parse_neurons, parse_steps
from spikestudio.export.figures import PRESETS, FigureData, Size, save_figure
from spikestudio.export.metadata import read_provenance
from tests.unit.export.recordings import LAYERS, NEURONS, ORIGIN, SNN_STEPS, Known

RUN = Known()
STEPS = range(5)
SMALL = Size(width_mm=60, dpi=100)


def every_figure() -> dict[str, FigureData]:
    tokens = Known(has_tokens=True)
    return {
        "raster": figures.raster_figure(RUN, choose(RUN, LAYERS[0], STEPS), STEPS, SMALL),
        "membrane": figures.membrane_figure(RUN, STEPS, SMALL),
        "rates": figures.rates_figure(RUN, STEPS, SMALL),
        "curve": figures.curve_figure(RUN, STEPS, SMALL, LAYERS[0]),
        "tokens": figures.tokens_figure(tokens, 2, SMALL),
    }


def test_vector_rasters_draw_every_spike(tmp_path: Path) -> None:
    figure = figures.raster_figure(RUN, choose(RUN, LAYERS[0], STEPS), STEPS)
    count = sum(int(RUN.spikes("a.neuron", k).sum()) for k in (0, 1, 3, 4))  # type: ignore[union-attr]
    save_figure(tmp_path / "a.svg", figure, ORIGIN)
    text = (tmp_path / "a.svg").read_text()
    spikes = re.search(r'<g id="spikes">\s*<path d="([^"]*)"', text)
    assert spikes is not None
    assert spikes[1].count("M") == count > 50
    assert f"24 of 24 neurons, highest rate; {count} spikes" in figure.spec["caption"][0]
    assert "grey: not recorded" in figure.spec["caption"][1]
    assert "0.9 to 1" in figure.spec["caption"][1]


def test_many_spikes_become_a_picture_and_the_caption_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "VECTOR_SPIKES", 10)
    figure = figures.raster_figure(RUN, choose(RUN, LAYERS[0], STEPS), STEPS)
    assert "drawn as a picture" in figure.spec["caption"][0]
    save_figure(tmp_path / "a.svg", figure, ORIGIN)
    text = (tmp_path / "a.svg").read_text()
    assert '<g id="spikes">' not in text
    assert "<image" in text


@pytest.mark.parametrize("kind", ["raster", "membrane", "rates", "curve", "tokens"])
def test_figures_have_the_size_asked_for_and_embed_their_fonts(tmp_path: Path, kind: str) -> None:
    figure = every_figure()[kind]
    for suffix in (".png", ".svg", ".pdf"):
        save_figure(tmp_path / f"a{suffix}", figure, ORIGIN)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == pytest.approx(60 / 25.4 * 100, abs=1)
        assert picture.height == pytest.approx(figure.spec["height_mm"] / 25.4 * 100, abs=1)
        pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[0] == 255).all()  # the edge is white: nothing is cut off
    assert (pixels[:, 0] == 255).all()
    assert (pixels[:, -1] == 255).all()
    assert (pixels < 60).all(axis=-1).sum() > 100
    svg = (tmp_path / "a.svg").read_text()
    width = re.search(r'width="([\d.]+)pt"', svg)
    assert width is not None
    assert float(width[1]) == pytest.approx(60 / 25.4 * 72, abs=0.1)
    assert "<text" not in svg
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"Inter" in pdf
    assert b"/Type3" not in pdf


def test_the_threshold_curve_steps_where_the_threshold_changes() -> None:
    figure = every_figure()["curve"]
    assert figure.arrays["thresholds"].tolist() == [1, 1, 1, 0.9, 0.9]
    counts = RUN.activity().counts.sum(axis=2)
    expected = counts.sum(axis=0) / (2 * 48 * SNN_STEPS)
    assert np.allclose(figure.arrays["rates"][0], expected)
    assert figure.spec["names"] == ["all layers", "a.neuron"]


def test_potentials_keep_their_gaps_and_name_their_neurons() -> None:
    figure = every_figure()["membrane"]
    h = figure.arrays["h"]
    assert h.shape == (2, 5 * SNN_STEPS)
    assert np.isnan(h[:, SNN_STEPS : 2 * SNN_STEPS]).all()
    watched = RUN.watched(3)
    assert watched is not None
    assert np.array_equal(h[:, 9:12], watched.h.T)
    assert figure.spec["names"] == ["a.neuron 5 (1, 0, 1)", "b.neuron 17 (2, 5)"]
    assert figure.spec["caption"][0].startswith("2 of 48 neurons, watched")


def test_token_maps_are_those_after_the_step() -> None:
    figure = every_figure()["tokens"]
    assert (figure.arrays["revealed"] >= 0).sum() == 6
    assert "after step 3 of 5: 6 of 9 tokens revealed; hatched: masked" in figure.spec["caption"][0]
    last = figures.tokens_figure(Known(has_tokens=True), 4, SMALL)
    assert (last.arrays["revealed"] >= 0).all()
    assert last.arrays["revealed"].max() == 4
    with pytest.raises(ConfigError, match="no tokens"):
        figures.tokens_figure(RUN, 0)
    with pytest.raises(ConfigError, match="no image 3"):
        figures.tokens_figure(Known(has_tokens=True), 0, image=2)


@pytest.mark.parametrize("kind", ["raster", "membrane", "rates", "curve", "tokens"])
def test_the_script_of_a_bundle_draws_the_same_pixels(tmp_path: Path, kind: str) -> None:
    save_bundle(tmp_path / "a.zip", every_figure()[kind], ORIGIN)
    assert read_provenance(tmp_path / "a.zip") == ORIGIN
    folder = tmp_path / "elsewhere"
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(folder)
    script = (folder / "redraw.py").read_text()
    assert "spikestudio." not in script
    guard = "import sys; sys.modules['spikestudio'] = None; sys.argv = ['redraw.py', 'new.png']; "
    run = f"import runpy; runpy.run_path({str(folder / 'redraw.py')!r}, run_name='__main__')"
    subprocess.run([sys.executable, "-c", guard + run], cwd=folder, check=True)
    with Image.open(folder / "new.png") as new, Image.open(folder / "figure.png") as old:
        assert np.array_equal(np.asarray(new), np.asarray(old))
    with np.load(folder / "data.npz", allow_pickle=False) as data:
        for name, values in every_figure()[kind].arrays.items():
            assert np.array_equal(data[name], values, equal_nan=values.dtype.kind == "f")
    assert json.loads((folder / "provenance.json").read_text()) == ORIGIN


def test_rules_choose_and_order_neurons() -> None:
    counts = sum(RUN.spikes("a.neuron", k).sum(axis=0) for k in (0, 1, 3, 4))  # type: ignore[union-attr]
    counts = counts.astype(int)
    ids = choose(RUN, LAYERS[0], STEPS, rows=5).ids
    assert (np.diff(counts[ids]) <= 0).all()
    assert counts[ids].min() >= np.delete(counts, ids).max()
    assert choose(RUN, LAYERS[0], STEPS, rule="index", rows=3).ids.tolist() == [0, 1, 2]
    assert choose(RUN, LAYERS[0], STEPS, neurons=[7, 2]).ids.tolist() == [7, 2]
    assert len(set(choose(RUN, LAYERS[0], STEPS, rule="evenly spaced").ids)) == NEURONS
    with pytest.raises(ConfigError, match="rule"):
        choose(RUN, LAYERS[0], STEPS, rule="best")
    with pytest.raises(ConfigError, match="0 to 23"):
        choose(RUN, LAYERS[0], STEPS, neurons=[24])
    with pytest.raises(ConfigError, match="No neuron"):
        choose(Known(rate=0), LAYERS[0], STEPS, rule="firing only")
    with pytest.raises(ConfigError, match=r"No spikes of b\.neuron"):
        find_layer(RUN, "b.neuron")


def test_steps_and_neurons_are_read() -> None:
    assert parse_steps("2-4", RUN) == range(1, 4)
    assert parse_steps("3", RUN) == range(2, 3)
    assert parse_steps("4-", RUN) == range(3, 5)
    assert parse_steps(None, RUN) == range(5)
    for text in ("0", "2-9", "4-2", "x", "1-2-3", ""):
        with pytest.raises(ConfigError, match=r"steps|Steps"):
            parse_steps(text, RUN)
    assert parse_neurons("1, 2,10-12") == [1, 2, 10, 11, 12]
    for text in ("", "1,,2", "3-1", "0-999999999", "-1"):
        with pytest.raises(ConfigError, match="no neurons"):
            parse_neurons(text)


def test_sizes_are_checked(tmp_path: Path) -> None:
    for wrong in ({"width_mm": 2}, {"dpi": 5000}, {"height_mm": float("nan")}):
        with pytest.raises(ConfigError):
            replace(PRESETS["column"], **wrong)  # type: ignore[arg-type]
    huge = figures.rates_figure(RUN, STEPS, Size(width_mm=1000, height_mm=1000, dpi=1200))
    with pytest.raises(ConfigError, match="lower dpi"):
        save_figure(tmp_path / "a.png", huge, ORIGIN)
    with pytest.raises(ExportError, match=r"\.gif"):
        save_figure(tmp_path / "a.gif", huge, ORIGIN)
    assert not list(tmp_path.iterdir())
