import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QTextDocument

from spikestudio.app.views.notes import READ, WRITE, NotesView, Preview
from spikestudio.sessions.limits import LIMITS_MB
from tests.gui.fakes import draw, shown


@pytest.fixture
def view(shell, qtbot, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    context = shell.context
    made = NotesView(context.run, context.notes, shell.window.commands)
    yield shown(qtbot, made, 380, 420)
    context.session._saved_revision = context.session._revision


def choices(view):
    return [view.choice.itemText(i) for i in range(view.choice.count())]


def test_the_note_of_the_session_is_typed_and_kept(view, shell, qtbot):
    draw(qtbot, view)
    assert choices(view) == ["Session"]
    view.editor.setFocus()
    qtbot.keyClicks(view.editor, "# A day")
    assert shell.context.session.note == "# A day"
    assert shell.context.session.is_unsaved
    draw(qtbot, view)
    assert choices(view) == ["Session \N{BULLET}"]
    assert "no file yet" in view.state.text


def test_typing_can_be_taken_back(view, shell, qtbot):
    draw(qtbot, view)
    view.editor.setFocus()
    qtbot.keyClicks(view.editor, "one")
    draw(qtbot, view)  # a frame between must not touch the text
    qtbot.keyClick(view.editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert view.editor.toPlainText() == ""
    assert shell.context.session.note == ""


def test_every_run_has_a_note_of_its_own(view, shell, qtbot):
    shell.load()
    shell.run()
    draw(qtbot, view)
    assert choices(view) == ["Session", "Run 1"]
    view.choice.setCurrentIndex(1)
    view.choice.activated.emit(1)
    view.editor.setPlainText("bright")
    assert shell.context.history.entries[0].note == "bright"
    assert shell.context.session.note == ""
    view.choice.activated.emit(0)
    assert view.editor.toPlainText() == ""
    view.choice.activated.emit(1)
    assert view.editor.toPlainText() == "bright"


def test_a_deleted_run_gives_way_to_the_session(view, shell, qtbot):
    shell.load()
    shell.run()
    draw(qtbot, view)
    view.choice.activated.emit(1)
    shell.context.history.delete(1)
    draw(qtbot, view)
    assert shell.context.notes.key is None
    assert choices(view) == ["Session"]


def test_the_preview_reads_markdown_and_nothing_from_elsewhere(view, shell, qtbot):
    shell.context.session.set_note("# Head\n\n<b>raw</b> ![x](http://evil.example/x.png)\n\n- item")
    view.mark_dirty()
    draw(qtbot, view)
    view.mode.button(READ).click()
    text = view.preview.toPlainText()
    assert text.splitlines()[0] == "Head"
    assert "<b>raw</b>" in text
    assert view.preview.document().begin().blockFormat().headingLevel() == 1
    kind = int(QTextDocument.ResourceType.ImageResource.value)
    assert view.preview.loadResource(kind, QUrl("http://evil.example/x.png")) is None
    view.mode.button(WRITE).click()
    assert view.pages.currentWidget() is view.editor


def test_only_links_to_the_web_are_followed(qapp, qtbot, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    preview = Preview()
    qtbot.addWidget(preview)
    for address in ("file:///etc/passwd", "javascript:x", "https://arxiv.org/abs/2306.17046"):
        preview.anchorClicked.emit(QUrl(address))
    assert opened == ["https://arxiv.org/abs/2306.17046"]


def test_the_limit_of_recordings_is_chosen_here_and_kept(view, shell, qtbot):
    draw(qtbot, view)
    assert view.limit.currentText() == "Recordings up to 256 MiB"
    view.limit.activated.emit(LIMITS_MB.index(64))
    assert shell.context.session.limit_mb == 64
    shell.window._save()
    assert shell.context.settings.session_mb == 64


def test_every_control_says_what_it_is(view):
    for control in (view.choice, view.limit, view.save, view.report, view.cancel, view.editor):
        assert control.toolTip()
        assert control.accessibleName() or control.text()
