"""Neuron lab dock: what is drawn is what the node computed, and everything works by key and mouse."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QSlider,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.neuron_lab import NeuronLabModel
from spikestudio.app.viewmodels.neuron_lab_examples import EXAMPLES
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.neuron_lab import CHOOSE, LOADING, NeuronLabView
from spikestudio.app.views.neuron_lab_words import equations
from spikestudio.neurons.lab import Neuron, drive
from tests.gui.fakes import SMALL_LAYERS, FakeRun, draw, shown

LEFT, RIGHT, UP, DOWN = Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down
LAYER = SMALL_LAYERS[0]


@pytest.fixture(autouse=True)
def usual_theme():
    yield
    theme.manager.set_mode("dark")
    theme.manager.set_scale(1.0)


@pytest.fixture
def lab(qapp):
    return NeuronLabModel(RunModel())


@pytest.fixture
def run(lab):
    return lab._run


@pytest.fixture
def view(qtbot, lab, run):
    opened = shown(qtbot, NeuronLabView(run, lab), 1200, 700)
    draw(qtbot, opened)
    return opened


def press(qtbot, view, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    draw(qtbot, view)


def choose(qtbot, view, box, index):
    box.setCurrentIndex(index)
    box.activated.emit(index)
    draw(qtbot, view)


def at(view, step, *, part=0.5, value=None):
    """Place of a step in the plot: in the input strip at a value, else in the potential's."""
    strips = view.traces.strips()
    x = strips.left(step) + part * strips.column
    if value is None:
        return QPoint(round(x), round(strips.potential.center().y()))
    return QPoint(round(x), round(strips.y(strips.input, strips.input_scale, value)))


# what is shown --------------------------------------------------------------------------------


def test_the_dock_loads_the_node_when_it_is_shown(qtbot, run):
    jobs = []
    lab = NeuronLabModel(run, None, lambda *job: jobs.append(job))
    view = NeuronLabView(run, lab)
    assert jobs == []
    shown(qtbot, view)
    assert len(jobs) == 1
    draw(qtbot, view)
    assert view.headline.text == LOADING
    assert view.traces.picture.driven is None
    assert not view.save.isEnabled()
    view.grab()


def test_the_plot_holds_the_numbers_of_the_node(qtbot, lab, view):
    lab.use_example("A leak forgets")
    draw(qtbot, view)
    picture, expected = view.traces.picture, drive(lab.neuron, lab.current)
    assert np.array_equal(picture.current, lab.current)
    assert np.array_equal(picture.driven.h, expected.h)
    assert np.array_equal(picture.driven.v, expected.v)
    assert (picture.threshold, picture.v_reset) == (1.0, 0.0)
    assert view.headline.text.startswith(f"{expected.counts} spikes in 12 steps")
    strips = view.traces.strips()
    low, high = strips.potential_scale
    assert low <= min(expected.h.min(), expected.v.min())
    assert high >= max(1.0, expected.h.max())


def test_spikes_are_painted_in_the_columns_of_spikes(qtbot, lab, view):
    lab.current = [0.6, 0.6, 0.0, 1.5]
    draw(qtbot, view)
    image, strips = view.traces.grab().toImage(), view.traces.strips()
    ratio = image.devicePixelRatio()
    color = theme.color("spike").rgb()
    for step, spike in enumerate(lab.spikes):
        x = strips.left(step) + strips.column / 4
        found = image.pixelColor(round(x * ratio), round(strips.spikes.center().y() * ratio)).rgb()
        assert (found == color) == bool(spike)


def test_the_rate_chart_marks_the_input_and_pales_while_it_is_measured(qtbot, run):
    jobs = []
    lab = NeuronLabModel(run, None, lambda *job: jobs.append(job))
    view = shown(qtbot, NeuronLabView(run, lab), 1200, 700)
    while jobs:
        job, done, _ = jobs.pop()
        done(job())
    draw(qtbot, view)
    assert not view.rates.is_stale
    assert view.rates.present == (pytest.approx(0.4), 0.25)
    assert view.rates.is_constant
    assert "0.125 from 0.125" in view.rates.text()
    lab.threshold = 0.5
    draw(qtbot, view)
    assert view.rates.is_stale
    assert "being measured" in view.rates.text()
    job, done, _ = jobs.pop()
    done(job())
    lab.set_values({0: 2.0})
    draw(qtbot, view)
    assert not view.rates.is_constant
    assert "Mean input 0.6: rate" in view.rates.text()


