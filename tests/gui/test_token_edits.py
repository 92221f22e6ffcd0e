import numpy as np
import pytest

from spikestudio.app.plots.token_marks import cells_between, cells_on_line
from spikestudio.app.viewmodels.real_image import RealImage
from spikestudio.app.viewmodels.token_edits import TokenEditor, pinned
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.edits import TokenEdit, edited
from spikestudio.sampling.events import TokensUnmasked
from tests.gui.fakes import MASK_ID, FakeRecorder

SHAPE = (3, 4, 5)


def tokens(step=2):
    """The two lower rows are masked."""
    found = np.arange(60, dtype=np.int32).reshape(SHAPE) % MASK_ID
    found[:, 2:] = MASK_ID
    order = np.where(found == MASK_ID, -1, 0).astype(np.int32)
    confidence = np.where(found == MASK_ID, 0, 0.5).astype(np.float32)
    return TokensUnmasked(
        run_id=1, step=step, tokens=found, order=order, confidence=confidence, mask_id=MASK_ID
    )


@pytest.fixture
def editor(qapp):
    made = TokenEditor()
    made.look_at(tokens(), FakeRecorder())
    return made


def as_the_core_does(editor, step=3):
    """Tokens after the edits, done by the code that a run uses."""
    base = tokens()
    state = {"tokens": base.tokens, "revealed": base.order, "confidence": base.confidence}
    return edited(state, editor.edits(), step, MASK_ID)["tokens"]


def assert_agrees(editor):
    done = as_the_core_does(editor)
    for image in range(3):
        assert np.array_equal(editor.tokens(image), done[image])


def test_edits_are_what_a_run_makes_of_them(editor):
    before = tokens().tokens
    assert editor.stroke("paint", [(3, 0), (0, 1)], [0, 2], 7) == ""
    assert editor.stroke("clear", [(1, 0), (1, 1)], [0]) == ""
    assert editor.stroke("lock", [(3, 0), (0, 0)], [0]) == ""
    first = editor.tokens(0)
    assert first[3, 0] == first[0, 1] == 7
    assert (first[1, :2] == MASK_ID).all()
    assert np.array_equal(editor.tokens(1), before[1])
    assert editor.tokens(2)[1, 0] == before[2, 1, 0]
    assert_agrees(editor)
    kinds = [(each.kind, each.images) for each in editor.edits()]
    assert kinds == [("paint", (0,)), ("clear", (0,)), ("lock", (0,)), ("paint", (2,))]


def test_all_images_share_one_edit(editor):
    editor.stroke("clear", [(0, 0)], range(3))
    (edit,) = editor.edits()
    assert edit == TokenEdit(kind="clear", cells=(0,))


def test_locked_cells_stay_until_they_are_unlocked(editor):
    editor.stroke("lock", [(0, 0), (0, 1)], [1])
    said = editor.stroke("clear", [(0, 0), (1, 0)], [1])
    assert said == "Locked cells stay as they are: unlock them first."
    assert editor.cleared(1).nonzero() == ([1], [0])
    assert_agrees(editor)
    editor.stroke("lock", [(0, 0)], [1])
    assert editor.locked(1).sum() == 1
    assert editor.stroke("clear", [(0, 0)], [1]) == ""
    assert editor.tokens(1)[0, 0] == MASK_ID


def test_a_masked_cell_is_not_locked(editor):
    said = editor.stroke("lock", [(0, 0), (3, 3)], [0])
    assert said == "A masked cell has no token to lock: paint it first."
    assert np.argwhere(editor.locked(0)).tolist() == [[0, 0]]


def test_what_changes_nothing_is_no_edit(editor):
    code = int(editor.tokens(0)[0, 3])
    editor.stroke("paint", [(0, 3)], [0], code)
    editor.stroke("clear", [(3, 3)], [0])
    assert not editor.has_edits
    assert editor.edits() == ()
    editor.stroke("paint", [(3, 3)], [0], 4)
    editor.stroke("clear", [(3, 3)], [0])  # it was masked before
    assert not editor.has_edits


