import gzip
import io
import lzma
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikestudio.data import registry
from spikestudio.data.readers import CIFAR_ARCHIVE, Dataset, load_dataset, load_image_folder
from spikestudio.data.registry import DATASETS
from spikestudio.errors import DataError

COUNTS = {"mnist": 7, "emnist-letters": 26}
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (26, 28, 28), np.uint8)
LABELS = np.arange(26, dtype=np.uint8)
WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
}


def idx(values: np.ndarray, count: int | None = None) -> bytes:
    shape = (len(values) if count is None else count, *values.shape[1:])
    return bytes((0, 0, 8, values.ndim)) + np.array(shape, ">u4").tobytes() + values.tobytes()


@pytest.fixture(autouse=True)
def small_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data sets as they are, but with a handful of images each."""
    from dataclasses import replace

    for name, count in COUNTS.items():
        info = replace(DATASETS[name], num_train=count, num_test=count)
        monkeypatch.setitem(registry.DATASETS, name, info)


def write_mnist(folder: Path, suffix: str = "", stem: str = "train", count: int = 7) -> None:
    for kind, values in (("images-idx3", IMAGES[:count]), ("labels-idx1", LABELS[:count])):
        path = folder / f"{stem}-{kind}-ubyte{suffix}"
        path.write_bytes(WRITERS[suffix](idx(values)))


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize(("split", "stem"), [("train", "train"), ("test", "t10k")])
def test_mnist(tmp_path: Path, suffix: str, split: str, stem: str) -> None:
    write_mnist(tmp_path, suffix, stem)
    data = load_dataset(tmp_path, "mnist", split)
    np.testing.assert_array_equal(data.images, IMAGES[:7, :, :, None])
    assert data.labels is not None
    np.testing.assert_array_equal(data.labels, np.arange(7))
    assert data.labels.dtype == np.int64
    assert (data.classes, data.partial_of, len(data)) == (tuple("0123456789"), None, 7)


@pytest.mark.parametrize(("level", "is_refused"), [(73, True), (33, False), (200, False)])
def test_the_images_of_another_set_under_the_same_names_are_refused(
    tmp_path: Path, level: int, is_refused: bool
) -> None:
    images = np.full((7, 28, 28), level, np.uint8)  # 73 / 255 is the mean of Fashion-MNIST
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:7]))
    if not is_refused:
        assert len(load_dataset(tmp_path, "mnist")) == 7
        return
    with pytest.raises(DataError, match="images of Fashion-MNIST, not of MNIST"):
        load_dataset(tmp_path, "mnist")


def test_part_says_what_it_is_a_part_of(tmp_path: Path) -> None:
    write_mnist(tmp_path, ".gz", "train-first3", 3)
    data = load_dataset(tmp_path, "mnist")
    assert (len(data), data.partial_of) == (3, 7)


def test_whole_set_comes_before_a_part(tmp_path: Path) -> None:
    write_mnist(tmp_path, ".gz", "train-first3", 3)
    write_mnist(tmp_path, ".gz")
    assert len(load_dataset(tmp_path, "mnist")) == 7


def test_emnist_is_turned_upright_and_counts_from_zero(tmp_path: Path) -> None:
    prefix = "emnist-letters-train"
    (tmp_path / f"{prefix}-images-idx3-ubyte.xz").write_bytes(lzma.compress(idx(IMAGES)))
    (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS + 1)))
    data = load_dataset(tmp_path, "emnist-letters")
    np.testing.assert_array_equal(data.images[..., 0], IMAGES.transpose(0, 2, 1))
    assert data.labels is not None
    assert [data.classes[k] for k in data.labels[[0, 25]]] == ["A", "Z"]


IMAGE_FILE = "train-images-idx3-ubyte"
LABEL_FILE = "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        (IMAGE_FILE, b"", "not an IDX file"),
        (IMAGE_FILE, b"\x89PNG" + bytes(100), "not an IDX file"),
        (IMAGE_FILE, idx(IMAGES[:7])[:-1], "holds only 5,487"),
        (IMAGE_FILE, idx(IMAGES[:7])[:10], "ends within its header"),
        (IMAGE_FILE, idx(IMAGES[:7]) + b"!", "holds more"),
        (IMAGE_FILE, idx(IMAGES[:6]), "6 images instead of 7"),
        (IMAGE_FILE, idx(IMAGES[:7], count=2**31), "claims the shape"),
        (IMAGE_FILE, idx(IMAGES[:7, :27]), "28x28"),
        (IMAGE_FILE, idx(LABELS[:7]), "not an IDX file"),
        (IMAGE_FILE + ".gz", gzip.compress(idx(IMAGES[:7]))[:-9], "cannot be read"),
        (IMAGE_FILE + ".gz", idx(IMAGES[:7]), "cannot be read"),
        (IMAGE_FILE + ".xz", lzma.compress(idx(IMAGES[:7]))[:-20], "cannot be read"),
        (IMAGE_FILE + ".xz", b"random", "cannot be read"),
        (LABEL_FILE, idx(LABELS[:6]), "6 labels"),
        (LABEL_FILE, idx(LABELS[:7] + 5), "labels from 5 to 11"),
    ],
)
def test_wrong_idx_file_is_named(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    write_mnist(tmp_path)
    (tmp_path / name.partition(".")[0]).unlink()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=why) as error:
        load_dataset(tmp_path, "mnist")
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_flipped_bit_in_compressed_file(tmp_path: Path) -> None:
    write_mnist(tmp_path, ".gz")
    path = tmp_path / f"{IMAGE_FILE}.gz"
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # in the checksum
    path.write_bytes(content)
    with pytest.raises(DataError, match="CRC"):
        load_dataset(tmp_path, "mnist")


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
@pytest.mark.parametrize("count", [7, 2**16])
def test_bomb_does_not_fill_memory(tmp_path: Path, suffix: str, count: int) -> None:
    write_mnist(tmp_path, suffix)
    bomb = idx(IMAGES[:1], count)[:16] + bytes(60_000_000)
    packed = gzip.compress(bomb, 1) if suffix == ".gz" else lzma.compress(bomb, preset=0)
    del bomb
    (tmp_path / f"{IMAGE_FILE}{suffix}").write_bytes(packed)
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            load_dataset(tmp_path, "mnist")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_missing_folder_and_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist"):
        load_dataset(tmp_path / "nowhere", "mnist")
    with pytest.raises(DataError, match=r"no train-images-idx3-ubyte file"):
        load_dataset(tmp_path, "mnist")
    with pytest.raises(DataError, match=r"data_batch_1\.bin does not exist"):
        load_dataset(tmp_path, "cifar10")
    with pytest.raises(DataError, match="Unknown data set 'imagenet'"):
        load_dataset(tmp_path, "imagenet")
    with pytest.raises(DataError, match="Unknown split 'val'"):
        load_dataset(tmp_path, "mnist", "val")


def cifar_batch(count: int, seed: int) -> tuple[bytes, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
    labels = rng.integers(0, 10, count, np.uint8)
    planes = images.transpose(0, 3, 1, 2).reshape(count, -1)
    return np.concatenate([labels[:, None], planes], 1).tobytes(), images, labels


def check_cifar(data: Dataset, parts: list[tuple[bytes, np.ndarray, np.ndarray]]) -> None:
    np.testing.assert_array_equal(data.images, np.concatenate([part[1] for part in parts]))
    np.testing.assert_array_equal(data.labels, np.concatenate([part[2] for part in parts]))
    assert data.partial_of == (50_000 if data.split == "train" else 10_000)


def test_cifar_files_and_archive(tmp_path: Path) -> None:
    parts = [cifar_batch(k + 1, k) for k in range(6)]
    names = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]
    files, archived = tmp_path / "files", tmp_path / "archived"
    files.mkdir()
    archived.mkdir()
    with tarfile.open(archived / CIFAR_ARCHIVE, "w:gz") as tar:
        for name, part in reversed([*zip(names, parts, strict=True)]):
            (files / name).write_bytes(part[0])
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(part[0])
            tar.addfile(entry, io.BytesIO(part[0]))
    for folder in (files, archived):
        check_cifar(load_dataset(folder, "cifar10", "train"), parts[:5])
        check_cifar(load_dataset(folder, "cifar10", "test"), parts[5:])


@pytest.mark.parametrize("content", [b"", bytes(3072), bytes(3073 * 2 + 1)])
def test_wrong_cifar_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "test_batch.bin").write_bytes(content)
    with pytest.raises(DataError, match=r"test_batch\.bin is not a CIFAR-10 batch"):
        load_dataset(tmp_path, "cifar10", "test")


def test_wrong_cifar_archive_is_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / CIFAR_ARCHIVE, "w:gz"):
        pass
    with pytest.raises(DataError, match=r"binary\.tar\.gz lacks test_batch\.bin"):
        load_dataset(tmp_path, "cifar10", "test")
    (tmp_path / CIFAR_ARCHIVE).write_bytes(b"not gzip")
    with pytest.raises(DataError, match=r"binary\.tar\.gz cannot be read"):
        load_dataset(tmp_path, "cifar10", "test")


def test_image_folder_crops_the_centre(tmp_path: Path) -> None:
    picture = np.zeros((8, 24, 3), np.uint8)
    picture[:, 8:16] = (200, 100, 50)
    Image.fromarray(picture).save(tmp_path / "b.png")
    Image.new("L", (5, 9), 77).save(tmp_path / "a.PNG")
    data = load_image_folder(tmp_path, size=4)
    assert data.images.shape == (2, 4, 4, 3)
    assert (data.images[0] == 77).all()
    assert (data.images[1] == (200, 100, 50)).all()
    assert data.labels is None


def test_image_folder_with_splits_and_classes(tmp_path: Path) -> None:
    for name, grey in (("train/cat/1", 10), ("train/ant/1", 20), ("test/cat/1", 30)):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True)
        Image.new("L", (64, 64), grey).save(path)
    train = load_dataset(tmp_path, "celeba64", "train")
    assert train.images.shape == (2, 64, 64, 3)
    assert train.classes == ("ant", "cat")
    np.testing.assert_array_equal(train.labels, [0, 1])
    np.testing.assert_array_equal(train.images[:, 0, 0, 0], [20, 10])
    test = load_dataset(tmp_path, "celeba64", "test")
    np.testing.assert_array_equal(test.images[:, 0, 0, 0], [30])


def test_wrong_picture_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="holds no pictures"):
        load_image_folder(tmp_path, size=4)
    Image.new("L", (64, 64)).save(tmp_path / "good.png")
    with pytest.raises(DataError, match="no subfolder named test"):
        load_image_folder(tmp_path, size=4, split="test")
    (tmp_path / "bad.jpg").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    with pytest.raises(DataError, match=r"bad\.jpg cannot be read"):
        load_image_folder(tmp_path, size=4)
    (tmp_path / "bad.jpg").unlink()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"good\.png cannot be read"):
        load_image_folder(tmp_path, size=4)


def test_facts_fit_the_readers() -> None:
    for info in DATASETS.values():
        assert info.channels == len(info.mean or (0,) * info.channels)
        assert info.licence
        assert all(0 < value < 1 for value in (*info.mean, *info.std))
