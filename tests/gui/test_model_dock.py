from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QLabel

from spikestudio.app.viewmodels.facts import count, facts
from spikestudio.app.widgets.model_card import CardState, ModelCard, thumbnail
from spikestudio.checkpoints.card import Measurement
from spikestudio.checkpoints.catalog import Entry
from tests.gui.fake_worker import card, entry, model_info


@pytest.fixture
def view(shell):
    return shell.window.views.model


def states(view):
    return {item.entry.name: item.state for item in view.cards}


def texts(view):
    return [label.text() for label in view.findChildren(QLabel) if not label.isHidden()]


def mime(*paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def drag(window, data):
    event = QDragEnterEvent(
        QPoint(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window, event)


def drop(window, data):
    event = QDropEvent(
        QPoint(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window, event)


def test_a_click_on_a_card_loads_its_file_in_the_background(qtbot, shell, view):
    shell.worker.is_slow = True
    view.cards[1].click()
    shell.frame()
    assert shell.worker.loads == [(Path("models/sdit-mnist.safetensors"), "auto")]
    assert states(view)["sdit-mnist"] is CardState.LOADING
    assert "Loading sdit-mnist" in shell.window.toolbar.model.text()
    shell.worker.end_load()
    shell.frame()
    assert states(view) == {
        "sddpm-mnist": CardState.IDLE,
        "sdit-mnist": CardState.IN_USE,
        "spiking-diffusion-mnist": CardState.IDLE,
    }
    assert shell.window.toolbar.model.text().strip() == "sdit-mnist"
    assert "sdit-mnist" in shell.window.windowTitle()


def test_the_model_in_use_is_in_sight(qtbot, make_shell, entries):
    shell = make_shell(1280, 720)
    shell.context.checkpoint.set_entries(entries)
    qtbot.wait(50)
    view = shell.window.views.model
    last = next(each for each in view.cards if each.entry.name == entries[-1].name)
    last_seen = last.visibleRegion().boundingRect().height()
    shell.load(entries[-1].name)
    qtbot.waitUntil(lambda: last.visibleRegion().boundingRect().height() == last.height())
    assert last_seen < last.height()


def test_a_failed_load_leaves_the_model_before_in_use(shell, view):
    shell.load("sddpm-mnist")
    shell.context.checkpoint.load(Path("weird.safetensors"))
    shell.frame()
    shell.frame()
    assert shell.context.checkpoint.model.name == "sddpm-mnist"
    assert states(view)["sddpm-mnist"] is CardState.IN_USE
    assert shell.context.sampler.can_sample
    message = shell.window.notifications.messages[-1]
    assert (message.kind, message.text) == ("error", "Cannot read weird.safetensors: it is empty.")
    assert message.details == "a traceback"


def test_a_file_that_cannot_be_used_says_so_on_its_card(qtbot):
    broken = Entry("bad", Path("bad.safetensors"), None, "It is empty.", 0, 0, is_bundled=False)
    item = ModelCard(broken)
    qtbot.addWidget(item)
    assert item.state is CardState.UNUSABLE
    assert item.toolTip() == "It is empty."
    assert "Cannot be used" in item.accessibleName()


def test_a_model_from_elsewhere_gets_a_card(shell, view, tmp_path):
    path = tmp_path / "mine.safetensors"
    shell.worker.cards[path] = card("sddpm")
    shell.context.checkpoint.load(path)
    shell.frame()
    shell.frame()
    assert states(view)["mine"] is CardState.IN_USE


def test_an_empty_catalogue_is_one_sentence(shell, view):
    shell.context.checkpoint.set_entries([])
    assert view.cards == []
    assert any(text.startswith("No checkpoint was found") for text in texts(view))


def test_the_devices_are_those_that_the_worker_found(shell, view):
    assert [view.devices.itemData(i) for i in range(view.devices.count())] == ["auto", "cpu"]
    shell.load()
    devices = [view.devices.itemData(i) for i in range(view.devices.count())]
    assert devices == ["auto", "cuda", "cpu"]
    view.devices.activated.emit(1)
    assert shell.worker.loads[-1][1] == "cuda"
    shell.frame()
    assert shell.context.checkpoint.model.device == "cuda"


def test_a_picture_beside_the_file_is_its_thumbnail(qapp, tmp_path):
    picture = QImage(8, 8, QImage.Format.Format_RGB32)
    picture.fill(0xFF0000)
    picture.save(str(tmp_path / "a.png"))
    assert thumbnail(tmp_path / "a.safetensors").width() == 8
    assert thumbnail(tmp_path / "b.safetensors").isNull()


# facts --------------------------------------------------------------------------------------


def told(architecture, **changes):
    info = model_info(entry().path, card(architecture, **changes))
    return {fact.name: fact for fact in facts(info)}


def test_if_neurons_have_no_tau_and_the_reason_is_given():
    about = told("sddpm")
    assert "Tau" not in about
    assert "do not leak" in about["Neurons"].remark
    assert told("sdit")["Tau"].value == "2"


def test_what_is_not_known_is_unknown():
    assert told("sddpm")["Quality"].value == "unknown"


def test_quality_comes_with_its_protocol():
    protocol = "256 samples, judge 99.2 %"
    measured = (
        Measurement("confident_share", 0.871, protocol),
        Measurement("some_other_figure", 0.5, protocol),
    )
    about = told("sddpm", quality=measured)
    assert about["Recognised"].value == "87% with confidence"
    assert about["Some other figure"].value == "0.5"
    assert about["Recognised"].remark == about["Some other figure"].remark == protocol


def test_facts_of_each_kind():
    assert told("spiking-diffusion")["Codebook"].value == "32 codes"
    assert told("sdit")["Classes"].value == "10 to choose from"
    assert told("sddpm")["Classes"].value == "10 in the data"
    assert told("sddpm", config={"tsm": True})["Architecture"].value == "SDDPM (TSM)"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1100, "1.10 k"), (25_088, "25.1 k"), (131_072_000, "131 M")],
)
def test_numbers_have_three_digits(number, text):
    assert count(number) == text


