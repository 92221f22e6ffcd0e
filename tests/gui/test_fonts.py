"""The fonts that come with the window write all that it says, on a system that has none."""

from __future__ import annotations

import json

import pytest

from spikestudio.paths import resource

LATIN = ("Inter-Regular.otf", "Inter-SemiBold.otf")
CHINESE = ("SpikeStudioSansSC-Regular.otf", "SpikeStudioSansSC-Bold.otf")


def written(code: str) -> str:
    """Every text of the window, its lessons and its glossary in a language."""
    values = json.loads(resource("languages", f"{code}.json").read_text("utf-8"))
    texts = [json.dumps(values, ensure_ascii=False)]
    for path in resource().rglob("*.md"):
        if code in path.parts or code in path.name:
            texts.append(path.read_text("utf-8"))
    assert len(texts) > 50
    return "".join(texts)


@pytest.mark.parametrize("code", ["es", "zh_CN"])
@pytest.mark.parametrize("weight", [0, 1], ids=["regular", "bold"])
def test_every_character_of_a_language_is_in_a_font(qapp: object, code: str, weight: int) -> None:
    from PySide6.QtGui import QRawFont

    fonts = [QRawFont(str(resource("fonts", each[weight])), 13.0) for each in (LATIN, CHINESE)]
    assert all(font.isValid() for font in fonts)
    missing = {
        each
        for each in set(written(code))
        if each.isprintable() and not any(font.supportsCharacter(ord(each)) for font in fonts)
    }
    assert not missing, "".join(sorted(missing))
