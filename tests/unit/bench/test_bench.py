"""One question to several tiny models: who is asked what, and whether the figures are right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import spikestudio as ss
from spikestudio.bench import (
    Answer,
    BenchCancelled,
    BenchFinished,
    BenchStarted,
    ModelFinished,
    ModelProgressed,
    ModelStarted,
    Question,
    bench,
    run_bench,
)
from spikestudio.bench.lines import line, parse
from spikestudio.bench.table import COLUMNS, caveats, markdown, remarks, rows, save_csv, si
from spikestudio.errors import CheckpointError, ConfigError, DataError
from spikestudio.metrics.operations import Costs
from spikestudio.metrics.tracing import count_operations
from spikestudio.sweeps.run import SweepControl
from tests.tiny import run_to_end, save_tiny, tiny_model

ARCHITECTURES = ("sddpm", "sdit", "spiking-diffusion")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    return [save_tiny(folder / f"{name}.safetensors", name) for name in ARCHITECTURES]


@pytest.fixture(scope="module")
def answers(files: list[Path]) -> list[Answer]:
    return bench(files, seed=3, num=2, steps=4, class_label=2)


def figures(answer: Answer):
    assert answer.figures is not None, answer.error
    return answer.figures


def test_every_model_answers_with_the_pixels_of_its_request(files, answers) -> None:
    for file, answer in zip(files, answers, strict=True):
        run = ss.sample(ss.load(file), **dict(answer.request) | {"overrides": ()})
        list(run)
        assert np.array_equal(answer.images, run.result.images)
        assert answer.request["seed"] == 3
        assert answer.request["num"] == 2
        assert answer.request["steps"] == 4
        assert answer.provenance["request"] == answer.request
        assert answer.provenance["checkpoint"]["name"] == answer.checkpoint


def test_what_a_model_cannot_be_asked_is_said_and_its_own_default_stands(answers) -> None:
    sddpm, sdit, tokens = answers
    assert sdit.request["class_label"] == 2
    assert not sdit.refused
    assert sddpm.request["class_label"] is tokens.request["class_label"] is None
    assert list(sddpm.refused) == ["class_label"]
    assert "cannot be asked for class: it has no classes to choose from" in remarks(sddpm)


def test_steps_beyond_a_model_are_refused_by_it_alone(files) -> None:
    answers = bench(files, num=1, steps=11)
    refused = [sorted(answer.refused) for answer in answers]
    own = tiny_model("spiking-diffusion").defaults()["steps"]
    assert refused == [[], [], ["steps"]]  # 9 tokens need no more than 9 steps
    assert answers[2].request["steps"] == own
    assert answers[0].request["steps"] == 11


def test_a_class_that_a_model_does_not_have_is_refused_by_it(files) -> None:
    (answer,) = bench(files[1:2], num=1, steps=2, class_label=10)
    assert answer.request["class_label"] is None
    assert "0 to 9" in answer.refused["class_label"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("num", 0), ("seed", -1), ("steps", 0), ("threshold", 99), ("class_label", -1)],
)
def test_what_no_model_can_be_asked_is_refused_at_once(field: str, value: int) -> None:
    with pytest.raises(ConfigError) as caught:
        Question(**{field: value})
    assert caught.value.field == field


def test_operations_are_those_of_all_evaluations_of_one_image(answers) -> None:
    model = tiny_model("sddpm")
    found = figures(answers[0])
    macs = count_operations(model.network).macs
    assert found.evaluations == found.steps == 4
    assert found.ann.macs == pytest.approx(4 * macs)
    assert found.ann.joules == pytest.approx(4 * macs * Costs().mac * 1e-12)
    # Every addition of the strict count is one that a spike caused.
    assert found.strict.additions == pytest.approx(found.synaptic_operations)
    assert found.strict.joules == pytest.approx(
        1e-12 * (Costs().mac * found.strict.macs + Costs().ac * found.strict.additions)
    )
    assert found.neurons == sum(layer.num_neurons for layer in model.layers)
    assert found.parameters == sum(each.numel() for each in model.network.parameters())
    assert 0 < found.mean_rate < 1


def test_the_figures_of_one_image_do_not_depend_on_how_many_there_are(files) -> None:
    one, many = (figures(bench(files[:1], num=num, steps=3)[0]) for num in (1, 5))
    assert one.ann == many.ann
    assert one.evaluations == many.evaluations
    assert one.strict.additions == pytest.approx(many.strict.additions, rel=0.5)


def test_guidance_evaluates_the_network_twice_in_a_step() -> None:
    model = tiny_model("sdit")
    plain = model.defaults() | {"guidance": 1.0, "steps": 3, "num": 8}
    model.defaults = lambda: plain
    once = figures(bench([model], num=8)[0])
    model.defaults = lambda: plain | {"guidance": 2.0}
    twice = figures(bench([model], num=8)[0])
    assert (once.evaluations, twice.evaluations) == (3, 6)
    assert twice.ann.macs == pytest.approx(2 * once.ann.macs)
    assert (once.computed, twice.computed) == (8, 8)


def test_images_that_only_fill_up_a_batch_are_said() -> None:
    model = tiny_model("sdit")
    plain = model.defaults() | {"guidance": 1.0, "steps": 3}
    model.defaults = lambda: plain
    (answer,) = bench([model], num=3)
    assert figures(answer).computed == 8
    assert any("computes 8 images at a time" in word for word in remarks(answer))


def test_the_first_step_warms_up_and_is_not_timed(files, monkeypatch) -> None:
    (answer,) = bench(files[:1], num=2, steps=1)
    assert figures(answer).seconds_per_image is None
    assert figures(answer).seconds > 0
    assert COLUMNS[0].text(answer) == "–"
    assert any("no time was measured" in word for word in remarks(answer))
    (answer,) = bench(files[:1], num=2, steps=4)
    found = figures(answer)
    assert found.seconds_per_image == pytest.approx(found.seconds_per_evaluation * 4 / 2)
    assert found.seconds_per_evaluation * 3 < found.seconds


def test_the_judge_is_that_of_the_models_own_data(files) -> None:
    (answer,) = bench(files[2:], num=2, steps=2)  # of 12 pixels, enlarged for the judge
    assert figures(answer).judge == "mnist"
    assert 0.1 <= figures(answer).confidence <= 1


def test_events_come_in_order_and_a_model_is_asked_once(files) -> None:
    question = Question(num=1, steps=3)
    events = list(run_bench([files[0], files[1], files[0]], question))
    kinds = [type(event) for event in events]
    model = [ModelStarted, ModelProgressed, ModelProgressed, ModelProgressed, ModelFinished]
    assert kinds == [BenchStarted, *model, *model, BenchFinished]
    assert events[0].names == ("sddpm", "sdit")
    assert events[1].num_steps == 3


def test_cancel_ends_it_and_answers_stay(files) -> None:
    control = SweepControl()
    events = []
    for event in run_bench(files, Question(num=1, steps=3), control=control):
        events.append(event)
        if isinstance(event, ModelProgressed) and event.index == 1:
            control.cancel()
    assert sum(isinstance(event, ModelFinished) for event in events) == 1
    assert events[-1] == BenchCancelled(num_done=1)


def test_a_missing_file_is_said_before_anything_is_sampled(files, tmp_path) -> None:
    events = run_bench([files[0], tmp_path / "gone.safetensors"], Question())
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        next(events)


def test_a_file_that_cannot_be_used_does_not_spoil_the_others(files, tmp_path) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(files[0].read_bytes()[:-100])
    broken, good = bench([bad, files[0]], num=1, steps=2)
    assert "truncated" in broken.error
    assert broken.figures is None
    assert good.figures is not None
    assert remarks(broken) == [broken.error]
    assert rows([broken, good])[0]["remarks"] == broken.error


def test_a_loaded_model_is_left_as_it_was(files) -> None:
    model = tiny_model("sddpm")
    before = run_to_end(model).images
    bench([model], num=1, steps=2, snn_steps=7, threshold=0.8)
    assert np.array_equal(before, run_to_end(model).images)
    assert not model.network._forward_pre_hooks


def test_events_survive_being_written_as_lines(files) -> None:
    for event in run_bench(files[:1], Question(num=2, steps=2)):
        read = parse(json.dumps(line(event), allow_nan=False))
        assert read == event
        if isinstance(event, ModelFinished):
            assert np.array_equal(read.answer.images, event.answer.images)


@pytest.mark.parametrize(
    "text", [b"", b"\xff", "{}", "[]", '{"event": "dance"}', '{"event": "answer", "index": 0}']
)
def test_a_line_that_is_none_is_refused(text) -> None:
    with pytest.raises(DataError):
        parse(text)


def test_different_data_and_disturbed_times_are_labelled(answers, tmp_path) -> None:
    from dataclasses import replace

    assert not any("different data" in text for text in caveats(answers))
    mixed = [*answers[:2], replace(answers[2], dataset="kmnist")]
    assert any("different data (mnist, kmnist)" in text for text in caveats(mixed))
    disturbed = {answers[1].path}
    text = markdown(answers, disturbed)
    line_of = {text.split(" ")[1]: text for text in text.splitlines() if text.startswith("| s")}
    assert "s* |" in line_of["sdit"]
    assert "s* |" not in line_of["sddpm"]
    assert "the times of sdit are too long" in text
    save_csv(tmp_path / "t.csv", answers, disturbed)
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert len(lines) == 4
    assert lines[2].count(",True,") == 1


def test_a_busy_machine_is_said(answers) -> None:
    from dataclasses import replace

    busy = [replace(answers[0], figures=replace(answers[0].figures, load=2.3))]
    idle = [replace(answers[0], figures=replace(answers[0].figures, load=0.1))]
    unknown = [replace(answers[0], figures=replace(answers[0].figures, load=None))]
    assert "about 2.3 threads of other programs" in caveats(busy)[0]
    assert caveats(idle) == caveats(unknown) == []


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0, "", "0"),
        (40, "", "40"),
        (1234, "", "1.23 k"),
        (0.0888, "s", "88.8 ms"),
        (1, "s", "1.00 s"),
        (999.96, "s", "1.00 ks"),
        (9.86e-3, "J", "9.86 mJ"),
        (6.37e9, "", "6.37 G"),
    ],
)
def test_figures_have_three_digits(value: float, unit: str, expected: str) -> None:
    assert si(value, unit) == expected


def test_importing_it_loads_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, spikestudio.bench, spikestudio.bench.command; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
