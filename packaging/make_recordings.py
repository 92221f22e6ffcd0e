"""Make the recordings that come with the bundled checkpoints: one short run of each.

    .venv/bin/python packaging/make_recordings.py [NAME ...]

Writes resources/recordings/NAME.h5. To be done again whenever a bundled checkpoint is replaced or the
format of recordings changes; a test says when that is.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import spikestudio as ss
from spikestudio import paths
from spikestudio.sampling.events import Finished
from spikestudio.sampling.run import run_layers

SEED = 7
MAX_BYTES = 3 * 2**20
NUM_WATCHED = 8


class Plan(NamedTuple):
    """What is recorded of a model; its own defaults say the rest. ``watch`` is one of ``layers``."""

    num: int
    layers: tuple[str, ...]
    watch: str


PLANS = {
    "sddpm-mnist": Plan(
        4,
        (
            "neuron",
            "downblocks.2.neuron1",
            "middleblocks.0.neuron1",
            "upblocks.2.neuron",
            "upblocks.7.neuron2",
        ),
        "middleblocks.0.neuron1",
    ),
    "sdit-mnist": Plan(
        4,
        tuple(
            f"{block}.lif{k}"
            for block in ("in_blocks.0", "in_blocks.1", "mid_block", "out_blocks.0", "out_blocks.1")
            for k in (1, 2)
        ),
        "mid_block.lif1",
    ),
    "spiking-diffusion-mnist": Plan(
        2,
        (
            "sdid.conv1.2",
            "sdid.conv3.2",
            "sdid.conv5.2",
            "vqsvae.vq_layer.poisson.2",
            "vqsvae.decoder.snn_convs.2",
        ),
        "sdid.conv3.2",
    ),
}


def make(name: str) -> None:
    """Sample a bundled model once more and keep the recording."""
    plan, model = PLANS[name], ss.load(name)
    neurons = next(layer.num_neurons for layer in run_layers(model) if layer.id == plan.watch)
    path = paths.bundled_recordings() / f"{name}.h5"
    path.parent.mkdir(exist_ok=True)
    record = ss.Record(
        path=path,
        layers=plan.layers,
        watch=[(plan.watch, k * neurons // NUM_WATCHED) for k in range(NUM_WATCHED)],
    )
    run = ss.sample(model, num=plan.num, seed=SEED, record=record)
    *_, last = run
    if not isinstance(last, Finished) or run.recorder.file_error:
        sys.exit(f"{name}: {run.recorder.file_error or last}")
    size = path.stat().st_size
    if size > MAX_BYTES:
        sys.exit(f"{path} has {size / 2**20:.2f} MiB, which is too much: record less of it.")
    sys.stdout.write(f"{path}: {size / 2**20:.2f} MiB\n")


if __name__ == "__main__":
    for each in sys.argv[1:] or PLANS:
        make(each)
