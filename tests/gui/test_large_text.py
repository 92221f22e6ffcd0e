"""Text of 100 to 200 % in a window of 1280x720: it fits, and no text is cut without saying so."""

import pytest
from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QLabel,
    QToolButton,
    QToolTip,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.actions import keys_text
from spikestudio.app.layouts import LAYOUTS, columns_for
from spikestudio.app.status_bar import StatusBar
from spikestudio.app.widgets.dock_scroll import DockScroll
from spikestudio.app.widgets.elided import ElidedCheckBox
from spikestudio.checkpoints import catalog

WIDTH, HEIGHT = 1280, 720
SCALES = (1.0, 1.5, 2.0)


@pytest.fixture
def make_large(qtbot, styled, make_shell):
    """Open a small window with large text in which a run goes on."""

    def make(scale):
        shell = make_shell(WIDTH, HEIGHT)
        shell.context.checkpoint.set_entries(catalog.list_checkpoints())
        shell.context.settings.text_scale = scale
        theme.manager.set_scale(scale)
        shell.window.resize(WIDTH, HEIGHT)
        shell.load()
        shell.run(steps=3)
        return shell

    return make


def settle(qtbot, shell):
    """Let the layouts follow the size, and the views draw."""
    for _ in range(12):
        qtbot.wait(20)
        shell.frame()


def text_room(widget: QLabel | QAbstractButton) -> tuple[int, int]:
    """Return how wide a label or button is with its whole text, and how wide it is."""
    if isinstance(widget, QAbstractButton):
        return widget.sizeHint().width(), widget.width()
    metrics = widget.fontMetrics()
    needed = max(metrics.horizontalAdvance(line) for line in widget.text().split("\n"))
    return needed, widget.contentsRect().width()


def cut_texts(window: QWidget) -> list[str]:
    """Return the visible labels and buttons whose text does not fit and does not say so."""
    found = []
    for widget in window.findChildren(QWidget):
        if not isinstance(widget, QLabel | QAbstractButton) or not widget.text():
            continue
        if widget.visibleRegion().isEmpty() or isinstance(widget, ElidedCheckBox):
            continue
        style = Qt.ToolButtonStyle.ToolButtonIconOnly
        has_icon_only = isinstance(widget, QToolButton) and widget.toolButtonStyle() is style
        if has_icon_only and not widget.icon().isNull():
            continue
        name = f"{type(widget).__name__} {widget.text()!r}"
        if isinstance(widget, QLabel) and widget.wordWrap():
            if widget.heightForWidth(widget.width()) > widget.height() + 1:
                found.append(f"{name}: lines")
        else:
            needed, room = text_room(widget)
            if needed > room + 1:
                found.append(f"{name}: {needed} in {room}")
        beyond = sticks_out(widget)
        if beyond:
            found.append(f"{name}: {beyond} beyond its parent")
    return found


def sticks_out(widget: QWidget) -> int:
    """Return by how many pixels a widget is cut off at the right by what it lies in."""
    box, each = widget.rect(), widget
    while (parent := each.parentWidget()) is not None and not each.isWindow():
        box = box.translated(each.pos())
        area = parent.parentWidget()
        if isinstance(area, QAbstractScrollArea) and area.viewport() is parent:
            return max(0, box.right() - parent.width() + 1) if not can_scroll(area) else 0
        if box.right() >= parent.width() + 1:
            return box.right() - parent.width() + 1
        each = parent
    return 0


def can_scroll(area: QAbstractScrollArea) -> bool:
    """Whether what is cut off at the right can be brought into view."""
    bar = area.horizontalScrollBar()
    never = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
    return bar.maximum() > 0 and area.horizontalScrollBarPolicy() is not never


@pytest.mark.parametrize("scale", SCALES)
def test_every_layout_fits_a_small_window_at_every_text_size(qtbot, make_large, scale):
    shell = make_large(scale)
    window = shell.window
    problems = []
    for name in LAYOUTS:
        window.docks.apply(name)
        settle(qtbot, shell)
        assert theme.manager.scale >= scale
        least, size = window.minimumSizeHint(), window.size()
        if least.width() > WIDTH or least.height() > HEIGHT or size != QSize(WIDTH, HEIGHT):
            problems.append(f"{name}: needs {least}, has {size}")
        for dock in window.docks.docks.values():
            if not dock.isHidden() and dock.is_in_front:
                if not window.rect().contains(dock.geometry()):
                    problems.append(f"{name}: {dock.objectName()} is beyond the window")
                if dock.area.horizontalScrollBar().maximum():
                    problems.append(f"{name}: {dock.objectName()} scrolls sideways")
        problems += [f"{name}: {each}" for each in cut_texts(window)]
    assert problems == []


def test_texts_that_are_cut_are_found(qtbot, styled):
    label = QLabel("Some words that are much longer than the label")
    label.setFixedWidth(40)
    qtbot.addWidget(label)
    parent = QWidget()
    qtbot.addWidget(parent)
    label.setParent(parent)
    parent.resize(200, 60)
    parent.show()
    assert len(cut_texts(parent)) == 1


