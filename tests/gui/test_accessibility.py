"""The whole window: names, text for every picture, contrast, colour-blind eyes, large text, stillness.

Distances of colours are CIELAB (1976) under D65, after the linear-light matrices of Machado, Oliveira
and Fernandes 2009 for a complete deficiency; about 2.3 is just noticeable.
"""

from itertools import combinations

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollBar,
    QStyle,
    QTextEdit,
    QToolButton,
    QWidget,
)

from spikestudio.app import recordings, theme
from spikestudio.app.plots.compare_raster_data import CLASS_COLORS
from tests.gui.test_theme import contrast

APART = 12.0
MODES = ("dark", "light")
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


@pytest.fixture(autouse=True)
def _reset(qapp):
    yield
    theme.manager.set_high_contrast(on=False)


# names and texts ----------------------------------------------------------------------------

CONTROLS = (
    *(QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit),
    *(QAbstractItemView, QTextEdit, QPlainTextEdit),
)


def path_of(widget):
    parts = []
    while widget is not None and len(parts) < 6:
        parts.append(widget.objectName() or type(widget).__name__)
        widget = widget.parentWidget()
    return " < ".join(parts)


def is_part_of_a_control(widget):
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, (QAbstractSpinBox, QComboBox, QLineEdit, QAbstractItemView)):
            return True
        parent = parent.parentWidget()
    return isinstance(widget, QScrollBar) or widget.objectName().startswith("qt_")


def is_nameless(widget):
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return not (widget.accessibleName() or text.strip())


@pytest.fixture
def every_dock(shell):
    """Call it with a function: every dock is opened after a run and handed over."""

    def visit(look):
        shell.load("spiking-diffusion-mnist")
        shell.context.sampler.set(steps=5)
        shell.run()
        found = []
        for view_id, dock in shell.window.docks.docks.items():
            shell.window.docks.bring(view_id)
            for _ in range(3):
                shell.frame()
            found += look(dock.view)
        return found

    return visit


def test_every_control_of_every_dock_has_a_name(every_dock):
    def nameless(view):
        return [
            path_of(control)
            for kind in CONTROLS
            for control in view.findChildren(kind)
            if control.isVisibleTo(view)  # one that is shown later gets its text then
            and not is_part_of_a_control(control)
            and is_nameless(control)
        ]

    assert every_dock(nameless) == []


def test_every_button_that_is_only_an_icon_has_a_tooltip(every_dock):
    def silent(view):
        return [
            path_of(button)
            for button in view.findChildren(QAbstractButton)
            if button.isVisible() and not button.text().strip() and not button.toolTip()
        ]

    assert every_dock(silent) == []


def is_picture(widget):
    is_ours = type(widget).__module__.startswith("spikestudio.app.plots.")
    return isinstance(widget, pg.GraphicsView) or (
        is_ours and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    )


def test_every_plot_that_shows_something_says_in_words_what(every_dock):
    seen = []

    def wordless(view):
        plots = [each for each in view.findChildren(QWidget) if each.isVisible()]
        plots = [each for each in plots if is_picture(each)]
        seen.extend(view.view_id for _ in plots)
        return [
            path_of(plot)
            for plot in plots
            if not (plot.accessibleName() and plot.accessibleDescription())
        ]

    assert every_dock(wordless) == []
    assert {"image", "timeline", "raster", "membrane", "rates", "tokens", "mosaic"} <= set(seen)


# colours ------------------------------------------------------------------------------------

TABLES = [
    pytest.param(table, id=f"{mode}{suffix}")
    for suffix, tables in (("", theme.TABLES), (" high contrast", theme.HIGH_CONTRAST))
    for mode, table in tables.items()
]
BACKGROUNDS = ("bg", "surface", "raised", "hover", "selected")


@pytest.mark.parametrize("table", TABLES)
def test_text_can_be_read_and_marks_and_the_focus_ring_be_seen(table):
    for behind in BACKGROUNDS:
        for name in ("text", "muted", "accent", "ok", "warn", "error"):
            assert contrast(getattr(table, name), getattr(table, behind)) >= 4.5, (name, behind)
    assert contrast(table.on_accent, table.accent) >= 4.5
    for color in table.watch:  # names of neurons are written in them, too
        assert contrast(color, table.surface) >= 4.5
    for name in ("spike", "threshold", "accent"):
        assert contrast(getattr(table, name), table.surface) >= 3
    assert contrast(table.text, table.accent) >= 1.5  # the ring of what is filled with the accent


