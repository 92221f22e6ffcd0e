import json
import stat
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikestudio.errors import SpikeStudioError
from spikestudio.export.progress import ExportCancelledError
from spikestudio.recording.hdf5 import open_recording
from spikestudio.sessions import files, reading
from spikestudio.sessions.files import SessionError
from spikestudio.sessions.reading import has_recording, open_session
from spikestudio.sessions.writing import save_session
from tests.unit.sessions.made import made_session


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return made_session(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def saved(session, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "two.spikestudio"
    save_session(path, session)
    return path


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def written(path, parts, stored=("recording.h5",)):
    """A zip of these parts, as a stranger may make one."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            kind = zipfile.ZIP_STORED if name.endswith(stored) else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), data, kind)
    return path


def refused(path):
    with pytest.raises(SessionError) as error:
        open_session(path)[1].close()
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def changed(saved, tmp_path, name, change):
    """The same session with one JSON part changed in place."""
    parts = members(saved)
    values = json.loads(parts[name])
    change(values)
    parts[name] = json.dumps(values).encode()
    return written(tmp_path / "changed.spikestudio", parts)


# what is saved comes back -------------------------------------------------------------------


def test_a_session_comes_back_as_it_was(session, saved):
    found, source = open_session(saved)
    source.close()
    assert (found.name, found.note) == (session.name, session.note)
    assert found.sampler == session.sampler
    assert found.model == session.model
    assert found.place == session.place
    assert [run.key for run in found.runs] == [1, 2]
    for before, after in zip(session.runs, found.runs, strict=True):
        for name in files.ARRAYS:
            one, other = getattr(before, name), getattr(after, name)
            assert (one is None) == (other is None)
            assert one is None or (
                np.array_equal(one, other, equal_nan=True) and one.dtype == other.dtype
            )
        for name in ("number", "parent", "state", "ended_at", "seconds", "is_pinned", "note"):
            assert getattr(before, name) == getattr(after, name)
        assert after.origin == json.loads(json.dumps(before.origin))
        assert after.layers == before.layers
        assert after.result.images is not None
        assert after.result.thresholds == (1.0,) * 3


def test_recordings_come_back_byte_for_byte(session, saved, tmp_path):
    found, source = open_session(saved)
    for run in session.runs:
        assert has_recording(source, run.key)
        target = tmp_path / f"{run.key}.h5"
        assert source.unpack(files.member(run.key, files.RECORDING), target, lambda: False)
        assert target.read_bytes() == run.recording.read_bytes()
        recording = open_recording(target)
        assert recording.steps_done == 3
        recording.close()
    source.close()
    assert [run.recording for run in found.runs] == [None, None]


def test_unpacking_that_is_given_up_leaves_nothing(saved, tmp_path):
    source = open_session(saved)[1]
    target = tmp_path / "x.h5"
    assert not source.unpack(files.member(1, files.RECORDING), target, lambda: True)
    assert not target.exists()
    source.close()


def test_pinned_recordings_are_kept_and_others_as_far_as_they_fit(session, tmp_path):
    saved = save_session(tmp_path / "x.spikestudio", session, limit_mb=0)
    assert saved.kept == ("run 2",)
    assert saved.left_out == ("run 1",)
    found, source = open_session(saved.path)
    source.close()
    assert "limit" in found.runs[0].left_out
    assert found.runs[1].left_out == ""


def test_the_file_holds_no_weights_and_no_time_of_its_members(saved):
    assert {name.rsplit("/", 1)[-1] for name in members(saved)} == {
        "session.json", "run.json", "images.npy", "rates.npy", "thumbnail.npy", "tokens.npy",
        "recording.h5",
    }  # fmt: skip
    with zipfile.ZipFile(saved) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_save_that_is_cancelled_leaves_the_old_file(session, tmp_path):
    path = tmp_path / "x.spikestudio"
    path.write_bytes(b"old")
    with pytest.raises(ExportCancelledError):
        save_session(path, session, is_cancelled=lambda: True)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["x.spikestudio"]


def test_what_is_not_known_is_ignored(saved, tmp_path):
    parts = members(saved)
    manifest = json.loads(parts["session.json"]) | {"of_the_future": {"a": [1]}}
    parts |= {"session.json": json.dumps(manifest).encode(), "extra/notes.txt": b"hello"}
    found, source = open_session(written(tmp_path / "x.spikestudio", parts))
    source.close()
    assert len(found.runs) == 2


# versions -----------------------------------------------------------------------------------


def test_a_newer_version_says_what_to_do(saved, tmp_path):
    path = changed(saved, tmp_path, "session.json", lambda v: v.update(schema_version=7))
    assert "version 7" in refused(path)
    assert "update SpikeStudio" in refused(path)


@pytest.mark.parametrize("version", [None, -1, "1", 1.5, True])
def test_a_version_that_never_was_is_refused(saved, tmp_path, version):
    refused(changed(saved, tmp_path, "session.json", lambda v: v.update(schema_version=version)))


def test_version_0_is_brought_up_to_date():
    path = Path(__file__).parents[2] / "data" / "session-version-0.spikestudio"
    found, source = open_session(path)
    source.close()
    assert found.note == ""
    assert found.place.layout == "Teach"
    assert (found.sampler.num, found.sampler.steps, found.sampler.snn_steps) == (4, 20, 3)
    assert [run.state for run in found.runs] == ["finished", "cancelled"]
    assert [run.is_pinned for run in found.runs] == [True, False]
    assert found.runs[1].parent == 1
    assert found.runs[0].result.images.shape == (2, 8, 8, 1)


# hostile files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "/etc/evil", "runs/../../evil", "C:/evil", "runs\\0001\\x", "a\x01b", "~/x"),
        *("runs//x", "./x", "runs/./x", ".hidden", "a" * 3 + "/" * 9),
    ],
)
def test_unsafe_names_are_refused(saved, tmp_path, name):
    parts = members(saved) | {name: b"x"}
    assert "unsafe" in refused(written(tmp_path / "x.spikestudio", parts))


def test_repeated_names_are_refused(saved, tmp_path):
    path = written(tmp_path / "x.spikestudio", members(saved))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("session.json", b"{}")
    assert "twice" in refused(path)


def test_names_that_differ_in_case_only_are_refused(saved, tmp_path):
    parts = members(saved) | {"Session.json": b"{}"}
    assert "twice" in refused(written(tmp_path / "x.spikestudio", parts))


def test_links_and_devices_are_refused(saved, tmp_path):
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR):
        path = written(tmp_path / "x.spikestudio", members(saved))
        with zipfile.ZipFile(path, "a") as archive:
            info = zipfile.ZipInfo("runs/0001/link")
            info.external_attr = (kind | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
        assert "link or a device" in refused(path)


def test_bombs_are_refused_before_they_are_read(saved, tmp_path, monkeypatch):
    parts = members(saved) | {"session.json": b"[" + b"0," * (files.MAX_JSON // 2) + b"0]"}
    assert "larger than any" in refused(written(tmp_path / "x.spikestudio", parts))
    monkeypatch.setattr(files, "MAX_ARRAYS", 100_000)
    parts = members(saved) | {f"extra/{k}": bytes(60_000) for k in range(3)}
    assert "more than any" in refused(written(tmp_path / "y.spikestudio", parts))


def test_a_compressed_recording_could_grow_and_is_refused(saved, tmp_path):
    path = written(tmp_path / "x.spikestudio", members(saved), stored=("nothing",))
    assert "compressed" in refused(path)


def test_sizes_that_lie_are_refused(saved, tmp_path):
    data = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        size = archive.getinfo("session.json").file_size
    place = data.rindex(b"PK\x01\x02" + b"", 0, data.rindex(b"session.json"))
    assert struct.unpack_from("<I", data, place + 24)[0] == size
    for lie in (1, size - 1, size + 1, 2**31):
        struct.pack_into("<I", data, place + 24, lie)
        path = tmp_path / "x.spikestudio"
        path.write_bytes(data)
        refused(path)


def test_too_many_members_are_refused(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_MEMBERS", 5)
    refused(saved)


def test_encrypted_truncated_and_other_files_are_refused(saved, tmp_path):
    data = saved.read_bytes()
    path = tmp_path / "x.spikestudio"
    encrypted = bytearray(data)
    place = encrypted.index(b"PK\x01\x02")
    encrypted[place + 8] |= 1
    for bad in (
        encrypted,
        data[:-30],
        data[: len(data) // 2],
        data[500:],
        b"",
        b"no zip",
        b"PK\x05\x06",
    ):
        path.write_bytes(bytes(bad))
        refused(path)
    assert "no such file" in refused(tmp_path / "none.spikestudio")
    refused(tmp_path)


def test_deeply_nested_and_strange_json_is_refused(saved, tmp_path):
    parts = members(saved)
    for text in (b"[" * 100_000, b'{"a":' * 3000 + b"1" + b"}" * 3000, b"[1]", b"\xff", b"NaN",
                 b'{"schema_version": 1e999}'):  # fmt: skip
        refused(written(tmp_path / "x.spikestudio", parts | {"session.json": text}))
        refused(written(tmp_path / "x.spikestudio", parts | {"runs/0001/run.json": text}))


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.pop("origin"),
        lambda v: v["origin"].update(schema_version=2),
        lambda v: v["origin"]["request"].update(num=10**9),
        lambda v: v["origin"]["request"].update(steps=-1),
        lambda v: v["origin"]["request"].update(num=3),
        lambda v: v["origin"].update(timesteps=[1]),
        lambda v: v.update(key=7),
        lambda v: v.update(parent=1),
        lambda v: v.update(state="dreaming"),
        lambda v: v.update(ended_at="yesterday"),
        lambda v: v.update(layers=[]),
        lambda v: v["layers"].pop(),
        lambda v: v.update(note=5),
        lambda v: v["origin"]["checkpoint"].update(name="a\nb"),
    ],
    ids=range(14),
)
def test_runs_that_are_not_whole_are_refused(saved, tmp_path, change):
    refused(changed(saved, tmp_path, "runs/0001/run.json", change))


def test_arrays_that_are_not_as_written_are_refused(saved, tmp_path):
    from io import BytesIO

    parts = members(saved)

    def npy(array, **options):
        file = BytesIO()
        np.lib.format.write_array(file, array, **options)
        return file.getvalue()

    images = np.zeros((2, 8, 8, 1), np.uint8)
    for data in (
        npy(np.array([object()]), allow_pickle=True),
        npy(images, version=(2, 0)),
        npy(images.astype(np.float32)),
        npy(np.asfortranarray(np.zeros((2, 8, 8, 3), np.uint8))),
        npy(images)[:-1],
        npy(images) + b"x",
        npy(images[:1]),
        npy(np.zeros((2, 8, 8, 2), np.uint8)),
        b"\x93NUMPY\x01\x00\x05\x00(((((",
    ):
        refused(written(tmp_path / "x.spikestudio", parts | {"runs/0001/images.npy": data}))


def test_a_parent_that_is_not_there_is_no_parent(saved, tmp_path):
    path = changed(saved, tmp_path, "session.json", lambda v: v.update(runs=[2]))
    found, source = open_session(path)
    source.close()
    assert [run.parent for run in found.runs] == [None]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_change_of_bytes_is_refused_or_harmless(saved, tmp_path, data):
    """Nothing but ``SessionError`` comes out, and no file appears beside the one that is opened."""
    original = saved.read_bytes()
    changed = bytearray(original)
    head = st.integers(0, len(original) - 1)
    tail = st.integers(len(original) - 1200, len(original) - 1)  # the directory
    for place in data.draw(st.lists(st.one_of(head, tail), min_size=1, max_size=6)):
        changed[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        changed = changed[: data.draw(st.integers(0, len(changed)))]
    path = tmp_path / "x.spikestudio"
    path.write_bytes(bytes(changed))
    target = tmp_path / "out.h5"
    try:
        found, source = open_session(path)
    except SpikeStudioError:
        pass
    else:
        for run in found.runs:
            if has_recording(source, run.key):
                try:
                    source.unpack(files.member(run.key, files.RECORDING), target, lambda: False)
                    open_recording(target).close()
                except SpikeStudioError:
                    pass
                target.unlink(missing_ok=True)
        source.close()
    assert [each.name for each in tmp_path.iterdir()] == ["x.spikestudio"]


def test_the_schema_is_itself_valid():
    reading._validator("manifest").check_schema(reading._validator("run").schema)


def test_a_run_without_recording_says_so(session, tmp_path):
    bare = replace(session, runs=tuple(replace(run, recording=None) for run in session.runs))
    found, source = open_session(save_session(tmp_path / "x.spikestudio", bare).path)
    assert not has_recording(source, 1)
    source.close()
    assert found.runs[0].left_out == "It has no recording."
