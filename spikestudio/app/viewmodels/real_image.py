"""Real images to start a token run from: read from files, and encoded by the loaded model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.errors import DataError
from spikestudio.paths import resource

if TYPE_CHECKING:
    from PIL import Image

    from spikestudio.checkpoints.card import Card

Encode = Callable[[NDArray[np.uint8]], None]
Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]

MOST_PIXELS = 50_000_000


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

    Raises
    ------
    DataError
        The file cannot be used, in one sentence.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise DataError(
                    f"{path.name} has {image.width:,} x {image.height:,} pixels: "
                    f"choose one of at most {MOST_PIXELS:,}."
                )
            return _fitted(path.name, image, size, channels)
    except UnidentifiedImageError as error:
        raise DataError(f"{path.name} is no PNG or JPEG image: choose another file.") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path.name} cannot be read as an image: choose another file.") from error


def _fitted(name: str, image: Image.Image, size: int, channels: int) -> RealImage:
    from PIL import Image as Images
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    width, height = image.size
    mode, done = "L" if channels == 1 else "RGB", []
    if image.has_transparency_data:
        black = Images.new("RGBA", image.size, "black")
        image = Images.alpha_composite(black, image.convert("RGBA"))
        done.append("put on black")
    if width != height:
        done.append("cropped to its middle square")
    if image.mode != mode:
        if mode == "L":
            done.append("made grey")
        image = image.convert(mode)
    if (width, height) != (size, size):
        done.append(f"resized from {width:,} x {height:,} to {size} x {size}")
        image = ImageOps.fit(image, (size, size))
    pixels = np.array(image, np.uint8).reshape(size, size, channels)
    pixels.setflags(write=False)
    note = f"{name} was {', '.join(done)}." if done else ""
    return RealImage(name, pixels, note)


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