@pytest.mark.parametrize("mode", MODES)
def test_high_contrast_has_more_of_it(mode):
    usual, strong = theme.TABLES[mode], theme.HIGH_CONTRAST[mode]
    for name in ("text", "muted", "accent", "border", "disabled"):
        before = contrast(getattr(usual, name), usual.surface)
        assert contrast(getattr(strong, name), strong.surface) > before, name
    for behind in BACKGROUNDS:
        assert contrast(strong.text, getattr(strong, behind)) >= 7
        assert contrast(strong.muted, getattr(strong, behind)) >= 7
    assert contrast(strong.border, strong.surface) >= 3
    assert contrast(strong.disabled, strong.surface) >= 3


def linear(color):
    values = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(light):
    matrix = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = np.array(matrix) @ light / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def least_distance(colors, deficiency):
    seen = [lab(np.clip(DEFICIENCIES[deficiency] @ linear(color), 0, 1)) for color in colors]
    return min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2))


def test_the_measure_of_distance_is_the_usual_one():
    assert lab(linear("#FFFFFF")) == pytest.approx([100, 0, 0], abs=0.02)
    assert lab(linear("#FF0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)
    assert least_distance(["#FF0000", "#00A000"], "none") > 100
    assert least_distance(["#9A7A00", "#A87000"], "deuteranopia") < 12


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("mode", MODES)
def test_colours_used_together_are_apart_for_every_eye(mode, deficiency):
    assert least_distance(theme.TABLES[mode].watch, deficiency) >= APART
    assert least_distance(theme.HIGH_CONTRAST[mode].watch, deficiency) >= APART
    assert least_distance(CLASS_COLORS[mode].values(), deficiency) >= APART
    table = theme.TABLES[mode]
    assert least_distance((table.surface, table.spike, table.threshold), deficiency) >= APART


# large text ---------------------------------------------------------------------------------


def is_cut(widget):
    """Whether a label or button shows less than its whole text, and no tooltip says the rest."""
    if widget.visibleRegion().isEmpty() or widget.toolTip():
        return False
    if isinstance(widget, QLabel):
        if widget.wordWrap():
            return widget.height() < widget.heightForWidth(widget.width()) - 2
        if not widget.pixmap().isNull() or not widget.text():
            return False
        return widget.width() < widget.sizeHint().width() - 2
    if not widget.text() or (
        isinstance(widget, QToolButton)
        and widget.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly
        and not widget.icon().isNull()
    ):
        return False
    margin = 2 * widget.style().pixelMetric(QStyle.PixelMetric.PM_ButtonMargin, None, widget)
    return widget.width() < widget.sizeHint().width() - margin


def test_a_text_that_is_cut_is_found(qtbot):
    for widget in (QLabel("some words"), QPushButton("some words")):
        qtbot.addWidget(widget)
        widget.setFixedWidth(widget.sizeHint().width())
        widget.show()
        assert not is_cut(widget)
        widget.setFixedWidth(widget.sizeHint().width() // 2)
        assert is_cut(widget)
        widget.setToolTip("some words")
        assert not is_cut(widget)


@pytest.mark.parametrize("layout", ["Watch", "Teach", "Inspect", "Tokens", "Sweep", "Models"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_no_text_is_cut_silently_at_the_least_size(qtbot, make_shell, entries, scale, layout):
    shell = make_shell(1280, 720)
    shell.context.checkpoint.set_entries(entries)
    shell.load("spiking-diffusion-mnist")
    shell.context.sampler.set(steps=3)
    shell.run()
    shell.window.context.settings.text_scale = scale
    shell.window.docks.apply(layout)
    theme.manager.set_scale(scale)
    qtbot.wait(200)
    shell.frame()
    qtbot.wait(20)
    cut = [
        f"{path_of(widget)}: {widget.text()!r}"
        for kind in (QLabel, QPushButton, QToolButton)
        for widget in shell.window.findChildren(kind)
        if is_cut(widget)
    ]
    assert cut == []


# stillness ----------------------------------------------------------------------------------


def test_nothing_plays_by_itself_where_the_system_asks_for_stillness(shell, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(shell.window.recordings, "_open_demo", opened.append)
    monkeypatch.setattr(recordings.paths, "bundled_recording", lambda _: tmp_path / "demo.h5")
    monkeypatch.setattr(recordings, "prefers_stillness", lambda: True)
    shell.window.recordings.begin_with(tmp_path / "model.safetensors")
    assert opened == []
    monkeypatch.setattr(recordings, "prefers_stillness", lambda: False)
    shell.context.settings.autoplay = False
    shell.window.recordings.begin_with(tmp_path / "model.safetensors")
    assert opened == []
    shell.context.settings.autoplay = True
    shell.window.recordings.begin_with(tmp_path / "model.safetensors")
    assert opened == [tmp_path / "demo.h5"]


def test_no_widget_animates(shell):
    from PySide6.QtCore import QAbstractAnimation

    shell.load()
    shell.run(steps=3)
    running = [
        each
        for each in shell.window.findChildren(QAbstractAnimation)
        if each.state() == QAbstractAnimation.State.Running
    ]
    assert running == []
