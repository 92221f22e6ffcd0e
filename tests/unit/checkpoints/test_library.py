"""The library: folders looked through within bounds, headers from a cache, filter and order."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spikestudio import paths
from spikestudio.checkpoints import library
from spikestudio.checkpoints.card import Measurement
from spikestudio.checkpoints.catalog import titles
from spikestudio.checkpoints.library import Filter, Item, Scan, arranged
from spikestudio.checkpoints.library_cache import MAX_KEPT, HeaderCache
from spikestudio.checkpoints.library_walk import Limits
from spikestudio.errors import ConfigError
from tests.unit.checkpoints import tiny
from tests.unit.checkpoints.official_files import make_network, write


@pytest.fixture(autouse=True)
def standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Bundled folder and the user's own; the cache is in the test's folder too."""
    bundled, own = tmp_path / "bundled", tmp_path / "own"
    for folder in (bundled, own):
        folder.mkdir()
    monkeypatch.setattr(paths, "bundled_checkpoints", lambda: bundled)
    monkeypatch.setattr(paths, "user_checkpoints", lambda: own)
    monkeypatch.setattr(paths, "user_cache", lambda: tmp_path / "cache")
    return bundled, own


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def scan(*folders: Path, limits: Limits | None = None) -> Scan:
    made = Scan(folders, limits=limits)
    assert made.advance()
    return made


def names(items: list[Item]) -> list[str]:
    return [item.entry.name for item in items]


def quality(share: float) -> tuple[Measurement, ...]:
    return (Measurement(library.RECOGNISED, share, "256 samples"),)


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    read: list[Path] = []
    opened = library.open_checkpoint

    def counted(path: Path) -> object:
        read.append(path)
        return opened(path)

    monkeypatch.setattr(library, "open_checkpoint", counted)
    return read


# what is found ------------------------------------------------------------------------------


def test_bundled_own_and_further_folders_are_listed(
    standing: tuple[Path, Path], models: Path
) -> None:
    bundled, own = standing
    tiny.save(bundled / "sddpm-mnist.safetensors", "sddpm")
    tiny.save(own / "mine.safetensors", "sdit")
    (models / "deep" / "er").mkdir(parents=True)
    tiny.save(models / "deep" / "er" / "UPPER.SAFETENSORS", "spiking-diffusion")
    write(models, "sdit", make_network("sdit"), bare=True).rename(models / "theirs.pt")
    (models / "notes.txt").write_text("none")
    (models / "bad.safetensors").write_bytes(b"nonsense")
    (models / "empty.pth").write_bytes(b"")
    found = scan(models)
    items = {item.entry.name: item for item in found.items}
    assert set(items) == {"sddpm-mnist", "mine", "UPPER", "theirs", "bad", "empty"}
    assert items["sddpm-mnist"].entry.is_bundled
    assert not items["mine"].entry.is_bundled
    assert items["theirs"].card is not None
    for name, reason in (("bad", "not a safetensors file"), ("empty", "it is empty")):
        assert items[name].card is None
        assert reason in str(items[name].entry.error)
    path = models / "bad.safetensors"
    assert items["bad"].entry.size_bytes == path.stat().st_size
    assert items["bad"].modified == pytest.approx(path.stat().st_mtime)
    assert found.left_out() == []


def test_what_a_training_run_resumes_from_is_not_listed(models: Path) -> None:
    run = models / "mine.run"
    run.mkdir()
    (run / "state.safetensors").write_bytes(b"nonsense")
    tiny.save(run / "latest.safetensors", "sddpm")
    tiny.save(models / "state.safetensors", "sddpm")  # elsewhere it is a name like any other
    assert sorted(names(scan(models).items)) == ["latest", "state"]


def test_files_of_one_name_are_told_apart_by_their_folders(
    standing: tuple[Path, Path], models: Path
) -> None:
    bundled, _ = standing
    tiny.save(bundled / "sddpm-mnist.safetensors", "sddpm")
    for folder in ("first", "second"):
        (models / folder).mkdir()
        tiny.save(models / folder / "ckpt.safetensors", "sddpm")
    tiny.save(models / "first" / "sddpm-mnist.safetensors", "sddpm")
    tiny.save(models / "first" / "alone.safetensors", "sddpm")
    for ending in ("pt", "safetensors"):
        (models / "first" / f"notes.{ending}").write_text("none")
    found = titles(item.entry for item in scan(models).items)
    assert sorted(found.values()) == [
        *("alone", "first/ckpt", "first/notes.pt", "first/notes.safetensors"),
        *("first/sddpm-mnist", "sddpm-mnist", "second/ckpt"),
    ]