def test_a_stroke_is_undone_as_one(editor):
    editor.stroke("clear", [(0, 0)], [0])
    editor.stroke("paint", [(1, 1)], [0], 3)
    editor.stroke("paint", [(1, 1), (1, 2)], [0], 3, is_new=False)
    editor.stroke("paint", [(1, 1), (2, 1)], [0], 3, is_new=False)  # a rectangle may shrink
    assert np.argwhere(editor.painted(0)).tolist() == [[1, 1], [2, 1]]
    painted = editor.tokens(0)
    editor.undo()
    assert not editor.painted(0).any()
    assert editor.cleared(0)[0, 0]
    editor.undo()
    assert not editor.has_edits
    assert not editor.can_undo
    editor.redo()
    editor.redo()
    assert np.array_equal(editor.tokens(0), painted)
    assert not editor.can_redo
    editor.undo()
    editor.stroke("clear", [(1, 4)], [0])
    assert not editor.can_redo


def test_edits_stay_with_the_step_they_were_made_at(editor):
    editor.stroke("clear", [(0, 0)], [0])
    editor.look_at(tokens(step=0), FakeRecorder())
    assert editor.base.step == 2
    assert not editor.is_of(tokens(step=0))
    editor.discard()
    editor.look_at(tokens(step=0), FakeRecorder())
    assert editor.base.step == 0
    assert not editor.has_edits


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([0], "1 locked, 2 cleared"),
        ([1], "1 locked, 2 cleared in image 2"),
        ([0, 1], "2 locked, 4 cleared in 2 images"),
        ([0, 1, 2], "1 locked, 2 cleared in each of 3 images"),
    ],
)
def test_summary_says_how_many_and_where(editor, images, expected):
    assert editor.summary(0) == ""
    editor.stroke("clear", [(0, 0), (0, 1)], images)
    editor.stroke("lock", [(1, 1)], images)
    assert editor.summary(0) == expected


def test_a_real_image_stands_for_every_image(editor):
    picture = RealImage("x.png", np.zeros((8, 8, 1), np.uint8), "")
    codes = np.arange(20, dtype=np.int32).reshape(4, 5)
    editor.stroke("clear", [(0, 0)], [0])
    editor.begin_image(picture, codes, MASK_ID)
    assert not editor.has_edits
    editor.stroke("clear", [(0, 0), (0, 1)], [2])
    given, masked = editor.given()
    assert given.shape == (4, 5)
    assert np.argwhere(masked).tolist() == [[0, 0], [0, 1]]
    editor.invert([0])
    assert np.array_equal(editor.given()[1], ~masked)
    editor.invert([0])
    assert np.array_equal(editor.given()[1], masked)
    assert np.array_equal(editor.given()[0][~masked], codes[~masked])


def test_pins_of_a_run_and_of_those_before_it(qapp):
    first = Branch(edits=[TokenEdit(kind="lock", cells=(0, 6), images=(1,))])
    origin = {"branch": first.to_json()}
    recorder = FakeRecorder()
    assert not pinned(recorder, 1, (4, 5)).any()
    recorder.origin = origin
    assert np.argwhere(pinned(recorder, 1, (4, 5))).tolist() == [[0, 0], [1, 1]]
    assert not pinned(recorder, 0, (4, 5)).any()
    past = {
        "request": {},
        "checkpoint": {"name": "a", "tensors_sha256": "b"},
        "changes": [],
        "branch": origin["branch"],
    }
    from spikestudio.sampling.request import SamplingRequest

    past["request"] = SamplingRequest(sampler="absorbing").to_json()
    edits = [
        {"kind": "clear", "cells": [0], "codes": None, "images": None},
        {"kind": "lock", "cells": [9], "codes": None, "images": None},
        {"kind": "clear", "cells": [9], "codes": None, "images": None},
    ]
    recorder = FakeRecorder()
    recorder.origin = {"branch": {"step": 3, "edits": edits, "parent": past}}
    assert np.argwhere(pinned(recorder, 1, (4, 5))).tolist() == [[1, 1], [1, 4]]


def test_cells_of_a_stroke():
    assert cells_on_line((0, 0), (0, 3)) == [(0, 1), (0, 2), (0, 3)]
    assert cells_on_line((0, 0), (2, 4))[-1] == (2, 4)
    assert len(cells_on_line((5, 1), (2, 4))) == 3
    assert sorted(cells_between((1, 2), (0, 1))) == [(0, 1), (0, 2), (1, 1), (1, 2)]
