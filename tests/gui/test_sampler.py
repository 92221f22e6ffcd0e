import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QScrollArea

from spikestudio.app.viewmodels import parameters
from spikestudio.app.viewmodels.parameters import STEPS, THRESHOLD
from spikestudio.app.viewmodels.progress import RemainingTime, format_seconds
from spikestudio.app.viewmodels.rate_change import RateChange
from spikestudio.app.viewmodels.run import RunState
from spikestudio.app.widgets.parameter_row import ParameterRow
from spikestudio.app.widgets.slider import NumberSlider
from spikestudio.checkpoints import catalog
from spikestudio.diffusion import solvers
from spikestudio.sampling.request import RANGES
from tests.gui.fake_worker import card, entry


def wheel(widget):
    """Turn the wheel over a widget; return whether it took the event."""
    at = QPointF(widget.rect().center())
    event = QWheelEvent(
        at,
        widget.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    event.setAccepted(False)
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


@pytest.fixture
def view(shell):
    shell.load()
    return shell.window.views.sampler


@pytest.fixture
def sampler(shell):
    return shell.context.sampler


# one row ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameter",
    [each for each in vars(parameters).values() if isinstance(each, parameters.Parameter)],
    ids=lambda parameter: f"{parameter.name}-{parameter.high:g}",
)
def test_a_slider_spans_legal_values_and_its_marks_lie_within(parameter):
    limits = RANGES[parameter.name]
    assert limits.low <= parameter.low < parameter.high <= limits.high
    assert all(parameter.low <= mark <= parameter.high for mark in parameter.marks)
    assert set(parameter.labels) <= set(parameter.marks)


def test_typing_is_not_limited_by_the_slider(qtbot):
    row = ParameterRow(THRESHOLD)
    qtbot.addWidget(row)
    row.show()
    chosen = []
    row.changed.connect(lambda name, number: chosen.append((name, number)))
    row.box.selectAll()
    qtbot.keyClicks(row.box, "1.234")
    qtbot.keyClick(row.box, Qt.Key.Key_Return)
    assert chosen == [("threshold", 1.234)]


@pytest.mark.parametrize("parameter", [THRESHOLD, STEPS], ids=["linear", "logarithmic"])
def test_the_arrow_keys_move_a_slider_by_one_step_of_the_value(qtbot, parameter):
    slider = NumberSlider(parameter)
    qtbot.addWidget(slider)
    step = 10.0**-parameter.decimals
    start = parameter.low + 3 * step
    slider.set_number(start)
    with qtbot.waitSignal(slider.numberChanged) as moved:
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert moved.args[0] == pytest.approx(start + step)
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert slider.number == parameter.high
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert slider.number == parameter.high


def test_a_click_on_the_groove_goes_there_and_every_step_can_be_reached(qtbot):
    slider = NumberSlider(THRESHOLD)
    qtbot.addWidget(slider)
    slider.resize(280, 30)
    seen = set()
    slider.numberChanged.connect(seen.add)
    for x in range(0, 280, 2):
        qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(x, 9))
    assert seen >= {0.998, 0.999, 1.0, 1.001, 1.002, 1.003}
    assert all(number == round(number, 3) for number in seen)


def test_a_value_beyond_the_slider_is_kept(qtbot):
    slider = NumberSlider(THRESHOLD)
    qtbot.addWidget(slider)
    with qtbot.assertNotEmitted(slider.numberChanged):
        slider.set_number(5.0)
    assert slider.number == 5.0


def test_the_wheel_changes_only_what_has_the_focus(qtbot, view):
    row = view.rows["threshold"]
    for control in (row.slider, row.box, view.samplers):
        control.clearFocus()
        assert not wheel(control)
    assert row.slider.number == 1.0
    row.slider.setFocus()
    qtbot.waitUntil(row.slider.hasFocus)
    assert wheel(row.slider)
    assert row.slider.number == 1.001


# the dock -----------------------------------------------------------------------------------


