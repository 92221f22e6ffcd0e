"""Presets fitted to data sets: one command trains each architecture on every one of them."""

import numpy as np
import pytest

from spikestudio.data.readers import Dataset
from spikestudio.data.registry import DATASETS, dataset_info
from spikestudio.data.resize import resize, resized
from spikestudio.errors import TrainingError
from spikestudio.training.presets import PRESETS, for_dataset, preset
from spikestudio.training.tasks import check_fit


def some_images(info) -> Dataset:
    """Three images, the last one of the last class."""
    shape = (3, info.image_size, info.image_size, info.channels)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    labels = np.array([0, 0, len(info.classes) - 1]) if info.classes else None
    return Dataset(info.name, "train", images, labels, info.classes)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(("architecture", "name"), PRESETS)
def test_every_preset_takes_every_data_set(architecture, name, dataset):
    info = dataset_info(dataset)
    config = for_dataset(preset(architecture, name), info).config
    images = resized(some_images(info), config.image_size)
    if architecture == "sdit" and not info.classes:
        with pytest.raises(TrainingError, match="choose another architecture"):
            check_fit(config, images)
        return
    check_fit(config, images)
    assert config.image_size - info.image_size in range(-4, 8)


@pytest.mark.parametrize(("architecture", "name"), PRESETS)
def test_the_papers_own_data_set_changes_nothing(architecture, name):
    found = preset(architecture, name)
    own = "cifar10" if architecture == "sddpm" and name != "micro" else "mnist"
    assert for_dataset(found, dataset_info(own)) == found


def test_mnist_is_enlarged_for_four_levels_as_the_papers_code_does():
    config = for_dataset(preset("sddpm", "paper"), dataset_info("mnist")).config
    assert (config.image_size, config.image_channels) == (32, 1)


def test_images_are_resized_one_by_one_and_left_alone_at_their_size():
    info = dataset_info("cifar10")
    images = some_images(info).images
    assert resize(images, 32) is images
    smaller = resize(images, 28)
    assert smaller.shape == (3, 28, 28, 3)
    np.testing.assert_array_equal(smaller[1:2], resize(images[1:2], 28))
    grey = resize(images[..., :1], 64)
    assert grey.shape == (3, 64, 64, 1)
    assert abs(float(grey.mean()) - float(images[..., :1].mean())) < 2
