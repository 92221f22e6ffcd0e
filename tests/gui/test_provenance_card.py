import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication

from spikestudio.app import theme
from spikestudio.app.viewmodels.provenance import (
    LOADING,
    WAIT,
    ProvenanceModel,
    command_of,
    origin_of,
    python_of,
    read,
)
from spikestudio.app.views.history import HistoryView
from spikestudio.app.views.provenance_card import ProvenanceCard
from spikestudio.export.images import save_grid
from spikestudio.sampling.branch import Branch, Past
from tests.gui.fakes import draw, shown
from tests.gui.session import Session
from tests.unit.export.test_provenance_origin import ORIGIN, changed

IMAGES = np.zeros((2, 4, 4, 1), np.uint8)


class Desk:
    """The model of the card in a window with a fake worker; jobs are done at once."""

    def __init__(self, shell, folder: Path) -> None:
        self.shell, self.folder = shell, folder
        context = shell.context
        self.sampler, self.checkpoint = context.sampler, context.checkpoint
        self.opened, self.failed, self.told = [], [], []
        self.jobs = []
        self.model = ProvenanceModel(
            context.sampler, context.checkpoint, lambda *job: self.jobs.append(job)
        )
        self.model.opened.connect(self.opened.append)
        self.model.failed.connect(self.failed.append)
        self.model.told.connect(self.told.append)

    def sha256(self, name: str) -> str:
        found = next(each for each in self.checkpoint.entries if each.name == name)
        return found.card.tensors_sha256

    def export(self, name: str = "sddpm-mnist", **changes) -> Path:
        """A grid that a run of that model has left."""
        values = changed(**changes)
        values["checkpoint"] |= {"name": name, "tensors_sha256": self.sha256(name)}
        path = self.folder / "grid.png"
        save_grid(path, IMAGES, values)
        return path

    def drop(self, path: Path):
        self.model.open(path)
        self.finish()
        return self.opened[-1] if self.opened else None

    def finish(self) -> None:
        jobs, self.jobs = self.jobs, []
        for job, done, failed in jobs:
            try:
                result = job()
            except Exception as error:  # noqa: BLE001  as the jobs of the application do
                failed(str(error), "")
            else:
                done(result)


@pytest.fixture
def desk(shell, tmp_path, monkeypatch):
    for number, each in enumerate(shell.context.checkpoint.entries):
        card = replace(each.card, tensors_sha256=f"{number}" * 64)
        shell.worker.cards[each.path] = card
        shell.context.checkpoint.entries = tuple(
            replace(e, card=card) if e is each else e for e in shell.context.checkpoint.entries
        )
    shell.load()
    return Desk(shell, tmp_path)


def card_of(qtbot, desk, opened):
    card = ProvenanceCard(opened, desk.model, desk.shell.window)
    card.open()
    qtbot.waitExposed(card)
    return card


def lines(card):
    tree = card.list
    groups = [tree.topLevelItem(k) for k in range(tree.topLevelItemCount())]
    items = [group.child(k) for group in groups for k in range(group.childCount())]
    return {item.text(0): item.text(1) for item in items}


def test_apply_puts_the_request_into_the_sampler(qtbot, desk):
    opened = desk.drop(desk.export(changes=[]))
    assert desk.failed == []
    card = card_of(qtbot, desk, opened)
    assert card.apply.isEnabled()
    assert desk.sampler.request.seed != 7
    qtbot.keyClick(card, Qt.Key.Key_Return)
    assert desk.sampler.request == opened.origin.request
    assert "grid.png" in desk.told[-1]
    assert not card.isVisible()


def test_apply_loads_the_model_first_if_it_is_another(qtbot, desk):
    opened = desk.drop(desk.export("sdit-mnist", changes=[]))
    card = card_of(qtbot, desk, opened)
    assert "Load sdit-mnist" in card.apply.toolTip()
    desk.shell.worker.is_slow = True
    card.apply.click()
    desk.shell.frame()
    assert desk.sampler.request.seed != 7
    assert desk.model.cannot_apply(opened) == LOADING
    desk.shell.worker.end_load()
    desk.shell.frame()
    assert desk.checkpoint.model.name == "sdit-mnist"
    assert desk.sampler.request == opened.origin.request


