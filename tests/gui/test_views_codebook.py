import gc

import numpy as np
import pytest
from PySide6.QtCore import Qt

from spikestudio.app import theme
from spikestudio.app.plots.codebook_grid import CodeSheet
from spikestudio.app.viewmodels.codebook import CodebookModel
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.codebook import BY_COUNT, BY_ID, BY_SIMILARITY, EMPTY, CodebookView
from spikestudio.app.views.tokens import TokensView
from spikestudio.metrics.codebook import CodebookInfo, principal_places
from tests.gui.fakes import MASK_ID, FakeRecorder, FakeRun, draw, shown

SHA = "ab" * 32


def info(sha=SHA, codes=MASK_ID, training=None):
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(codes, 6)).astype(np.float32)
    patches = rng.integers(0, 256, (codes, 4, 4, 1), dtype=np.uint8)
    places, explained = principal_places(vectors)
    return CodebookInfo(sha, patches, vectors, places, explained, training)


@pytest.fixture
def run(qapp):
    yield RunModel()
    gc.collect()  # of widgets in cycles; Qt may deadlock if that happens while it disconnects


@pytest.fixture
def codebook(run):
    model = CodebookModel(run)
    model.set_info(info())
    return model


@pytest.fixture
def view(qtbot, run, codebook):
    return shown(qtbot, CodebookView(run, codebook), 520, 460)


def start(run, **options):
    recorder = FakeRecorder()
    recorder.origin = {"checkpoint": {"tensors_sha256": SHA}}
    recorder.parameters = lambda step: None
    return FakeRun(run, recorder, tokens=True, **options).start()


def choose(view, text):
    view.order.setCurrentText(text)
    view.order.activated.emit(view.order.currentIndex())


def test_counts_are_those_of_all_images_at_the_step_looked_at(qtbot, run, view):
    start(run).step(6)
    draw(qtbot, view)
    tokens = run.tokens.tokens
    expected = np.bincount(tokens[tokens != MASK_ID], minlength=MASK_ID)
    assert np.array_equal(view.grid.sheet.counts, expected)
    revealed = int((tokens != MASK_ID).sum())
    share = expected[expected > 0] / revealed
    value = f"{np.exp(-(share * np.log(share)).sum()):#.3g}".rstrip(".")
    assert view.summary.text == (
        f"perplexity {value} of {MASK_ID}, from {revealed} tokens   "
        f"{(expected > 0).sum()} codes used"
    )
    view.look_at(2)  # this recorder keeps no states
    draw(qtbot, view)
    assert view.grid.sheet.counts is None
    assert "step 3: its tokens were not kept" in view.summary.text


def test_codes_that_are_not_used_come_last_in_every_order(qtbot, run, codebook, view):
    start(run, num=1).step(4)
    codebook.select(7)
    for order in (BY_ID, BY_COUNT, BY_SIMILARITY):
        choose(view, order)
        draw(qtbot, view)
        sheet = view.grid.sheet
        assert sorted(sheet.codes) == list(range(MASK_ID))
        is_used = sheet.counts[sheet.codes] > 0
        assert is_used.any()
        assert not is_used.all()
        assert (np.diff(is_used.astype(int)) <= 0).all()
        used, unused = sheet.codes[is_used], sheet.codes[~is_used]
        if order == BY_ID:
            assert (np.diff(used) > 0).all()
        elif order == BY_COUNT:
            assert (np.diff(sheet.counts[used]) <= 0).all()
        else:
            vectors = codebook.info.vectors
            for part in (used, unused):
                distances = np.linalg.norm(vectors[part] - vectors[7], axis=1)
                assert (np.diff(distances) >= 0).all()


def test_tile_of_an_unused_code_is_hatched_and_says_so(qtbot, run, view):
    start(run, num=1).step(2)
    draw(qtbot, view)
    sheet = view.grid.sheet
    unused = int(sheet.codes[-1])
    assert sheet.words(unused) == (str(unused), "not used")
    used = int(sheet.codes[0])
    assert sheet.words(used)[1].startswith(f"{sheet.counts[used]}  ")
    plain = CodeSheet(sheet.codes, sheet.patches, np.where(sheet.counts == 0, 1, sheet.counts))
    view.grid.show_code(unused)
    patch = view.grid.tile_rect(unused).adjusted(16, 8, -16, -50)
    hatched = view.grid.viewport().grab(patch).toImage()
    view.grid.set_sheet(plain)
    assert view.grid.viewport().grab(patch).toImage() != hatched


def test_before_a_run_and_while_all_is_masked_nothing_counts_as_unused(qtbot, run, view):
    draw(qtbot, view)
    assert not view.stack.is_empty
    assert "no run of this model yet" in view.summary.text
    assert view.grid.sheet.words(0) == ("0", "")
    assert not view.grid.sheet.is_dead(0)


def test_patches_of_another_model_are_not_shown_as_those_of_the_run(qtbot, run, codebook, view):
    codebook.set_info(info("cd" * 32))
    start(run).step(3)
    draw(qtbot, view)
    assert view.grid.sheet.patches is None
    assert view.grid.sheet.counts.sum() > 0
    assert "patches need the model of this run" in view.summary.text
    codebook.set_info(info())
    draw(qtbot, view)
    assert np.array_equal(view.grid.sheet.patches, codebook.info.patches)


def test_models_without_a_codebook_leave_the_dock_empty(qtbot, run, codebook, view):
    codebook.set_info(None)
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert view.stack.is_empty
    assert view.stack.sentence == EMPTY


