"""Words of the glossary in help cards and lessons: links, the card with definition and source."""

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.views.lesson_text import LessonText
from spikestudio.app.widgets.help_card import HelpCard
from spikestudio.app.widgets.term_box import OWN_WORDS, UNKNOWN, TermBox
from spikestudio.app.widgets.wrapped_radio import WrappedRadio
from spikestudio.lessons import glossary
from spikestudio.lessons.glossary import Term

FRAME = 4  # pixels that the platform without a screen adds around windows
TERMS = {
    "spike": Term("Spike", "A 1 at one time step."),
    "spiking-neuron": Term("Spiking neuron", "A unit that sends spikes."),
    "reset": Term("Reset", "What happens after a spike."),
    "lif": Term("Leaky neuron (LIF)", "It forgets."),
    "diffusion": Term("Diffusion", "Noise is undone (arXiv 2006.11239)."),
}


# the words in a text ----------------------------------------------------------------------------


def words_of(text):
    return [(text[start:end], key) for start, end, key in glossary.found_in(text, TERMS)]


def test_the_first_occurrence_of_every_word_is_found_and_the_longest_one():
    text = "Spikes of a spiking neuron: one spike. An LIF is a leaky neuron."
    assert words_of(text) == [
        ("Spikes", "spike"),
        ("spiking neuron", "spiking-neuron"),
        ("LIF", "lif"),
    ]


@pytest.mark.parametrize("text", ["spikestudio", "half-spike", "Double click: reset the view", ""])
def test_other_words_and_other_senses_are_left_alone(text):
    assert words_of(text) == []


def test_a_text_with_links_is_escaped():
    html = glossary.linked("if H < 1 & no spike <b>", TERMS)
    assert html == 'if H &lt; 1 &amp; no <a href="glossary:spike">spike</a> &lt;b&gt;'


def test_the_source_of_a_word_is_its_paper():
    assert TERMS["diffusion"].paper == "arXiv 2006.11239"
    assert TERMS["diffusion"].address == "https://arxiv.org/abs/2006.11239"
    assert TERMS["spike"].paper == TERMS["spike"].address == ""


# the card of a word -----------------------------------------------------------------------------


def test_the_card_shows_definition_and_source_and_the_address_before_it_is_opened(qtbot):
    box = TermBox()
    qtbot.addWidget(box)
    opened = []
    box.opened.connect(opened.append)
    box.show_term(TERMS["diffusion"])
    assert box.name.text() == "Diffusion"
    assert "https://arxiv.org/abs/2006.11239" in box.source.text()
    box.open.click()
    assert opened == ["https://arxiv.org/abs/2006.11239"]
    box.show_term(TERMS["spike"])
    assert box.source.text() == OWN_WORDS
    assert not box.open.isVisibleTo(box)
    box.show_term(None)
    assert box.text.text() == UNKNOWN
    assert box.accessibleName().startswith(": The glossary")


# help cards -------------------------------------------------------------------------------------


def test_the_help_of_every_dock_leads_to_the_glossary(shell):
    terms = glossary.load()
    for view_id, dock in shell.window.docks.docks.items():
        card = HelpCard(dock.view.title, dock.view.help_text, dock)
        assert len(card.lines) == len(dock.view.help_text.splitlines()), view_id
        links = "".join(line.text() for line in card.lines)
        for _, _, key in glossary.found_in(dock.view.help_text, terms):
            assert f'"glossary:{key}"' in links, view_id
        card.follow(f"{glossary.SCHEME}:all")
        assert all(f'"glossary:{key}"' in card.all_words.text() for key in terms), view_id
        card.close()


def test_a_link_in_the_help_card_opens_the_card_of_the_word(qtbot, shell):
    dock = shell.window.docks.docks["membrane"]
    dock.buttons.show_help()
    card = dock.findChildren(HelpCard)[0]
    before = card.height()
    line = next(each for each in card.lines if "glossary:spike" in each.text())
    line.linkActivated.emit("glossary:spike")
    assert card.term.isVisible()
    assert card.term.name.text() == "Spike"
    assert card.term.text.text() == glossary.load()["spike"].text
    assert card.height() > before
    card.term.close_button.click()
    assert card.height() == before
    card.close()


