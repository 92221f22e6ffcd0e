from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from spikestudio.app import theme
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.efficiency import EfficiencyView
from spikestudio.app.views.efficiency_table import AC, COLUMNS, MAC, RATE, READS, SHARE, si
from spikestudio.metrics.operations import (
    Costs,
    Operations,
    WeightLayer,
    as_ann,
    as_papers,
    as_strict,
    mean_rate,
)
from tests.gui.fakes import FAN_OUT, SMALL_LAYERS, FakeRun, draw, shown

ANN, PAPERS, STRICT = range(3)
HEAD, DOWN, MIDDLE = (layer.id for layer in SMALL_LAYERS)


def weight_layer(layer_id, macs, *sources, is_binary=True):
    return WeightLayer(
        id=layer_id,
        is_convolution=True,
        macs=macs,
        synapses=macs * 9 // 10,
        sources=tuple((source, 1 / len(sources)) for source in sources),
        is_binary=is_binary and bool(sources),
        is_stepwise=True,
    )


OPERATIONS = Operations(
    (
        weight_layer("conv", 40_000),
        weight_layer("downblocks.0.conv1", 3_000_000, HEAD),
        weight_layer("downblocks.0.shortcut", 200_000),
        weight_layer("middleblocks.0.conv2", 1_500_000, DOWN),
        weight_layer("output", 600_000, MIDDLE, DOWN, is_binary=False),
    ),
    spiking=(DOWN, HEAD, MIDDLE),  # the recorder may list them in another order
    num_neurons=(72, 144, 15),
    fan_out=(np.array(FAN_OUT),) * 3,
)
ROWS = [1, 0, 2]


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def view(qtbot, run):
    result = shown(qtbot, EfficiencyView(run), 640, 640)
    result.set_operations(OPERATIONS)
    return result


def rates(run, step=-1):
    reached = run.recorder.rates()[ROWS, : run.recorder.steps_done].astype(float)
    return reached[:, step]


def additions(run, step=-1):
    recorder = run.recorder
    found = recorder.activity().additions_of_one([layer.num_neurons for layer in recorder.layers])
    return found[ROWS, : recorder.steps_done][:, step]


def cells(view, column):
    model = view.table.model()
    return [model.index(row, column).data() for row in range(model.rowCount())]


def click(qtbot, view, row):
    where = view.table.visualRect(view.table.model().index(row, 0)).center()
    qtbot.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=where)


def test_an_empty_dock_says_what_will_be_there(qtbot, view):
    assert view.stack.is_empty
    with qtbot.waitSignal(view.sampleRequested):
        view.stack.sampleRequested.emit()


def test_totals_are_those_of_the_three_accountings(qtbot, run, view):
    FakeRun(run).start().step(3)
    draw(qtbot, view)
    newest, costs = rates(run), Costs()
    counts = (
        as_ann(OPERATIONS),
        as_papers(OPERATIONS, newest, 4),
        as_strict(OPERATIONS, additions(run), 4),
    )
    ann = counts[0].energy(costs).sum()
    for column, count in enumerate(counts):
        energy = count.energy(costs).sum()
        assert view.totals.text("Energy", column) == si(energy, "J")
        assert view.totals.text("MAC", column) == si(count.mac.sum())
        assert view.totals.text("AC", column) == si(count.ac.sum())
        share = float(view.totals.text("Of the ANN", column).removesuffix(" %"))
        assert share == pytest.approx(100 * energy / ann, rel=5e-3)
    sparsity = float(view.totals.sparsity.text().removesuffix(" %"))
    assert sparsity == pytest.approx(100 * (1 - mean_rate(OPERATIONS, newest)), rel=5e-3)


def test_mean_so_far_is_that_of_the_steps_done(qtbot, run, view):
    FakeRun(run).start().step(3)
    draw(qtbot, view)
    energies = [as_strict(OPERATIONS, additions(run, s), 4).energy(Costs()).sum() for s in range(3)]
    assert view.totals.text("Mean so far", STRICT) == si(np.mean(energies), "J")


def test_figures_follow_every_step(qtbot, run, view):
    fake = FakeRun(run).start().step(1)
    draw(qtbot, view)
    before = cells(view, RATE)
    fake.step(1)
    draw(qtbot, view)
    assert cells(view, RATE) != before
    assert view.caption.text.startswith("step 2 of 10")


