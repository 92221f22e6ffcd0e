from __future__ import annotations

import argparse
import io
import os
import pickle
import time
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from spikestudio.checkpoints.pickle_io import MAX_OPCODES, Namespace, parse
from spikestudio.checkpoints.safetensors_io import read_header
from spikestudio.errors import CheckpointError, UnknownFormatError, UnsafeCheckpointError
from tests.unit.checkpoints.hostile import Bomb


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_crafted_pickle_is_listed_and_never_run(tmp_path: Path, protocol: int) -> None:
    crater, path = tmp_path / "crater", tmp_path / "model.pt"
    path.write_bytes(pickle.dumps({"a": Bomb(crater)}, protocol=protocol))
    with pytest.raises(UnsafeCheckpointError, match=r"would run \w+\.mkdir") as caught:
        read_header(path)
    assert caught.value.wanted == (f"{os.mkdir.__module__}.mkdir",)
    assert not crater.exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_a_crafted_torch_file_is_refused_whatever_its_name(
    tmp_path: Path, zipped: bool, suffix: str
) -> None:
    crater, path = tmp_path / "crater", tmp_path / f"model{suffix}"
    contents = {"w": torch.zeros(2), "bomb": Bomb(crater)}
    torch.save(contents, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeCheckpointError, match="mkdir"):
        read_header(path)
    assert not crater.exists()


def test_plain_tensors_are_sent_to_conversion(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"net_model": torch.nn.Linear(2, 2).state_dict(), "step": 3}, path)
    with pytest.raises(UnknownFormatError, match="spikestudio convert"):
        read_header(path)


def test_a_namespace_is_data() -> None:
    data = pickle.dumps({"args": argparse.Namespace(lr=1, name="x")}, protocol=2)
    reading = parse(data)
    assert (reading.error, reading.wanted) == (None, set())
    assert reading.value == {"args": Namespace({"lr": 1, "name": "x"})}


VALUES = [
    *(
        None,
        True,
        3,
        -(2**40),
        2.5,
        "text",
        b"bytes",
        [1, [2]],
        (1,),
        (1, 2),
        (1, 2, 3),
        (1, 2, 3, 4),
    ),
    *({"a": {1: ()}}, OrderedDict(a=1), 10**30, "", [], ()),
]


@pytest.mark.parametrize("protocol", range(2, 6))
def test_plain_values_are_read_as_they_were(protocol: int) -> None:
    reading = parse(pickle.dumps([VALUES[0:], VALUES], protocol=protocol))
    if protocol == 2:  # bytes are a call of a function there
        assert reading.wanted == {"_codecs.encode"}
    else:
        assert (reading.error, reading.wanted) == (None, set())
        assert reading.value == [VALUES, VALUES]


def test_names_reused_through_the_memo_are_found() -> None:
    data = pickle.dumps([os.mkdir, os.rmdir, os.mkdir], protocol=4)
    module = os.mkdir.__module__
    assert parse(data).wanted == {f"{module}.mkdir", f"{module}.rmdir"}


def test_a_cut_pickle_still_tells_what_it_wanted() -> None:
    data = pickle.dumps(os.mkdir, protocol=4)
    assert parse(data[:-1]).wanted == parse(data).wanted
    assert parse(b"\x80\x04\x95garbage").wanted == set()
    assert parse(b"\x80\x04\x95garbage").error


def test_odd_escapes_in_a_text_are_no_matter() -> None:
    assert parse(b"\x80\x02S'a\\(b'\n.").error is None


def test_calls_that_torch_allows_are_not_made(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"\x80\x02c__builtin__\nbytearray\nJ\x00\x00\x00\x40\x85R.")
    with pytest.raises(UnsafeCheckpointError, match="bytearray"):
        read_header(path)


SLOW = {
    "long module name": b"\x8c\xc8" + b"m" * 200 + b"\x94" + b"h\x00h\x00\x930" * 100_000,
    "large keys": b"\x8b\x00\x80\x00\x00" + b"\x01" * 0x8000 + b"\x94}" + b"(h\x00h\x00u" * 90_000,
    "states": b"cargparse\nNamespace\n)R\x94}" + b"(K\x01K\x02u" * 50_000 + b"0h\x00",
    "deep lists": b"](" * 100_000 + b"t" * 100_000,
    "deep tuples": b")" + b"\x85" * 300_000 + b"\x94h\x00h\x00\x93",
    "marks": b"(" * 350_000 + b"1" * 350_000,
    "many": b"N" * (MAX_OPCODES + 10),
    "duplicates": b"]" + b"2" * 200_000 + b"a" * 199_999,
}


@pytest.mark.parametrize("name", SLOW)
def test_no_pickle_takes_long(name: str) -> None:
    before = time.process_time()
    parse(b"\x80\x04" + SLOW[name] + b".")
    assert time.process_time() - before < 10  # one second here, and quadratic work would take hours


def test_other_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    np.savez(path, arr_0=np.zeros(3))
    with pytest.raises(UnknownFormatError, match="zip archive"):
        read_header(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UnknownFormatError, match="damaged archive"):
        read_header(path)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x04" + b"N" * 60_000_000)
    assert path.stat().st_size < 100_000
    with pytest.raises(CheckpointError):
        read_header(path)


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(list(range(1000))))
    data = bytearray(buffer.getvalue())
    data[60:90] = b"\xff" * 30
    path.write_bytes(data)
    with pytest.raises(UnknownFormatError, match="damaged archive"):
        read_header(path)
