"""The lessons on tokens and on RWKV played to their end on the bundled models, by clicks and keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from tests.integration.test_lessons import (
    CENTRE,
    WAIT_MS,
    Student,
    choose,
    play,
    press_sample,
    to_last_step,
)
from tests.integration.test_lessons import student as student

ROW = 7  # patches beside each other


def predictions(student: Student, lesson_id: str) -> dict[str, Any]:
    lesson = next(each for each in student.model.lessons if each.id == lesson_id)
    found = student.model.progress_of(lesson).predictions
    return {name: each.measured for name, each in found.items()}


def value(student: Student, name: str) -> Any:
    return student.model.state.value(name)


def wait_for(student: Student, name: str) -> None:
    """Wait until a state is known, and the lesson has seen it before it is changed."""
    student.wait(lambda: value(student, name) is not None)
    student.model.update()


# from image to tokens ---------------------------------------------------------------------------


def click_stages(student: Student) -> None:
    """Another cell, by a click on the first picture."""
    wait_for(student, "codec.cell")
    stages: Any = student.control("vqsvae.stages")
    before = value(student, "codec.cell")
    rect = stages.rect()
    for x in range(rect.left() + 8, rect.right(), 12):
        for y in range(rect.top() + 8, rect.bottom(), 24):
            student.qtbot.mouseClick(stages, CENTRE, pos=QPoint(x, y))
            if value(student, "codec.cell") != before:
                return
    raise AssertionError("no click reached a cell")


def walk_to_another_token(student: Student) -> None:
    """The arrow keys, cell by cell: while the token stays, the page is open."""
    wait_for(student, "codec.token")
    stages: Any = student.control("vqsvae.stages")
    stages.setFocus()
    before = value(student, "codec.token")
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Up):
        for _ in range(ROW):
            assert not student.model.is_done
            student.qtbot.keyClick(stages, key)
            if value(student, "codec.token") != before:
                return
    raise AssertionError("every cell has the same token")


def click_digit(student: Student) -> None:
    """A cell that does not hold the commonest token."""
    tokens = student.room.window.context.run.tokens.tokens[0]  # type: ignore[union-attr]
    codes, counts = np.unique(tokens, return_counts=True)
    row, column = np.argwhere(tokens != codes[counts.argmax()])[0]
    token_map: Any = student.control("tokens.map")
    point = token_map.cell_rect(int(row), int(column)).center().toPoint()
    student.qtbot.mouseClick(token_map, CENTRE, pos=point)
    assert value(student, "codebook.selected") == tokens[row, column]
    assert value(student, "codebook.cells") == (tokens == tokens[row, column]).sum()


def click_code(student: Student, code: int) -> None:
    grid: Any = student.control("codebook.grid")
    grid.show_code(code)
    student.qtbot.mouseClick(grid.viewport(), CENTRE, pos=grid.tile_rect(code).center())
    assert value(student, "codebook.selected") == code


def counts_of(student: Student) -> Any:
    return student.room.window.context.codebook.usage(None).counts  # type: ignore[union-attr]


def click_common_then_rare(student: Student) -> None:
    counts = counts_of(student)
    click_code(student, int(counts.argmax()))
    assert value(student, "codebook.count") == counts.max() > 1
    student.expect_open()
    click_code(student, int(np.flatnonzero(counts == 1)[0]))


def replace_a_token(student: Student) -> None:
    tools: Any = student.room.widget("tokens").tools
    token_map: Any = student.control("tokens.map")
    tokens = student.room.window.context.run.tokens.tokens[0]  # type: ignore[union-attr]
    background = int(counts_of(student).argmax())
    if value(student, "codebook.selected") != background:
        click_code(student, background)
    student.click(student.control("tokens.edit"))
    student.click(tools.tool.button(1))
    row, column = np.argwhere(tokens != background)[len(np.argwhere(tokens != background)) // 2]
    point = token_map.cell_rect(int(row), int(column)).center().toPoint()
    student.qtbot.mouseClick(token_map, CENTRE, pos=point)
    student.wait(lambda: tools.go.isEnabled())
    student.expect_open()
    before = student.model.state.num_finished
    student.click(tools.go)
    student.wait(lambda: student.model.state.num_finished > before)
    after = student.room.window.context.run.tokens.tokens[0]  # type: ignore[union-attr]
    assert np.argwhere(after != tokens).tolist() == [[row, column]]  # nothing else was drawn


def test_image_to_tokens(student: Student) -> None:
    play(
        student,
        "image-to-tokens",
        {
            "cells": (None, click_stages),
            "nearest": (None, walk_to_another_token),
            "map": (None, click_digit),
            "used": (30, to_last_step),
            "entry": (None, click_common_then_rare),
            "sample": (None, press_sample),
            "replace": (0.02, replace_a_token),
            "overlap": (None, None),
        },
    )
    measured = predictions(student, "image-to-tokens")
    assert 10 < measured["used"] < 50
    assert 0 < measured["replace"] < 0.25


# attention-free ---------------------------------------------------------------------------------


def click_neurons(student: Student, until: Any) -> None:
    """Click rows of the raster, one after the other."""
    wait_for(student, "wkv.token")
    plot: Any = student.control("raster.plot")
    rect = plot.viewport().rect()
    for y in range(rect.top() + 10, rect.bottom() - 10, 3):
        assert not student.model.is_done
        student.qtbot.mouseClick(plot.viewport(), CENTRE, pos=QPoint(rect.center().x(), y))
        if until():
            return
    raise AssertionError("no row of the raster will do")


def another_token(student: Student) -> None:
    wait_for(student, "wkv.token")
    before = value(student, "wkv.token")
    body = student.model.body
    assert f"token {before}, channel" in body.replace("\\", "")
    assert "computed again" in body
    click_neurons(student, lambda: value(student, "wkv.token") != before)
    assert student.model.body != body


def long_memory(student: Student) -> None:
    wait_for(student, "wkv.token")
    assert value(student, "wkv.half_life") < ROW
    click_neurons(student, lambda: value(student, "wkv.half_life") >= ROW)


def test_attention_free(student: Student) -> None:
    play(
        student,
        "attention-free",
        {
            "sequence": (None, choose("raster.layer", "in_blocks.0.lif1")),
            "sum": (None, another_token),
            "decay": (0.5, long_memory),
            "intact": (None, press_sample),
            "without": (0.1, press_sample),
            "careful": (None, None),
        },
    )
    measured = predictions(student, "attention-free")
    assert measured["decay"] == pytest.approx(0.76, abs=0.02)
    assert 0.3 < measured["without"] < 0.8
    run = student.room.window.context.run
    assert [each.kind for each in run.run.request.overrides] == ["no-reconstruction"]  # type: ignore[union-attr]


def test_the_equation_says_why_there_are_no_numbers(student: Student) -> None:
    """Before a neuron is selected, and of a layer that nothing is mixed before."""
    room = student.room
    student.wait(lambda: room.window.context.checkpoint.entries)
    room.model.open("attention-free")
    student.wait_ready()
    room.model.go(1)
    student.wait_ready()
    wait_for(student, "wkv.token")
    assert "not recorded" not in student.model.body
    run = room.window.context.run
    run.select(neurons=())
    assert "not recorded: select a neuron" in student.model.body
    run.select(layer="in_blocks.0.lif2", neurons=(0,))
    assert "not recorded: choose a layer lif1" in student.model.body
    assert value(student, "wkv.token") is None
    student.qtbot.waitUntil(
        lambda: run.known.memory("in_blocks.0.lif1", 19) is not None, timeout=WAIT_MS
    )  # type: ignore[union-attr]
