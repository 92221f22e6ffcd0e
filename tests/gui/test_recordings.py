"""Recordings in the window: opened, played, refused, made; without a worker's thread or a model."""

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QStyle

from spikestudio import paths
from spikestudio.app.settings import Settings, SettingsStore
from spikestudio.app.viewmodels.moments import preview_after, tokens_after
from spikestudio.app.viewmodels.record_target import RecordTarget
from spikestudio.app.viewmodels.run import MAX_SELECTED, RunState
from spikestudio.checkpoints.catalog import list_checkpoints
from spikestudio.recording.hdf5 import open_recording

NAMES = ("sddpm-mnist", "sdit-mnist", "spiking-diffusion-mnist")


def bundled(name: str = "sddpm-mnist") -> Path:
    return paths.bundled_recordings() / f"{name}.h5"


def checkpoint(name: str) -> Path:
    return paths.bundled_checkpoints() / f"{name}.safetensors"


@pytest.fixture
def window(shell):
    return shell.window


def wait(qtbot, shell, until):
    def is_done():
        shell.frame()
        return until()

    qtbot.waitUntil(is_done, timeout=20_000)


def opened(qtbot, shell, path):
    """Open a recording and wait until it is shown."""
    shell.window.recordings.open(path)
    wait(qtbot, shell, lambda: shell.context.run.recording is not None)
    shell.frame()
    return shell.context.run


def failed(qtbot, shell, path):
    """Open a file that cannot be used and return what is said."""
    shell.window.recordings.open(path)
    wait(qtbot, shell, lambda: bool(shell.window.notifications.messages))
    (message,) = shell.window.notifications.messages
    assert message.kind == "error"
    return message.text


