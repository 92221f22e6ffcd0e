"""The library dock: real scans of real files, without a window."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from spikestudio import paths
from spikestudio.app import theme
from spikestudio.app.jobs import Jobs
from spikestudio.app.viewmodels import library as library_models
from spikestudio.app.viewmodels.checkpoint import CheckpointModel
from spikestudio.app.viewmodels.doctor import DoctorModel
from spikestudio.app.viewmodels.library import LibraryModel
from spikestudio.app.viewmodels.library_facts import measured, sections, size_text
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.library import LibraryView
from spikestudio.app.views.library_rows import STATE, lines
from spikestudio.app.widgets.model_card import CardState
from spikestudio.checkpoints.card import Measurement
from spikestudio.checkpoints.library import Scan
from spikestudio.checkpoints.library_walk import Limits
from tests.gui.fake_worker import model_info
from tests.gui.fakes import shown
from tests.unit.checkpoints import tiny

PROTOCOL = "256 images (ddim, 20 steps, seed 0); 95 % interval 0.71 to 0.92; judge of mnist"


@pytest.fixture
def jobs():
    made = Jobs()
    yield made
    made.close()


@pytest.fixture
def folders(tmp_path, monkeypatch):
    bundled, own, models = (tmp_path / name for name in ("bundled", "own", "models"))
    for folder in (bundled, own, models):
        folder.mkdir()
    monkeypatch.setattr(paths, "bundled_checkpoints", lambda: bundled)
    monkeypatch.setattr(paths, "user_checkpoints", lambda: own)
    monkeypatch.setattr(paths, "user_cache", lambda: tmp_path / "cache")
    quality = (Measurement("confident_share", 0.83, PROTOCOL), Measurement("other", 2.0, "by eye"))
    tiny.save(bundled / "sddpm-mnist.safetensors", "sddpm", quality=quality)
    picture = QImage(8, 8, QImage.Format.Format_RGB32)
    picture.fill(0xFF0000)
    for folder in (bundled, models):
        picture.save(str(folder / "sddpm-mnist.png"))
    tiny.save(models / "sddpm-mnist.safetensors", "sdit", dataset="kmnist")
    (models / "half.safetensors").write_bytes(b"nonsense")
    return bundled, own, models


class Desk:
    """The dock, what it works on, and what it asked for."""

    def __init__(self, qtbot, jobs, folders=(), **options):
        self.qtbot, self.jobs = qtbot, jobs
        self.loads: list[Path] = []
        self.said: list[str] = []
        self.checkpoint = CheckpointModel(lambda path, device: self.loads.append(path))
        self.library = LibraryModel(jobs.submit, self.checkpoint.load, map(str, folders), **options)
        self.doctor = DoctorModel(jobs.submit, self.checkpoint.load)
        self.view = LibraryView(RunModel(), self.library, self.doctor, self.checkpoint)
        self.view.rejected.connect(self.said.append)

    def settle(self):
        def is_idle():
            self.jobs.deliver()
            self.view.draw_if_needed()
            return not self.jobs.is_active and not self.view.draw_if_needed()

        self.qtbot.waitUntil(is_idle, timeout=20_000)

    @property
    def names(self):
        return [item.entry.name for item in self.view.rows.items]

    def choose(self, path):
        self.view.choose(path)
        return self.view.card.toPlainText()


@pytest.fixture
def desk(qtbot, jobs, folders):
    made = Desk(qtbot, jobs, [folders[2]])
    shown(qtbot, made.view, 800, 500)
    made.settle()
    return made


def item_of(desk, path):
    return next(item for item in desk.library.items if item.entry.path == path)


# the list -----------------------------------------------------------------------------------


def test_files_are_listed_when_the_dock_is_first_seen(qtbot, jobs, folders):
    desk = Desk(qtbot, jobs, [folders[2]])
    assert not desk.library.is_scanning
    shown(qtbot, desk.view)
    assert desk.library.is_scanning  # in the background: nothing was read yet
    assert desk.names == []
    desk.settle()
    assert desk.names == ["half", "sddpm-mnist", "sddpm-mnist"]
    assert desk.view.caption.text == "3 of 3 files, 1 broken"


def test_a_broken_file_says_why(desk, folders):
    half = folders[2] / "half.safetensors"
    index = desk.view.rows.index_of(half)
    assert index.data(STATE) is CardState.UNUSABLE
    assert lines(item_of(desk, half))[0].startswith(
        "Cannot open this file: it is not a safetensors"
    )
    spoken = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert "not a safetensors file" in spoken
    assert "Cannot be used" in spoken
    text = desk.choose(half)
    assert "not a safetensors file" in text
    assert "unknown" not in text  # nothing is said of what no card says


def test_filters_and_order(desk, folders):
    view = desk.view
    view.search.setText("kmnist SDIT")
    view.draw_if_needed()
    assert [item.card.architecture for item in view.rows.items] == ["sdit"]
    assert view.caption.text == "1 of 3 files, 1 broken"
    view.search.setText("")
    view.state.setCurrentIndex(2)
    view.state.activated.emit(2)
    assert desk.names == ["half"]
    view.state.setCurrentIndex(0)
    view.architecture.setCurrentIndex(view.architecture.findData("sdit"))
    view.architecture.activated.emit(1)
    assert [item.card.dataset for item in view.rows.items] == ["kmnist"]
    view.architecture.setCurrentIndex(0)
    view.sort.setCurrentText("Newest first")
    os.utime(folders[2] / "half.safetensors", (2e9, 2e9))
    view.sort.activated.emit(1)
    desk.library.scan()
    desk.settle()
    assert desk.names[0] == "half"


def test_the_chosen_file_stays_chosen(desk, folders):
    desk.choose(folders[2] / "half.safetensors")
    tiny.save(folders[2] / "another.safetensors", "sddpm")
    desk.library.scan()
    desk.settle()
    assert desk.names[0] == "another"
    assert desk.view.chosen.entry.name == "half"


def test_only_pictures_that_come_with_the_application_are_opened(desk, folders):
    bundled, _, models = folders
    name = "sddpm-mnist.safetensors"
    assert desk.view.delegate.picture(item_of(desk, bundled / name)).width() == 8
    assert desk.view.delegate.picture(item_of(desk, models / name)).isNull()


def test_the_model_in_use_is_marked(desk, folders):
    path = folders[0] / "sddpm-mnist.safetensors"
    desk.checkpoint.model = model_info(path, item_of(desk, path).card)
    desk.checkpoint.loaded.emit()
    desk.view.draw_if_needed()
    assert desk.view.rows.index_of(path).data(STATE) is CardState.IN_USE


# the card -----------------------------------------------------------------------------------


def test_the_card_is_shown_in_full(desk, folders):
    text = desk.choose(folders[0] / "sddpm-mnist.safetensors")
    item = item_of(desk, folders[0] / "sddpm-mnist.safetensors")
    assert "0.83   n 256, interval 0.71 to 0.92 (95 % interval)" in text
    assert "2   n unknown, interval unknown" in text
    assert "Protocol: ddim, 20 steps, seed 0; judge of mnist" in text
    assert "Protocol: by eye" in text
    for fact in ("IF neurons do not leak", "CC BY-SA 3.0", item.card.tensors_sha256, "T = 2"):
        assert fact in text
    assert "num_res_blocks 1" in text
    assert f"{item.entry.size_bytes:,} bytes" in text
    training = next(each for each in sections(item) if each.title == "Training")
    assert {fact.value for fact in training.facts} == {"unknown"}  # it tells nothing of it
    assert {"Steps", "Seed", "Hours", "Code version"} <= {fact.name for fact in training.facts}


def test_a_card_without_quality_says_that_it_is_unknown(desk, folders):
    text = desk.choose(folders[2] / "sddpm-mnist.safetensors")
    assert "quality is unknown" in text
    assert "quality unknown" in lines(desk.view.chosen)[1]


def test_what_a_file_says_is_no_markup(desk, folders):
    path = folders[2] / "odd.safetensors"
    tiny.save(path, "sddpm", dataset="<b>x</b><img src='file:///etc/passwd'>")
    desk.library.scan()
    desk.settle()
    assert "<b>x</b><img src=" in desk.choose(path)


@pytest.mark.parametrize(
    ("protocol", "num", "interval", "rest"),
    [
        (
            *(PROTOCOL, "256", "0.71 to 0.92 (95 % interval)"),
            "ddim, 20 steps, seed 0; judge of mnist",
        ),
        (
            *("1,000 samples; 95 % interval -1e-05 to 2", "1,000"),
            *("-1e-05 to 2 (95 % interval)", "unknown"),
        ),
        ("by eye", "unknown", "unknown", "by eye"),
        ("", "unknown", "unknown", "unknown"),
    ],
)
def test_how_a_figure_was_measured(protocol, num, interval, rest):
    how = measured(Measurement("m", 1.0, protocol))
    assert (how.num, how.interval, how.protocol) == (num, interval, rest)


# opening ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["button", "double-click", "enter"])
def test_a_file_is_opened(qtbot, desk, folders, way):
    path = folders[2] / "sddpm-mnist.safetensors"
    desk.choose(path)
    view = desk.view
    if way == "button":
        view.actions_by_name["open"].trigger()
    elif way == "double-click":
        place = view.list.visualRect(view.list.currentIndex()).center()
        qtbot.mouseClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
        qtbot.mouseDClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    else:
        view.window().activateWindow()
        view.list.setFocus()
        qtbot.waitUntil(view.list.hasFocus)
        qtbot.keyClick(view.list, Qt.Key.Key_Return)
    assert desk.loads == []  # it is looked at first, in the background
    desk.settle()
    assert desk.loads == [path]


def test_a_file_that_is_gone_says_so_and_is_marked(desk, folders):
    path = folders[2] / "sddpm-mnist.safetensors"
    desk.choose(path)
    path.unlink()
    desk.view.actions_by_name["open"].trigger()
    desk.settle()
    assert desk.loads == []
    assert len(desk.said) == 1
    assert f"Cannot open {path}: there is no file of that name" in desk.said[0]
    assert desk.view.rows.index_of(path).data(STATE) is CardState.UNUSABLE


def test_a_broken_file_is_refused_until_it_is_mended(desk, folders):
    half = folders[2] / "half.safetensors"
    desk.choose(half)
    desk.view.actions_by_name["open"].trigger()
    desk.settle()
    assert "not a safetensors file" in desk.said[0]
    tiny.save(half, "sddpm")
    desk.view.actions_by_name["open"].trigger()
    desk.settle()
    assert desk.loads == [half]


def test_nothing_can_be_done_while_nothing_is_chosen(qtbot, jobs, folders):
    for file in (*folders[0].iterdir(), *folders[2].iterdir()):
        file.unlink()
    desk = Desk(qtbot, jobs)
    shown(qtbot, desk.view)
    desk.settle()
    assert desk.view.caption.text == "0 of 0 files"
    for name in ("open", "doctor"):
        action = desk.view.actions_by_name[name]
        assert not action.isEnabled()
        assert action.toolTip() == "Choose a file first."
    assert "Choose a file" in desk.view.card.toPlainText()


# folders and scans --------------------------------------------------------------------------


def test_folders_are_added_and_left_out(desk, folders, tmp_path, qtbot):
    more = tmp_path / "more"
    more.mkdir()
    tiny.save(more / "further.safetensors", "sddpm")
    with qtbot.waitSignal(desk.library.foldersChanged):
        desk.library.add_folder(more)
    desk.settle()
    assert "further" in desk.names
    assert desk.library.folders == (folders[2], more)
    desk.library.add_folder(more)
    assert "looked through already" in desk.said[-1]
    desk.view.menu.aboutToShow.emit()
    texts = [action.text() for action in desk.view.menu.actions() if not action.isSeparator()]
    assert texts[0] == "Add folder…"
    assert str(more) in texts[2]
    desk.view.menu.actions()[-1].trigger()
    desk.settle()
    assert desk.library.folders == (folders[2],)
    assert "further" not in desk.names


def test_a_folder_that_is_gone_and_bounds_are_told(qtbot, jobs, folders, tmp_path):
    for number in range(5):
        (folders[2] / f"{number}.safetensors").write_bytes(b"")

    def scan(asked):
        return Scan(asked, limits=Limits(files=3))

    gone = tmp_path / "gone"
    desk = Desk(qtbot, jobs, [folders[2], gone], make_scan=scan)
    shown(qtbot, desk.view)
    desk.settle()
    assert "first 3 of 7 files" in desk.view.notice.text
    assert f"{gone}: there is no such folder now." in desk.view.notice.text
    assert desk.view.notice.isVisible()
    assert desk.view.caption.text == "4 of 4 files, 3 broken"


def test_other_work_has_its_turn_during_a_scan(qtbot, jobs, folders, monkeypatch):
    monkeypatch.setattr(library_models, "PIECE_S", 0.0)
    for number in range(30):
        (folders[2] / f"{number:02}.safetensors").write_bytes(b"")
    desk = Desk(qtbot, jobs, [folders[2]])
    shown(qtbot, desk.view)
    answers = []
    jobs.submit(lambda: desk.library.num_scanned, answers.append, lambda *_: None)
    counts = set()

    def is_done():
        jobs.deliver()
        counts.add(len(desk.library.items))
        return not desk.library.is_scanning

    qtbot.waitUntil(is_done, timeout=20_000)
    assert answers
    assert answers[0] < 5  # the other job did not wait for the end
    assert len(counts) > 10  # files are listed as they are found
    assert max(counts) == 33


def test_a_scan_that_was_given_up_changes_nothing_more(desk, folders):
    before = desk.library.items
    (folders[2] / "new.safetensors").write_bytes(b"")
    desk.library.scan()
    desk.library.stop()
    desk.settle()
    assert desk.library.items == before
    assert desk.library.left_out == ("The folders were not looked through to the end.",)


def test_the_first_scan_can_be_stopped_and_done_again(qtbot, jobs, folders):
    desk = Desk(qtbot, jobs, [folders[2]])
    shown(qtbot, desk.view)
    button = desk.view.actions_by_name["rescan"]
    assert button.text() == "Stop"
    button.trigger()
    desk.settle()
    assert not desk.library.is_scanning  # and it does not begin again by itself
    assert button.text() == "Rescan"
    assert "not looked through to the end" in desk.view.notice.text
    button.trigger()
    desk.settle()
    assert len(desk.names) == 3
    assert desk.library.left_out == ()


def test_the_doctor_opens_on_the_chosen_file(desk, folders):
    half = folders[2] / "half.safetensors"
    desk.choose(half)
    desk.view.actions_by_name["doctor"].trigger()
    assert desk.view.stack.currentWidget() is desk.view.doctor
    assert desk.view.pages.current == 1
    desk.settle()
    assert desk.doctor.path == half
    assert [row.kind for row in desk.view.doctor.rows.rows] == ["unreadable"]
    desk.view.pages.button(0).click()
    assert desk.view.stack.currentWidget() is not desk.view.doctor


def test_thousands_of_files_are_listed_without_delay(qtbot, desk):
    one = desk.library.items[1]
    many = tuple(
        replace(
            one,
            entry=replace(one.entry, name=f"n{number}", path=Path(f"/{number}.safetensors")),
            order=(f"n{number:04}", ""),
        )
        for number in range(2000)
    )
    desk.library.items = many
    desk.library.changed.emit()
    desk.view.draw_if_needed()
    QApplication.processEvents()
    assert desk.view.rows.rowCount() == 2000
    assert desk.view.list.visualRect(desk.view.rows.index(1999)).height() > 0


# look ---------------------------------------------------------------------------------------


def test_the_card_is_beside_the_list_where_there_is_room(qtbot, desk):
    desk.view.resize(900, 500)
    QApplication.processEvents()
    assert desk.view.splitter.orientation() is Qt.Orientation.Horizontal
    desk.view.resize(360, 500)
    QApplication.processEvents()
    assert desk.view.splitter.orientation() is Qt.Orientation.Vertical
    assert desk.view.card.width() > 200


def test_every_control_has_a_name_and_a_tip(desk):
    view = desk.view
    for control in (view.search, view.architecture, view.dataset, view.state, view.sort):
        assert control.accessibleName()
        assert control.toolTip()
    assert all(action.toolTip() for action in view.actions_by_name.values())
    assert view.list.accessibleName()
    assert view.card.accessibleName()


def test_large_text_and_the_other_theme(qtbot, desk, folders):
    path = folders[0] / "sddpm-mnist.safetensors"
    text = desk.choose(path)
    try:
        theme.manager.set_scale(2.0)
        theme.manager.set_mode("light")
        QApplication.processEvents()
        assert desk.view.card.toPlainText().replace("\n", "") != ""
        assert "0.83" in desk.view.card.toPlainText()
        assert desk.view.list.sizeHintForIndex(desk.view.rows.index(0)).height() >= 100
        assert not desk.view.grab().isNull()
    finally:
        theme.manager.set_scale(1.0)
        theme.manager.set_mode("dark")
    assert "0.83" in text


def test_files_of_one_name_are_listed_with_their_folder(desk, folders):
    rows = desk.view.rows
    index = rows.index_of(folders[2] / "sddpm-mnist.safetensors")
    assert index.data() == "models/sddpm-mnist"
    assert rows.index_of(folders[0] / "sddpm-mnist.safetensors").data() == "sddpm-mnist"
    assert rows.index_of(folders[2] / "half.safetensors").data() == "half"
    assert index.data(Qt.ItemDataRole.AccessibleTextRole).startswith("models/sddpm-mnist. ")
    desk.view.search.setText("models")  # the others are not listed any more
    desk.settle()
    assert rows.index_of(folders[2] / "sddpm-mnist.safetensors").data() == "sddpm-mnist"


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(0, "0 bytes"), (980, "980 bytes"), (212_711, "0.213 MB")]
)
def test_sizes_of_files(num_bytes, text):
    assert size_text(num_bytes) == text
