import time

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.compare_bars import limit_for
from spikestudio.app.plots.compare_canvas import CompareCanvas, ComparePanel
from spikestudio.app.plots.compare_pictures import (
    CHUNK,
    Differences,
    OfStates,
    Whole,
    signed_indices,
    signed_lut,
)
from spikestudio.app.views.compare import CompareView
from spikestudio.app.views.compare_controls import ALL, AT_CURSOR, DIFFERENCE, FINAL, ONE, SLIDER
from spikestudio.recording.pictures import pictures
from tests.gui.fakes import MASK_ID, draw, shown
from tests.gui.session import SIZE, Session

NEVER_LATE = bool


@pytest.fixture
def session(qapp):
    theme.manager.set_mode("dark")
    return Session()


@pytest.fixture
def make_view(qtbot):
    def make(session, width=700, height=700):
        view = CompareView(
            session.run, session.timeline, session.sampler, session.history, session.comparison
        )
        return shown(qtbot, view, width, height)

    return make


@pytest.fixture
def view(session, make_view):
    return make_view(session)


def choose(segmented, index):
    segmented.button(index).click()


def seek(qtbot, session, step):
    with qtbot.waitSignal(session.timeline.cursorChanged):
        session.timeline.seek(step, 0)


def picture_shown(view, panel=0, image=0):
    return view.stage.canvas.panels[panel].pictures.at(image)


def state_picture(entry, step, image):
    return pictures(entry.recorder.states[step]["x0_hat"])[image]


def test_says_what_appears_here_until_a_run_has_ended(qtbot, session, view):
    assert view.stack.is_empty
    session.sample()
    draw(qtbot, view)
    assert not view.stack.is_empty
    assert view.stage.canvas.panels[1].pictures is None
    assert "sample again" in view.stage.canvas.panels[1].title


def test_both_sides_show_the_step_and_the_image_looked_at(qtbot, session, view):
    a, b = session.sample(), session.sample(threshold=0.9)
    seek(qtbot, session, 2)
    session.run.select(image=3)
    draw(qtbot, view)
    assert view.stage.canvas.images == range(3, 4)
    for panel, entry in enumerate((a, b)):
        assert np.array_equal(picture_shown(view, panel, 3), state_picture(entry, 2, 3))
    assert view.caption.text == "step 3 of 4, t = 333   image 4 of 5"
    seek(qtbot, session, 1)
    draw(qtbot, view)
    assert np.array_equal(picture_shown(view, 1, 3), state_picture(b, 1, 3))


def test_x_t_is_the_state_that_the_next_step_began_with(qtbot, session, view):
    a, _ = session.sample(), session.sample(threshold=0.9)
    seek(qtbot, session, 1)
    draw(qtbot, view)
    view.controls.kind.setCurrentText("x_t")
    view.mark_dirty()
    draw(qtbot, view)
    expected = pictures(a.recorder.states[2]["x_t"])[0]
    assert np.array_equal(picture_shown(view), expected)


def test_final_images_stay_wherever_the_timeline_looks(qtbot, session, view):
    a, _ = session.sample(), session.sample(threshold=0.9)
    seek(qtbot, session, 0)
    choose(view.controls.when, FINAL)
    draw(qtbot, view)
    assert picture_shown(view).base is a.images or np.shares_memory(picture_shown(view), a.images)
    assert view.caption.text.startswith("final images")


def test_a_step_that_was_not_kept_is_hatched_and_said(qtbot, session, view):
    session.sample(lost=(2,))
    session.sample(threshold=0.9)
    seek(qtbot, session, 2)
    draw(qtbot, view)
    left, right = view.stage.canvas.panels
    assert left.pictures is None
    assert left.title == "A: run 1, not kept at this step"
    assert right.pictures is not None


def test_final_images_are_there_without_the_recording(qtbot, session, view):
    session.budget_mb = 10
    a, _ = session.sample(), session.sample(threshold=0.9)
    seek(qtbot, session, 1)
    draw(qtbot, view)
    assert view.stage.canvas.panels[0].title == "A: run 1, recording let go"
    choose(view.controls.when, FINAL)
    draw(qtbot, view)
    assert np.array_equal(picture_shown(view), a.images[0])


def test_runs_of_different_steps_say_which_are_compared(qtbot, session, view):
    session.sample(steps=4)
    session.sample(steps=10)
    seek(qtbot, session, 6)
    draw(qtbot, view)
    assert view.caption.text.startswith("A step 3 of 4, t = 333; B step 7 of 10, t = 333")
    assert "different denoising steps" in view.divergence.text
    assert not view.noise.text.startswith("Same noise")