def test_clicking_a_code_outlines_its_cells_on_the_token_map(qtbot, run, codebook, view):
    tokens = shown(qtbot, TokensView(run, codebook=codebook))
    start(run).step(10)
    for each in (view, tokens):
        draw(qtbot, each)
    code = int(run.tokens.tokens[0, 2, 3])
    before = tokens.map.grab().toImage()
    view.grid.show_code(code)
    where = view.grid.tile_rect(code).center()
    qtbot.mouseClick(view.grid.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert codebook.selected == code
    assert np.array_equal(tokens.map.marked, run.tokens.tokens[0] == code)
    assert tokens.map.grab().toImage() != before
    codebook.hover(None)
    qtbot.mouseClick(view.grid.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert codebook.selected is None


def test_pointing_at_a_cell_lights_up_its_code_and_a_click_selects_it(qtbot, run, codebook, view):
    tokens = shown(qtbot, TokensView(run, codebook=codebook))
    tokens.move(900, 0)  # beside the other window
    start(run).step(10)
    for each in (view, tokens):
        draw(qtbot, each)
    code = int(run.tokens.tokens[0, 4, 1])
    middle = tokens.map.cell_rect(4, 1).center().toPoint()
    qtbot.mouseMove(tokens.map, middle)
    assert codebook.hovered == code
    assert view.caption.text.startswith(f"Code {code}: ")
    inside = int((run.tokens.tokens[0] == code).sum())
    assert view.caption.text.endswith(f"{inside} in image 1")
    qtbot.mouseClick(tokens.map, Qt.MouseButton.LeftButton, pos=middle)
    assert codebook.selected == code
    assert view.grid.viewport().rect().contains(view.grid.tile_rect(code))


def test_training_use_is_told_only_where_it_is_known(qtbot, run, codebook, view):
    draw(qtbot, view)
    codebook.select(5)
    assert view.vector_caption.text.endswith("use in training unknown")
    codebook.set_info(info(training=np.arange(MASK_ID) * 1000))
    draw(qtbot, view)
    assert view.vector_caption.text.endswith("use in training 5,000 times")
    near = np.argsort(np.linalg.norm(codebook.info.vectors - codebook.info.vectors[5], axis=1))
    assert f"nearest codes {near[1]}, {near[2]}, {near[3]};" in view.vector_caption.text


def test_map_shows_every_code_with_an_area_after_its_count(qtbot, run, codebook, view):
    start(run, num=1).step(5)
    view.form.button(1).click()
    draw(qtbot, view)
    counts = codebook.usage(None).counts
    diameters = view.map.diameters()
    most = int(counts.argmax())
    assert diameters.argmax() == most
    few = int(np.flatnonzero(counts == 1)[0])
    smallest = diameters[counts == 0][0] ** 2
    area = (diameters**2 - smallest) / (diameters[most] ** 2 - smallest)
    assert area[few] == pytest.approx(1 / counts[most])
    symbols = {int(spot.data()): spot.symbol() for spot in view.map.discs.points()}
    assert {code for code, symbol in symbols.items() if symbol == "x"} == set(
        np.flatnonzero(counts == 0).tolist()
    )
    share = round(100 * codebook.info.explained[0])
    assert f"{share} % of variance" in view.map._axes["bottom"].labelText


def test_map_selects_by_click_and_by_keys(qtbot, run, codebook, view):
    view.form.button(1).click()
    draw(qtbot, view)
    right = int(codebook.info.places[:, 0].argmax())
    where = view.map.position(right).toPoint()
    assert view.map.rect().contains(where)
    qtbot.mouseMove(view.map.viewport(), where)
    qtbot.mouseClick(view.map.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert codebook.selected == right
    codebook.hover(None)
    view.map.setFocus()
    qtbot.keyClick(view.map, Qt.Key.Key_Left)
    places = codebook.info.places
    assert codebook.hovered not in (None, right)
    assert places[codebook.hovered, 0] < places[right, 0]
    pointed = codebook.hovered
    qtbot.keyClick(view.map, Qt.Key.Key_Return)
    assert codebook.selected == pointed
    qtbot.keyClick(view.map, Qt.Key.Key_Escape)
    assert codebook.selected is None


def test_tiles_are_reached_with_the_keys(qtbot, run, codebook, view):
    start(run).step(10)
    draw(qtbot, view)
    view.grid.setFocus()
    codes = view.grid.sheet.codes
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down):
        qtbot.keyClick(view.grid, key)
    assert codebook.hovered == codes[1 + view.grid.columns]
    qtbot.keyClick(view.grid, Qt.Key.Key_Space)
    assert codebook.selected == codes[1 + view.grid.columns]


def test_a_smaller_codebook_forgets_a_code_that_it_lacks(run, codebook):
    codebook.select(MASK_ID - 1)
    codebook.set_info(info(codes=8))
    assert codebook.selected is None


def test_theme_and_text_size_repaint(qtbot, run, view):
    start(run).step(4)
    for index in (0, 1):
        view.form.button(index).click()
        draw(qtbot, view)
        before = view.forms.grab().toImage()
        theme.manager.set_mode("light")
        theme.manager.set_scale(2.0)
        try:
            draw(qtbot, view)
            assert view.forms.grab().toImage() != before
        finally:
            theme.manager.set_mode("dark")
            theme.manager.set_scale(1.0)
