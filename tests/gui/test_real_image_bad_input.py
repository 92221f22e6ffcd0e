"""Images as they come: with alpha, 16 bits, of any size, broken, or no images at all."""

from __future__ import annotations

import io
import os
import random
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from spikestudio.app.viewmodels.real_image import MOST_PIXELS, read_image
from spikestudio.errors import DataError
from tests.unit.sampling.test_request import assert_one_sentence

GREY = np.arange(784, dtype=np.uint8).reshape(28, 28)
COLOUR = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *more: bytes) -> bytes:
    """A PNG file of rows that each begin with a zero."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (
        chunk(b"IHDR", header),
        *more,
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def sixteen(values: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "picture.png"


def refused(path) -> str:
    with pytest.raises(DataError) as caught:
        read_image(path, 28, 1)
    assert_one_sentence(str(caught.value))
    return str(caught.value)


def test_grey_of_16_bits_is_scaled_exactly_and_not_clipped(path):
    path.write_bytes(png(28, 28, 16, 0, sixteen(GREY.astype(np.uint16) * 257)))
    image = read_image(path, 28, 1)
    assert np.array_equal(image.pixels[..., 0], GREY)
    assert image.note == "picture.png was made 8 bits of 16."
    values = np.linspace(0, 65535, 784).astype(np.uint16).reshape(28, 28)
    path.write_bytes(png(28, 28, 16, 0, sixteen(values)))
    expected = np.round(values / 257).astype(np.uint8)
    assert np.array_equal(read_image(path, 28, 1).pixels[..., 0], expected)
    assert np.array_equal(read_image(path, 28, 3).pixels, np.repeat(expected[..., None], 3, 2))


def test_the_transparent_grey_of_16_bits_is_the_one_that_the_file_names(path):
    values = np.full((28, 28), 1000, np.uint16)
    values[3, 4] = 60_000
    key = chunk(b"tRNS", struct.pack(">H", 60_000))
    path.write_bytes(png(28, 28, 16, 0, sixteen(values), key))
    image = read_image(path, 28, 1)
    assert image.pixels[3, 4, 0] == 0
    assert image.pixels[0, 0, 0] == 4
    assert image.note == "picture.png was made 8 bits of 16, put on black."


def test_colours_of_16_bits_are_said_to_be_cut(path):
    values = COLOUR.astype(np.uint16) * 257
    path.write_bytes(png(28, 28, 16, 2, sixteen(values.reshape(28, -1))))
    image = read_image(path, 28, 3)
    assert np.array_equal(image.pixels, COLOUR)
    assert image.note == "picture.png was made 8 bits of 16."


@pytest.mark.parametrize("alpha", [0, 64, 128, 255])
def test_what_shows_through_is_black_as_around_the_digits(path, alpha):
    layers = np.stack([GREY, np.full_like(GREY, alpha)], axis=2)
    Image.fromarray(layers, "LA").save(path)
    image = read_image(path, 28, 1)
    assert np.abs(image.pixels[..., 0] - GREY * (alpha / 255)).max() <= 1
    assert image.note == ("" if alpha == 255 else "picture.png was put on black.")


def test_alpha_is_weighed_when_the_image_is_made_smaller(path):
    pixels = np.zeros((56, 56, 4), np.uint8)
    pixels[..., :3] = 255  # white, but what is transparent must not shine
    pixels[:, :28, 3] = 255
    Image.fromarray(pixels).save(path)
    image = read_image(path, 28, 1)
    assert image.pixels[:, :13].min() >= 250
    assert image.pixels[:, 15:].max() <= 5


def test_palettes_with_and_without_transparency(path):
    picture = Image.fromarray(COLOUR).quantize(16)
    picture.save(path)
    assert np.array_equal(read_image(path, 28, 3).pixels, np.asarray(picture.convert("RGB")))
    picture.save(path, transparency=0)
    image = read_image(path, 28, 3)
    is_key = np.asarray(picture) == 0
    assert not image.pixels[is_key].any()
    assert image.note == "picture.png was put on black."


def test_cmyk_bits_and_animations_are_said(tmp_path, path):
    Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg", 28, 3).note == "a.jpg was converted from CMYK."
    Image.fromarray(GREY > 9).save(path)
    image = read_image(path, 28, 1)
    assert set(image.pixels.ravel().tolist()) == {0, 255}
    assert image.note == ""
    frames = [Image.new("L", (28, 28), value) for value in (50, 100, 150)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    image = read_image(path, 28, 1)
    assert (image.pixels == 50).all()
    assert image.note == "picture.png was taken from the first of its 3 frames."


@pytest.mark.parametrize(("width", "height"), [(1, 1), (10_000, 1), (1, 10_000), (29, 28)])
def test_any_size_is_fitted_and_it_says_how(path, width, height):
    Image.new("L", (width, height), 77).save(path)
    image = read_image(path, 28, 1)
    assert (image.pixels == 77).all()
    assert f"resized from {width:,} x {height:,} to 28 x 28" in image.note


def test_an_image_on_its_side_is_turned_before_it_is_cropped(tmp_path):
    path = tmp_path / "side.jpg"
    pixels = np.zeros((28, 28), np.uint8)
    pixels[:14] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(path, exif=exif, quality=100)
    image = read_image(path, 28, 1)
    assert image.pixels[:, 15:].min() > 200
    assert image.pixels[:, :13].max() < 50


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "TIFF"])
def test_another_format_is_named_no_png_or_jpeg(path, kind):
    Image.fromarray(GREY).save(path, kind)
    assert refused(path) == "picture.png is no PNG or JPEG image: choose another file."


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_image_is_refused(path, content):
    path.write_bytes(content)
    assert refused(path).startswith("picture.png ")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_that_was_cut_off_is_refused(path, kind):
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60), np.uint8)).save(whole, kind)
    data = whole.getvalue()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        refused(path)


def test_bombs_are_refused_before_they_are_unpacked(path):
    side = 8000
    assert side * side > MOST_PIXELS
    path.write_bytes(png(side, side, 8, 0, b""))
    assert refused(path).startswith("picture.png has 8,000 x 8,000 pixels: ")
    for side in (20_000, 2**31 - 1):
        path.write_bytes(png(side, side, 1, 0, b""))
        assert "far too many pixels: choose one of at most 50,000,000" in refused(path)
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(100_000_000), 9))
    path.write_bytes(png(28, 28, 8, 0, bytes(28 * 29), text))
    refused(path)


def test_a_folder_and_a_pipe_are_no_image(tmp_path, path):
    path.mkdir()
    assert refused(path) == "picture.png is no file: choose a PNG or JPEG image."
    if sys.platform != "win32":
        pipe = tmp_path / "pipe.png"
        os.mkfifo(pipe)
        assert refused(pipe) == "pipe.png is no file: choose a PNG or JPEG image."


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not have")
@pytest.mark.parametrize("name", ["two\nlines.png", "x" * 240 + ".png", "\x1b[31m.png"])
def test_an_odd_name_stays_one_sentence(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"no image")
    assert len(refused(path)) < 130
    Image.new("L", (9, 9)).save(path, "PNG")
    assert_one_sentence(read_image(path, 28, 1).note)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_any_broken_file_is_read_or_refused(path, kind):
    whole = io.BytesIO()
    picture = Image.fromarray(COLOUR)
    picture.save(whole, kind)
    data = whole.getvalue()
    dice = random.Random(kind)
    for _ in range(150):
        broken = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            broken[dice.randrange(min(len(broken), 200))] = dice.randrange(256)
        path.write_bytes(broken)
        try:
            image = read_image(path, 28, 1)
        except DataError as error:
            assert_one_sentence(str(error))
        else:
            assert image.pixels.shape == (28, 28, 1)
            assert image.pixels.dtype == np.uint8
