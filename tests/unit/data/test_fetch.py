import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from spikestudio.data.fetch import SOURCES, RemoteFile, fetch_dataset, fetch_files
from spikestudio.errors import DataError, SpikeStudioError

CONTENT = bytes(range(256)) * 1024
NAME = "images.gz"


@dataclass
class Mirror:
    """What the server does, and what it was asked for."""

    url: str = ""
    content: bytes = CONTENT
    breaks_after: list[int] = field(default_factory=list)  # bytes sent, one per request
    knows_ranges: bool = True
    status: int = 200
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    state = Mirror()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            state.ranges.append(wanted)
            if state.status != 200:
                self.send_error(state.status)
                return
            start = int(wanted[6:-1]) if wanted and state.knows_ranges else 0
            payload = state.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            limit = state.breaks_after.pop(0) if state.breaks_after else len(payload)
            self.wfile.write(payload[:limit])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/set"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def remote(*mirrors: str, content: bytes = CONTENT) -> RemoteFile:
    return RemoteFile(NAME, len(content), hashlib.md5(content).hexdigest(), mirrors)


def test_fetches_with_progress(mirror: Mirror, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    folder = tmp_path / "new" / "folder"
    (path,) = fetch_files([remote(mirror.url)], folder, lambda *now: seen.append(now))
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in folder.iterdir()] == [NAME]
    assert [now[1] for now in seen] == sorted(now[1] for now in seen)
    assert seen[-1] == (NAME, len(CONTENT), len(CONTENT))


def test_good_file_is_not_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    fetch_files([remote(mirror.url)], tmp_path)
    assert mirror.ranges == []


def test_damaged_file_is_replaced(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT[:-1] + b"!")
    fetch_files([remote(mirror.url)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_broken_connection_is_resumed(mirror: Mirror, tmp_path: Path) -> None:
    mirror.breaks_after = [100_000, 50_000]
    fetch_files([remote(mirror.url)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert mirror.ranges == [None, "bytes=100000-", "bytes=150000-"]


def test_next_call_goes_on_where_the_last_gave_up(mirror: Mirror, tmp_path: Path) -> None:
    mirror.breaks_after = [10_000, 10_000, 10_000]
    with pytest.raises(DataError, match="broke off"):
        fetch_files([remote(mirror.url)], tmp_path)
    assert not (tmp_path / NAME).exists()
    fetch_files([remote(mirror.url)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert mirror.ranges[-1] == "bytes=30000-"


def test_server_without_ranges_starts_anew(mirror: Mirror, tmp_path: Path) -> None:
    mirror.knows_ranges = False
    mirror.breaks_after = [100_000]
    fetch_files([remote(mirror.url)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * len(CONTENT), CONTENT])
def test_leftover_of_another_download(mirror: Mirror, tmp_path: Path, left: bytes) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(left)
    fetch_files([remote(mirror.url)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert not (tmp_path / f"{NAME}.part").exists()


@pytest.mark.parametrize("content", [CONTENT[::-1], CONTENT * 2])
def test_wrong_content_is_refused(mirror: Mirror, tmp_path: Path, content: bytes) -> None:
    mirror.content = content
    with pytest.raises(DataError, match=r"images\.gz .*checksum differs"):
        fetch_files([remote(mirror.url)], tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(mirror.ranges) == 1


def test_missing_file_names_the_address(mirror: Mirror, tmp_path: Path) -> None:
    mirror.status = 404
    with pytest.raises(DataError, match=rf"{mirror.url}/{NAME}: 404"):
        fetch_files([remote(mirror.url)], tmp_path)


def test_second_mirror_is_tried(mirror: Mirror, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    fetch_files([remote(nowhere, mirror.url)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_folder_that_cannot_be_written(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpikeStudioError, match=r"file.*choose another"):
        fetch_files([remote(mirror.url)], tmp_path / "file")


def test_unknown_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"celeba64.*mnist"):
        fetch_dataset("celeba64", tmp_path)


@pytest.mark.parametrize("name", SOURCES)
def test_sources_are_complete(name: str) -> None:
    for file in SOURCES[name]:
        assert file.size_bytes > 0
        assert len(bytes.fromhex(file.md5)) == 16
        assert all(url.startswith("http") and url.endswith(file.name) for url in file.urls)
