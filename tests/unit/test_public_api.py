from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spikestudio as ss
from spikestudio.errors import CheckpointError, ConfigError
from spikestudio.sampling.events import Finished
from tests.unit.checkpoints import tiny


def test_the_names_of_the_package() -> None:
    assert set(ss.__all__) == {"Record", "__version__", "load", "sample"}
    assert isinstance(ss.__version__, str)
    assert ss.__version__
    with pytest.raises(AttributeError, match="nothing"):
        _ = ss.nothing  # type: ignore[attr-defined]


def test_a_run_from_file_to_pixels(tmp_path: Path) -> None:
    tiny.save(tmp_path / "a.safetensors", "sddpm")
    model = ss.load(tmp_path / "a.safetensors")
    run = ss.sample(model, num=2, seed=3, steps=4, threshold=0.997)
    events = list(run)
    assert isinstance(events[-1], Finished)
    assert run.result is not None
    assert run.result.images is not None
    assert run.result.images.shape == (2, 8, 8, 1)
    assert (run.result.request.threshold, run.result.request.snn_steps) == (0.997, 2)
    again = ss.sample(model, num=2, seed=3, steps=4, threshold=0.997)
    list(again)
    assert again.result is not None
    assert again.result.images is not None
    assert np.array_equal(again.result.images, run.result.images)


def test_mistakes_are_explained(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        ss.load(tmp_path / "no.safetensors")
    tiny.save(tmp_path / "a.safetensors", "sddpm")
    model = ss.load(tmp_path / "a.safetensors")
    with pytest.raises(ConfigError, match="'stepz'"):
        ss.sample(model, stepz=3)
    with pytest.raises(ConfigError, match="out of range"):
        ss.sample(model, steps=0)


def test_importing_is_cheap() -> None:
    code = (
        "import sys, spikestudio\n"
        "assert spikestudio.load and spikestudio.sample and spikestudio.__version__\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'PIL', 'rich', 'jsonschema'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
