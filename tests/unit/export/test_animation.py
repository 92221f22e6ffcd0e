from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import animation
from spikestudio.export.animation import ExportCancelledError, Timing, save_animation
from spikestudio.export.choice import choose
from spikestudio.export.frames import Scene
from spikestudio.export.metadata import read_provenance, sidecar
from tests.unit.export.recordings import LAYERS, ORIGIN, Known

RUN = Known()
STEPS = range(5)


def scene(**more: object) -> Scene:
    facts: dict[str, object] = {"recording": RUN, "steps": STEPS, "height": 160, **more}
    return Scene(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".gif", ".png", ".apng", ".webp"])
def test_every_step_is_a_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    seen: list[tuple[int, int]] = []
    timing = Timing(fps=5, hold=1.5)
    save_animation(path, scene(), timing, ORIGIN, progress=lambda *at: seen.append(at))
    assert seen == [(k + 1, 5) for k in range(5)]
    assert read_provenance(path) == ORIGIN
    drawn = list(scene().frames())
    with Image.open(path) as moving:
        assert moving.n_frames == 5
        assert moving.info["loop"] == 0
        durations = []
        for frame, known in zip(ImageSequence.Iterator(moving), drawn, strict=True):
            frame.load()
            durations.append(frame.info["duration"])
            difference = np.abs(np.asarray(frame.convert("RGB")).astype(int) - np.asarray(known))
            assert difference.max() <= (40 if suffix == ".gif" else 0)
    assert durations == pytest.approx([200] * 4 + [1700])


def test_an_animation_may_play_once(tmp_path: Path) -> None:
    save_animation(tmp_path / "a.gif", scene(), Timing(loop=False), ORIGIN)
    with Image.open(tmp_path / "a.gif") as moving:
        assert "loop" not in moving.info


def test_frames_show_the_recorded_pixels_and_hide_the_future() -> None:
    frames = [np.asarray(frame) for frame in scene().frames()]
    assert len({frame.shape for frame in frames}) == 1
    assert all(side % 2 == 0 for side in frames[0].shape[:2])
    chosen = choose(RUN, LAYERS[0], STEPS, rows=12)
    beside = scene(parts=("raster", "membrane"), chosen=chosen, height=300)
    shown = [np.asarray(frame.convert("L")) for frame in beside.frames()]
    panel = shown[0].shape[1] - round(300 * 1.35)
    ink = [int((frame[:, panel:] < 100).sum()) for frame in shown]
    assert ink[-1] > ink[2] > ink[0] > 0


def test_token_maps_are_part_of_the_frames() -> None:
    run = Known(has_tokens=True)
    frames = list(Scene(recording=run, steps=STEPS, height=240, parts=("tokens",)).frames())
    assert len(frames) == 5
    assert len({frame.tobytes() for frame in frames}) == 5


def test_cancelling_leaves_nothing_behind(tmp_path: Path) -> None:
    done: list[int] = []
    with pytest.raises(ExportCancelledError, match="cancelled"):
        save_animation(
            tmp_path / "a.gif",
            scene(),
            Timing(),
            ORIGIN,
            progress=lambda k, _: done.append(k),
            is_cancelled=lambda: len(done) == 3,
        )
    assert done == [1, 2, 3]
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportError, match=r"\.avi"):
        save_animation(tmp_path / "a.avi", scene(), Timing(), ORIGIN)
    monkeypatch.setattr(animation, "_MEMORY", 1000)
    with pytest.raises(ExportError, match="too many"):
        save_animation(tmp_path / "a.webp", scene(), Timing(), ORIGIN)
    monkeypatch.setattr(animation, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"spikestudio\[video\]"):
        save_animation(tmp_path / "a.mp4", scene(), Timing(), ORIGIN)
    assert not list(tmp_path.iterdir())
    for wrong in ({"fps": 0}, {"fps": 100}, {"hold": -1}):
        with pytest.raises(ConfigError):
            Timing(**wrong)
    with pytest.raises(ConfigError, match="pixels"):
        scene(height=5)


@pytest.mark.skipif(
    importlib.util.find_spec("imageio_ffmpeg") is None, reason="the extra video is not installed"
)
def test_videos_have_a_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    save_animation(path, scene(), Timing(fps=5, hold=1), ORIGIN)
    assert path.read_bytes()[4:8] == b"ftyp"
    assert sidecar(path).is_file()
    assert read_provenance(path) == ORIGIN
