from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikestudio.checkpoints import strict_json
from spikestudio.checkpoints.card import Card, Measurement
from spikestudio.errors import CheckpointError
from spikestudio.models.registry import ARCHITECTURES
from tests.unit.checkpoints.tiny import make_card

WHERE = Path("some.safetensors")


def full_card() -> Card:
    return make_card(
        "spiking-diffusion",
        training={"steps": 1000, "seed": 1, "ema": None, "hours": 0.5, "optimiser": "AdamW"},
        quality=(Measurement("recognised", 0.83, "256 samples"),),
        defaults={"steps": 4, "temperature": 0.9},
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_card_survives_json(architecture: str) -> None:
    card = make_card(architecture)
    assert Card.from_json(json.loads(json.dumps(card.to_json())), WHERE) == card


def test_every_field_survives_json() -> None:
    card = full_card()
    assert Card.from_bytes(json.dumps(card.to_json()).encode(), WHERE) == card
    assert card.mask_id == card.codebook_size == 8
    assert (card.neuron_type, card.tau, card.snn_steps) == ("LIF", 2.0, 3)


def test_the_files_own_defaults_win() -> None:
    assert make_card("sddpm").run_defaults()["steps"] == 50
    defaults = full_card().run_defaults()
    assert (defaults["sampler"], defaults["steps"]) == ("absorbing", 4)
    assert defaults["temperature"] == 0.9
    assert defaults["snn_steps"] == 3


HOSTILE = {
    "architecture": ["transformer", 3, None],
    "config": [{}, [], {"a b": 1}, {"deep": {"deeper": 1}}, {"long": "x" * 301}, {"n": [0] * 65}],
    "snn_steps": [0, -4, 65, 1e9, "4", True, None, 2.5],
    "neuron_type": ["Izhikevich", "LIF"],
    "v_threshold": [0, -1, 21, "1"],
    "tau": [0.5, 2.0, "2"],
    "data_range": [[1], [1, -1], [0, 1, 2], [0, 1e9], "0..1"],
    "image_size": [0, 1025, 28.5],
    "image_channels": [0, 2, 4],
    "codebook_size": [1, 128, 1e9],
    "mask_id": [3, -1],
    "classes": ["0123", ["x"] * 1001, [7]],
    "dataset": ["", "x" * 301, "\x1b[2Jmnist", "a\nb", "\u202ecod", None],
    "data_licence": ["\x07", 3],
    "training": [{"Steps": 1}, {"steps": []}, {"notes": "x" * 301}, []],
    "quality": [[{"metric": "fid"}], [{"metric": "a b", "value": 1, "protocol": ""}], {}],
    "defaults": [
        {"steps": 0},
        {"steps": 1001},
        {"sampler": "rk45"},
        {"sampler": "absorbing"},
        {"num": 65},
        {"temperature": 0},
        {"speed": 1},
    ],
    "tensors_sha256": ["", "0" * 63, "Z" * 64],
    "schema_version": [0, 2, "1", None, True, [1]],
    "surprise": [1],
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in HOSTILE.items() for value in values]
)
def test_a_hostile_value_is_refused_in_one_printable_line(field: str, value: object) -> None:
    values = make_card("sddpm").to_json() | {field: value}
    with pytest.raises(CheckpointError) as caught:
        Card.from_json(values, WHERE)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500
    assert caught.value.path == WHERE


@pytest.mark.parametrize("field", sorted(make_card("sddpm").to_json()))
def test_a_missing_field_is_named(field: str) -> None:
    values = make_card("sddpm").to_json()
    del values[field]
    with pytest.raises(CheckpointError, match="version" if field == "schema_version" else field):
        Card.from_json(values, WHERE)


def test_a_broken_card_cannot_be_made_either() -> None:
    with pytest.raises(CheckpointError, match="training"):
        make_card("sddpm", training={"Not a name": 1}).to_json()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b"{",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        b"[" * 20 + b"]" * 20,
        b" " * 300_000,
    ],
)
def test_text_that_is_no_card_is_refused(text: bytes) -> None:
    with pytest.raises(CheckpointError):
        Card.from_bytes(text, WHERE)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=20,
    )
)
def test_strict_json_reads_what_json_reads(value: object) -> None:
    text = json.dumps(value).encode()
    if text.count(b"[") + text.count(b"{") < strict_json.MAX_DEPTH:
        assert strict_json.parse(text) == value
    else:
        with contextlib.suppress(ValueError):
            assert strict_json.parse(text) == value


@given(st.binary(max_size=200))
def test_strict_json_raises_nothing_else_on_any_bytes(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        strict_json.parse(data)
