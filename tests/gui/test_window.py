import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
)

from spikestudio.app import theme
from spikestudio.app.commands import COMMANDS
from spikestudio.app.settings import Settings, SettingsStore
from spikestudio.app.viewmodels.run import RunState
from spikestudio.app.widgets.shortcut_sheet import ShortcutSheet
from spikestudio.errors import ExportError


@pytest.fixture
def window(shell):
    return shell.window


@pytest.fixture
def run(shell):
    return shell.context.run


def status(shell):
    labels = shell.window.status.labels
    return {name: label.text() for name, label in labels.items() if not label.isHidden()}


# start --------------------------------------------------------------------------------------


def test_starting_lists_the_checkpoints_and_loads_the_first(qtbot, make_shell):
    shell = make_shell()
    shell.window.start()
    qtbot.waitUntil(lambda: shell.context.checkpoint.model is not None)
    assert shell.context.checkpoint.model.name == "sddpm-mnist"
    assert len(shell.window.views.model.cards) == 3


def test_the_first_picture_is_announced_once(qtbot, make_shell):
    shell = make_shell()
    with qtbot.waitSignal(shell.window.firstPainted):
        shell.window.update()
    with qtbot.assertNotEmitted(shell.window.firstPainted, wait=50):
        shell.window.update()


def test_the_window_needs_no_torch_and_no_matplotlib(tmp_path):
    code = """
        import sys
        from pathlib import Path
        from spikestudio.app import entry, context
        from spikestudio.app.main_window import MainWindow
        app = entry._application()
        window = MainWindow(context.create(Path(sys.argv[1])))
        window.show()
        app.processEvents()
        heavy = {"torch", "matplotlib", "scipy", "spikingjelly", "PIL"} & set(sys.modules)
        window.close()
        assert not heavy, heavy
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_file_named_at_the_start_is_loaded(qtbot, make_shell, tmp_path):
    path = tmp_path / "given.safetensors"
    path.touch()
    shell = make_shell()
    shell.window.start(str(path))
    qtbot.waitUntil(lambda: bool(shell.worker.loads) and bool(shell.context.checkpoint.entries))
    assert [loaded for loaded, _ in shell.worker.loads] == [path]


def test_a_name_that_is_no_checkpoint_is_told(qtbot, make_shell):
    shell = make_shell()
    shell.window.start("no-such-model")
    qtbot.waitUntil(lambda: bool(shell.window.notifications.messages))
    assert "no-such-model" in shell.window.notifications.messages[0].text


# a run --------------------------------------------------------------------------------------


def test_a_run_shows_in_the_status_bar(shell):
    shell.load()
    shell.run(steps=1)
    assert status(shell)["State"] == "sampling"
    assert status(shell)["Step"] == "step 1 of 50"
    assert "Time left" not in status(shell)
    shell.worker.advance()
    shell.frame()
    assert status(shell) == {
        "Model": "sddpm-mnist",
        "Device": "cpu, float32",
        "State": "sampling",
        "Step": "step 2 of 50",
        "Time left": "0:05 left",
        "Recorder": "recorder 2 of 512 MB",
        "Dropped frames": "dropped frames 0",
        "Cancel": "Shift+X cancels",
    }


def test_every_plot_fills_and_a_second_run_follows_the_first(shell, run):
    shell.load("spiking-diffusion-mnist")
    shell.context.sampler.set(steps=5)
    shell.run()
    assert run.state is RunState.FINISHED
    assert shell.window.views.image.stack.currentIndex() == 1
    assert shell.window.views.raster.stack.currentIndex() == 1
    shell.run(steps=2)
    assert run.state is RunState.RUNNING
    assert len(shell.worker.requests) == 2


def test_a_failed_run_is_told_and_another_can_follow(shell, run):
    from spikestudio.sampling.events import Failed

    shell.load()
    shell.run(steps=1)
    shell.worker.publish(Failed(run_id=1, message="It gave NaN.", details="where"))
    shell.frame()
    assert shell.window.notifications.messages[-1].text == "It gave NaN."
    assert shell.context.sampler.can_sample
    assert status(shell)["State"] == "failed"


def test_the_tokens_come_to_the_front_only_for_a_token_model(qtbot, shell):
    in_front = shell.window.docks.views_in_front
    shell.load("spiking-diffusion-mnist")
    assert shell.window.views.tokens in in_front()
    shell.load("sddpm-mnist")
    assert shell.window.views.tokens not in in_front()
    assert shell.window.views.rates in in_front()


def test_the_neurons_of_the_chosen_image_are_recorded_next(shell, run):
    shell.load()
    shell.run(steps=1)
    run.select(image=3)
    shell.window.commands["cancel"].trigger()
    shell.worker.advance()
    shell.frame()
    shell.run(steps=1)
    assert shell.worker.images[-1] == 3
    assert shell.worker.layers[-1] == run.selection.layer


# keys ---------------------------------------------------------------------------------------


@pytest.fixture
def guarded(qapp, shell, qtbot):
    shell.load()
    shell.window.activateWindow()
    qtbot.waitUntil(shell.window.isActiveWindow)
    return shell


def test_the_keys_do_what_the_table_says(qtbot, guarded):
    window = guarded.window
    window.views.image.setFocus()
    control, alt = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
    qtbot.keyClick(window, Qt.Key.Key_Return, control)
    assert len(guarded.worker.requests) == 1
    guarded.worker.start()
    guarded.frame()
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert guarded.worker.control.is_paused
    qtbot.keyClick(window, Qt.Key.Key_Return, control | alt)
    assert guarded.worker.control.is_cancelled


def test_plain_keys_are_text_while_a_field_has_the_focus(qtbot, guarded):
    guarded.run(steps=1)
    seed = guarded.window.toolbar.seed
    seed.setFocus()
    qtbot.waitUntil(seed.hasFocus)
    for key, modifier in (
        (Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_X, Qt.KeyboardModifier.ShiftModifier),
        (Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier),
    ):
        qtbot.keyClick(seed, key, modifier)
    assert not guarded.worker.control.is_paused
    assert not guarded.worker.control.is_cancelled
    assert guarded.window.findChild(ShortcutSheet) is None


def test_space_presses_the_button_that_has_the_focus(qtbot, guarded):
    guarded.run(steps=1)
    wide = guarded.window.views.sampler.wide
    wide.setFocus()
    qtbot.waitUntil(wide.hasFocus)
    qtbot.keyClick(wide, Qt.Key.Key_Space)
    assert wide.isChecked()
    assert not guarded.worker.control.is_paused


def test_a_seed_being_typed_is_the_one_that_is_sampled(qtbot, guarded):
    seed = guarded.window.toolbar.seed
    seed.setFocus()
    seed.selectAll()
    qtbot.keyClicks(seed, "123")
    qtbot.keyClick(seed, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert guarded.worker.requests[-1].seed == 123


def test_no_two_commands_share_a_key(window):
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))


def test_the_sheet_lists_every_command_that_has_keys(qtbot, window):
    rows = dict(window.commands.sheet())
    assert len(rows) == sum(bool(command.keys) for command in COMMANDS)
    assert rows["Cancel"].count(" or ") == 1
    window.commands["shortcuts"].trigger()
    sheet = window.findChild(ShortcutSheet)
    assert sheet.isVisible()
    sheet.close()


# accessibility ------------------------------------------------------------------------------


def test_every_control_has_a_name_and_can_be_reached(shell, qtbot):
    shell.load("sdit-mnist")
    shell.run(steps=2)
    kinds = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)
    nameless = [
        control
        for kind in kinds
        for control in shell.window.findChildren(kind)
        if control.isVisible()
        and not isinstance(control, QScrollBar)
        and not isinstance(control.parent(), (QAbstractSpinBox, QComboBox))
        and not control.objectName().startswith("qt_")
        and not (
            control.accessibleName() or (isinstance(control, QAbstractButton) and control.text())
        )
    ]
    assert nameless == []
    for control in (
        *shell.window.views.sampler.findChildren(QAbstractSlider),
        *shell.window.views.model.cards,
        shell.window.toolbar.sample,
    ):
        if not isinstance(control, QScrollBar):
            assert control.focusPolicy() & Qt.FocusPolicy.TabFocus


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_the_toolbar_fits_at_every_text_size(qtbot, make_shell, entries, scale):
    shell = make_shell(1280, 720)
    theme.manager.set_scale(scale)
    shell.context.checkpoint.set_entries(entries)
    shell.load()
    qtbot.wait(20)
    toolbar = shell.window.toolbar
    for child in (toolbar.model, toolbar.sample, toolbar.cancel, toolbar.seed, toolbar.help):
        assert toolbar.rect().contains(child.geometry())
        assert child.width() >= child.minimumSizeHint().width()


def test_files_of_one_name_are_told_apart_in_the_menu(shell, entries, tmp_path):
    files = [
        replace(entries[0], name="ckpt", path=tmp_path / folder / "ckpt.pt", is_bundled=False)
        for folder in ("sddpm", "sdit")
    ]
    shell.context.checkpoint.set_entries(files)
    texts = {action.text() for action in shell.window.toolbar.model.menu().actions()}
    assert {"sddpm/ckpt", "sdit/ckpt"} <= texts


def test_numbers_keep_their_labels_longer_than_buttons_their_words(qtbot, make_shell):
    toolbar = make_shell(1600, 720).window.toolbar
    labels = [each for each in toolbar.findChildren(QLabel) if each.text() in ("Seed", "Images")]
    seen = set()
    for width in range(1600, 500, -20):
        toolbar.setFixedWidth(width)
        qtbot.wait(1)
        seen.add((bool(toolbar.pause.text()), *(each.isVisible() for each in labels)))
    assert seen == {(True, True, True), (False, True, True), (False, False, False)}


# messages -----------------------------------------------------------------------------------


def test_details_are_folded_and_can_be_copied(window, qtbot):
    window.notifications.error("It failed.", "line 1\nline 2")
    message = window.notifications.messages[0]
    details = message.findChild(QPlainTextEdit)
    assert not details.isVisible()
    toggle, copy = (
        next(button for button in message.findChildren(QAbstractButton) if button.text() == text)
        for text in ("Show details", "Copy report")
    )
    toggle.click()
    assert details.isVisible()
    copy.click()
    assert QApplication.clipboard().text() == "It failed.\n\nline 1\nline 2"


def test_only_the_newest_messages_stay_and_none_twice(window):
    for text in ("a", "b", "c", "d", "c"):
        window.notifications.warn(text)
    assert [message.text for message in window.notifications.messages] == ["b", "d", "c"]
    for message in window.notifications.messages:
        window.notifications.close_message(message)
    assert not window.notifications.isVisible()


# export -------------------------------------------------------------------------------------


def test_the_export_dialog_opens_at_any_time_and_says_what_cannot_be_exported(shell, window):
    window.commands["export"].trigger()
    assert window.exporter.dialog.isVisible()
    assert window.exporter.model.reason == "nothing was sampled yet"
    shell.load()
    shell.run(steps=2)
    window.commands["export-raster"].trigger()
    assert window.exporter.model.kind.id == "raster"
    assert window.exporter.model.reason == ""
    assert "2 of" in window.exporter.model.material.title


# the end, and the next start ----------------------------------------------------------------


def test_closing_in_the_middle_of_a_run_ends_everything(shell):
    shell.load()
    shell.run(steps=3)
    control = shell.worker.control
    shell.window.close()
    assert control.is_cancelled
    assert shell.worker.is_closed
    assert not shell.window.isVisible()
    assert not shell.context.bridge._timer.isActive()


def test_theme_layout_and_model_survive_a_restart(make_shell, entries):
    first = make_shell()
    first.context.checkpoint.set_entries(entries)
    first.load("sdit-mnist")
    first.window.commands["toggle-theme"].trigger()
    first.window.docks.apply("Inspect")
    first.window.docks.docks["model"].close()
    first.window.close()
    second = make_shell()
    assert theme.manager.mode == "light"
    assert second.window.toolbar.view.text() == "Inspect"
    assert second.window.docks.docks["model"].isHidden()
    assert second.context.settings.model.endswith("sdit-mnist.safetensors")


def test_a_layout_that_cannot_be_used_falls_back_with_a_notice(make_shell, config_folder):
    SettingsStore(config_folder).save(Settings(dock_state="rubbish", dock_version=1, layout="x"))
    shell = make_shell()
    assert "default one" in shell.window.notifications.messages[0].text
    assert shell.window.docks.layout_name == "Watch"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema_version": 99}',
        '{"schema_version": 1, "text_scale": "big"}',
        '{"schema_version": 1, "theme": null}',
    ],
)
def test_broken_settings_are_set_aside_and_told(config_folder, text):
    config_folder.mkdir(parents=True)
    (config_folder / "settings.json").write_text(text)
    store = SettingsStore(config_folder)
    assert store.load() == Settings()
    assert store.notice.startswith("The settings file could not be used")
    assert (config_folder / "settings-unusable.json").read_text() == text


def test_settings_come_back_as_they_were_saved(config_folder):
    settings = Settings(theme="light", text_scale=1.5, wide_threshold=True, export_folder="/x")
    SettingsStore(config_folder).save(settings)
    assert SettingsStore(config_folder).load() == settings
    assert [file.name for file in config_folder.iterdir()] == ["settings.json"]


def test_settings_that_cannot_be_saved_leave_the_old_ones(config_folder, monkeypatch):
    store = SettingsStore(config_folder)
    store.save(Settings(theme="light"))
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(ExportError):
        store.save(Settings())
    assert store.load().theme == "light"
    assert len(list(config_folder.iterdir())) == 1


def test_the_selected_neurons_are_recorded_one_by_one(shell):
    shell.load()
    shell.run(1)
    run, worker = shell.context.run, shell.worker
    run.select(layer="head.neuron", neurons=(3, 14, 100_000))  # the layer has no such one
    assert worker.recorder.watch == (("head.neuron", 3), ("head.neuron", 14))
    run.watch(20, is_extending=True, most=16)
    assert worker.recorder.watch[-1] == ("head.neuron", 20)
    shell.window.commands["cancel"].trigger()
    worker.advance()
    shell.frame()
    run.select(neurons=(5,))
    shell.run(1)
    assert worker.records[-1].watch == (("head.neuron", 5),)
