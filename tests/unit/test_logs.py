from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from spikestudio import logs


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    logger = logging.getLogger("spikestudio")
    before = (logger.handlers[:], logger.propagate, logger.level)
    yield
    for handler in set(logger.handlers) - set(before[0]):
        handler.close()
    logger.handlers, logger.propagate, logger.level = before


def test_warnings_go_to_stderr_and_everything_to_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "spikestudio.log"
    logs.set_up(file)
    logs.set_up(file)  # once more, and still each message once
    logger = logging.getLogger("spikestudio.somewhere")
    logger.info("quiet")
    logger.warning("loud")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "WARNING: loud\n")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line.split(": ")[1] for line in lines] == ["quiet", "loud"]


def test_a_log_that_cannot_be_kept_is_no_obstacle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    logs.set_up(tmp_path / "file" / "spikestudio.log")
    assert "No log is kept" in capsys.readouterr().err
