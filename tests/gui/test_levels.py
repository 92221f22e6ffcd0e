"""Levels: they hide, they change no value, and the palette finds what they hide."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from spikestudio.app.commands import COMMANDS
from spikestudio.app.layouts import LAYOUTS
from spikestudio.app.lesson_controls import CONTROLS
from spikestudio.app.levels import FIRST, LEVELS, ROWS, first_level
from spikestudio.app.palette_entries import entries
from tests.gui.pack_window import Room, with_packs


@pytest.fixture
def room(shell: Any) -> Room:
    found = with_packs(shell)
    shell.load()
    return found


def is_row_shown(room: Room, name: str) -> bool:
    """Whether a row of the sampler can be seen, as far as its dock can."""
    view = room.window.views.sampler
    return CONTROLS[name].find(view).isVisibleTo(view)


def values(room: Room) -> dict[str, Any]:
    context = room.context
    lab = context.neuron_lab
    return {
        "request": asdict(context.sampler.request),
        "defaults": asdict(context.sampler.defaults),
        "selection": context.run.selection,
        "lab": (lab.neuron, lab.input, lab.steps, lab.cursor),
        "cursor": context.timeline.cursor,
        "wide": context.settings.wide_threshold,
    }


def shown_docks(room: Room) -> set[str]:
    return {name for name, dock in room.window.docks.docks.items() if not dock.isHidden()}


def test_the_table_names_what_there_is(room: Room) -> None:
    assert FIRST["dock"].keys() <= room.window.docks.docks.keys()
    assert FIRST["command"].keys() <= {command.id for command in COMMANDS}
    assert FIRST["layout"].keys() <= LAYOUTS.keys()
    assert FIRST["row"].keys() <= set(ROWS) <= CONTROLS.keys()
    assert {level for table in FIRST.values() for level in table.values()} <= LEVELS.keys()
    assert first_level("dock", "image") == "intro"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_levels_back_and_forth_change_no_value(qtbot: Any, room: Room, layout: str) -> None:
    room.context.sampler.set(threshold=1.002, snn_steps=7, seed=123, steps=11, clip_x0=True)
    room.context.neuron_lab.threshold = 0.7
    room.window.docks.apply(layout)
    qtbot.wait(1)
    before, docks = values(room), shown_docks(room)
    rows = {name for name in ROWS if is_row_shown(room, name)}
    for level in ("intro", "lab", "explore", "intro", "explore", "lab"):
        room.levels.choose(level)
        qtbot.wait(1)
        room.shell.frame()
        assert values(room) == before
        for name in docks:
            is_shown = room.levels.shows("dock", name)
            assert room.window.docks.docks[name].isHidden() != is_shown, name
    assert shown_docks(room) == docks
    assert {name for name in ROWS if is_row_shown(room, name)} == rows
    assert all(room.window.commands[each.id].isVisible() for each in COMMANDS)


def test_a_level_hides_docks_commands_layouts_and_rows(qtbot: Any, room: Room) -> None:
    assert is_row_shown(room, "sampler.snn-steps")
    room.levels.choose("intro")
    assert not is_row_shown(room, "sampler.snn-steps")
    assert is_row_shown(room, "sampler.threshold")
    assert not room.window.docks.docks["lesions"].toggleViewAction().isVisible()
    assert not room.window.commands["copy-python"].isVisible()
    layouts = {a.text(): a.isVisible() for a in room.window.view_menu.actions()}
    assert layouts["Watch"]
    assert not layouts["Models"]
    room.window.docks.apply("Models")  # by a name on the command line
    qtbot.waitUntil(lambda: "training" not in shown_docks(room))


def test_what_a_view_hides_itself_stays_hidden(qtbot: Any, room: Room) -> None:
    assert not is_row_shown(room, "sampler.temperature")  # this model draws no tokens
    room.levels.choose("intro")
    room.shell.load("spiking-diffusion-mnist")
    assert not is_row_shown(room, "sampler.temperature")
    room.levels.choose("lab")
    assert is_row_shown(room, "sampler.temperature")
    room.levels.choose("intro")
    room.shell.load("sddpm-mnist")
    room.levels.choose("lab")
    assert not is_row_shown(room, "sampler.temperature")


def test_the_palette_finds_what_is_hidden_and_goes_there(qtbot: Any, room: Room) -> None:
    everything = {entry.key for entry in entries(room.window.navigation._sources())}
    room.levels.choose("intro")
    found = {
        entry.key: entry for entry in room.levels.found(entries(room.window.navigation._sources()))
    }
    named = {key for key in everything if key.startswith(("command:", "dock:", "layout:"))}
    assert named <= found.keys()
    lesions = found["dock:lesions"]
    assert (lesions.detail, lesions.reason) == ("shown at level Lab", "")
    assert found["row:sampler.snn-steps"].detail == "shown at level Explore"
    assert found["command:remix"].detail == "shown at level Explore"
    found["row:sampler.snn-steps"].call()
    assert room.levels.level == "explore"
    assert is_row_shown(room, "sampler.snn-steps")
    lesions.call()
    assert room.levels.level == "lab"
    assert not room.window.docks.docks["lesions"].isHidden()


def test_a_page_of_a_lesson_has_what_it_needs(qtbot: Any, room: Room) -> None:
    room.levels.choose("intro")
    room.context.lesson.uses_own = True
    room.context.lesson.open("lesions")
    qtbot.waitUntil(lambda: "lesions" in shown_docks(room))
    room.levels.enforce()
    assert "lesions" in shown_docks(room)
    room.context.lesson.close()
    qtbot.waitUntil(lambda: "lesions" not in shown_docks(room))


def test_the_level_is_remembered(room: Room, make_shell: Any) -> None:
    room.levels.choose("explore")
    room.window.close()
    again = make_shell()
    assert with_packs(again).levels.level == "explore"


def test_a_pack_shows_only_its_rows(room: Room) -> None:
    room.levels.hold("explore", ("sampler.steps",))
    assert is_row_shown(room, "sampler.steps")
    assert not is_row_shown(room, "sampler.threshold")
    assert not any(action.isEnabled() for action in room.levels.actions.values())
    room.levels.release()
    assert is_row_shown(room, "sampler.threshold")
    assert room.levels.level == "lab"