def test_a_file_in_two_folders_is_listed_once(standing: tuple[Path, Path], models: Path) -> None:
    _, own = standing
    tiny.save(own / "mine.safetensors", "sddpm")
    (models / "again.safetensors").symlink_to(own / "mine.safetensors")
    found = scan(own, models, own.parent)
    assert names(found.items) == ["mine"]


def test_loops_of_links_end(models: Path) -> None:
    tiny.save(models / "one.safetensors", "sddpm")
    (models / "loop").symlink_to(models, target_is_directory=True)
    (models / "a").mkdir()
    (models / "a" / "up").symlink_to(models.parent, target_is_directory=True)
    (models / "self.safetensors").symlink_to(models / "self.safetensors")
    (models / "gone.safetensors").symlink_to(models / "nowhere")
    found = scan(models)
    items = {item.entry.name: item for item in found.items}
    assert set(items) == {"one", "self", "gone"}
    assert items["self"].entry.error is not None
    assert items["gone"].entry.error is not None
    assert math.isnan(items["gone"].modified)


def test_what_is_hidden_is_left_alone(models: Path) -> None:
    (models / ".git").mkdir()
    tiny.save(models / "seen.safetensors", "sddpm")
    shutil.copy(models / "seen.safetensors", models / ".git" / "x.safetensors")
    shutil.copy(models / "seen.safetensors", models / ".hidden.safetensors")
    assert names(scan(models).items) == ["seen"]
    # a hidden folder that was chosen itself is looked through
    assert names(scan(models / ".git").items) == ["x"]


