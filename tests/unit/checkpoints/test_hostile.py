"""Files that nobody would write: whatever they hold, one sentence says what is wrong with them."""

from __future__ import annotations

import json
import os
import random
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikestudio.checkpoints.building import checked_tensors, examine
from spikestudio.checkpoints.contents import open_checkpoint
from spikestudio.checkpoints.loader import load
from spikestudio.errors import CheckpointError, ConfigError
from tests.unit.checkpoints import tiny
from tests.unit.checkpoints.hostile import read_pickle, with_pickle
from tests.unit.checkpoints.official_files import CONFIGS, make_network, write

CASES = int(os.environ.get("SPIKESTUDIO_FUZZ_CASES", "60"))
"""Cases of each kind; there are four kinds, of which three keep a valid header."""
MAX_GROWTH = 200_000  # kB beyond what reading the unharmed files takes
FORMATS = [*((kind, old) for kind in CONFIGS for old in (False, True)), ("ours", False)]
FUZZ = settings(
    max_examples=CASES,
    deadline=None,
    derandomize=CASES < 1000,
    suppress_health_check=list(HealthCheck),
    database=None,
)


@cache
def corpus() -> dict[tuple[str, bool], Path]:
    """One good file of every format; they are not changed."""
    folder = Path(mkdtemp(prefix="hostile"))
    files = {
        (kind, old): write(folder / f"{kind}{old}", kind, make_network(kind), old=old)
        for kind, old in FORMATS
        if kind != "ours"
    }
    files["ours", False] = folder / "ours.safetensors"
    tiny.save(files["ours", False], "sddpm")
    return files


@pytest.fixture(scope="module", autouse=True)
def peak() -> Any:
    """Fail if the tests of this module needed much memory; clean up."""
    resource = pytest.importorskip("resource")
    for path in corpus().values():
        load(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    shutil.rmtree(next(iter(corpus().values())).parents[1])
    corpus.cache_clear()
    assert grown < MAX_GROWTH


def copy(form: tuple[str, bool]) -> Path:
    """Copy a good file, with its other half, to be changed."""
    original = corpus()[form]
    folder = original.parents[1] / "case" if form[0] != "ours" else original.parent / "case"
    shutil.rmtree(folder, ignore_errors=True)
    if form[0] == "ours":
        folder.mkdir()
        return Path(shutil.copy(original, folder))
    shutil.copytree(original.parent, folder)
    return folder / original.name


def open_it(path: Path) -> None:
    """Do everything that is done with a file; it works or is refused in one sentence of ours."""
    try:
        contents = open_checkpoint(path)
        examine(contents).rows()
        checked_tensors(contents)
    except (CheckpointError, ConfigError) as error:
        message = str(error)
        assert message.isprintable()
        assert message.endswith(".")
        assert len(message) < 1000


forms = st.sampled_from(FORMATS)
seeds = st.integers(0, 2**32)


def mutate(data: bytes, dice: random.Random) -> bytes:
    """Change a few bytes, numbers or stretches."""
    result = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 5, 20])):
        at = dice.randrange(len(result) + 1)
        length = dice.choice([1, 2, 4, 8, 50])
        match dice.randrange(6):
            case 0:
                result[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                result[at : at + length] = dice.choice([b"\0", b"\xff", b"\x7f"]) * length
            case 2:
                del result[at : at + length]
            case 3:
                result[at:at] = dice.randbytes(length)
            case 4:
                source = dice.randrange(len(result) + 1)
                result[at:at] = result[source : source + length]
            case 5 if dice.random() < 0.1:
                del result[at:]
    return bytes(result)


@FUZZ
@given(form=forms, seed=seeds)
def test_any_bytes_may_change(form: tuple[str, bool], seed: int) -> None:
    path = copy(form)
    path.write_bytes(mutate(path.read_bytes(), random.Random(seed)))
    open_it(path)


@FUZZ
@given(form=forms.filter(lambda form: not form[1]), seed=seeds)
def test_the_table_of_tensors_may_change_in_a_sound_archive(
    form: tuple[str, bool], seed: int
) -> None:
    path, dice = copy(form), random.Random(seed)
    if form[0] == "ours":
        header, tensors = tiny.split(path)
        tiny.join(path, mutate(json.dumps(header).encode(), dice), tensors)
    else:
        with_pickle(path, mutate(read_pickle(path), dice))
    open_it(path)


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
    folder = corpus()["ours", False].parent / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, state in zip(("model.pth", "diff_model.pth"), states, strict=False):
        contents = extras | ({part: state} if part else state)
        torch.save(contents, folder / name, _use_new_zipfile_serialization=not old)
    open_it(folder / "model.pth")


def resized(state: dict[str, Any], seed: int) -> dict[str, Any]:
    """Leave out some tensors and give others another shape, type or value."""
    dice = random.Random(seed)
    result = {}
    for name, value in state.items():
        changes = [
            value.flatten(),
            value[None],
            torch.zeros([dice.choice([0, 1, 3, 9])] * value.ndim),
            value.double(),
            value * torch.nan,
        ]
        chance = dice.random()
        if chance < 0.96:
            result[name] = value
        elif chance < 0.99:
            result[name if chance < 0.98 else f"{name}x"] = dice.choice(changes)
    return result


@FUZZ
@given(kind=st.sampled_from(sorted(CONFIGS)), seed=seeds, bare=st.booleans())
def test_networks_may_be_of_any_sizes(kind: str, seed: int, bare: bool) -> None:
    folder = corpus()["ours", False].parent / "case"
    shutil.rmtree(folder, ignore_errors=True)
    path = write(
        *(folder, kind, make_network(kind)), change=lambda state: resized(state, seed), bare=bare
    )
    open_it(path)