def test_shows_only_what_the_model_can_use(shell, view):
    visible = {name for name, row in view.rows.items() if not row.isHidden()}
    assert visible == {"steps", "snn_steps", "threshold"}
    assert view.classes.isHidden()
    shell.load("sdit-mnist")
    shell.frame()
    visible = {name for name, row in view.rows.items() if not row.isHidden()}
    assert visible == {"steps", "snn_steps", "threshold", "guidance"}
    assert [view.classes.itemText(i) for i in range(1, 11)] == list("0123456789")
    shell.load("spiking-diffusion-mnist")
    shell.frame()
    visible = {name for name, row in view.rows.items() if not row.isHidden()}
    assert visible == {"steps", "snn_steps", "threshold", "temperature"}
    assert view.rows["temperature"].box.value() == 0.65
    assert view.rows["steps"].parameter.high == 49


def test_another_model_brings_its_defaults_and_leaves_the_seed(shell, view, sampler):
    sampler.set(seed=7, threshold=0.998)
    shell.load("spiking-diffusion-mnist")
    assert sampler.request.seed == 7
    assert sampler.request.sampler == "absorbing"
    assert sampler.request.threshold == 1.0


def test_a_slider_and_its_box_and_the_request_agree(qtbot, view, sampler):
    row = view.rows["threshold"]
    qtbot.keyClick(row.slider, Qt.Key.Key_Left)
    assert row.box.value() == 0.999
    assert sampler.request.threshold == 0.999
    assert not row.reset.isHidden()
    row.reset.click()
    assert sampler.request.threshold == 1.0
    assert row.reset.isHidden()


def test_the_wide_switch_spans_more_and_is_remembered(shell, view, qtbot):
    slider = view.rows["threshold"].slider
    view.wide.setChecked(True)
    qtbot.keyClick(slider, Qt.Key.Key_Home)
    assert slider.number == 0.5
    assert shell.context.settings.wide_threshold


def test_the_longest_seed_can_be_typed(qtbot, view, sampler):
    view.seed.selectAll()
    qtbot.keyClicks(view.seed, str(2**63 - 1))
    qtbot.keyClick(view.seed, Qt.Key.Key_Return)
    assert sampler.request.seed == 2**63 - 1


def test_a_seed_out_of_range_is_refused_in_one_sentence(qtbot, shell, view, sampler):
    view.seed.selectAll()
    qtbot.keyClicks(view.seed, "9" * 19)
    qtbot.keyClick(view.seed, Qt.Key.Key_Return)
    assert sampler.request.seed == 0
    assert "out of range" in shell.window.notifications.messages[-1].text


def test_the_sampler_of_every_step_fixes_the_number_of_steps(view, sampler):
    view.samplers.setCurrentIndex(2)
    view.samplers.activated.emit(2)
    assert (sampler.request.sampler, sampler.request.steps) == ("ddpm", 1000)
    assert not view.rows["steps"].box.isEnabled()
    assert "1000" in view.rows["steps"].note.text()
    sampler.set(sampler="ddim")
    view.refresh()
    assert sampler.request.steps == 50
    assert view.rows["steps"].box.isEnabled()


def choose(view, name):
    """Choose a sampler as the user does."""
    at = view.samplers._values.index(name)
    view.samplers.setCurrentIndex(at)
    view.samplers.activated.emit(at)


def listed(view):
    """Texts of the list of samplers: those that can be chosen, and those that cannot."""
    items = view.samplers.model()
    rows = [items.item(row) for row in range(view.samplers.count())]
    return [[each.text() for each in rows if each.isEnabled() == on] for on in (True, False)]


@pytest.mark.parametrize("name", ["ddim", "ancestral", "diffusers:unipc", "diffusers:heun"])
def test_a_line_says_what_the_sampler_does(view, sampler, name):
    pytest.importorskip("diffusers")
    choose(view, name)
    assert sampler.request.sampler == name
    assert view.does.text == solvers.solver(name).does
    assert view.does.toolTip() == solvers.solver(name).does
    assert view.samplers.currentText() == solvers.solver(name).title


def test_eta_is_there_for_ddim_only_and_goes_with_it(qtbot, view, sampler):
    assert view.eta.isVisible()
    assert view.eta.accessibleName() == "Eta"
    view.eta.selectAll()
    qtbot.keyClicks(view.eta, "0.5")
    qtbot.keyClick(view.eta, Qt.Key.Key_Return)
    assert sampler.request.eta == 0.5
    choose(view, "ancestral")
    assert sampler.request.eta == 0.0
    assert not view.eta.isVisible()
    choose(view, "ddim")
    assert view.eta.isVisible()
    assert view.eta.value() == 0.0