@pytest.mark.parametrize("scale", [1.5, 2.0])
def test_the_lessons_share_the_place_of_the_controls_at_large_text(qtbot, make_large, scale):
    shell = make_large(scale)
    shell.window.commands["lessons"].trigger()
    settle(qtbot, shell)
    window, docks = shell.window, shell.window.docks.docks
    assert window.width() == WIDTH
    assert docks["lesson"].is_in_front
    assert docks["sampler"] in window.tabifiedDockWidgets(docks["lesson"])
    assert docks["lesson"].width() >= theme.px(220)
    assert cut_texts(docks["lesson"]) == []


@pytest.mark.parametrize(
    ("room", "kinds"),
    [
        ((1600, 1000), ["column", "column", "column"]),
        ((853, 480), ["column", "tabs"]),
        ((640, 360), ["tabs"]),
    ],
)
def test_a_page_of_a_lesson_shows_as_many_columns_as_there_is_room_for(room, kinds):
    columns = (("raster",), ("membrane", "timeline"), ("image",))
    parts = columns_for(columns, *room)
    assert [part.kind for part in parts] == kinds
    assert [name for part in parts for name in part.view_ids()] == [
        name for column in columns for name in column
    ]


# parts ------------------------------------------------------------------------------------------


class Wide(QWidget):
    """Needs 400 x 300 pixels at normal text size, and more at a larger one."""

    def minimumSizeHint(self):  # noqa: N802  Qt override
        return QSize(theme.px(400), theme.px(300))


def test_a_dock_asks_for_no_more_room_than_at_normal_text_size(qtbot):
    scroll = DockScroll(Wide())
    qtbot.addWidget(scroll)
    scroll.resize(500, 350)
    scroll.show()
    assert (scroll.minimumSizeHint().width(), scroll.minimumSizeHint().height()) == (400, 300)
    assert scroll.widget().size() == scroll.viewport().size() == scroll.size()
    theme.manager.set_scale(2.0)
    assert (scroll.minimumSizeHint().width(), scroll.minimumSizeHint().height()) == (400, 300)
    assert (scroll.widget().width(), scroll.widget().height()) == (800, 600)
    assert scroll.verticalScrollBar().maximum() > 0
    assert scroll.horizontalScrollBar().maximum() > 0
    theme.manager.set_scale(1.0)


def test_arrows_pass_through_a_scrolled_dock(qtbot):
    pressed = []

    class Parent(QWidget):
        def keyPressEvent(self, event):  # noqa: N802  Qt override
            pressed.append(event.key())

    parent = Parent()
    qtbot.addWidget(parent)
    scroll = DockScroll(Wide(), parent)
    parent.show()
    QTest.keyClick(scroll, Qt.Key.Key_Right)
    assert pressed == [Qt.Key.Key_Right]


def test_a_check_box_says_the_whole_of_a_text_that_it_cuts(qtbot):
    box = ElidedCheckBox("Clip predicted x0 to the image range")
    box.setToolTip("Keep every image in its range")
    qtbot.addWidget(box)
    box.resize(box.sizeHint())
    box.show()
    assert box.shown_text == box.text()
    box.resize(box.minimumSizeHint())
    assert box.shown_text.endswith("…")
    where = box.rect().center()
    tip = QHelpEvent(QEvent.Type.ToolTip, where, box.mapToGlobal(where))
    box.event(tip)
    assert QToolTip.text() == f"{box.text()}\n{box.toolTip()}"
    QToolTip.hideText()


def test_the_status_line_leaves_out_what_does_not_fit_and_says_it_in_the_tooltip(qtbot, make_large):
    shell = make_large(2.0)
    status = shell.window.status
    settle(qtbot, shell)
    shown = {name for name, label in status.labels.items() if label.isVisible()}
    assert {"State", "Step"} <= shown
    texts = {name: label.text() for name, label in status.labels.items() if label.text()}
    left_out = [text for name, text in texts.items() if name not in shown]
    assert sorted(status.toolTip().split("\n")) == sorted(left_out or [""])
    for label in status.labels.values():
        assert not label.isVisible() or status.rect().contains(label.geometry())


def test_the_status_line_tells_the_key_that_cancels_while_a_run_goes_on(qtbot, shell):
    context, cancel = shell.context, shell.window.commands["cancel"]
    status = StatusBar(context.run, context.checkpoint, context.bridge, cancel)
    qtbot.addWidget(status)
    status.resize(1600, 30)
    shell.load()
    assert status.labels["Cancel"].text() == ""
    shell.run(steps=2)
    assert status.labels["Cancel"].text() == "Shift+X cancels"
    tip = status.labels["Step"].toolTip()
    assert keys_text(cancel) in tip
    assert "Escape does not" in tip
    shell.window.commands.set_keys("cancel", ["F9"])
    shell.worker.advance()
    shell.frame()
    assert status.labels["Cancel"].text() == "F9 cancels"
    while shell.worker.advance():
        shell.frame()
    shell.frame()
    assert status.labels["Cancel"].text() == ""
