"""Handouts: figures and numbers of real runs, blanks for what only the application knows."""

from __future__ import annotations

import base64
import io
import json
import re
from contextlib import closing
from functools import cache
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikestudio.export.progress import ExportCancelledError
from spikestudio.lessons import handout, reading, shelf
from spikestudio.lessons.handout_figures import Plate, plates
from spikestudio.lessons.handout_scene import Scene, recordings, scenes
from spikestudio.lessons.handout_text import BLANK
from spikestudio.lessons.lesson import Lesson
from spikestudio.neurons.lab import drive
from spikestudio.paths import bundled_recordings
from spikestudio.recording.reading import open_recording

LESSONS = {entry.lesson.id: entry.lesson for entry in shelf.bundled() if entry.lesson is not None}


@cache
def page(lesson_id: str) -> str:
    return handout.page(LESSONS[lesson_id])


def pictures(html: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(each))).convert("L")) for each in found
    ]


def sections(html: str) -> list[str]:
    return html.split("<h2>")[1:]


@pytest.mark.parametrize("lesson_id", list(LESSONS))
def test_every_page_of_every_lesson_is_there_and_nothing_is_from_elsewhere(lesson_id: str) -> None:
    lesson, html = LESSONS[lesson_id], page(lesson_id)
    text = unescape(html)
    for each in lesson.pages:
        assert lesson.text(each.id).title in text
        for name, words in lesson.text(each.id).front.items():
            assert words in text or name == "unit"
    assert "{{" not in html
    assert "<script" not in html
    assert all(each.startswith("data:") for each in re.findall(r'src="([^"]{0,20})', html))
    linked = set(re.findall(r'href="#(term-[a-z0-9-]+)"', html))
    assert linked == set(re.findall(r'id="(term-[a-z0-9-]+)"', html))
    assert pictures(html)
    assert all(drawn.std() > 1 for drawn in pictures(html))


def test_figures_of_the_neuron_lab_are_computed_from_the_start_of_the_page() -> None:
    with recordings() as found:
        by_id = {scene.page.id: scene for scene in scenes(LESSONS["one-neuron"], found)}
    leak = by_id["leak"]
    assert leak.neuron is not None
    assert leak.driven is not None
    assert (leak.neuron.kind, leak.driven.current.tolist()) == ("IF", pytest.approx([0.95] * 16))
    again = drive(leak.neuron, leak.driven.current)
    assert np.array_equal(again.spikes, leak.driven.spikes)
    assert leak.value("lab.num_spikes") == int(again.spikes.sum())
    assert by_id["lower"].value("lab.threshold") == 1.0


def test_the_table_of_the_membrane_has_the_neuron_s_numbers() -> None:
    html = page("one-neuron")
    rows = re.findall(r"<tr>((?:<td>[^<]*</td>)+)</tr>", html)
    cells = [re.findall(r"<td>([^<]*)</td>", row) for row in rows]
    assert cells[2] == ["3", "0.400", "1.200", "1", "0.000"]
    assert len(cells) == 8
    assert "H[t] = V[t−1] + X[t]" in html


def test_numbers_in_the_text_are_those_of_the_recording() -> None:
    with closing(open_recording(bundled_recordings() / "sddpm-mnist.h5")) as recording:
        layer = next(
            k for k, each in enumerate(recording.layers) if each.id == "upblocks.6.neuron2"
        )
        rate = recording.activity().rates[layer, 0]
    assert f"{rate:.3f}" in sections(page("spiking-unet"))[1]
    assert "step 1 of 40 of the recording sddpm-mnist" in page("spiking-unet")


def test_what_only_the_application_knows_is_blank() -> None:
    with recordings() as found:
        scene = list(scenes(LESSONS["threshold-guidance"], found))[1]
        assert scene.value("measured.rate_change") is None
        assert scene.value("request.seed") == scene.page.start.request["seed"]
    assert BLANK in page("threshold-guidance")


def test_questions_have_room_for_an_answer_and_do_not_tell_it() -> None:
    threshold, reset, leak = (sections(page("one-neuron"))[k] for k in (1, 2, 3))
    assert f"from 1 to 8: {BLANK}" in threshold
    assert threshold.count(BLANK) == 2
    assert "Empty axes to draw on" in reset
    assert leak.count("☐") == 3
    assert "0.020" in sections(page("unmasking"))[1]  # of the first step, not of the last one
    assert "1.000" not in sections(page("unmasking"))[1]


