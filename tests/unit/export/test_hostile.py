"""Files that strangers made to cost memory, time or secrets: each is refused in one sentence."""

from __future__ import annotations

import json
import shutil
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from spikestudio.errors import SpikeStudioError
from spikestudio.export.metadata import read_provenance
from spikestudio.export.stored import images_of_array, stored_images
from spikestudio.paths import bundled_recordings
from spikestudio.recording.hdf5 import open_recording
from spikestudio.sweeps.folder import SweepFolder
from tests.unit.sweeps.test_sheet import make_plan

MEBIBYTE = 2**20


@contextmanager
def bounded(mebibytes: int, seconds: float = 20) -> Iterator[None]:
    """Fail if more memory or time is taken."""
    began = time.monotonic()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < mebibytes * MEBIBYTE
    assert time.monotonic() - began < seconds


def refused(path: Path) -> str:
    """The one sentence with which the origin of a file is refused."""
    with pytest.raises(SpikeStudioError) as caught:
        read_provenance(path)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    assert len(said) < 600
    return said


# PNG ----------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes, size: tuple[int, int] = (1, 1)) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + chunk(b"IEND", b"")


def squeezed(num_bytes: int) -> bytes:
    """So many spaces, deflated."""
    packer = zlib.compressobj(9)
    block = b" " * MEBIBYTE
    parts = [packer.compress(block) for _ in range(num_bytes // MEBIBYTE)]
    return b"".join((*parts, packer.flush()))


BOMB = squeezed(200 * MEBIBYTE)
PNGS = {
    "zTXt bomb": png(chunk(b"zTXt", b"spikestudio\0\0" + BOMB)),
    "iTXt bomb": png(chunk(b"iTXt", b"spikestudio\0\1\0en\0\0" + BOMB)),
    "many bombs": png(
        *(chunk(b"zTXt", b"spikestudio\0\0" + squeezed(MEBIBYTE)) for _ in range(99))
    ),
    "a profile bomb": png(chunk(b"iCCP", b"x\0\0" + BOMB)),
    "claims 4 GiB": png()[:33] + struct.pack(">I4s", 2**32 - 1, b"tEXt") + b"spikestudio\0{",
    "claims 4 GiB of nothing": png()[:33] + struct.pack(">I4s", 2**32 - 1, b"abCd"),
    "no chunks": png()[:8],
    "text that is no text": png(chunk(b"iTXt", b"spikestudio\0\0\0\0\0\xff\xfe\xfd")),
    "no terminator": png(chunk(b"tEXt", b"spikestudio")),
    "a number": png(chunk(b"tEXt", b"spikestudio\0" + b"9" * 100_000)),
    "a large exponent": png(chunk(b"tEXt", b'spikestudio\0{"schema_version": 1e999}')),
    "surrogates": png(chunk(b"tEXt", b'spikestudio\0{"schema_version": "\\ud800"}')),
}


@pytest.mark.parametrize("kind", PNGS)
def test_pictures(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNGS[kind])
    with bounded(160):
        refused(path)


def test_a_picture_of_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for side in (12_000, 60_000, 2**31 - 1):
        text = chunk(b"tEXt", b'spikestudio\0{"schema_version": 1}')
        path.write_bytes(png(text, size=(side, side)))
        with bounded(50):
            try:
                read_provenance(path)
            except SpikeStudioError as error:
                assert "damaged" in str(error)  # noqa: PT017  small ones may be read
            assert stored_images(path, {}, [(1, 28, 28, 1)]) is None


# SVG and PDF --------------------------------------------------------------------------------


def svg(body: bytes, before: bytes = b"") -> bytes:
    return b'<?xml version="1.0"?>' + before + b"<svg>" + body + b"</svg>"


TEXTS = {
    "deep.svg": svg(b"<g>" * 200_000),
    "wide.svg": svg(b"<g " + b" ".join(b'a%d=""' % k for k in range(50_000)) + b"/>"),
    "external.svg": svg(
        b'<metadata id="spikestudio">&a;</metadata>',
        b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    ),
    "laughs.svg": svg(
        b'<metadata id="spikestudio">&c;</metadata>',
        b'<!DOCTYPE svg [<!ENTITY a "'
        + b"a" * 1000
        + b'"><!ENTITY b "'
        + b"&a;" * 1000
        + b'"><!ENTITY c "'
        + b"&b;" * 1000
        + b'">]>',
    ),
    "long.svg": svg(b'<metadata id="spikestudio">' + b"x" * (20 * MEBIBYTE)),
    "encoding.svg": b'<?xml version="1.0" encoding="klingon"?><svg/>',
    "open.pdf": b"%PDF-1.4\n/Keywords (" + b"x" * (40 * MEBIBYTE),
    "escaped.pdf": b"%PDF-1.4\n/Keywords (" + b"\\(" * (20 * MEBIBYTE),
    "nested.pdf": b"%PDF-1.4\n/Keywords (" + b"(" * 100_000,
    "binary.pdf": b"%PDF-1.4\n/Keywords ({\xff\xfe)",
}


@pytest.mark.parametrize("name", TEXTS)
def test_figures(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(TEXTS[name])
    with bounded(220):
        said = refused(path)
    assert "root:" not in said  # of a file that it points to


# array files --------------------------------------------------------------------------------


def npy(shape: tuple[int, ...], data: bytes, descr: str = "|u1", order: str = "False") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
    header = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def write_zip(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in entries.items():
            archive.writestr(f"{name}.npy", data)
    return path


SHAPE = (1, 28, 28, 1)
ARRAYS: dict[str, bytes] = {
    "a bomb that says so": npy((10**6, 28, 28, 1), b" " * (64 * MEBIBYTE)),
    "a bomb that does not": npy(SHAPE, b" " * (64 * MEBIBYTE)),
    "too short": npy(SHAPE, b""),
    "another type": npy(SHAPE, bytes(28 * 28 * 8), "<f8"),
    "objects": npy(SHAPE, b"cos\nsystem\n", "|O"),
    "in another order": npy(SHAPE, bytes(28 * 28), order="True"),
    "negative": npy((-1, 28, 28, 1), bytes(28 * 28)),
    "no header": b"\x93NUMPY\x01\x00\xff\xff",
    "a header of another kind": b"\x93NUMPY\x09\x00",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays(tmp_path: Path, kind: str) -> None:
    path = write_zip(tmp_path / "a.npz", arr_0=ARRAYS[kind])
    with bounded(20):
        try:
            found = stored_images(path, {}, [SHAPE])
        except SpikeStudioError as error:
            assert "\n" not in str(error)  # noqa: PT017  either is right
            found = None
    assert found is None


@pytest.mark.parametrize("kind", ARRAYS)
def test_a_cell_of_a_foreign_sweep(tmp_path: Path, kind: str) -> None:
    files = SweepFolder(tmp_path, make_plan(1))
    (tmp_path / "cells").mkdir()
    cell = files.plan.cells[0]
    write_zip(files.file(cell, ".npz"), arr_0=ARRAYS[kind])
    with bounded(20):
        assert files.images(cell) is None
    whole = write_zip(files.file(cell, ".npz"), arr_0=npy(SHAPE, bytes(28 * 28)))
    assert images_of_array(whole, [SHAPE]).shape == SHAPE
    assert files.images(cell).shape == SHAPE


# HDF5 ---------------------------------------------------------------------------------------


def cycle(file: h5py.File) -> None:
    del file["layers"]
    file["layers"] = h5py.SoftLink("/layers")


def hard_cycle(file: h5py.File) -> None:
    for name in list(file["steps"]):
        del file["steps"][name]
        file["steps"][name] = file["steps"]


def to_another_file(file: h5py.File) -> None:
    del file["watch"]
    file["watch"] = h5py.ExternalLink("/etc/passwd", "/")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(), dtype="i8")
    del file["complete_steps"]
    file.create_virtual_dataset("complete_steps", layout)


def a_type(name: str, dtype: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        shape = file[name].shape
        del file[name]
        file.create_dataset(name, shape=shape, dtype=dtype)

    return change


def a_group(file: h5py.File) -> None:
    del file["complete_steps"]
    file.create_group("complete_steps")


def not_allocated(file: h5py.File) -> None:
    shape = file["watch/h"].shape
    del file["watch/h"]
    file.create_dataset("watch/h", shape=shape, dtype="<f4")


def an_attribute(value: object, name: str = "recording") -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file.attrs[name]
        file.attrs[name] = value

    return change


FILES: dict[str, Callable[[h5py.File], None]] = {
    "a cycle of soft links": cycle,
    "a cycle of hard links": hard_cycle,
    "an external link": to_another_file,
    "a virtual data set": virtual,
    "a group for numbers": a_group,
    "numbers without a place": not_allocated,
    "big-endian numbers": a_type("watch/h", ">f4"),
    "texts for numbers": a_type("watch/h", h5py.string_dtype()),
    "structures for numbers": a_type("watch/h", np.dtype([("a", "<f4")])),
    "references for numbers": a_type("watch/h", h5py.ref_dtype),
    "an array for a header": an_attribute(np.array([b"{}", b"{}"])),
    "a number for a header": an_attribute(7),
    "a deep header": an_attribute(np.bytes_(b"[" * 50_000)),
    "an empty header": an_attribute(h5py.Empty("S10")),
    "an empty provenance": an_attribute(np.bytes_(b"{}"), "provenance"),
    "steps by the million": an_attribute(
        np.bytes_(
            json.dumps(
                {
                    "schema_version": 2,
                    "num_steps": 10**9,
                    "snn_steps": 1,
                    "image": 0,
                    "layers": [],
                    "states": {},
                }
            ).encode()
        )
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_recordings(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.h5"
    shutil.copy(bundled_recordings() / "sddpm-mnist.h5", path)
    with h5py.File(path, "r+") as file:
        FILES[kind](file)
    with bounded(100), pytest.raises(SpikeStudioError) as caught:
        open_recording(path).close()
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
