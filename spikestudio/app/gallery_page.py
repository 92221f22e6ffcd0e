"""One page that shows every picture of a gallery; it needs nothing but the files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template
from urllib.parse import quote

from spikestudio import __version__
from spikestudio.atomic import atomic_write


@dataclass(frozen=True, slots=True)
class Item:
    """One file: its name in the folder, what it shows, and under which heading it stands."""

    file: str
    caption: str
    group: str


def write_page(path: Path, items: Sequence[Item]) -> None:
    """Write the page; raises ``ExportError``. Items of a group must stand together."""
    text = _PAGE.substitute(version=escape(__version__), body="\n".join(_sections(items)))
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _sections(items: Sequence[Item]) -> list[str]:
    parts = []
    for group, members in groupby(items, key=lambda item: item.group):
        figures = "\n".join(
            f'<figure><a href="{quote(item.file)}"><img src="{quote(item.file)}" '
            f'alt="{escape(item.caption)}" loading="lazy"></a>'
            f"<figcaption>{escape(item.caption)}</figcaption></figure>"
            for item in members
        )
        parts.append(f"<h2>{escape(group)}</h2>\n<div>\n{figures}\n</div>")
    return parts


_PAGE = Template(
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>SpikeStudio gallery</title>
<style>
:root { color-scheme: light dark; --back: #F3F5F8; --text: #161C24; --muted: #55606E; }
@media (prefers-color-scheme: dark) {
  :root { --back: #12151A; --text: #E8ECF2; --muted: #A7B1BF; }
}
body { margin: 2rem; background: var(--back); color: var(--text); font: 16px/1.5 sans-serif; }
div { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1.5rem; }
figure { margin: 0; }
img { width: 100%; background: #FFFFFF; border-radius: 4px; }
figcaption, p { color: var(--muted); }
</style>
<h1>SpikeStudio gallery</h1>
<p>Drawn by <code>spikestudio gallery</code>, version $version. Every number in these pictures was
computed for them by the bundled models.</p>
$body
</html>
"""
)
