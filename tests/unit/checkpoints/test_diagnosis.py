"""The checkpoint doctor: everything that is wrong with a file in one table, mended and reported."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from spikestudio.checkpoints.building import checked_tensors
from spikestudio.checkpoints.contents import open_checkpoint
from spikestudio.checkpoints.diagnosis import Diagnosis, diagnose
from spikestudio.checkpoints.loader import load
from spikestudio.checkpoints.official import Choices
from spikestudio.checkpoints.safetensors_io import save
from spikestudio.errors import (
    CheckpointError,
    ConfigError,
    StateDictMismatchError,
    UnsafeCheckpointError,
)
from tests.unit.checkpoints import tiny
from tests.unit.checkpoints.hostile import Bomb
from tests.unit.checkpoints.official_files import CONFIGS, State, make_network, with_prefix, write

OLD, NEW = "upblocks.0.temb_projection.1.bias", "upblocks.0.temb_proj.1.bias"


def damaged(folder: Path) -> Path:
    """An SDDPM file with one of everything that can be wrong."""

    def damage(state: State) -> State:
        state = {name: value.clone() for name, value in state.items()}
        del state["bn.weight"]
        state["stranger"] = torch.zeros(3)
        state["conv.bias"] = torch.zeros(5)
        state[OLD] = state.pop(NEW)
        state["tail_conv.bias"][0] = math.nan
        state["time_embedding.timembedding.0.weight"][7, 1] += 0.5
        return with_prefix("module.")(state)

    return write(folder, "sddpm", make_network("sddpm"), change=damage)


def table(found: Diagnosis) -> set[tuple[str, str]]:
    return {(row.kind, row.name) for row in found.rows() if row.kind != "renamed"}


def rename_in(path: Path, old: str, new: str) -> None:
    """Give a tensor in one of our files another name."""
    header, tensors = tiny.split(path)
    header[new] = header.pop(old)
    tiny.join(path, header, tensors)


def test_everything_wrong_is_in_one_table(tmp_path: Path) -> None:
    found = diagnose(damaged(tmp_path))
    assert table(found) == {
        ("missing", "bn.weight"),
        ("missing", NEW),
        ("unexpected", "stranger"),
        ("unexpected", OLD),
        ("wrong shape", "conv.bias"),
        ("not finite", "tail_conv.bias"),
        ("wrong constant", "time_embedding.timembedding.0.weight"),
        ("likely rename", OLD),
    }
    notes = {row.kind for row in found.rows() if not row.is_error}
    assert notes == {"likely rename", "renamed"}
    assert not found.is_usable
    assert isinstance(found.error, StateDictMismatchError)
    shape = next(row for row in found.rows() if row.kind == "wrong shape")
    assert shape.details == "F32[5], not F32[4]"


def test_a_rename_is_accepted_and_the_rest_stays(tmp_path: Path) -> None:
    before = diagnose(damaged(tmp_path))
    after = before.accepting({OLD: NEW})
    gone = {("missing", NEW), ("unexpected", OLD), ("likely rename", OLD)}
    assert table(after) == table(before) - gone
    assert after.choices.renames == {OLD: NEW}
    assert table(before.accepting_likely()) == table(after)


@pytest.mark.parametrize("kind", CONFIGS)
def test_names_that_were_spelt_otherwise_are_mended(tmp_path: Path, kind: str) -> None:
    network = make_network(kind)

    def misspelt(state: State) -> State:
        names = [name for name in state if name.endswith("bias")][::3]
        return {
            f"{name[:-4]}bais" if name in names else name: value for name, value in state.items()
        }

    path = write(tmp_path, kind, network, change=misspelt)
    found = diagnose(path)
    assert not found.is_usable
    mended = found.accepting_likely()
    assert mended.is_usable
    state = load(path, choices=mended.choices).network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_a_full_stop_renames_all_names_that_begin_so(tmp_path: Path) -> None:
    network = make_network("sddpm")

    def moved(state: State) -> State:
        return {name.replace("middleblocks.", "middle."): value for name, value in state.items()}

    path = write(tmp_path, "sddpm", network, change=moved)
    found = diagnose(path, None, Choices(renames={"middle.": "middleblocks."}))
    assert found.is_usable
    assert sum(row.kind == "renamed" for row in found.rows()) > 10


def test_a_module_around_the_network_is_seen_through(tmp_path: Path) -> None:
    for kind in CONFIGS:
        network = make_network(kind)
        path = write(tmp_path / kind, kind, network, change=with_prefix("trainer.unet."))
        state = load(path).network.state_dict()
        assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_a_rename_of_what_is_not_there_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "spiking-diffusion", make_network("spiking-diffusion"))
    with pytest.raises(ConfigError, match="no tensor 'nobody'"):
        diagnose(path, None, Choices(renames={"nobody": "memout.coef"}))
    with pytest.raises(ConfigError, match="same name"):
        diagnose(path).accepting({"vq_layer.memout.coef": "memout.coef"})


@pytest.mark.parametrize("architecture", tiny.CONFIGS)
def test_our_own_files_are_mended_too(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "model.safetensors"
    network = tiny.save(path, architecture)
    name = next(each for each in network.state_dict() if each.endswith("weight"))
    rename_in(path, name, f"{name}s")
    found = diagnose(path)
    assert ("likely rename", f"{name}s") in table(found)
    assert ("wrong checksum", "") in table(found)
    with pytest.raises(StateDictMismatchError):
        load(path)
    mended = found.accepting_likely()
    assert mended.is_usable  # the checksum is that of the right names
    assert mended.choices.renames == {f"{name}s": name}
    contents = open_checkpoint(path, None, mended.choices)
    out = tmp_path / "mended.safetensors"
    save(out, checked_tensors(contents), contents.card)
    state = load(out).network.state_dict()
    assert torch.equal(state[name], network.state_dict()[name])


def test_a_flipped_bit_of_ours_is_a_row(checkpoint: Path) -> None:
    data = bytearray(checkpoint.read_bytes())
    data[-3] ^= 1
    checkpoint.write_bytes(data)
    found = diagnose(checkpoint)
    assert ("wrong checksum", "") in table(found)
    assert not found.is_usable
    assert "SHA-256" in str(found.error)


def test_a_sound_file_has_no_rows(checkpoint: Path) -> None:
    found = diagnose(checkpoint)
    assert found.rows() == []
    assert found.is_usable
    assert "all as the network needs them" in found.to_text()


@pytest.mark.parametrize("kind", CONFIGS)
def test_float64_is_rounded_with_a_note(tmp_path: Path, kind: str) -> None:
    network = make_network(kind)

    def doubled(state: State) -> State:
        return {
            name: value.double() + 1e-12 if value.is_floating_point() else value.int()
            for name, value in state.items()
        }

    path = write(tmp_path, kind, network, change=doubled)
    found = diagnose(path)
    assert found.is_usable
    floating = [each for each in network.state_dict().values() if each.is_floating_point()]
    assert table(found) == {("rounded", f"{len(floating)} tensors")}
    model = load(path)
    for name, value in network.state_dict().items():
        loaded = model.network.state_dict()[name]
        assert loaded.dtype == value.dtype
        torch.testing.assert_close(loaded, value, rtol=1e-6, atol=1e-6)
    contents = open_checkpoint(path)
    out = tmp_path / "ours.safetensors"
    save(out, checked_tensors(contents), contents.card)
    assert {info.dtype for info in open_checkpoint(out).tensors.values()} <= {"F32", "I64"}


def test_float64_beyond_float32_is_not_finite(tmp_path: Path) -> None:
    path = write(
        *(tmp_path, "sddpm", make_network("sddpm")),
        change=lambda state: state | {"conv.bias": state["conv.bias"].double() + 1e300},
    )
    assert ("not finite", "conv.bias") in table(diagnose(path))


@pytest.mark.parametrize("switch", ["", "1"])
@pytest.mark.parametrize("old", [False, True])
def test_all_that_a_file_wants_to_run_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str, old: bool
) -> None:
    for name in ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"):
        monkeypatch.setenv(name, switch if "NO" in name else "0")
    path, crater = tmp_path / "x.pt", tmp_path / "crater"
    wanted: list[Any] = [Bomb(crater), os.system, eval, print, Path("/etc"), complex(1, 2)]
    state = make_network("sddpm").state_dict()
    torch.save({"net_model": state, "more": wanted}, path, _use_new_zipfile_serialization=not old)
    found = diagnose(path)
    assert isinstance(found.error, UnsafeCheckpointError)
    names = {row.name for row in found.rows()}
    assert {row.kind for row in found.rows()} == {"would run"}
    assert len(names) >= 5
    assert {"mkdir", "system", "eval", "print"} <= {name.rpartition(".")[2] for name in names}
    assert not crater.exists()
    for name in names:
        assert name in found.to_text()
    with pytest.raises(UnsafeCheckpointError):
        load(path)
    assert not crater.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02K\x03.", b"nothing of the sort"])
def test_what_cannot_be_read_is_one_row(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    found = diagnose(path)
    assert [row.kind for row in found.rows()] == ["unreadable"]
    assert isinstance(found.error, CheckpointError)
    assert found.to_json()["findings"] is None


@pytest.mark.parametrize("suffix", [".json", ".txt"])
def test_reports_are_saved(tmp_path: Path, suffix: str) -> None:
    found = diagnose(damaged(tmp_path)).accepting({OLD: NEW})
    report = tmp_path / f"report{suffix}"
    found.save(report)
    text = report.read_text(encoding="utf-8")
    if suffix == ".json":
        values = json.loads(text)
        assert values == found.to_json()
        assert values["renames"] == {OLD: NEW}
        assert values["usable"] is False
        assert len(values["rows"]) == len(found.rows())
        assert values["findings"]["missing"] == ["bn.weight"]
    else:
        for row in found.rows():
            assert any(row.kind in line and row.name in line for line in text.splitlines())
        assert f"{OLD} = {NEW}" in text
    with pytest.raises(ConfigError, match=r"\.json or \.txt"):
        found.save(tmp_path / "report.pdf")


def test_names_that_differ_in_their_beginning_are_one_row_for_readers(tmp_path: Path) -> None:
    found = diagnose(damaged(tmp_path))
    assert found.findings is not None
    brief = [row for row in found.brief_rows() if row.kind == "renamed"]
    number = len(found.findings.renamed)
    assert [(row.name, row.details) for row in brief] == [("module.*", f"*, {number} tensors")]
    others = [row for row in found.rows() if row.kind != "renamed"]
    assert [row for row in found.brief_rows() if row.kind != "renamed"] == others
    assert sum(row.kind == "renamed" for row in found.rows()) == number > 1


def test_two_halves_and_a_single_rename_are_told_apart(tmp_path: Path) -> None:
    found = diagnose(write(tmp_path, "spiking-diffusion", make_network("spiking-diffusion")))
    assert found.is_usable
    names = [(row.name, row.details.partition(",")[0]) for row in found.brief_rows()]
    assert names == [("*", "vqsvae.*"), ("*", "sdid.*")]

    def renamed(state: State) -> State:
        return {OLD if name == NEW else name: value for name, value in state.items()}

    path = write(tmp_path / "alone", "sddpm", make_network("sddpm"), change=renamed)
    one = diagnose(path, None, Choices(renames={OLD: NEW}))
    assert [(row.name, row.details) for row in one.brief_rows()] == [(OLD, NEW)]


def test_the_advice_fits_what_was_found(tmp_path: Path) -> None:
    def renamed(state: State) -> State:
        return {OLD if name == NEW else name: value for name, value in state.items()}

    def without(state: State) -> State:
        return {name: value for name, value in state.items() if name != NEW}

    def poisoned(state: State) -> State:
        return {
            name: torch.full_like(value, math.nan) if name == "conv.bias" else value
            for name, value in state.items()
        }

    said = {}
    for change in (renamed, without, poisoned):
        path = write(tmp_path / change.__name__, "sddpm", make_network("sddpm"), change=change)
        said[change.__name__] = str(diagnose(path).error)
    assert "only be named otherwise" in said["renamed"]
    assert "get the file again" in said["without"]
    assert "only be named otherwise" not in said["without"]
    assert "in 1 tensor (conv.bias)" in said["poisoned"]


def test_a_file_that_is_of_no_kind_is_not_called_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "notes.pt"
    path.write_text("My notes on the training.")
    assert "neither a safetensors nor a PyTorch file" in str(diagnose(path).error)


def test_weights_without_entries_have_none_to_choose(tmp_path: Path) -> None:
    path = write(tmp_path, "sddpm", make_network("sddpm"), bare=True)
    with pytest.raises(ConfigError, match="one set of weights without entries"):
        diagnose(path, None, Choices(part="ema_model"))
