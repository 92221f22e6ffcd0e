"""Branches and token edits as values: what they hold, what they refuse, and what edits do."""

import json

import numpy as np
import pytest
import torch

from spikestudio.errors import ConfigError
from spikestudio.recording.values import Parameters
from spikestudio.sampling.branch import Branch, Change, Past, branch_of, given_tokens
from spikestudio.sampling.edits import TokenEdit, check_edits, edited
from spikestudio.sampling.request import SamplingRequest
from tests.unit.sampling.test_request import assert_one_sentence

MASK = 9


def past(**changes):
    values = {
        "request": SamplingRequest(
            num=3, threshold=0.9, overrides=[{"layer": "*", "kind": "silence"}]
        ),
        "checkpoint": "tiny",
        "tensors_sha256": "ab",
        "changes": (
            Change(step=2, threshold=0.8, temperature=1.0),
            Change(step=5, threshold=0.8, temperature=0.5),
        ),
    }
    return Past(**values | changes)


def state():
    """Two images of 2 x 3 cells, of which the last two are masked."""
    tokens = np.array([[[0, 1, 2], [3, MASK, MASK]], [[4, 5, 6], [7, MASK, MASK]]], np.int32)
    revealed = np.where(tokens == MASK, -1, 1).astype(np.int32)
    return {
        "tokens": tokens,
        "revealed": revealed,
        "confidence": np.where(tokens == MASK, 0, 0.5).astype(np.float32),
        "guess": tokens,
    }


def test_a_branch_survives_json_with_all_its_parents():
    first = Branch(step=5, past=past(), edits=[{"kind": "clear", "cells": [3, 4]}])
    second = Branch(
        step=6,
        past=past(branch=first),
        edits=(TokenEdit(kind="paint", cells=(1, 2), codes=(7, 8), images=(0,)),),
    )
    again = Branch.from_json(json.loads(json.dumps(second.to_json())))
    assert again == second
    assert hash(again) == hash(second)
    assert list(again.lineage()) == [second, first]
    assert branch_of({"branch": second.to_json()}) == second
    assert branch_of({}) is None
    assert Branch.from_json(Branch().to_json()) == Branch()


def test_a_parent_knows_what_was_in_force():
    run = past()
    assert [run.parameters(step) for step in (0, 1, 2, 4, 5, 9)] == [
        Parameters(0.9, 1.0),
        Parameters(0.9, 1.0),
        Parameters(0.8, 1.0),
        Parameters(0.8, 1.0),
        Parameters(0.8, 0.5),
        Parameters(0.8, 0.5),
    ]
    request = Branch(step=5, past=run).request
    assert (request.threshold, request.temperature) == (0.8, 0.5)
    assert request.overrides == run.request.overrides
    assert Branch().request is None


BAD = [
    lambda: Branch(step=3),
    lambda: Branch(step=-1),
    lambda: Branch(step=1.0),
    lambda: Branch(step=True),
    lambda: Branch(step=3, past=past(branch=Branch(step=4, past=past()))),
    lambda: Branch(edits="clear"),
    lambda: Branch(edits=[3]),
    lambda: TokenEdit(kind="wipe", cells=(1,)),
    lambda: TokenEdit(kind="clear", cells=()),
    lambda: TokenEdit(kind="clear", cells=(-1,)),
    lambda: TokenEdit(kind="clear", cells="12"),
    lambda: TokenEdit(kind="clear", cells=(1,), codes=(1,)),
    lambda: TokenEdit(kind="lock", cells=(1,), images=()),
    lambda: TokenEdit(kind="paint", cells=(1,)),
    lambda: TokenEdit(kind="paint", cells=(1, 2, 3), codes=(1, 2)),
    lambda: TokenEdit(kind="paint", cells=(1,), codes=(0.5,)),
    lambda: TokenEdit.from_json({"kind": "clear"}),
    lambda: TokenEdit.from_json({"kind": "clear", "cells": [1], "colour": "red"}),
    lambda: Change(step=0, threshold=float("nan"), temperature=1.0),
    lambda: Branch.from_json({"step": 1}),
    lambda: Branch.from_json([]),
    lambda: Branch.from_json({"step": 1, "edits": [], "parent": {"request": {}}}),
    lambda: Past.from_json({**past().to_json(), "changes": 3}),
    lambda: Past.from_json({**past().to_json(), "changes": [{"step": 1}]}),
    lambda: Past.from_json({**past().to_json(), "request": {"stepz": 1}}),
    lambda: Past.from_json({**past().to_json(), "checkpoint": None}),
    lambda: given_tokens(np.zeros((2, 3)), np.zeros((2, 3), bool)),
    lambda: given_tokens(np.zeros(3, int), np.zeros(3, bool)),
    lambda: given_tokens(np.zeros((2, 3), int), np.zeros((2, 3), int)),
    lambda: given_tokens(np.zeros((2, 3), int), np.zeros((3, 2), bool)),
]