def test_the_surrogate_chart_stands_at_the_step_looked_at(qtbot, lab, view):
    lab.cursor = 2
    draw(qtbot, view)
    distance, slope = view.surrogate.present
    assert distance == pytest.approx(0.2, abs=1e-6)
    assert slope == lab.outcome.slopes[2]
    assert "the true step is 1" in view.surrogate.text()
    choose(qtbot, view, view.surrogate_controls.names, 1)
    assert lab.surrogate == "Sigmoid"
    assert view.surrogate.present[1] == lab.outcome.slopes[2] != slope


# equations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("neuron", "step", "lines"),
    [
        (
            Neuron(kind="IF"),
            1,
            [
                "Charge: H[2] = V[1] + X[2] = 0.600 + 0.600 = 1.200",
                "Fire: S[2] = Θ(H[2] − v_th) = Θ(1.200 − 1) = Θ(0.200) = 1, spike",
                "Reset: V[2] = V_reset = 0.000  (hard reset)",
            ],
        ),
        (
            Neuron(kind="IF", reset="soft", v_threshold=0.997),
            1,
            [
                "Charge: H[2] = V[1] + X[2] = 0.600 + 0.600 = 1.200",
                "Fire: S[2] = Θ(H[2] − v_th) = Θ(1.200 − 0.997) = Θ(0.203) = 1, spike",
                "Reset: V[2] = H[2] − v_th = 1.200 − 0.997 = 0.203",
            ],
        ),
        (
            Neuron(kind="LIF", tau=2.5, reset=-0.1),
            0,
            [
                "Charge: H[1] = V[0] + (X[1] − (V[0] − V_reset)) / τ = "
                "−0.100 + (0.600 − (−0.100 − (−0.1))) / 2.5 = 0.140",
                "Fire: S[1] = Θ(H[1] − v_th) = Θ(0.140 − 1) = Θ(−0.860) = 0",
                "Reset: V[1] = H[1] = 0.140  (no spike)",
            ],
        ),
        (
            Neuron(kind="LIF", reset="soft", decays_input=False),
            1,
            [
                "Charge: H[2] = V[1] − V[1] / τ + X[2] = 0.600 − 0.600 / 2 + 0.600 = 0.900",
                "Fire: S[2] = Θ(H[2] − v_th) = Θ(0.900 − 1) = Θ(−0.100) = 0",
                "Reset: V[2] = H[2] = 0.900  (no spike)",
            ],
        ),
        (
            Neuron(kind="PLIF", tau=2.0),
            0,
            [
                "Charge: H[1] = V[0] + (X[1] − (V[0] − V_reset)) · σ(w) = "
                "0.000 + (0.600 − (0.000 − 0)) · σ(0) = 0.300",
                "Fire: S[1] = Θ(H[1] − v_th) = Θ(0.300 − 1) = Θ(−0.700) = 0",
                "Reset: V[1] = H[1] = 0.300  (no spike)",
            ],
        ),
    ],
)
def test_equations_have_the_numbers_of_the_step(neuron, step, lines):
    driven = drive(neuron, [0.6, 0.6])
    assert [line.text for line in equations(neuron, driven, step)] == lines


def test_a_potential_that_just_misses_the_threshold_has_enough_decimals():
    line = equations(Neuron(kind="IF"), drive(Neuron(kind="IF"), [0.99999]), 0)[1]
    assert "Θ(0.99999 − 1) = Θ(−0.00001) = 0" in line.text


def test_pointing_at_a_step_shows_its_equations_and_leaving_those_of_the_cursor(qtbot, view, lab):
    qtbot.mouseMove(view.traces, at(view, 2))
    assert "H[3] = V[2] + X[3] = 0.800 + 0.400 = 1.200" in view.equations.text
    assert lab.cursor == 0
    QApplication.sendEvent(view.traces, QEvent(QEvent.Type.Leave))
    assert "H[1] = V[0]" in view.equations.text


# by mouse -------------------------------------------------------------------------------------


def test_a_click_below_the_input_moves_the_cursor_only(qtbot, view, lab):
    qtbot.mouseClick(view.traces, Qt.MouseButton.LeftButton, pos=at(view, 5))
    assert (lab.cursor, lab.shape) == (5, "constant")


