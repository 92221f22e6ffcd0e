from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spikestudio import paths


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    paths.bundle_root.cache_clear()
    yield
    paths.bundle_root.cache_clear()


def test_resources_are_found() -> None:
    schema = paths.resource("schemas", "checkpoint-card.json")
    assert json.loads(schema.read_text(encoding="utf-8"))["type"] == "object"
    assert paths.bundled_checkpoints() == paths.resource().parent / "checkpoints"


def test_a_frozen_bundle_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert paths.resource("icons", "a.png") == tmp_path / "resources" / "icons" / "a.png"
    assert paths.bundled_checkpoints() == tmp_path / "checkpoints"


def test_an_installed_wheel_carries_them_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "spikestudio"
    package.mkdir(parents=True)
    monkeypatch.setattr(paths, "_PACKAGE", package)
    assert paths.bundle_root() == package.parent  # a checkout
    paths.bundle_root.cache_clear()
    (package / "_bundled").mkdir()
    assert paths.bundle_root() == package / "_bundled"


def test_the_users_folders_are_named_after_the_application() -> None:
    folders = [paths.user_config(), paths.user_data(), paths.user_cache(), paths.log_file().parent]
    assert all("spikestudio" in str(folder) for folder in folders)
    assert paths.user_checkpoints().parent == paths.user_data()
    bundled = paths.bundle_root()
    assert not any(folder.is_relative_to(bundled) for folder in folders)