def drop(window, path):
    """Drag a file over the window and let it go; returns what the window said meanwhile."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    action, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    window.dragEnterEvent(QDragEnterEvent(QPoint(9, 9), action, data, button, none))
    text = window.overlay.text
    window.dropEvent(QDropEvent(QPointF(9, 9), action, data, button, none))
    return text


# opening ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_views_show_what_is_in_the_file(qtbot, shell, name):
    run = opened(qtbot, shell, bundled(name))
    expected = open_recording(bundled(name))
    assert run.state is RunState.FINISHED
    assert run.step.step == expected.num_steps - 1 == expected.steps_done - 1
    assert run.selection.layer == expected.selected
    assert len(run.selection.neurons) == MAX_SELECTED
    timeline, views = shell.context.timeline, shell.window.views
    assert timeline.cursor == timeline.newest
    assert timeline.steps_done == expected.num_steps
    timeline.seek(2, 1)
    wait(qtbot, shell, lambda: views.raster.shown() is not None)
    spikes = expected.spikes(run.selection.layer, 2)
    np.testing.assert_array_equal(timeline.counts(), spikes.sum(axis=1))
    known = run.known.spikes(run.selection.layer, 2)
    np.testing.assert_array_equal(known, spikes)
    np.testing.assert_array_equal(run.recorder.rates(), expected.rates())
    preview = preview_after(run, 2)
    state = expected.state(2)
    if name == "spiking-diffusion-mnist":
        np.testing.assert_array_equal(preview.decoded, state["decoded"])
        np.testing.assert_array_equal(tokens_after(run, 2).tokens, expected.state(3)["tokens"])
        assert (run.tokens.tokens < run.tokens.mask_id).all()
    else:
        levels = np.floor((state["x0_hat"] + 1).astype(np.float64) * 127.5 + 0.5).clip(0, 255)
        np.testing.assert_array_equal(preview.x0_hat[..., 0], levels[:, 0])
    shell.frame()
    assert shell.window.views.image.tiles.panels
    expected.close()


def test_title_status_and_caption_say_that_it_is_not_live(qtbot, shell, window):
    shell.load("sdit-mnist")
    opened(qtbot, shell, bundled())
    window.views.timeline.refresh()
    for text in (
        window.windowTitle(),
        window.status.labels["State"].text(),
        window.views.timeline.caption.text,
    ):
        assert "ecording sddpm-mnist.h5, not live" in text
    assert window.status.labels["Step"].text() == "step 40 of 40"
    assert window.status.labels["File"].text() == f"{bundled().stat().st_size / 2**20:.1f} MB"
    for name in ("Recorder", "Dropped frames", "Time left"):
        assert window.status.labels[name].isHidden()


def test_the_next_run_takes_its_place(qtbot, shell, window):
    shell.load()
    run = opened(qtbot, shell, bundled())
    shell.context.timeline.play()
    shell.run(steps=2)
    assert run.recording is None
    assert run.recorder is shell.worker.recorder
    assert not shell.context.timeline.is_playing
    assert shell.context.timeline.is_live
    assert window.windowTitle() == "sddpm-mnist – SpikeStudio"
    assert window.status.labels["State"].text() == "sampling"
    assert not window.status.labels["Recorder"].isHidden()


def test_while_a_run_goes_on_none_is_opened(qtbot, shell, window):
    shell.load()
    shell.run(steps=2)
    window.recordings.open(bundled())
    assert "A run is in progress" in window.notifications.messages[0].text
    assert shell.context.run.recording is None
    assert shell.context.run.state is RunState.RUNNING


def test_a_run_begun_while_the_file_is_read_stays(qtbot, shell, window):
    shell.load()
    window.recordings.open(bundled())
    shell.run(steps=1)
    wait(qtbot, shell, lambda: not shell.context.jobs.is_active)
    assert shell.context.run.recording is None
    assert "A run is in progress" in window.notifications.messages[0].text


def test_dropping_one_opens_it(qtbot, shell, window):
    assert drop(window, bundled()) == "Open the recording sddpm-mnist.h5"
    wait(qtbot, shell, lambda: shell.context.run.recording is not None)
    assert shell.worker.loads == []


def test_open_takes_recordings_and_checkpoints(qtbot, shell, window):
    window.commands["open"].trigger()
    dialog = window.findChild(QFileDialog)
    assert "*.h5" in dialog.nameFilters()[0]
    assert "*.safetensors" in dialog.nameFilters()[0]
    dialog.filesSelected.emit([str(bundled())])
    dialog.close()
    wait(qtbot, shell, lambda: shell.context.run.recording is not None)


def test_a_recording_at_the_start(qtbot, make_shell):
    shell = make_shell()
    shell.window.start(recording=str(bundled("sdit-mnist")))
    wait(qtbot, shell, lambda: shell.context.run.recording is not None)
    assert shell.context.run.recording.name == "sdit-mnist.h5"
    assert not shell.context.timeline.is_playing
    wait(qtbot, shell, lambda: bool(shell.worker.loads))  # its model is not in the fake catalogue
    assert shell.worker.loads[0][0].stem == "sddpm-mnist"


def test_a_bad_recording_at_the_start_leaves_a_window_with_a_model(qtbot, make_shell, tmp_path):
    shell = make_shell()
    shell.window.start(recording=str(tmp_path / "none.h5"))
    wait(qtbot, shell, lambda: bool(shell.worker.loads))
    assert "no such file" in shell.window.notifications.messages[0].text


def test_a_grid_keeps_the_provenance_of_the_recording(qtbot, shell, window, tmp_path):
    run = opened(qtbot, shell, bundled())
    window.commands["export"].trigger()
    window.exporter.model.save(tmp_path / "grid.png")
    wait(qtbot, shell, lambda: (tmp_path / "grid.png").exists())
    import json

    from PIL import Image

    with Image.open(tmp_path / "grid.png") as picture:
        origin = json.loads(picture.text["spikestudio"])
    assert origin.pop("grid")["columns"] == 2  # where the images lie in this picture
    assert origin == run.recorder.origin


# its model ----------------------------------------------------------------------------------


def with_card(shell, name="sddpm-mnist"):
    """Let the fake catalogue's model be the one that the bundled recording was made with."""
    entries = []
    for entry in shell.context.checkpoint.entries:
        sha256 = open_sha256(name) if entry.name == name else "1" * 64
        entries.append(replace(entry, card=replace(entry.card, tensors_sha256=sha256)))
    shell.context.checkpoint.set_entries(entries)
    shell.worker.cards = {entry.path: entry.card for entry in entries}


def open_sha256(name):
    recording = open_recording(bundled(name))
    sha256 = recording.origin["checkpoint"]["tensors_sha256"]
    recording.close()
    return sha256


def test_its_model_is_loaded_and_recomputes_what_was_not_recorded(qtbot, shell):
    with_card(shell)
    shell.load("sdit-mnist")
    shell.worker.is_slow = True
    run = opened(qtbot, shell, bundled())
    assert shell.worker.loads[-1][0].stem == "sddpm-mnist"
    assert "once the model sddpm-mnist is loaded" in run.cannot_recompute
    layer = next(each.id for each in run.layers if each.id not in run.recorder.recorded)
    run.select(layer=layer)
    shell.context.timeline.seek(3)
    qtbot.wait(300)
    assert shell.worker.inspections == []
    shell.worker.end_load()
    shell.frame()
    assert run.cannot_recompute == ""
    wait(qtbot, shell, lambda: bool(shell.worker.inspections))
    assert shell.worker.inspections[-1] == (3, layer, 0)
    assert shell.worker.recordings[-1] is run.recorder


