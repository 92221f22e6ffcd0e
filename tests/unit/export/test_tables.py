from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import tables
from spikestudio.export.choice import choose
from spikestudio.export.metadata import read_provenance, sidecar
from tests.unit.export.recordings import LAYERS, NEURONS, ORIGIN, SNN_STEPS, STEPS, Known

RUN, TOKENS = Known(), Known(has_tokens=True)
ALL = range(STEPS)


def every_table() -> dict[str, tables.Table]:
    return {
        "spikes": tables.spikes_table(RUN, choose(RUN, LAYERS[0], ALL), ALL),
        "potentials": tables.potentials_table(RUN, ALL),
        "rates": tables.rates_table(RUN, ALL),
        "tokens": tables.tokens_table(TOKENS, ALL),
    }


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", ["spikes", "potentials", "rates", "tokens"])
def test_arrays_come_back_exactly(tmp_path: Path, kind: str) -> None:
    table = every_table()[kind]
    path = tmp_path / "a.npz"
    tables.save_table(path, table, ORIGIN)
    assert read_provenance(path) == ORIGIN
    with np.load(path, allow_pickle=False) as data:
        assert set(data.files) == {*table.arrays, "manifest", "spikestudio"}
        manifest = json.loads(str(data["manifest"]))
        for name, values in table.arrays.items():
            assert data[name].dtype == values.dtype
            assert data[name].tobytes() == values.tobytes()
            about = manifest["arrays"][name]
            assert about["shape"] == list(values.shape)
            assert about["meaning"]
    tables.save_table(tmp_path / "a.csv", table, ORIGIN)
    assert read_provenance(tmp_path / "a.csv") == ORIGIN
    assert json.loads(sidecar(tmp_path / "a.csv").read_text())["manifest"] == manifest


def test_spikes_of_a_csv_give_the_array_again(tmp_path: Path) -> None:
    table = every_table()["spikes"]
    tables.save_table(tmp_path / "a.csv", table, ORIGIN)
    order = table.arrays["neurons"].tolist()
    again = np.zeros((STEPS, SNN_STEPS, NEURONS), np.uint8)
    again[2] = 255
    for row in rows_of(tmp_path / "a.csv"):
        again[int(row["step"]), int(row["snn_step"]), order.index(int(row["neuron"]))] = 1
    assert np.array_equal(again, table.arrays["spikes"])
    for step in (0, 4):
        spikes = RUN.spikes("a.neuron", step)
        assert spikes is not None
        assert np.array_equal(again[step], spikes[:, order])


def test_potentials_of_a_csv_have_the_same_bits(tmp_path: Path) -> None:
    tables.save_table(tmp_path / "a.csv", every_table()["potentials"], ORIGIN)
    rows = rows_of(tmp_path / "a.csv")
    assert len(rows) == 4 * SNN_STEPS * 2  # step 1 has none
    for row in rows:
        watched = RUN.watched(int(row["step"]))
        assert watched is not None
        column = watched.neurons.index((row["layer"], int(row["neuron"])))
        for name in ("h", "v", "current"):
            known = getattr(watched, name)[int(row["snn_step"]), column]
            assert np.float32(row[name]).tobytes() == known.tobytes()
        assert np.float32(row["threshold"]) == watched.threshold[column]


def test_rates_and_tokens_of_a_csv(tmp_path: Path) -> None:
    tables.save_table(tmp_path / "r.csv", every_table()["rates"], ORIGIN)
    rows = rows_of(tmp_path / "r.csv")
    rates = RUN.rates()
    for row in rows:
        layer = [each.id for each in LAYERS].index(row["layer"])
        assert np.float32(row["rate"]) == rates[layer, int(row["step"])]
    assert len(rows) == 2 * STEPS
    tables.save_table(tmp_path / "t.csv", every_table()["tokens"], ORIGIN)
    first = rows_of(tmp_path / "t.csv")[0]
    assert first["token"] == "16"
    assert first["revealed"] == "-1"
    assert len(rows_of(tmp_path / "t.csv")) == STEPS * 2 * 9


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no tokens"):
        tables.tokens_table(RUN, ALL)
    with pytest.raises(ConfigError, match=r"5 of a\.neuron, 17 of b\.neuron"):
        tables.potentials_table(RUN, ALL, None, [6])
    with pytest.raises(ExportError, match=r"\.npz or \.csv"):
        tables.save_table(tmp_path / "a.xlsx", every_table()["rates"], ORIGIN)
    assert not list(tmp_path.iterdir())
