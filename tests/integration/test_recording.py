"""Recording and time travel: what is recorded, written, read back and computed again is one thing."""

import json
import queue
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import h5py
import jsonschema
import numpy as np
import pytest
from typer.testing import CliRunner

import spikestudio as ss
from spikestudio.cli.main import app
from spikestudio.errors import ConfigError, RecordingError
from spikestudio.export.provenance import provenance
from spikestudio.metrics.tracing import fan_out
from spikestudio.neurons.overrides import Override
from spikestudio.paths import resource
from spikestudio.recording import hdf5
from spikestudio.recording.hdf5 import RecordingWriter, open_recording
from spikestudio.recording.record import Record
from spikestudio.sampling.events import (
    Cancelled,
    Failed,
    Finished,
    Paused,
    RunStarted,
    StepFinished,
)
from spikestudio.sampling.recompute import recompute
from spikestudio.sampling.run import SamplingRun, run_layers
from spikestudio.sampling.worker import InspectFailed, ModelLoaded, Recomputed, Worker
from tests.tiny import (
    ARCHITECTURE_NAMES,
    evaluate,
    num_hooks,
    run_to_end,
    same_bits,
    save_tiny,
    tiny_model,
    tiny_request,
)
from tests.unit.recording.test_record import assert_one_sentence
from tests.unit.recording.test_recorder import KeepEverything, potentials

STEPS = 5
SAMPLER = {"sddpm": "ancestral", "spiking-diffusion": "absorbing", "sdit": "ancestral"}


def watch_some(model: Any) -> list[tuple[str, int]]:
    layers = run_layers(model)
    return [(layers[k].id, layers[k].num_neurons - 3 + k) for k in (-1, 2, 0, 2)] + [
        (layers[2].id, 0)
    ]


def make(architecture: str, record: Record, **changes: Any) -> SamplingRun:
    model = tiny_model(architecture)
    asked = {"num": 16, "steps": STEPS, "sampler": SAMPLER[architecture], "seed": 3} | changes
    return SamplingRun(model, tiny_request(model, **asked), record=record, describe=provenance)


def follow(run: SamplingRun, do: Any = None) -> Any:
    """Run to the end with another threshold and temperature from the third step on."""
    event = None
    for event in run:
        if isinstance(event, StepFinished) and event.step == 1:
            run.control.set_parameters(threshold=0.8, temperature=0.9)
        if do is not None:
            do(event)
    assert isinstance(event, Finished), event
    return event.result


# Recorded is computed


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_counts_and_watched_neurons_are_those_of_hooks_that_keep_everything(architecture):
    model = tiny_model(architecture)
    num, image = 3, 2
    request = tiny_request(model, num=num, steps=3, threshold=0.9)
    first, second = watch_some(model), [(run_layers(model)[1].id, 2)]
    run = SamplingRun(model, request, record=Record(watch=first, image=image))
    everything = KeepEverything(model.network)

    def change(event: StepFinished) -> None:
        if event.step == 0:
            run.recorder.set_watch(second)

    everything.follow(run, change)
    activity, fan_outs = run.recorder.activity(), fan_out(model.network)
    for index, layer in enumerate(run.layers):
        for step in range(3):
            _, spikes = everything.batch(step, layer.id, num)
            each = spikes.flatten(2).numpy().astype(np.int64)  # [T, B, N]
            assert np.array_equal(activity.counts[index, step], each.sum((1, 2)))
            assert activity.neurons[index, step] == each[0].size
            assert activity.silent[index, step] == (each.sum(0) == 0).sum()
            assert activity.saturated[index, step] == (each.sum(0) == len(each)).sum()
            caused = (spikes.numpy().astype(np.int64) * fan_outs[layer.id]).sum()
            assert activity.additions[index, step] == caused
            share = np.float32((each.sum(0) == 0).mean())
            assert activity.silent_share[index, step] == share
    assert activity.silent.sum() > 0
    layers = {layer.id: layer for layer in run.layers}
    for step, expected in enumerate((first, second, second)):
        watched = run.recorder.watched(step)
        assert sorted(watched.neurons) == sorted(set(expected))
        for column, (layer_id, neuron) in enumerate(watched.neurons):
            current, _ = everything.batch(step, layer_id, num)
            x = current[:, image].flatten(1).numpy()
            h, v = potentials(x, layers[layer_id], 0.9)
            assert np.array_equal(watched.current[:, column], x[:, neuron])
            assert np.array_equal(watched.h[:, column], h[:, neuron])
            assert np.array_equal(watched.v[:, column], v[:, neuron])
            assert watched.threshold[column] == np.float32(0.9)


