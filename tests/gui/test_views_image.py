import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from spikestudio.app import theme
from spikestudio.app.plots.grid import FULL_ROWS_WORTH, fit_grid, fit_panels
from spikestudio.app.plots.outlines import CASINGS
from spikestudio.app.viewmodels.neuron_field import ShownField
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.image import ImageView
from spikestudio.models.geometry import Box, NeuronField, neuron_at
from tests.gui.fakes import SMALL_LAYERS, FakeRun, draw, shown
from tests.tiny import tiny_config


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
    first, last = view.tiles.shown_tiles()
    assert f"showing images 1 to {last} of 4,096" in view.caption.text
    view.tiles.verticalScrollBar().setValue(view.tiles.verticalScrollBar().maximum())
    first, last = view.tiles.shown_tiles()
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


# the neuron that is pointed at ----------------------------------------------------------------

SIDES = {"image": 28, "tokens": 7}
CONFIG = tiny_config("sddpm", image_size=16)


class Fields(QObject):
    """Fields that the test sets; pixels belong to neurons as in a network of 16 x 16 pixels."""

    changed = Signal()

    def __init__(self, run):
        super().__init__()
        self.run, self.shown, self.failure, self.is_available = run, None, "", True

    def show(self, *, neuron=7, output=Box(0, 0, 28, 28), spaces=("image", "image")):  # noqa: B008
        field = NeuronField(Box(3, 5, 9, 12), output, *spaces, is_exact=True, note="")
        self.shown = ShownField(SMALL_LAYERS[0], neuron, field, SIDES)
        self.changed.emit()

    def neuron_at(self, y, x):
        layer = self.run.layer(self.run.selection.layer)
        return neuron_at(CONFIG, layer, int(y * 16), int(x * 16))


@pytest.fixture
def fields(run):
    return Fields(run)


@pytest.fixture
def linked(qtbot, run, fields):
    return shown(qtbot, ImageView(run, fields=fields))


def boxes(view):
    return {
        (view.tiles.panels[each.panel].title, each.tag, each.is_dashed): each.box
        for each in view.tiles.outlines
    }


def test_field_and_footprint_are_outlined_on_the_panels_they_lie_on(qtbot, run, fields, linked):
    FakeRun(run, num=4).start().step(1)
    run.select(image=2)
    draw(qtbot, linked)
    assert linked.tiles.outlines == ()
    assert "Point at a neuron" in linked.field_caption.text
    fields.show()
    assert boxes(linked) == {
        ("x_t", "sees", False): (5 / 28, 3 / 28, 7 / 28, 6 / 28),
        ("predicted x0", "acts on", True): (0, 0, 1, 1),
    }
    assert {each.image for each in linked.tiles.outlines} == {2}
    assert linked.field_caption.text == (
        "Receptive field of neuron 7: rows 3–8, columns 5–11; acts on the whole image; exact"
    )
    run.select(image=1)
    draw(qtbot, linked)
    assert {each.image for each in linked.tiles.outlines} == {1}


