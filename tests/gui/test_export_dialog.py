"""The dialog in a window: a recording that is open, a run in progress, one of the history."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton, QWidget

from spikestudio.app import context, exports, theme
from spikestudio.app.main_window import MainWindow
from spikestudio.app.viewmodels.playback import open_playback
from spikestudio.app.viewmodels.run import RunState
from spikestudio.app.views.export_dialog import ROLE
from spikestudio.export.kinds import KINDS
from spikestudio.export.metadata import read_provenance
from spikestudio.paths import bundled_recordings
from spikestudio.recording.hdf5 import open_recording
from tests.tiny import save_tiny

WAIT_MS = 60_000


@pytest.fixture
def window(qapp, tmp_path):
    theme.manager.set_mode("dark")
    theme.manager.set_scale(1.0)
    opened = MainWindow(context.create(tmp_path / "config"))
    opened.resize(1280, 720)
    opened.show()
    yield opened
    opened.close()
    opened.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    theme.manager.set_mode("dark")
    theme.manager.set_scale(1.0)


@pytest.fixture
def recorded(window):
    """A window that shows a bundled recording of a token model."""
    window.context.run.show(open_playback(bundled_recordings() / "spiking-diffusion-mnist.h5"))
    return window


def drawn(qtbot, window):
    """Wait for the preview, and return the dialog."""
    qtbot.waitUntil(lambda: not window.exporter.model.is_drawing, timeout=WAIT_MS)
    return window.exporter.dialog


def save_as(qtbot, window, path):
    """Press Save, give a name, and wait until the file is there or has failed."""
    dialog = window.exporter.dialog
    before = len(window.notifications.messages)
    dialog.save.click()
    chooser = dialog.findChild(QFileDialog)
    proposed = chooser.selectedFiles()[0]
    chooser.fileSelected.emit(str(path))
    chooser.close()
    qtbot.waitUntil(lambda: not window.exporter.model.is_saving, timeout=WAIT_MS)
    assert len(window.notifications.messages) > before or window.notifications.messages
    return proposed


def items(dialog):
    """The list by kind."""
    rows = (dialog.kinds.item(k) for k in range(dialog.kinds.count()))
    return {item.data(ROLE): item for item in rows if item.data(ROLE) is not None}


def test_every_kind_is_listed_and_what_cannot_be_exported_says_why(qtbot, recorded):
    recorded.exporter.show("grid")
    listed = items(drawn(qtbot, recorded))
    assert list(listed) == [kind.id for kind in KINDS]
    assert listed["grid"].flags() & Qt.ItemFlag.ItemIsEnabled
    assert not listed["sweep"].flags() & Qt.ItemFlag.ItemIsEnabled
    assert "no sweep" in listed["sweep"].text()
    assert "no token model is loaded" in listed["codebook"].text()


def test_the_picture_that_is_shown_is_the_one_that_is_saved(qtbot, recorded, tmp_path):
    recorded.exporter.show("tokens")
    dialog = drawn(qtbot, recorded)
    assert dialog.preview.size_line.text().startswith("1,003 x ")
    assert "49 of 49 tokens revealed" in dialog.preview.caption.text()
    proposed = save_as(qtbot, recorded, tmp_path / "tokens.png")
    assert "spiking-diffusion-mnist_7_1.000_" in proposed
    assert proposed.endswith("_tokens.png")
    with Image.open(tmp_path / "tokens.png") as picture:
        assert dialog.preview.size_line.text().startswith(
            f"{picture.width:,} x {picture.height:,} "
        )
        shown = dialog.preview.picture.image
        assert (shown.width(), shown.height()) == picture.size
        assert shown.pixelColor(5, 5).getRgb()[:3] == picture.convert("RGB").getpixel((5, 5))
    message = recorded.notifications.messages[-1]
    assert message.kind == "ok"
    origin = recorded.context.run.recorder.origin
    assert read_provenance(tmp_path / "tokens.png") == origin


def test_a_saved_file_leads_to_its_folder(qtbot, recorded, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(exports.QDesktopServices, "openUrl", lambda url: opened.append(url))
    recorded.exporter.show("grid")
    dialog = drawn(qtbot, recorded)
    assert not dialog.show_folder.isVisible()
    save_as(qtbot, recorded, tmp_path / "grid.png")
    message = recorded.notifications.messages[-1]
    button = next(b for b in message.findChildren(QPushButton) if b.text() == "Show in folder")
    button.click()
    dialog.show_folder.click()
    assert [url.toLocalFile() for url in opened] == [str(tmp_path)] * 2


def test_a_second_start_remembers_options_and_folder(qtbot, recorded, tmp_path):
    memory = {}
    exporter = exports.Exporter(
        recorded, recorded.context, recorded.views.raster, recorded.notifications, memory
    )
    exporter.show("grid")
    exporter.dialog.options.numbers["scale"].setValue(6)
    exporter.model.save(tmp_path / "g.png")
    qtbot.waitUntil(lambda: not exporter.model.is_saving, timeout=WAIT_MS)
    again = exports.Exporter(
        recorded, recorded.context, recorded.views.raster, recorded.notifications, memory
    )
    again.show("grid")
    assert again.dialog.options.numbers["scale"].value() == 6
    assert again.model.folder(tmp_path / "elsewhere") == tmp_path


def test_only_options_that_matter_are_shown(qtbot, recorded):
    recorded.exporter.show("grid")
    dialog = drawn(qtbot, recorded)
    assert dialog.options.shown == ("format", "step", "columns", "padding", "scale", "labels")
    recorded.exporter.model.set(format=".npz")
    assert dialog.options.shown == ("format", "step")
    recorded.exporter.model.choose("raster")
    assert "dpi" in dialog.options.shown
    recorded.exporter.model.set(format=".svg")
    assert "dpi" not in dialog.options.shown
    recorded.exporter.model.choose("bundle")
    assert {"figure", "rule", "dpi"} <= set(dialog.options.shown)
    recorded.exporter.model.set(figure="curve")
    assert "rule" not in dialog.options.shown
    recorded.exporter.model.choose("animation")
    assert "image" not in dialog.options.shown
    recorded.exporter.model.set(beside=("tokens",))
    assert "image" in dialog.options.shown


def test_options_that_the_user_changes_reach_the_model(qtbot, recorded):
    recorded.exporter.show("raster")
    dialog, model = drawn(qtbot, recorded), recorded.exporter.model
    options = dialog.options
    options.preset.setCurrentIndex(options.preset.findData("two-columns"))
    options.preset.activated.emit(options.preset.currentIndex())
    assert (model.options.width_mm, model.options.font_pt) == (178.0, 8.0)
    assert options.numbers["width_mm"].value() == 178.0
    options.numbers["rows"].setValue(12)
    options.steps.setText("3-5")
    options.steps.editingFinished.emit()
    drawn(qtbot, recorded)
    assert dialog.preview.caption.text().startswith("12 of 6,272 neurons, highest rate")
    assert model.options.preset == "two-columns"
    options.numbers["width_mm"].setValue(90)
    assert options.preset.currentData() == "custom"


def test_mp4_is_listed_with_the_reason_where_it_cannot_be_written(qtbot, recorded, monkeypatch):
    monkeypatch.setattr("spikestudio.export.kinds.find_spec", lambda _: None)
    recorded.exporter.show("animation")
    box = recorded.exporter.dialog.options.format
    row = box.findData(".mp4")
    assert "needs the extra video" in box.itemText(row)
    assert not box.model().item(row).isEnabled()


def test_the_keyboard_goes_from_kind_to_kind_past_those_that_cannot_be(qtbot, recorded):
    recorded.exporter.show("tokens")
    dialog = drawn(qtbot, recorded)
    dialog.kinds.setFocus()
    qtbot.keyClick(dialog.kinds, Qt.Key.Key_Down)  # past the codebook and a heading
    assert recorded.exporter.model.kind.id == "raster"
    drawn(qtbot, recorded)
    qtbot.keyClick(dialog.kinds, Qt.Key.Key_Return)
    chooser = dialog.findChild(QFileDialog)
    assert chooser is not None
    chooser.close()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    recorded.exporter.show("grid")
    dialog.done_button.click()
    assert not dialog.isVisible()


def test_every_control_has_a_name(qtbot, recorded):
    recorded.exporter.show("bundle")
    dialog = drawn(qtbot, recorded)
    for widget in dialog.findChildren(QWidget):
        if widget.focusPolicy() == Qt.FocusPolicy.NoFocus or not widget.isVisible():
            continue
        if widget.objectName().startswith("qt_") or isinstance(widget, QLabel):
            continue
        has_text = bool(widget.accessibleName()) or bool(getattr(widget, "text", str)())
        assert has_text, widget


@pytest.mark.parametrize("mode", ["dark", "light"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_nothing_is_cut_off_at_1280_by_720(qtbot, recorded, mode, scale):
    theme.manager.set_mode(mode)
    theme.manager.set_scale(scale)
    recorded.exporter.show("animation")
    dialog = drawn(qtbot, recorded)
    dialog.resize(1232, 672)
    QApplication.processEvents()
    assert dialog.width() <= 1232
    assert dialog.height() <= 672
    inside = dialog.rect()
    for button in (dialog.copy, dialog.save, dialog.done_button):
        at = QRect(button.mapTo(dialog, QPoint()), button.size())
        assert inside.contains(at)
        assert button.width() >= button.fontMetrics().horizontalAdvance(button.text())
    assert dialog.preview.picture.width() >= 300
    assert dialog.preview.picture.height() >= 150
    form = dialog.options
    assert form.width() <= dialog._scroll.viewport().width()


def test_the_picture_is_copied_in_full_size(qtbot, recorded):
    recorded.exporter.show("raster")
    dialog = drawn(qtbot, recorded)
    QApplication.clipboard().clear()
    dialog.copy.click()
    qtbot.waitUntil(lambda: not QApplication.clipboard().image().isNull(), timeout=WAIT_MS)
    assert QApplication.clipboard().image().width() == 1003
    assert "does not keep where it comes from" in dialog.note.text
    recorded.exporter.model.choose("recording")
    drawn(qtbot, recorded)
    assert not dialog.copy.isEnabled()


def test_an_animation_can_be_cancelled_and_leaves_nothing(qtbot, recorded, tmp_path):
    recorded.exporter.show("animation")
    dialog = drawn(qtbot, recorded)
    recorded.exporter.model.progressed.connect(lambda *_: dialog.cancel.click())
    folder = tmp_path / "out"
    folder.mkdir()
    recorded.exporter.model.save(folder / "run.gif")
    assert dialog.cancel.isVisible()
    assert dialog.progress.isVisible()
    qtbot.waitUntil(lambda: not recorded.exporter.model.is_saving, timeout=WAIT_MS)
    assert not list(folder.iterdir())
    assert "nothing was written" in dialog.note.text
    assert not dialog.cancel.isVisible()


def test_a_folder_that_cannot_be_written_gives_one_sentence(qtbot, recorded, tmp_path):
    recorded.exporter.show("grid")
    dialog = drawn(qtbot, recorded)
    save_as(qtbot, recorded, tmp_path / "missing" / "grid.png")
    assert recorded.notifications.messages[-1].kind == "error"
    assert "does not exist" in dialog.note.text
    assert dialog.save.isEnabled()
    assert recorded.context.settings.export_folder != str(tmp_path / "missing")


def test_a_recording_that_is_open_is_copied(qtbot, recorded, tmp_path):
    recorded.exporter.show("recording")
    drawn(qtbot, recorded)
    save_as(qtbot, recorded, tmp_path / "copy.h5")
    back = open_recording(tmp_path / "copy.h5")
    assert back.origin == recorded.context.run.recorder.origin
    back.close()


def test_the_bundle_of_a_figure(qtbot, recorded, tmp_path):
    recorded.exporter.show("bundle")
    recorded.exporter.model.set(figure="curve", width_mm=60.0)
    drawn(qtbot, recorded)
    save_as(qtbot, recorded, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert {"figure.svg", "figure.png", "data.npz", "redraw.py"} <= set(archive.namelist())


def test_docks_lead_to_their_kind(qtbot, recorded):
    recorded.exporter.add_to(recorded.docks)
    for view_id, kind in exports.KIND_OF_VIEW.items():
        button = recorded.docks.docks[view_id].buttons.findChild(QWidget, "export")
        button.click()
        assert recorded.exporter.model.kind.id == kind


def test_closing_the_window_gives_up_what_is_being_written(qtbot, recorded, tmp_path):
    recorded.exporter.show("animation")
    drawn(qtbot, recorded)
    folder = tmp_path / "out"
    folder.mkdir()
    recorded.exporter.model.save(folder / "run.gif")
    recorded.close()
    assert not list(folder.iterdir())


# live ---------------------------------------------------------------------------------------


@pytest.fixture
def sampling(qtbot, window, tmp_path):
    """A window in which three of eight steps of a real run are done."""
    path = tmp_path / "tiny-sdit.safetensors"
    save_tiny(path, "sdit")
    window.start(str(path))
    sampler = window.context.sampler
    qtbot.waitUntil(lambda: sampler.can_sample, timeout=WAIT_MS)
    sampler.set(num=3, seed=5, steps=8)
    run = window.context.run

    def has_paused(after: int) -> bool:
        return run.state is RunState.PAUSED and run.step is not None and run.step.step + 1 == after

    for done in (1, 2, 3):
        window.commands["step"].trigger()
        qtbot.waitUntil(lambda n=done: has_paused(n), timeout=WAIT_MS)
    yield window
    window.context.sampler.cancel()


def test_a_run_in_progress_is_exported_as_it_was_when_the_dialog_was_opened(
    qtbot, sampling, tmp_path
):
    run = sampling.context.run
    done = 3
    sampling.exporter.show("grid")
    dialog = drawn(qtbot, sampling)
    assert f"{done} of 8 steps" in dialog.title.text
    assert (
        f"3 of 3 images, 8 x 8 each; predicted in step {done} of 8" in dialog.preview.caption.text()
    )
    assert not dialog.newest.isVisible()
    sampling.commands["pause"].trigger()  # the run goes on to its end
    qtbot.waitUntil(lambda: run.state is RunState.FINISHED, timeout=WAIT_MS)
    assert dialog.newest.isVisible()
    save_as(qtbot, sampling, tmp_path / "early.png")
    early = read_provenance(tmp_path / "early.png")
    assert early["steps_done"] == done
    dialog.newest.click()
    drawn(qtbot, sampling)
    assert "3 of 3 images, 8 x 8 each; samples" in dialog.preview.caption.text()
    save_as(qtbot, sampling, tmp_path / "late.png")
    late = read_provenance(tmp_path / "late.png")
    assert late["steps_done"] == 8
    assert late["labels"] == early["labels"]
    assert late["timesteps"] == early["timesteps"]


def test_a_finished_run_is_written_as_a_recording_that_can_be_opened(qtbot, sampling, tmp_path):
    run = sampling.context.run
    sampling.commands["pause"].trigger()
    qtbot.waitUntil(lambda: run.state is RunState.FINISHED, timeout=WAIT_MS)
    images, recorder = run.result.images, run.recorder
    sampling.exporter.show("recording")
    drawn(qtbot, sampling)
    save_as(qtbot, sampling, tmp_path / "run.h5")
    playback = open_playback(tmp_path / "run.h5")
    np.testing.assert_array_equal(playback.result.images, images)
    layer = recorder.layers[0].id
    np.testing.assert_array_equal(playback.run.recorder.spikes(layer, 6), recorder.spikes(layer, 6))


def test_a_run_of_the_history_is_exported_again(qtbot, sampling, tmp_path):
    run, history = sampling.context.run, sampling.context.history
    sampling.commands["pause"].trigger()
    qtbot.waitUntil(lambda: run.state is RunState.FINISHED, timeout=WAIT_MS)
    first = run.result.images
    sampling.context.sampler.set(seed=6)
    sampling.commands["sample"].trigger()
    qtbot.waitUntil(
        lambda: run.state is RunState.FINISHED and run.result.request.seed == 6, timeout=WAIT_MS
    )
    history.look(history.entries[0].key)
    sampling.exporter.show("grid")
    sampling.exporter.model.set(format=".npz")
    dialog = drawn(qtbot, sampling)
    assert "Run 1" in dialog.title.text
    save_as(qtbot, sampling, tmp_path / "images.npz")
    with np.load(tmp_path / "images.npz") as data:
        np.testing.assert_array_equal(data["arr_0"], first)