@pytest.mark.parametrize("snn_steps", [1, 2, 7])
def test_counts_at_any_number_of_snn_steps(snn_steps):
    run = make("sddpm", Record(), snn_steps=snn_steps, num=2, steps=1)
    everything = KeepEverything(run.model.network)
    everything.follow(run)
    activity = run.recorder.activity()
    for index, layer in enumerate(run.layers):
        _, spikes = everything.batch(0, layer.id, 2)
        fired = spikes.sum(0)
        assert activity.silent[index, 0] == int((fired == 0).sum())
        assert activity.saturated[index, 0] == int((fired == snn_steps).sum())


def test_forced_neurons_are_watched_as_they_fire():
    layer = tiny_model("sddpm").layers[2].id
    lesion = {"layer": layer, "kind": "clamp", "neurons": [4]}
    run = make("sddpm", Record(watch=[(layer, 4), (layer, 5)]), steps=2, num=2, overrides=(lesion,))
    list(run)
    spikes, watched = run.recorder.spikes(layer, 1), run.recorder.watched(1)
    assert spikes[:, 4].all()
    assert np.array_equal(watched.v[:, 0], np.zeros(len(spikes)))  # reset after every spike
    assert np.array_equal(watched.h[:, 1] >= 1.0, spikes[:, 5] == 1)


def test_only_chosen_layers_keep_spikes():
    layers = [each.id for each in tiny_model("sddpm").layers]
    run = make("sddpm", Record(layers=layers[1:3]), steps=2, num=2)
    list(run)
    there = [run.recorder.spikes(layer, 0) is not None for layer in layers]
    assert there == [layer in layers[1:3] for layer in layers]
    assert "not chosen" in run.recorder.missing(layers[0], 0)
    assert not np.isnan(run.recorder.rates()).any()


def test_recording_changes_no_pixel(tmp_path):
    for architecture in ARCHITECTURE_NAMES:
        model = tiny_model(architecture)
        plain = run_to_end(model, num=3)
        run = SamplingRun(
            model,
            tiny_request(model, num=3),
            record=Record(path=tmp_path / "run.h5", watch=watch_some(model), budget_mb=0),
            describe=provenance,
        )
        list(run)
        assert np.array_equal(run.result.images, plain.images)
        assert run.recorder.bytes_used == 0
        assert_one_sentence(run.recorder.dropped)


# Recomputed is live


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
@pytest.mark.parametrize("lesion", [False, True])
def test_every_step_computed_again_is_the_live_one(tmp_path, architecture, lesion):
    layer = tiny_model(architecture).layers[2].id
    overrides = (
        (
            Override(layer=layer, kind="silence", neurons=(1, 2), steps=(1, 2)),
            Override(layer=layer, kind="scale", value=1.5, steps=(3, 4)),
        )
        if lesion
        else ()
    )
    record = Record(path=tmp_path / "run.h5", image=11)
    run = make(architecture, record, overrides=overrides)
    everything = KeepEverything(run.model.network)
    everything.follow(
        run, lambda e: run.control.set_parameters(threshold=0.8) if e.step == 1 else None
    )
    before = evaluate(run.model)
    recorder, ids = run.recorder, [each.id for each in run.layers]
    recording = open_recording(tmp_path / "run.h5")

    def assert_live(source: Any, step: int, image: int) -> None:
        again = recompute(run.model, source, step, ids, image)
        assert list(again) == ids
        for each in ids:
            current, spikes = everything.batch(step, each, 16)
            assert np.array_equal(again[each].spikes, spikes[:, image].flatten(1).numpy())
            x = current[:, image].flatten(1).numpy()
            assert np.array_equal(again[each].potentials.current, x)
            if image == recorder.image:
                assert np.array_equal(again[each].spikes, recorder.spikes(each, step))

    for step in range(STEPS):
        assert_live(recorder, step, 11)
        assert_live(recording, step, 11)
    assert_live(recorder, 3, 0)
    for kept in ({0, 2}, {0}, set()):  # replayed from an earlier state, at last from the seed
        for gone in set(recorder._store.states) - kept:
            del recorder._store.states[gone]
        for step in (3, 4):
            assert_live(recorder, step, 11)
    assert num_hooks(run.model.network) == 0
    assert same_bits(evaluate(run.model), before)
    recording.close()