def test_a_model_chosen_meanwhile_keeps_its_own_settings(qtbot, desk):
    opened = desk.drop(desk.export("sdit-mnist", changes=[]))
    desk.shell.worker.is_slow = True
    desk.model.apply(opened)
    desk.shell.worker.is_slow = False
    desk.shell.load("spiking-diffusion-mnist")
    assert desk.checkpoint.model.name == "spiking-diffusion-mnist"
    assert desk.sampler.request.seed != 7
    desk.shell.load("sdit-mnist")  # by hand, later
    assert desk.sampler.request.seed != 7


def test_cancel_and_escape_leave_everything_as_it_is(qtbot, desk):
    before = desk.sampler.request
    opened = desk.drop(desk.export())
    card_of(qtbot, desk, opened).cancel.click()
    qtbot.keyClick(card_of(qtbot, desk, opened), Qt.Key.Key_Escape)
    assert desk.sampler.request is before


def test_a_model_that_is_not_here_or_a_run_in_progress_hold_apply_back(qtbot, desk):
    path = desk.export()
    values = changed()
    save_grid(path, IMAGES, values)
    opened = desk.drop(path)
    card = card_of(qtbot, desk, opened)
    assert not card.apply.isEnabled()
    assert card.reason.text().startswith("Its model, tiny, is not among the checkpoints at hand")
    opened = desk.drop(desk.export())
    card = card_of(qtbot, desk, opened)
    assert card.apply.isEnabled()
    desk.shell.run(steps=1)
    assert not card.apply.isEnabled()
    assert card.reason.text() == WAIT


