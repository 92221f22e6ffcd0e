from __future__ import annotations

from pathlib import Path

import pytest

from spikestudio.models.registry import ARCHITECTURES
from tests.unit.checkpoints import tiny


@pytest.fixture(params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A good SDDPM file."""
    path = tmp_path / "good.safetensors"
    tiny.save(path, "sddpm")
    return path