def test_without_its_model_nothing_is_asked_for_and_that_is_said(qtbot, shell, window):
    shell.load("sdit-mnist")
    run = opened(qtbot, shell, bundled())
    message = window.notifications.messages[0]
    assert "The model sddpm-mnist of this recording is not here" in message.text
    assert message.text == run.cannot_recompute
    assert message.text.count(". ") == 0
    shell.context.timeline.seek(3)
    qtbot.wait(300)
    assert shell.worker.inspections == []
    assert len(shell.worker.loads) == 1


def test_another_model_afterwards_cannot_recompute_it(qtbot, shell):
    with_card(shell)
    run = opened(qtbot, shell, bundled())
    shell.frame()
    assert run.cannot_recompute == ""
    shell.load("sdit-mnist")
    assert "load sddpm-mnist" in run.cannot_recompute
    assert run.recording is not None


# files that are none ------------------------------------------------------------------------


def edit_header(path, text, by):
    with h5py.File(path, "r+") as file:
        before = bytes(file.attrs["recording"]).decode()
        assert text in before
        file.attrs["recording"] = np.bytes_(before.replace(text, by))


def edit_origin(path, text, by):
    with h5py.File(path, "r+") as file:
        before = bytes(file.attrs["provenance"]).decode()
        assert text in before
        file.attrs["provenance"] = np.bytes_(before.replace(text, by, 1))


def set_steps(path, steps):
    with h5py.File(path, "r+") as file:
        file["complete_steps"][()] = steps


def foreign(path):
    path.unlink()
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(10)


