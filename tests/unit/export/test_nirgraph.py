"""What NIR cannot express is named, and what it can is read back number by number."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import nirdata
from spikestudio.export.nirgraph import (
    DT,
    expressible_parts,
    inexpressible,
    make_graph,
    plain_row,
    save_nir,
)
from spikestudio.neurons.nodes import IFNode, LIFNode, spiking_layers
from tests.tiny import ARCHITECTURE_NAMES, tiny_model

PARTS = (
    *("sdid.conv1", "sdid.conv2", "sdid.conv3"),
    *("vqsvae.encoder.snn_convs", "vqsvae.vq_layer.poisson"),
)


@pytest.fixture(scope="module")
def tokens() -> LoadedModel:
    model = tiny_model("spiking-diffusion")
    model.network.eval()
    return model


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_every_layer_is_either_in_a_part_or_named(architecture: str) -> None:
    network = tiny_model(architecture).network
    parts = expressible_parts(network)
    named = [each.name for each in inexpressible(network)]
    for name, module in network.named_modules():
        is_leaf = not list(module.children()) or isinstance(module, IFNode | LIFNode)
        if not is_leaf or name.endswith("surrogate_function"):
            continue
        blocks = [
            each for each in named if each == name or name.startswith(f"{each}." if each else "")
        ]
        assert blocks or any(name.startswith(f"{part}.") for part in parts), name
    assert "" in named  # no model fits as a whole


def test_the_parts_that_fit(tokens: LoadedModel) -> None:
    assert expressible_parts(tokens.network) == PARTS
    assert expressible_parts(tiny_model("sddpm").network) == ()
    kinds = {each.kind for each in inexpressible(tokens.network)}
    assert {"Embedding", "ConvTranspose2d", "_MembraneReadout"} <= kinds


def test_what_was_changed_by_hand_is_refused() -> None:
    network = tiny_model("spiking-diffusion").network
    node = next(iter(spiking_layers(network).values()))
    node.v_reset = None
    assert [each.why for each in inexpressible(network, "sdid.conv1")] == ["NIR has no soft reset"]
    node.v_reset, node.forced = 0.0, torch.zeros(1)
    assert "forced" in inexpressible(network, "sdid.conv1")[0].why


def test_plain_layers_fire_as_the_part_does(tokens: LoadedModel) -> None:
    torch.manual_seed(1)
    for part in PARTS:
        module = tokens.network.get_submodule(part)
        first = next(each for each in module.modules() if isinstance(each, torch.nn.Conv2d))
        x = torch.randn(4, 2, first.in_channels, 12, 12)
        with torch.no_grad():
            ours, plain = module(x), plain_row(tokens.network, part)(x)
        assert ours.mean() > 0
        assert (ours != plain).float().mean() < 1e-3  # a folded batch norm rounds otherwise


def test_without_the_packages_one_sentence_says_so(
    tmp_path: Path, tokens: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nirdata, "find_spec", lambda _: None)
    with pytest.raises(ExportError, match=r"spikestudio\[nir\]"):
        save_nir(tmp_path / "a.nir", tokens, PARTS[0])
    assert not list(tmp_path.iterdir())


def test_a_whole_model_is_refused_and_every_layer_named() -> None:
    model = tiny_model("sddpm")
    with pytest.raises(ConfigError) as caught:
        make_graph(model)
    for each in inexpressible(model.network):
        assert each.name in str(caught.value)
    with pytest.raises(ConfigError, match="no part 'nothing'"):
        make_graph(model, "nothing")


@pytest.mark.skipif(
    find_spec("nir") is None or find_spec("nirtorch") is None,
    reason="the extra nir is not installed",
)
class TestFile:
    @pytest.fixture(autouse=True)
    def no_watching_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tqdm = pytest.importorskip("tqdm")  # the exporter shows bars
        monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)

    @pytest.mark.parametrize("part", PARTS)
    def test_read_back_it_is_what_is_in_memory(
        self, tmp_path: Path, tokens: LoadedModel, part: str
    ) -> None:
        import nir

        save_nir(tmp_path / "a.nir", tokens, part)
        graph: Any = nir.read(tmp_path / "a.nir")
        row = dict(plain_row(tokens.network, part).named_children())
        assert set(graph.nodes) - set(row) == {"input_1", "output"}
        names = list(row)
        assert set(graph.edges) == {
            *pairwise(names),
            ("input_1", names[0]),
            (names[-1], "output"),
        }
        for name, module in row.items():
            node = graph.nodes[name]
            if isinstance(module, torch.nn.Conv2d):
                np.testing.assert_array_equal(node.weight, module.weight.detach().numpy())
                np.testing.assert_array_equal(node.bias, module.bias.detach().numpy())
            else:
                assert (node.v_threshold == module.v_threshold).all()
                assert (node.v_reset == module.v_reset).all()
                np.testing.assert_allclose(node.tau / DT, module.tau, rtol=1e-12)
        assert [path.name for path in tmp_path.iterdir()] == ["a.nir"]

    def test_the_bundled_model(self, tmp_path: Path) -> None:
        import nir

        import spikestudio as ss

        model = ss.load("spiking-diffusion-mnist")
        for part in expressible_parts(model.network):
            save_nir(tmp_path / "a.nir", model, part)
            assert len(nir.read(tmp_path / "a.nir").nodes) >= 4
