from __future__ import annotations

import errno
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from spikestudio.errors import ExportError
from spikestudio.export.images import (
    GAP,
    PADDING,
    check_folder,
    grid,
    output_kind,
    save_folder,
    save_grid,
    save_npz,
)

ORIGIN = {"schema_version": 1, "image_seeds": list(range(50)), "labels": None, "text": "é \u2028"}


def random_images(
    num: int, channels: int = 1, height: int = 5, width: int = 7
) -> NDArray[np.uint8]:
    generator = np.random.default_rng(num)
    return generator.integers(0, 256, (num, height, width, channels), np.uint8)


def tiles(picture: Image.Image, images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Cut the images out of a grid."""
    pixels = np.asarray(picture).reshape(picture.height, picture.width, -1)
    _, h, w, _ = images.shape
    cut = []
    for k in range(len(images)):
        top = PADDING + (h + PADDING) * (k // columns)
        left = PADDING + (w + PADDING) * (k % columns)
        cut.append(pixels[top : top + h, left : left + w])
    return np.stack(cut)


@given(st.integers(1, 20), st.sampled_from([1, 3]), st.none() | st.integers(1, 30), st.booleans())
def test_a_grid_holds_every_pixel_and_nothing_else(
    num: int, channels: int, columns: int | None, rgb: bool
) -> None:
    images = random_images(num, channels)
    picture = grid(images, columns, rgb=rgb)
    per_row = min(columns or int(np.ceil(np.sqrt(num))), num)
    assert picture.mode == ("RGB" if rgb or channels == 3 else "L")
    assert (tiles(picture, images, per_row) == images).all()  # grey equals each of its copies
    rows = -(-num // per_row)
    assert picture.size == (PADDING + per_row * (7 + PADDING), PADDING + rows * (5 + PADDING))
    pixels = np.asarray(picture).reshape(picture.height, picture.width, -1).astype(int)
    shown = int(images.sum()) * pixels.shape[-1] // channels
    gaps = pixels.shape[0] * pixels.shape[1] - num * 35
    assert pixels.sum() == shown + gaps * GAP * pixels.shape[-1]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_is_read_back_exactly(tmp_path: Path, channels: int) -> None:
    images = random_images(6, channels)
    save_grid(tmp_path / "grid.png", images, ORIGIN, columns=3)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.format == "PNG"
        assert json.loads(picture.text["spikestudio"]) == ORIGIN
        assert np.array_equal(tiles(picture, images, 3), images)


@pytest.mark.parametrize(("channels", "rgb"), [(1, False), (1, True), (3, False), (3, True)])
def test_an_npz_is_read_back_exactly_without_pickle(
    tmp_path: Path, channels: int, rgb: bool
) -> None:
    images = random_images(6, channels)
    save_npz(tmp_path / "samples.npz", images, ORIGIN, rgb=rgb)
    with np.load(tmp_path / "samples.npz", allow_pickle=False) as arrays:
        assert arrays.files[0] == "arr_0"
        read = arrays["arr_0"]
        assert json.loads(str(arrays["spikestudio"])) == ORIGIN
    assert read.dtype == np.uint8
    assert np.array_equal(read, np.repeat(images, 3, axis=-1) if rgb and channels == 1 else images)


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_npz(tmp_path / f"{name}.npz", random_images(3), ORIGIN)
        save_grid(tmp_path / f"{name}.png", random_images(3), ORIGIN)
    for suffix in ("npz", "png"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def read_folder(path: Path) -> dict[str, NDArray[np.uint8]]:
    read = {}
    for file in sorted(path.glob("*.png")):
        with Image.open(file) as picture:
            read[file.name] = np.asarray(picture)
    return read


def test_a_folder_holds_one_file_per_image(tmp_path: Path) -> None:
    images = random_images(3)
    save_folder(tmp_path / "out", images, ORIGIN | {"labels": [7, 8, 9]})
    read = read_folder(tmp_path / "out")
    assert list(read) == ["0000.png", "0001.png", "0002.png"]
    assert np.array_equal(np.stack(list(read.values())), images[..., 0])
    sidecar = (tmp_path / "out" / "spikestudio.json").read_text(encoding="utf-8")
    assert json.loads(sidecar)["labels"] == [7, 8, 9]
    with Image.open(tmp_path / "out" / "0001.png") as picture:
        origin = json.loads(picture.text["spikestudio"])
    assert (origin["image"], origin["image_seeds"], origin["labels"]) == (1, [1], [8])


def test_an_earlier_output_is_replaced_and_no_image_of_it_stays(tmp_path: Path) -> None:
    save_folder(tmp_path / "out", random_images(5), ORIGIN)
    save_folder(tmp_path / "out", random_images(2), ORIGIN)
    read = read_folder(tmp_path / "out")
    assert np.array_equal(np.stack(list(read.values())), random_images(2)[..., 0])


@pytest.mark.parametrize("name", ["holiday.jpg", "0000.png", "notes.txt"])
def test_a_folder_with_other_files_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"precious")
    with pytest.raises(ExportError, match="other files"):
        save_folder(tmp_path, random_images(2), ORIGIN)
    with pytest.raises(ExportError, match="other files"):
        check_folder(tmp_path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(name, b"precious")]


def test_the_name_says_the_format(tmp_path: Path) -> None:
    assert output_kind("grid.png") == output_kind("a.b.PNG") == "grid"
    assert output_kind("samples.npz") == "npz"
    assert output_kind("folder/") == output_kind("folder") == output_kind("v1.0/") == "folder"
    assert output_kind(str(tmp_path)) == "folder"
    with pytest.raises(ExportError, match=r"\.jpg is not known"):
        output_kind("grid.jpg")


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 4, 4, 2), np.uint8),
        np.zeros((2, 4, 4), np.uint8),
        np.zeros((2, 4, 4, 1), np.float32),
        np.zeros((0, 4, 4, 1), np.uint8),
        np.zeros((2, 20_000, 4, 1), np.uint8),
    ],
)
def test_what_is_no_batch_of_images_is_refused(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    with pytest.raises(ExportError):
        save_grid(tmp_path / "grid.png", images, ORIGIN, columns=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("save", [save_grid, save_npz, save_folder])
def test_a_path_that_cannot_be_written_is_an_export_error(
    tmp_path: Path, save: Callable[..., None]
) -> None:
    with pytest.raises(ExportError, match="does not exist"):
        save(tmp_path / "no" / "out", random_images(1), ORIGIN)


def test_a_disk_that_fills_up_while_encoding_leaves_the_old_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "grid.png"
    save_grid(path, random_images(2), ORIGIN)
    before = path.read_bytes()

    def full(_self: Image.Image, file: BytesIO, *_: object, **__: object) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(ExportError, match="disk is full"):
        save_grid(path, random_images(3), ORIGIN)
    with pytest.raises(ExportError, match="disk is full"):
        save_folder(tmp_path / "out", random_images(3), ORIGIN)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