def test_show_lists_every_parameter_what_was_changed_and_what_differs_here(qtbot, desk):
    opened = desk.drop(desk.export())
    card = card_of(qtbot, desk, opened)
    assert not card.list.isVisible()
    card.show_all.click()
    assert card.list.isVisible()
    found = lines(card)
    assert found["Seed"] == "7"
    assert found["Threshold"] == "1"
    assert next(found[each] for each in found if each.startswith("Rescale")) == "off"
    assert found["Eta"] == "0"
    assert found["From step 2"] == "threshold 0.900, temperature 1.00"
    assert found["Steps done"] == "3 of 3"
    assert found["Torch"].startswith("2.0  (here ")
    assert found["Checkpoint tensors sha256"] == desk.sha256("sddpm-mnist")
    assert found["Device"] == "cpu"
    texts = [each.accessibleName() for each in card.notes + card.differences]
    assert any("changed once while it ran" in each for each in texts)
    assert any("torch: 2.0 there" in each for each in texts)
    card.list.setCurrentItem(card.list.topLevelItem(0).child(0))
    qtbot.keyClick(card.list, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().startswith("Images: 2")


def test_every_parameter_of_a_request_has_a_line(desk):
    opened = desk.drop(desk.export())
    settings = [row for row in opened.rows if row.value][: len(ORIGIN["request"]) + 1]
    assert len({row.title for row in settings}) == len(settings)


def test_a_file_without_provenance_or_with_a_broken_one_is_told(desk, tmp_path):
    plain = tmp_path / "plain.png"
    Image.new("L", (4, 4)).save(plain)
    assert desk.drop(plain) is None
    assert "nothing is said" in desk.failed[-1]
    broken = desk.export(steps_done=77)
    assert desk.drop(broken) is None
    assert "more steps" in desk.failed[-1]


def test_only_the_file_dropped_last_is_opened(desk, tmp_path):
    first = desk.export()
    second = tmp_path / "second.json"
    second.write_text(json.dumps(ORIGIN), encoding="utf-8")
    desk.model.open(first)
    desk.model.open(second)
    desk.finish()
    assert [each.path for each in desk.opened] == [second]


def test_texts_of_a_file_are_no_markup_and_fit(qtbot, desk):
    name = "<b>" + "x" * 200
    values = changed(device="<img src=x>" + "y" * 500)
    values["checkpoint"] |= {"name": name}
    path = desk.folder / f"{'n' * 120}.png"
    save_grid(path, IMAGES, values)
    card = card_of(qtbot, desk, desk.drop(path))
    assert card.summary.textFormat() is Qt.TextFormat.PlainText
    card.show_all.click()
    assert card.width() <= 2 * 520
    assert card.height() < 900


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_it_fits_into_a_small_window_with_large_text(qtbot, desk, mode):
    theme.manager.set_mode(mode)
    theme.manager.set_scale(2.0)
    card = card_of(qtbot, desk, desk.drop(desk.export(steps_done=2)))
    assert card.sizeHint().width() <= 1280
    assert card.sizeHint().height() <= 720


# copying ------------------------------------------------------------------------------------


@pytest.fixture
def session(qapp):
    return Session()


def test_the_menu_of_a_run_copies_the_program_and_the_command(qtbot, session):
    view = HistoryView(
        *(session.run, session.timeline, session.history, session.comparison),
        sampler=session.sampler,
    )
    shown(qtbot, view, 460, 360)
    told = []
    view.told.connect(told.append)
    session.sample(seed=31)
    draw(qtbot, view)
    menu = [action.text() for action in view.list.actions()]
    assert menu[-2:] == ["Copy as Python", "Copy as command line"]
    view.actions_by_name["python"].trigger()
    program = QGuiApplication.clipboard().text()
    assert "seed=31" in program
    assert repr(str(session.sampler.model.path)) in program
    view.actions_by_name["command"].trigger()
    assert "--seed 31" in QGuiApplication.clipboard().text()
    assert len(told) == 2
    session.sample(done=2, end="cancelled")
    draw(qtbot, view)
    view.choose(session.history.entries[-1].key)
    view.actions_by_name["command"].trigger()
    assert "stopped after 2 of 4" in told[-1]
    assert "--seed 31" in QGuiApplication.clipboard().text()  # untouched
    failed = session.sample(done=1, end="failed")
    draw(qtbot, view)
    view.choose(failed.key)
    assert not view.actions_by_name["python"].isEnabled()
    assert "failed" in view.actions_by_name["python"].toolTip()


def test_a_run_of_the_history_is_copied_with_its_branch(session):
    first = session.sample()
    past = Past(request=first.request, checkpoint="tiny", tensors_sha256=session.sha256)
    branch = Branch(step=1, past=past)
    entry = session.sample(branch.request, branch=branch)
    origin = origin_of(entry)
    assert "Branch.from_json" in python_of(origin, session.sampler.model)
    with pytest.raises(Exception, match="middle of another run"):
        command_of(origin, None)
    assert repr("tiny") in python_of(origin, None)


def test_reading_needs_no_torch(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(ORIGIN), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from spikestudio.app.viewmodels.provenance import read;"
        "read(Path(sys.argv[1]), 'cpu'); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert read(path, "cpu").origin.request.seed == 7


# in the window ------------------------------------------------------------------------------


def event_of(kind, *paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    return kind(QPoint(9, 9), action, data, Qt.MouseButton.LeftButton, none), data


def test_an_export_dropped_on_the_window_opens_the_card(qtbot, desk):
    window, path = desk.shell.window, desk.export(changes=[])
    event, _data = event_of(QDragEnterEvent, path)
    window.dragEnterEvent(event)
    assert window.overlay.text == "Show how grid.png was made"
    event, _data = event_of(QDropEvent, path)
    window.dropEvent(event)
    qtbot.waitUntil(lambda: desk.shell.frame() or bool(window.findChildren(ProvenanceCard)))
    (card,) = window.findChildren(ProvenanceCard)
    card.apply.click()
    assert desk.sampler.request.seed == 7


def test_an_image_without_provenance_on_the_window_is_told(qtbot, desk, tmp_path):
    window, path = desk.shell.window, tmp_path / "plain.png"
    Image.new("L", (4, 4)).save(path)
    event, _data = event_of(QDropEvent, path)
    window.dropEvent(event)
    qtbot.waitUntil(lambda: desk.shell.frame() or bool(window.notifications.messages))
    assert "nothing is said" in window.notifications.messages[-1].text


def test_the_token_map_takes_plain_images_and_leaves_exports_to_the_window(desk, tmp_path):
    desk.shell.load("spiking-diffusion-mnist")
    view, plain = desk.shell.window.views.tokens, tmp_path / "plain.png"
    Image.new("L", (4, 4)).save(plain)
    for path, is_taken in ((plain, True), (desk.export(), False)):
        event, _data = event_of(QDragEnterEvent, path)
        event.ignore()
        view.dragEnterEvent(event)
        assert event.isAccepted() is is_taken


def test_the_export_menu_copies_the_run_that_is_shown(desk):
    window = desk.shell.window
    assert not window.commands["copy-python"].isEnabled()
    desk.sampler.set(seed=77, steps=2)
    desk.shell.run()
    for name, text in (("copy-python", "seed=77"), ("copy-command", "--seed 77")):
        assert window.commands[name].isEnabled()
        window.commands[name].trigger()
        assert text in QGuiApplication.clipboard().text()
