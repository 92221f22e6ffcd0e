import numpy as np
import pytest
from PIL import Image

from spikestudio.app.viewmodels.real_image import RealImages, bundled_images, read_image
from spikestudio.errors import DataError
from tests.gui.fake_worker import card
from tests.unit.sampling.test_request import assert_one_sentence


def save(path, size, mode="L", color=200):
    image = Image.new(mode, size, color)
    image.save(path)
    return path


def test_bundled_images_are_as_the_data_set_has_them():
    paths = bundled_images()
    assert len(paths) == 10
    assert sum(path.stat().st_size for path in paths) < 30_000
    for path in paths:
        image = read_image(path, 28, 1)
        assert image.note == ""
        assert image.pixels.shape == (28, 28, 1)
        assert np.array_equal(image.pixels[..., 0], np.asarray(Image.open(path)))
        assert image.pixels.max() == 255


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_file_is_fitted_and_it_says_how(tmp_path, suffix):
    path = save(tmp_path / f"cat.{suffix}", (60, 40), "RGB", (10, 200, 30))
    image = read_image(path, 28, 1)
    assert image.pixels.shape == (28, 28, 1)
    assert np.ptp(image.pixels) <= 2
    assert image.note == (
        f"cat.{suffix} was cropped to its middle square, made grey, resized from 60 x 40 to 28 x 28."
    )
    assert read_image(path, 28, 3).pixels.shape == (28, 28, 3)


def test_what_is_transparent_is_black(tmp_path):
    path = save(tmp_path / "a.png", (28, 28), "RGBA", (255, 255, 255, 0))
    image = read_image(path, 28, 1)
    assert image.pixels.max() == 0
    assert image.note == "a.png was put on black, made grey."


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_file_that_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.png") as caught:
        read_image(path, 28, 1)
    assert_one_sentence(str(caught.value))
    with pytest.raises(DataError):
        read_image(tmp_path / "not-there.png", 28, 1)
    whole = save(tmp_path / "whole.png", (300, 300)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError):
        read_image(path, 28, 1)


@pytest.fixture
def images(qapp):
    made = RealImages(lambda pixels: made.asked.append(pixels), lambda *job: made.jobs.append(job))
    made.asked, made.jobs, made.got = [], [], []
    made.encoded.connect(lambda image, tokens: made.got.append((image, tokens)))
    made.failed.connect(lambda text: made.got.append(text))
    made.told.connect(lambda text: made.got.append(text))
    return made


def finish(images, index=-1):
    job, done, failed = images.jobs[index]
    try:
        result = job()
    except DataError as error:
        failed(str(error), "")
    else:
        done(result)


def test_the_image_chosen_last_is_the_one_that_is_encoded(tmp_path, images):
    first, second = save(tmp_path / "1.png", (28, 28)), save(tmp_path / "2.png", (30, 30))
    model = card("spiking-diffusion")
    images.choose(first, model)
    images.choose(second, model)
    finish(images, 0)
    assert images.asked == []
    finish(images, 1)
    (pixels,) = images.asked
    tokens = np.zeros((7, 7), np.int32)
    images.take(np.zeros_like(pixels), tokens)
    assert images.got == []
    images.take(pixels, tokens)
    (image, found), note = images.got
    assert image.name == "2.png"
    assert found is tokens
    assert note == "2.png was resized from 30 x 30 to 28 x 28."


def test_a_failure_is_one_sentence(tmp_path, images):
    images.choose(tmp_path / "gone.png", card("spiking-diffusion"))
    finish(images)
    images.choose(save(tmp_path / "1.png", (28, 28)), card("spiking-diffusion"))
    finish(images)
    images.take(images.asked[0], "No model is loaded.")
    assert images.got == [
        "gone.png cannot be read as an image: choose another file.",
        "No model is loaded.",
    ]