def test_the_links_are_reached_by_keyboard(qtbot, shell):
    card = HelpCard("Help", "A spike.", shell.window)
    keyboard = Qt.TextInteractionFlag.LinksAccessibleByKeyboard
    assert card.lines[0].textInteractionFlags() & keyboard
    card.close()


def test_a_help_card_stays_on_the_screen_and_scrolls(qtbot, shell):
    card = HelpCard("Help", "What a spike is, in a line.\n" * 80, shell.window)
    card.show_under(shell.window.toolbar.help)
    screen = card.screen().availableGeometry()
    assert screen.adjusted(-FRAME, -FRAME, FRAME, FRAME).contains(card.geometry())
    qtbot.waitUntil(lambda: card.area.verticalScrollBar().maximum() > 0)
    assert card.area.horizontalScrollBar().maximum() == 0
    assert "".join(line.text() for line in card.lines).count("glossary:spike") == 1
    card.close()


# lessons ----------------------------------------------------------------------------------------


def test_a_word_of_a_lesson_opens_its_card_and_brings_it_into_view(qtbot, shell):
    shell.window.lessons.show()
    shell.context.lesson.open("one-neuron")
    view = shell.window.views.lesson
    view.refresh()
    view.text.anchorClicked.emit(QUrl("glossary:diffusion"))
    assert view.term.name.text() == "Diffusion"
    assert "2006.11239" in view.term.source.text()
    qtbot.wait(20)
    assert not view.term.visibleRegion().isEmpty()
    shell.context.lesson.close()


def test_the_lesson_card_scrolls_as_a_whole_and_its_commands_stay(qtbot, shell):
    shell.window.resize(900, 520)
    shell.window.lessons.show()
    lesson, view = shell.context.lesson, shell.window.views.lesson
    lesson.open("one-neuron")
    lesson.go(1)
    theme.manager.set_scale(2.0)
    view.refresh()
    qtbot.wait(250)
    bar = view.area.verticalScrollBar()
    assert bar.maximum() > 0
    assert view.text.verticalScrollBar().maximum() == 0
    top = view.heading.mapTo(view, QPoint())
    bar.setValue(bar.maximum())
    assert view.heading.mapTo(view, QPoint()).y() < top.y()
    assert not view.question.visibleRegion().isEmpty()
    assert not view.next.visibleRegion().isEmpty()
    lesson.go(2)
    view.refresh()
    assert bar.value() == 0
    lesson.close()
    theme.manager.set_scale(1.0)


def test_the_text_of_a_page_is_as_high_as_it_is(qtbot, tmp_path):
    area, content = QScrollArea(), QWidget()
    qtbot.addWidget(area)
    text, below = LessonText(), QLabel("below")
    column = QVBoxLayout(content)
    column.addWidget(text)
    column.addWidget(below)
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.resize(300, 200)
    area.show()
    text.show_page(tmp_path, "a", "Some words. " * 60)
    qtbot.waitUntil(lambda: text.height() >= text.heightForWidth(text.width()) > 200)
    wide = text.height()
    area.resize(600, 200)
    qtbot.waitUntil(lambda: text.height() < wide)
    assert text.verticalScrollBar().maximum() == 0


# choices ----------------------------------------------------------------------------------------


def test_a_choice_breaks_into_lines_and_is_pressed_anywhere(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    column = QVBoxLayout(parent)
    choice = WrappedRadio("It fires more often, because the potential is not reset to nothing")
    column.addWidget(choice)
    column.addStretch(1)
    parent.resize(160, 400)
    parent.show()
    assert choice.height() > 3 * choice.fontMetrics().height()
    QTest.mouseClick(choice, Qt.MouseButton.LeftButton, pos=QPoint(100, choice.height() - 6))
    assert choice.isChecked()
