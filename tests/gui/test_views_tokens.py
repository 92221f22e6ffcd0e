import gc

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication

from spikestudio.app import theme
from spikestudio.app.plots.palettes import code_colors, scalar_indices, scalar_lut
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.token_layers import CONFIDENCE, ENTROPY, ORDER
from spikestudio.app.views.tokens import NO_TOKENS, TokensView
from spikestudio.recording.values import Parameters
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.edits import TokenEdit
from tests.gui.fakes import MASK_ID, FakeRun, draw, shown
from tests.gui.fakes import FakeRecorder as BareRecorder


class FakeRecorder(BareRecorder):
    """Tells the temperature of every step, 1 unless ``colder_from`` a step on."""

    colder_from = 1000

    def parameters(self, step):
        if step >= self.steps_done:
            return None
        return Parameters(1.0, 0.5 if step >= self.colder_from else 1.0)


@pytest.fixture
def run(qapp):
    yield RunModel()
    gc.collect()  # of widgets in cycles; Qt may deadlock if that happens while it disconnects


@pytest.fixture
def view(qtbot, run):
    return shown(qtbot, TokensView(run))


def choose(view, text):
    view.color.setCurrentText(text)
    view.color.activated.emit(view.color.currentIndex())


def test_map_holds_the_tokens_of_the_selected_image(qtbot, run, view):
    FakeRun(run, FakeRecorder(), tokens=True).start().step(5)
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
    FakeRun(run, FakeRecorder(), tokens=True).start().step(10)
    draw(qtbot, view)
    picture = view.map.picture
    assert np.array_equal(picture.colors, code_colors(MASK_ID + 1)[picture.ids])
    assert np.array_equal(code_colors(512)[:64], code_colors(64))
    assert len(np.unique(code_colors(128), axis=0)) == 128


def test_colour_can_show_order_and_confidence_with_a_scale(qtbot, run, view):
    FakeRun(run, FakeRecorder(), tokens=True).start().step(10)
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
    FakeRun(run, FakeRecorder(), tokens=True).start().step(4)
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
    FakeRun(run, FakeRecorder(), tokens=True).start().step(10)
    draw(qtbot, view)
    qtbot.mouseMove(view.map, view.map.cell_rect(3, 2).center().toPoint())
    tokens = run.tokens
    text = view.caption.text
    assert text.startswith(f"Cell x 2, y 3: code {tokens.tokens[0, 3, 2]}, confidence 0.")
    assert text.endswith(f"revealed in step {tokens.order[0, 3, 2] + 1}")


def test_caption_counts_what_is_revealed(qtbot, run, view):
    FakeRun(run, FakeRecorder(), tokens=True).start().step(5)
    draw(qtbot, view)
    revealed = int((run.tokens.tokens[0] != MASK_ID).sum())
    assert f"step 5 of 10   {revealed} of 49 cells revealed" in view.caption.text


def test_caption_of_a_single_code_is_not_plural(qtbot, run, view):
    FakeRun(run, FakeRecorder(), tokens=True).start().step(5)
    tokens = run.tokens.tokens
    tokens[0][tokens[0] != MASK_ID] = 3
    draw(qtbot, view)
    assert ", 1 code   image 1" in view.caption.text


