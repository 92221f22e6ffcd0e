#!/usr/bin/env python3
"""Make the Chinese fonts of resources/fonts from Noto Sans CJK, cut down to what the window writes.

    python packaging/chinese_font.py NotoSansCJK-Regular.ttc NotoSansCJK-Bold.ttc

They hold the commonest 3,755 characters (GB 2312, level 1), so that notes and lessons of others can be
read too, and every character of the Chinese catalogue, lessons and help. Under their own name: the
whole font may be installed as well. Run it again when tests/gui/test_fonts.py finds a new character.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

ROOT = Path(__file__).resolve().parent.parent
RESOURCES, FONTS = ROOT / "resources", ROOT / "resources" / "fonts"
SOURCE, FAMILY = "Noto Sans CJK SC", "SpikeStudio Sans SC"
FIRST = 0x2E80  # of the characters that the Latin font is not asked for
LEVEL_1 = (range(0xB0, 0xD8), range(0xA1, 0xFF))  # first and second bytes in GB 2312


def common() -> set[str]:
    """Return the characters of level 1."""
    pairs = (bytes((high, low)) for high in LEVEL_1[0] for low in LEVEL_1[1])
    return {text for pair in pairs if (text := pair.decode("gb2312", "ignore"))}


def written(resources: Path = RESOURCES) -> set[str]:
    """Return the Chinese characters and marks of every file of the language."""
    files = [path for path in resources.rglob("*zh_CN*") if path.is_file()]
    files += [path for folder in resources.rglob("zh_CN") for path in folder.rglob("*.md")]
    texts = (path.read_text("utf-8") for path in files)
    return {each for text in texts for each in text if ord(each) >= FIRST}


def cut(source: Path, target: Path, characters: set[str]) -> None:
    """Write the characters of the simplified Chinese face of ``source`` as a font of its own."""
    faces = TTCollection(source, lazy=True).fonts
    font: TTFont = next(each for each in faces if each["name"].getDebugName(1) == SOURCE)
    options = subset.Options(hinting=False, desubroutinize=False, layout_features=["kern"])
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]  # the licence stays in it
    options.name_languages = [0x409]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[ord(each) for each in characters])
    cutter.subset(font)
    names = font["name"]
    weight = names.getDebugName(2)
    plain = FAMILY.replace(" ", "")
    for number, text in {
        1: FAMILY,
        3: f"{plain}-{weight}",
        4: f"{FAMILY} {weight}",
        6: f"{plain}-{weight}",
    }.items():
        names.setName(text, number, 3, 1, 0x409)
    top = font["CFF "].cff
    top.fontNames = [f"{plain}-{weight}"]
    top.topDictIndex[0].FamilyName, top.topDictIndex[0].FullName = FAMILY, f"{FAMILY} {weight}"
    font.save(target)


def main(sources: list[str]) -> None:
    """Make a font of each source; its weight is in its name."""
    characters = common() | written()
    for source in map(Path, sources):
        weight = source.stem.rpartition("-")[2]
        target = FONTS / f"SpikeStudioSansSC-{weight}.otf"
        cut(source, target, characters)
        sys.stdout.write(
            f"{target.name}: {len(characters)} characters, {target.stat().st_size} bytes\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