def test_samplers_that_cannot_be_used_are_grey_and_say_why(shell, view, monkeypatch):
    can, cannot = listed(view)
    assert can[:3] == ["DDIM", "Ancestral, strided", "DDPM, every step"]
    assert any("Analytic" in text and "spikestudio gamma" in text for text in cannot)
    shell.load("spiking-diffusion-mnist")
    can, cannot = listed(view)
    assert can == ["Absorbing state"]
    assert len(cannot) == 1
    assert "carry no Gaussian noise" in cannot[0]


def test_without_diffusers_one_line_says_how_to_install_it(shell, view, monkeypatch):
    monkeypatch.setattr(solvers, "find_spec", lambda name: None)
    shell.load("sdit-mnist")
    can, cannot = listed(view)
    assert can == ["DDIM", "Ancestral, strided", "DDPM, every step"]
    (text,) = [each for each in cannot if "diffusers" in each]
    assert text.startswith(f"{len(solvers.SCHEDULERS)} more: ")
    assert "pip install 'spikestudio[solvers]'" in text


def test_steps_of_a_model_with_scales_are_locked_with_the_reason(shell, view):
    locked = entry("tsm", "sddpm")
    tsm_card = card("sddpm", config={"tsm": True})
    shell.worker.cards[locked.path] = tsm_card
    shell.context.checkpoint.load(locked.path)
    shell.frame()
    view.refresh()
    row = view.rows["snn_steps"]
    assert not row.box.isEnabled()
    assert "one scale for each" in row.note.text()
    shell.load("sddpm-mnist")
    view.refresh()
    assert row.box.isEnabled()
    assert row.note.isHidden()


def test_other_than_the_trained_steps_are_allowed_with_a_note(view, sampler):
    sampler.set(snn_steps=8)
    view.refresh()
    assert "quality may fall" in view.rows["snn_steps"].note.text()


# during a run -------------------------------------------------------------------------------


def test_threshold_changes_from_the_next_step_on(shell, view, sampler):
    shell.run(steps=2)
    view.rows["threshold"].changed.emit("threshold", 0.998)
    assert view.rows["threshold"].note.text() == "Applies at the next step."
    assert shell.context.run.step.threshold == 1.0
    shell.worker.advance()
    shell.frame()
    assert shell.context.run.step.threshold == 0.998
    assert [change.step for change in shell.context.run.changes] == [2]
    assert "lower = more spikes" in view.rows["threshold"].note.text().lower()


def test_other_values_are_for_the_next_run(shell, view, sampler):
    shell.run(steps=1)
    sampler.set(steps=20)
    view.refresh()
    assert view.rows["steps"].note.text() == "Applies to the next run."
    assert shell.worker.requests[-1].steps == 50


def test_clipping_is_offered_for_pixels_only(shell, view, sampler):
    assert view.clip.isChecked()
    view.clip.click()
    assert sampler.request.clip_x0 is False
    shell.run(steps=1)
    assert shell.worker.requests[-1].clip_x0 is False
    shell.load("spiking-diffusion-mnist")
    assert not view.clip.isVisible()


def test_the_clip_box_says_when_it_applies_and_goes_back_to_the_default(shell, view, sampler):
    assert view.clip_reset.isHidden()
    shell.run(steps=1)
    view.clip.click()
    assert view.clip_note.text() == "Applies to the next run."
    assert not view.clip_reset.isHidden()
    view.clip_reset.click()
    assert sampler.request.clip_x0 is True
    assert view.clip.isChecked()
    assert view.clip_note.isHidden()


def test_the_mean_rate_is_told_against_that_before_the_change(shell, view, sampler):
    assert view.rate.text == "Mean rate of all layers: not known yet"
    shell.run(steps=2)
    view.refresh()
    rates = shell.worker.recorder.rates().mean(axis=0)
    assert view.rate.text == f"Mean rate of all layers in step 2: {rates[1]:.3f}"
    sampler.set(threshold=0.5)
    for _ in range(2):
        shell.worker.advance()
        shell.frame()
    view.refresh()
    rates = shell.worker.recorder.rates().mean(axis=0)
    percent = (rates[3] / rates[1] - 1) * 100
    assert percent > 1
    expected = f"Mean rate {rates[3]:.3f}, was {rates[1]:.3f} at step 2: {percent:+.1f} %"
    assert view.rate.text == expected


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (0.2, 0.25, "Mean rate 0.200, was 0.250 at step 7: \N{MINUS SIGN}20.0 %"),
        (0.2, 0.0, "Mean rate 0.200, was 0.000 at step 7: from none"),
    ],
)
def test_a_change_of_the_rate_in_words(now, before, text):
    assert RateChange(now, before, 7).text() == text