@pytest.mark.parametrize("make", BAD, ids=range(len(BAD)))
def test_what_is_no_branch_is_refused_in_one_sentence(make):
    with pytest.raises(ConfigError) as caught:
        make()
    assert_one_sentence(str(caught.value))


def test_one_code_paints_all_cells_and_the_last_of_a_cell_counts():
    assert TokenEdit(kind="paint", cells=(3, 1), codes=4).codes == (4, 4)
    twice = TokenEdit(kind="paint", cells=(3, 1, 3), codes=(4, 5, 6))
    assert (twice.cells, twice.codes) == ((3, 1), (6, 5))
    assert twice == TokenEdit.from_json(twice.to_json())


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"kind": "clear", "cells": [6]}, "token cells 0 to 5, not 6"),
        ({"kind": "lock", "cells": [0], "images": [0, 2]}, "images 0 to 1, not 2"),
        ({"kind": "paint", "cells": [0], "codes": [9]}, "codes 0 to 8, not 9"),
    ],
)
def test_an_edit_beyond_the_end_is_refused(edit, words):
    with pytest.raises(ConfigError, match=words) as caught:
        check_edits([TokenEdit.from_json(edit)], num=2, num_cells=6, num_codes=9)
    assert_one_sentence(str(caught.value))


def test_edits_are_done_in_their_order_and_locked_cells_are_left_alone():
    before = state()
    edits = [
        TokenEdit(kind="paint", cells=(4,), codes=8, images=(1,)),
        TokenEdit(kind="lock", cells=(0, 4), images=(1,)),
        TokenEdit(kind="clear", cells=(0, 1, 4)),
        TokenEdit(kind="paint", cells=(0, 2), codes=(3, 1)),
    ]
    after = edited(before, edits, 5, MASK)
    assert after["tokens"].tolist() == [
        [[3, MASK, 1], [3, MASK, MASK]],
        [[4, MASK, 1], [7, 8, MASK]],
    ]
    assert after["revealed"].tolist() == [[[5, -1, 5], [1, -1, -1]], [[1, -1, 5], [1, 5, -1]]]
    assert after["confidence"].tolist() == [[[1, 0, 1], [0.5, 0, 0]], [[0.5, 0, 1], [0.5, 1, 0]]]
    for name, values in state().items():
        assert np.array_equal(before[name], values)  # not written to
        assert name == "guess" or after[name].dtype == values.dtype


def test_a_masked_cell_cannot_be_locked():
    edits = [TokenEdit(kind="lock", cells=(3, 5), images=(1,))]
    with pytest.raises(ConfigError, match=r"Cell 5 of image 1 is masked .* step 4") as caught:
        edited(state(), edits, 4, MASK)
    assert_one_sentence(str(caught.value))


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_given_tokens_are_painted_where_not_masked(library):
    tokens = np.arange(12).reshape(2, 2, 3)
    masked = np.zeros((2, 2, 3), bool)
    masked[0, 0] = True
    branch = given_tokens(library(tokens), library(masked))
    assert branch.edits == (
        TokenEdit(kind="paint", cells=(3, 4, 5), codes=(3, 4, 5), images=(0,)),
        TokenEdit(kind="paint", cells=(0, 1, 2, 3, 4, 5), codes=(6, 7, 8, 9, 10, 11), images=(1,)),
    )
    assert branch.step == 0
    for_all = given_tokens(library(tokens[0]), library(masked[0]))
    assert for_all.edits == (TokenEdit(kind="paint", cells=(3, 4, 5), codes=(3, 4, 5)),)
    assert given_tokens(library(tokens), library(np.ones((2, 3), bool))) == Branch()
