"""Strokes and edits that do not fit the token map: a sentence, and nothing changed."""

from __future__ import annotations

import numpy as np
import pytest

from spikestudio.app.viewmodels.real_image import RealImage
from spikestudio.app.viewmodels.token_edits import TokenEditor
from spikestudio.errors import ConfigError
from spikestudio.sampling.edits import CLEAR, LOCK, PAINT, TokenEdit, as_edits, check_edits
from tests.unit.sampling.test_request import assert_one_sentence

MASK = 10


@pytest.fixture
def editor(qapp):
    made = TokenEditor()
    picture = RealImage("a.png", np.zeros((28, 28, 1), np.uint8), "")
    made.begin_image(picture, np.arange(9, dtype=np.int32).reshape(3, 3), MASK)
    return made


@pytest.mark.parametrize("cell", [(3, 0), (0, 3), (-1, 0), (0, -1), (99, 99)])
@pytest.mark.parametrize("tool", [LOCK, PAINT, CLEAR])
def test_a_stroke_that_leaves_the_map_changes_nothing(editor, tool, cell):
    editor.stroke(PAINT, [(1, 1)], [0], 7)
    before = editor.edits()
    said = editor.stroke(tool, [(0, 0), cell], [0], 3)
    assert said == "The token map has 3 x 3 cells: edit cells inside it."
    assert editor.edits() == before
    editor.undo()
    assert not editor.has_edits  # the refused stroke is none to take back
    assert not editor.can_undo


@pytest.mark.parametrize("code", [-1, MASK, 10**6])
def test_a_code_that_there_is_not_is_refused(editor, code):
    assert editor.stroke(PAINT, [(0, 0)], [0], code) == (
        "There are the codes 0 to 9: choose one of them."
    )
    assert not editor.has_edits


def test_what_is_refused_keeps_what_was_undone(editor):
    editor.stroke(CLEAR, [(0, 0)], [0])
    editor.undo()
    editor.stroke(CLEAR, [(9, 9)], [0])
    assert editor.can_redo


@pytest.mark.parametrize(
    "values",
    [
        {"kind": LOCK, "cells": b"abc"},
        {"kind": LOCK, "cells": np.array(3)},
        {"kind": LOCK, "cells": np.zeros((2, 2), int)},
        {"kind": LOCK, "cells": [0.5]},
        {"kind": LOCK, "cells": [True]},
        {"kind": LOCK, "cells": [-1]},
        {"kind": LOCK, "cells": [2**40]},
        {"kind": LOCK, "cells": []},
        {"kind": LOCK, "cells": "012"},
        {"kind": LOCK, "cells": {"a" * 10_000: 1}},
        {"kind": "x" * 10_000, "cells": [0]},
        {"kind": PAINT, "cells": [0, 1], "codes": [1, 2, 3]},
        {"kind": PAINT, "cells": [0]},
        {"kind": CLEAR, "cells": [0], "images": np.zeros((2, 2), int)},
        {"kind": CLEAR, "cells": [0], "color\n": "red"},
    ],
)
def test_an_edit_that_makes_no_sense_is_one_short_sentence(values):
    with pytest.raises(ConfigError) as caught:
        as_edits([values])
    assert_one_sentence(str(caught.value))
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"kind": LOCK, "cells": [8, 9]}, "token cells 0 to 8, not 9"),
        ({"kind": PAINT, "cells": [0], "codes": [MASK]}, "codes 0 to 9, not 10"),
        ({"kind": CLEAR, "cells": [0], "images": [2]}, "images 0 to 1, not 2"),
    ],
)
def test_cells_outside_the_map_are_named_before_the_run(edit, words):
    with pytest.raises(ConfigError, match=words):
        check_edits([TokenEdit(**edit)], 2, 9, MASK)
