"""Data sets from the files they are published as, into memory. Reads bytes and pictures only."""

from __future__ import annotations

import re
import tarfile
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from spikestudio.data.idx import read_idx
from spikestudio.data.registry import DATASETS, DatasetInfo, dataset_info
from spikestudio.errors import DataError
from spikestudio.language import tr

SPLITS = ("train", "test")
CIFAR_ARCHIVE = "cifar-10-binary.tar.gz"
_CIFAR_RECORD = 1 + 3 * 32 * 32
_CIFAR_MAX_RECORDS = 10_000  # in one file
_SAME_MEAN, _OTHER_MEAN = 0.01, 0.03  # of the pixels in [0, 1]; splits differ by up to 0.008
_IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled images in memory.

    ``images`` uint8 ``[N, H, W, C]`` with C 1 or 3, upright; ``labels`` int64 ``[N]`` indexing
    ``classes``, or None. ``partial_of`` is the size of the whole split where only a part was found.
    """

    name: str
    split: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...] = ()
    partial_of: int | None = None

    def __len__(self) -> int:
        return len(self.images)


def load_dataset(folder: Path, name: str, split: str = "train") -> Dataset:
    """Read one split of a data set from its own folder.

    Parameters
    ----------
    folder : Path
        Where its files are, under the names they are published with.
    name : str
        One of ``spikestudio.data.registry.DATASETS``.
    split : str
        ``train`` or ``test``.

    Raises
    ------
    DataError
        If a file is missing, damaged or of another data set; the message names it.
    """
    info = dataset_info(name)
    if split not in SPLITS:
        raise DataError(tr("Unknown split {split!r}: choose train or test.", split=split))
    if not folder.is_dir():
        raise DataError(tr("The data folder {folder} does not exist.", folder=folder), path=folder)
    match info.layout:
        case "idx":
            return _load_idx(folder, info, split)
        case "cifar":
            return _load_cifar(folder, info, split)
        case _:
            return load_image_folder(
                folder, size=info.image_size, channels=info.channels, name=name, split=split
            )


def _load_idx(folder: Path, info: DatasetInfo, split: str) -> Dataset:
    stem = info.prefix + ("train" if split == "train" else info.test_stem)
    size = info.num_train if split == "train" else info.num_test
    image_path, part = _find_idx(folder, info, stem, "images-idx3")
    label_path, label_part = _find_idx(folder, info, stem, "labels-idx1")
    images = read_idx(image_path, num_dims=3, max_values=size * info.image_size**2)
    labels = read_idx(label_path, num_dims=1, max_values=size).astype(np.int64) - info.first_label
    if images.shape[1:] != (info.image_size, info.image_size):
        raise DataError(
            tr(
                "{image_path} holds images of {images_shape}x{images_shape_2} pixels but "
                "{info} has {image_size}x{image_size}: choose the right data set.",
                image_path=image_path,
                images_shape=images.shape[1],
                images_shape_2=images.shape[2],
                info=info.title,
                image_size=info.image_size,
            ),
            path=image_path,
        )
    expected = part if part is not None else size
    if len(images) != expected:
        raise DataError(
            tr(
                "{image_path} holds {num_images:,} images instead of {expected:,}: "
                "fetch or copy the file again.",
                image_path=image_path,
                num_images=len(images),
                expected=expected,
            ),
            path=image_path,
        )
    if part != label_part or len(labels) != len(images):
        raise DataError(
            tr(
                "{label_path} holds {num_labels:,} labels but {image_path} holds "
                "{num_images:,} images: the two files must belong together.",
                label_path=label_path,
                num_labels=len(labels),
                image_path=image_path.name,
                num_images=len(images),
            ),
            path=label_path,
        )
    _check_labels(labels, info, label_path)
    _check_mean(images, info, image_path)
    if info.is_transposed:
        images = images.transpose(0, 2, 1)
    return Dataset(
        info.name,
        split,
        np.ascontiguousarray(images[..., None]),
        labels,
        info.classes,
        size if part is not None else None,
    )


def _check_mean(images: NDArray[np.uint8], info: DatasetInfo, path: Path) -> None:
    """Refuse another data set whose files have the same names, sizes and classes."""
    mean = float(images.mean()) / 255
    if abs(mean - info.mean[0]) < _OTHER_MEAN:
        return
    for other in DATASETS.values():
        is_alike = other.layout == "idx" and other.prefix == info.prefix
        if is_alike and abs(mean - other.mean[0]) < _SAME_MEAN:
            raise DataError(
                tr(
                    "{path} holds the images of {other}, not of {info}: choose the folder of "
                    "{info}, or the data set {name}.",
                    path=path,
                    other=other.title,
                    info=info.title,
                    name=other.name,
                ),
                path=path,
            )


def _find_idx(folder: Path, info: DatasetInfo, stem: str, kind: str) -> tuple[Path, int | None]:
    """Path of an IDX file and the N of a ``-first<N>`` part; the whole file comes first."""
    pattern = re.compile(rf"{re.escape(stem)}(?:-first(\d+))?-{kind}-ubyte(?:\.gz|\.xz)?")
    found = sorted(
        (int(hit[1] or 0), path.name, path)
        for path in folder.iterdir()
        if (hit := pattern.fullmatch(path.name))
    )
    if not found:
        raise DataError(
            tr(
                "The folder {folder} has no {stem}-{kind}-ubyte file (plain, .gz or .xz): choose the "
                "folder of {info}, or fetch the data set first.",
                folder=folder,
                stem=stem,
                kind=kind,
                info=info.title,
            ),
            path=folder,
        )
    part, _, path = found[0]
    return path, part or None


def _check_labels(labels: NDArray[np.int64], info: DatasetInfo, path: Path) -> None:
    if labels.size and not 0 <= labels.min() <= labels.max() < len(info.classes):
        raise DataError(
            tr(
                "{path} holds labels from {min} to "
                "{max} but {info} has {num_classes} classes: "
                "choose the right data set.",
                path=path,
                min=labels.min() + info.first_label,
                max=labels.max() + info.first_label,
                info=info.title,
                num_classes=len(info.classes),
            ),
            path=path,
        )


def _load_cifar(folder: Path, info: DatasetInfo, split: str) -> Dataset:
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if split == "train" else ["test_batch.bin"]
    archive = folder / CIFAR_ARCHIVE
    if archive.is_file():
        batches = _read_cifar_archive(archive, names)
    else:
        batches = [_read_cifar_file(folder / name) for name in names]
    records = np.concatenate(batches)
    labels = records[:, 0].astype(np.int64)
    _check_labels(labels, info, archive if archive.is_file() else folder)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)  # [N, C, H, W]
    size = info.num_train if split == "train" else info.num_test
    return Dataset(
        info.name,
        split,
        np.ascontiguousarray(planes.transpose(0, 2, 3, 1)),
        labels,
        info.classes,
        size if len(records) < size else None,
    )


def _read_cifar_file(path: Path) -> NDArray[np.uint8]:
    if not path.is_file():
        raise DataError(
            tr(
                "{path} does not exist: choose the folder with CIFAR-10's binary version "
                "({cifar_archive} or its .bin files), or fetch the data set first.",
                path=path,
                cifar_archive=CIFAR_ARCHIVE,
            ),
            path=path,
        )
    with path.open("rb") as file:
        return _cifar_records(file, path)


def _read_cifar_archive(archive: Path, names: list[str]) -> list[NDArray[np.uint8]]:
    """Batches straight from the published archive; nothing is unpacked to disk."""
    batches: dict[str, NDArray[np.uint8]] = {}
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                name = Path(member.name).name
                if name in names and member.isfile() and (file := tar.extractfile(member)):
                    batches[name] = _cifar_records(file, archive / name)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(
            tr(
                "{archive} cannot be read ({error}): fetch or copy the file again.",
                archive=archive,
                error=error,
            ),
            path=archive,
        ) from error
    missing = [name for name in names if name not in batches]
    if missing:
        raise DataError(
            tr(
                "{archive} lacks {missing}: fetch the file again.",
                archive=archive,
                missing=missing[0],
            ),
            path=archive,
        )
    return [batches[name] for name in names]


def _cifar_records(file: IO[bytes], path: Path) -> NDArray[np.uint8]:
    payload = file.read(_CIFAR_MAX_RECORDS * _CIFAR_RECORD + 1)
    if not payload or len(payload) % _CIFAR_RECORD:
        raise DataError(
            tr(
                "{path} is not a CIFAR-10 batch: its size is not a whole number of "
                "{_cifar_record}-byte records up to {_cifar_max_records:,}; fetch the file again.",
                path=path,
                _cifar_record=_CIFAR_RECORD,
                _cifar_max_records=_CIFAR_MAX_RECORDS,
            ),
            path=path,
        )
    return np.frombuffer(payload, np.uint8).reshape(-1, _CIFAR_RECORD)


def load_image_folder(
    folder: Path, *, size: int, channels: int = 3, name: str = "images", split: str = "train"
) -> Dataset:
    """Read a folder of pictures: centre square of each, resized to ``size`` x ``size``.

    Subfolders ``train`` and ``test`` are the splits where they exist; without them the whole folder
    is the training split. Pictures in further subfolders are labelled by the subfolder's name.
    Order is that of the sorted paths. ``channels`` is 1 (grey) or 3 (RGB).
    """
    root = folder / split if (folder / split).is_dir() else folder
    if split == "test" and root == folder:
        raise DataError(
            tr(
                "The folder {folder} has no subfolder named test: put the test pictures there.",
                folder=folder,
            ),
            path=folder,
        )
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in _IMAGE_SUFFIXES)
    if not paths:
        raise DataError(
            tr("The folder {root} holds no pictures (PNG, JPEG, WebP, BMP).", root=root), path=root
        )
    images = np.empty((len(paths), size, size, channels), np.uint8)
    for k, path in enumerate(paths):
        images[k] = _read_picture(path, size, channels)
    parents = [path.relative_to(root).parts[0] if path.parent != root else "" for path in paths]
    classes = tuple(sorted(set(parents)))
    if "" in classes:
        return Dataset(name, split, images, None)
    index = {label: k for k, label in enumerate(classes)}
    labels = np.array([index[parent] for parent in parents], np.int64)
    return Dataset(name, split, images, labels, classes)


def _read_picture(path: Path, size: int, channels: int) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():
            # a picture of many megapixels is refused instead of warned about
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                side = min(picture.size)
                left, top = (picture.width - side) // 2, (picture.height - side) // 2
                fitted = (
                    picture.crop((left, top, left + side, top + side))
                    .convert("L" if channels == 1 else "RGB")
                    .resize((size, size), Image.Resampling.LANCZOS)
                )
    except (
        *(OSError, UnidentifiedImageError, ValueError, SyntaxError),
        *(Image.DecompressionBombError, Image.DecompressionBombWarning),
    ) as error:
        raise DataError(
            tr(
                "The picture {path} cannot be read ({error}): repair or remove it.",
                path=path,
                error=error,
            ),
            path=path,
        ) from error
    return np.asarray(fitted, np.uint8).reshape(size, size, channels)
