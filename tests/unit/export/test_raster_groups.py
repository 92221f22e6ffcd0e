"""A figure of the rows of several layers names each of them."""

import json

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from spikestudio.export.rasters import ROWS_CHUNK, Rows, save_raster


def test_layers_are_named_where_their_rows_are(tmp_path, monkeypatch):
    ticks = []
    original = Figure.savefig

    def spy(figure, *args, **kwargs):
        axes = figure.axes[0]
        ticks.extend(
            (label.get_text(), y)
            for label, y in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
        )
        original(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", spy)
    groups = (("head.neuron", 10), ("tiny", 1), ("mid_block.lif1", 30))
    rows = Rows(
        layer="3 layers",
        neurons=tuple(range(41)),
        total=500,
        rule="evenly spaced",
        groups=groups,
    )
    save_raster(
        tmp_path / "rows.png",
        np.zeros((41, 20), np.uint8),
        rows=rows,
        snn_steps=4,
        thresholds=[1.0] * 5,
        provenance={},
    )
    assert ticks == [
        ("head.neuron", 5.0),
        ("mid_block.lif1", 26.0),
    ]  # one row is too low for a name
    with Image.open(tmp_path / "rows.png") as picture:
        told = json.loads(picture.text[ROWS_CHUNK])
    assert told["groups"] == [list(group) for group in groups]
