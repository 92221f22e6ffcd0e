"""The same request gives the same pixels, whatever the batch, the threads and the front end.

Runs are compared by their pixels and tokens. That alone would hide most differences, because a spike
swallows what does not carry a potential across the threshold; so the output of every layer is compared
as well.
"""

import queue
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spikestudio.checkpoints.loader import LoadedModel, load
from spikestudio.neurons.nodes import IFNode, LIFNode, set_threshold
from spikestudio.sampling.events import Finished
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.result import RunResult
from spikestudio.sampling.run import SamplingRun
from spikestudio.sampling.worker import Worker
from tests.tiny import run_to_end, save_tiny, tiny_model, tiny_request

# Odd sizes on purpose: with widths that are multiples of 32 many differences never show.
MODELS = {
    "sddpm": ("sddpm", {}),
    "sddpm-wide": ("sddpm", {"base_channels": 32, "channel_mult": (1, 2, 4)}),
    "sddpm-odd": ("sddpm", {"base_channels": 10, "image_size": 12}),
    "tsm": ("sddpm", {"tsm": True}),
    "spiking-diffusion": ("spiking-diffusion", {}),
    "paper-tokens": ("spiking-diffusion", {"token_embedding": 0, "image_size": 16}),
    "sdit": ("sdit", {}),
    "sdit-wide": ("sdit", {"width": 96, "patch_size": 4, "image_channels": 3}),
}
RUNS = [
    ("sddpm", {}),
    ("sddpm", {"sampler": "ancestral", "threshold": 0.95, "snn_steps": 5}),
    ("sddpm-odd", {"snn_steps": 1}),
    ("tsm", {"sampler": "ancestral", "threshold": 1.05}),
    ("spiking-diffusion", {}),
    ("spiking-diffusion", {"threshold": 0.9, "snn_steps": 7, "temperature": 1.5}),
    ("paper-tokens", {"snn_steps": 1}),
    ("sdit", {"guidance": 2.0}),
    ("sdit", {"sampler": "ancestral", "threshold": 1.1, "snn_steps": 6}),
    ("sdit-wide", {"class_label": 3}),
]
LAYERS = [  # and the number of SNN steps
    ("sddpm", 1),
    ("sddpm", 7),
    ("sddpm-wide", 3),
    ("sddpm-odd", 3),
    ("tsm", 3),
    ("spiking-diffusion", 7),
    ("paper-tokens", 1),
    ("paper-tokens", 16),
    ("sdit", 4),
    ("sdit-wide", 1),
]
over_runs = pytest.mark.parametrize(("name", "changes"), RUNS)


def make(name: str) -> LoadedModel:
    architecture, config = MODELS[name]
    return tiny_model(architecture, **config)


@pytest.fixture
def threads() -> Iterator[Any]:
    """Setter of the number of threads."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def inputs(model: LoadedModel, num: int) -> tuple[Tensor, ...]:
    config: Any = model.network.config
    generator = torch.Generator().manual_seed(1)
    if model.is_token_model:
        shape = (num, config.grid_size, config.grid_size)
        return (torch.randint(config.codebook_size, shape, generator=generator),)
    shape = (num, config.image_channels, config.image_size, config.image_size)
    x = torch.randn(shape, generator=generator)
    if model.num_classes is None:
        return (x,)
    return x, torch.randint(model.num_classes + 1, (num,), generator=generator)


def layer_outputs(model: LoadedModel, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Output of every layer without children, and of the network, the batch as the first axis."""
    # one image is evaluated as two, or always as many
    num_rows = model.chunk if model.card.architecture == "sdit" else max(2, len(batch[0]))
    seen: dict[str, Tensor] = {}

    def batch_first(layer: nn.Module, output: Tensor) -> Tensor:
        if isinstance(layer, IFNode | LIFNode):  # [T, B, ...]
            return output.transpose(0, 1)
        if output.shape[0] in (1, num_rows):  # 1: what depends on the time alone
            return output.expand(num_rows, *output.shape[1:])
        snn_steps = model.network.num_snn_steps
        return output.unflatten(0, (snn_steps, num_rows)).transpose(0, 1)  # of [T*B, ...]

    def keep(name: str) -> Any:
        def hook(layer: nn.Module, _: Any, output: Tensor) -> None:
            seen[name] = batch_first(layer, output.clone())

        return hook

    handles = [
        module.register_forward_hook(keep(name))
        for name, module in model.network.named_modules()
        if not any(module.children())
    ]
    x, *labels = batch
    output = model.predict(x, 5, *labels)
    if model.is_token_model:
        seen["decoded"] = model.decode(x)
    for handle in handles:
        handle.remove()
    return seen | {"output": output if isinstance(output, Tensor) else torch.cat(output, 1)}


