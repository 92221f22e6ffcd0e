import gc

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from spikestudio.app import theme
from spikestudio.app.viewmodels.codebook import CodebookModel
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.walk import WalkModel
from spikestudio.app.views.vqsvae import NO_MODEL, NO_TOKENS, WAITING, VqsvaeView
from spikestudio.models.spiking_diffusion.walk import CodecWalk
from tests.gui.fakes import FakeRecorder, FakeRun, draw, shown
from tests.gui.test_views_codebook import SHA, info


def made_walk(image):
    """A walk of random numbers that fit together."""
    rng = np.random.default_rng(int(image.sum()))
    encoder = (rng.random((4, 6, 7, 7)) < 0.4).astype(np.uint8)
    rate = encoder.mean(axis=0).astype(np.float32)
    potential = 2 * rate
    z = 1.25 * potential - 0.25 * rate
    vectors = rng.normal(1, 1, (32, 6)).astype(np.float32)
    away = vectors[:, :, None, None] - z
    return CodecWalk(
        image=image,
        encoder_spikes=encoder,
        rate=rate,
        potential=potential,
        alpha=-0.25,
        z=z,
        vectors=vectors,
        tokens=(away**2).sum(axis=1).argmin(axis=0).astype(np.int32),
        currents=rng.normal(size=(6, 7, 7)).astype(np.float32),
        generated_spikes=(rng.random((4, 6, 7, 7)) < 0.6).astype(np.uint8),
        reconstruction=image // 2,
    )


@pytest.fixture
def run(qapp):
    yield RunModel()
    gc.collect()  # of widgets in cycles; Qt may deadlock if that happens while it disconnects


@pytest.fixture
def asked():
    return []


@pytest.fixture
def view(qtbot, run, asked):
    codebook = CodebookModel(run)
    codebook.set_info(info())
    return shown(qtbot, VqsvaeView(run, WalkModel(asked.append), codebook), 660, 460)


def start(run):
    recorder = FakeRecorder()
    recorder.origin = {"checkpoint": {"tensors_sha256": SHA}}
    return FakeRun(run, recorder, tokens=True).start()


def answer(qtbot, view, asked):
    view.walks.take(made_walk(asked[-1]))
    draw(qtbot, view)
    return view.walks.walk


def test_image_is_encoded_once_when_the_run_no_longer_needs_the_model(qtbot, run, view, asked):
    fake = start(run).step(3)
    draw(qtbot, view)
    assert not asked
    assert view.stack.sentence == WAITING
    fake.step(7).finish()
    draw(qtbot, view)
    (image,) = asked
    assert np.array_equal(image, run.preview.decoded[0])
    answer(qtbot, view, asked)
    assert not view.stack.is_empty
    assert len(asked) == 1
    run.select(image=3)
    draw(qtbot, view)
    assert np.array_equal(asked[1], run.preview.decoded[3])


def test_numbers_are_those_of_the_chosen_cell(qtbot, run, view, asked):
    start(run).step(10).finish()
    draw(qtbot, view)
    walk = answer(qtbot, view, asked)
    assert view.stages.cell == (3, 3)  # the middle
    box = view.stages.squares()[0]
    scale = int(box.width()) // 28
    # Cells are 4 pixels of the image wide.
    where = box.topLeft().toPoint() + QPoint(4 * scale * 5 + 3, 4 * scale * 2 + 3)
    qtbot.mouseClick(view.stages, Qt.MouseButton.LeftButton, pos=where)
    assert view.stages.cell == (2, 5)
    view.stages.setFocus()
    qtbot.keyClick(view.stages, Qt.Key.Key_Down)
    assert view.stages.cell == (3, 5)
    texts = view.stages.texts()
    assert texts[1] == f"{walk.encoder_spikes[:, :, 3, 5].sum()} of 24"
    assert texts[4] == f"{walk.generated_spikes[:, :, 3, 5].sum()} of 24"
    nearest, second = np.sort(walk.distances(3, 5))[:2]
    code = walk.tokens[3, 5]
    assert f"from code {code} at {nearest:#.3g}".rstrip(".") in view.caption.text
    assert view.caption.text.endswith(f"at {second:#.3g}".rstrip("."))
    assert view.detail.text.startswith("z = 1.25 · potential − 0.25 · rate")


def test_stages_lie_apart_and_inside_in_every_shape(qtbot, run, view, asked):
    start(run).step(10).finish()
    draw(qtbot, view)
    answer(qtbot, view, asked)
    for width, height in ((660, 460), (1300, 260), (340, 700)):
        view.resize(width, height)
        draw(qtbot, view)
        squares = view.stages.squares()
        inside = view.stages.rect().toRectF()
        assert all(inside.contains(box) for box in squares)
        for k, box in enumerate(squares):
            assert not any(box.intersects(other) for other in squares[k + 1 :])


def test_spikes_are_painted_feature_by_feature(qtbot, run, view, asked):
    start(run).step(10).finish()
    draw(qtbot, view)
    walk = answer(qtbot, view, asked)
    picture = view.stages.grab().toImage()
    for number, spikes in ((1, walk.encoder_spikes), (4, walk.generated_spikes)):
        box = view.stages.squares()[number]
        for step in range(4):
            for feature in range(6):
                x = int(box.left() + (step + 0.5) * box.width() / 4)
                y = int(box.top() + (feature + 0.5) * box.height() / 6)
                token = "spike" if spikes[step, feature, 3, 3] else "raised"
                assert picture.pixelColor(x, y) == theme.color(token)


def test_reasons_for_nothing_to_see(qtbot, run, view, asked):
    assert view.stack.is_empty
    FakeRun(run).start().step(1)
    draw(qtbot, view)
    assert view.stack.sentence == NO_TOKENS
    start(run).step(10).finish()
    view.codebook.set_info(info("cd" * 32))
    draw(qtbot, view)
    assert view.stack.sentence == NO_MODEL
    assert not asked
    view.codebook.set_info(info())
    draw(qtbot, view)
    view.walks.take("The image could not be encoded: no model is loaded.")
    draw(qtbot, view)
    assert view.stack.sentence == "The image could not be encoded: no model is loaded."
