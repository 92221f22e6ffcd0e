import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from spikestudio.errors import ExportError
from spikestudio.export.progress import ExportCancelledError
from spikestudio.sessions.report import markdown, save_report
from spikestudio.sessions.writing import save_session
from tests.tiny import tiny_card
from tests.unit.sessions.made import made_session

EVIL = '<script>alert(1)</script><img src="http://evil.example/x.png"> "quoted" & \'single\''
ALONE = {"img", "meta", "br", "hr", "link", "input"}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return made_session(tmp_path_factory.mktemp("runs"))


class Page(HTMLParser):
    """Elements, addresses and text of a page; elements must be closed in their order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.open, self.words = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            assert not name.startswith("on")
            if name in ("src", "href", "action", "data"):
                self.addresses.append(value)
        if tag not in ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def page(path, session, **options):
    save_report(path, session, **options)
    text = path.read_text(encoding="utf-8")
    return Page(text), text


def test_the_page_shows_every_run_and_needs_nothing_else(session, tmp_path):
    seen = []
    found, text = page(tmp_path / "x.html", session, progress=lambda *each: seen.append(each))
    words = " ".join("".join(found.words).split())
    assert seen == [(1, 2), (2, 2)]
    for each in ("of two", "2 runs", "Run 1", "Run 2", "kept", "made from run 1", "note of run 1"):
        assert each in words
    assert session.runs[0].origin["checkpoint"]["tensors_sha256"] in words
    assert all(
        re.match(r"data:image/(png|svg\+xml);base64,|#run-[12]$", a) for a in found.addresses
    )
    assert sum(a.startswith("data:image/png") for a in found.addresses) == 2
    assert sum(a.startswith("data:image/svg") for a in found.addresses) == 4
    assert "script" not in found.tags
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: light" in text
    assert "@media print" in text


def test_every_text_is_escaped(session, tmp_path):
    run = session.runs[0]
    bad = replace(
        run, note=EVIL, failure=EVIL, file_name=EVIL, state="failed", recording=None, left_out=EVIL
    )
    found, text = page(tmp_path / "x.html", replace(session, name=EVIL, note=EVIL, runs=(bad,)))
    assert "script" not in found.tags
    assert "alert(1)" in "".join(found.words)
    assert not any("evil" in (address or "") for address in found.addresses)
    assert "<script>alert" not in text


@pytest.mark.parametrize(
    "text",
    [
        *("[x](javascript:alert(1))", "[x](file:///etc/passwd)", "![x](https://evil/x.png)"),
        *("<b onclick=x>y</b>", "[x](data:text/html;base64,AAAA)", "<javascript:alert(1)>"),
    ],
)
def test_notes_have_no_pictures_and_links_to_the_web_alone(text):
    found = Page(markdown(text))
    assert not {"img", "b", "script"} & set(found.tags)
    assert all(address.startswith("https://") for address in found.addresses)


def test_notes_read_as_markdown():
    found = Page(markdown("# Head\n\n- *a*\n- `b`\n\n[p](https://arxiv.org/abs/2306.17046)"))
    assert {"h1", "ul", "li", "em", "code", "a"} <= set(found.tags)


def test_parameters_that_differ_are_marked(session, tmp_path):
    run = session.runs[0]
    _, text = page(tmp_path / "x.html", replace(session, runs=(run,)))
    rows = re.findall(r"<tr class=changed><th scope=\"row\">\N{BULLET} ([^<]+)</th>", text)
    assert rows == ["images", "denoising steps", "SNN time steps"]
    assert "differs from the program's defaults" in text.replace("&#x27;", "'")
    assert "usually 16" in text
    card = tiny_card("sddpm")
    origin = {
        **run.origin,
        "checkpoint": {**run.origin["checkpoint"], "tensors_sha256": card.tensors_sha256},
    }
    _, text = page(
        tmp_path / "x.html", replace(session, runs=(replace(run, origin=origin),)), cards=[card]
    )
    assert "what the model is best sampled with" in text


def test_a_run_without_recording_says_why_there_are_no_figures(session, tmp_path):
    run = replace(session.runs[0], recording=None, left_out="It did not fit the limit.")
    _, text = page(tmp_path / "x.html", replace(session, runs=(run,)))
    assert "No figures: it did not fit the limit. Mean firing rate of the layers: 0." in text


def test_a_page_that_is_given_up_leaves_the_old_one(session, tmp_path):
    path = tmp_path / "x.html"
    path.write_text("old")
    with pytest.raises(ExportCancelledError):
        save_report(path, session, is_cancelled=lambda: True)
    assert path.read_text() == "old"
    with pytest.raises(ExportError):
        save_report(tmp_path / "none" / "x.html", session)


def test_the_command_writes_the_page_of_a_file(session, tmp_path):
    import typer

    from spikestudio.cli.report import report

    app = typer.Typer()
    app.command()(report)
    file = save_session(tmp_path / "two.spikestudio", session).path
    done = CliRunner().invoke(app, [str(file), "--out", str(tmp_path / "x.html"), "--json"])
    assert done.exit_code == 0, done.output
    assert '"runs": 2' in done.output
    found = Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert sum(a.startswith("data:image/svg") for a in found.addresses) == 4