def test_model_without_tokens_says_so(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert view.stack.is_empty
    assert view.stack.sentence == NO_TOKENS
    FakeRun(run, FakeRecorder(), tokens=True).start().step(1)
    draw(qtbot, view)
    assert not view.stack.is_empty


def test_starts_without_tokens_or_picture(qtbot, run, view):
    FakeRun(run, FakeRecorder(), tokens=True).start()
    draw(qtbot, view)
    assert view.map.picture is None
    assert view.caption.text == "waiting for step 1"


def test_map_and_image_have_the_same_size_in_every_dock_shape(qtbot, run):
    view = shown(qtbot, TokensView(run), 330, 480)
    FakeRun(run, FakeRecorder(), tokens=True).start().step(2)
    for size in ((330, 480), (700, 300), (900, 700)):
        view.resize(*size)
        draw(qtbot, view)
        cell, image = view.map.cell_rect(0, 0), view.map.image_rect()
        assert cell.width() * 7 == image.width() == image.height()
        assert view.map.rect().toRectF().contains(image)
        assert not image.intersects(view.map.cell_rect(6, 6))


class Recorder(FakeRecorder):
    """Keeps the states of a token run, and the decoded images of the steps in ``kept``."""

    kept = ()

    def state(self, step):
        if step >= self.steps_done:
            return None
        state = dict(self.states[step])
        if step not in self.kept:
            state.pop("decoded", None)
        return state


def record(run, steps, kept):
    """Run some steps, keeping what entered each of them and what it was decoded to."""
    recorder = Recorder()
    recorder.kept = kept
    fake = FakeRun(run, recorder, tokens=True).start()
    grid = (4, 7, 7)
    entered = {
        "tokens": np.full(grid, MASK_ID, np.int32),
        "revealed": np.full(grid, -1, np.int32),
        "confidence": np.zeros(grid, np.float32),
    }
    recorder.states = []
    pictures = []
    for _ in range(steps):
        fake.step(1)
        pictures.append(run.preview.decoded)
        recorder.states.append({**entered, "decoded": run.preview.decoded})
        tokens = run.tokens
        entered = {
            "tokens": tokens.tokens,
            "revealed": tokens.order,
            "confidence": tokens.confidence,
        }
    return pictures


def test_an_earlier_step_has_its_own_decoded_image_or_says_that_there_is_none(qtbot, run, view):
    pictures = record(run, 5, kept=(2,))
    view.look_at(2)
    draw(qtbot, view)
    assert np.array_equal(view.map.picture.decoded, pictures[2][0])
    assert view.map.picture.heading == "decoded"
    before = view.map.image_rect()
    view.look_at(1)
    draw(qtbot, view)
    assert view.map.picture.decoded is None
    assert view.map.picture.heading == "decoded: not kept for step 2"
    assert view.map.image_rect() == before  # nothing jumps
    colors = {
        view.map.grab().toImage().pixelColor(int(before.x()) + 20 + i, int(before.y()) + 20).name()
        for i in range(12)
    }
    assert len(colors) > 1  # hatched
    view.look_at(None)
    draw(qtbot, view)
    assert np.array_equal(view.map.picture.decoded, pictures[4][0])


def test_tokens_that_are_newer_than_their_picture_say_whose_it_is(qtbot, run, view):
    fake = FakeRun(run, FakeRecorder(), tokens=True).start().step(3)
    run.take(fake._tokens(3))
    draw(qtbot, view)
    assert view.map.picture.heading == "decoded, step 3"
    assert np.array_equal(view.map.picture.decoded, run.preview.decoded[0])


def test_pointing_at_a_cell_hovers_the_neuron_at_it(qtbot, run):
    class Fields:
        def neuron_at(self, y, x):
            return int(y * 7) * 7 + int(x * 7)

    view = shown(qtbot, TokensView(run, fields=Fields()))
    FakeRun(run, FakeRecorder(), tokens=True).start().step(3)
    draw(qtbot, view)
    for row, column in ((1, 1), (3, 2)):
        qtbot.mouseMove(view.map, view.map.cell_rect(row, column).center().toPoint())
    assert run.hovered == 3 * 7 + 2
    QApplication.sendEvent(view.map, QEvent(QEvent.Type.Leave))
    assert run.hovered is None


def test_hidden_view_does_not_draw(qtbot, run):
    view = TokensView(run)
    qtbot.addWidget(view)
    FakeRun(run, FakeRecorder(), tokens=True).start().step(1)
    assert not view.draw_if_needed()
    assert view.map.picture is None
    view.show()
    assert view.map.picture is not None


def test_theme_switch_repaints(qtbot, run, view):
    FakeRun(run, FakeRecorder(), tokens=True).start().step(3)
    draw(qtbot, view)
    before = view.map.grab().toImage()
    theme.manager.set_mode("light")
    try:
        assert view.map.grab().toImage() != before
    finally:
        theme.manager.set_mode("dark")


class LogitsRecorder(FakeRecorder):
    """Keeps the logits of the steps in ``kept`` (None: of all), and counts how often they are read."""

    kept = None
    reads = 0

    def logits(self, step):
        self.reads += 1
        if step >= self.steps_done or (self.kept is not None and step not in self.kept):
            return None
        rng = np.random.default_rng(step)
        return rng.normal(0, 2, (4, MASK_ID, 7, 7)).astype(np.float32)


def softmax(logits, temperature):
    weights = np.exp(logits / temperature - (logits / temperature).max(axis=0))
    return weights / weights.sum(axis=0)


def bits(shares):
    return -(shares * np.log2(shares)).sum(axis=0)


def test_entropy_is_that_of_the_step_that_drew_the_code(qtbot, run, view):
    recorder = LogitsRecorder()
    recorder.colder_from = 4
    FakeRun(run, recorder, tokens=True).start().step(8)
    run.select(image=2)
    choose(view, ENTROPY)
    draw(qtbot, view)
    picture, order = view.map.picture, run.tokens.order[2]
    expected = np.zeros((7, 7))
    for step in range(8):
        entropy = bits(softmax(recorder.logits(step)[2], 1.0 if step < 4 else 0.5))
        expected[order == step] = entropy[order == step]
    colors = scalar_lut()[scalar_indices(expected, 0, 5), :3]  # 5 bits: 32 codes
    is_shown = ~picture.is_masked
    assert is_shown.sum() > 30
    assert np.array_equal(picture.colors[is_shown], colors[is_shown])
    assert not picture.is_unknown[is_shown].any()
    assert view.scale.isVisible()
    assert view.scale.accessibleName() == "Scale: entropy, bits, 0, 5"
    reads = recorder.reads
    view.mark_dirty()
    draw(qtbot, view)
    assert recorder.reads == reads  # nothing is read twice


def test_entropy_of_steps_whose_logits_are_not_there_is_not_made_up(qtbot, run, view):
    recorder = LogitsRecorder()
    recorder.kept = (1,)
    FakeRun(run, recorder, tokens=True).start().step(4)
    choose(view, ENTROPY)
    draw(qtbot, view)
    picture, order = view.map.picture, run.tokens.order[0]
    assert np.array_equal(picture.is_unknown & ~picture.is_masked, (order >= 0) & (order != 1))
    assert "entropy not kept" in view.caption.text
    row, column = np.argwhere(order == 0)[0]
    at = view.map.cell_rect(row, column).topLeft().toPoint()
    painted = view.map.grab().toImage().pixelColor(at.x() + 3, at.y() + 3)
    assert painted.name() == theme.tokens().raised.lower()


def point(qtbot, view, row, column):
    qtbot.mouseMove(view.map, view.map.cell_rect(row, column).center().toPoint())


def test_panel_has_the_five_likeliest_codes_and_the_one_drawn(qtbot, run, view):
    recorder = LogitsRecorder()
    FakeRun(run, recorder, tokens=True).start().step(10)
    draw(qtbot, view)
    tokens = run.tokens
    for row, column in ((0, 0), (3, 4), (6, 2), (5, 5)):
        point(qtbot, view, row, column)
        step, code = int(tokens.order[0, row, column]), int(tokens.tokens[0, row, column])
        shares = softmax(recorder.logits(step)[0, :, row, column], 1.0)
        top = np.argsort(-shares)[:5].tolist()
        rows = view.panel.bars.rows
        assert [each.code for each in rows] == (top if code in top else [*top, code])
        assert [each.probability for each in rows] == pytest.approx(
            [shares[each.code] for each in rows], abs=1e-6
        )
        assert [each.code for each in rows if each.is_drawn] == [code]
        assert view.panel.state.text == f"code {code}, drawn in step {step + 1}"
    assert view.map.pointed == (5, 5)


def test_masked_cell_shows_the_prediction_of_the_step_looked_at(qtbot, run, view):
    recorder = LogitsRecorder()
    FakeRun(run, recorder, tokens=True).start().step(3)
    draw(qtbot, view)
    row, column = np.argwhere(run.tokens.order[0] < 0)[0].tolist()
    point(qtbot, view, row, column)
    shares = softmax(recorder.logits(2)[0, :, row, column], 1.0)
    assert [each.code for each in view.panel.bars.rows] == np.argsort(-shares)[:5].tolist()
    assert not any(each.is_drawn for each in view.panel.bars.rows)
    assert view.panel.state.text == "still masked; the prediction of step 3"


def test_another_temperature_redraws_the_bars_and_samples_nothing(qtbot, run, view):
    recorder = LogitsRecorder()
    FakeRun(run, recorder, tokens=True).start().step(10)
    draw(qtbot, view)
    point(qtbot, view, 2, 2)
    before, tokens = view.panel.bars.rows, run.tokens
    assert view.panel.note.text == "temperature: the run used 1"
    assert view.panel.back.isHidden()
    view.panel.slider.setFocus()
    for _ in range(5):
        qtbot.keyClick(view.panel.slider, Qt.Key.Key_PageDown)
    step = int(tokens.order[0, 2, 2])
    shares = softmax(recorder.logits(step)[0, :, 2, 2], 0.5)
    for row, old in zip(view.panel.bars.rows, before, strict=True):
        assert row.code == old.code  # a temperature never changes the order
        assert row.probability == pytest.approx(shares[row.code], abs=1e-6)
        assert row.reference == pytest.approx(old.probability)
    assert view.panel.note.text == "what if 0.5; the run used 1"
    assert run.tokens is tokens
    point(qtbot, view, 4, 4)
    assert view.panel.note.text == "what if 0.5; the run used 1"  # it stays for other cells
    view.panel.back.click()
    assert view.panel.note.text == "temperature: the run used 1"
    view.panel.slider.setFocus()
    qtbot.keyClick(view.panel.slider, Qt.Key.Key_PageUp)
    assert view.panel.what_if is not None
    FakeRun(run, LogitsRecorder(), tokens=True).start().step(1)
    draw(qtbot, view)
    assert view.panel.what_if is None


def test_without_logits_the_panel_has_what_is_known(qtbot, run, view):
    FakeRun(run, FakeRecorder(), tokens=True).start().step(10)
    draw(qtbot, view)
    point(qtbot, view, 1, 3)
    (row,) = view.panel.bars.rows
    tokens = run.tokens
    assert row.is_drawn
    assert row.code == tokens.tokens[0, 1, 3]
    assert row.probability == pytest.approx(float(tokens.confidence[0, 1, 3]))
    step = tokens.order[0, 1, 3] + 1
    assert view.panel.rest.text == f"other codes: the logits of step {step} were not kept"
    assert not view.panel.slider.isEnabled()


def test_cells_are_pointed_at_with_the_arrow_keys(qtbot, run, view):
    FakeRun(run, FakeRecorder(), tokens=True).start().step(10)
    draw(qtbot, view)
    view.map.setFocus()
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Left, Qt.Key.Key_Down, Qt.Key.Key_Down):
        qtbot.keyClick(view.map, key)
    assert view.map.pointed == (5, 2)  # from the middle of 7 by 7
    code = int(run.tokens.tokens[0, 5, 2])
    assert view.codebook.hovered == code
    qtbot.keyClick(view.map, Qt.Key.Key_Return)
    assert view.codebook.selected == code


