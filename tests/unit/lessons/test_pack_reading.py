"""Packs of strangers: one clear sentence with part, page and line; nothing run, fetched or kept."""

from __future__ import annotations

import json
import socket
import stat
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from spikestudio.app.viewmodels.pack_file import Opened, missing_model, open_pack
from spikestudio.lessons.pack_reading import value_problem
from spikestudio.lessons.problem import PackError
from spikestudio.lessons.reading import Known
from tests.unit.lessons import packs

CONTROLS = ("sampler.threshold", "sampler.sampler", "sampler.sample", "raster.plot", "lab.kind")
EXAMPLE = Path(__file__).parents[2] / "data" / "version-1.spikelesson"
KNOWN = Known(CONTROLS, ("sampler", "image"), {"sddpm-mnist"}, ("rate",))


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """No network, and no folder that outlives what was refused."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield
    assert not list(folder.iterdir())


def opened(path: Path) -> Opened:
    return open_pack(path, KNOWN)


def refused(path: Path) -> PackError:
    with pytest.raises(PackError) as caught:
        opened(path)
    text = str(caught.value)
    assert text.startswith(f"The lesson pack {path.name} cannot be used: ")
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 700
    assert "session" not in text
    return caught.value


def changed(tmp_path: Path, parts: dict[str, bytes], **more: bytes | None) -> Path:
    for name, data in more.items():
        if data is None:
            del parts[name]
        else:
            parts[name] = data
    return packs.write(tmp_path / "a.spikelesson", parts)


def test_a_whole_pack_is_read(tmp_path: Path) -> None:
    found = opened(packs.write(tmp_path / "a.spikelesson", packs.files()))
    pack, folder = found.pack, Path(found.folder.name)
    assert (pack.author, pack.level, pack.visible) == (
        "A. Teacher",
        "intro",
        ("sampler.threshold",),
    )
    assert pack.held("request") == {"threshold": 0.997}
    assert [each.note for each in pack.locked] == ["Ask me why.", "DDIM today."]
    assert [page.id for page in pack.lesson.pages] == ["look", "guess"]
    assert pack.lesson.text("guess").front["question"] == "More spikes?"
    assert found.session is not None
    assert (found.session.sampler.steps, found.session.sampler.seed) == (6, 11)
    assert (folder / "dot.png").read_bytes() == packs.png()
    found.close()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("sampler.seed", 7),
        ("sampler.sampler", "ddim"),
        ("lab.threshold", 1.5),
        ("lab.reset", "soft"),
    ],
)
def test_values_that_can_be_held(control: str, value: float | str) -> None:
    assert value_problem(control, value) == ""


def test_what_the_manifest_does_not_name_is_not_unpacked(tmp_path: Path) -> None:
    parts = packs.files() | {"run.py": b"raise SystemExit", "en/more.html": b"<script>"}
    found = opened(packs.write(tmp_path / "a.spikelesson", parts))
    names = {each.name for each in Path(found.folder.name).rglob("*") if each.is_file()}
    found.close()
    assert names == {"lesson.json", "lesson.md", "look.md", "guess.md", "dot.png"}


@pytest.mark.parametrize(
    ("change", "reason", "place"),
    [
        ({"id": "Not an id"}, "id does not fit", '"id"'),
        ({"script": "x"}, "it does not fit", "{"),
        ({"level": "expert"}, "level does not fit", '"level"'),
        ({"locked": [{"control": "no.such"}]}, "no control 'no.such'", "no.such"),
        ({"locked": [{"control": "raster.plot", "value": 1}]}, "no value of its own", '"value"'),
        (
            {"locked": [{"control": "sampler.threshold", "value": -4}]},
            "out of range",
            '"value"',
        ),
        ({"locked": [{"control": "lab.kind", "value": "XYZ"}]}, "no kind 'XYZ'", '"value"'),
        (
            {"locked": [{"control": "lab.kind"}, {"control": "lab.kind", "note": "again"}]},
            "locked twice",
            None,
        ),
        ({"visible": ["no.such"]}, "no control 'no.such'", "no.such"),
        ({"files": ["../../secret.md"]}, "files.0 does not fit", "secret"),
        ({"files": ["/etc/a.md"]}, "files.0 does not fit", "/etc"),
        ({"files": ["en/lesson.md", "a.exe"]}, "files.1 does not fit", "a.exe"),
        ({"schema_version": 9}, "it is of version 9 and this program reads version 1; update", "9"),
    ],
)
def test_what_is_wrong_in_the_manifest_is_said_with_its_line(
    tmp_path: Path, change: dict[str, Any], reason: str, place: str | None
) -> None:
    parts = packs.files(pack=packs.manifest() | change)
    error = refused(packs.write(tmp_path / "a.spikelesson", parts))
    assert reason in str(error)
    assert error.file == "pack.json"
    if place is not None:
        assert error.line == packs.line_with(parts, "pack.json", place)
        assert f"pack.json, line {error.line}: " in str(error)


def test_a_lesson_error_names_page_file_and_line(tmp_path: Path) -> None:
    lesson = packs.lesson()
    lesson["pages"][1]["predict"]["choices"][0]["when"]["state"] = "measured.nothing"
    parts = packs.files(lesson=lesson)
    error = refused(packs.write(tmp_path / "a.spikelesson", parts))
    line = packs.line_with(parts, "lesson.json", "measured.nothing")
    assert (error.page, error.file, error.line) == (2, "lesson.json", line)
    assert f"page 2 of lesson.json, line {line}: there is no state 'measured.nothing'" in str(error)


def test_an_unknown_control_and_a_missing_checkpoint_of_a_page(tmp_path: Path) -> None:
    for change, reason in (
        ({"point": "sampler.magic"}, "there is no control 'sampler.magic'"),
        ({"start": {"model": "gone-mnist"}}, "there is no bundled model 'gone-mnist'"),
    ):
        lesson = packs.lesson()
        lesson["pages"][0] |= change
        parts = packs.files(lesson=lesson)
        error = refused(packs.write(tmp_path / "a.spikelesson", parts))
        assert reason in str(error)
        assert (error.page, error.file) == (1, "lesson.json")


def test_a_page_that_starts_with_another_value_than_the_locked_one(tmp_path: Path) -> None:
    lesson = packs.lesson()
    lesson["pages"][1]["start"] = {"request": {"threshold": 1.0}}
    error = refused(packs.write(tmp_path / "a.spikelesson", packs.files(lesson=lesson)))
    assert "starts with threshold 1.0, which the pack holds at 0.997" in str(error)
    assert error.page == 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("<script>alert(1)</script>", "it holds HTML (<script>)"),
        ("text <IMG src=http://example.org/a.png>", "it holds HTML (<img>)"),
        ("<iframe src=x>", "it holds HTML (<iframe>)"),
        ("![x](http://example.org/a.png)", "is no PNG or SVG file in its folder"),
        ("![x](//example.org/a.png)", "is no PNG or SVG file in its folder"),
        ("![x](data:image/png;base64,AAAA)", "is no PNG or SVG file in its folder"),
        ("![x](../../../etc/hostname)", "is no PNG or SVG file in its folder"),
        ("[x](javascript:alert(1))", "leads neither to the glossary nor to a web page"),
        ("[x](file:///etc/passwd)", "leads neither to the glossary nor to a web page"),
        ("{{no.such}}", "nothing is known under {{no.such}}"),
    ],
)
def test_words_that_reach_out(tmp_path: Path, line: str, reason: str) -> None:
    words = packs.FIRST_MD.encode() + f"\n\n{line}\n".encode()
    parts = packs.files() | {"en/look.md": words}
    error = refused(packs.write(tmp_path / "a.spikelesson", parts))
    assert reason in str(error)
    assert (error.file, error.line) == ("en/look.md", len(words.splitlines()))


def test_a_small_picture_that_unpacks_to_a_huge_one(tmp_path: Path) -> None:
    parts = packs.files() | {"dot.png": packs.png(60_000, 60_000)}
    assert "'dot.png' is no PNG" in str(refused(packs.write(tmp_path / "a.spikelesson", parts)))


@pytest.mark.parametrize(
    ("name", "size"),
    [("pack.json", 300_000), ("lesson.json", 300_000), ("en/look.md", 40_000), ("dot.png", 2**22)],
)
def test_a_part_that_is_too_large_is_not_read(tmp_path: Path, name: str, size: int) -> None:
    parts = packs.files() | {name: b" " * size}
    assert f"its {name} is larger than" in str(refused(changed(tmp_path, parts)))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.spikelesson"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in packs.files().items():
            if name == "pack.json":
                with archive.open("pack.json", "w") as part:
                    for _ in range(300):
                        part.write(bytes(2**20))
            else:
                archive.writestr(name, data)
    assert path.stat().st_size < 2**20
    assert "its pack.json is larger than 256 KiB" in str(refused(path))


def test_many_pictures_are_not_unpacked_together(tmp_path: Path) -> None:
    names = [f"p{number}.png" for number in range(20)]
    manifest = packs.manifest() | {"files": [*packs.manifest()["files"], *names]}
    parts = packs.files(pack=manifest) | dict.fromkeys(names, packs.png() + bytes(2**21 - 1000))
    assert "more than 32 MiB" in str(refused(packs.write(tmp_path / "a.spikelesson", parts)))


@pytest.mark.parametrize("name", ["../evil.md", "/abs.md", "a/../../b", "C:\\x", "a\x00b", "con:x"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.spikelesson"
    with zipfile.ZipFile(path, "w") as archive:
        for each, data in packs.files().items():
            archive.writestr(each, data)
        info = zipfile.ZipInfo("x")
        info.filename = info.orig_filename = name
        archive.writestr(info, b"x")
    refused(path)
    assert {each.name for each in tmp_path.iterdir()} == {"a.spikelesson", "temporary"}


def test_links_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.spikelesson"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("pack.json")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert "is a link or a device" in str(refused(path))


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_zip(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.spikelesson"
    path.write_bytes(data)
    refused(path)


def test_a_file_that_is_cut_off_or_missing(tmp_path: Path) -> None:
    path = packs.write(tmp_path / "a.spikelesson", packs.files())
    path.write_bytes(path.read_bytes()[:-40])
    refused(path)
    path.unlink()
    assert "there is no such file" in str(refused(path))


@pytest.mark.parametrize("name", ["pack.json", "lesson.json", "en/look.md", "en/lesson.md"])
def test_a_part_that_is_missing(tmp_path: Path, name: str) -> None:
    parts = packs.files()
    del parts[name]
    assert name in str(refused(packs.write(tmp_path / "a.spikelesson", parts)))


@pytest.mark.parametrize("text", ["", "[1, 2]", "{}", '{"a": 1,\n "b": }', "[" * 100_000, "\x00"])
@pytest.mark.parametrize("name", ["pack.json", "lesson.json"])
def test_broken_json_is_named(tmp_path: Path, name: str, text: str) -> None:
    parts = packs.files() | {name: text.encode()}
    error = refused(packs.write(tmp_path / "a.spikelesson", parts))
    assert name in str(error)
    if text.startswith('{"a'):
        assert error.line == 2


def test_a_broken_starting_session_is_refused(tmp_path: Path) -> None:
    parts = packs.files() | {"session.json": json.dumps({"schema_version": 99}).encode()}
    with pytest.raises(PackError, match="version 99"):
        opened(packs.write(tmp_path / "a.spikelesson", parts))


def test_a_checkpoint_that_is_not_here(tmp_path: Path) -> None:
    model = {"name": "mine", "path": "/no/such.safetensors", "tensors_sha256": "a" * 64}
    parts = packs.files(session=packs.session() | {"model": model})
    found = opened(packs.write(tmp_path / "a.spikelesson", parts))
    assert missing_model(found.session, (), ("sddpm-mnist",)) == "mine"
    assert missing_model(found.session, ("a" * 64,), ()) == ""
    assert missing_model(found.session, (), ("mine",)) == ""
    assert missing_model(None, (), ()) == ""
    found.close()


def test_a_pack_of_version_1_can_be_opened_ever_after() -> None:
    found = open_pack(EXAMPLE, KNOWN)
    assert found.pack.lesson.title() == "Threshold"
    assert found.pack.held("request") == {"threshold": 0.997}
    assert found.session is not None
    assert found.session.sampler.steps == 6
    found.close()
