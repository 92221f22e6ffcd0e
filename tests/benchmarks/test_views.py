"""Frame time of the plot docks: 16 images of 28x28, 25,088 neurons, 50 steps of 4 SNN steps.

One frame is what the bridge does after a denoising step: take the events, refresh, and paint. The
recorder is filled beforehand, so reading it is measured and making its contents is not.
"""

import pytest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.image import ImageView
from spikestudio.app.views.membrane import MembraneView
from spikestudio.app.views.raster import RasterView
from spikestudio.app.views.rates import RatesView
from spikestudio.app.views.tokens import TokensView
from spikestudio.sampling.events import ImagePreview, StepFinished, TokensUnmasked
from tests.gui.fakes import FakeRecorder, FakeRun, layer

VIEWS = {
    "image": ImageView,
    "raster": RasterView,
    "membrane": MembraneView,
    "tokens": TokensView,
    "rates": RatesView,
}
STEPS = 50
LAYERS = (
    layer("downblocks.0.neuron1", 32, 28, 28),
    *(layer(f"upblocks.{i}.neuron1", 64, 7, 7) for i in range(21)),
)


class Screen:
    """Views side by side, 460x360 each, and the events of a run to feed them."""

    def __init__(self, qtbot, names, *, potential=False):
        self.run = RunModel()
        self.views = [VIEWS[name](self.run) for name in names]
        window = QWidget()
        row = QHBoxLayout(window)
        for view in self.views:
            view.setFixedSize(460, 360)
            row.addWidget(view)
        qtbot.addWidget(window)
        with qtbot.waitExposed(window):
            window.show()
        self.window = window
        self.fake = FakeRun(self.run, FakeRecorder(LAYERS, STEPS), num=16, tokens=True)
        self.fake.start()
        self.run.select(neurons=(5, 77, 1234))
        self.events = []
        take, self.run.take = self.run.take, self.events.append
        self.fake.step(STEPS)
        self.run.take = take
        if potential:
            for view in self.views:
                view.mode.button(1).click()
        self.next = 0
        for _ in range(25):
            self.frame()

    def step_events(self):
        """Events of the next step; starts the run over when it is at its end."""
        if self.next == STEPS:
            self.fake.start()
            self.next = 0
        step, self.next = self.next, self.next + 1
        kinds = (StepFinished, ImagePreview, TokensUnmasked)
        return [event for event in self.events if isinstance(event, kinds) and event.step == step]

    def frame(self, events=None):
        """Do one frame, painting included."""
        for event in events or self.step_events():
            self.run.take(event)
        for view in self.views:
            view.draw_if_needed()
        QApplication.processEvents()


def measure(benchmark, screen):
    benchmark.pedantic(
        screen.frame, setup=lambda: ((screen.step_events(),), {}), rounds=100, warmup_rounds=5
    )


@pytest.mark.parametrize("name", VIEWS)
def test_frame_of_one_view(benchmark, qtbot, name):
    measure(benchmark, Screen(qtbot, [name]))


def test_frame_of_the_potential_raster(benchmark, qtbot):
    measure(benchmark, Screen(qtbot, ["raster"], potential=True))


def test_frame_of_all_five_views(benchmark, qtbot):
    measure(benchmark, Screen(qtbot, VIEWS))


def test_another_layer_in_a_finished_run(benchmark, qtbot):
    """All 50 steps of 25,088 neurons read again."""
    screen = Screen(qtbot, ["raster"])
    while screen.next < STEPS:
        screen.frame()
    view = screen.views[0]

    def change():
        screen.run.select(layer=LAYERS[1].id)
        view.draw_if_needed()
        screen.run.select(layer=LAYERS[0].id)
        view._data = None

    def reread():
        while view.draw_if_needed():
            QApplication.processEvents()

    benchmark.pedantic(reread, setup=change, rounds=20)
