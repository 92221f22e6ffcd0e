"""Random streams: what they depend on, and what they must not depend on."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikestudio.seeds import ImageStreams, derive_seed

seeds = st.integers(0, 2**63 - 1)


@given(seeds, st.integers(0, 2**31))
def test_a_derived_seed_fits_what_torch_takes(seed, number):
    assert 0 <= derive_seed(seed, "image", number) < 2**63


def test_a_derived_seed_is_the_same_everywhere():
    # The number itself: exported files name it, so it must never change.
    assert derive_seed(0, "image", 0) == 8004361681402502795


def test_a_derived_seed_depends_on_every_part():
    variants = [
        derive_seed(seed, purpose, number)
        for seed in range(5)
        for purpose in ("image", "weights")
        for number in range(5)
    ]
    assert len(set(variants)) == len(variants)


@pytest.mark.parametrize("draw", ["normal", "uniform", "labels"])
def test_a_stream_belongs_to_its_image_not_to_the_batch(draw):
    def three_draws(num, first):
        streams = ImageStreams(5, num, first)
        calls = {
            "normal": lambda: streams.normal(2, 3),
            "uniform": lambda: streams.uniform(2, 3),
            "labels": lambda: streams.labels(1000),
        }
        return torch.stack([calls[draw]() for _ in range(3)], dim=1)

    together = three_draws(16, 0)
    for k in (0, 7, 15):
        assert torch.equal(three_draws(1, k)[0], together[k])
    assert torch.equal(three_draws(4, 9), together[9:13])
    assert len({tuple(image.flatten().tolist()) for image in together}) == 16


def test_draws_have_the_shapes_and_ranges_asked_for():
    streams = ImageStreams(1, 200)
    normal, uniform, labels = streams.normal(2, 5), streams.uniform(4), streams.labels(10)
    assert normal.shape == (200, 2, 5)
    assert normal.dtype == torch.float32
    assert abs(float(normal.mean())) < 0.1
    assert 0.9 < float(normal.std()) < 1.1
    assert uniform.shape == (200, 4)
    assert float(uniform.min()) >= 0
    assert float(uniform.max()) < 1
    assert labels.shape == (200,)
    assert labels.dtype == torch.int64
    assert set(labels.tolist()) == set(range(10))


def test_streams_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    ImageStreams(1, 2).normal(3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_another_seed_gives_other_streams():
    assert not torch.equal(ImageStreams(1, 4).normal(8), ImageStreams(2, 4).normal(8))


def test_the_module_is_imported_without_torch():
    code = (
        "import sys; from spikestudio.seeds import derive_seed; derive_seed(1, 'a'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