@pytest.mark.parametrize("image", [0, 5, 19])
def test_with_guidance_and_several_parts_of_the_batch(image):
    run = make("sdit", Record(image=image), num=20, guidance=2.0, steps=3)
    follow(run)
    ids = [each.id for each in run.layers]
    for step in range(3):
        again = recompute(run.model, run.recorder, step, ids)
        for each in ids:
            assert np.array_equal(again[each].spikes, run.recorder.spikes(each, step))


def test_a_large_batch_of_tokens_in_parts():
    run = make("spiking-diffusion", Record(image=35), num=37, steps=3)
    follow(run)
    ids = [each.id for each in run.layers]
    again = recompute(run.model, run.recorder, 2, ids)
    assert all(np.array_equal(again[k].spikes, run.recorder.spikes(k, 2)) for k in ids)


def test_what_cannot_be_computed_again_is_said():
    run = make("sddpm", Record(), num=2, steps=2)
    list(run)
    layer = run.layers[0].id
    for step, layer_id, image in ((2, layer, 0), (-1, layer, 0), (0, "none", 0), (0, layer, 2)):
        with pytest.raises(ConfigError) as caught:
            recompute(run.model, run.recorder, step, [layer_id], image)
        assert_one_sentence(str(caught.value))
    other = make("sddpm", Record(), num=2, steps=2).recorder
    other.origin["checkpoint"]["tensors_sha256"] = "1" * 64
    other.steps_done = 1
    with pytest.raises(ConfigError, match="another model"):
        recompute(run.model, other, 0, [layer])


# Read back is written


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_a_file_gives_back_every_bit(tmp_path, architecture):
    path = tmp_path / "run.h5"
    watch = watch_some(tiny_model(architecture))
    run = make(architecture, Record(path=path, image=4, watch=watch))
    logits = []

    def change(event: Any) -> None:
        if isinstance(event, StepFinished) and event.step == 2:
            run.recorder.set_watch([])
        if isinstance(event, StepFinished):  # it can be read while it grows
            with_one_more = open_recording(path)
            assert with_one_more.steps_done == event.step + 1
            logits.append(with_one_more.logits(event.step))
            with_one_more.close()

    result = follow(run, change)
    recorder, recording = run.recorder, open_recording(path)
    assert recorder.file_error == ""
    assert recording.layers == recorder.layers
    for name in ("num_steps", "snn_steps", "image", "steps_done", "recorded"):
        assert getattr(recording, name) == getattr(recorder, name), name
    assert recording.dropped == ""
    assert np.array_equal(recording.rates(), recorder.rates())
    ours, theirs = recorder.activity(), recording.activity()
    for name in ("counts", "neurons", "silent", "saturated", "additions"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name))
    for step in range(STEPS):
        assert recording.parameters(step) == recorder.parameters(step)
        for layer in run.layers:
            assert np.array_equal(recording.spikes(layer.id, step), recorder.spikes(layer.id, step))
            assert recording.potentials(layer.id, step) is None
        ours, theirs = recorder.watched(step), recording.watched(step)
        assert (ours is None) == (theirs is None) == (step > 2)
        if ours is not None:
            assert ours.neurons == theirs.neurons
            for name in ("h", "v", "current", "threshold"):
                assert np.array_equal(getattr(ours, name), getattr(theirs, name))
        ours, theirs = recorder.state(step), recording.state(step)
        assert list(ours) == list(theirs)
        for name in ours:
            assert ours[name].dtype == theirs[name].dtype
            assert np.array_equal(ours[name], theirs[name])
        assert (recording.logits(step) is None) == (architecture != "spiking-diffusion")
    if architecture == "spiking-diffusion":
        assert np.array_equal(recording.state(STEPS - 1)["guess"], result.tokens)
        assert np.isfinite(logits[-1]).all()
    assert recording.origin == json.loads(json.dumps(provenance(result)))
    with h5py.File(path) as file:  # as others read it
        header, origin = (json.loads(file.attrs[name]) for name in ("recording", "provenance"))
        layer = run.layers[1].id
        assert np.array_equal(file[f"layers/{layer}/counts"][:], recorder.activity().counts[1])
    for name, values in (("recording", header), ("provenance", origin)):
        schema = json.loads(resource("schemas", f"{name}.json").read_text(encoding="utf-8"))
        jsonschema.validate(values, schema)
    assert origin == recording.origin
    for beyond in (-1, STEPS):
        assert recording.state(beyond) is recording.spikes(layer, beyond) is None
        assert recording.watched(beyond) is recording.parameters(beyond) is None
        assert recording.missing(layer, beyond)
    recording.close()


