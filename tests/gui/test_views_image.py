import numpy as np
import pytest
from PySide6.QtCore import Qt

from spikestudio.app import theme
from spikestudio.app.plots.grid import FULL_ROWS_WORTH, fit_grid, fit_panels
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.image import ImageView
from tests.gui.fakes import FakeRun, draw, shown


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def view(qtbot, run):
    return shown(qtbot, ImageView(run))


def test_shows_one_sentence_and_a_button_before_the_first_run(qtbot, view):
    assert view.stack.is_empty
    with qtbot.waitSignal(view.sampleRequested):
        view.stack.sampleRequested.emit()


def test_panels_hold_exactly_the_arrays_of_the_newest_preview(qtbot, run, view):
    FakeRun(run, num=16).start().step(3)
    draw(qtbot, view)
    titles = [panel.title for panel in view.tiles.panels]
    assert titles == ["x_t", "predicted x0"]
    assert np.array_equal(view.tiles.panels[0].images, run.preview.x_t)
    assert np.array_equal(view.tiles.panels[1].images, run.preview.x0_hat)


def test_token_runs_show_the_decoded_image(qtbot, run, view):
    FakeRun(run, tokens=True).start().step(1)
    draw(qtbot, view)
    assert [panel.title for panel in view.tiles.panels] == ["decoded"]
    assert np.array_equal(view.tiles.panels[0].images, run.preview.decoded)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_on_screen_are_the_array_enlarged_by_a_whole_number(qtbot, run, view, channels):
    FakeRun(run, num=4, channels=channels).start().step(1)
    draw(qtbot, view)
    picture = view.tiles.viewport().grab().toImage()
    image = run.preview.x_t[3]
    tile = view.tiles.tile_rect(0, 3)
    scale = view.tiles.grid.width // 28
    assert scale >= 2
    for row, column in ((3, 5), (14, 14), (27, 27)):
        x, y = int(tile.x()) + column * scale, int(tile.y()) + row * scale
        color = picture.pixelColor(x, y)
        expected = np.broadcast_to(image[row, column], 3)
        assert (color.red(), color.green(), color.blue()) == tuple(expected)


def test_click_selects_the_image_for_every_dock(qtbot, run, view):
    FakeRun(run, num=16).start().step(1)
    draw(qtbot, view)
    at = view.tiles.tile_rect(1, 6).center().toPoint()
    qtbot.mouseClick(view.tiles.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert run.selection.image == 6
    assert "image 7 of 16" in view.caption.text


def test_arrow_keys_select_images(qtbot, run, view):
    FakeRun(run, num=16).start().step(1)
    draw(qtbot, view)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left):
        qtbot.keyClick(view.tiles, key)
    assert run.selection.image == view.tiles.grid.columns + 1
    qtbot.keyClick(view.tiles, Qt.Key.Key_Up)
    qtbot.keyClick(view.tiles, Qt.Key.Key_Up)
    assert run.selection.image == 1


def test_pointing_at_a_pixel_tells_its_value(qtbot, run, view):
    FakeRun(run, num=4).start().step(1)
    draw(qtbot, view)
    qtbot.mouseMove(view.tiles.viewport(), view.tiles.tile_rect(0, 2).center().toPoint())
    value = run.preview.x_t[2, 14, 14, 0]
    assert f"x_t of image 3 at x 14, y 14: {value}" in view.caption.text


def test_caption_counts_steps_from_one(qtbot, run, view):
    FakeRun(run).start().step(3)
    draw(qtbot, view)
    assert view.caption.text.startswith(f"step 3 of 10, t = {run.step.t}")


def test_a_single_image_fills_the_dock(qtbot, run, view):
    FakeRun(run, num=1).start().step(1)
    draw(qtbot, view)
    assert view.tiles.grid.count == 1
    assert view.tiles.grid.width == 28 * 11


def test_a_batch_of_4096_scrolls_and_says_what_it_shows(qtbot, run, view):
    FakeRun(run, num=4096).start().step(1)
    draw(qtbot, view)
    assert view.tiles.verticalScrollBar().maximum() > 0
    first, last = view.tiles.shown_images()
    assert f"showing images 1 to {last} of 4,096" in view.caption.text
    view.tiles.verticalScrollBar().setValue(view.tiles.verticalScrollBar().maximum())
    first, last = view.tiles.shown_images()
    assert first > 0
    assert last == 4096
    at = view.tiles.tile_rect(0, 4095).center().toPoint()
    qtbot.mouseClick(view.tiles.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert run.selection.image == 4095


def test_hidden_view_does_not_draw_until_it_is_shown(qtbot, run):
    view = ImageView(run)
    qtbot.addWidget(view)
    FakeRun(run).start().step(2)
    assert not view.draw_if_needed()
    assert view.tiles.panels == ()
    view.show()
    assert view.tiles.panels


def test_theme_switch_repaints(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    before = view.grab().toImage()
    theme.manager.set_mode("light")
    try:
        assert view.grab().toImage() != before
    finally:
        theme.manager.set_mode("dark")


@pytest.mark.parametrize("count", [1, 2, 3, 5, 16, 17, 64, 100, 4096])
@pytest.mark.parametrize("space", [(660, 380), (200, 300), (90, 60), (1500, 40)])
def test_grid_scales_by_the_largest_whole_number_that_fits(count, space):
    grid = fit_grid(count, (28, 28), space, 4)
    assert grid.width % 28 == 0
    assert grid.columns * grid.rows >= count
    fits = grid.total_width <= space[0] and grid.total_height <= space[1]
    assert fits or grid.width == 28
    bigger = grid.width + 28
    columns, rows = ((length + 4) // (bigger + 4) for length in space)
    assert columns * rows < count


def test_sixteen_images_lie_four_by_four():
    grid = fit_grid(16, (28, 28), (330, 360), 4)
    assert (grid.columns, grid.rows) == (4, 4)


@pytest.mark.parametrize(
    ("width", "height"), [(650, 850), (743, 620), (743, 850), (420, 560), (500, 800), (1000, 300)]
)
def test_two_panels_of_sixteen_leave_no_gap_and_lose_no_size(width, height):
    beside = ((width - 16) // 2, height - 20)
    below = (width, (height - 8) // 2 - 20)
    grid, _ = fit_panels(16, (28, 28), (beside, below), 4)
    largest = max(fit_grid(16, (28, 28), space, 4).width for space in (beside, below))
    assert grid.is_even
    assert grid.width >= FULL_ROWS_WORTH * largest


def test_a_gap_is_taken_for_much_larger_images():
    grid, _ = fit_panels(16, (28, 28), ((275, 540), (100, 100)), 4)
    assert (grid.columns, grid.rows, grid.width) == (3, 6, 84)


def test_panels_stand_below_each_other_where_that_fills_the_rows(qtbot, run, view):
    view.resize(660, 930)
    FakeRun(run, num=16).start().step(1)
    draw(qtbot, view)
    grid = view.tiles.grid
    assert (grid.columns, grid.rows) == (4, 4)
    first, second = view.tiles.tile_rect(0, 15), view.tiles.tile_rect(1, 0)
    assert second.top() > first.bottom()
    assert view.tiles.viewport().rect().contains(view.tiles.tile_rect(1, 15).toRect())
