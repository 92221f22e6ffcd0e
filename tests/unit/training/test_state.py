"""The file that a training run is resumed from."""

import errno
import re

import pytest
import torch

from spikestudio.errors import ExportError, TrainingError
from spikestudio.training import state
from spikestudio.training.state import STATE_FILE, load_state, save_state
from tests.unit.sampling.test_request import assert_one_sentence

POSITION = {"architecture": "sddpm", "stage": 1, "step": 7, "seconds": 1.5}


def tensors(value: float = 1.0) -> dict[str, dict[str, torch.Tensor]]:
    return {
        "network": {"a.weight": torch.full((2, 3), value), "a.count": torch.tensor(3)},
        "optimiser": {
            "0.exp_avg": torch.rand(4, 2, 3, 3).contiguous(memory_format=torch.channels_last)
        },
    }


def test_what_is_saved_comes_back(tmp_path):
    saved = tensors()
    save_state(tmp_path, position=POSITION, tensors=saved)
    position, loaded = load_state(tmp_path, expected={"architecture": "sddpm"})
    assert position == POSITION
    assert loaded.keys() == saved.keys()
    for group in saved:
        assert loaded[group].keys() == saved[group].keys()
        for name in saved[group]:
            assert torch.equal(loaded[group][name], saved[group][name])
            assert loaded[group][name].dtype == saved[group][name].dtype


def test_a_group_without_tensors_is_empty(tmp_path):
    save_state(tmp_path, position=POSITION, tensors={"network": {"a": torch.ones(1)}})
    assert load_state(tmp_path, expected={})[1]["optimiser"] == {}


def test_a_full_disk_leaves_the_old_state(tmp_path, monkeypatch):
    save_state(tmp_path, position=POSITION, tensors=tensors())

    def full(flat, path, metadata):
        path.write_bytes(b"half a file")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(state, "save_file", full)
        with pytest.raises(ExportError, match="disk is full"):
            save_state(tmp_path, position=POSITION | {"step": 8}, tensors=tensors(2.0))
    position, loaded = load_state(tmp_path, expected={})
    assert position["step"] == 7
    assert loaded["network"]["a.weight"][0, 0] == 1
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


def test_an_empty_folder_has_nothing_to_resume(tmp_path):
    with pytest.raises(TrainingError, match="nothing to resume in") as caught:
        load_state(tmp_path, expected={})
    assert_one_sentence(str(caught.value))


@pytest.mark.parametrize("content", [b"", b"garbage" * 50, b"\x10\0\0\0\0\0\0\0{}"])
def test_a_damaged_state_is_named(tmp_path, content):
    (tmp_path / STATE_FILE).write_bytes(content)
    with pytest.raises(TrainingError, match="cannot be read") as caught:
        load_state(tmp_path, expected={})
    assert str(tmp_path / STATE_FILE) in str(caught.value)


def test_a_file_of_something_else_is_named(tmp_path):
    state.save_file({"a": torch.ones(1)}, tmp_path / STATE_FILE)
    with pytest.raises(TrainingError, match="cannot be read"):
        load_state(tmp_path, expected={})


def test_a_state_of_another_run_is_refused(tmp_path):
    save_state(tmp_path, position=POSITION, tensors=tensors())
    expected = "was started with architecture 'sddpm', not 'sdit'"
    with pytest.raises(TrainingError, match=re.escape(expected)) as caught:
        load_state(tmp_path, expected={"architecture": "sdit"})
    assert_one_sentence(str(caught.value))
