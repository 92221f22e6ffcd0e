"""Live numbers in the text of a lesson: states written out, and equations of the cursor."""

from __future__ import annotations

from spikestudio.app.viewmodels.lesson_run_states import memory_of
from spikestudio.app.viewmodels.lesson_state import AppState, Desk
from spikestudio.language import tr
from spikestudio.lessons import equations
from spikestudio.lessons.equations import NOT_RECORDED
from spikestudio.lessons.writing import value_text
from spikestudio.recording.memory import MIXED, has_memory

UNKNOWN = "—"  # in a sentence about what is still to be measured


def written(state: AppState, name: str) -> str:
    """Return the text that stands for a placeholder."""
    if name.startswith("equation: "):
        return _EQUATIONS[name.removeprefix("equation: ")](state.desk)
    return value_text(name, state.value(name), UNKNOWN)


def _membrane(desk: Desk) -> str:
    from spikestudio.app.views.neuron_lab_words import equations as lab_lines

    lab = desk.lab
    if lab is None or lab.outcome is None:
        return NOT_RECORDED
    lines = lab_lines(lab.neuron, lab.outcome.driven, lab.cursor)
    return "\n".join(line.text for line in lines)


def _forward(desk: Desk) -> str:
    noise = desk.noise
    return equations.forward(noise.pixel, noise.epsilon, noise.share)


def _pixel(desk: Desk) -> tuple[float, float, float, float, float, str] | str:
    """Return x_t, predicted x0, next x, alpha-bar now and next, and which pixel it is; or why not."""
    run, recorder = desk.run, desk.run.recorder
    if recorder is None or run.run is None or not desk.timeline.steps_done:
        return NOT_RECORDED
    model = desk.sampler.model
    if model is None or "num_train_timesteps" not in model.card.config:
        return tr(
            "{not_recorded}: the schedule of the model is not loaded", not_recorded=NOT_RECORDED
        )
    step, times = desk.timeline.cursor.step, run.run.timesteps
    if step + 1 == len(times):
        return tr("No x follows the last step: go to an earlier one.")
    state = recorder.state(step)
    after = recorder.state(step + 1) if step + 1 < recorder.num_steps else None
    if state is None or after is None or "x_t" not in state or "x0_hat" not in state:
        return tr("{not_recorded} at step {step}", not_recorded=NOT_RECORDED, step=step + 1)
    image = min(run.selection.image, len(state["x_t"]) - 1)
    row, column = (size // 2 for size in state["x_t"].shape[2:])
    x, x0, following = (
        float(array[image, 0, row, column])
        for array in (state["x_t"], state["x0_hat"], after["x_t"])
    )
    shares = equations.alpha_bar(int(model.card.config["num_train_timesteps"]))
    now, then = float(shares[times[step]]), float(shares[times[step + 1]])
    return (
        x,
        x0,
        following,
        now,
        then,
        tr("pixel ({column}, {row}), t = {time}", column=column, row=row, time=times[step]),
    )


def _ddpm(desk: Desk) -> str:
    found = _pixel(desk)
    if isinstance(found, str):
        return found
    x, x0, following, now, then, where = found
    return f"{where}\n{equations.ddpm(x, x0, following, now, then)}"


def _ddim(desk: Desk) -> str:
    found = _pixel(desk)
    if isinstance(found, str):
        return found
    _, x0, following, _, then, where = found
    return f"{where}\n{equations.ddim(x0, following, then)}"


def _unmasking(desk: Desk) -> str:
    run, timeline = desk.run, desk.timeline
    if run.tokens is None or run.run is None or not timeline.steps_done:
        return NOT_RECORDED
    step = min(timeline.cursor.step, timeline.steps_done - 1)
    order = run.tokens.order[min(run.selection.image, len(run.tokens.order) - 1)]
    masked = int(((order < 0) | (order >= step)).sum())
    return equations.unmasking(len(run.run.timesteps) - step, masked)


def _wkv(desk: Desk) -> str:
    run = desk.run
    chosen = run.layer(run.selection.layer)
    if chosen is None or not has_memory(chosen):
        return tr(
            "{not_recorded}: choose a layer {mixed} of SDiT, behind a time mixing",
            not_recorded=NOT_RECORDED,
            mixed=MIXED,
        )
    if not run.selection.neurons:
        return tr(
            "{not_recorded}: select a neuron of {chosen}",
            not_recorded=NOT_RECORDED,
            chosen=chosen.id,
        )
    found = memory_of(desk)
    if found is None:
        is_playing = desk.timeline.is_playing or run.state.is_active
        soon = tr("when playing stops") if is_playing else tr("in a moment")
        reason = run.cannot_recompute or tr("it is computed again {soon}", soon=soon)
        return tr(
            "{not_recorded} at step {desk_step}: {reason}",
            not_recorded=NOT_RECORDED,
            desk_step=desk.step + 1,
            reason=reason,
        )
    memory, token, channel = found
    image = run.recorder.image + 1 if run.recorder is not None else 1
    where = tr(
        "image {image}, step {desk_step}, token {token}, channel {channel}",
        image=image,
        desk_step=desk.step + 1,
        token=token,
        channel=channel,
    )
    return tr(
        "{where} (computed again)\n{wkv}", where=where, wkv=equations.wkv(memory.at(token, channel))
    )


_EQUATIONS = {
    "membrane": _membrane,
    "forward": _forward,
    "ddpm": _ddpm,
    "ddim": _ddim,
    "unmasking": _unmasking,
    "wkv": _wkv,
}
