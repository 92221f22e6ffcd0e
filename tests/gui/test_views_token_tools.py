import gc

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from spikestudio.app import theme
from spikestudio.app.plots.palettes import code_colors
from spikestudio.app.viewmodels.branching import WAIT
from spikestudio.app.viewmodels.real_image import RealImage
from spikestudio.app.views.token_tools import ALL, HINT, NO_CODE
from spikestudio.app.views.tokens import TokensView
from spikestudio.sampling.branch import Branch
from tests.gui.fakes import MASK_ID, draw, shown
from tests.gui.test_branching import Desk, Recorder

LOCK, PAINT, CLEAR, PICK = range(4)


class TokenRecorder(Recorder):
    """Keeps the tokens that enter every step."""

    states = ()

    def state(self, step):
        return self.states[step] if step < self.steps_done else None


@pytest.fixture
def desk(qapp):
    yield Desk("spiking-diffusion")
    gc.collect()


@pytest.fixture
def view(qtbot, desk):
    made = shown(qtbot, TokensView(desk.run, branching=desk.branching), 900, 520)
    made.tools.toggle.click()
    return made


def do(desk, steps=10, done=None):
    """Do a run whose tokens are kept after every step."""
    fake = desk.start(steps)
    fake.recorder = TokenRecorder(fake.request, desk.sha256)
    fake.start()
    grid = (4, 7, 7)
    states = [
        {
            "tokens": np.full(grid, MASK_ID, np.int32),
            "revealed": np.full(grid, -1, np.int32),
            "confidence": np.zeros(grid, np.float32),
        }
    ]
    for _ in range(steps if done is None else done):
        fake.step(1)
        now = desk.run.tokens
        states.append({"tokens": now.tokens, "revealed": now.order, "confidence": now.confidence})
    fake.recorder.states = states
    return fake


def at(view, row, column):
    return view.map.cell_rect(row, column).center().toPoint()


def drag(qtbot, view, *cells, modifier=Qt.KeyboardModifier.NoModifier):
    """Press on the first cell, move over the others, let go on the last."""
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(view.map, left, modifier, at(view, *cells[0]))
    for cell in cells[1:]:
        move(view, at(view, *cell), modifier)
    qtbot.mouseRelease(view.map, left, modifier, at(view, *cells[-1]))
    draw(qtbot, view)


def move(view, where: QPoint, modifier):
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    place = QPointF(where)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        place,
        view.map.mapToGlobal(place),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        modifier,
    )
    QApplication.sendEvent(view.map, event)


def choose(view, tool):
    view.tools.tool.button(tool).click()


def look_at(qtbot, desk, view, step):
    do(desk).finish()
    view.look_at(step)
    draw(qtbot, view)
    return desk.run.recorder.states[step + 1]["tokens"][0]


def test_without_a_branching_there_is_no_editing(qtbot, desk):
    view = shown(qtbot, TokensView(desk.run))
    do(desk).finish()
    draw(qtbot, view)
    assert not view.tools.toggle.isVisible()
    assert not view.tools.row.isVisible()
    qtbot.mousePress(view.map, Qt.MouseButton.LeftButton, pos=at(view, 0, 0))
    assert view.codebook.selected is not None


def test_edits_are_drawn_over_the_map_and_counted(qtbot, desk, view):
    shown_tokens = look_at(qtbot, desk, view, 5)
    revealed, masked = (
        np.argwhere(is_in).tolist() for is_in in (shown_tokens != MASK_ID, shown_tokens == MASK_ID)
    )
    assert view.tools.caption.text == HINT
    for cell in revealed[:3]:
        drag(qtbot, view, cell)
    choose(view, CLEAR)
    for cell in revealed[3:5]:
        drag(qtbot, view, cell)
    choose(view, PAINT)
    drag(qtbot, view, masked[0])
    assert view.tools.caption.text == NO_CODE
    view.codebook.select(9)
    drag(qtbot, view, masked[0])
    assert view.tools.caption.text == "3 locked, 1 painted, 2 cleared; press Resume from step 7"
    picture = view.map.picture
    assert np.argwhere(picture.is_pinned).tolist() == revealed[:3]
    assert np.argwhere(picture.is_cleared).tolist() == revealed[3:5]
    assert picture.is_masked[picture.is_cleared].all()
    assert np.argwhere(picture.is_painted).tolist() == [masked[0]]
    assert picture.ids[tuple(masked[0])] == 9
    expected = code_colors(MASK_ID + 1)[9]
    assert np.array_equal(picture.colors[tuple(masked[0])], expected)
    view.codebook.select(None)
    draw(qtbot, view)
    box = view.map.cell_rect(*masked[0]).toRect()
    color = view.map.grab().toImage().pixelColor(box.right() - 4, box.bottom() - 4)
    assert (color.red(), color.green(), color.blue()) == tuple(expected)
    qtbot.mouseMove(view.map, at(view, *masked[0]))
    assert view.caption.text.endswith("edit: painted code 9")
    # another image has none
    desk.run.select(image=1)
    draw(qtbot, view)
    assert not view.map.picture.is_painted.any()
    assert view.tools.caption.text.startswith("3 locked, 1 painted, 2 cleared in image 1")