def test_the_input_is_drawn_with_the_mouse_without_gaps(qtbot, view, lab):
    traces = view.traces
    qtbot.mousePress(traces, Qt.MouseButton.LeftButton, pos=at(view, 1, value=0.5))
    qtbot.mouseMove(traces, at(view, 5, value=1.5))
    assert traces.hovered_step == 5  # whose equations are shown
    qtbot.mouseRelease(traces, Qt.MouseButton.LeftButton, pos=at(view, 5, value=1.5))
    draw(qtbot, view)
    assert lab.shape == "drawn"
    assert lab.current[[0, 6, 7]] == pytest.approx([0.4] * 3)
    assert lab.current[1:6] == pytest.approx([0.5, 0.75, 1.0, 1.25, 1.5], abs=0.03)
    assert lab.cursor == 5
    assert lab.spikes == tuple(drive(lab.neuron, lab.current).spikes)
    qtbot.mouseMove(traces, at(view, 7, value=2.0))  # without a button
    assert lab.current[7] == pytest.approx(0.4)


def test_the_scale_stays_while_it_is_drawn_on(qtbot, view, lab):
    traces = view.traces
    qtbot.mousePress(traces, Qt.MouseButton.LeftButton, pos=at(view, 1, value=0.5))
    scale = traces.strips().input_scale
    qtbot.mouseMove(traces, at(view, 1, value=-1.0))
    draw(qtbot, view)
    assert lab.current[1] < -0.9
    assert traces.strips().input_scale == scale
    qtbot.mouseRelease(traces, Qt.MouseButton.LeftButton, pos=at(view, 1, value=-1.0))
    assert traces.strips().input_scale[0] < -0.9


# by keyboard ----------------------------------------------------------------------------------


def test_the_keys_step_the_cursor_and_change_the_input(qtbot, view, lab):
    traces = view.traces
    traces.setFocus()
    qtbot.keyClick(traces, RIGHT)
    qtbot.keyClick(traces, RIGHT)
    assert lab.cursor == 2
    qtbot.keyClick(traces, UP)
    assert lab.current[2] == pytest.approx(0.45)
    qtbot.keyClick(traces, DOWN, Qt.KeyboardModifier.ShiftModifier)
    assert lab.current[2] == pytest.approx(-0.05)
    qtbot.keyClick(traces, Qt.Key.Key_End)
    assert lab.cursor == 7
    qtbot.keyClick(traces, RIGHT)
    assert lab.cursor == 7
    qtbot.keyClick(traces, Qt.Key.Key_Home)
    qtbot.keyClick(traces, LEFT)
    assert lab.cursor == 0
    draw(qtbot, view)
    assert "t = 1: Charge" in traces.accessibleDescription()


def test_step_and_value_can_be_typed(qtbot, view, lab):
    box = view.step_controls.step
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, "4")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    draw(qtbot, view)
    assert lab.cursor == 3
    box = view.step_controls.value
    box.selectAll()
    qtbot.keyClicks(box, "-0.75")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert lab.current[3] == -0.75


# controls -------------------------------------------------------------------------------------


def test_every_number_is_slid_and_typed(qtbot, view, lab):
    press(qtbot, view, view.controls.kind.button(1))
    assert lab.kind == "LIF"
    for name, typed in (("tau", "3.25"), ("threshold", "0.997"), ("reset", "-0.125")):
        row = view.controls.rows[name]
        row.box.selectAll()
        qtbot.keyClicks(row.box, typed)
        qtbot.keyClick(row.box, Qt.Key.Key_Return)
        draw(qtbot, view)
        assert getattr(lab, name) == float(typed)
        assert row.box.text() == typed
        before = getattr(lab, name)
        qtbot.keyClick(row.slider, RIGHT)
        draw(qtbot, view)
        assert getattr(lab, name) > before
    qtbot.keyClick(view.controls.rows["steps"].slider, Qt.Key.Key_End)
    assert lab.steps == 64
    draw(qtbot, view)
    assert len(view.traces.picture.current) == 64
    view.grab()


def test_what_a_neuron_does_not_have_is_disabled_and_says_why(qtbot, view, lab):
    rows = view.controls.rows
    assert not rows["tau"].slider.isEnabled()
    assert "does not leak" in rows["tau"].box.toolTip()
    press(qtbot, view, view.controls.kind.button(2))
    assert rows["tau"].slider.isEnabled()
    press(qtbot, view, view.controls.resets.button(1))
    assert lab.reset == "soft"
    assert not rows["reset"].box.isEnabled()
    assert "no V_reset" in rows["reset"].box.toolTip()
    press(qtbot, view, view.controls.resets.button(0))
    assert lab.reset == 0.0
    assert not rows["noise"].isVisible()
    choose(qtbot, view, view.controls.shape, 2)
    assert lab.shape == "noisy"
    assert rows["noise"].isVisible()
    choose(qtbot, view, view.controls.shape, 3)
    assert not rows["amplitude"].box.isEnabled()