def test_the_dock_shows_the_facts_of_the_loaded_model(shell, view):
    shell.load("spiking-diffusion-mnist")
    QApplication.processEvents()
    assert {"Spiking-Diffusion", "MNIST", "1.10 M", "32 codes"} <= set(texts(view))
    shell.load("sddpm-mnist")
    QApplication.processEvents()
    assert "SDDPM" in texts(view)


# dropping a file ----------------------------------------------------------------------------


def test_a_file_over_the_window_says_what_will_happen_and_a_drop_does_it(shell):
    data = mime(Path("folder/mine.safetensors"))
    overlay = shell.window.overlay
    drag(shell.window, data)
    assert overlay.isVisible()
    assert overlay.text == "Load mine.safetensors"
    QApplication.sendEvent(shell.window, QDragLeaveEvent())
    assert not overlay.isVisible()
    drag(shell.window, data)
    drop(shell.window, data)
    assert not overlay.isVisible()
    assert shell.worker.loads[-1][0].name == "mine.safetensors"


def test_the_two_files_of_one_model_are_dropped_together(shell):
    data = mime(Path("x/model.pth"), Path("y/diff_model.pth"))
    drag(shell.window, data)
    assert shell.window.overlay.text == "Load model.pth and diff_model.pth as one model"
    drop(shell.window, data)
    assert shell.worker.loads[-1][0].name == "model.pth"
    assert shell.worker.told[-1].second.name == "diff_model.pth"


@pytest.mark.parametrize("names", [["a.txt"], ["a.safetensors", "b.safetensors"]])
def test_anything_else_is_refused_before_it_is_dropped(shell, names):
    data = mime(*map(Path, names))
    drag(shell.window, data)
    assert shell.window.overlay.text.startswith("Only one checkpoint")
    drop(shell.window, data)
    assert shell.worker.loads == []
