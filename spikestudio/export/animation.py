"""Animations of a recorded run: GIF, APNG and WebP through pillow, MP4 through imageio-ffmpeg."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from spikestudio.atomic import atomic_files
from spikestudio.errors import ConfigError, ExportError
from spikestudio.export.frames import Scene
from spikestudio.export.images import write_picture
from spikestudio.export.metadata import files_of, fill_sidecar, picture_options
from spikestudio.export.progress import ExportCancelledError, Progress
from spikestudio.language import tr

FORMATS = {".gif": "GIF", ".png": "PNG", ".apng": "PNG", ".webp": "WEBP", ".mp4": "MP4"}

_BROKE_OFF = "ffmpeg broke off"
_NEAR = 10  # levels from black or white
_MEMORY = 512 * 1024 * 1024  # bytes of frames that pillow keeps until it writes
_BYTES = {"GIF": 1, "PNG": 3, "WEBP": 3, "MP4": 0}  # of a pixel that stay in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How fast an animation runs; raises ``ConfigError``.

    Parameters
    ----------
    fps
        Denoising steps per second.
    hold
        Seconds that the last frame stays.
    loop
        Whether it begins again at its end; an MP4 leaves that to the player.
    """

    fps: float = 8.0
    hold: float = 2.0
    loop: bool = True

    def __post_init__(self) -> None:
        if not 0.1 <= self.fps <= 50:
            raise ConfigError(tr("The frame rate must be 0.1 to 50 per second."), field="fps")
        if not 0 <= self.hold <= 60:
            raise ConfigError(tr("The last frame can stay 0 to 60 seconds."), field="hold")

    def durations(self, frames: int) -> list[int]:
        """Milliseconds of every frame; those of a GIF are rounded to hundredths of a second."""
        each = max(20, round(1000 / self.fps))
        return [*[each] * (frames - 1), each + round(self.hold * 1000)]


def check_animation(path: Path | str) -> str:
    """Pillow's name of the format, or MP4; raises ``ExportError`` if it cannot be written here."""
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ExportError(
            tr(
                "Cannot write {path}: an animation must end in {formats}.",
                path=path,
                formats=", ".join(FORMATS),
            ),
            path=path,
        )
    if kind == "MP4" and not _has_ffmpeg():
        raise ExportError(
            tr(
                "MP4 needs the package imageio-ffmpeg, which is not installed or finds no "
                "ffmpeg: install "
                "spikestudio[video], or write a .gif, .png or .webp."
            ),
            path=path,
        )
    return kind


def _has_ffmpeg() -> bool:
    if find_spec("imageio_ffmpeg") is None:
        return False
    imageio_ffmpeg = import_module("imageio_ffmpeg")
    try:
        imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:  # the package without its program
        return False
    return True


