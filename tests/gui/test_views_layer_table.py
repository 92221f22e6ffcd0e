"""The layers' table: what it shows, and that its edits are overrides of the next run."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit

from spikestudio.app.viewmodels import layer_edits
from spikestudio.app.viewmodels.fired import FiredSoFar
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.views.layer_rows import (
    COLUMNS,
    DEAD,
    MARK,
    NEURONS,
    NEXT,
    OPERATIONS,
    RATE,
    RESET,
    SATURATED,
    TAU,
    THRESHOLD,
    UNKNOWN,
)
from spikestudio.app.views.layer_table import LayerTableView
from spikestudio.neurons.overrides import Override
from spikestudio.sampling.control import RunControl
from spikestudio.types import LayerInfo
from tests.gui.fake_worker import card, entry, model_info
from tests.gui.fakes import FAN_OUT, SMALL_LAYERS, FakeRecorder, FakeRun, draw, shown

LIF = LayerInfo("tail.lif", "LIF", (5, 4), v_threshold=1.0, v_reset=0.0, tau=2.0)
LAYERS = (*SMALL_LAYERS, LIF)
LESION = Override(layer="*", kind="silence", neurons=(1,))


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def sampler(run):
    made = SamplerModel(run, lambda *_: RunControl())
    made.set_model(model_info(entry().path, card(), layers=LAYERS))
    return made


@pytest.fixture
def view(qtbot, run, sampler):
    made = shown(qtbot, LayerTableView(run, sampler), 900, 300)
    draw(qtbot, made)
    return made


def start(qtbot, run, view, steps=0):
    fake = FakeRun(run, FakeRecorder(LAYERS)).start().step(steps)
    draw(qtbot, view)
    return fake


def cell(view, layer_id, column):
    row = view.model.row(layer_id)
    return view.sorted.mapFromSource(view.model.index(row, column))


def shown_text(view, layer_id, column):
    return cell(view, layer_id, column).data()


def type_into(qtbot, view, layer_id, column, text):
    view.table.setCurrentIndex(cell(view, layer_id, column))
    view.table.edit(view.table.currentIndex())
    editor = view.table.findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    view.draw_if_needed()
    qtbot.wait(1)


def ids(view):
    return [view.sorted.index(row, 0).data() for row in range(view.sorted.rowCount())]


# what it shows ----------------------------------------------------------------------------------


def test_the_layers_of_the_loaded_model_are_there_before_a_run(view):
    assert ids(view) == [layer.id for layer in LAYERS]
    assert shown_text(view, "tail.lif", TAU) == "2"
    assert shown_text(view, "head.neuron", TAU) == UNKNOWN
    assert shown_text(view, "head.neuron", THRESHOLD) == "1"
    assert shown_text(view, "head.neuron", RESET) == "hard 0"
    assert shown_text(view, "head.neuron", NEURONS) == "144"
    for column in (RATE, DEAD, SATURATED, OPERATIONS):
        assert shown_text(view, "head.neuron", column) == UNKNOWN


def test_without_a_model_it_says_so(qtbot, run):
    view = shown(qtbot, LayerTableView(run, SamplerModel(run, lambda *_: RunControl())))
    draw(qtbot, view)
    assert view.stack.is_empty
    assert "once it is loaded" in view.stack.sentence


def test_a_run_without_its_model_can_be_read_but_not_edited(qtbot, run):
    view = shown(qtbot, LayerTableView(run, SamplerModel(run, lambda *_: RunControl())))
    start(qtbot, run, view, 2)
    assert ids(view) == [layer.id for layer in LAYERS]
    assert not cell(view, "head.neuron", THRESHOLD).flags() & Qt.ItemFlag.ItemIsEditable


def test_rates_and_dead_and_saturated_are_those_recorded(qtbot, run, view):
    start(qtbot, run, view, 4)
    recorder = run.recorder
    for row, layer in enumerate(LAYERS):
        spikes = np.stack([recorder.spikes(layer.id, step) for step in range(4)])
        dead, saturated = (~spikes.any((0, 1))).sum(), spikes.all((0, 1)).sum()
        assert float(shown_text(view, layer.id, RATE)) == pytest.approx(
            recorder.rates()[row, 3], rel=5e-3
        )
        assert shown_text(view, layer.id, DEAD) == str(dead)
        assert shown_text(view, layer.id, SATURATED) == str(saturated)
    assert any(shown_text(view, layer.id, DEAD) != "0" for layer in LAYERS)


def test_what_was_not_recorded_is_unknown_and_not_zero(run):
    recorder = FakeRecorder(LAYERS)
    recorder.missing = {("tail.lif", step) for step in range(3)} | {("head.neuron", 1)}
    FakeRun(run, recorder).start().step(3)
    fired = FiredSoFar(recorder)
    assert not fired.fill(3, 0.0)  # one layer at a time
    assert fired.fill(3, np.inf)
    assert np.isnan(fired.dead[3])
    spikes = np.stack([recorder.spikes("head.neuron", step) for step in (0, 2)])
    assert fired.dead[0] == (~spikes.any((0, 1))).sum()


def test_operations_are_the_additions_that_a_layers_spikes_cause(qtbot, run, view):
    start(qtbot, run, view, 1)
    spikes = run.recorder.spikes("head.neuron", 0).sum()
    assert shown_text(view, "head.neuron", OPERATIONS) == f"{FAN_OUT * spikes:,}"


def test_numbers_are_sorted_as_numbers_and_a_third_click_restores_the_order(qtbot, run, view):
    start(qtbot, run, view, 2)
    header = view.table.horizontalHeader()
    at = header.sectionViewportPosition(NEURONS) + 10

    def click():
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(at, 8))

    sizes = {layer.id: layer.num_neurons for layer in LAYERS}
    click()
    assert ids(view) == sorted(sizes, key=sizes.get)
    click()
    assert ids(view) == sorted(sizes, key=sizes.get, reverse=True)
    click()
    assert ids(view) == [layer.id for layer in LAYERS]


# selection --------------------------------------------------------------------------------------


def test_the_selected_row_is_the_selected_layer_both_ways(qtbot, run, view):
    start(qtbot, run, view, 1)
    run.select(layer="tail.lif")
    draw(qtbot, view)
    assert view.table.currentIndex().row() == cell(view, "tail.lif", 0).row()
    view.table.setCurrentIndex(cell(view, "head.neuron", RATE))
    assert run.selection.layer == "head.neuron"
    view.table.sortByColumn(NEURONS, Qt.SortOrder.AscendingOrder)
    draw(qtbot, view)
    assert run.selection.layer == "head.neuron"
    assert view.table.currentIndex().siblingAtColumn(0).data() == "head.neuron"


def test_taking_the_focus_selects_nothing_else(qtbot, run, view):
    start(qtbot, run, view, 1)
    run.select(layer="tail.lif")
    draw(qtbot, view)
    view.table.clearFocus()
    view.table.setCurrentIndex(view.sorted.index(-1, -1))
    view.table.setFocus()
    draw(qtbot, view)
    assert run.selection.layer == "tail.lif"


def test_a_layer_of_another_model_is_not_selected_in_the_run(qtbot, run, view):
    FakeRun(run, FakeRecorder(SMALL_LAYERS)).start().step(1)
    draw(qtbot, view)
    before = run.selection
    view.table.setCurrentIndex(cell(view, "tail.lif", 0))
    assert run.selection == before


# editing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "text", "kind", "value"),
    [
        (THRESHOLD, "0.8", "threshold", 0.8),
        (TAU, "3", "tau", 3.0),
        (RESET, "soft", "soft-reset", None),
        (RESET, "-0.25", "hard-reset", -0.25),
    ],
)
def test_an_edit_is_an_override_of_the_next_run(qtbot, sampler, view, column, text, kind, value):
    type_into(qtbot, view, "tail.lif", column, text)
    assert sampler.request.overrides == (Override(layer="tail.lif", kind=kind, value=value),)
    assert shown_text(view, "tail.lif", column).startswith(MARK)
    assert shown_text(view, "tail.lif", column).endswith(text)
    assert view.caption.text == "1 difference from the checkpoint"
    view.revert.click()
    assert sampler.request.overrides == ()
    assert MARK not in shown_text(view, "tail.lif", column)
    assert view.caption.text == "No differences from the checkpoint"


def test_another_edit_of_a_cell_replaces_the_first_and_its_own_value_reverts_it(
    qtbot, sampler, view
):
    type_into(qtbot, view, "tail.lif", TAU, "3")
    type_into(qtbot, view, "tail.lif", TAU, "4")
    assert [each.value for each in sampler.request.overrides] == [4.0]
    type_into(qtbot, view, "tail.lif", TAU, "2")
    assert sampler.request.overrides == ()


@pytest.mark.parametrize(
    ("column", "text"), [(THRESHOLD, "high"), (THRESHOLD, "0"), (TAU, "nan"), (RESET, "hardly")]
)
def test_what_is_no_constant_is_refused_in_one_sentence(qtbot, sampler, view, column, text):
    type_into(qtbot, view, "tail.lif", column, text)
    assert sampler.request.overrides == ()
    assert view.problem.isVisible()
    assert "must be a number from" in view.problem.text()
    type_into(qtbot, view, "tail.lif", THRESHOLD, "0.5")
    assert not view.problem.isVisible()


def test_what_a_neuron_does_not_have_cannot_be_edited(view):
    assert not cell(view, "head.neuron", TAU).flags() & Qt.ItemFlag.ItemIsEditable
    for column, info in enumerate(COLUMNS):
        can_edit = bool(cell(view, "tail.lif", column).flags() & Qt.ItemFlag.ItemIsEditable)
        assert can_edit == bool(info.edits)


def test_delete_reverts_a_cell_and_revert_all_every_cell_but_no_lesion(qtbot, sampler, view):
    type_into(qtbot, view, "tail.lif", TAU, "3")
    type_into(qtbot, view, "head.neuron", THRESHOLD, "0.5")
    type_into(qtbot, view, "tail.lif", THRESHOLD, "0.5")
    sampler.set(overrides=(*sampler.request.overrides, LESION))
    draw(qtbot, view)
    assert view.caption.text.startswith("3 differences from the checkpoint, 1 lesion")
    view.table.setFocus()
    view.table.setCurrentIndex(cell(view, "head.neuron", THRESHOLD))
    qtbot.keyClick(view.table, Qt.Key.Key_Delete)
    assert {each.layer for each in sampler.request.overrides} == {"tail.lif", "*"}
    view.revert_all.click()
    assert sampler.request.overrides == (LESION,)
    assert not view.revert_all.isEnabled()


def test_revert_is_offered_for_an_edited_cell_only(qtbot, view):
    type_into(qtbot, view, "tail.lif", TAU, "3")
    assert view.revert.isEnabled()
    view.table.setCurrentIndex(cell(view, "tail.lif", THRESHOLD))
    assert not view.revert.isEnabled()


def test_the_common_threshold_shows_where_a_layer_has_none_of_its_own(qtbot, sampler, view):
    type_into(qtbot, view, "tail.lif", THRESHOLD, "0.5")
    sampler.set(threshold=0.9)
    draw(qtbot, view)
    assert shown_text(view, "head.neuron", THRESHOLD) == "0.9"
    assert shown_text(view, "tail.lif", THRESHOLD) == f"{MARK} 0.5"


def test_edits_during_a_run_are_for_the_next_one(qtbot, run, view):
    start(qtbot, run, view, 1)
    type_into(qtbot, view, "tail.lif", TAU, "3")
    assert view.caption.text.endswith("from the next run on")


def start_with(run, view, qtbot, *overrides, threshold=1.0, steps=2):
    fake = FakeRun(run, FakeRecorder(LAYERS))
    fake.request = replace(fake.request, overrides=overrides, threshold=threshold)
    fake.threshold = threshold
    fake.start().step(steps)
    draw(qtbot, view)
    return fake


def test_constants_in_force_in_the_run_come_before_those_of_the_next(qtbot, run, sampler, view):
    soft = Override(layer="tail.lif", kind="soft-reset")
    start_with(run, view, qtbot, soft, Override(layer="tail.lif", kind="tau", value=3.0))
    assert shown_text(view, "tail.lif", RESET) == f"{MARK} soft {NEXT} hard 0"
    assert shown_text(view, "tail.lif", TAU) == f"{MARK} 3 {NEXT} 2"
    assert shown_text(view, "tail.lif", THRESHOLD) == "1"
    assert shown_text(view, "head.neuron", RESET) == "hard 0"
    tip = cell(view, "tail.lif", RESET).data(Qt.ItemDataRole.ToolTipRole)
    assert tip.startswith("soft in the run that is shown, hard 0 from the next one on")
    sampler.set(overrides=(soft,))
    draw(qtbot, view)
    assert shown_text(view, "tail.lif", RESET) == f"{MARK} soft"
    assert shown_text(view, "tail.lif", TAU) == f"{MARK} 3 {NEXT} 2"


def test_overrides_of_patterns_and_of_some_steps_are_told_too(qtbot, run, sampler, view):
    pattern = Override(layer="head.*", kind="threshold", value=0.5)
    late = Override(layer="tail.lif", kind="threshold", value=0.7, steps=(3, 5))
    sampler.set(overrides=(pattern, late))
    fake = start_with(run, view, qtbot, pattern, late)
    assert shown_text(view, "head.neuron", THRESHOLD) == f"{MARK} 0.5"
    assert shown_text(view, "tail.lif", THRESHOLD) == "1"
    tip = cell(view, "head.neuron", THRESHOLD).data(Qt.ItemDataRole.ToolTipRole)
    assert "several layers" in tip
    fake.step(2)
    draw(qtbot, view)
    assert shown_text(view, "tail.lif", THRESHOLD) == f"{MARK} 0.7 {NEXT} 1"


def test_the_threshold_of_the_run_is_the_one_of_its_newest_step(qtbot, run, sampler, view):
    fake = start_with(run, view, qtbot)
    sampler.set(threshold=0.9)
    draw(qtbot, view)
    assert shown_text(view, "head.neuron", THRESHOLD) == f"1 {NEXT} 0.9"
    fake.set_threshold(0.9)
    fake.step(1)
    draw(qtbot, view)
    assert shown_text(view, "head.neuron", THRESHOLD) == "0.9"


def test_two_constants_are_not_cut_off(qtbot, run, sampler, view):
    before = view.table.columnWidth(THRESHOLD)
    start_with(run, view, qtbot, Override(layer="tail.lif", kind="threshold", value=0.875))
    type_into(qtbot, view, "tail.lif", THRESHOLD, "0.125")
    draw(qtbot, view)
    text = shown_text(view, "tail.lif", THRESHOLD)
    assert text == f"{MARK} 0.875 {NEXT} {MARK} 0.125"
    assert view.table.columnWidth(THRESHOLD) > view.table.fontMetrics().horizontalAdvance(text)
    sampler.set(overrides=run.run.request.overrides)
    draw(qtbot, view)
    assert view.table.columnWidth(THRESHOLD) == before


@pytest.mark.parametrize("width", [400, 900, 1500])
def test_names_are_told_apart_at_every_width(qtbot, view, width):
    view.resize(width, 300)
    qtbot.wait(1)
    header, names = view.table.horizontalHeader(), [layer.id for layer in LAYERS]
    widest = max(view.table.fontMetrics().horizontalAdvance(name) for name in names)
    assert view.table.columnWidth(0) >= min(widest, 150)
    assert header.length() >= view.table.viewport().width()  # no empty strip at the right


def test_an_open_editor_survives_a_step(qtbot, run, view):
    fake = start(qtbot, run, view, 1)
    view.table.setCurrentIndex(cell(view, "tail.lif", TAU))
    view.table.edit(view.table.currentIndex())
    editor = view.table.findChild(QLineEdit)
    editor.setText("7")
    fake.step(1)
    draw(qtbot, view)
    assert editor.text() == "7"
    assert editor.isVisible()


def test_another_model_has_no_edits(qtbot, sampler, view):
    type_into(qtbot, view, "tail.lif", TAU, "3")
    sampler.set_model(model_info(entry("other").path, card(), layers=SMALL_LAYERS))
    draw(qtbot, view)
    assert ids(view) == [layer.id for layer in SMALL_LAYERS]
    assert view.caption.text == "No differences from the checkpoint"


# the arithmetic of edits ------------------------------------------------------------------------


def test_overrides_of_some_steps_and_of_patterns_are_no_cells():
    some = replace(Override(layer="tail.lif", kind="tau", value=3.0), steps=(0, 2))
    pattern = Override(layer="*", kind="threshold", value=0.5)
    edit = Override(layer="tail.lif", kind="soft-reset")
    overrides = (some, pattern, LESION, edit)
    assert layer_edits.edits(overrides) == 1
    assert layer_edits.others(overrides) == (some, pattern, LESION)
    assert layer_edits.text(overrides, LIF, "tau", 1.0) == "2"
    assert layer_edits.text(overrides, LIF, "reset", 1.0) == "soft"
