from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikestudio.errors import ExportError, SpikeStudioError
from spikestudio.export import metadata
from spikestudio.export.choice import choose, parse_steps
from spikestudio.export.figures import raster_figure, save_figure
from spikestudio.export.images import save_npz
from spikestudio.export.metadata import ProvenanceError, read_provenance, sidecar, write_sidecar
from spikestudio.export.pictures import save_picture
from tests.unit.export.recordings import LAYERS, ORIGIN, Known

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"])
def test_pictures_carry_their_provenance(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    save_picture(path, Image.fromarray(PIXELS), ORIGIN, dpi=300)
    assert read_provenance(path) == ORIGIN
    assert not sidecar(path).exists()
    with Image.open(path) as picture:
        read = np.asarray(picture.convert("RGB"))
    assert read.shape == PIXELS.shape
    if not suffix.startswith(".j"):
        assert np.array_equal(read, PIXELS)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_figures_carry_their_provenance(tmp_path: Path, suffix: str) -> None:
    run = Known()
    steps = parse_steps(None, run)
    path = tmp_path / f"a{suffix}"
    save_figure(path, raster_figure(run, choose(run, LAYERS[0], steps), steps), ORIGIN)
    assert read_provenance(path) == ORIGIN
    again = tmp_path / f"b{suffix}"
    save_figure(again, raster_figure(run, choose(run, LAYERS[0], steps), steps), ORIGIN)
    assert again.read_bytes() == path.read_bytes()  # nothing of the moment is in it


def test_arrays_carry_their_provenance(tmp_path: Path) -> None:
    save_npz(tmp_path / "a.npz", PIXELS[None], ORIGIN)
    assert read_provenance(tmp_path / "a.npz") == ORIGIN


def test_what_is_too_long_for_a_format_goes_beside_it(tmp_path: Path) -> None:
    origin = ORIGIN | {"image_seeds": [2**62 + k for k in range(5000)]}
    path = tmp_path / "a.jpg"
    save_picture(path, Image.fromarray(PIXELS), origin)
    assert read_provenance(path) == origin
    assert sidecar(path).name == "a.jpg.json"
    save_picture(tmp_path / "a.tiff", Image.fromarray(PIXELS), origin)
    assert read_provenance(tmp_path / "a.tiff") == origin


def test_a_sidecar_serves_any_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n")
    with pytest.raises(ProvenanceError, match="nothing is said"):
        read_provenance(path)
    write_sidecar(path, ORIGIN, manifest={"kind": "x"})
    assert read_provenance(path) == ORIGIN


def text_chunk(text: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"tEXt", b"spikestudio\0" + text)]
    parts += [chunk(b"IDAT", zlib.compress(b"\0\0")), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def svg(inside: str, before: str = "") -> bytes:
    space = 'xmlns="http://www.w3.org/2000/svg"'
    return f'<?xml version="1.0"?>{before}<svg {space}>{inside}</svg>'.encode()


def text_of(version: object) -> str:
    return json.dumps({"schema_version": version})


BOMB = '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.png", text_chunk(b'{"schema_version": 1, "x": NaN}'), "NaN"),
        ("a.png", text_chunk(b'{"schema_version": 1, "schema_version": 1}'), "twice"),
        ("a.png", text_chunk(b'{"schema_version": ' + b"[" * 3000 + b"]" * 3000 + b"}"), "nested"),
        ("a.png", text_chunk(text_of(99).encode()), "newer"),
        ("a.png", text_chunk(text_of(True).encode()), "not one that"),
        ("a.png", text_chunk(b"[1]"), "not one that"),
        ("a.png", text_chunk(b"{")[:40], "known because"),
        ("a.svg", svg('<metadata id="spikestudio">&b;</metadata>', BOMB), "entities"),
        ("a.svg", svg('<metadata id="spikestudio">{'), "damaged"),
        ("a.svg", svg("<g/>"), "nothing is said"),
        ("a.pdf", b"%PDF-1.4\n<< /Keywords ({\\(", "not complete"),
        ("a.pdf", b"%PDF-1.4\nnothing", "nothing is said"),
        ("a.npz", b"PK\x03\x04 not a zip", "damaged"),
        ("a.h5", b"\x89HDF\r\n\x1a\n", "recording"),
        ("a.txt", b"", "nothing is said"),
    ],
)
def test_hostile_files_are_refused_in_one_sentence(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SpikeStudioError, match=reason) as caught:
        read_provenance(path)
    assert "\n" not in str(caught.value)


def claims_much(path: Path) -> None:
    header = b"{'descr': '<U999999999', 'fortran_order': False, 'shape': (), }"
    header = header.ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"x\0\0\0"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("spikestudio.npy", data)


def inflates(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("provenance.json", b" " * (metadata.MAX_TEXT + 10))


def pickled(path: Path) -> None:
    np.savez(path, spikestudio=np.array({"schema_version": 1}, dtype=object), allow_pickle=True)


@pytest.mark.parametrize("write", [claims_much, inflates, pickled])
def test_sizes_are_bounded_before_anything_is_allocated(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "a.npz")
    with pytest.raises(ProvenanceError, match="damaged"):
        read_provenance(tmp_path / "a.npz")


def test_a_long_element_of_an_svg_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "MAX_TEXT", 100)
    (tmp_path / "a.svg").write_bytes(svg(f'<metadata id="spikestudio">{"x" * 200}</metadata>'))
    with pytest.raises(ProvenanceError, match="too long"):
        read_provenance(tmp_path / "a.svg")


def test_a_format_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"\.bmp"):
        save_picture(tmp_path / "a.bmp", Image.fromarray(PIXELS), ORIGIN)
    assert not list(tmp_path.iterdir())
