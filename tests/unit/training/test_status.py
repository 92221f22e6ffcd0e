"""What a training run says in its folder: who it is, where it is, how it ended; how it is stopped."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from spikestudio.cli.main import app
from spikestudio.cli.train import train as train_command
from spikestudio.errors import TrainingError
from spikestudio.neurons.nodes import spiking_layers
from spikestudio.training import loop, status
from spikestudio.training.events import Progressed
from spikestudio.training.options import TrainingOptions
from spikestudio.training.parallel import World
from spikestudio.training.processes import process_start
from spikestudio.training.rates import metered
from spikestudio.training.status import STATUS_FILE, STOP_FILE, Desk, announced, ask_stop
from spikestudio.training.status import read_status as read
from tests.tiny import num_hooks, tiny_model
from tests.unit.training.small import small_dataset, small_request

SLEEPER = """
import signal, sys, threading, time
from pathlib import Path
from spikestudio.training.status import Desk
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
desk = Desk(Path(sys.argv[1]), stop, {})
desk.begin()
desk.note(stage="denoiser", step=3, num_steps=9, total_done=3)
stop.wait(60)
desk.end("stopped")
"""


@pytest.fixture
def desk(tmp_path) -> Desk:
    made = Desk(tmp_path, threading.Event(), {"architecture": "sddpm"})
    made.begin()
    return made


@pytest.fixture
def other(tmp_path):
    """A process that trains, as far as its folder tells; and its folder."""
    folder = tmp_path / "other.run"
    folder.mkdir()
    process = subprocess.Popen([sys.executable, "-c", SLEEPER, str(folder)])
    deadline = time.monotonic() + 60
    while (found := read(folder)) is None or found.state != "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process, folder
    process.kill()
    process.wait()


def edit(folder: Path, **values: object) -> None:
    path = folder / STATUS_FILE
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), encoding="utf-8")


# who it is


def test_a_process_is_told_from_a_later_one_with_its_number():
    own = process_start(os.getpid())
    assert own
    assert own == process_start(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_start(child.pid)
    assert started
    assert started != own
    child.stdin.close()
    deadline = time.monotonic() + 20
    while process_start(child.pid):  # also before anybody asked how it ended
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.wait()
    assert process_start(child.pid) == ""
    assert process_start(0) == ""


def test_the_status_is_of_this_process(desk, tmp_path):
    found = read(tmp_path)
    assert (found.pid, found.state, found.is_here) == (os.getpid(), "starting", True)
    assert found.is_alive
    assert found.request == {"architecture": "sddpm"}
    edit(tmp_path, started="some other moment")
    assert not read(tmp_path).is_alive


def test_on_another_machine_it_is_believed_for_a_while(desk, tmp_path):
    edit(tmp_path, host="elsewhere", pid=1)
    assert read(tmp_path).is_alive
    edit(tmp_path, at=time.time() - 2 * status.FRESH)
    assert not read(tmp_path).is_alive


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", '{"schema_version": 1}', "[" * 100_000),
        '{"schema_version": 2, "state": "running"}',
    ],
)
def test_what_cannot_be_understood_is_no_status(text, tmp_path):
    (tmp_path / STATUS_FILE).write_text(text, encoding="utf-8")
    assert read(tmp_path) is None


@pytest.mark.parametrize(
    "values",
    [
        *({"pid": "x"}, {"state": "dancing"}, {"stages": [1]}, {"at": float("nan")}),
        *({"seconds_per_step": float("inf")}, {"request": 3}, {"pid": None}),
    ],
)
def test_values_of_the_wrong_kind_are_no_status(values, desk, tmp_path):
    edit(tmp_path, **values)
    assert read(tmp_path) is None


# where it is


def test_it_is_told_at_most_once_a_second_but_its_end_at_once(desk, tmp_path):
    desk.plan((("one", 10), ("two", 30)))
    for step in range(1, 6):
        desk.note(stage="one", step=step, num_steps=10, total_done=step, seconds_per_step=0.5)
    found = read(tmp_path)
    assert (found.state, found.step, found.stages) == ("running", 1, (("one", 10), ("two", 30)))
    assert found.seconds_left == pytest.approx(0.5 * 39)
    desk.end("stopped")
    found = read(tmp_path)
    assert (found.state, found.step) == ("stopped", 5)
    assert not found.is_alive
    assert {path.name for path in tmp_path.iterdir()} == {STATUS_FILE}


def test_a_folder_that_is_gone_does_not_stop_training(desk, tmp_path):
    for path in tmp_path.iterdir():
        path.unlink()
    tmp_path.rmdir()
    desk.note(step=1)
    desk.end("finished")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TrainingError("The loss is gone."), "The loss is gone."),
        (ValueError("odd"), "ValueError: odd"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_why_it_failed_is_told(error, reason, tmp_path):
    with pytest.raises(type(error)), announced(Desk(tmp_path, threading.Event(), {})):
        raise error
    found = read(tmp_path)
    assert found.state == "failed"
    assert reason in found.reason


# stopping it


@pytest.mark.skipif(sys.platform == "win32", reason="no signals that ask")
def test_exactly_the_process_that_trains_is_asked_to_stop(other):
    process, folder = other
    true = read(folder).started
    edit(folder, started="another moment")  # as if the number had been given anew
    ask_stop(folder)
    time.sleep(0.5)
    assert process.poll() is None
    assert read(folder).state == "running"
    edit(folder, started=true)
    ask_stop(folder)
    assert process.wait(timeout=30) == 0
    assert read(folder).state == "stopped"


def test_a_process_that_was_killed_is_not_alive(other):
    process, folder = other
    assert read(folder).is_alive
    process.kill()
    process.wait()
    assert read(folder).state == "running"
    assert not read(folder).is_alive
    ask_stop(folder)  # nobody to be asked
    assert not (folder / STOP_FILE).exists()


def test_two_processes_do_not_train_in_one_folder(other):
    process, folder = other
    with pytest.raises(TrainingError, match=f"Process {process.pid} trains in"):
        Desk(folder, threading.Event(), {}).begin()
    assert read(folder).pid == process.pid


def test_a_file_asks_where_no_signal_can(tmp_path, monkeypatch):
    stop = threading.Event()
    desk = Desk(tmp_path, stop, {})
    desk.begin()
    ask_stop(tmp_path)  # it only starts
    assert (tmp_path / STOP_FILE).exists()
    assert not stop.is_set()
    desk.note(step=1)
    assert stop.is_set()
    desk.end("stopped")
    assert not (tmp_path / STOP_FILE).exists()


# options


def test_options_are_those_of_the_command():
    parameters = inspect.signature(train_command).parameters
    usual = {
        name.removesuffix("_network"): each.default
        for name, each in parameters.items()
        if each.default is not inspect.Parameter.empty
    }
    made = TrainingOptions(architecture="a", data="d", out="o")
    mine = {each.name: getattr(made, each.name) for each in fields(made)}
    assert mine.keys() == {name.removesuffix("_network") for name in parameters}
    assert {name: mine[name] or None for name in usual} == {
        name: value or None for name, value in usual.items()
    }


def test_options_come_back_from_a_folder(tmp_path):
    folder = tmp_path / "mine.run"
    made = TrainingOptions(
        architecture="sdit",
        data="/data",
        out=str(tmp_path / "elsewhere.safetensors"),
        length=0.01,
        channels_last=False,
        cosine=True,
        seed=3,
    )
    values = json.loads(json.dumps(made.to_json()))
    back = TrainingOptions.of_run(values, folder)
    assert back == replace(made, out=str(folder.with_suffix(".safetensors")), resume=True)
    assert back.run_folder == folder
    words = " ".join(back.arguments())
    assert words.startswith(f"train sdit --data /data --out {tmp_path / 'mine.safetensors'}")
    for option in ("--length 0.01", "--resume", "--seed 3", "--contiguous", "--cosine"):
        assert option in words


@pytest.mark.parametrize(
    "values",
    [
        *({}, {"architecture": "--help", "data": "d"}, {"architecture": "sdit"}),
        {"architecture": "sdit", "data": "d", "parts": "many"},
        {"architecture": "sdit", "data": "d", "preset": "-x"},
    ],
)
def test_options_that_make_no_command_are_refused(values, tmp_path):
    with pytest.raises(TrainingError, match="does not tell how its run was started"):
        TrainingOptions.of_run(values, tmp_path / "any.run")


# rates


def test_rates_are_those_of_the_spikes(monkeypatch):
    network = tiny_model("sddpm").network
    seen: dict[str, torch.Tensor] = {}
    layers = spiking_layers(network)
    for name, layer in layers.items():
        layer.register_forward_hook(lambda _l, _i, out, name=name: seen.update({name: out}))
    before = num_hooks(network)
    x, t = torch.randn(4, 1, 8, 8), torch.full((4,), 3)
    with metered(network, is_wanted=True) as meter:
        network(x, t)
    assert num_hooks(network) == before
    found = meter.means(World())
    means = [float(spikes.double().mean()) for spikes in seen.values()]
    assert len(means) == len(layers)
    spikes = sum(float(each.double().sum()) for each in seen.values())
    assert found["rate"] == pytest.approx(spikes / sum(each.numel() for each in seen.values()))
    assert found["rate_lowest"] == pytest.approx(min(means))
    assert found["rate_highest"] == pytest.approx(max(means))
    assert 0 < found["rate_lowest"] < found["rate"] < found["rate_highest"] < 1


def test_nothing_is_counted_unasked():
    network: nn.Module = tiny_model("sddpm").network
    with metered(network, is_wanted=False) as meter:
        assert num_hooks(network) == 0
        network(torch.randn(1, 1, 8, 8), torch.full((1,), 3))
    assert meter.means(World()) == {}


def test_a_run_tells_its_desk_and_logs_rates(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 2)
    monkeypatch.setattr(status, "PAUSE", 0.0)
    request = small_request("spiking-diffusion", tmp_path)
    desk = Desk(request.run_folder, threading.Event(), {})
    desk.begin()
    told = []
    for event in loop.train(request, small_dataset("spiking-diffusion"), desk=desk):
        if isinstance(event, Progressed):
            told.append((event, read(request.run_folder)))
    assert [name for name, _ in told[0][1].stages] == ["vqsvae", "sdid"]
    event, found = told[-1]
    assert (found.stage, found.step) == ("sdid", event.step - 1)  # told after the step before
    assert all(0 <= each <= 1 for event, _ in told for each in event.rates.values())
    assert all(set(e.rates) == {"rate", "rate_lowest", "rate_highest"} for e, _ in told)
    assert found.seconds_per_step > 0


# the command


def test_a_command_that_cannot_begin_leaves_nothing_or_its_reason(tmp_path):
    out, folder = tmp_path / "x.safetensors", tmp_path / "x.run"
    words = ["train", "sddpm", "--data", str(tmp_path / "none"), "--out", str(out)]
    before = signal.getsignal(signal.SIGTERM)
    assert CliRunner().invoke(app, words).exit_code == 1
    assert not folder.exists()
    folder.mkdir()  # as whoever wants to know why does
    assert CliRunner().invoke(app, words).exit_code == 1
    found = read(folder)
    assert (found.state, "does not exist" in found.reason) == ("failed", True)
    assert signal.getsignal(signal.SIGTERM) is before