BAD = {
    "missing": (Path.unlink, "no such file"),
    "empty": (lambda path: path.write_bytes(b""), "not a recording"),
    "text": (lambda path: path.write_text("hello"), "not a recording"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:900_000]), "damaged"),
    "newer": (
        lambda path: edit_header(path, '"schema_version": 2', '"schema_version": 3'),
        "update SpikeStudio",
    ),
    "foreign": (foreign, "not a recording of SpikeStudio"),
    "no steps": (lambda path: set_steps(path, 0), "ends before its first denoising step"),
    "other request": (
        lambda path: edit_origin(path, '"seed": 7', '"sead": 7'),
        "does not fit together",
    ),
    "another batch": (
        lambda path: edit_origin(path, '"num": 4', '"num": 5'),
        "does not fit together",
    ),
    "seed out of range": (
        lambda path: edit_origin(path, '"seed": 7', '"seed": -7'),
        "does not fit together",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_cannot_be_used_is_told_and_nothing_changes(qtbot, shell, tmp_path, kind):
    shell.load()
    shell.context.sampler.set(steps=3)
    shell.run()
    before = (shell.context.run.run, shell.context.run.state, shell.context.timeline.cursor)
    path = tmp_path / "bad.h5"
    path.write_bytes(bundled().read_bytes())
    spoil, words = BAD[kind]
    spoil(path)
    text = failed(qtbot, shell, path)
    assert words in text
    assert str(path) in text
    assert "\n" not in text
    assert text.endswith(".")
    run = shell.context.run
    assert (run.run, run.state, shell.context.timeline.cursor) == before
    assert len(shell.worker.loads) == 1


@pytest.mark.parametrize("name", ["sddpm-mnist", "spiking-diffusion-mnist"])
def test_one_that_was_cut_short_shows_its_steps_and_says_so(qtbot, shell, window, tmp_path, name):
    path = tmp_path / "cut.h5"
    path.write_bytes(bundled(name).read_bytes())
    set_steps(path, 5)
    run = opened(qtbot, shell, path)
    total = run.recorder.num_steps
    expected = f"cut.h5 was cut short: it holds the first 5 of {total} denoising steps."
    assert expected in [message.text for message in window.notifications.messages]
    assert run.state is RunState.CANCELLED
    assert shell.context.timeline.steps_done == 5
    assert window.status.labels["Step"].text() == f"step 5 of {total}"
    assert np.isnan(run.recorder.rates()[:, 5:]).all()
    shell.context.timeline.seek(1)
    shell.frame()
    if name == "sddpm-mnist":
        assert run.preview.x_t is None  # it would have entered the step that is not there
        assert preview_after(run, 1).x_t is not None
    else:
        assert run.tokens.step == 3
        np.testing.assert_array_equal(run.tokens.tokens, run.recorder.state(4)["tokens"])
        assert (run.tokens.tokens == run.tokens.mask_id).any()


def test_a_recording_of_version_1_has_no_decoded_pictures(qtbot, shell, tmp_path):
    path = tmp_path / "old.h5"
    path.write_bytes(bundled("spiking-diffusion-mnist").read_bytes())
    edit_header(path, '"schema_version": 2', '"schema_version": 1')
    edit_header(path, '"decoded": [2, 28, 28, 1], ', "")
    run = opened(qtbot, shell, path)
    assert run.preview is None
    assert preview_after(run, 3) is None
    assert tokens_after(run, 3) is not None
    shell.context.timeline.seek(3)
    shell.frame()


# playing ------------------------------------------------------------------------------------


def started(make_shell, name="sddpm-mnist"):
    """Open a window on the bundled checkpoints and begin with one of them."""
    shell = make_shell()
    shell.worker.cards = {entry.path: entry.card for entry in list_checkpoints()}
    shell.context.checkpoint.set_entries(list_checkpoints())
    shell.window.start(str(checkpoint(name)))
    return shell


@pytest.fixture
def real_catalogue(monkeypatch, make_shell):
    from spikestudio.checkpoints import catalog

    monkeypatch.setattr(catalog, "list_checkpoints", list_checkpoints)


@pytest.mark.parametrize("name", NAMES)
def test_the_window_begins_with_a_recording_of_its_model(qtbot, make_shell, real_catalogue, name):
    shell = started(make_shell, name)
    run, timeline = shell.context.run, shell.context.timeline
    wait(qtbot, shell, lambda: run.recording is not None)
    assert run.recording.name == f"{name}.h5"
    assert shell.worker.loads == []  # the first frames come before the model
    assert timeline.is_playing
    assert timeline.cursor.step == 0
    wait(qtbot, shell, lambda: timeline.cursor.snn_step > 1)
    wait(qtbot, shell, lambda: shell.context.checkpoint.model is not None)
    assert [path for path, _ in shell.worker.loads] == [checkpoint(name)]
    assert run.cannot_recompute == ""
    assert timeline.is_playing
    qtbot.wait(300)
    assert shell.worker.inspections == []  # playback only reads
    timeline.pause()
    wait(qtbot, shell, lambda: len(shell.worker.inspections) == 1)
    timeline.play()
    assert shell.window.notifications.messages == []
    assert shell.context.sampler.can_sample
    shell.run(steps=1)
    assert run.recording is None
    assert not timeline.is_playing


def test_another_model_brings_its_recording_until_something_was_sampled(
    qtbot, make_shell, real_catalogue
):
    shell = started(make_shell)
    run = shell.context.run
    wait(qtbot, shell, lambda: shell.context.checkpoint.model is not None)
    shell.context.checkpoint.load(checkpoint("sdit-mnist"))
    wait(qtbot, shell, lambda: run.recording.name == "sdit-mnist.h5")
    wait(qtbot, shell, lambda: shell.context.sampler.can_sample)
    shell.run()
    shell.context.checkpoint.load(checkpoint("sddpm-mnist"))
    wait(qtbot, shell, lambda: not shell.context.jobs.is_active)
    qtbot.wait(50)
    assert run.recording is None


def test_one_that_the_user_opened_stays(qtbot, make_shell, real_catalogue, tmp_path):
    shell = started(make_shell)
    run = shell.context.run
    wait(qtbot, shell, lambda: shell.context.checkpoint.model is not None)
    path = tmp_path / "mine.h5"
    path.write_bytes(bundled("sdit-mnist").read_bytes())
    shell.window.recordings.open(path)
    wait(qtbot, shell, lambda: run.recording.name == "mine.h5")
    wait(qtbot, shell, lambda: shell.context.checkpoint.model.path == checkpoint("sdit-mnist"))
    qtbot.wait(50)
    wait(qtbot, shell, lambda: not shell.context.jobs.is_active)
    assert run.recording.name == "mine.h5"


def test_nothing_plays_by_itself_if_it_should_not(
    qtbot, make_shell, real_catalogue, config_folder, monkeypatch
):
    SettingsStore(config_folder).save(Settings(autoplay=False))
    shell = started(make_shell)
    wait(qtbot, shell, lambda: shell.context.checkpoint.model is not None)
    assert shell.context.run.run is None
    assert not shell.window.record_menu.autoplay.isChecked()
    shell.window.record_menu.autoplay.trigger()
    assert shell.context.settings.autoplay
    shell.window.close()

    style = type(QApplication.style())
    hint = style.styleHint

    def still(self, what, *rest):
        return 0 if what == QStyle.StyleHint.SH_Widget_Animate else hint(self, what, *rest)

    monkeypatch.setattr(style, "styleHint", still)
    shell = started(make_shell)
    wait(qtbot, shell, lambda: shell.context.checkpoint.model is not None)
    assert shell.context.run.run is None


def test_a_bundled_recording_that_cannot_be_used_is_no_obstacle(
    qtbot, make_shell, real_catalogue, monkeypatch, tmp_path
):
    (tmp_path / "sddpm-mnist.h5").write_bytes(b"")
    monkeypatch.setattr(paths, "bundled_recordings", lambda: tmp_path)
    asked = []
    monkeypatch.setattr(
        "spikestudio.app.recordings.open_playback", lambda *a: asked.append(a) or 1 / 0
    )
    shell = started(make_shell)
    wait(qtbot, shell, lambda: shell.context.checkpoint.model is not None)
    wait(qtbot, shell, lambda: not shell.context.jobs.is_active)
    assert len(asked) == 1
    assert shell.context.run.run is None
    assert shell.window.notifications.messages == []


def test_a_card_plays_its_recording(qtbot, make_shell, real_catalogue, config_folder):
    SettingsStore(config_folder).save(Settings(autoplay=False))
    shell = started(make_shell)
    wait(qtbot, shell, lambda: shell.context.sampler.can_sample)
    shell.context.sampler.set(steps=2)
    shell.run()
    card = next(c for c in shell.window.views.model.cards if c.entry.name == "sdit-mnist")
    assert card.play.accessibleName() == "Play recording of sdit-mnist"
    qtbot.mouseClick(card.play, Qt.MouseButton.LeftButton)
    wait(qtbot, shell, lambda: shell.context.run.recording is not None)
    assert shell.context.run.recording.name == "sdit-mnist.h5"
    assert shell.context.timeline.is_playing
    wait(qtbot, shell, lambda: shell.context.checkpoint.model.name == "sdit-mnist")


def test_a_card_without_a_recording_offers_none(shell, window):
    assert all(card.play.isHidden() for card in window.views.model.cards)


def test_a_recording_is_shown_without_torch(tmp_path):
    code = """
    import sys
    from pathlib import Path
    from PySide6.QtWidgets import QApplication
    from spikestudio.app import context
    from spikestudio.app.main_window import MainWindow
    from spikestudio.sampling.worker import Worker
    Worker.load = lambda self, path, device: loads.append(path)
    loads = []
    app = QApplication([])
    parts = context.create(Path(sys.argv[1]))
    window = MainWindow(parts)
    window.show()
    window.start()
    raster = window.views.raster
    while parts.timeline.cursor.step < 1 or raster.shown() is None or not loads:
        app.processEvents()
    window.close()
    assert parts.run.recording.name == "sddpm-mnist.h5"
    found = {"torch", "spikingjelly", "matplotlib", "scipy"} & set(sys.modules)
    assert not found, found
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_the_bundled_recordings_are_of_the_bundled_checkpoints(name):
    """If this fails, make them again: packaging/make_recordings.py."""
    entry = next(each for each in list_checkpoints() if each.name == name)
    assert open_sha256(name) == entry.card.tensors_sha256
    recording = open_recording(bundled(name))
    assert recording.steps_done == recording.num_steps == entry.card.run_defaults()["steps"]
    assert paths.bundled_recording(entry.path) == bundled(name)
    assert bundled(name).stat().st_size <= 3 * 2**20
    assert not np.isnan(recording.rates()).any()
    assert recording.selected in recording.recorded
    assert recording.spikes(recording.selected, 0).any()
    recording.close()


# recording ----------------------------------------------------------------------------------


def choose_target(window, path):
    window.commands["record"].trigger()
    dialog = window.findChild(QFileDialog)
    dialog.fileSelected.emit(str(path))
    dialog.close()
    QApplication.sendPostedEvents(dialog, 0)


def test_runs_are_recorded_to_files_of_their_own(shell, window, tmp_path):
    shell.load()
    choose_target(window, tmp_path / "run")
    assert window.commands["record"].text() == "Stop recording to files"
    assert window.views.timeline.record.isChecked()
    shell.context.sampler.set(steps=2)
    shell.run()
    assert shell.worker.records[-1].path == tmp_path / "run.h5"
    (tmp_path / "run.h5").touch()
    shell.run()
    assert shell.worker.records[-1].path == tmp_path / "run_2.h5"
    window.views.timeline.record.click()
    assert window.commands["record"].text() == "Record to file…"
    assert not window.views.timeline.record.isChecked()
    shell.run()
    assert shell.worker.records[-1].path is None
    assert shell.context.settings.record_folder == str(tmp_path)


def test_a_dialog_that_is_closed_records_nothing(shell, window):
    window.views.timeline.record.click()
    dialog = window.findChild(QFileDialog)
    dialog.reject()
    assert not window.views.timeline.record.isChecked()
    assert shell.context.record.path is None


def test_the_file_and_what_goes_wrong_with_it_are_told(shell, window, tmp_path):
    shell.load()
    shell.run(steps=1)
    recorder = shell.worker.recorder
    recorder.file_path, recorder.file_bytes = tmp_path / "run.h5", 3 * 2**20
    shell.worker.advance()
    shell.frame()
    label = window.status.labels["File"]
    assert label.text() == "recording to run.h5, 3.0 MB"
    recorder.file_error = "Recording to run.h5 stopped."
    for _ in range(3):
        shell.worker.advance()
        shell.frame()
    assert [m.text for m in window.notifications.messages] == ["Recording to run.h5 stopped."]
    assert label.text() == "not recorded to run.h5 any more"
    assert label.toolTip() == "Recording to run.h5 stopped."
    assert shell.context.run.state is RunState.RUNNING


def test_a_recorded_run_says_where_it_is(shell, window, tmp_path):
    shell.load()
    shell.context.sampler.set(steps=2)
    shell.run(steps=1)
    shell.worker.recorder.file_path = tmp_path / "run.h5"
    shell.worker.advance()
    shell.frame()
    texts = [message.text for message in window.notifications.messages]
    assert texts == [f"Recorded the run to run.h5 in {tmp_path}."]


# the recorder's memory ----------------------------------------------------------------------


def test_the_budget_is_kept_and_used_by_the_next_run(make_shell, entries):
    shell = make_shell()
    shell.context.checkpoint.set_entries(entries)
    shell.load()
    shell.run(steps=1)
    assert shell.worker.records[-1].budget_mb == 512
    assert shell.window.status.labels["Recorder"].text() == "recorder 1 of 512 MB"
    action = next(a for a in shell.window.record_menu._budgets.actions() if a.data() == 64)
    action.trigger()
    shell.window.commands["cancel"].trigger()
    shell.worker.advance()
    shell.frame()
    shell.run(steps=2)
    assert shell.worker.records[-1].budget_mb == 64
    assert shell.window.status.labels["Recorder"].text() == "recorder 2 of 64 MB"
    shell.window.close()
    again = make_shell()
    assert again.context.record.budget_mb == 64
    checked = [a.data() for a in again.window.record_menu._budgets.actions() if a.isChecked()]
    assert checked == [64]


@pytest.mark.parametrize(("kept", "used"), [(0, 64), (10**6, 8192), (2000, 2000)])
def test_a_budget_out_of_range_is_brought_back_into_it(kept, used):
    assert RecordTarget(kept).record(0, "").budget_mb == used


def test_what_was_let_go_is_told(shell, window):
    shell.load()
    shell.run(steps=1)
    recorder = shell.worker.recorder
    tip = window.status.labels["Recorder"].toolTip
    assert "nothing was let go" in tip()
    recorder.dropped = "To stay within 64 MiB the recorder let go the potentials of the first step."
    shell.worker.advance()
    shell.frame()
    assert tip() == recorder.dropped
    window.views.timeline.refresh()
    assert window.views.timeline.caption.text.endswith(recorder.dropped)


def test_a_budget_too_small_for_a_step_is_told_once(shell, window):
    shell.load()
    shell.run(steps=1)
    shell.worker.recorder.too_small = "One denoising step takes more."
    for _ in range(3):
        shell.worker.advance()
        shell.frame()
    assert [m.text for m in window.notifications.messages] == ["One denoising step takes more."]
    assert window.notifications.messages[0].kind == "warn"
    assert shell.context.run.state is RunState.RUNNING
