"""A few real MNIST digits."""

from pathlib import Path

import numpy as np

from spikestudio.data.readers import Dataset
from spikestudio.data.registry import DIGITS

_FILE = Path(__file__).parents[2] / "data" / "mnist_digits.npz"


def digits(split: str = "train") -> Dataset:
    """60 real digits, six of each class; the two splits do not overlap."""
    with np.load(_FILE, allow_pickle=False) as arrays:
        half = slice(0, None, 2) if split == "train" else slice(1, None, 2)
        return Dataset("mnist", split, arrays["images"][half], arrays["labels"][half], DIGITS)