def test_a_cancelled_run_leaves_its_steps(tmp_path):
    run = make("sddpm", Record(path=tmp_path / "run.h5", layers=()), num=2)
    for event in run:
        if isinstance(event, StepFinished) and event.step == 1:
            run.cancel()
    assert isinstance(event, Cancelled)
    recording = open_recording(tmp_path / "run.h5")
    assert recording.steps_done == recording.origin["steps_done"] == 2
    assert recording.spikes(run.layers[0].id, 0) is None
    assert np.isnan(recording.rates()[:, 2:]).all()
    recording.close()


def test_a_large_batch_has_a_large_provenance(tmp_path):
    run = make("sddpm", Record(path=tmp_path / "run.h5", layers=()), num=4096, steps=1)
    writer = RecordingWriter(
        tmp_path / "run.h5",
        run.recorder,
        states={"x_t": (1, 1, 1, 1)},
        provenance=provenance(run._make_result()),
    )
    writer.close(provenance(run._make_result()))
    recording = open_recording(tmp_path / "run.h5")
    assert len(recording.origin["image_seeds"]) == 4096
    recording.close()


KILLED = """
import os, signal, sys
from spikestudio.recording.hdf5 import RecordingWriter
from spikestudio.recording.record import Record
import spikestudio as ss
write, count = RecordingWriter._write, 0
def killing(self, name, row, values):
    global count
    count += 1
    if row == 2 and name.endswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, name, row, values)
RecordingWriter._write = killing
model = ss.load(sys.argv[1])
for event in ss.sample(model, num=3, seed=3, steps=5, record=ss.Record(path=sys.argv[2])):
    pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal there")
@pytest.mark.parametrize("moment", ["spikes", "watch/neurons"])
def test_a_killed_process_leaves_its_complete_steps(tmp_path, moment):
    checkpoint, path = save_tiny(tmp_path / "tiny.safetensors", "sddpm"), tmp_path / "run.h5"
    command = [sys.executable, "-c", KILLED, str(checkpoint), str(path), moment]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    recording = open_recording(path)
    assert recording.steps_done == recording.origin["steps_done"] == 2
    run = ss.sample(ss.load(checkpoint), num=3, seed=3, steps=5)
    list(run)
    for layer in run.layers:
        for step in range(2):
            live = run.recorder.spikes(layer.id, step)
            assert np.array_equal(recording.spikes(layer.id, step), live)
        assert recording.spikes(layer.id, 2) is None
    again = recompute(run.model, recording, 1, [layer.id])
    assert np.array_equal(again[layer.id].spikes, live)
    recording.close()


def test_a_disk_that_fills_ends_the_recording_and_not_the_run(tmp_path, monkeypatch):
    write = RecordingWriter._write

    def full(self: Any, name: str, row: int, values: Any) -> None:
        if row == 3:
            raise OSError(28, "No space left on device")
        write(self, name, row, values)

    monkeypatch.setattr(RecordingWriter, "_write", full)
    run = make("sdit", Record(path=tmp_path / "run.h5"), num=2)
    result = follow(run)
    assert result.is_complete
    assert "No space left on device" in run.recorder.file_error
    assert_one_sentence(run.recorder.file_error)
    assert run.recorder.steps_done == STEPS
    assert run.recorder.spikes(run.layers[0].id, 4) is not None
    recording = open_recording(tmp_path / "run.h5")
    assert recording.steps_done == 3
    assert np.array_equal(
        recording.spikes(run.layers[0].id, 2), run.recorder.spikes(run.layers[0].id, 2)
    )
    recording.close()


def test_a_file_that_cannot_be_written_ends_the_run_at_once(tmp_path):
    run = make("sddpm", Record(path=tmp_path / "no" / "run.h5"), num=2)
    events = list(run)
    assert isinstance(events[-1], Failed)
    assert "does not exist" in events[-1].message
    assert num_hooks(run.model.network) == 0


# Files that are none


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("good") / "good.h5"
    list(make("sddpm", Record(path=path), num=2, steps=2))
    return path


def edited(path: Path, name: str, text: str, by: str) -> None:
    with h5py.File(path, "r+") as file:
        before = bytes(file.attrs[name]).decode()
        assert text in before
        file.attrs[name] = np.bytes_(before.replace(text, by, 1))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def replaced(path: Path, how: Any) -> None:
    with h5py.File(path, "r+") as file:
        group = file["layers"]
        name = next(iter(group))
        del group[name]["spikes"]
        how(path, group[name])


def huge(_: Path, group: Any) -> None:
    group.create_dataset("spikes", shape=(2, 3, 2**50), dtype="u1", chunks=(1, 1, 1024))


def external_link(path: Path, group: Any) -> None:
    group["spikes"] = h5py.ExternalLink("/etc/passwd", "/spikes")


def soft_link(_: Path, group: Any) -> None:
    group["spikes"] = h5py.SoftLink("/complete_steps")


def external_storage(path: Path, group: Any) -> None:
    secret = path.with_name("secret")
    secret.write_bytes(bytes(10_000))
    group.create_dataset("spikes", shape_of(path, group), "u1", external=[(str(secret), 0, 10_000)])


def chunked(path: Path, group: Any) -> None:
    group.create_dataset("spikes", data=np.zeros(shape_of(path, group), "u1"), compression="gzip")


def shape_of(path: Path, group: Any) -> tuple[int, ...]:
    layers = json.loads(bytes(group.file.attrs["recording"]))["layers"]
    layer = next(each for each in layers if each["id"] == group.name.split("/")[-1])
    return (2, 3, -(-int(np.prod(layer["shape"])) // 8))


def header(text: str, by: str) -> Any:
    return lambda path: edited(path, "recording", text, by)


def spikes(how: Any) -> Any:
    return lambda path: replaced(path, how)


BAD = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "empty": (lambda path: path.write_bytes(b""), "not a recording"),
    "garbage": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\xff" * 4000), "damaged"),
    "text": (lambda path: path.write_text("hello", encoding="utf-8"), "not a recording"),
    "truncated": (truncate, "damaged or incomplete"),
    "newer": (header('"schema_version": 2', '"schema_version": 3'), "newer"),
    "other steps": (header('"snn_steps": 3', '"snn_steps": 4'), "not as the header"),
    "too many steps": (header('"snn_steps": 3', '"snn_steps": 3000'), "snn_steps"),
    "more steps": (header('"num_steps": 2', '"num_steps": 3'), "not as the header"),
    "huge layer": (header('"shape": [', '"shape": [16777216, '), "schema"),
    "huge state": (header('"x_t": [2, 1, 8', '"x_t": [16777216, 1, 16777216'), "larger than any"),
    "path as a name": (header('"id": "', '"id": "../'), "schema"),
    "no JSON": (header("{", "["), "JSON"),
    "no request": (
        lambda path: edited(path, "provenance", '"request"', '"requests"'),
        "which run",
    ),
    "huge": (spikes(huge), "not as the header"),
    "lacking": (spikes(lambda *_: None), "lacks"),
    "external link": (spikes(external_link), "points elsewhere"),
    "soft link": (spikes(soft_link), "points elsewhere"),
    "external storage": (spikes(external_storage), "does not lie in the file"),
    "chunked": (spikes(chunked), "does not lie in the file"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_no_recording_is_refused_in_one_sentence(tmp_path, good, kind):
    spoil, words = BAD[kind]
    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    spoil(path)
    with pytest.raises(RecordingError) as caught:
        open_recording(path)
    assert caught.value.path == path
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert_one_sentence(str(caught.value))


def test_a_file_of_version_1_is_read(tmp_path, good):
    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    edited(path, "recording", '"schema_version": 2', '"schema_version": 1')
    old, new = open_recording(path), open_recording(good)
    assert old.steps_done == 2
    assert np.array_equal(old.state(1)["x_t"], new.state(1)["x_t"])
    assert np.array_equal(old.activity().counts, new.activity().counts)
    assert np.isnan(old.activity().additions_of_one([1] * len(old.layers))).all()  # not known
    old.close()
    new.close()


def test_a_foreign_hdf5_file_is_refused(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(10)
    with pytest.raises(RecordingError, match="not a recording of SpikeStudio"):
        open_recording(path)
    with h5py.File(path, "r+") as file:
        file.attrs["recording"] = "a text of any length"
        file.attrs["provenance"] = np.arange(5)
    with pytest.raises(RecordingError, match="no JSON text"):
        open_recording(path)


def test_a_file_that_shrinks_while_it_is_open(tmp_path, good):
    path = tmp_path / "run.h5"
    shutil.copy(good, path)
    recording = open_recording(path)
    truncate(path)
    with pytest.raises(RecordingError, match="shorter"):
        [recording.state(step) for step in range(2)]
    recording.close()


def test_nothing_is_left_of_a_file_that_could_not_be_made(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "_create", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    run = make("sddpm", Record(path=tmp_path / "run.h5"), num=2)
    assert isinstance(list(run)[-1], Failed)
    assert list(tmp_path.iterdir()) == []


# The worker


class Watched:
    def __init__(self) -> None:
        self.events: queue.Queue[Any] = queue.Queue()
        self.on: Any = lambda event: None
        self.worker = Worker(self._publish)

    def _publish(self, event: Any) -> None:
        self.on(event)
        self.events.put(event)

    def until(self, *kinds: type) -> Any:
        while not isinstance(event := self.events.get(timeout=30), kinds):
            pass
        return event


@pytest.fixture
def watched(tmp_path):
    watched = Watched()
    watched.worker.load(save_tiny(tmp_path / "tiny.safetensors", "sddpm"))
    watched.until(ModelLoaded)
    yield watched
    watched.worker.close()


def asked(**changes: Any) -> Any:
    return tiny_request(tiny_model("sddpm"), **{"steps": 4} | changes)


def test_a_step_of_the_last_run_is_looked_into(watched):
    watched.worker.sample(asked(), image=1)
    recorder = watched.until(RunStarted).recorder
    watched.until(Finished)
    layer = recorder.layers[2].id
    watched.worker.inspect(2, layer, 1)
    seen = watched.until(Recomputed, InspectFailed)
    assert (seen.step, seen.layer, seen.image) == (2, layer, 1)
    assert seen.record is recorder
    assert np.array_equal(seen.activity.spikes, recorder.spikes(layer, 2))


def test_a_waiting_run_is_looked_into_and_goes_on_unchanged(watched):
    def pause(event: Any) -> None:
        if isinstance(event, StepFinished) and event.step == 1:
            control.pause()

    watched.on = pause
    known = threading.Event()
    watched.on = lambda event: known.wait(30) and pause(event)
    control = watched.worker.sample(asked(threshold=0.9, snn_steps=5))
    known.set()
    recorder = watched.until(RunStarted).recorder
    watched.until(Paused)
    layer = recorder.layers[-1].id
    for step in (0, 1):
        watched.worker.inspect(step, layer)
        seen = watched.until(Recomputed, InspectFailed)
        assert np.array_equal(seen.activity.spikes, recorder.spikes(layer, step))
    watched.worker.inspect(2, layer)
    assert_one_sentence(watched.until(Recomputed, InspectFailed).message)
    control.step_once()
    assert watched.until(Paused).step == 3
    control.resume()
    result = watched.until(Finished).result
    plain = run_to_end(tiny_model("sddpm"), steps=4, threshold=0.9, snn_steps=5)
    assert np.array_equal(result.images, plain.images)
    alone = SamplingRun(tiny_model("sddpm"), asked(threshold=0.9, snn_steps=5))
    list(alone)
    assert np.array_equal(alone.recorder.activity().counts, recorder.activity().counts)


def test_a_running_run_is_looked_into_between_steps(watched):
    def click(event: Any) -> None:
        if isinstance(event, StepFinished):
            for step in range(event.step + 1):  # only the newest is computed
                watched.worker.inspect(step, layer)

    layer = tiny_model("sddpm").layers[0].id
    watched.on = click
    watched.worker.sample(asked())
    finished, steps = False, []
    while not finished:
        event = watched.until(Recomputed, Finished)
        finished = isinstance(event, Finished)
        if not finished:
            steps.append(event.step)
    assert steps == [0, 1, 2, 3]
    plain = run_to_end(tiny_model("sddpm"), steps=4)
    assert np.array_equal(event.result.images, plain.images)


def test_looking_without_a_run_says_so(watched):
    watched.worker.inspect(0, "neuron")
    failed = watched.until(InspectFailed)
    assert "no run" in failed.message
    assert_one_sentence(failed.message)


def test_a_recording_is_looked_into_with_the_loaded_model(watched, tmp_path):
    run = make("sddpm", Record(path=tmp_path / "run.h5", image=1), num=2, steps=3)
    run.model.card = watched_card(tmp_path)
    run = SamplingRun(run.model, run.request, record=run.record, describe=provenance)
    list(run)
    recording = open_recording(tmp_path / "run.h5")
    layer = recording.layers[1].id
    watched.worker.inspect(1, layer, 1, recording)
    seen = watched.until(Recomputed, InspectFailed)
    assert isinstance(seen, Recomputed), seen
    assert np.array_equal(seen.activity.spikes, recording.spikes(layer, 1))
    recording.close()


def watched_card(tmp_path: Path) -> Any:
    return ss.load(tmp_path / "tiny.safetensors").card


def test_cancelling_while_it_looks(watched):
    slow = threading.Event()

    def pause(event: Any) -> None:
        if isinstance(event, RunStarted):
            assert slow.wait(30)

    watched.on = pause
    control = watched.worker.sample(asked())
    control.pause()
    slow.set()
    recorder = watched.until(RunStarted).recorder
    watched.until(Paused)
    control.step_once()
    watched.until(Paused)
    control.cancel()
    watched.worker.inspect(0, recorder.layers[0].id)
    kinds = {type(watched.until(Recomputed, Cancelled)) for _ in range(2)}
    assert kinds == {Recomputed, Cancelled}


# Python and the command line


def test_recording_from_python(tmp_path):
    model = ss.load(save_tiny(tmp_path / "tiny.safetensors", "sddpm"))
    layer = model.layers[0].id
    record = ss.Record(path=tmp_path / "run.h5", layers=[layer], watch=[(layer, 3)], budget_mb=1)
    run = ss.sample(model, num=2, steps=2, sampler="ddim", record=record)
    list(run)
    assert run.recorder.watched(1).h.shape == (3, 1)
    recording = open_recording(str(tmp_path / "run.h5"))
    assert np.array_equal(recording.watched(1).h, run.recorder.watched(1).h)
    assert recording.recorded == (layer,)
    recording.close()
    with pytest.raises(ConfigError, match="such as neuron"):
        ss.sample(model, record=ss.Record(layers=["neuronx"]))


def test_a_path_needs_a_provenance():
    model = tiny_model("sddpm")
    with pytest.raises(ValueError, match="provenance"):
        SamplingRun(model, tiny_request(model), record=Record(path="run.h5"))


def test_recording_from_the_command_line(tmp_path, monkeypatch):
    checkpoint = save_tiny(tmp_path / "tiny.safetensors", "sddpm")
    monkeypatch.chdir(tmp_path)
    command = ["sample", str(checkpoint), "--num", "2", "--steps", "3", "--out", "a.png", "--json"]
    done = CliRunner().invoke(app, [*command, "--record", "run.h5"])
    assert (done.exit_code, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["record"] == "run.h5"
    recording = open_recording(tmp_path / "run.h5")
    assert recording.steps_done == 3
    facts = {k: v for k, v in told.items() if k not in ("out", "record", "seconds")}
    assert recording.origin == facts
    recording.close()

    (tmp_path / "a.png").unlink()
    failed = CliRunner().invoke(app, [*command, "--record", "no/run.h5"])
    assert failed.exit_code == 1
    assert_one_sentence(failed.stderr.strip())
    assert not (tmp_path / "a.png").exists()


def test_the_command_line_tells_of_a_full_disk_and_writes_the_images(tmp_path, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RecordingWriter, "_write", full)
    checkpoint = save_tiny(tmp_path / "tiny.safetensors", "sddpm")
    out, path = tmp_path / "a.png", tmp_path / "run.h5"
    command = ["sample", str(checkpoint), "--num", "1", "--steps", "2", "--out", str(out)]
    done = CliRunner().invoke(app, [*command, "--record", str(path)])
    assert done.exit_code == 0
    assert out.exists()
    assert "No space left on device" in done.stderr
    assert_one_sentence(done.stderr.strip())
    recording = open_recording(path)
    assert recording.steps_done == 0
    recording.close()
