"""Official files in the window: what they do not say is asked once, and taken by the real loader."""

import pytest
from PySide6.QtWidgets import QPushButton, QWidget

from spikestudio.app.viewmodels.checkpoint import CheckpointModel
from spikestudio.app.viewmodels.facts import facts
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.model import ModelView
from spikestudio.app.views.told_dialog import ToldDialog
from spikestudio.checkpoints.told import Told
from spikestudio.errors import ConfigError
from spikestudio.sampling.worker import LoadFailed, ModelLoaded, Worker
from tests.unit.checkpoints import tiny
from tests.unit.checkpoints.official_files import make_network, write


class Desk:
    """The Model dock with the real worker; its events are taken in when asked for."""

    def __init__(self, qtbot):
        self._events = []
        self._qtbot = qtbot
        self.worker = Worker(self._events.append)
        self.checkpoint = CheckpointModel(self.worker.load, "cpu")
        self.view = ModelView(RunModel(), self.checkpoint)
        qtbot.addWidget(self.view)

    def wait(self):
        """Wait for the end of a load."""
        self._qtbot.waitUntil(
            lambda: any(isinstance(each, ModelLoaded | LoadFailed) for each in self._events),
            timeout=30_000,
        )
        while self._events:
            self.checkpoint.take(self._events.pop(0))

    def open(self, path):
        self.checkpoint.load(path)
        self.wait()

    def facts(self):
        return {each.name: each.value for each in facts(self.checkpoint.model)}

    def dialog(self):
        self.view.told_button.click()
        return self.view.findChild(ToldDialog)


@pytest.fixture
def desk(qtbot):
    desk = Desk(qtbot)
    yield desk
    desk.worker.close()


def test_an_official_file_shows_what_is_assumed_and_takes_what_it_is_told(desk, tmp_path):
    path = write(tmp_path, "sddpm", make_network("sddpm"))
    desk.open(path)
    assert "num snn steps 4" in desk.facts()["Assumed"]
    assert desk.facts()["SNN time steps"] == "T = 4"
    assert not desk.view.told_button.isHidden()

    dialog = desk.dialog()
    dialog.snn_steps.setValue(8)
    dialog.dataset.setCurrentText("CIFAR-10")
    dialog.load.click()
    desk.wait()
    assert desk.facts()["SNN time steps"] == "T = 8"
    assert desk.facts()["Trained on"] == "CIFAR-10"
    assert "snn steps" not in desk.facts()["Assumed"]
    assert len(desk.checkpoint.model.card.classes) == 10

    desk.checkpoint.set_device("auto")  # whatever loads the file again
    desk.wait()
    assert desk.facts()["SNN time steps"] == "T = 8"
    assert desk.dialog().snn_steps.value() == 8


def test_a_wrong_fact_is_refused_and_the_model_stays(desk, tmp_path):
    path = write(tmp_path, "sdm", make_network("sdm"))  # fixes three SNN steps
    desk.open(path)
    dialog = desk.dialog()
    dialog.snn_steps.setValue(5)
    dialog.load.click()
    desk.wait()
    assert "fixes num_snn_steps at 3" in desk.checkpoint.failure.message
    assert desk.facts()["SNN time steps"] == "T = 3, locked"


def test_the_other_half_of_spiking_diffusion_is_taken_from_elsewhere(desk, tmp_path):
    first = write(tmp_path, "spiking-diffusion", make_network("spiking-diffusion"))
    desk.open(first)
    dialog = desk.dialog()
    assert not dialog.second.isHidden()
    dialog.reject()
    (half,) = tmp_path.rglob("diff_model.pth")
    elsewhere = tmp_path / "elsewhere.pth"
    half.rename(elsewhere)
    desk.open(first)
    assert "is only the auto-encoder" in desk.checkpoint.failure.message

    dialog = desk.dialog()  # of the model that is still in use
    dialog.second.setText(str(elsewhere))
    dialog.load.click()
    desk.wait()
    assert desk.checkpoint.failure is None
    assert desk.checkpoint.told[first].second == elsewhere


def test_both_halves_can_be_opened_together_in_either_order(desk, tmp_path):
    first = write(tmp_path, "spiking-diffusion", make_network("spiking-diffusion"))
    (half,) = tmp_path.rglob("diff_model.pth")
    elsewhere = tmp_path / "elsewhere.pth"
    half.rename(elsewhere)
    for pair in ((first, elsewhere), (elsewhere, first)):
        desk.checkpoint.load_pair(*pair)
        desk.wait()
        assert desk.checkpoint.failure is None
        assert desk.checkpoint.model.path == pair[0]
    kept = {str(path): told.to_json() for path, told in desk.checkpoint.told.items()}
    after = CheckpointModel(desk.worker.load)
    after.remember(kept | {"/broken.pt": {"snn_steps": "x"}, "/worse.pt": 3})
    assert after.told == desk.checkpoint.told


def test_strict_numbers_are_said(desk, tmp_path):
    desk.open(write(tmp_path, "sdit", make_network("sdit")))
    dialog = desk.dialog()
    dialog.strict.click()
    dialog.load.click()
    desk.wait()
    assert desk.facts()["Numerics"] == "strict"


def test_a_file_of_ours_is_asked_nothing(desk):
    from spikestudio.checkpoints import catalog

    desk.open(catalog.resolve("spiking-diffusion-mnist"))
    assert desk.view.told_button.isHidden()
    assert "Assumed" not in desk.facts()


def test_every_control_has_a_name_and_a_reason(desk, tmp_path):
    desk.open(write(tmp_path, "sddpm", make_network("sddpm")))
    dialog = desk.dialog()
    fields = (dialog.snn_steps, dialog.image_size, dialog.timesteps, dialog.dataset, dialog.part)
    buttons = dialog.findChildren(QPushButton)
    assert len(buttons) == 2
    for each in (*fields, dialog.strict, *buttons):
        assert isinstance(each, QWidget)
        assert each.toolTip()
        assert each.accessibleName() or each.text()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"snn_steps": 8, "dataset": "cifar10", "part": "ema_model", "strict": True},
        {"second": "/models/diff_model.pth", "image_size": 28, "renames": {"a": "b"}},
    ],
)
def test_what_was_told_is_kept(values):
    assert Told.from_json(values).to_json() == values


@pytest.mark.parametrize(
    "values",
    [
        {"snn_steps": "8"},
        {"snn_steps": 0},
        {"snn_steps": True},
        {"image_size": 10**9},
        {"dataset": "imagenet"},
        {"second": 3},
        {"renames": {"a": 1}},
        {"colour": "red"},
        {"strict": 1},
    ],
)
def test_what_cannot_be_told_is_refused(values):
    with pytest.raises(ConfigError):
        Told.from_json(values)


def test_what_is_assumed_is_told_once_unless_somebody_has_told_it(desk, tmp_path):
    said = []
    desk.view.assumed.connect(said.append)
    path = write(tmp_path, "sddpm", make_network("sddpm"))
    desk.open(path)
    assert len(said) == 1
    assert said[0].startswith(f"{path.name} does not say everything. Assumed: num snn steps 4")
    desk.open(path)
    assert len(said) == 1
    other = write(tmp_path / "other", "sddpm", make_network("sddpm"))
    desk.checkpoint.load_told(other, Told())
    desk.wait()
    assert len(said) == 1
    ours = tmp_path / "ours.safetensors"
    tiny.save(ours, "sddpm")
    desk.open(ours)
    assert desk.checkpoint.model.path == ours
    assert len(said) == 1