@pytest.mark.parametrize(("name", "snn_steps"), LAYERS)
def test_every_layer_gives_an_image_the_same_bits(name, snn_steps, threads):
    model = make(name)
    model.network.set_snn_steps(snn_steps)
    set_threshold(model.network, 0.97)
    num = 5
    batch = inputs(model, num)
    threads(1)
    alone = [layer_outputs(model, tuple(each[k : k + 1] for each in batch)) for k in range(num)]
    different = set()
    for num_threads, size in [(1, 3), (1, 4), (1, 5), (2, 1), (2, 5)]:
        threads(num_threads)
        together = layer_outputs(model, tuple(each[:size] for each in batch))
        assert together.keys() == alone[0].keys()
        different |= {
            (layer, size, num_threads)
            for layer, output in together.items()
            for k in range(size)
            if not torch.equal(output[k], alone[k][layer][0])
        }
    assert sorted(different) == []


def assert_same_image(result: RunResult, k: int, other: RunResult, j: int) -> None:
    assert np.array_equal(result.images[k], other.images[j])
    if result.tokens is not None:
        assert np.array_equal(result.tokens[k], other.tokens[j])
    if result.labels is not None:
        assert result.labels[k] == other.labels[j]


@over_runs
def test_an_image_alone_is_the_one_in_a_batch(name, changes):
    model = make(name)
    batch = run_to_end(model, num=16, seed=9, **changes)
    for k in (0, 7, 15):
        alone = run_to_end(model, num=1, first_image=k, seed=9, **changes)
        assert_same_image(alone, 0, batch, k)
    part = run_to_end(model, num=5, first_image=6, seed=9, **changes)
    for k in range(5):
        assert_same_image(part, k, batch, 6 + k)


@pytest.mark.parametrize("name", ["sddpm", "spiking-diffusion", "sdit"])
@pytest.mark.parametrize("num", [33, 67])
def test_a_batch_in_chunks_is_the_same_images(name, num):
    model = make(name)
    changes = {"guidance": 3.0} if name == "sdit" else {}
    large = run_to_end(model, num=num, steps=2, **changes)
    small = run_to_end(model, num=7, steps=2, **changes)
    last = run_to_end(model, num=3, first_image=num - 3, steps=2, **changes)
    for k in range(7):
        assert_same_image(large, k, small, k)
    for k in range(3):
        assert_same_image(large, num - 3 + k, last, k)


@over_runs
def test_one_thread_and_two_give_the_same(name, changes, threads):
    model = make(name)
    results = []
    for num_threads in (1, 2):
        threads(num_threads)
        results.append(run_to_end(model, num=6, **changes))
        assert results[-1].num_threads == num_threads
    for k in range(6):
        assert_same_image(results[0], k, results[1], k)


@over_runs
def test_the_same_request_again(name, changes):
    model = make(name)
    first = run_to_end(model, **changes)
    run_to_end(model, seed=77)
    again = run_to_end(model, **changes)
    fresh = run_to_end(make(name), **changes)
    for result in (again, fresh):
        for k in range(2):
            assert_same_image(first, k, result, k)


@pytest.mark.parametrize("name", ["sddpm", "spiking-diffusion", "sdit"])
def test_the_worker_gives_what_direct_iteration_gives(name, tmp_path):
    model = make(name)
    request = tiny_request(model, num=3, seed=4, threshold=0.98)
    events: queue.Queue[Any] = queue.Queue()
    worker = Worker(events.put)
    worker.load(save_tiny(tmp_path / "tiny.safetensors", MODELS[name][0]))
    worker.sample(request)
    event = None
    while not isinstance(event, Finished):
        event = events.get(timeout=30)
    worker.close()
    direct = run_to_end(model, num=3, seed=4, threshold=0.98)
    for k in range(3):
        assert_same_image(event.result, k, direct, k)


BUNDLED = ["sddpm-mnist", "spiking-diffusion-mnist", "sdit-mnist"]


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_models_give_the_same_bits_alone_in_a_batch_and_on_one_thread(name, threads):
    model = load(name)
    request = {**model.defaults(), "steps": 4, "seed": 3}

    def images(**changes: Any) -> Any:
        run = SamplingRun(model, SamplingRequest(**{**request, **changes}))
        list(run)
        return run.result.images

    threads(2)
    batch = images(num=16)
    assert np.array_equal(images(num=1, first_image=5)[0], batch[5])
    threads(1)
    assert np.array_equal(images(num=16), batch)
