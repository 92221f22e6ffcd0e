"""What a stranger's file says of its origin: checked before anything of it is used."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from spikestudio.checkpoints.catalog import Entry
from spikestudio.errors import ConfigError
from spikestudio.export import metadata
from spikestudio.export.metadata import ProvenanceError, read_provenance
from spikestudio.export.origin import Difference, Origin, may_carry
from spikestudio.export.replay import entry_of
from tests.unit.checkpoints import tiny

REQUEST = {
    "num": 2,
    "first_image": 0,
    "seed": 7,
    "sampler": "ddim",
    "steps": 3,
    "snn_steps": 2,
    "threshold": 1.0,
    "temperature": 1.0,
    "class_label": None,
    "guidance": 1.0,
    "clip_x0": True,
    "rescale_readout": False,
    "overrides": [],
}
ORIGIN: dict[str, Any] = {
    "schema_version": 1,
    "request": REQUEST,
    "changes": [{"step": 1, "threshold": 0.9, "temperature": 1.0}],
    "steps_done": 3,
    "timesteps": [9, 5, 0],
    "image_seeds": [1, 2],
    "labels": None,
    "checkpoint": {"name": "tiny", "architecture": "sddpm", "tensors_sha256": "a" * 64},
    "device": "cpu",
    "dtype": "float32",
    "threads": 2,
    "versions": {"spikestudio": "0.1.0", "torch": "2.0"},
}


def changed(**changes: Any) -> dict[str, Any]:
    return json.loads(json.dumps(ORIGIN)) | changes


def with_request(**changes: Any) -> dict[str, Any]:
    return changed(request=REQUEST | changes)


def named(name: str) -> dict[str, Any]:
    return changed(checkpoint=ORIGIN["checkpoint"] | {"name": name})


def nested(levels: int) -> dict[str, Any]:
    branch: dict[str, Any] | None = None
    for _ in range(levels):
        parent = {
            "request": REQUEST,
            "checkpoint": {"name": "tiny", "tensors_sha256": "a" * 64},
            "changes": [],
            "branch": branch,
        }
        branch = {"step": 1, "edits": [], "parent": parent}
    return changed(branch=branch)


def test_what_fits_is_taken_in() -> None:
    origin = Origin.of(ORIGIN)
    assert (origin.request.seed, origin.checkpoint, origin.steps_done) == (7, "tiny", 3)
    assert origin.is_complete
    assert [each.threshold for each in origin.changes] == [0.9]
    assert Origin.of(nested(3)).first_step == 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (changed(steps_done="3"), "steps_done"),
        (changed(steps_done=4), "more steps"),
        (changed(changes=[{"step": 3, "threshold": 1.0, "temperature": 1.0}]), "more steps"),
        (changed(changes={"step": 1}), "changes"),
        (changed(extra=1), "does not fit"),
        (changed(request=None), "request"),
        (changed(request=[]), "request"),
        (with_request(num=0), "num"),
        (with_request(num=True), "num"),
        (with_request(num=10**9), "out of range"),
        (with_request(threshold="1"), "threshold"),
        (with_request(threshold=1e9), "out of range"),
        (with_request(sampler="os.system"), "sampler"),
        (with_request(overrides=[{"layer": "*"}]), "overrides"),
        (with_request(unheard_of=1), "does not fit"),
        (changed(branch={"step": 1, "edits": [], "parent": None}), "branch from"),
        (changed(branch={"step": 1, "edits": [{}], "parent": None}), "branch"),
        (changed(branch=[[[[]]]]), "branch"),
        (changed(image=2), "an image that the run does not have"),
        (changed(grid={"columns": 0, "padding": 2, "scale": 1, "line": 0}), "grid"),
        (changed(flags={"x": {}}), "flags"),
        (named(""), "no name"),
        (named("a\nb"), "no name"),
        (named("\x1b[2J"), "no name"),
        (named("x" * 300), "no name"),
        ([], "does not fit"),
        (None, "does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(values: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        Origin.of(values)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        Origin.of(nested(3000))


def test_a_difference_is_told_in_one_short_line() -> None:
    assert Difference("threads", 2, 4).text == "threads: 2 there, 4 here"
    text = Difference("x", "a\n" * 500, ["b"] * 500).text
    assert "\n" not in text
    assert len(text) < 250
    assert Difference("sha", "0" * 64, "1" * 64).text == f"sha: {'0' * 12}… there, {'1' * 12}… here"


def test_the_machine_is_compared_without_torch_where_it_is_not_used() -> None:
    found = {each.field: each for each in Origin.of(ORIGIN).machine()}
    assert found["torch"].there == "2.0"
    assert not {"device", "threads"} & set(found)
    found = {each.field: each for each in Origin.of(ORIGIN).machine(device="mps", threads=2)}
    assert found["device"].text == "device: cpu there, mps here"
    assert "threads" not in found


def entry(name: str, path: Path) -> Entry:
    return Entry(name, path, tiny.make_card("sddpm"), None, 1, 1, True)


def test_a_checkpoint_is_found_by_its_tensors_then_by_name_and_never_by_a_path(
    tmp_path: Path,
) -> None:
    here = tmp_path / "other.safetensors"
    tiny.save(here, "sddpm")
    card = tiny.make_card("sddpm")
    first, second = entry("first", here), entry("tiny", here)
    sha256 = card.tensors_sha256
    same = changed(checkpoint=ORIGIN["checkpoint"] | {"tensors_sha256": sha256, "name": "second"})
    assert entry_of(Origin.of(same), (first, second)) is first
    assert entry_of(Origin.of(ORIGIN), (first, second)) is second
    assert entry_of(Origin.of(named(str(here))), (first, second)) is None
    assert entry_of(Origin.of(named("../" * 9 + "etc/passwd")), (first,)) is None


# hostile PNG files ---------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + end


def compressed(size: int) -> bytes:
    return zlib.compress(b" " * size, 9)


BOMBS: dict[str, Callable[[], bytes]] = {
    "zTXt": lambda: png(chunk(b"zTXt", b"spikestudio\0\0" + compressed(50_000_000))),
    "iTXt": lambda: png(chunk(b"iTXt", b"spikestudio\0\1\0\0\0" + compressed(50_000_000))),
    "long": lambda: png(chunk(b"iTXt", b"spikestudio\0\0\0\0\0" + b" " * 20_000_000)),
    "claims": lambda: png()[:33] + struct.pack(">I", 2**31 - 1) + b"iTXtspikestudio\0\0\0\0\0{}",
    "many": lambda: png(*[chunk(b"tEXt", b"spikestudio\0" + b" " * 10_000_000)] * 8),
    "empty": lambda: png(chunk(b"tEXt", b"spikestudio\0")),
    "latin": lambda: png(chunk(b"tEXt", b"spikestudio\0{\xe9}")),
    "utf-8": lambda: png(chunk(b"iTXt", b"spikestudio\0\0\0\0\0{\xff}")),
    "crc": lambda: png(chunk(b"tEXt", b"spikestudio\0{}")[:-1] + b"?"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_hostile_texts_of_a_png_are_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(BOMBS[name]())
    with pytest.raises(ProvenanceError) as caught:
        read_provenance(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_long_text_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(BOMBS["long"]())
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(ProvenanceError, match="too long"):
        read_provenance(path)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(ProvenanceError, match="no such file"):
            read_provenance(path)


def test_a_sidecar_may_be_given_itself(tmp_path: Path) -> None:
    metadata.write_sidecar(tmp_path / "a.csv", ORIGIN, manifest={"kind": "x"})
    assert read_provenance(tmp_path / "a.csv.json") == ORIGIN
    (tmp_path / "b.json").write_text(json.dumps(ORIGIN), encoding="utf-8")
    assert read_provenance(tmp_path / "b.json") == ORIGIN
    (tmp_path / "c.json").write_text('{"spikestudio": 3}', encoding="utf-8")
    with pytest.raises(ProvenanceError, match="not one that"):
        read_provenance(tmp_path / "c.json")


def test_a_glance_tells_pictures_with_provenance_from_others(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("spikestudio", "{}")
    picture = Image.new("L", (3, 3))
    picture.save(tmp_path / "a.png", pnginfo=info)
    picture.save(tmp_path / "b.png")
    picture.save(tmp_path / "c.jpg", comment="spikestudio")
    found = {name: may_carry(tmp_path / name) for name in ("a.png", "b.png", "c.jpg", "none.png")}
    assert found == {"a.png": True, "b.png": False, "c.jpg": False, "none.png": False}
