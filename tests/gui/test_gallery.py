"""Pictures of the window and of runs, drawn from bundled models with very few steps."""

import json
import subprocess
import sys
import textwrap
from html.parser import HTMLParser

import pytest
from PIL import Image
from typer.testing import CliRunner

from spikestudio.app import theme
from spikestudio.app.gallery import FIGURES, MODELS, Wanted, draw
from spikestudio.app.gallery_page import Item, write_page
from spikestudio.app.layouts import LAYOUTS
from spikestudio.errors import ConfigError, ExportError
from spikestudio.export.progress import ExportCancelledError


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.files, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.files.append(dict(attrs)["src"])
            self.texts.append(dict(attrs)["alt"])


def test_a_layout_is_drawn_in_its_size_and_theme(tmp_path):
    """In a process of its own: fonts and style sheet stay for as long as an application does."""
    code = """
        import sys
        from pathlib import Path
        from spikestudio.app.gallery import Wanted, draw
        wanted = Wanted(
            ("light",), ((1280, 720),), ("Watch",),
            has_figures=False, steps=2, lessons=("one-neuron",),
        )
        told = []
        items = draw(Path(sys.argv[1]), wanted, progress=lambda *each: told.append(each[:2]))
        files = [item.file for item in items]
        assert files == ["watch-light-1280x720.png", "lesson-one-neuron-light-1280x720.png"], items
        assert told == [(0, 3), (1, 3), (2, 3), (3, 3)], told
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    files = Links((tmp_path / "index.html").read_text("utf-8")).files
    assert files == ["watch-light-1280x720.png", "lesson-one-neuron-light-1280x720.png"]
    surface = theme.TABLES["light"].surface
    for file in files:
        with Image.open(tmp_path / file) as picture:
            assert picture.size == (1280, 720)
            colors = picture.convert("RGB").getcolors(1 << 20)
        assert len(colors) > 200
        assert max(colors)[1] == tuple(int(surface[i : i + 2], 16) for i in (1, 3, 5))


def test_a_gallery_that_is_cancelled_stops(qapp, tmp_path):
    with pytest.raises(ExportCancelledError):
        draw(tmp_path, Wanted(steps=2), is_cancelled=lambda: True)
    assert not (tmp_path / "index.html").exists()


def test_a_folder_that_cannot_be_made_is_told(qapp, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="file"):
        draw(tmp_path / "file" / "folder", Wanted())


def test_every_layout_has_a_model_and_every_figure_a_kind():
    assert set(LAYOUTS) == set(MODELS)
    assert {kind.id for kind in FIGURES} >= {
        "raster",
        "membrane",
        "rates",
        "tokens",
        "sweep",
        "grid",
    }


def test_the_page_shows_every_file_and_takes_names_as_text(tmp_path):
    items = [Item("a b.png", "<b>first</b>", "Window"), Item("c.svg", "second", "model & more")]
    write_page(tmp_path / "index.html", items)
    text = (tmp_path / "index.html").read_text("utf-8")
    links = Links(text)
    assert links.files == ["a%20b.png", "c.svg"]
    assert links.texts == ["<b>first</b>", "second"]
    assert "<b>" not in text
    assert "http" not in text


def command():
    import typer

    from spikestudio.cli.gallery import gallery

    app = typer.Typer()
    app.command()(gallery)
    return app


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--theme", "sepia"], "sepia"),
        (["--size", "big"], "big"),
        (["--size", "10x10"], "10 x 10"),
        (["--layout", "nowhere"], "nowhere"),
        (["--lesson", "none-such"], "none-such"),
    ],
)
def test_wrong_wishes_are_told_before_anything_is_done(tmp_path, arguments, word):
    done = CliRunner().invoke(command(), [str(tmp_path / "out"), *arguments])
    assert isinstance(done.exception, ConfigError)
    assert word in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_without_a_window_library_it_says_so(tmp_path, monkeypatch):
    from spikestudio.errors import SpikeStudioError

    monkeypatch.setitem(sys.modules, "spikestudio.app.gallery", None)
    done = CliRunner().invoke(command(), [str(tmp_path / "out")])
    assert isinstance(done.exception, SpikeStudioError)
    assert "library does not load" in str(done.exception)


def test_the_command_lists_what_it_wrote(tmp_path, monkeypatch):
    from spikestudio.app import gallery

    asked = []

    def drawn(folder, wanted, **_):
        asked.append(wanted)
        return [Item("x.png", "x", "Window")]

    monkeypatch.setattr(gallery, "draw", drawn)
    arguments = [
        "--theme",
        "dark",
        "--size",
        "1280x720",
        "--size",
        "1600X1000",
        "--layout",
        "teach",
    ]
    done = CliRunner().invoke(command(), [str(tmp_path), *arguments, "--no-figures", "--json"])
    assert done.exception is None
    assert json.loads(done.stdout)["files"] == ["x.png"]
    assert asked[0].sizes == ((1280, 720), (1600, 1000))
    assert asked[0].layouts == ("Teach",)
    assert asked[0].themes == ("dark",)
    assert not asked[0].has_figures