def test_the_outline_encloses_exactly_the_pixels_of_its_box(qtbot, run, fields, linked):
    FakeRun(run, num=1).start().step(1)
    draw(qtbot, linked)
    before = linked.tiles.viewport().grab().toImage()
    fields.show()
    after = linked.tiles.viewport().grab().toImage()
    tile = linked.tiles.tile_rect(0, 0).toRect()
    scale = tile.width() // 28

    def is_same(column, row):
        at = tile.topLeft() + QPoint(column * scale + scale // 2, row * scale + scale // 2)
        return after.pixelColor(at) == before.pixelColor(at)

    assert all(is_same(column, row) for column in range(5, 12) for row in range(3, 9))
    edge = tile.topLeft() + QPoint(5 * scale, 6 * scale)  # half way down the left edge
    assert after.pixelColor(edge) == QColor(theme.tokens().text)
    assert after.pixelColor(edge - QPoint(1, 0)) == QColor(CASINGS["dark"])


def test_token_models_have_both_outlines_on_the_decoded_image(qtbot, run, fields, linked):
    FakeRun(run, tokens=True).start().step(1)
    draw(qtbot, linked)
    fields.show(output=Box(1, 1, 2, 2), spaces=("tokens", "tokens"))
    assert boxes(linked) == {
        ("decoded", "sees", False): (5 / 7, 3 / 7, 7 / 7, 6 / 7),
        ("decoded", "acts on", True): (1 / 7, 1 / 7, 1 / 7, 1 / 7),
    }
    assert "of the token map" in linked.field_caption.text


def test_outlines_can_be_hidden_and_the_sentence_stays(qtbot, run, fields, linked):
    FakeRun(run, num=4).start().step(1)
    draw(qtbot, linked)
    fields.show()
    linked.outlines.click()
    assert linked.tiles.outlines == ()
    assert linked.field_caption.text.startswith("Receptive field of neuron 7")
    linked.outlines.click()
    assert len(linked.tiles.outlines) == 2


def test_without_the_model_the_reason_is_said(qtbot, run, fields, linked):
    fields.is_available = False
    FakeRun(run, num=4).start().step(1)
    draw(qtbot, linked)
    assert "not loaded" in linked.field_caption.text


def test_without_fields_there_is_no_room_taken_for_them(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert not view.field_caption.isVisible()
    qtbot.mouseMove(view.tiles.viewport(), view.tiles.tile_rect(0, 0).center().toPoint())
    assert run.hovered is None


def test_a_watched_neuron_is_outlined_in_its_own_colour(qtbot, run, fields, linked):
    FakeRun(run).start().step(1)
    run.select(neurons=tuple(range(10)))
    draw(qtbot, linked)
    for neuron in (3, 9):  # the colours begin again after eight
        fields.show(neuron=neuron)
        assert {each.color for each in linked.tiles.outlines} == {theme.tokens().watch[neuron % 8]}


def test_pointing_at_a_pixel_of_the_focused_image_hovers_its_neuron(qtbot, run, linked):
    FakeRun(run, num=4).start().step(1)
    run.select(image=1)
    draw(qtbot, linked)
    tile = linked.tiles.tile_rect(1, 1)
    qtbot.mouseMove(linked.tiles.viewport(), tile.center().toPoint())
    assert run.hovered == 3 * 6 + 3
    at = linked.tiles.tile_rect(0, 2).center().toPoint()
    qtbot.mouseMove(linked.tiles.viewport(), at)
    assert run.hovered is None
    qtbot.mouseMove(linked.tiles.viewport(), tile.topLeft().toPoint() + QPoint(1, 1))
    assert run.hovered == 0
    QApplication.sendEvent(linked.tiles.viewport(), QEvent(QEvent.Type.Leave))
    assert run.hovered is None


def test_shift_click_watches_the_neuron_of_a_pixel(qtbot, run, linked):
    FakeRun(run, num=4).start().step(1)
    draw(qtbot, linked)
    tile, shift = linked.tiles.tile_rect(0, 0), Qt.KeyboardModifier.ShiftModifier
    viewport, left = linked.tiles.viewport(), Qt.MouseButton.LeftButton
    qtbot.mouseClick(viewport, left, shift, tile.center().toPoint())
    assert run.selection.neurons == (21,)
    corner = tile.topLeft().toPoint() + QPoint(1, 1)
    both = shift | Qt.KeyboardModifier.ControlModifier
    qtbot.mouseClick(viewport, left, both, corner)
    assert run.selection.neurons == (21, 0)
    qtbot.mouseClick(viewport, left, both, corner)
    assert run.selection.neurons == (21,)


def test_shifted_arrows_reach_pixels_and_enter_watches(qtbot, run, linked):
    FakeRun(run, num=4).start().step(1)
    run.select(image=3)
    draw(qtbot, linked)
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(linked.tiles, Qt.Key.Key_Up, shift)
    assert "x_t of image 4 at x 14, y 14" in linked.caption.text
    for _ in range(20):
        qtbot.keyClick(linked.tiles, Qt.Key.Key_Left, shift)
    assert "x_t of image 4 at x 0, y 14" in linked.caption.text
    assert run.hovered == 18
    qtbot.keyClick(linked.tiles, Qt.Key.Key_Return, shift)
    assert run.selection.neurons == (18,)
    assert run.selection.image == 3


def test_an_outline_is_told_from_every_pixel_in_both_themes(qapp):
    def luminance(color):
        parts = [part / 255 for part in QColor(color).getRgb()[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    def contrast(first, second):
        high, low = sorted((luminance(first), luminance(second)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for mode, table in theme.TABLES.items():
        for color in (table.text, *table.watch):
            assert contrast(color, CASINGS[mode]) >= 3  # one of the two lines is seen on any grey
            for pixel in ("black", "white"):
                assert max(contrast(color, pixel), contrast(CASINGS[mode], pixel)) >= 3
