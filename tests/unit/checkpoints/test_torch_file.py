from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spikestudio.checkpoints.pickle_io import MAX_BYTES
from spikestudio.checkpoints.torch_file import is_torch_file, read_tensors, read_torch_file
from spikestudio.errors import CheckpointError, UnknownFormatError
from tests.unit.checkpoints.hostile import read_pickle, with_pickle

TENSORS = {
    "plain": torch.arange(6.0).view(2, 3),
    "transposed": torch.arange(12.0).view(3, 4).t(),
    "channels last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
    "slice": torch.arange(100)[10:20:3],
    "scalar": torch.tensor(0.5),
    "empty": torch.zeros(0, 3),
    "parameter": torch.nn.Parameter(torch.ones(2)),
    **{
        str(dtype): torch.ones(3).to(dtype)
        for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.bool, torch.uint8)
    },
    **{str(dtype): torch.arange(3).to(dtype) for dtype in (torch.int8, torch.int16, torch.int32)},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "x.pt"
    torch.save({"w": torch.zeros(1000), "v": torch.ones(5)}, path)
    return path


@pytest.mark.parametrize("old", [False, True])
def test_tensors_are_those_that_torch_reads(tmp_path: Path, old: bool) -> None:
    path = tmp_path / "x.pt"
    torch.save(TENSORS | {"step": 3}, path, _use_new_zipfile_serialization=not old)
    assert is_torch_file(path)
    file = read_torch_file(path)
    assert file.contents.pop("step") == 3
    read = read_tensors(file, file.contents)
    expected = torch.load(path, weights_only=True)
    for name in TENSORS:
        assert read[name].dtype == expected[name].dtype
        assert torch.equal(read[name], expected[name])
        assert read[name].is_contiguous()


def test_reading_the_table_takes_no_memory_for_the_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"w": torch.zeros(10_000_000)}, path)
    read_torch_file(path)
    tracemalloc.start()
    try:
        file = read_torch_file(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.contents["w"].shape == (10_000_000,)
    assert peak < 4_000_000


def replaced(old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        data = read_pickle(path)
        assert old in data
        with_pickle(path, data.replace(old, new))

    return change


def compressed(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def member(suffix: str, data: bytes | None) -> Callable[[Path], None]:
    """Replace a member, or leave it out."""

    def change(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                if not name.endswith(suffix):
                    archive.writestr(name, content)
                elif data is not None:
                    archive.writestr(name, data)

    return change


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"data/0") + 500] ^= 1  # among the numbers
    path.write_bytes(data)


def second_pickle(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/data.pkl", b"\x80\x02}.")


_1000 = b"M\xe8\x03"
_2E9 = b"J\x00\x00\x00\x77"
HOSTILE: dict[str, Callable[[Path], object]] = {
    "huge storage and tensor": replaced(_1000, _2E9),
    "huge tensor": replaced(_1000 + b"\x85", _2E9 + b"\x85"),
    "stride 0": lambda path: (
        replaced(_1000 + b"\x85", _2E9 + b"\x85")(path),
        replaced(b"K\x01\x85", b"K\x00\x85")(path),
    ),
    "offset outside": replaced(b"QK\x00" + _1000, b"QK\x07" + _1000),
    "negative size": replaced(_1000 + b"\x85", b"J\xff\xff\xff\xff\x85"),
    "size a text": replaced(_1000 + b"\x85", b"U\x01x\x85"),
    "another kind of storage": replaced(b"FloatStorage", b"ComplexFloatStorage"),
    "compressed": compressed,
    "numbers missing": member("data/0", None),
    "numbers cut": member("data/0", b"1234"),
    "largest byte first": member("byteorder", b"big"),
    "no pickle": member("data.pkl", None),
    "two pickles": second_pickle,
    "pickle too long": member("data.pkl", b"\x80\x02}." + bytes(MAX_BYTES)),
    "flipped bit": flipped,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-30]),
    "start only": lambda path: path.write_bytes(b"PK\x03\x04"),
    "pickle of a number": lambda path: path.write_bytes(b"\x80\x02K\x03."),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_sentence(path: Path, name: str) -> None:
    HOSTILE[name](path)
    with pytest.raises(UnknownFormatError) as caught:  # noqa: PT012  either may find it
        file = read_torch_file(path)
        read_tensors(file, file.contents)
    message = str(caught.value)
    assert str(path) in message
    assert message.isprintable()
    assert message.endswith(".")
    assert len(message) < 400


def test_tensors_that_share_memory_may_not_outgrow_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    shared = torch.zeros(10_000)
    torch.save({f"w{i}": shared for i in range(100)}, path)
    file = read_torch_file(path)
    with pytest.raises(CheckpointError, match="larger than the file"):
        read_tensors(file, file.contents)
    few = {name: file.contents[name] for name in ("w0",)}
    assert read_tensors(file, few)["w0"].shape == (10_000,)


def test_a_long_directory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(25_000):
            archive.writestr(f"{i:0>20}", b"")
    with pytest.raises(UnknownFormatError, match="damaged archive"):
        read_torch_file(path)


def test_old_files_may_not_claim_more_than_they_have(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"w": torch.zeros(1000)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    numel = (1000).to_bytes(8, "little")
    assert numel in data
    for broken in (data.replace(numel, b"\xff" * 8), data[:-100], data[:60]):
        path.write_bytes(broken)
        with pytest.raises(UnknownFormatError):
            read_torch_file(path)
