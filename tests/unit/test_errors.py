from __future__ import annotations

from pathlib import Path

import pytest

from spikestudio import errors


def test_every_error_is_one_of_ours() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    ours = [each for each in classes if issubclass(each, Exception)]
    assert ours
    assert all(issubclass(each, errors.SpikeStudioError) for each in ours)


@pytest.mark.parametrize(
    "kind",
    [
        errors.UnsafeCheckpointError,
        errors.UnknownFormatError,
        errors.StateDictMismatchError,
    ],
)
def test_whatever_is_wrong_with_a_file_is_a_checkpoint_error(
    kind: type[errors.CheckpointError],
) -> None:
    error = kind("It is broken.", path=Path("x"))
    assert isinstance(error, errors.CheckpointError)
    assert (str(error), error.path) == ("It is broken.", Path("x"))


def test_details_for_programs_are_kept_apart_from_the_sentence() -> None:
    mismatch = errors.StateDictMismatchError("No.", missing=["a"], unexpected=["b"])
    assert (mismatch.missing, mismatch.unexpected, mismatch.mismatched) == (("a",), ("b",), ())
    assert errors.UnsafeCheckpointError("No.", wanted=["os.system"]).wanted == ("os.system",)
    assert errors.ConfigError("No.", field="steps").field == "steps"
    assert str(mismatch) == "No."
