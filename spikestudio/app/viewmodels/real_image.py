"""Real images to start a token run from: read from files, and encoded by the loaded model."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.errors import DataError
from spikestudio.language import tr
from spikestudio.paths import resource

if TYPE_CHECKING:
    from PIL import Image

    from spikestudio.checkpoints.card import Card

Encode = Callable[[NDArray[np.uint8]], None]
Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]

MOST_PIXELS = 50_000_000
LONGEST_NAME = 60  # characters of a file's name that are shown
# Whatever pillow raises for a file that is broken.
_BROKEN = (
    *(OSError, ValueError, SyntaxError, EOFError, OverflowError, MemoryError, TypeError),
    *(LookupError, struct.error, zlib.error, AttributeError),
)


@dataclass(frozen=True, slots=True, eq=False)
class RealImage:
    """An image as the model takes it, uint8 ``[H, W, C]``, and what was done to make it fit."""

    name: str
    pixels: NDArray[np.uint8]
    note: str  # empty if nothing was done


def bundled_images() -> list[Path]:
    """Real images that come with the application, by name."""
    return sorted(resource("images").glob("*.png"))


def read_image(path: Path, size: int, channels: int) -> RealImage:
    """Read a PNG or JPEG file and fit it to a data set.

    What is transparent is put on black, which is what the data sets have around their pictures. Grey
    of 16 bits is scaled to 8 and rounded, so that black and white stay what they are; of colours of 16
    bits the upper 8 are taken. Of an animation it is the first frame. The note says what was done.

    Raises
    ------
    DataError
        The file cannot be used, in one sentence.
    """
    from PIL import Image, UnidentifiedImageError

    name = _shown(path.name)
    try:
        if path.exists() and not path.is_file():  # a pipe would never end
            raise DataError(tr("{name} is no file: choose a PNG or JPEG image.", name=name))
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise DataError(
                    tr(
                        "{name} has {width:,} x {height:,} pixels: "
                        "choose one of at most {most_pixels:,}.",
                        name=name,
                        width=image.width,
                        height=image.height,
                        most_pixels=MOST_PIXELS,
                    )
                )
            return _fitted(name, image, size, channels)
    except UnidentifiedImageError as error:
        raise DataError(
            tr("{name} is no PNG or JPEG image: choose another file.", name=name)
        ) from error
    except Image.DecompressionBombError as error:
        raise DataError(
            tr(
                "{name} has far too many pixels: choose one of at most {most_pixels:,}.",
                name=name,
                most_pixels=MOST_PIXELS,
            )
        ) from error
    except _BROKEN as error:
        raise DataError(
            tr("{name} cannot be read as an image: choose another file.", name=name)
        ) from error


def _fitted(name: str, image: Image.Image, size: int, channels: int) -> RealImage:
    from PIL import ImageOps

    done = _peculiarities(image)
    image = _eight_bits(image)
    image = ImageOps.exif_transpose(image)
    width, height = image.size
    mode, is_grey = "L" if channels == 1 else "RGB", image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        image = image.convert("LA" if is_grey else "RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            done.append(tr("put on black"))
    else:
        image = image.convert(mode)
    if width != height:
        done.append(tr("cropped to its middle square"))
    if mode == "L" and not is_grey:
        done.append(tr("made grey"))
    if (width, height) != (size, size):
        done.append(
            tr(
                "resized from {width:,} x {height:,} to {size} x {size}",
                width=width,
                height=height,
                size=size,
            )
        )
        image = ImageOps.fit(image, (size, size))
    pixels = np.array(_opaque(image).convert(mode), np.uint8).reshape(size, size, channels)
    pixels.setflags(write=False)
    note = tr("{name} was {done}.", name=name, done=", ".join(done)) if done else ""
    return RealImage(name, pixels, note)


def _peculiarities(image: Image.Image) -> list[str]:
    """Return what is taken of an image that has more to it than is used."""
    done = []
    if image.format == "PNG" and getattr(image, "is_animated", False):
        done.append(
            tr(
                "taken from the first of its {getattr:,} frames",
                getattr=getattr(image, "n_frames", 1),
            )
        )
    if image.mode.startswith("I") or any(
        ";16" in str(tile[3]) for tile in getattr(image, "tile", ())
    ):
        done.append(tr("made 8 bits of 16"))
    if image.mode == "CMYK":
        done.append(tr("converted from CMYK"))
    return done


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale grey of 16 bits to 8; pillow would clip it. Other images stay what they are."""
    if not image.mode.startswith("I"):
        return image
    from PIL import Image as Images

    grey = np.asarray(image).astype(np.uint32)
    key = image.info.get("transparency")
    scaled = Images.fromarray(((grey + 128) // 257).astype(np.uint8))  # 65535 is 255 times 257
    if isinstance(key, int):  # the grey that is transparent
        scaled.putalpha(Images.fromarray(np.where(grey == key, 0, 255).astype(np.uint8)))
    return scaled


def _opaque(image: Image.Image) -> Image.Image:
    """Put on black what is transparent, once the image is small."""
    from PIL import Image as Images

    if image.mode not in ("LA", "RGBA"):
        return image
    rgba = image.convert("RGBA")
    return Images.alpha_composite(Images.new("RGBA", rgba.size, "black"), rgba)


def _shown(name: str) -> str:
    """Return a file's name as it fits into a sentence."""
    text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"


class RealImages(QObject):
    """Reads the image chosen last and has it encoded; answers to older choices are dropped."""

    encoded = Signal(object, object)  # the RealImage, and its tokens int32 [h, w]
    failed = Signal(str)
    told = Signal(str)  # what was done to make the image fit

    def __init__(
        self,
        encode: Encode | None = None,
        submit: Submit | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._encode, self._submit = encode, submit
        self._wanted: RealImage | Path | None = None

    @property
    def can_choose(self) -> bool:
        """Whether there is someone to read and to encode an image."""
        return self._encode is not None and self._submit is not None

    def choose(self, path: Path, card: Card) -> None:
        """Read a file and have it encoded by the model of that card."""
        if self._submit is None:
            return
        self._wanted = path

        def fail(message: str, _details: str) -> None:
            if self._wanted is path:
                self.forget()
                self.failed.emit(message)

        def ask(image: RealImage) -> None:
            if self._wanted is path and self._encode is not None:
                self._wanted = image
                self._encode(image.pixels)

        size, channels = card.image_size, card.image_channels
        self._submit(lambda: read_image(path, size, channels), ask, fail)

    def take(self, pixels: NDArray[np.uint8], answer: NDArray[np.int32] | str) -> None:
        """Take in the tokens of an image, or why there are none, in a sentence."""
        wanted = self._wanted
        if not isinstance(wanted, RealImage) or wanted.pixels is not pixels:
            return
        self.forget()
        if isinstance(answer, str):
            self.failed.emit(answer)
            return
        self.encoded.emit(wanted, answer)
        if wanted.note:
            self.told.emit(wanted.note)

    @Slot()
    def forget(self) -> None:
        """Want no image any more: another model was loaded."""
        self._wanted = None