def test_panel_stands_where_it_leaves_the_map_larger_or_not_at_all(qtbot, run, view):
    FakeRun(run, FakeRecorder(), tokens=True).start().step(3)
    for width, height, side in ((900, 460, "beside"), (420, 800, "below"), (480, 230, "none")):
        view.resize(width, height)
        draw(qtbot, view)
        panel, map_ = view.panel.geometry(), view.map.geometry()
        assert view.panel.isVisible() == (side != "none")
        assert view.show_panel.isEnabled() == (side != "none")
        if side == "beside":
            assert panel.left() > map_.right()
        elif side == "below":
            assert panel.top() > map_.bottom()
    view.resize(900, 460)
    draw(qtbot, view)
    view.show_panel.click()
    draw(qtbot, view)
    assert view.panel.isHidden()


def test_painted_cells_have_no_probability(qtbot, run, view):
    recorder = LogitsRecorder()
    edits = (TokenEdit(kind="paint", cells=(9, 10), codes=(3, 3), images=(0,)),)
    recorder.origin = {"branch": Branch(edits=edits).to_json()}
    fake = FakeRun(run, recorder, tokens=True)
    fake._reveal[:, 1, 2:4] = 0
    fake._confidence[:, 1, 2] = 1.0  # the other cell was cleared after painting, and drawn
    fake.start().step(2)
    draw(qtbot, view)
    point(qtbot, view, 1, 2)
    code = int(run.tokens.tokens[0, 1, 2])
    assert view.panel.state.text == f"code {code}, painted before step 1"
    assert view.panel.bars.rows == ()
    assert not view.panel.slider.isEnabled()
    assert view.caption.text == f"Cell x 2, y 1: code {code}, painted before step 1"
    point(qtbot, view, 1, 3)
    assert view.panel.state.text.endswith("drawn in step 1")
    choose(view, ENTROPY)
    draw(qtbot, view)
    assert view.map.picture.is_unknown[1, 2]
    assert not view.map.picture.is_unknown[1, 3]
    run.select(image=1)
    draw(qtbot, view)
    assert view.panel.state.text.endswith("drawn in step 1")