def test_the_figure_fits_the_page() -> None:
    kinds = {}
    with recordings() as found:
        for lesson in LESSONS.values():
            for scene in scenes(lesson, found):
                kinds[lesson.id, scene.page.id] = [each.key[0] for each in plates(scene)]
    assert kinds["one-neuron", "leak"] == ["lab"]
    assert kinds["a-layer", "raster"][0] == "raster"
    assert kinds["unmasking", "masks"][0] == "tokens"
    assert kinds["noise", "signal"] == ["noise"]
    assert kinds["spiking-unet", "map"][0] == "rates"
    assert "rates" not in kinds["spiking-unet", "over-time"]  # which would tell the answer
    assert all(kinds.values())


def test_a_raster_shows_the_spikes_of_the_step_where_the_page_begins() -> None:
    with recordings() as found:
        by_id = {scene.page.id: scene for scene in scenes(LESSONS["spiking-unet"], found)}
        plate = next(plates(by_id["over-time"]))
        assert plate.key[0] == "raster"
        assert "lacks the spikes of upblocks.6.neuron2" in plate.text
        assert plate.draw() == next(plates(by_id["over-time"])).draw()


def test_samples_are_those_of_the_recording_enlarged_without_blur() -> None:
    from spikestudio.export.states import prediction

    with recordings() as found:
        scene = next(iter(scenes(LESSONS["a-layer"], found)))
        plate = next(
            each
            for each in plates(Scene(scene.page, scene.name, scene.recording))
            if each.key[0] == "strip"
        )
        drawn = np.asarray(Image.open(io.BytesIO(plate.draw())))
        assert scene.recording is not None
        last = prediction(scene.recording, scene.recording.steps_done - 1)[0, :, :, 0]
    scale = drawn.shape[1] // (6 * 30 + 2)
    small = drawn[scale // 2 :: scale, scale // 2 :: scale]
    assert np.array_equal(small[-30:-2, -30:-2], last)


def test_the_same_figure_is_there_once() -> None:
    html = page("noise")
    assert html.count("Figure 1.") == 1
    assert "See figure 1." in sections(html)[1]


def test_without_recordings_the_text_remains(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("spikestudio.lessons.handout_scene.bundled_recordings", lambda: tmp_path)
    html = handout.page(LESSONS["unmasking"])
    assert not pictures(html)
    assert "Temperature" in html
    assert BLANK in html


def test_it_is_written_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ExportCancelledError):
        handout.save_html(tmp_path / "a.html", LESSONS["noise"], is_cancelled=lambda: True)
    assert not list(tmp_path.iterdir())
    done: list[tuple[int, int]] = []
    handout.save_html(
        tmp_path / "a.html", LESSONS["noise"], progress=lambda k, n: done.append((k, n))
    )
    assert done[-1] == (5, 5)
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")


# lessons of others --------------------------------------------------------------------------


def own_lesson(folder: Path, body: str, title: str = "One") -> Lesson:
    values = {
        "schema_version": 1,
        "id": "own",
        "minutes": 5,
        "level": "intro",
        "pages": [{"id": "a"}],
    }
    (folder / "en").mkdir(parents=True)
    (folder / "lesson.json").write_text(json.dumps(values))
    (folder / "en" / "lesson.md").write_text(f"---\ntitle: {title}\nsummary: S\n---\n")
    (folder / "en" / "a.md").write_text(f"---\ntitle: {title}\n---\n{body}\n", encoding="utf-8")
    Image.new("RGB", (40, 20), "red").save(folder / "red.png")
    return reading.read(folder)


def test_pictures_are_inside_and_markup_of_a_lesson_is_text(tmp_path: Path) -> None:
    lesson = own_lesson(
        tmp_path / "own",
        "![A <red> box](red.png) <b onclick=x>bold</b> [web](https://example.org) "
        "[term](glossary:spike) \ue0000\ue001 $title",
        "<script>alert(1)</script>",
    )
    html = handout.page(lesson)
    assert "<script" not in html
    assert "&lt;b onclick=x&gt;" in html
    assert [each.shape for each in pictures(html)] == [(20, 40)]
    assert 'alt="A &lt;red&gt; box"' in html
    assert 'href="https://example.org"' in html
    assert 'id="term-spike"' in html
    assert "$title" in html


def test_a_picture_that_went_away_is_named(tmp_path: Path) -> None:
    lesson = own_lesson(tmp_path / "own", "![A box](red.png) and text")
    (tmp_path / "own" / "red.png").unlink()
    assert "[A box]" in handout.page(lesson)


def test_a_plate_tells_what_it_shows() -> None:
    with recordings() as found:
        for scene in scenes(LESSONS["cost"], found):
            for plate in plates(scene):
                assert isinstance(plate, Plate)
                assert "sddpm-mnist" in plate.text
