"""What may be asked to be recorded, and how the recorder takes it."""

import re

import numpy as np
import pytest

import spikestudio as ss
from spikestudio.errors import ConfigError
from spikestudio.recording.record import MAX_WATCHED, Record
from spikestudio.recording.recorder import Recorder
from spikestudio.types import LayerInfo

LAYERS = (
    LayerInfo("first", "IF", (2, 3), 1.0, 0.0, None),
    LayerInfo("second", "LIF", (5,), 1.0, 0.0, 2.0),
)


def make(**what) -> Recorder:
    return Recorder(LAYERS, num_steps=3, snn_steps=2, record=Record(**what))


def assert_one_sentence(text: str) -> None:
    assert re.fullmatch(r"[A-Z][^\n]*\.", text), text


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ({"budget_mb": -1}, "budget_mb"),
        ({"budget_mb": float("nan")}, "budget_mb"),
        ({"budget_mb": "512"}, "budget_mb"),
        ({"image": -1}, "image"),
        ({"image": 1.5}, "image"),
        ({"image": True}, "image"),
        ({"layers": "first"}, "layers"),
        ({"layers": (1,)}, "layers"),
        ({"layers": ("first", "third")}, "layers"),
        ({"watch": (("first", -1),)}, "watch"),
        ({"watch": (("first", 6),)}, "watch"),
        ({"watch": (("third", 0),)}, "watch"),
        ({"watch": ("first", 0)}, "watch"),
        ({"watch": 7}, "watch"),
        ({"watch": tuple(("first", k) for k in range(MAX_WATCHED + 1))}, "watch"),
    ],
)
def test_mistakes_are_explained(what, field):
    with pytest.raises(ConfigError) as caught:
        make(**what)
    assert caught.value.field == field
    assert_one_sentence(str(caught.value))


def test_lists_and_numpy_numbers_are_taken():
    record = Record(layers=["first"], watch=[["first", np.int64(3)], ("first", 3), ("second", 0)])
    assert record.layers == ("first",)
    assert record.watch == (("first", 3), ("second", 0))
    assert type(record.watch[0][1]) is int
    assert hash(record) == hash(Record(layers=("first",), watch=(("first", 3), ("second", 0))))


def test_the_budget_is_in_mebibytes():
    assert make(budget_mb=0.5).budget_bytes == 512 * 1024
    assert make().budget_bytes == 512 * 1024 * 1024


def test_a_wrong_watch_list_leaves_the_one_before():
    recorder = make(watch=(("first", 1),))
    with pytest.raises(ConfigError):
        recorder.set_watch([("second", 5)])
    assert recorder.watch == (("first", 1),)
    recorder.set_watch([])
    assert recorder.watch == ()


def test_it_is_part_of_the_package():
    assert ss.Record is Record