def test_an_example_is_named_until_it_is_changed(qtbot, view, lab):
    assert view.examples.currentText() == EXAMPLES[0].name
    choose(qtbot, view, view.examples, 5)
    assert lab.steps == 4
    assert view.examples.currentText() == "Only four rates"
    assert "1/4, 1/2 and 1" in view.note.text()
    lab.threshold = 0.9
    draw(qtbot, view)
    assert view.examples.currentText() == CHOOSE
    assert len(EXAMPLES) == view.examples.count() - 1


# a real neuron --------------------------------------------------------------------------------


def test_a_real_neuron_is_taken_and_left(qtbot, view, lab, run):
    assert not view.take.isEnabled()
    assert "sample first" in view.take.toolTip()
    FakeRun(run).start().step(3)
    run.select(layer=LAYER.id, neurons=(7,))
    draw(qtbot, view)
    assert view.take.text() == "Take neuron 7"
    press(qtbot, view, view.take)
    recorded = run.known.spikes(LAYER.id, 2)[:, 7]
    assert lab.spikes == tuple(recorded)
    plural = "" if recorded.sum() == 1 else "s"
    where = f"Neuron 7 of layer {LAYER.id}, denoising step 3"
    assert view.note.text() == f"{where}: {recorded.sum()} spike{plural} recorded, the same here"
    for part in (view.controls.shape, view.controls.rows["steps"].box, view.step_controls.value):
        assert not part.isEnabled()
    assert view.controls.shape.currentText() == "Recorded"
    before = lab.current.copy()
    qtbot.mouseClick(view.traces, Qt.MouseButton.LeftButton, pos=at(view, 1, value=1.0))
    view.traces.setFocus()
    qtbot.keyClick(view.traces, UP)
    assert np.array_equal(lab.current, before)
    lab.threshold = 0.001
    draw(qtbot, view)
    change = sum(lab.spikes) - int(recorded.sum())
    assert change > 0
    assert view.note.text().endswith(f"{sum(lab.spikes)} here (+{change})")
    press(qtbot, view, view.back)
    assert lab.source == ""
    assert not view.back.isVisible()
    assert (view.controls.shape.currentText(), view.controls.shape.count()) == ("Constant", 4)


# the rest -------------------------------------------------------------------------------------


def test_the_picture_is_copied(qtbot, view):
    QGuiApplication.clipboard().clear()
    with qtbot.waitSignal(view.told):
        press(qtbot, view, view.copy)
    picture = QGuiApplication.clipboard().pixmap()
    assert picture.width() >= view.traces.width()
    assert picture.height() > view.traces.height()


def test_every_control_has_a_name_and_a_tooltip(view):
    controls = [
        each
        for kind in (QAbstractButton, QAbstractSpinBox, QComboBox, QSlider)
        for each in view.findChildren(kind)
    ]
    assert len(controls) > 25
    for each in controls:
        assert each.accessibleName() or getattr(each, "text", str)(), each
        assert each.toolTip(), each.accessibleName()


def test_lessons_find_the_parts_by_name(view):
    names = [each.objectName() for each in view.findChildren(QWidget)]
    found = [name for name in names if name.startswith("neuron-lab-")]
    assert len(found) == len(set(found))
    wanted = ("tau", "threshold", "reset", "steps", "amplitude", "kind", "traces", "take", "value")
    assert {f"neuron-lab-{name}" for name in wanted} <= set(found)
    assert view.findChild(QWidget, "neuron-lab-tau") is view.controls.rows["tau"]


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("size", [(640, 600), (800, 900), (1600, 900)])
def test_nothing_is_cut_at_the_side(qtbot, view, size, scale):
    theme.manager.set_scale(scale)
    view.resize(*size)
    qtbot.waitUntil(lambda: view.width() == size[0])
    draw(qtbot, view)
    parts = (view.controls, view.traces, view.equations, view.rates)
    for part in parts:
        left = part.mapTo(view, QPoint(0, 0)).x()
        assert left >= 0
        assert left + part.width() <= view.width()
    boxes = [
        part.geometry().translated(part.parentWidget().mapTo(view, QPoint(0, 0))) for part in parts
    ]
    for index, box in enumerate(boxes):
        assert not any(box.intersects(other) for other in boxes[index + 1 :])


def test_at_half_of_the_smallest_window_all_is_in_sight(qtbot, view):
    view.resize(640, 600)
    draw(qtbot, view)
    for part in (view.controls, view.traces, view.equations, view.rates):
        bottom = part.mapTo(view, QPoint(0, part.height())).y()
        assert bottom <= view.height()
