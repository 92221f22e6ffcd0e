import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication

from spikestudio.app import theme
from spikestudio.app.plots.mosaic_data import arrange, indices_of, lut_of
from spikestudio.app.plots.palettes import SILENT, SPIKE, potential_indices, scalar_indices
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.timeline import TimelineModel
from spikestudio.app.views.mosaic import MODES, MosaicView
from tests.gui import fakes
from tests.gui.fakes import SMALL_LAYERS, layer, shown
from tests.gui.gaps import FakeRecorder, FakeRun, Gaps

CONV = SMALL_LAYERS[0]  # 4 channels of 6 x 6
TOKENS = SMALL_LAYERS[2]  # 3 tokens, 5 features


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def timeline(run):
    model = TimelineModel(run)
    yield model
    model.pause()


@pytest.fixture
def view(qtbot, run, timeline):
    return shown(qtbot, MosaicView(run, timeline), 560, 420)


def draw(qtbot, view):
    """Let the last seek be announced, and draw."""
    qtbot.waitUntil(lambda: not view.timeline._seek_timer.isActive())
    fakes.draw(qtbot, view)


def shown_indices(view):
    """One index per neuron, read back from the picture itself."""
    picture = view.map.picture
    at = picture.arrangement
    found = []
    for neuron in range(np.prod(at.shape)):
        where = at.neuron_rect(neuron).center()
        found.append(picture.pixels[where.y(), where.x()])
    return np.array(found)


def click(qtbot, view, neuron, modifier=Qt.KeyboardModifier.NoModifier):
    where = view.map.point_of(neuron)
    qtbot.mouseClick(view.map, Qt.MouseButton.LeftButton, modifier, where)


def test_empty_until_a_run_starts(qtbot, run, view):
    assert view.stack.is_empty
    FakeRun(run).start()
    draw(qtbot, view)
    assert not view.stack.is_empty
    assert view.caption.text == "waiting for step 1"
    assert not view.map.picture.is_missing


@pytest.mark.parametrize("chosen", [CONV, TOKENS])
@pytest.mark.parametrize("mode", MODES)
def test_every_pixel_shows_its_neuron_at_the_cursor(qtbot, run, timeline, view, chosen, mode):
    recorder = FakeRecorder()
    recorder.select(chosen.id)
    FakeRun(run, recorder).start().step(5)
    run.select(layer=chosen.id)
    timeline.seek(2, 1)
    view.mode.button(MODES.index(mode)).click()
    draw(qtbot, view)
    spikes, potentials = recorder.spikes(chosen.id, 2), recorder.potentials(chosen.id, 2)
    if mode == "spike":
        expected = np.where(spikes[1], SPIKE, SILENT)
    elif mode == "count":
        expected = scalar_indices(spikes.sum(axis=0).astype(float), 0, 4)
    elif mode == "potential":
        expected = potential_indices(potentials.h[1], 1.0)
    else:
        expected = [
            SILENT if not (s0 or s1) else (255 if s1 else round(1 + 2 / 3 * 254))
            for s0, s1 in zip(spikes[0], spikes[1], strict=True)
        ]
    assert np.array_equal(shown_indices(view), expected)


def test_another_moment_is_drawn_when_the_cursor_moves(qtbot, run, timeline, view):
    FakeRun(run).start().step(5)
    draw(qtbot, view)
    for at in ((0, 0), (3, 2)):
        timeline.seek(*at)
        draw(qtbot, view)
        fires = run.recorder.spikes(CONV.id, at[0])[at[1]]
        assert np.array_equal(shown_indices(view) == SPIKE, fires == 1)