def test_a_drag_is_one_stroke_and_undone_by_key(qtbot, desk, view):
    look_at(qtbot, desk, view, 9)
    view.look_at(8)
    draw(qtbot, view)
    choose(view, CLEAR)
    drag(qtbot, view, (0, 0), (0, 6))  # as fast as that
    ids = desk.run.recorder.states[9]["tokens"][0]
    first = ids[0] != MASK_ID
    assert np.array_equal(view.tools.editor.cleared(0)[0], first)
    drag(qtbot, view, (2, 1), (6, 6), (4, 3), modifier=Qt.KeyboardModifier.ShiftModifier)
    box = np.zeros((7, 7), bool)
    box[2:5, 1:4] = True
    assert np.array_equal(view.tools.editor.cleared(0)[1:], (box & (ids != MASK_ID))[1:])
    view.map.setFocus()
    qtbot.keyClick(view.map, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    draw(qtbot, view)
    assert view.map.picture.is_cleared.sum() == first.sum()
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(view.map, Qt.Key.Key_Z, both)
    assert view.tools.editor.cleared(0)[3, 2] == (ids[3, 2] != MASK_ID)
    view.tools.undo.click()
    view.tools.undo.click()
    assert not view.tools.editor.has_edits
    assert not view.tools.undo.isEnabled()


def test_cells_are_edited_with_the_keys(qtbot, desk, view):
    look_at(qtbot, desk, view, 9)
    choose(view, CLEAR)
    view.map.setFocus()
    qtbot.keyClick(view.map, Qt.Key.Key_Up)
    qtbot.keyClick(view.map, Qt.Key.Key_Right)
    qtbot.keyClick(view.map, Qt.Key.Key_Return)
    assert np.argwhere(view.tools.editor.cleared(0)).tolist() == [[3, 4]]


def test_the_eyedropper_takes_the_code_of_a_cell(qtbot, desk, view):
    ids = look_at(qtbot, desk, view, 9)
    choose(view, PICK)
    drag(qtbot, view, (2, 2))
    assert view.codebook.selected == ids[2, 2]
    drag(qtbot, view, (4, 4))  # paints now
    assert view.tools.editor.tokens(0)[4, 4] == ids[2, 2]
    assert view.tools.brush.text == f"code {ids[2, 2]}"


def test_a_drag_that_picks_does_not_touch_the_stroke_before(qtbot, desk, view):
    look_at(qtbot, desk, view, 9)
    choose(view, CLEAR)
    drag(qtbot, view, (0, 0), (0, 2))
    choose(view, PICK)
    drag(qtbot, view, (2, 2), (5, 2))
    assert np.argwhere(view.tools.editor.cleared(0)).tolist() == [[0, 0], [0, 1], [0, 2]]
    assert not view.tools.editor.painted(0).any()


def test_all_images_at_once(qtbot, desk, view):
    look_at(qtbot, desk, view, 9)
    view.tools.scope.setCurrentText(ALL)
    choose(view, CLEAR)
    drag(qtbot, view, (1, 1))
    assert view.tools.caption.text == "1 cleared in each of 4 images; press Fill in again"


def test_resume_branches_behind_the_step_looked_at(qtbot, desk, view):
    ids = look_at(qtbot, desk, view, 5)
    cell = np.argwhere(ids != MASK_ID)[0].tolist()
    choose(view, CLEAR)
    drag(qtbot, view, cell)
    recorder = desk.run.recorder
    assert view.tools.go.text() == "Resume from step 7"
    view.tools.go.click()
    _, branch, parent = desk.calls[-1]
    assert parent is recorder
    assert branch == Branch.of(recorder, 6, view.tools.editor.edits())
    assert branch.edits[0].cells == (cell[0] * 7 + cell[1],)
    assert not view.tools.go.isEnabled()  # it starts
    do(desk, done=1)
    draw(qtbot, view)
    assert not view.tools.editor.has_edits


def test_the_last_step_begins_a_run_of_its_own(qtbot, desk, view):
    ids = look_at(qtbot, desk, view, 9)
    assert not view.tools.go.isEnabled()
    assert "Clear the cells" in view.tools.go.toolTip()
    drag(qtbot, view, (0, 0))
    choose(view, CLEAR)
    drag(qtbot, view, (3, 3))
    view.tools.go.click()
    request, branch, parent = desk.calls[-1]
    assert (request.num, parent, branch.past) == (4, None, None)
    first = branch.edits[0]
    assert first.kind == "paint"
    assert 24 not in first.cells
    assert first.codes == tuple(np.delete(ids.ravel(), 24).tolist())
    assert branch.edits[-1].kind == "lock"


def test_nothing_is_edited_while_a_run_goes_on(qtbot, desk, view):
    do(desk, done=5)
    draw(qtbot, view)
    choose(view, CLEAR)
    drag(qtbot, view, (3, 3))
    assert not view.tools.editor.has_edits
    assert view.tools.caption.text == WAIT
    assert not view.tools.go.isEnabled()


def test_another_model_s_run_is_not_resumed(qtbot, desk, view):
    look_at(qtbot, desk, view, 5)
    desk.run.recorder.origin["checkpoint"]["tensors_sha256"] = "1" * 64
    draw(qtbot, view)
    view.tools.show_state()
    assert not view.tools.go.isEnabled()
    assert "load tiny first" in view.tools.caption.text


def test_edits_wait_at_their_step(qtbot, desk, view):
    ids = look_at(qtbot, desk, view, 5)
    choose(view, CLEAR)
    drag(qtbot, view, np.argwhere(ids != MASK_ID)[0].tolist())
    view.look_at(8)
    draw(qtbot, view)
    assert view.map.picture.is_cleared is None
    assert view.tools.caption.text == "1 cleared, waiting at step 6; press Resume from step 7"
    drag(qtbot, view, (3, 3))
    assert view.tools.caption.text == "The edits belong to step 6: go there, or discard them."
    assert view.tools.editor.cleared(0).sum() == 1
    view.tools.discard.click()
    draw(qtbot, view)
    assert view.tools.go.text() == "Resume from step 10"


def test_pins_of_the_run_are_shown_without_editing(qtbot, desk, view):
    fake = do(desk)
    recorder = desk.run.recorder
    edits = [{"kind": "lock", "cells": [8], "codes": None, "images": [0]}]
    recorder.origin["branch"] = Branch(edits=edits).to_json()
    fake.finish()
    view.tools.toggle.click()
    desk.run.started.emit()
    view.mark_dirty()
    draw(qtbot, view)
    assert np.argwhere(view.map.picture.is_pinned).tolist() == [[1, 1]]


def test_the_rest_of_a_real_image_is_filled_in(qtbot, desk, view):
    look_at(qtbot, desk, view, 9)
    view.tools.toggle.click()
    image = RealImage("seven.png", np.full((28, 28, 1), 90, np.uint8), "")
    codes = np.arange(49, dtype=np.int32).reshape(7, 7) % MASK_ID
    desk.branching.images.encoded.emit(image, codes)
    draw(qtbot, view)
    assert view.tools.is_on
    assert np.array_equal(view.map.picture.ids, codes)
    assert np.array_equal(view.map.picture.decoded, image.pixels)
    assert view.map.picture.heading == "real image, seven.png"
    assert view.caption.text == "49 of 49 cells keep the token of the real image"
    assert not view.tools.go.isEnabled()
    drag(qtbot, view, (4, 0), (6, 6), modifier=Qt.KeyboardModifier.ShiftModifier)
    assert view.tools.caption.text == "21 cleared; press Fill in"
    view.tools.invert.click()
    draw(qtbot, view)
    assert view.map.picture.is_masked.sum() == 28
    view.tools.go.click()
    _, branch, _ = desk.calls[-1]
    (edit,) = branch.edits
    assert edit.images is None
    assert edit.cells == tuple(range(28, 49))
    assert edit.codes == tuple(codes.ravel()[28:].tolist())


def test_discarding_a_real_image_brings_the_run_back(qtbot, desk, view):
    ids = look_at(qtbot, desk, view, 9)
    image = RealImage("seven.png", np.zeros((28, 28, 1), np.uint8), "")
    desk.branching.images.encoded.emit(image, np.zeros((7, 7), np.int32))
    draw(qtbot, view)
    view.tools.discard.click()
    draw(qtbot, view)
    assert np.array_equal(view.map.picture.ids, ids)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_controls_fit_a_narrow_dock(qtbot, desk, view, scale):
    theme.manager.set_scale(scale)
    try:
        look_at(qtbot, desk, view, 5)
        view.resize(480, 520)
        draw(qtbot, view)
        tools = view.tools
        row = [tools.tool, tools.scope, tools.undo, tools.redo, tools.invert, tools.discard]
        for widget in (*row, tools.real, tools.go):
            assert widget.accessibleName() or widget.text()
            assert widget.toolTip() or widget is tools.tool
            assert widget.geometry().right() <= tools.row.width()
    finally:
        theme.manager.set_scale(1.0)
