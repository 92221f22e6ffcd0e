"""Lesson packs for tests: a whole one, and what others make of it."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from spikestudio.lessons.pack_writing import json_text

LESSON_MD = "---\ntitle: Threshold\nsummary: One knob.\n---\n"
FIRST_MD = "---\ntitle: Look\n---\nPress **Sample**. ![dot](dot.png) [rate](glossary:rate)\n"
SECOND_MD = (
    "---\ntitle: Guess\nquestion: More spikes?\nchoice.more: More\nchoice.less: Less\n"
    "---\nAnswer.\n"
)


def png(width: int = 2, height: int = 2) -> bytes:
    """A grey picture that says it has this size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min((width + 1) * height, 4096)))
    found = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")):
        check = zlib.crc32(kind + data)
        found += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
    return found


def lesson() -> dict[str, Any]:
    finished = {"state": "run.finished", "since_start": True, "ge": 1}
    return {
        "schema_version": 1,
        "id": "threshold-3fa2c1",
        "minutes": 5,
        "level": "intro",
        "pages": [
            {"id": "look", "start": {"show": [["sampler"], ["image"]]}, "point": "sampler.sample"},
            {
                "id": "guess",
                "done": finished,
                "predict": {
                    "kind": "choice",
                    "locks": ["sampler.sample"],
                    "choices": [
                        {"id": "more", "when": {"state": "measured.rate", "ge": 0.2}},
                        {"id": "less", "when": {"state": "measured.rate", "lt": 0.2}},
                    ],
                },
            },
        ],
    }


def manifest() -> dict[str, Any]:
    return {
        "schema_version": 1,
        "id": "threshold-3fa2c1",
        "author": "A. Teacher",
        "level": "intro",
        "visible": ["sampler.threshold"],
        "locked": [
            {"control": "sampler.threshold", "note": "Ask me why.", "value": 0.997},
            {"control": "sampler.sampler", "note": "DDIM today."},
        ],
        "files": ["en/lesson.md", "en/look.md", "en/guess.md", "dot.png"],
    }


def session() -> dict[str, Any]:
    return {
        "schema_version": 1,
        "sampler": {"num": 4, "steps": 6, "seed": 11},
        "model": None,
        "place": {"layout": "Watch"},
        "runs": [],
    }


def files(**changes: Any) -> dict[str, bytes]:
    """The parts of a whole pack; ``pack`` and ``lesson`` may be given as values."""
    return {
        "pack.json": json_text(changes.get("pack", manifest())).encode(),
        "lesson.json": json_text(changes.get("lesson", lesson())).encode(),
        "en/lesson.md": LESSON_MD.encode(),
        "en/look.md": FIRST_MD.encode(),
        "en/guess.md": SECOND_MD.encode(),
        "dot.png": png(),
        "session.json": json.dumps(changes.get("session", session())).encode(),
    }


def write(path: Path, parts: dict[str, bytes]) -> Path:
    """Zip parts as anybody could."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def line_with(parts: dict[str, bytes], name: str, text: str) -> int:
    lines = parts[name].decode().splitlines()
    return next(number for number, each in enumerate(lines, 1) if text in each)
