"""The doctor's page on real broken files."""

from __future__ import annotations

import json

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from spikestudio.app.jobs import Jobs
from spikestudio.app.viewmodels.doctor import DoctorModel
from spikestudio.app.views.doctor import NOTHING, SOUND, DoctorPage
from spikestudio.checkpoints.loader import load
from spikestudio.errors import ExportError
from tests.gui.fakes import shown
from tests.unit.checkpoints import tiny
from tests.unit.checkpoints.hostile import Bomb
from tests.unit.checkpoints.official_files import make_network, write
from tests.unit.checkpoints.test_diagnosis import NEW, OLD, damaged, rename_in


@pytest.fixture
def jobs():
    made = Jobs()
    yield made
    made.close()


class Desk:
    """The page, its model, and what it asked for and said."""

    def __init__(self, qtbot, jobs):
        self.qtbot, self.jobs = qtbot, jobs
        self.loads, self.said, self.told = [], [], []
        self.model = DoctorModel(jobs.submit, self.loads.append)
        self.model.refused.connect(self.said.append)
        self.model.told.connect(self.told.append)
        self.page = DoctorPage(self.model)
        shown(qtbot, self.page, 700, 450)

    def settle(self):
        def is_idle():
            self.jobs.deliver()
            return not self.jobs.is_active

        self.qtbot.waitUntil(is_idle, timeout=30_000)

    def examine(self, path):
        self.page.examine(path)
        self.settle()

    @property
    def table(self):
        rows = self.page.rows
        cells = [
            tuple(rows.index(row, column).data() for column in range(rows.columnCount()))
            for row in range(rows.rowCount())
        ]
        return [cell for cell in cells if cell[0] != "renamed"]

    def press(self, name):
        action = self.page.actions_by_name[name]
        assert action.isEnabled(), action.toolTip()
        action.trigger()
        self.settle()


@pytest.fixture
def desk(qtbot, jobs):
    return Desk(qtbot, jobs)


def test_before_anything_was_examined(desk):
    page = desk.page
    assert page.sentence.text() == NOTHING
    assert not page.table.isVisible()
    enabled = {name for name, action in page.actions_by_name.items() if action.isEnabled()}
    assert enabled == {"other"}
    assert all(action.toolTip() for action in page.actions_by_name.values())


def test_everything_wrong_is_in_the_table(desk, tmp_path):
    path = damaged(tmp_path)
    desk.page.examine(path)
    assert "Examining" in desk.page.verdict.text()  # in the background
    assert desk.table == []
    desk.settle()
    assert [(kind, name) for kind, name, _ in desk.table] == [
        ("missing", "bn.weight"),
        ("missing", NEW),
        ("unexpected", "stranger"),
        ("unexpected", OLD),
        ("wrong shape", "conv.bias"),
        ("not finite", "tail_conv.bias"),
        ("wrong constant", "time_embedding.timembedding.0.weight"),
        ("likely rename", OLD),
    ]
    assert ("wrong shape", "conv.bias", "F32[5], not F32[4]") in desk.table
    assert desk.page.verdict.text().startswith("Cannot be used")
    assert desk.page.summary.text.startswith("2 missing   2 unexpected")
    assert desk.page.title.text == path.name


def test_the_sign_is_told_in_words_too(desk, tmp_path):
    desk.examine(damaged(tmp_path))
    spoken = [
        desk.page.rows.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole)
        for row in range(desk.page.rows.rowCount())
    ]
    assert spoken[0] == "error, missing: bn.weight"
    assert any(text.startswith(f"note, likely rename: {OLD}") for text in spoken)


def test_a_rename_is_accepted_and_forgotten(desk, tmp_path):
    desk.examine(damaged(tmp_path))
    before = desk.table
    assert desk.page.rows.row(desk.page.table.currentIndex()).kind == "likely rename"
    desk.press("accept")
    gone = {("missing", NEW), ("unexpected", OLD), ("likely rename", OLD)}
    assert [row for row in before if row[:2] not in gone] == desk.table
    assert desk.model.accepted == {OLD: NEW}
    assert "1 rename accepted" in desk.page.summary.text
    assert not desk.page.actions_by_name["accept"].isEnabled()
    desk.press("forget")
    assert desk.table == before


def test_enter_in_the_table_accepts(qtbot, desk, tmp_path):
    desk.examine(damaged(tmp_path))
    desk.page.table.setFocus()
    qtbot.waitUntil(desk.page.table.hasFocus)
    qtbot.keyClick(desk.page.table, Qt.Key.Key_Return)
    desk.settle()
    assert desk.model.accepted == {OLD: NEW}


def test_another_row_accepts_nothing(desk, tmp_path):
    desk.examine(damaged(tmp_path))
    desk.page.table.setCurrentIndex(desk.page.rows.index(0, 0))
    action = desk.page.actions_by_name["accept"]
    assert not action.isEnabled()
    assert "likely rename" in action.toolTip()
    desk.page.table.doubleClicked.emit(desk.page.rows.index(0, 0))
    assert not desk.model.is_busy


