import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spikestudio.cli.data import app
from spikestudio.data import fetch
from spikestudio.data.fetch import RemoteFile
from spikestudio.errors import DataError

CONTENT = b"images"
FILE = RemoteFile("a.gz", len(CONTENT), hashlib.md5(CONTENT).hexdigest(), ("http://127.0.0.1:9",))


def test_fetch_says_what_is_there_and_its_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fetch.SOURCES, "mnist", (FILE,))
    (tmp_path / "a.gz").write_bytes(CONTENT)
    done = CliRunner().invoke(app, ["fetch", "mnist", "--to", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert str(tmp_path / "a.gz") in done.output
    assert "CC BY-SA 3.0" in done.output


def test_fetch_fails_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fetch.SOURCES, "mnist", (FILE,))
    done = CliRunner().invoke(app, ["fetch", "mnist", "--to", str(tmp_path)])
    assert isinstance(done.exception, DataError)
    assert "http://127.0.0.1:9/a.gz" in str(done.exception)


def test_unknown_set_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["fetch", "imagenet", "--to", str(tmp_path)])
    assert isinstance(done.exception, DataError)