def save_animation(
    path: Path | str,
    scene: Scene,
    timing: Timing,
    provenance: Mapping[str, Any],
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> None:
    """Write an animation with its provenance.

    Parameters
    ----------
    path
        Its name says the format: ``.gif``, ``.png`` (APNG), ``.webp`` or ``.mp4``.
    scene
        What the frames show.
    timing
        How fast they follow.
    provenance
        Stored in the file; that of an MP4 in its sidecar.
    progress
        Called after each frame with those drawn and their number.
    is_cancelled
        Asked before each frame.

    Raises
    ------
    ExportCancelledError
        ``is_cancelled`` said so.
    ExportError
        The file cannot be written, or would need too much memory.
    """
    path = Path(path)
    kind = check_animation(path)
    frames = _watched(scene, progress, is_cancelled, path)
    first = next(frames)
    needed = first.width * first.height * len(scene.steps) * _BYTES[kind]
    if needed > _MEMORY:
        raise ExportError(
            tr(
                "{num_steps:,} frames of {width:,} x {height:,} pixels are too many "
                "for a {suffix} file: choose fewer steps or a smaller size, or write an .mp4.",
                num_steps=len(scene.steps),
                width=first.width,
                height=first.height,
                suffix=path.suffix,
            ),
            path=path,
        )
    with atomic_files(*files_of(path, kind, provenance)) as (temporary, *beside):
        if kind == "MP4":
            _write_video(temporary, first, frames, timing)
        else:
            options = picture_options(kind, provenance)
            if kind == "GIF":
                palette = _palette(scene)
                first, *_ = _reduced((first,), palette)
                frames = _reduced(frames, palette)
            _write_picture(temporary, kind, first, frames, timing, len(scene.steps), options)
        for each in beside:
            fill_sidecar(each, provenance)


def _watched(
    scene: Scene, progress: Progress | None, is_cancelled: Callable[[], bool] | None, path: Path
) -> Iterator[Image.Image]:
    drawn = scene.frames()
    for k in range(len(scene.steps)):
        if is_cancelled is not None and is_cancelled():
            raise ExportCancelledError(
                tr("{path} was cancelled; nothing was written.", path=path.name), path=path
            )
        yield next(drawn)
        if progress is not None:
            progress(k + 1, len(scene.steps))


def _write_picture(
    path: Path,
    kind: str,
    first: Image.Image,
    rest: Iterator[Image.Image],
    timing: Timing,
    count: int,
    options: dict[str, Any],
) -> None:
    durations = timing.durations(count)
    more: Any = rest
    if kind == "GIF":
        options |= {"optimize": False, "disposal": 1}
        options |= {"loop": 0} if timing.loop else {}
    else:
        more = list(rest)
        options |= {"loop": 0 if timing.loop else 1}
        options |= {"lossless": True} if kind == "WEBP" else {"default_image": False}
    options |= {"save_all": True, "append_images": more, "duration": durations}
    write_picture(path, first, kind, **options)


def _palette(scene: Scene) -> Image.Image:
    """The 256 colours of a GIF: one table for all frames, black and white among them."""
    steps = scene.steps
    shown = list(scene.frames(dict.fromkeys((steps[0], steps[len(steps) // 2], steps[-1]))))
    width, height = shown[0].size
    together = Image.new("RGB", (width, height * len(shown)))
    for k, frame in enumerate(shown):
        together.paste(frame, (0, k * height))
    found = together.quantize(254, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colours = (found.getpalette() or [])[: 254 * 3]
    for at in range(0, len(colours), 3):  # or paper that is almost white would take its place
        for end in (0, 255):
            if all(abs(value - end) < _NEAR for value in colours[at : at + 3]):
                colours[at : at + 3] = [end] * 3
    table = Image.new("P", (1, 1))
    table.putpalette([*colours, *[0] * (254 * 3 - len(colours)), 0, 0, 0, 255, 255, 255])
    return table


def _reduced(frames: Iterable[Image.Image], palette: Image.Image) -> Iterator[Image.Image]:
    for frame in frames:
        yield frame.quantize(palette=palette, dither=Image.Dither.NONE)


def _write_video(
    path: Path, first: Image.Image, rest: Iterator[Image.Image], timing: Timing
) -> None:
    """Hand frame by frame to ffmpeg, which runs as a process of its own."""
    imageio_ffmpeg = import_module("imageio_ffmpeg")  # not installed by default
    writer = imageio_ffmpeg.write_frames(
        str(path),
        first.size,
        fps=timing.fps,
        codec="libx264",
        pix_fmt_out="yuv420p",
        macro_block_size=2,
        quality=None,
        output_params=["-crf", "16", "-preset", "medium", "-f", "mp4", "-movflags", "+faststart"],
    )
    writer.send(None)
    try:
        writer.send(first.tobytes())
        last = first
        for last in rest:
            writer.send(last.tobytes())
        for _ in range(round(timing.hold * timing.fps)):
            writer.send(last.tobytes())
    except OSError as error:  # of the pipe, which says nothing of the reason
        raise OSError(_BROKE_OFF) from error
    finally:
        writer.close()
    if not _is_whole(path):  # nobody looks at the status that ffmpeg ends with
        raise OSError(_BROKE_OFF)


def _is_whole(path: Path) -> bool:
    """Whether an MP4 has its table of contents, and its parts fill the file exactly."""
    kinds, at, size = [], 0, path.stat().st_size if path.exists() else 0
    with path.open("rb") if size else BytesIO() as file:
        while at + 8 <= size:
            file.seek(at)
            length, kind = struct.unpack(">I4s", file.read(8))
            if length == 1:  # too long for 32 bits
                length = int.from_bytes(file.read(8), "big")
            if length < 8:
                return False
            kinds.append(kind)
            at += length
    return at == size and {b"ftyp", b"moov", b"mdat"} <= {*kinds}
