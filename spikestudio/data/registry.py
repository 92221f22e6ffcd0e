"""The data sets that SpikeStudio knows by name: sizes, classes, pixel statistics, licence."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase

from spikestudio.errors import DataError
from spikestudio.language import tr

DIGITS = tuple("0123456789")


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """Facts about one data set.

    ``layout`` is how its folder is read: ``idx``, ``cifar`` or ``images``. ``mean`` and ``std`` are
    those of the training pixels in [0, 1], one value per channel, empty where they are not fixed.
    """

    name: str
    title: str
    layout: str
    image_size: int
    channels: int
    classes: tuple[str, ...]
    num_train: int
    num_test: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    prefix: str = ""  # of the IDX file names
    test_stem: str = "t10k"
    is_transposed: bool = False  # rows and columns are swapped in the file
    first_label: int = 0  # label of the first class in the file


_ALL = (
    DatasetInfo(
        name="mnist",
        title="MNIST",
        layout="idx",
        image_size=28,
        channels=1,
        classes=DIGITS,
        num_train=60_000,
        num_test=10_000,
        mean=(0.1307,),
        std=(0.3081,),
        licence="CC BY-SA 3.0, Yann LeCun, Corinna Cortes, Christopher J.C. Burges",
    ),
    DatasetInfo(
        name="fashion-mnist",
        title="Fashion-MNIST",
        layout="idx",
        image_size=28,
        channels=1,
        classes=(
            *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
            *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
        ),
        num_train=60_000,
        num_test=10_000,
        mean=(0.2860,),
        std=(0.3530,),
        licence="MIT, Zalando SE",
    ),
    DatasetInfo(
        name="kmnist",
        title="KMNIST",
        layout="idx",
        image_size=28,
        channels=1,
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        num_train=60_000,
        num_test=10_000,
        mean=(0.1918,),
        std=(0.3483,),
        licence=(
            'CC BY-SA 4.0, "KMNIST Dataset" (created by CODH), adapted from "Kuzushiji Dataset" '
            "(created by NIJL and others), doi:10.20676/00000341"
        ),
    ),
    DatasetInfo(
        name="emnist-letters",
        title="EMNIST letters",
        layout="idx",
        image_size=28,
        channels=1,
        classes=tuple(ascii_uppercase),
        num_train=124_800,
        num_test=20_800,
        mean=(0.1722,),
        std=(0.3309,),
        licence="Public domain, derived from NIST Special Database 19; cite arXiv 1702.05373",
        prefix="emnist-letters-",
        test_stem="test",
        is_transposed=True,
        first_label=1,
    ),
    DatasetInfo(
        name="cifar10",
        title="CIFAR-10",
        layout="cifar",
        image_size=32,
        channels=3,
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        num_train=50_000,
        num_test=10_000,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        licence="None stated; cite Krizhevsky, Learning Multiple Layers of Features, 2009",
    ),
    DatasetInfo(
        name="celeba64",
        title="CelebA 64x64",
        layout="images",
        image_size=64,
        channels=3,
        classes=(),
        num_train=0,
        num_test=0,
        mean=(),
        std=(),
        licence="Non-commercial research only; the images may not be passed on",
    ),
)
DATASETS: dict[str, DatasetInfo] = {info.name: info for info in _ALL}


def dataset_info(name: str) -> DatasetInfo:
    """Return the facts of the data set called ``name``; raises ``DataError`` if unknown."""
    if name not in DATASETS:
        raise DataError(
            tr(
                "Unknown data set {name!r}: choose one of {datasets}.",
                name=name,
                datasets=", ".join(DATASETS),
            )
        )
    return DATASETS[name]