def test_buttons_say_what_is_going_on_at_once(shell, view, sampler):
    button = {name: view.buttons[name] for name in ("sample", "pause", "step", "cancel")}
    assert button["sample"].isEnabled()
    assert button["step"].isEnabled()
    assert not button["pause"].isEnabled()
    assert not button["cancel"].isEnabled()
    button["sample"].click()
    assert button["sample"].text() == "Queue"
    assert button["sample"].isEnabled()
    shell.worker.start()
    shell.frame()
    assert button["sample"].text() == "Queue"
    button["pause"].click()
    assert button["pause"].text() == "Pausing…"
    shell.worker.advance()
    shell.frame()
    assert shell.context.run.state is RunState.PAUSED
    assert button["pause"].text() == "Resume"
    button["step"].click()
    shell.worker.advance()
    shell.worker.advance()
    shell.frame()
    assert shell.context.run.step.step == 0
    assert shell.context.run.state is RunState.PAUSED
    button["pause"].click()
    shell.worker.advance()
    shell.frame()
    assert shell.context.run.state is RunState.RUNNING
    button["cancel"].click()
    assert button["cancel"].text() == "Stopping…"
    assert shell.worker.control.is_cancelled
    assert not button["cancel"].isEnabled()
    shell.worker.advance()
    shell.frame()
    assert shell.context.run.state is RunState.CANCELLED
    assert button["cancel"].text() == "Cancel"
    assert button["sample"].isEnabled()


def test_step_starts_a_run_that_waits_after_its_first_step(shell, view):
    view.buttons["step"].click()
    shell.worker.start()
    for _ in range(3):
        shell.worker.advance()
        shell.frame()
    assert shell.context.run.step.step == 0
    assert shell.context.run.state is RunState.PAUSED


def test_a_run_can_be_cancelled_before_it_has_begun(shell, view):
    view.buttons["sample"].click()
    view.buttons["cancel"].click()
    assert view.buttons["cancel"].text() == "Stopping…"
    shell.worker.start()
    shell.worker.advance()
    shell.frame()
    assert shell.context.run.state is RunState.CANCELLED


def test_nothing_can_be_sampled_without_a_model_or_while_one_loads(shell, sampler):
    assert not sampler.can_sample
    shell.load()
    assert sampler.can_sample
    shell.worker.is_slow = True
    shell.load("sdit-mnist")
    assert not sampler.can_sample
    shell.worker.end_load()
    shell.frame()
    assert sampler.can_sample


# remaining time -----------------------------------------------------------------------------


def test_remaining_time_needs_two_steps_and_is_a_median():
    remaining = RemainingTime()
    remaining.step(5.0, 9)
    assert remaining.seconds is None
    remaining.step(1.0, 8)
    remaining.step(1.0, 7)
    assert remaining.seconds == 7.0
    remaining.reset()
    assert remaining.seconds is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (0.2, "0:01"), (61, "1:01"), (3725, "1:02:05")]
)
def test_time_is_written_in_minutes_and_seconds(seconds, text):
    assert format_seconds(seconds) == text


# room ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sddpm-mnist", "sdit-mnist", "spiking-diffusion-mnist"])
def test_every_control_is_in_sight_in_a_small_window(qtbot, make_shell, name):
    shell = make_shell(1280, 720)
    shell.context.checkpoint.set_entries(catalog.list_checkpoints())
    shell.load(name)
    view, model = shell.window.views.sampler, shell.window.views.model
    qtbot.wait(20)
    scroll = view.findChild(QScrollArea)
    assert scroll.verticalScrollBar().maximum() == 0
    assert view.clip.isVisible() != view.rows["temperature"].isVisible()
    for button in view.buttons.values():
        assert not button.visibleRegion().isEmpty()
    for checkpoint in model.cards[:2]:  # at once, without a tab to open
        assert not checkpoint.visibleRegion().isEmpty()
        assert checkpoint.height() < 40
