"""Tokens edited in the window, and real images filled in, by a real model in its own thread."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from spikestudio.app import context
from spikestudio.app.viewmodels.real_image import bundled_images
from spikestudio.app.viewmodels.run import RunState
from spikestudio.app.views.tokens import TokensView
from spikestudio.checkpoints.loader import load
from spikestudio.sampling.worker import Encoded, Worker
from tests.gui.fakes import draw, shown
from tests.tiny import save_tiny
from tests.unit.sampling.test_request import assert_one_sentence

LOCK, PAINT, CLEAR = range(3)


class Window:
    """A Tokens dock on a real worker."""

    def __init__(self, qtbot, folder: Path) -> None:
        self._qtbot = qtbot
        self.context = made = context.create(folder)
        self.branching = made.branching
        self.said: list[str] = []
        self.branching.refused.connect(self.said.append)
        self.view = shown(
            qtbot, TokensView(made.run, codebook=made.codebook, branching=self.branching), 900, 520
        )
        made.bridge.set_views(lambda: [self.view])
        made.checkpoint.load(save_tiny(folder / "tiny.safetensors", "spiking-diffusion"))
        self.wait(lambda: made.checkpoint.model is not None)
        made.sampler.set_model(made.checkpoint.model)
        made.codebook.set_info(made.checkpoint.model.codebook)

    @property
    def run(self):
        return self.context.run

    def wait(self, is_so) -> None:
        def tick() -> bool:
            self.context.bridge.tick()
            return is_so()

        self._qtbot.waitUntil(tick, timeout=30_000)

    def wait_for_end(self, before=None) -> None:
        self.wait(lambda: self.run.recorder is not before and self.run.result is not None)
        assert self.run.state is RunState.FINISHED, self.run.failure

    def look_at(self, step) -> None:
        self.view.look_at(step)
        draw(self._qtbot, self.view)

    def brush(self, tool: int, *cells: int) -> None:
        self.view.tools.tool.button(tool).click()
        self.view.map.brushed.emit(tuple((cell // 3, cell % 3) for cell in cells), True)
        draw(self._qtbot, self.view)


@pytest.fixture
def window(qtbot, tmp_path):
    made = Window(qtbot, tmp_path)
    yield made
    made.context.close()


def test_locked_and_painted_cells_keep_their_tokens_to_the_end(window):
    window.context.sampler.set(num=3, steps=6, seed=4)
    window.context.sampler.sample()
    window.wait_for_end()
    parent, run = window.run.recorder, window.run
    finished = run.result.tokens
    window.look_at(3)
    view = window.view
    view.tools.toggle.click()
    entering = parent.state(4)["tokens"][0].ravel()
    mask_id = run.tokens.mask_id
    revealed, masked = np.flatnonzero(entering != mask_id), np.flatnonzero(entering == mask_id)
    assert len(revealed) >= 4
    assert len(masked)
    locked, cleared = revealed[:2], revealed[2:]
    window.brush(LOCK, *locked.tolist())
    window.brush(CLEAR, *revealed.tolist())
    window.context.codebook.select(7)
    window.brush(PAINT, int(masked[0]))
    view.tools.go.click()
    assert window.said == []
    window.wait_for_end(parent)
    window.look_at(None)
    result = run.result.tokens[0].ravel()
    assert np.array_equal(result[locked], entering[locked])
    assert result[masked[0]] == 7
    assert (result != mask_id).all()
    assert np.array_equal(run.result.tokens[1:], finished[1:])  # the other images had no edits
    recorder = run.recorder
    assert recorder.first_step == 4
    first = recorder.state(4)["tokens"][0].ravel()
    assert (first[cleared] == mask_id).all()
    assert recorder.origin["branch"]["step"] == 4
    assert np.flatnonzero(view.map.picture.is_pinned).tolist() == locked.tolist()
    assert not view.tools.editor.has_edits
    # the steps before are not there, and nothing is shown in their place
    assert np.isnan(recorder.rates()[:, :4]).all()
    window.look_at(1)
    assert view.map.picture is None
    assert view.caption.text == "step 2: before this run branched off"
    (gap,) = window.context.timeline.gaps()
    assert (gap.first, gap.last, gap.reason) == (0, 4, "before this run branched off")


def test_the_last_step_is_filled_in_again(window):
    window.context.sampler.set(num=2, steps=5)
    window.context.sampler.sample()
    window.wait_for_end()
    parent, before = window.run.recorder, window.run.result.tokens
    window.view.tools.toggle.click()
    window.look_at(None)
    window.brush(LOCK, 0)
    window.brush(CLEAR, 3, 4)
    assert window.view.tools.go.text() == "Fill in again"
    window.view.tools.go.click()
    window.wait_for_end(parent)
    after = window.run.result.tokens
    kept = np.delete(np.arange(9), [3, 4])
    assert np.array_equal(after[0].ravel()[kept], before[0].ravel()[kept])
    assert np.array_equal(after[1], before[1])
    window.look_at(None)
    assert np.flatnonzero(window.view.map.picture.is_pinned).tolist() == [0]


def test_a_real_image_is_encoded_as_the_model_does(tmp_path):
    path = save_tiny(tmp_path / "tiny.safetensors", "spiking-diffusion")
    events: list[object] = []
    answers = threading.Semaphore(0)

    def publish(event: object) -> None:
        events.append(event)
        if isinstance(event, Encoded):
            answers.release()

    worker = Worker(publish)
    image = np.random.default_rng(0).integers(0, 256, (12, 12, 1), np.uint8)
    worker.encode(image)
    worker.load(path)
    worker.encode(image)
    worker.encode(np.zeros((3, 12, 1), np.uint8))
    for _ in range(3):
        answers.acquire(timeout=30)
    worker.close()
    none, found, bad = (each for each in events if isinstance(each, Encoded))
    assert_one_sentence(none.answer)
    assert found.image is image
    pixels = torch.from_numpy(image.transpose(2, 0, 1).copy()).float()[None] / 255
    assert np.array_equal(found.answer, load(path).encode(pixels)[0].numpy())
    assert found.answer.dtype == np.int32
    assert_one_sentence(bad.answer)


def test_a_picture_that_is_dropped_on_the_map_is_encoded_and_another_file_is_left_alone(
    qtbot, tmp_path
):
    window = Window(qtbot, tmp_path)
    window.context.sampler.sample()
    window.wait_for_end()
    draw(qtbot, window.view)

    def offered(path: Path, kind):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        event = kind(
            QPoint(20, 20) if kind is QDragEnterEvent else QPointF(20, 20),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        event.ignore()
        QApplication.sendEvent(window.view, event)
        return event, data  # the event does not own its data

    refused, _ = offered(tmp_path / "run.h5", QDragEnterEvent)
    assert not refused.isAccepted()
    picture = bundled_images()[0]
    welcome, _ = offered(picture, QDragEnterEvent)
    assert welcome.isAccepted()
    offered(picture, QDropEvent)
    window.wait(lambda: window.view.tools.image is not None)
    assert window.view.tools.image.name == picture.name
    assert window.view.tools.toggle.isChecked()
    window.context.close()
