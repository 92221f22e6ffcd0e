from __future__ import annotations

import argparse
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from spikestudio.checkpoints.pickle_io import imports
from spikestudio.checkpoints.safetensors_io import read_header
from spikestudio.errors import CheckpointError, UnknownFormatError, UnsafeCheckpointError


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


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


def test_plain_tensors_are_refused_as_a_format(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"net_model": torch.nn.Linear(2, 2).state_dict(), "step": 3}, path)
    with pytest.raises(UnknownFormatError, match=r"reads \.safetensors only"):
        read_header(path)


def test_a_namespace_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"args": argparse.Namespace(lr=1)}, path)
    with pytest.raises(UnsafeCheckpointError) as caught:
        read_header(path)
    assert "argparse.Namespace" in caught.value.wanted


def test_names_reused_through_the_memo_are_found() -> None:
    data = pickle.dumps([os.mkdir, os.rmdir, os.mkdir], protocol=4)
    module = os.mkdir.__module__
    assert imports(data) == {f"{module}.mkdir", f"{module}.rmdir"}


def test_a_cut_pickle_still_tells_what_it_wanted() -> None:
    data = pickle.dumps(os.mkdir, protocol=4)
    assert imports(data[:-1]) == imports(data)
    assert imports(b"\x80\x04\x95garbage") == set()


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