def test_unreadable_folders_and_files_are_told(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = models / "locked"
    locked.mkdir()
    tiny.save(models / "shut.safetensors", "sddpm")
    listed, opened = os.scandir, Path.open

    def scandir(path: Path) -> object:
        if Path(path) == locked:
            raise PermissionError(13, "Permission denied")
        return listed(path)

    def open_(path: Path, *arguments: object, **options: object) -> object:
        if path.stem == "shut":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    with monkeypatch.context() as patch:  # root may read everything
        patch.setattr(os, "scandir", scandir)
        patch.setattr(Path, "open", open_)
        found = scan(models)
        assert found.left_out() == [f"{models}: 1 folder could not be read."]
        assert "permissions" in str(found.items[0].entry.error)
        assert scan(locked).left_out() == [f"{locked}: it cannot be read (Permission denied)."]
    # readable again, though neither time nor size changed
    assert scan(models).items[0].card is not None


def test_the_bounds_are_told_in_words(models: Path) -> None:
    for number in range(7):
        (models / f"{number}.safetensors").write_bytes(b"")
    (models / "1" / "2" / "3").mkdir(parents=True)
    (models / "1" / "2" / "3" / "deep.safetensors").write_bytes(b"")
    (models / "1" / "inner.pt").write_bytes(b"")
    found = scan(models, limits=Limits(files=5, depth=2))
    assert names(found.items) == list("01234")
    assert found.left_out() == [
        f"{models}: first 5 of 8 files, 1 folder deeper than 2 levels left out."
    ]
    flat = models / "flat"
    flat.mkdir()
    for number in range(7):
        (flat / f"{number}.safetensors").write_bytes(b"")
    found = scan(flat, limits=Limits(files=4, seen=6))
    assert len(found.items) == 4
    assert found.left_out() == [
        f"{flat}: first 4 of more than 6 files, the search ended after 6 names."
    ]


def test_a_folder_that_is_gone_is_told_and_the_others_are_listed(
    standing: tuple[Path, Path], models: Path
) -> None:
    bundled, own = standing
    own.rmdir()  # the user has none yet: nothing to say
    tiny.save(bundled / "a.safetensors", "sddpm")
    found = scan(models / "gone", bundled / "a.safetensors")
    assert names(found.items) == ["a"]
    assert found.left_out()[0] == f"{models / 'gone'}: there is no such folder now."
    assert "cannot be read" in found.left_out()[1]


def test_names_that_do_not_print_are_shown_with_question_marks(models: Path) -> None:
    (models / "a\nb\u202ec.safetensors").write_bytes(b"")
    raw = os.fsencode(models) + b"/\xff\xfe.safetensors"
    try:
        with open(raw, "wb"):  # noqa: PTH123  no Path of bytes
            pass
    except OSError:
        pytest.skip("the file system refuses such names")
    found = scan(models)
    assert sorted(names(found.items)) == ["??", "a?b?c"]
    assert all("\n" not in str(item.entry.error) for item in found.items)
    assert (scan(models).items)[0].entry.error  # from the cache


def test_a_pipe_does_not_block(models: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes")
    os.mkfifo(models / "pipe.safetensors")
    (item,) = scan(models).items
    assert item.card is None


def test_an_error_nobody_thought_of_breaks_one_file_only(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        tiny.save(models / f"{name}.safetensors", "sddpm")
    opened = library.open_checkpoint

    def failing(path: Path) -> object:
        if path.stem == "a":
            raise ZeroDivisionError("odd")
        return opened(path)

    monkeypatch.setattr(library, "open_checkpoint", failing)
    first, second = scan(models).items
    assert first.entry.error == "It cannot be read (ZeroDivisionError: odd)."
    assert second.card is not None


# piece by piece -----------------------------------------------------------------------------


def test_a_scan_goes_on_where_it_stopped(models: Path) -> None:
    for number in range(20):
        (models / f"{number:02}.safetensors").write_bytes(b"")
    made = Scan([models])
    pieces = 0
    while not made.advance(0):
        pieces += 1
    assert pieces >= 20
    assert len(made.items) == 20
    assert made.advance(0)  # and stays done
    assert len(made.items) == 20


# cache --------------------------------------------------------------------------------------


def test_a_second_scan_reads_no_file_again(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.save(models / "good.safetensors", "sddpm", quality=quality(0.5))
    (models / "bad.safetensors").write_bytes(b"nonsense")
    before = scan(models).items
    read = count_reads(monkeypatch)
    assert scan(models).items == before
    assert read == []


def test_a_file_that_changed_is_read_again(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = models / "good.safetensors"
    tiny.save(path, "sddpm")
    scan(models)
    read = count_reads(monkeypatch)
    tiny.save(path, "sdit")
    os.utime(path, ns=(0, 0))
    (item,) = scan(models).items
    assert item.card is not None
    assert item.card.architecture == "sdit"
    assert read == [path]
    path.write_bytes(path.read_bytes()[:-1])
    os.utime(path, ns=(0, 0))  # the size alone tells
    assert scan(models).items[0].card is None
    path.unlink()
    assert scan(models).items == []


def test_the_other_half_of_a_model_is_noticed(models: Path) -> None:
    folder = models / "spd"
    folder.mkdir()
    first = write(folder, "spiking-diffusion", make_network("spiking-diffusion"))
    second = folder / "diff_result" / "diff_model.pth"
    data = second.read_bytes()
    second.unlink()
    (item,) = scan(models).items
    assert item.entry.path == first
    assert item.card is None
    second.write_bytes(data)
    os.utime(second.parent, ns=(1, 1))  # clocks of file systems are coarse
    cards = [item.card for item in scan(models).items]
    assert [card.architecture for card in cards if card] == ["spiking-diffusion"] * 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"version": 2, "program": "x", "files": {}}',
        b"[" * 100_000,
        b'{"version": 1, "files": [1]}',
    ],
)
def test_a_broken_cache_is_an_empty_one(models: Path, tmp_path: Path, content: bytes) -> None:
    tiny.save(models / "good.safetensors", "sddpm")
    file = tmp_path / "cache" / "library" / "headers.json"
    before = scan(models).items
    assert json.loads(file.read_bytes())["files"]
    file.write_bytes(content)
    assert scan(models).items == before
    assert json.loads(file.read_bytes())["files"]  # and is made again


def test_a_card_that_was_tampered_with_is_read_again(models: Path, tmp_path: Path) -> None:
    tiny.save(models / "good.safetensors", "sddpm")
    before = scan(models).items
    file = tmp_path / "cache" / "library" / "headers.json"
    values = json.loads(file.read_bytes())
    (entry,) = values["files"].values()
    entry["card"]["snn_steps"] = 99_999
    file.write_text(json.dumps(values))
    assert scan(models).items == before


def test_the_cache_is_bounded_and_forgets_the_oldest(tmp_path: Path, models: Path) -> None:
    (models / "x.safetensors").write_bytes(b"")
    cache = HeaderCache(tmp_path / "headers.json")
    header = library.Header(None, "broken", 0)
    for number in range(MAX_KEPT + 10):
        cache.put(Path(f"/{number}.safetensors"), [1, 1], header)
    assert cache.get(Path("/0.safetensors"), [1, 1]) == header  # now the newest
    cache.save()
    again = HeaderCache(tmp_path / "headers.json")
    assert again.get(Path("/0.safetensors"), [1, 1]) == header
    assert again.get(Path("/3.safetensors"), [1, 1]) is None
    assert again.get(Path(f"/{MAX_KEPT}.safetensors"), [1, 2]) is None


def test_a_cache_that_cannot_be_written_is_done_without(models: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    tiny.save(models / "good.safetensors", "sddpm")
    assert scan(models).items[0].card is not None


# filter and order ---------------------------------------------------------------------------


@pytest.fixture
def four(models: Path) -> list[Item]:
    tiny.save(models / "beta.safetensors", "sddpm", quality=quality(0.4), dataset="kmnist")
    tiny.save(models / "Alpha.safetensors", "sdit", quality=quality(0.9))
    tiny.save(models / "gamma.safetensors", "spiking-diffusion")
    (models / "broken.safetensors").write_bytes(b"x" * 100_000)
    for age, name in enumerate(("gamma", "beta", "broken", "Alpha")):
        os.utime(models / f"{name}.safetensors", (1000 - age, 1000 - age))
    return scan(models).items


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("name", ["Alpha", "beta", "broken", "gamma"]),
        ("newest", ["gamma", "beta", "broken", "Alpha"]),
        ("architecture", ["beta", "Alpha", "gamma", "broken"]),
        ("dataset", ["beta", "Alpha", "gamma", "broken"]),
        ("recognised", ["Alpha", "beta", "broken", "gamma"]),
    ],
)
def test_orders(four: list[Item], sort: str, order: list[str]) -> None:
    assert names(arranged(four, sort)) == order


def test_size_and_parameters_go_down(four: list[Item]) -> None:
    assert names(arranged(four, "largest"))[0] == "broken"
    sizes = [item.entry.num_parameters for item in arranged(four, "parameters")]
    assert sizes == sorted(sizes, reverse=True)
    assert names(arranged(four, "parameters"))[-1] == "broken"


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'loudest'.*choose one of name"):
        arranged([], "loudest")


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        (Filter(), {"Alpha", "beta", "broken", "gamma"}),
        (Filter(words="ALPHA"), {"Alpha"}),
        (Filter(words="sddpm kmnist"), {"beta"}),
        (Filter(words="sddpm mnist2"), set()),
        (Filter(architecture="sdit"), {"Alpha"}),
        (Filter(dataset="mnist"), {"Alpha", "gamma"}),
        (Filter(state="broken"), {"broken"}),
        (Filter(state="usable", dataset="kmnist"), {"beta"}),
    ],
)
def test_filters(four: list[Item], chosen: Filter, kept: set[str]) -> None:
    assert set(names(arranged(four, "name", chosen))) == kept


def test_the_library_needs_no_torch(models: Path) -> None:
    tiny.save(models / "a.safetensors", "sddpm")
    code = (
        "import sys; from pathlib import Path\n"
        "from spikestudio.checkpoints.library import Scan\n"
        "from spikestudio.checkpoints.library_cache import HeaderCache\n"
        "cache = HeaderCache(Path(sys.argv[1]) / 'headers.json')\n"
        "scan = Scan([Path(sys.argv[1])], cache=cache, is_complete=False)\n"
        "assert scan.advance() and scan.items[0].card is not None\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    subprocess.run([sys.executable, "-c", code, str(models)], check=True)