def test_click_watches_a_neuron_and_ctrl_click_more(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    click(qtbot, view, 77)
    assert run.selection.neurons == (77,)
    click(qtbot, view, 5, Qt.KeyboardModifier.ControlModifier)
    assert run.selection.neurons == (77, 5)
    assert [mark.color for mark in view.map.picture.watched] == list(theme.tokens().watch[:2])
    click(qtbot, view, 77, Qt.KeyboardModifier.ControlModifier)
    assert run.selection.neurons == (5,)


def test_pointing_at_a_pixel_says_which_neuron_it_is(qtbot, run, timeline, view):
    FakeRun(run).start().step(3)
    timeline.seek(1, 2)
    draw(qtbot, view)
    qtbot.mouseMove(view.map, view.map.point_of(77))
    spikes = run.recorder.spikes(CONV.id, 1)[:, 77]
    word = "fires" if spikes[2] else "silent"
    text = view.caption.text
    assert text.startswith("Neuron 77: channel 2, y 0, x 5; ")
    assert f"{word} now, {spikes.sum()} spikes in this step" in text


def test_the_neuron_under_the_pointer_is_told_to_every_dock(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    for neuron in (5, 78, 5):
        qtbot.mouseMove(view.map, view.map.point_of(neuron))
    assert run.hovered == 5
    qtbot.mouseMove(view.map, view.map.point_of(78))
    assert run.hovered == 78
    QApplication.sendEvent(view.map, QEvent(QEvent.Type.Leave))
    assert run.hovered is None


def test_a_neuron_pointed_at_elsewhere_is_framed_without_another_drawing(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    picture, before = view.map.picture, view.map.grab().toImage()
    run.hover(77)
    assert view.map.picture is picture
    assert not view.draw_if_needed()
    assert view.map.pointed_rect == picture.arrangement.neuron_rect(77)
    assert view.caption.text.startswith("Neuron 77: ")
    framed = view.map.grab().toImage()
    assert framed != before
    at = view.map.point_of(77)
    around = [framed.pixelColor(at.x() + dx, at.y()) for dx in range(-30, 30)]
    assert theme.color("text") in around
    run.hover(None)
    assert view.map.grab().toImage() == before
    assert view.caption.text.startswith("step 2 of 10")


def test_a_neuron_of_another_page_is_not_framed(qtbot, run, view):
    FakeRun(run, FakeRecorder((layer("wide", 700, 7, 7),), num_steps=2)).start().step(1)
    draw(qtbot, view)
    run.hover(699 * 49)
    assert view.map.pointed_rect is None
    while view.forth.isEnabled():
        view.forth.click()
        draw(qtbot, view)
    assert view.map.pointed_rect is not None


def test_sixteen_watched_neurons_repeat_the_colours_dashed(qtbot, run, view):
    FakeRun(run).start().step(2)
    run.select(neurons=tuple(range(16)))
    draw(qtbot, view)
    watched, colors = view.map.picture.watched, theme.tokens().watch
    assert [mark.color for mark in watched] == [*colors, *colors]
    assert [mark.is_dashed for mark in watched] == [False] * 8 + [True] * 8


def fake_with_groups():
    recorder = FakeRecorder()
    drive = recorder._drive[CONV.id].reshape(4, 6, 6)
    drive[1], drive[2], drive[3, 0, 0] = -9, 9, 0.5
    return recorder


def test_dead_channels_are_hatched_saturated_ones_outlined_and_both_listed(qtbot, run, view):
    FakeRun(run, fake_with_groups()).start().step(3)
    draw(qtbot, view)
    at, picture = view.arrangement, view.map.picture
    assert picture.hatched == (at.map_rect(1),)
    assert picture.outlined == (at.map_rect(2),)
    assert (view.dead.text(), view.saturated.text()) == ("1 dead", "1 saturated")
    entries = view.dead.show_list()
    assert [entries.item(i).text() for i in range(entries.count())] == ["Channel 1"]
    entries.itemClicked.emit(entries.item(0))
    assert run.selection.neurons == (36 + 18,)
    qtbot.waitUntil(lambda: not entries.isVisible())


def test_a_channel_that_fires_later_is_not_dead_any_more(qtbot, run, view):
    recorder = fake_with_groups()
    fake = FakeRun(run, recorder).start().step(2)
    draw(qtbot, view)
    assert view.dead.text() == "1 dead"
    recorder._drive[CONV.id].reshape(4, 6, 6)[1] = 2
    fake.step(1)
    draw(qtbot, view)
    assert view.dead.text() == "0 dead"
    assert not view.dead.isEnabled()
    assert view.map.picture.hatched == ()


def test_dead_features_of_tokens_are_columns(qtbot, run, view):
    recorder = FakeRecorder()
    recorder._drive[TOKENS.id].reshape(3, 5)[:, 3] = -9
    FakeRun(run, recorder).start().step(3)
    run.select(layer=TOKENS.id)
    draw(qtbot, view)
    assert view.count_label.text == "3 tokens × 5 features"
    first, last = (view.arrangement.neuron_rect(neuron) for neuron in (3, 13))
    assert first.united(last) in view.map.picture.hatched
    entries = view.dead.show_list()
    assert "Feature 3" in [entries.item(i).text() for i in range(entries.count())]
    entries.window().close()


def test_many_channels_are_paged_and_the_label_says_so(qtbot, run, view):
    many = layer("wide", 700, 7, 7)
    FakeRun(run, FakeRecorder((many,), num_steps=2)).start().step(1)
    draw(qtbot, view)
    at = view.arrangement
    assert at.pages > 1
    last = at.per_page - 1
    assert view.count_label.text == f"channels 0 to {last} of 700, page 1 of {at.pages}"
    assert not view.back.isEnabled()
    view.forth.click()
    draw(qtbot, view)
    assert view.map.picture.page == 1
    click(qtbot, view, (last + 1) * 49 + 24)
    assert run.selection.neurons == ((last + 1) * 49 + 24,)
    for _ in range(at.pages):
        qtbot.keyClick(view.map, Qt.Key.Key_PageDown)
    assert view.map.picture.page == at.pages - 1
    assert not view.forth.isEnabled()
    shown_maps = at.maps(at.pages - 1)
    fires = run.recorder.spikes("wide", 0)[-1].reshape(700, 49)
    neuron = shown_maps.start * 49
    where = at.neuron_rect(neuron).center()
    index = view.map.picture.pixels[where.y(), where.x()]
    assert index == (SPIKE if fires[shown_maps.start, 0] else SILENT)


def test_maps_larger_than_the_dock_show_the_strongest_neuron_and_say_so(qtbot, run, view):
    large = layer("tokens", 900, 300)
    recorder = FakeRecorder((large,), num_steps=2)
    recorder._drive["tokens"][:] = -9
    recorder._drive["tokens"][300 * 101 + 41] = 9
    FakeRun(run, recorder).start().step(1)
    draw(qtbot, view)
    block = view.arrangement.block
    assert block > 1
    assert f"strongest of {block} × {block} neurons" in view.count_label.text
    click(qtbot, view, 300 * 101 + 41)
    assert run.selection.neurons == (300 * 101 + 41,)
    assert view.map.picture.pixels.shape[0] <= view.map.space[1]


def test_what_is_not_recorded_is_hatched_and_said(qtbot, run, timeline, view):
    recorder = FakeRecorder()
    recorder.missing = Gaps({(CONV.id, 1)})
    FakeRun(run, recorder).start().step(3)
    timeline.seek(1, 0)
    draw(qtbot, view)
    assert view.map.picture.is_missing
    assert view.caption.text.endswith("spikes not recorded: let go to stay within 512 MiB")
    timeline.seek(2, 0)
    draw(qtbot, view)
    assert not view.map.picture.is_missing


def test_potentials_of_another_layer_are_offered_from_the_next_step(qtbot, run, view):
    fake = FakeRun(run).start().step(2)
    run.select(layer=SMALL_LAYERS[1].id)
    view.mode.button(MODES.index("potential")).click()
    draw(qtbot, view)
    assert view.notice.isVisible()
    assert view.map.picture.is_missing
    view.notice.button.click()
    fake.step(1)
    draw(qtbot, view)
    assert not view.notice.isVisible()
    assert not view.map.picture.is_missing


def test_another_layer_or_run_shows_its_own_maps(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    view.layers.layerChosen.emit(SMALL_LAYERS[1].id)
    assert view.arrangement.shape == (8, 3, 3)
    FakeRun(run, FakeRecorder(seed=9)).start().step(1)
    draw(qtbot, view)
    expected = run.recorder.spikes(SMALL_LAYERS[1].id, 0)[-1]
    assert np.array_equal(shown_indices(view) == SPIKE, expected == 1)


def test_hidden_view_does_not_draw(qtbot, run, timeline):
    view = MosaicView(run, timeline)
    qtbot.addWidget(view)
    FakeRun(run).start().step(1)
    assert not view.draw_if_needed()
    assert view.map.picture is None


def test_theme_switch_repaints_in_the_new_colours(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    theme.manager.set_mode("light")
    try:
        colour = "#{:02X}{:02X}{:02X}".format(*view.map.picture.lut[SPIKE][:3])
        assert colour == theme.tokens().spike
    finally:
        theme.manager.set_mode("dark")


def test_controls_have_accessible_names_and_the_help_is_short(view):
    for control in (view.layers, view.mode, view.back, view.forth, view.map):
        assert control.accessibleName()
    assert len(view.help_text.splitlines()) <= 10


def test_age_is_unknown_before_the_first_spike_and_newest_now():
    spikes = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1]], np.uint8)
    ages = indices_of("age", spikes, 2, None).tolist()
    assert ages[2] == SILENT
    assert ages[3] == 255
    assert ages[1] > ages[0] > SILENT


def test_tables_have_no_colour_for_what_is_unknown(qapp):
    for mode in MODES:
        assert lut_of(mode)[0].tolist() == [0, 0, 0, 0]
        assert (lut_of(mode)[1:, 3] == 255).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 6, 6), (512, 4, 4), (3, 64, 64), (40, 97)])
@pytest.mark.parametrize("space", [(300, 200), (37, 90), (1200, 700)])
def test_every_neuron_is_where_it_is_drawn(shape, space):
    info = layer("any", *shape)
    at = arrange(info, space, 3)
    assert at.grid.total_width <= space[0] or at.per_page == 1
    pages = [at.maps(page) for page in range(at.pages)]
    assert [number for page in pages for number in page] == list(range(at.shape[0]))
    per_map = info.num_neurons // at.shape[0]
    for neuron in {0, info.num_neurons // 2, info.num_neurons - 1}:
        page = neuron // per_map // at.per_page
        where = at.neuron_rect(neuron).center()
        assert neuron in at.neurons_at(where.x(), where.y(), page)
