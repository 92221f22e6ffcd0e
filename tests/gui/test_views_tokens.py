import numpy as np
import pytest

from spikestudio.app import theme
from spikestudio.app.plots.palettes import code_colors, scalar_indices, scalar_lut
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.tokens import CONFIDENCE, NO_TOKENS, ORDER, TokensView
from tests.gui.fakes import MASK_ID, FakeRun, draw, shown


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def view(qtbot, run):
    return shown(qtbot, TokensView(run))


def choose(view, text):
    view.color.setCurrentText(text)
    view.color.activated.emit(view.color.currentIndex())


def test_map_holds_the_tokens_of_the_selected_image(qtbot, run, view):
    FakeRun(run, tokens=True).start().step(5)
    run.select(image=2)
    draw(qtbot, view)
    picture, tokens = view.map.picture, run.tokens
    assert np.array_equal(picture.ids, tokens.tokens[2])
    assert np.array_equal(picture.is_masked, tokens.tokens[2] == MASK_ID)
    assert np.array_equal(picture.is_new, tokens.order[2] == 4)
    assert np.array_equal(picture.decoded, run.preview.decoded[2])
    assert picture.is_masked.any()
    assert picture.is_new.any()


def test_code_colours_depend_on_the_id_alone(qtbot, run, view):
    FakeRun(run, tokens=True).start().step(10)
    draw(qtbot, view)
    picture = view.map.picture
    assert np.array_equal(picture.colors, code_colors(MASK_ID + 1)[picture.ids])
    assert np.array_equal(code_colors(512)[:64], code_colors(64))
    assert len(np.unique(code_colors(128), axis=0)) == 128


def test_colour_can_show_order_and_confidence_with_a_scale(qtbot, run, view):
    FakeRun(run, tokens=True).start().step(10)
    draw(qtbot, view)
    assert view.scale.isHidden()
    choose(view, ORDER)
    tokens = run.tokens
    expected = scalar_lut()[scalar_indices(tokens.order[0] + 1.0, 1, 10), :3]
    assert np.array_equal(view.map.picture.colors, expected)
    assert view.scale.isVisible()
    choose(view, CONFIDENCE)
    expected = scalar_lut()[scalar_indices(tokens.confidence[0], 0, 1), :3]
    assert np.array_equal(view.map.picture.colors, expected)


def test_revealed_cell_is_painted_in_its_colour_and_masked_ones_are_hatched(qtbot, run, view):
    FakeRun(run, tokens=True).start().step(4)
    draw(qtbot, view)
    picture = view.map.picture
    image = view.map.grab().toImage()
    revealed = np.argwhere(~picture.is_masked & ~picture.is_new)[0]
    at = view.map.cell_rect(*revealed).topLeft().toPoint()
    color = image.pixelColor(at.x() + 3, at.y() + 3)
    assert (color.red(), color.green(), color.blue()) == tuple(picture.colors[*revealed])
    masked = view.map.cell_rect(*np.argwhere(picture.is_masked)[0]).toRect()
    inside = {
        image.pixelColor(x, y).name()
        for x in range(masked.left() + 2, masked.right() - 2)
        for y in range(masked.top() + 2, masked.bottom() - 2)
    }
    assert len(inside) >= 2


def test_pointing_at_a_cell_tells_code_confidence_and_step(qtbot, run, view):
    FakeRun(run, tokens=True).start().step(10)
    draw(qtbot, view)
    qtbot.mouseMove(view.map, view.map.cell_rect(3, 2).center().toPoint())
    tokens = run.tokens
    text = view.caption.text
    assert text.startswith(f"Cell x 2, y 3: code {tokens.tokens[0, 3, 2]}, confidence 0.")
    assert text.endswith(f"revealed in step {tokens.order[0, 3, 2] + 1}")


def test_caption_counts_what_is_revealed(qtbot, run, view):
    FakeRun(run, tokens=True).start().step(5)
    draw(qtbot, view)
    revealed = int((run.tokens.tokens[0] != MASK_ID).sum())
    assert f"step 5 of 10   {revealed} of 49 cells revealed" in view.caption.text


def test_model_without_tokens_says_so(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert view.stack.is_empty
    assert view.stack.sentence == NO_TOKENS
    FakeRun(run, tokens=True).start().step(1)
    draw(qtbot, view)
    assert not view.stack.is_empty


def test_starts_without_tokens_or_picture(qtbot, run, view):
    FakeRun(run, tokens=True).start()
    draw(qtbot, view)
    assert view.map.picture is None
    assert view.caption.text == "waiting for step 1"


def test_map_and_image_have_the_same_size_in_every_dock_shape(qtbot, run):
    view = shown(qtbot, TokensView(run), 330, 480)
    FakeRun(run, tokens=True).start().step(2)
    for size in ((330, 480), (700, 300), (900, 700)):
        view.resize(*size)
        draw(qtbot, view)
        cell, image = view.map.cell_rect(0, 0), view.map.image_rect()
        assert cell.width() * 7 == image.width() == image.height()
        assert view.map.rect().toRectF().contains(image)
        assert not image.intersects(view.map.cell_rect(6, 6))


def test_hidden_view_does_not_draw(qtbot, run):
    view = TokensView(run)
    qtbot.addWidget(view)
    FakeRun(run, tokens=True).start().step(1)
    assert not view.draw_if_needed()
    assert view.map.picture is None
    view.show()
    assert view.map.picture is not None


def test_theme_switch_repaints(qtbot, run, view):
    FakeRun(run, tokens=True).start().step(3)
    draw(qtbot, view)
    before = view.map.grab().toImage()
    theme.manager.set_mode("light")
    try:
        assert view.map.grab().toImage() != before
    finally:
        theme.manager.set_mode("dark")