def test_before_the_first_step_only_the_ann_is_known(qtbot, run, view):
    FakeRun(run).start()
    draw(qtbot, view)
    assert view.totals.text("Energy", ANN) == "24.6 µJ"
    assert view.totals.text("Energy", STRICT) == "–"
    assert view.totals.sparsity.text() == "–"
    assert set(cells(view, RATE)) == {"–"}


def test_table_holds_the_layers_in_order_of_evaluation(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    assert cells(view, 0) == [layer.id for layer in OPERATIONS.layers]
    assert cells(view, READS) == ["real values", "spikes", "real values", "spikes", "mean spikes"]
    strict = as_strict(OPERATIONS, additions(run), 4)
    assert cells(view, MAC) == [si(value) for value in strict.mac]
    assert cells(view, AC) == [si(round(value)) for value in strict.ac]
    shares = [float(text.removesuffix(" %")) for text in cells(view, SHARE)]
    assert sum(shares) == pytest.approx(100, abs=0.3)
    assert float(cells(view, RATE)[1]) == pytest.approx(rates(run)[1], rel=5e-3)
    assert cells(view, RATE)[0] == "–"


def test_table_shows_the_accounting_chosen(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    assert view.choice.current == STRICT
    view.choice.button(PAPERS).click()
    assert cells(view, MAC) == ["40.0 k", "0", "0", "0", "0"]
    view.choice.button(ANN).click()
    assert cells(view, MAC) == [si(layer.macs) for layer in OPERATIONS.layers]
    assert cells(view, AC) == ["0"] * 5


def test_headings_sort_by_value_and_a_third_click_undoes_it(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    view.choice.button(ANN).click()
    header = view.table.horizontalHeader()

    def press():
        at = QPoint(header.sectionViewportPosition(MAC) + 20, header.height() // 2)
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
        return cells(view, MAC)

    in_order = cells(view, MAC)
    orders = [press(), press(), press()]
    rising = ["40.0 k", "200 k", "600 k", "1.50 M", "3.00 M"]
    assert sorted(orders[:2]) == sorted([rising, rising[::-1]])
    assert orders[2] == in_order


def test_sorting_holds_while_steps_come_in(qtbot, run, view):
    fake = FakeRun(run).start().step(1)
    draw(qtbot, view)
    view.table.sortByColumn(SHARE, Qt.SortOrder.DescendingOrder)
    for _ in range(3):
        fake.step(1)
        draw(qtbot, view)
        shares = [float(text.removesuffix(" %")) for text in cells(view, SHARE)]
        assert shares == sorted(shares, reverse=True)


def test_a_click_selects_the_neurons_that_the_layer_reads(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    view.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert cells(view, 0)[1] == "middleblocks.0.conv2"
    click(qtbot, view, 1)
    assert run.selection.layer == DOWN
    model = view.table.model()
    accent = [model.index(r, 0).data(Qt.ItemDataRole.ForegroundRole) for r in range(5)]
    is_marked = [color == theme.color("accent") for color in accent]
    assert is_marked == [True, True, False, False, False]  # the output and the layer clicked
    click(qtbot, view, cells(view, 0).index("conv"))
    assert run.selection.layer == DOWN  # it reads no neurons


def test_constants_can_be_edited_and_brought_back(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert view.costs == Costs()
    assert not view.reset.isVisible()
    before = view.totals.text("Energy", STRICT)
    view.mac_cost.setValue(0.23)
    view.ac_cost.setValue(0.03)
    assert view.totals.text("Energy", ANN) == si(0.23e-12 * OPERATIONS.macs, "J")
    assert view.totals.text("Energy", STRICT) != before
    view.reset.click()
    assert view.costs == Costs()
    assert view.totals.text("Energy", STRICT) == before
    assert not view.reset.isVisible()


def test_the_wheel_changes_no_constant_by_accident(qtbot, view):
    view.mac_cost.clearFocus()
    down = QWheelEvent(
        QPointF(5, 5),
        QPointF(view.mac_cost.mapToGlobal(QPoint(5, 5))),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.mac_cost, down)
    assert view.costs == Costs()


def test_a_run_keeps_the_operations_of_its_own_model(qtbot, run, view):
    fake = FakeRun(run).start().step(1)
    other = replace(OPERATIONS, layers=OPERATIONS.layers[:2])
    view.set_operations(other)
    fake.step(1)
    draw(qtbot, view)
    assert len(cells(view, 0)) == 5
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert cells(view, 0) == ["conv", "downblocks.0.conv1"]


def test_a_recording_that_was_there_before_its_model_gets_its_operations(qtbot, run, view):
    view.set_operations(None)
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert view.stack.is_empty
    view.set_operations(OPERATIONS, is_of_run=True)
    draw(qtbot, view)
    assert not view.stack.is_empty
    assert len(cells(view, 0)) == 5


@pytest.mark.parametrize(
    "operations", [None, replace(OPERATIONS, spiking=("elsewhere",))], ids=["none", "other"]
)
def test_unknown_operations_are_said_to_be_unknown(qtbot, run, view, operations):
    view.set_operations(operations)
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert view.stack.is_empty
    assert view.stack.sentence == "The operations of this model are not known."


def test_hidden_view_does_not_draw(qtbot, run):
    view = EfficiencyView(run)
    qtbot.addWidget(view)
    view.set_operations(OPERATIONS)
    FakeRun(run).start().step(1)
    assert not view.draw_if_needed()
    assert view.table.model().rowCount() == 0


def test_everything_has_a_name_and_says_its_value(qtbot, run, view):
    FakeRun(run).start().step(2)
    draw(qtbot, view)
    for widget in (view, view.table, view.choice, view.mac_cost, view.ac_cost):
        assert widget.accessibleName()
    energy = view.totals.text("Energy", STRICT)
    assert view.totals.label("Energy", STRICT).accessibleName() == f"Energy, Strict count: {energy}"
    assert "2 of 5 weight layers read spikes" in view.table.accessibleDescription()
    assert len(view.help_text.splitlines()) <= 10
    header = view.table.model()
    titles = [header.headerData(i, Qt.Orientation.Horizontal) for i in range(len(COLUMNS))]
    assert titles == ["Layer", "Reads", "MAC", "Rate", "AC", "Energy"]


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("mode", ["dark", "light"])
def test_no_figure_is_cut_in_either_theme_at_any_text_size(qtbot, run, view, mode, scale):
    theme.manager.set_mode(mode)
    theme.manager.set_scale(scale)
    try:
        FakeRun(run).start().step(1)
        draw(qtbot, view)
        label = view.totals.label("Energy", STRICT)
        assert label.width() >= label.fontMetrics().horizontalAdvance(label.text())
        index = view.table.model().index(0, 0)
        assert index.data(Qt.ItemDataRole.ForegroundRole) == theme.color("text")
    finally:
        theme.manager.set_mode("dark")
        theme.manager.set_scale(1.0)


def test_a_low_wide_dock_puts_the_table_beside_the_figures(qtbot, run, view):
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert view.table.mapTo(view, QPoint()).y() > view.totals.mapTo(view, QPoint()).y() + 100
    view.resize(900, 300)
    qtbot.waitUntil(lambda: view.table.mapTo(view, QPoint()).x() > view.totals.width())
    assert view.minimumSizeHint().height() <= 200  # the layouts may give the dock little room


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (999.7, "1.00 k"),
        (6_483_821_568, "6.48 G"),
        (1000, "1.00 k"),
        (355_767_706, "356 M"),
        (0.5, "500 m"),
        (float("nan"), "–"),
    ],
)
def test_numbers_have_three_digits_and_a_prefix(value, text):
    assert si(value) == text


@pytest.mark.parametrize(
    ("joules", "text"),
    [(29.83e-3, "29.8 mJ"), (1e-6, "1.00 µJ"), (2.5e-13, "250 fJ"), (0, "0 J"), (12, "12.0 J")],
)
def test_energies_have_a_unit(joules, text):
    assert si(joules, "J") == text


def test_an_earlier_step_is_counted_when_the_timeline_looks_at_it(qtbot, run, view):
    FakeRun(run).start().step(4)
    view.look_at(1)
    draw(qtbot, view)
    then = as_strict(OPERATIONS, additions(run, 1), 4).energy(Costs()).sum()
    first = as_strict(OPERATIONS, additions(run, 0), 4).energy(Costs()).sum()
    assert view.totals.text("Energy", STRICT) == si(then, "J")
    assert view.totals.text("Mean so far", STRICT) == si((first + then) / 2, "J")
    assert view.caption.text.startswith("step 2 of")
    view.look_at(None)
    draw(qtbot, view)
    newest = as_strict(OPERATIONS, additions(run), 4).energy(Costs()).sum()
    assert view.totals.text("Energy", STRICT) == si(newest, "J")
    assert newest != then