def test_the_slider_shows_a_left_of_the_line_and_b_right_of_it(qtbot, session, view):
    a, b = session.sample(), session.sample(threshold=0.9)
    choose(view.controls.when, FINAL)
    choose(view.controls.mode, SLIDER)
    draw(qtbot, view)
    canvas = view.stage.canvas
    canvas.set_divider(0.5)
    picture = canvas.viewport().grab().toImage()
    tile = canvas.tile_rect(0, 0)
    scale = tile.width() // SIZE
    for column, entry in ((1, a), (6, b)):
        color = picture.pixelColor(
            tile.left() + column * scale + scale // 2, tile.top() + scale // 2
        )
        assert color.red() == entry.images[0, 0, column, 0]


def test_the_line_follows_the_mouse_and_the_keys(qtbot, session, view):
    session.sample()
    session.sample(threshold=0.9)
    choose(view.controls.mode, SLIDER)
    draw(qtbot, view)
    canvas = view.stage.canvas
    tile = canvas.tile_rect(0, 0)
    at = QPoint(tile.left() + tile.width() // 4, tile.center().y())
    qtbot.mousePress(canvas.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert canvas.divider == pytest.approx(0.25, abs=0.01)
    qtbot.keyClick(canvas, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert canvas.divider == pytest.approx(0.30, abs=0.01)


def test_the_difference_has_the_colour_of_its_sign(qtbot, session, view):
    a, b = session.sample(), session.sample(threshold=0.9)
    choose(view.controls.when, FINAL)
    choose(view.controls.mode, DIFFERENCE)
    draw(qtbot, view)
    difference = b.images[0, :, :, 0].astype(int) - a.images[0, :, :, 0]
    red_less_blue = picture_shown(view).astype(int) @ [1, 0, -1]
    neutral = signed_lut()[128, :3].astype(int) @ [1, 0, -1]
    assert (red_less_blue[difference > 8] > neutral).all()
    assert (red_less_blue[difference < -8] < neutral).all()
    assert "255" in view.controls.scale.accessibleName()
    view.controls.limit.setCurrentIndex(2)
    view.controls.limit.activated.emit(2)
    draw(qtbot, view)
    assert "+16" in view.controls.scale.accessibleName()


def test_images_of_different_sizes_are_only_put_beside_each_other(qtbot, session, view):
    session.sample()
    session.sample(size=16)
    choose(view.controls.mode, DIFFERENCE)
    draw(qtbot, view)
    assert len(view.stage.canvas.panels) == 2
    assert "different sizes" in view.caption.text


def test_all_images_that_both_have_are_shown(qtbot, session, view):
    session.sample(num=7)
    session.sample(num=5, threshold=0.9)
    choose(view.controls.scope, ALL)
    draw(qtbot, view)
    assert view.stage.canvas.images == range(5)
    assert "images 1 to 5, which both have" in view.caption.text


def test_clicks_and_arrow_keys_select_the_image_for_every_dock(qtbot, session, view):
    session.sample()
    session.sample(threshold=0.9)
    choose(view.controls.scope, ALL)
    draw(qtbot, view)
    canvas = view.stage.canvas
    at = canvas.tile_rect(1, 2).center()
    qtbot.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert session.run.selection.image == 2
    choose(view.controls.scope, ONE)
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert session.run.selection.image == 3
    for _ in range(5):
        qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert session.run.selection.image == 4


def test_pointing_at_a_pixel_tells_both_values_and_the_change(qtbot, session, view):
    a, b = session.sample(), session.sample(threshold=0.9)
    choose(view.controls.when, FINAL)
    draw(qtbot, view)
    canvas = view.stage.canvas
    tile = canvas.tile_rect(0, 0)
    scale = tile.width() // SIZE
    at = tile.topLeft() + QPoint(2 * scale + 1, 5 * scale + 1)
    qtbot.mouseMove(canvas.viewport(), at)
    one, other = int(a.images[0, 5, 2, 0]), int(b.images[0, 5, 2, 0])
    assert f"at x 2, y 5: A {one}, B {other}, B − A" in view.caption.text


def test_says_what_is_shared_what_differs_and_when_images_part(qtbot, session, view):
    session.sample(parts_at=2)
    session.sample(threshold=0.9, parts_at=2)
    draw(qtbot, view)
    assert view.divergence.text == "Looking for the first step that differs…"
    session.finish_jobs()
    draw(qtbot, view)
    assert view.difference.text == "1 parameter differs: threshold 1.000 → 0.900"
    assert view.noise.text.startswith("Same noise. DDIM")
    assert view.divergence.text == "Image 1 differs from step 3 on."


def test_bars_are_the_change_of_rate_of_every_layer(qtbot, session, view):
    session.sample()
    session.sample(threshold=0.5)
    seek(qtbot, session, 1)
    draw(qtbot, view)
    change = session.comparison.rate_change(session.comparison.steps_at(1))
    assert np.array_equal(view.bars.values, change)
    assert view.bars.layers == tuple(layer.id for layer in session.run.layers)
    assert view.bars.limit == limit_for(session.comparison.largest_rate_change())
    tallest = int(change.argmax())
    assert view.bars.bar_rect(tallest).height() > 1
    at = view.bars.bar_rect(tallest).center().toPoint()
    qtbot.mouseClick(view.bars, Qt.MouseButton.LeftButton, pos=at)
    assert session.run.selection.layer == view.bars.layers[tallest]
    assert view.bars_caption.text.startswith(view.bars.layers[tallest])


def test_bars_go_up_for_more_and_down_for_less(qtbot, session, view):
    session.sample(threshold=0.5)
    session.sample()
    draw(qtbot, view)
    zero = view.bars.height() / 2
    assert (view.bars.values < 0).all()
    assert view.bars.bar_rect(0).top() >= zero - 1
    assert "−" in view.bars_caption.text


def test_bars_are_pointed_at_with_keys(qtbot, session, view):
    session.sample()
    session.sample(threshold=0.5)
    draw(qtbot, view)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Return):
        qtbot.keyClick(view.bars, key)
    assert session.run.selection.layer == view.bars.layers[1]


def test_runs_are_chosen_from_the_lists_and_exchanged(qtbot, session, view):
    runs = [session.sample(seed=k) for k in range(3)]
    draw(qtbot, view)
    box = view.controls.runs["a"]
    assert box.currentData() == runs[1].key
    row = box.findData(runs[0].key)
    box.setCurrentIndex(row)
    box.activated.emit(row)
    assert session.comparison.a is runs[0]
    view.controls.swap.click()
    assert (session.comparison.a, session.comparison.b) == (runs[2], runs[0])
    view.controls.last_two.click()
    assert (session.comparison.a, session.comparison.b) == (runs[1], runs[2])


def test_b_is_sampled_from_the_form(qtbot, session, view):
    a = session.sample(seed=6)
    draw(qtbot, view)
    form = view.form
    assert form.name == "threshold"
    assert form.value == pytest.approx(0.997)
    assert form.button.text() == "Sample B with the same noise"
    form.boxes["threshold"].setValue(1.0)
    assert not form.button.isEnabled()
    assert "A's own value" in form.note.text
    form.boxes["threshold"].setValue(0.95)
    form.button.click()
    assert [(r.seed, r.threshold) for r in session.requests] == [(6, 0.95)]
    assert form.note.text == "B is being sampled."
    b = session.sample(session.requests[0])
    draw(qtbot, view)
    assert (session.comparison.a, session.comparison.b) == (a, b)


def test_the_form_promises_the_same_noise_only_where_it_is(qtbot, session, view):
    session.sample()
    draw(qtbot, view)
    form = view.form
    names = [form.parameter.itemData(row) for row in range(form.parameter.count())]
    assert names == ["threshold", "snn_steps", "steps"]
    form.parameter.setCurrentIndex(names.index("snn_steps"))
    assert form.value == 8
    assert form.button.text() == "Sample B with the same noise"
    form.parameter.setCurrentIndex(names.index("steps"))
    assert form.button.text() == "Sample B"
    form.button.click()
    assert session.requests[-1].steps == 2


def test_token_maps_outline_the_cells_that_differ(qtbot, make_view):
    session = Session("spiking-diffusion")
    view = make_view(session)
    a = session.sample(sampler="absorbing")
    b = session.sample(sampler="absorbing", threshold=0.9)
    seek(qtbot, session, 2)
    draw(qtbot, view)
    assert np.array_equal(picture_shown(view), a.recorder.states[2]["decoded"][0])
    view.controls.kind.setCurrentText("tokens")
    view.controls.changed.emit()
    draw(qtbot, view)
    tokens = {side: view.stage.maps[side].picture.ids for side in ("a", "b")}
    assert np.array_equal(tokens["a"], a.recorder.states[3]["tokens"][0])
    assert np.array_equal(tokens["b"], b.recorder.states[3]["tokens"][0])
    differs = tokens["a"] != tokens["b"]
    assert 0 < differs.sum() <= 12
    assert not differs[3].any(), "the last row is still masked in both"
    for side in ("a", "b"):
        assert np.array_equal(view.stage.maps[side].marked, differs)
        masked = view.stage.maps[side].picture.is_masked
        assert np.array_equal(masked, tokens[side] == MASK_ID)
    assert f"image 1: {differs.sum()} of 16 cells differ" in view.caption.text


def test_a_batch_of_4096_is_neither_copied_nor_made_as_a_whole(qtbot, session, view):
    a = session.sample(num=4096, steps=2)
    session.sample(num=4096, steps=2, threshold=0.9)
    choose(view.controls.scope, ALL)
    choose(view.controls.when, FINAL)
    draw(qtbot, view)
    assert np.shares_memory(picture_shown(view, 0, 0), a.images)
    choose(view.controls.when, AT_CURSOR)
    seek(qtbot, session, 0)
    draw(qtbot, view)
    _, last = view.stage.canvas.shown_images()
    assert last < 4096
    assert picture_shown(view, 0, last - 1) is not None
    assert picture_shown(view, 0, 4095) is None
    bar = view.stage.canvas.verticalScrollBar()
    bar.setValue(bar.maximum())
    draw(qtbot, view)
    assert np.array_equal(picture_shown(view, 0, 4095), state_picture(a, 0, 4095))
    assert "showing images" in view.caption.text


def test_pictures_wait_for_the_next_frame_when_this_one_is_late(qapp):
    states = np.random.default_rng(0).uniform(-1, 1, (3 * CHUNK, 1, 4, 4)).astype(np.float32)
    source = OfStates(states, (4, 4, 1))
    answers = iter((False, True))
    assert not source.prepare(0, 3 * CHUNK, lambda: next(answers))
    assert source.at(CHUNK - 1) is not None
    assert source.at(CHUNK) is None
    assert source.prepare(0, 3 * CHUNK, NEVER_LATE)
    assert np.array_equal(source.at(2 * CHUNK), pictures(states)[2 * CHUNK])


def test_only_what_is_equal_has_the_neutral_colour(qapp):
    values = np.array([-300, -255, -0.1, 0, 0.1, 255, 300], np.float32)
    assert signed_indices(values, 255).tolist() == [1, 1, 127, 128, 129, 255, 255]


def test_differences_follow_the_smaller_batch(qapp):
    rng = np.random.default_rng(1)
    a, b = (rng.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8) for n in (70, 40))
    both = Differences(Whole(a), Whole(b), 64)
    assert both.num == 40
    assert both.prepare(0, 70, NEVER_LATE)
    levels = signed_indices(b[39].mean(-1) - a[39].mean(-1), 64)
    assert np.array_equal(both.at(39), signed_lut()[levels, :3])


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_the_scale_of_differences_is_neutral_in_the_middle(qapp, mode):
    theme.manager.set_mode(mode)
    try:
        lut = signed_lut().astype(int)
        spread = lut[128, :3].max() - lut[128, :3].min()
        assert spread < 24, "no hue"
        assert lut[1, 2] > lut[1, 0] + 60
        assert lut[255, 0] > lut[255, 2] + 60
    finally:
        theme.manager.set_mode("dark")


def test_a_smaller_picture_is_enlarged_by_a_whole_number(qtbot):
    canvas = shown(qtbot, CompareCanvas(), 400, 240)
    small = np.full((1, 8, 8, 1), 200, np.uint8)
    large = np.zeros((1, 20, 20, 1), np.uint8)
    canvas.set_panels(
        (ComparePanel("A", Whole(small)), ComparePanel("B", Whole(large))), range(1), (20, 20), 0
    )
    tile = canvas.tile_rect(0, 0)
    picture = canvas.viewport().grab().toImage()
    row = [
        picture.pixelColor(x, tile.center().y()).red() == 200
        for x in range(tile.left(), tile.right())
    ]
    assert sum(row) % 8 == 0
    assert sum(row) > 0


def test_a_frame_of_a_large_batch_keeps_its_deadline(qtbot, session, view):
    """No timing: the view asks to go on, so that a frame is never as long as all of its work."""
    session.sample(num=600, steps=2)
    session.sample(num=600, steps=2, threshold=0.9)
    choose(view.controls.scope, ALL)
    draw(qtbot, view)
    clock = time.perf_counter
    seek(qtbot, session, 0)
    calls = {"number": 0}

    def late():
        calls["number"] += 1
        return clock() + calls["number"]

    view.mark_dirty()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "perf_counter", late)
        assert view.draw_if_needed()
        assert view.draw_if_needed(), "it is dirty again"
    draw(qtbot, view)
    first, last = view.stage.canvas.shown_images()
    assert all(picture_shown(view, 1, image) is not None for image in range(first, last))


def test_bars_give_way_to_the_pictures_in_a_small_dock(qtbot, session, make_view):
    host = shown(qtbot, QWidget(), 900, 900)
    view = CompareView(
        session.run, session.timeline, session.sampler, session.history, session.comparison, host
    )
    view.setGeometry(0, 0, 700, 800)
    view.show()
    session.sample()
    session.sample(threshold=0.5)
    draw(qtbot, view)
    assert view.bars.isVisible()
    least = view.minimumSizeHint().height()
    view.resize(700, least)
    draw(qtbot, view)
    assert not view.bars.isVisible()
    assert view.minimumSizeHint().height() == least
    assert view.stage.canvas.height() >= view.stage.canvas.minimumHeight()
