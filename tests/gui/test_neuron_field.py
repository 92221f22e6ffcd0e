"""The field of the neuron that is pointed at: whose it is, when it is asked for, and its words."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QObject, Signal

from spikestudio.app.viewmodels.neuron_field import NeuronFieldModel
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.errors import ConfigError
from spikestudio.models.geometry import Box, field_of
from spikestudio.sampling.run import run_layers
from tests.gui.fake_worker import entry, model_info
from tests.gui.fakes import FakeRecorder, FakeRun
from tests.tiny import tiny_card, tiny_config, tiny_model


class Checkpoint(QObject):
    """The model in use."""

    loaded = Signal()

    def __init__(self, model):
        super().__init__()
        self.model = model

    def load(self, model):
        self.model = model
        self.loaded.emit()


class Queue:
    """Jobs that are done when the test says so."""

    def __init__(self):
        self.waiting = []
        self.num_done = 0

    def submit(self, job, done, failed):
        self.waiting.append((job, done, failed))

    def work(self):
        while self.waiting:
            job, done, failed = self.waiting.pop(0)
            self.num_done += 1
            try:
                result = job()
            except ConfigError as error:
                failed(str(error), "")
            else:
                done(result)


LAYERS = {
    name: run_layers(tiny_model(name, image_size=size))
    for name, size in (("sddpm", 16), ("spiking-diffusion", 24), ("sdit", 8))
}
SIZES = {"sddpm": 16, "spiking-diffusion": 24, "sdit": 8}


def info(architecture="sddpm", **changes):
    card = tiny_card(architecture, image_size=SIZES[architecture])
    return model_info(entry().path, replace(card, **changes), layers=LAYERS[architecture])


def start(run, model, **options):
    recorder = FakeRecorder(model.layers, num_steps=4)
    recorder.origin = {"checkpoint": {"tensors_sha256": model.card.tensors_sha256}}
    return FakeRun(run, recorder, **options).start()


@pytest.fixture
def run(qapp):
    return RunModel()


@pytest.fixture
def queue():
    return Queue()


def made(run, queue, model):
    checkpoint = Checkpoint(model)
    fields = NeuronFieldModel(run, checkpoint, queue.submit)
    fields.checkpoint = checkpoint
    return fields


def test_the_hovered_neuron_comes_before_the_watched_one(run, queue, qtbot):
    model = info()
    fields = made(run, queue, model)
    start(run, model)
    layer = run.layer("downblocks.0.neuron2")
    run.select(layer=layer.id, neurons=(40, 41))
    queue.work()
    config = tiny_config("sddpm", image_size=16)
    assert fields.shown.neuron == 40
    assert fields.shown.field == field_of(config, layer, 40)
    with qtbot.waitSignal(fields.changed):
        run.hover(200)
        queue.work()
    assert (fields.shown.neuron, fields.shown.field) == (200, field_of(config, layer, 200))
    run.hover(None)
    assert fields.shown.neuron == 40
    run.select(neurons=())
    assert fields.shown is None


def test_of_many_neurons_only_the_newest_is_computed(run, queue):
    model = info()
    fields = made(run, queue, model)
    start(run, model)
    queue.work()
    before = queue.num_done
    for neuron in range(50):
        run.hover(neuron)
    assert len(queue.waiting) == 1
    queue.work()
    assert queue.num_done - before == 2  # the first, which had begun, and the newest
    assert fields.shown.neuron == 49
    run.hover(0)
    assert fields.shown.neuron == 0  # at once: it was kept
    assert not queue.waiting


def test_another_model_than_that_of_the_run_has_no_field(run, queue):
    model = info()
    fields = made(run, queue, model)
    start(run, model)
    run.hover(7)
    queue.work()
    assert fields.shown is not None
    fields.checkpoint.load(info(tensors_sha256="1" * 64))
    assert fields.shown is None
    assert not fields.is_available
    queue.work()
    assert fields.shown is None
    fields.checkpoint.load(info("sdit"))
    assert not fields.is_available
    fields.checkpoint.load(model)
    queue.work()
    assert fields.shown.neuron == 7


def test_a_job_of_a_model_that_was_left_shows_nothing(run, queue):
    model = info()
    fields = made(run, queue, model)
    start(run, model)
    run.hover(7)
    fields.checkpoint.load(info("sdit"))
    queue.work()
    assert fields.shown is None


def test_a_network_without_the_layer_is_said_and_not_asked_again(run, queue):
    model = info()
    stranger = replace(model.layers[0], id="conv")
    model = replace(model, layers=(stranger,))
    fields = made(run, queue, model)
    start(run, model)
    run.hover(3)
    queue.work()
    assert fields.shown is None
    assert "no spiking layer 'conv'" in fields.failure
    done = queue.num_done
    run.hover(None)
    run.hover(3)
    queue.work()
    assert queue.num_done == done
    assert fields.failure


@pytest.mark.parametrize("architecture", SIZES)
def test_the_neuron_of_a_pixel_is_in_the_watched_channel(run, queue, architecture):
    model = info(architecture)
    fields = made(run, queue, model)
    start(run, model)
    assert fields.neuron_at(0.5, 0.5) is None  # not known yet
    queue.work()
    layer = run.layer(run.selection.layer)
    per_channel = layer.shape[-1] * layer.shape[-2] if len(layer.shape) == 3 else 1
    first = fields.neuron_at(0.0, 0.0)
    assert first == (0 if len(layer.shape) == 3 else layer.shape[1])
    run.select(neurons=(3 * per_channel,))
    moved = fields.neuron_at(0.0, 0.0)
    assert moved - first == 3 * per_channel
    run.hover(fields.neuron_at(0.6, 0.3))
    queue.work()
    shown = fields.shown
    left, top, width, height = shown.part(shown.field.input, shown.field.input_space)
    assert top <= 0.6 < top + height
    assert left <= 0.3 < left + width


def test_words_name_rows_columns_and_what_they_lie_on(run, queue):
    model = info()
    fields = made(run, queue, model)
    start(run, model)
    run.select(layer="neuron", neurons=(5 * 16 + 7,))
    queue.work()
    assert fields.shown.field.input == Box(4, 6, 7, 9)
    assert fields.shown.text.startswith(
        "Receptive field of neuron 87: rows 4–6, columns 6–8; acts on "
    )
    assert fields.shown.text.endswith("; exact")
    run.select(layer="middleblocks.0.neuron2", neurons=(0,))
    queue.work()
    assert "the whole image" in fields.shown.text


def test_words_say_when_a_box_is_in_tokens(run, queue):
    model = info("spiking-diffusion")
    fields = made(run, queue, model)
    start(run, model, tokens=True)
    run.select(layer="sdid.conv1.2", neurons=(0,))
    queue.work()
    text = fields.shown.text
    assert text.count("of the token map") + text.count("the whole token map") == 2
    left, top, width, height = fields.shown.part(Box(1, 2, 3, 4), "tokens")
    assert (left, top, width, height) == (2 / 6, 1 / 6, 2 / 6, 2 / 6)


def test_words_of_a_transformer_promise_no_receptive_field(run, queue):
    model = info("sdit")
    fields = made(run, queue, model)
    start(run, model)
    run.select(neurons=(20 * 6 + 3,))
    queue.work()
    assert fields.shown.text.startswith("Neuron 123: rows 2–3, columns 2–3: position of the token")
    run.select(neurons=(3,))
    queue.work()
    assert fields.shown.text == ("Neuron 3: token for time and class: it has no place in the image")
