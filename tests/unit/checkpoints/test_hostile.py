"""Files that nobody would write: whatever they hold, one sentence says what is wrong with them.

tests/benchmarks/test_fuzz_checkpoints.py does the same by the thousand and reports what it cost.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.checkpoints import tiny
from tests.unit.checkpoints.fuzzing import (
    BOUND,
    MAKERS,
    Watch,
    case_folder,
    copy,
    corpus,
    has_valid_header,
    measured,
    open_it,
    remove_corpus,
)
from tests.unit.checkpoints.official_files import CONFIGS, make_network

FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
)


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    watch = Watch()
    for path in corpus().values():
        measured(path, watch)  # what is imported and cached once
    watch.events.clear()
    yield watch
    remove_corpus()


@pytest.mark.parametrize("kind", MAKERS)
def test_a_changed_file_is_opened_or_refused(watch: Watch, kind: str) -> None:
    for seed in range(60):
        path = MAKERS[kind][0](random.Random(seed))
        seconds, taken = measured(path, watch)
        assert not watch.events, seed
        assert seconds < 10, seed
        assert taken is None or taken < BOUND, seed


def test_half_of_the_changed_files_keep_a_valid_header(watch: Watch) -> None:
    makers = [maker for maker, share in MAKERS.values() for _ in range(share)]
    dice = random.Random(1)
    valid = sum(has_valid_header(dice.choice(makers)(dice)) for _ in range(200))
    assert valid >= 90  # about 105


LARGEST: dict[str, dict[str, Any]] = {
    "sddpm": {
        **{"base_channels": 1000, "num_train_timesteps": 4000, "channel_mult": [16] * 6},
        **{"num_res_blocks": 6, "image_size": 256},
    },
    "spiking-diffusion": {
        **{"denoiser_widths": [4096] * 16, "code_dim": 512, "encoder_widths": [1024] * 5},
        **{"image_size": 256},
    },
    "sdit": {
        **{"width": 4096, "depth": 64, "image_size": 256, "patch_size": 1, "num_classes": 10_000}
    },
}


@pytest.mark.parametrize("architecture", LARGEST)
def test_the_largest_network_that_a_card_may_name_takes_little(
    watch: Watch, architecture: str
) -> None:
    path = copy((f"ours {architecture}", False))
    header, tensors = tiny.split(path)
    card = json.loads(header["__metadata__"]["spikestudio"])
    card["config"] |= LARGEST[architecture]
    header["__metadata__"]["spikestudio"] = json.dumps(card)
    tiny.join(path, header, tensors)
    assert has_valid_header(path)
    _, taken = measured(path, watch)
    assert taken is None or taken < BOUND


scalars = st.one_of(
    *(st.none(), st.booleans(), st.floats(), st.text(max_size=5)),
    st.integers(-(2**70), 2**70),
)
shapes = st.lists(st.integers(0, 4), max_size=4)
tensors = st.builds(
    lambda shape, dtype, strided: (
        torch.zeros(shape, dtype=dtype).mT
        if strided and len(shape) > 1
        else torch.ones((), dtype=dtype).expand(shape)
    ),
    shapes,
    st.sampled_from([torch.float32, torch.float16, torch.int64, torch.bool, torch.float64]),
    st.booleans(),
)
values = st.recursive(
    st.one_of(scalars, tensors),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def names_of(kind: str) -> list[str]:
    network: Any = make_network(kind)
    if kind == "spiking-diffusion":
        return [*network.vqsvae.state_dict(), *network.sdid.state_dict()]
    return list(network.state_dict())


names = st.one_of(
    st.sampled_from([name for kind in CONFIGS for name in names_of(kind)[::5]]),
    st.from_regex(r"(module\.)?(downblocks|in_blocks|conv|encoder\.snn_convs)\.?[0-9]{1,4}\.x"),
    st.text(max_size=8),
)


@pytest.mark.usefixtures("watch")
@FUZZ
@given(
    states=st.lists(st.dictionaries(names, values, max_size=12), min_size=1, max_size=2),
    part=st.sampled_from(["net_model", "ema_model", "model", "state_dict", ""]),
    extras=st.dictionaries(st.sampled_from(["x_T", "step", "args", "net_model", "?"]), values),
    old=st.booleans(),
)
def test_sound_files_may_hold_anything(
    states: list[dict[str, Any]], part: str, extras: dict[str, Any], old: bool
) -> None:
    folder = case_folder()
    for name, state in zip(("model.pth", "diff_model.pth"), states, strict=False):
        contents = extras | ({part: state} if part else state)
        torch.save(contents, folder / name, _use_new_zipfile_serialization=not old)
    open_it(folder / "model.pth")
    shutil.rmtree(folder)