def test_a_mended_copy_is_saved_and_loaded(desk, tmp_path):
    path, out = tmp_path / "model.safetensors", tmp_path / "mended.safetensors"
    network = tiny.save(path, "sddpm")
    names = [name for name in network.state_dict() if name.endswith("conv1.weight")][:2]
    for name in names:
        rename_in(path, name, f"{name}s")
    desk.examine(path)
    assert "accept renames" in desk.page.actions_by_name["mended"].toolTip()
    desk.press("accept-all")
    assert desk.page.verdict.text() == "Can be used with the accepted renames."
    assert desk.page.actions_by_name["mended"].isEnabled()
    desk.model.save_mended(out)
    desk.settle()
    assert desk.loads == [out]
    assert desk.told == [f"Saved mended.safetensors in {tmp_path}."]
    state = load(out).network.state_dict()
    assert all(torch.equal(state[name], network.state_dict()[name]) for name in names)


def test_a_sound_file_needs_nothing(desk, tmp_path):
    path = tmp_path / "good.safetensors"
    tiny.save(path, "sdit")
    desk.examine(path)
    assert desk.page.verdict.text() == "Can be used as it is."
    assert desk.page.sentence.text() == SOUND
    assert desk.page.sentence.isVisible()
    assert not desk.page.table.isVisible()
    assert "nothing to mend" in desk.page.actions_by_name["mended"].toolTip()


def test_what_a_file_would_run_is_listed_and_not_run(desk, tmp_path):
    crater, path = tmp_path / "crater", tmp_path / "x.pt"
    state = make_network("sddpm").state_dict()
    torch.save({"net_model": state, "more": Bomb(crater)}, path)
    desk.examine(path)
    assert desk.table
    assert {kind for kind, _, _ in desk.table} == {"would run"}
    assert not crater.exists()


def test_a_file_that_is_gone_is_one_row(desk, tmp_path):
    desk.examine(tmp_path / "gone.safetensors")
    assert [kind for kind, _, _ in desk.table] == ["unreadable"]
    assert "no file of that name" in desk.page.verdict.text()


@pytest.mark.parametrize("suffix", [".txt", ".json"])
def test_a_report_is_saved(desk, tmp_path, suffix):
    desk.examine(damaged(tmp_path))
    report = tmp_path / f"report{suffix}"
    desk.model.save_report(report)
    desk.settle()
    text = report.read_text(encoding="utf-8")
    assert "bn.weight" in text
    if suffix == ".json":
        assert json.loads(text)["findings"]["missing"] == ["bn.weight", NEW]
    assert desk.told == [f"Saved {report.name} in {tmp_path}."]


def test_a_report_that_cannot_be_saved_says_so(desk, tmp_path):
    desk.examine(damaged(tmp_path))
    for name, reason in (("no/report.txt", "does not exist"), ("report.pdf", ".json or .txt")):
        desk.model.save_report(tmp_path / name)
        desk.settle()
        assert reason in desk.said[-1]
    assert desk.told == []
    assert desk.table  # what was found stays


def test_the_report_can_be_copied(desk, tmp_path):
    desk.examine(damaged(tmp_path))
    desk.press("copy")
    assert QApplication.clipboard().text() == desk.model.found.to_text()


def test_the_newest_file_wins(desk, tmp_path):
    slow, good = damaged(tmp_path), tmp_path / "good.safetensors"
    tiny.save(good, "sddpm")
    desk.page.examine(slow)
    desk.page.examine(good)
    desk.settle()
    assert desk.page.title.text == "good.safetensors"
    assert desk.table == []
    assert desk.page.verdict.text() == "Can be used as it is."


def test_a_rename_that_cannot_be_leaves_what_was_found(desk, tmp_path):
    desk.examine(write(tmp_path, "sddpm", make_network("sddpm")))
    before = desk.model.found
    desk.model.accept({"nobody": "conv.bias"})
    desk.settle()
    assert "no tensor 'nobody'" in desk.said[0]
    assert desk.model.found is before
    assert not desk.model.is_busy


def test_an_error_of_the_disk_while_mending_is_told(desk, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    tiny.save(path, "sddpm")
    rename_in(path, "conv.bias", "conv.bais")
    desk.examine(path)
    desk.press("accept-all")

    def full(*_):
        raise ExportError("Cannot write it: the disk is full.")

    monkeypatch.setattr("spikestudio.checkpoints.safetensors_io.save", full)
    desk.model.save_mended(tmp_path / "out.safetensors")
    desk.settle()
    assert desk.said == ["Cannot write it: the disk is full."]
    assert desk.loads == []


def test_a_likely_rename_can_be_accepted_with_the_keyboard_at_once(qtbot, desk, tmp_path):
    desk.page.examine(damaged(tmp_path))
    desk.page.setFocus()
    desk.settle()
    qtbot.waitUntil(desk.page.table.hasFocus)
    qtbot.keyClick(desk.page.table, Qt.Key.Key_Return)
    desk.settle()
    assert desk.model.accepted == {OLD: NEW}


def test_names_that_differ_in_their_beginning_are_one_row(desk, tmp_path):
    desk.examine(damaged(tmp_path))
    kinds = [row.kind for row in desk.page.rows.rows]
    assert kinds.count("renamed") == 1
    assert desk.page.rows.rows[kinds.index("renamed")].name == "module.*"
