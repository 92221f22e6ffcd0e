"""Fake recorders that can be asked, as the real one can, why spikes of a step are not there."""

from tests.gui import fakes


class Gaps(set):
    """Pairs of layer id and step; called as ``Recorder.missing``."""

    def __call__(self, layer_id, step):
        return "let go to stay within 512 MiB" if (layer_id, step) in self else ""


class FakeRecorder(fakes.FakeRecorder):
    """A fake recorder that says what it lost."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.missing = Gaps()


class FakeRun(fakes.FakeRun):
    """A fake run on such a recorder."""

    def __init__(self, model, recorder=None, **options):
        super().__init__(model, recorder or FakeRecorder(), **options)
