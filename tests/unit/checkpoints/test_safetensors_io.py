from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from spikestudio.checkpoints.safetensors_io import (
    MAX_HEADER_BYTES,
    hash_tensors,
    read_card,
    read_header,
    read_tensors,
    save,
)
from spikestudio.errors import CheckpointError, ExportError, UnknownFormatError
from tests.unit.checkpoints import tiny


def test_what_is_saved_is_read_back_exactly(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "model.safetensors"
    network = tiny.make_network(architecture)
    card = save(path, network.state_dict(), tiny.make_card(architecture))
    header = read_header(path)
    assert header.card == card == read_card(path)
    read = read_tensors(header)
    assert read.keys() == network.state_dict().keys()
    assert all(torch.equal(read[name], value) for name, value in network.state_dict().items())
    assert header.num_parameters == sum(value.numel() for value in read.values())


def test_any_reader_of_the_format_can_open_it(checkpoint: Path) -> None:
    assert load_file(checkpoint).keys() == tiny.make_network("sddpm").state_dict().keys()


def test_the_header_is_read_without_reading_the_tensors(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    tensors = {"aux.table": torch.zeros(20_000_000), **tiny.make_network("sddpm").state_dict()}
    save(path, tensors, tiny.make_card("sddpm"))
    read_header(path)  # imports what it needs
    tracemalloc.start()
    try:
        header = read_header(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert header.size_bytes > 80_000_000
    assert header.tensors["aux.table"].shape == (20_000_000,)
    assert peak < 1_000_000


def test_the_hash_is_the_documented_one() -> None:
    line = b'["a","F32",[2]]\n'
    data = bytes(range(8))
    assert hash_tensors([("a", "F32", (2,), data)]) == hashlib.sha256(line + data).hexdigest()


def test_the_hash_depends_on_every_part_and_not_on_order() -> None:
    a, b = ("a", "F32", (1,), b"1234"), ("b", "F32", (1,), b"5678")
    reference = hash_tensors([a, b])
    assert hash_tensors([b, a]) == reference
    assert hash_tensors([a, b, ("aux.c", "F32", (1,), b"....")]) == reference
    others = [
        [("c", "F32", (1,), b"1234"), b],
        [("a", "I32", (1,), b"1234"), b],
        [("a", "F32", (1, 1), b"1234"), b],
        [("a", "F32", (1,), b"1235"), b],
        [a],
    ]
    assert len({reference, *map(hash_tensors, others)}) == len(others) + 1


def test_every_type_of_tensor_survives(tmp_path: Path) -> None:
    path = tmp_path / "types.safetensors"
    tensors = {
        "half": torch.tensor([1.5, -2.0]).half(),
        "brain": torch.tensor([1.5]).bfloat16(),
        "double": torch.tensor([[1.5]]).double(),
        "count": torch.tensor(7),
        "flag": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
        "strided": torch.arange(6.0).reshape(2, 3).T,
    }
    save(path, tensors, tiny.make_card("sddpm"))
    read = read_tensors(read_header(path))
    for name, value in tensors.items():
        assert read[name].dtype == value.dtype
        assert torch.equal(read[name], value)


def test_one_flipped_bit_is_noticed(checkpoint: Path) -> None:
    data = bytearray(checkpoint.read_bytes())
    data[-3] ^= 1
    checkpoint.write_bytes(data)
    with pytest.raises(CheckpointError, match="SHA-256"):
        read_tensors(read_header(checkpoint))


def test_a_file_that_changes_in_between_is_noticed(checkpoint: Path) -> None:
    header = read_header(checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes() + b"more")
    with pytest.raises(CheckpointError, match="changed"):
        read_tensors(header)
    checkpoint.unlink()
    with pytest.raises(CheckpointError, match="Cannot read"):
        read_tensors(header)


def test_a_failed_save_leaves_the_old_file(checkpoint: Path) -> None:
    before = checkpoint.read_bytes()
    with pytest.raises(CheckpointError, match="defaults"):
        save(checkpoint, {"a": torch.zeros(1)}, tiny.make_card("sddpm", defaults={"steps": 0}))
    with pytest.raises(ExportError, match="does not exist"):
        save(checkpoint.parent / "no" / "x.safetensors", {}, tiny.make_card("sddpm"))
    assert checkpoint.read_bytes() == before
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def broken(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        header, tensors = tiny.split(path)
        change(header)
        tiny.join(path, header, tensors)

    return apply


def set_entry(**changes: object) -> Callable[[Path], None]:
    return broken(lambda header: header["conv.bias"].update(changes))


BREAKAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "one byte": lambda path: path.write_bytes(b"x"),
    "seven bytes": lambda path: path.write_bytes(b"1234567"),
    "random": lambda path: path.write_bytes(random.Random(0).randbytes(5000)),
    "zeros": lambda path: path.write_bytes(bytes(5000)),
    "text": lambda path: path.write_text("<html>404 not found</html>" * 10),
    "header cut": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "tensors cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "tensors missing": lambda path: tiny.join(path, tiny.split(path)[0], b""),
    "bytes too many": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "huge header size": lambda path: path.write_bytes(b"\xff" * 7 + b"\x7f" + b"{}"),
    "header over the limit": lambda path: path.write_bytes(
        (MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b" " * (MAX_HEADER_BYTES + 1)
    ),
    "header no JSON": lambda path: tiny.join(path, b"{]", b""),
    "header a list": lambda path: tiny.join(path, [], b""),
    "header deep": lambda path: tiny.join(path, b"[" * 100_000, b""),
    "header twice the same name": lambda path: tiny.join(path, b'{"a":{},"a":{}}', b""),
    "no metadata": broken(lambda header: header.pop("__metadata__")),
    "metadata a list": broken(lambda header: header.update({"__metadata__": []})),
    "no card": broken(lambda header: header["__metadata__"].clear()),
    "card no text": broken(lambda header: header["__metadata__"].update(spikestudio=3)),
    "card half a surrogate": broken(
        lambda header: header["__metadata__"].update(spikestudio="\ud800")
    ),
    "entry a number": broken(lambda header: header.update({"conv.bias": 3})),
    "entry with more": set_entry(code="import os"),
    "unknown type": set_entry(dtype="F8_E4M3"),
    "negative shape": set_entry(shape=[-4]),
    "huge shape": set_entry(shape=[2**62, 2**62]),
    "fractional shape": set_entry(shape=[4.0]),
    "many axes": set_entry(shape=[1] * 9 + [4]),
    "offsets beyond the end": set_entry(data_offsets=[0, 2**40]),
    "offsets backwards": set_entry(data_offsets=[16, 0]),
    "negative offsets": set_entry(data_offsets=[-16, 0]),
    "overlap": set_entry(data_offsets=[4, 20]),
    "odd name": broken(lambda header: header.update({"a b\x1b": header.pop("conv.bias")})),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_file_is_refused_in_one_sentence(checkpoint: Path, breakage: str) -> None:
    BREAKAGES[breakage](checkpoint)
    with pytest.raises(UnknownFormatError) as caught:
        read_header(checkpoint)
    message = str(caught.value)
    assert str(checkpoint) in message
    assert message.isprintable()
    assert message.endswith(".")
    assert len(message) < 500


def test_any_cut_and_any_flipped_byte_gives_an_error_of_ours_or_the_same_model(
    checkpoint: Path,
) -> None:
    whole = checkpoint.read_bytes()
    header_end = 8 + int.from_bytes(whole[:8], "little")
    card = read_card(checkpoint)
    dice = random.Random(0)
    for _ in range(300):
        data = bytearray(whole)
        data[dice.randrange(header_end)] = dice.randrange(256)
        checkpoint.write_bytes(data[: dice.choice([len(data), dice.randrange(len(data))])])
        with contextlib.suppress(CheckpointError):
            header = read_header(checkpoint)
            read_tensors(header)
            assert header.card.tensors_sha256 == card.tensors_sha256


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "unreadable"])
def test_what_is_no_readable_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.safetensors"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no pipes in the file system here")
        os.mkfifo(path)
    elif kind == "unreadable":
        if not hasattr(os, "geteuid") or os.geteuid() == 0:
            path = tmp_path / ("x" * 300)  # root may read anything, but not this name
        else:
            path.write_bytes(b"x")
            path.chmod(0)
    with pytest.raises(CheckpointError, match="Cannot"):
        read_header(path)


def test_a_card_may_not_be_endless(checkpoint: Path) -> None:
    header, tensors = tiny.split(checkpoint)
    card = json.loads(header["__metadata__"]["spikestudio"])
    card["training"] = {f"note_{i}": "x" * 250 for i in range(2000)}
    header["__metadata__"]["spikestudio"] = json.dumps(card)
    tiny.join(checkpoint, header, tensors)
    with pytest.raises(CheckpointError, match="bytes long"):
        read_header(checkpoint)
