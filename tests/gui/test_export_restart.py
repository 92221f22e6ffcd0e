"""Options and folders of exports are settings of the window."""

from __future__ import annotations


def test_options_survive_a_restart(qtbot, make_shell, tmp_path):
    first = make_shell()
    first.window.exporter.show("grid")
    first.window.exporter.model.set(scale=7)
    first.window.exporter.model.save(tmp_path / "grid.png")  # fails: there is nothing yet
    qtbot.waitUntil(lambda: not first.window.exporter.model.is_saving)
    first.window.close()
    again = make_shell()
    again.window.exporter.show("grid")
    assert again.window.exporter.model.options.scale == 7
    assert again.window.exporter.model.folder(tmp_path / "elsewhere") == tmp_path
