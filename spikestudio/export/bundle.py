"""Figure bundles: a zip with a figure, its numbers, its provenance, and a script that draws it again.

figure.svg figure.png figure.pdf   the figure
data.npz                           what it shows
figure.json                        its size, texts and options
provenance.json                    the run it is of
redraw.py                          draws it again; needs matplotlib and NumPy alone
fonts/                             those of the figure, with their licence
"""

from __future__ import annotations

import ast
import inspect
import json
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from spikestudio.atomic import atomic_write
from spikestudio.errors import ExportError
from spikestudio.export.draw import style
from spikestudio.export.figures import DRAWERS, FONTS, FORMATS, VECTOR_DPI, FigureData, figure_bytes
from spikestudio.export.metadata import BUNDLE_ENTRY
from spikestudio.export.progress import ExportCancelledError, Progress
from spikestudio.language import tr
from spikestudio.paths import resource

_DATE = (1980, 1, 1, 0, 0, 0)  # the same figure is the same file
_HEAD = '''"""Draw this figure again: python redraw.py [figure.png | figure.svg | figure.pdf]

Needs matplotlib and NumPy. Reads data.npz and figure.json beside it, which may be edited.
"""

from __future__ import annotations
'''
_TAIL = '''

def main() -> None:
    """Draw the figure into the file that the command line names, redrawn.png by default."""
    import json
    import sys
    from pathlib import Path

    import matplotlib as mpl
    from matplotlib import font_manager

    here = Path(__file__).resolve().parent
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "redrawn.png")
    for font in sorted((here / "fonts").glob("*.ttf")):
        font_manager.fontManager.addfont(str(font))
    spec = json.loads((here / "figure.json").read_text(encoding="utf-8"))
    with np.load(here / "data.npz", allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    with mpl.rc_context(style(spec)):
        figure = {draw}(arrays, spec)
        dpi = spec["dpi"] if out.suffix == ".png" else {vector_dpi}
        figure.savefig(out, dpi=dpi)
    print(f"Wrote {out}.")


if __name__ == "__main__":
    main()
'''


def save_bundle(
    path: Path | str,
    figure: FigureData,
    provenance: Mapping[str, Any],
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> None:
    """Write the bundle of a figure; raises ``ExportError``.

    ``progress`` is called after each of its figures, and ``is_cancelled`` asked before each; if it says
    so, ``ExportCancelledError`` is raised and nothing is written.
    """
    drawn: dict[str, bytes] = {}
    for done, kind in enumerate(FORMATS, 1):
        if is_cancelled is not None and is_cancelled():
            raise ExportCancelledError(
                tr("{path} was cancelled; nothing was written.", path=Path(path).name),
                path=Path(path),
            )
        drawn[f"figure{kind}"] = figure_bytes(figure, kind[1:], provenance)
        if progress is not None:
            progress(done, len(FORMATS))
    arrays = BytesIO()
    np.savez_compressed(arrays, **figure.arrays)  # type: ignore[arg-type]
    files = {
        **drawn,
        "data.npz": arrays.getvalue(),
        "figure.json": _text(figure.spec),
        BUNDLE_ENTRY: _text(provenance),
        "redraw.py": script(figure.kind).encode(),
    }
    for name in (*FONTS, "OFL.txt"):
        font = resource("fonts", "figures", name)
        if font.is_file():
            files[f"fonts/{name}"] = font.read_bytes()
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)


def script(kind: str) -> str:
    """The program that draws a kind of figure: our own drawing code, in one file."""
    module, draw = DRAWERS[kind]
    tail = _TAIL.replace("{draw}", draw.__name__).replace("{vector_dpi}", str(VECTOR_DPI))
    return _HEAD + _body(style) + _body(module) + tail


def _body(module: ModuleType) -> str:
    """Source of a module without its docstring and what it imports from us."""
    try:
        source = inspect.getsource(module)
    except OSError as error:
        raise ExportError(
            tr(
                "A figure bundle cannot be made by this installation, as it comes without its "
                "source code: "
                "export the figure and its data one by one."
            )
        ) from error
    lines = source.splitlines()
    for node in ast.parse(source).body:
        is_ours = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
            "__future__",
            "spikestudio",
        )
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_ours or is_text:
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return "\n" + "\n".join(lines).strip() + "\n\n"


def _text(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, allow_nan=False) + "\n").encode()
