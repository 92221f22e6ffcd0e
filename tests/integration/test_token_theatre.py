"""What the token docks say about a real run, against what the sampler did."""

import gc

import numpy as np
import pytest

from spikestudio.app.viewmodels.codebook import CodebookModel
from spikestudio.app.viewmodels.playback import open_playback
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.codebook import CodebookView
from spikestudio.app.views.tokens import TokensView
from spikestudio.export.provenance import provenance
from spikestudio.metrics.codebook_reading import read_codebook
from spikestudio.recording.record import Record
from spikestudio.sampling.events import Finished
from spikestudio.sampling.run import SamplingRun
from tests.gui.fakes import draw, shown
from tests.tiny import tiny_model, tiny_request


@pytest.fixture
def run(qapp):
    yield RunModel()
    gc.collect()  # of widgets in cycles; Qt may deadlock if that happens while it disconnects


def test_probability_of_every_drawn_code_is_the_confidence_of_the_run(qtbot, run, tmp_path):
    model = tiny_model("spiking-diffusion")
    request = tiny_request(model, num=3, steps=4, temperature=0.8)
    sampled = SamplingRun(
        model, request, record=Record(path=tmp_path / "run.h5"), describe=provenance
    )
    for event in sampled:
        if getattr(event, "step", None) == 1:
            sampled.control.set_parameters(temperature=1.7)
    assert isinstance(event, Finished)
    run.show(open_playback(tmp_path / "run.h5", [model.card]))
    codebook = CodebookModel(run)
    codebook.set_info(read_codebook(model))
    view = shown(qtbot, TokensView(run, codebook=codebook))
    run.select(image=1)
    draw(qtbot, view)
    tokens = run.tokens
    temperatures = set()
    for cell in np.ndindex(3, 3):
        view.map.hovered.emit(cell)
        (drawn,) = [row for row in view.panel.bars.rows if row.is_drawn]
        assert drawn.code == tokens.tokens[1][cell]
        assert drawn.probability == pytest.approx(float(tokens.confidence[1][cell]), rel=1e-4)
        assert np.array_equal(drawn.patch, codebook.info.patches[drawn.code])
        temperatures.add(view.panel.cell.temperature)
    assert temperatures == {0.8, 1.7}

    dock = shown(qtbot, CodebookView(run, codebook))
    draw(qtbot, dock)
    counts = np.bincount(sampled.result.tokens.ravel(), minlength=10)
    assert np.array_equal(dock.grid.sheet.counts, counts)
    assert np.array_equal(dock.grid.sheet.patches, codebook.info.patches)
