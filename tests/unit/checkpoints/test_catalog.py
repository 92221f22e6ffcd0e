from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spikestudio import paths
from spikestudio.checkpoints.catalog import list_checkpoints, resolve
from spikestudio.errors import CheckpointError
from tests.unit.checkpoints import tiny
from tests.unit.checkpoints.official_files import make_network, write


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    bundled, own = tmp_path / "bundled", tmp_path / "own"
    bundled.mkdir()
    own.mkdir()
    monkeypatch.setattr(paths, "bundled_checkpoints", lambda: bundled)
    monkeypatch.setattr(paths, "user_checkpoints", lambda: own)
    return bundled, own


def test_good_and_broken_files_are_listed(folders: tuple[Path, Path]) -> None:
    bundled, own = folders
    tiny.save(bundled / "sddpm-mnist.safetensors", "sddpm")
    tiny.save(own / "mine.safetensors", "sdit")
    (own / "broken.safetensors").write_bytes(b"nonsense")
    (own / "notes.txt").write_text("not a checkpoint")
    (own / "folder.safetensors").mkdir()
    good, broken, folder, mine = list_checkpoints()
    assert (good.name, good.is_bundled, good.error) == ("sddpm-mnist", True, None)
    assert good.card is not None
    assert good.card.architecture == "sddpm"
    assert good.size_bytes == good.path.stat().st_size
    assert good.num_parameters > 1000
    assert (broken.name, broken.card) == ("broken", None)
    assert broken.error is not None
    assert "not a safetensors file" in broken.error
    assert folder.error is not None
    assert (mine.name, mine.is_bundled) == ("mine", False)


def test_bundled_files_stand_by_data_set(folders: tuple[Path, Path]) -> None:
    bundled, _ = folders
    tiny.save(bundled / "a.safetensors", "sddpm", dataset="fashion-mnist")
    tiny.save(bundled / "c.safetensors", "sdit", dataset="mnist")
    tiny.save(bundled / "b.safetensors", "sddpm", dataset="mnist")
    (bundled / "aa.safetensors").write_bytes(b"nonsense")
    assert [entry.name for entry in list_checkpoints()] == ["b", "c", "a", "aa"]


def test_official_files_are_listed(folders: tuple[Path, Path]) -> None:
    _, own = folders
    network = make_network("sdit")
    write(own, "sdit", network, bare=True).rename(own / "theirs.pt")
    (own / "broken.pth").write_bytes(b"\x80\x02")
    broken, official = list_checkpoints()
    assert broken.error is not None
    assert official.card is not None
    assert (official.name, official.card.architecture) == ("theirs", "sdit")
    assert official.num_parameters == sum(each.numel() for each in network.state_dict().values())
    assert resolve("theirs") == own / "theirs.pt"


def test_no_folder_means_no_entries(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        folder.rmdir()
    assert list_checkpoints() == []


def test_a_name_or_a_path_is_resolved(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled, own = folders
    for folder in folders:
        tiny.save(folder / "same.safetensors", "sddpm")
    tiny.save(own / "mine.safetensors", "sddpm")
    assert resolve("same") == bundled / "same.safetensors"
    assert resolve("mine") == own / "mine.safetensors"
    assert resolve(own / "same.safetensors") == own / "same.safetensors"
    monkeypatch.chdir(own)
    assert resolve("same.safetensors") == Path("same.safetensors")


def test_an_unknown_name_lists_the_known_ones(folders: tuple[Path, Path]) -> None:
    tiny.save(folders[0] / "sddpm-mnist.safetensors", "sddpm")
    with pytest.raises(CheckpointError, match=r"'sddpm-minst': .* one of sddpm-mnist\."):
        resolve("sddpm-minst")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        resolve(folders[0] / "no.safetensors")


def test_the_catalogue_needs_no_torch(tmp_path: Path) -> None:
    tiny.save(tmp_path / "a.safetensors", "sddpm")
    write(tmp_path, "sdit", make_network("sdit"), bare=True).rename(tmp_path / "b.pt")
    code = (
        "import sys; from pathlib import Path\n"
        "from spikestudio import paths; paths.bundled_checkpoints = lambda: Path(sys.argv[1])\n"
        "from spikestudio.checkpoints.catalog import list_checkpoints\n"
        "assert all(entry.card is not None for entry in list_checkpoints())\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
