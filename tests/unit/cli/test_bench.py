from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikestudio.bench import ModelFinished, Question
from spikestudio.bench.command import command as process_command
from spikestudio.bench.lines import parse
from spikestudio.bench.sheet import CHUNK

from .conftest import Command

FEW = ("--num", "2", "--steps", "2", "--device", "cpu")


def test_all_bundled_models_are_asked_and_the_table_has_them_all(command: Command) -> None:
    done = command("bench", *FEW)
    assert done.status == 0
    for name in ("sddpm-mnist", "sdit-mnist", "spiking-diffusion-mnist"):
        assert name in done.out
    for title in ("Time per image", "Firing rate", "Additions", "Energy, strict", "Judge"):
        assert title in done.out
    assert "which warms up" in done.out
    assert "4.6 pJ a MAC" in done.out


def test_json_is_one_object_with_every_figure(command: Command) -> None:
    done = command("bench", "sddpm-mnist", *FEW, "--seed", "5", "--class", "1", "--json")
    (answer,) = done.json["answers"]
    assert answer["request"]["seed"] == 5
    assert answer["figures"]["ann"]["macs"] > 0
    assert list(answer["refused"]) == ["class_label"]
    assert done.json["question"]["class_label"] == 1
    assert "warms up" in done.json["measured"]
    assert answer["remarks"]


def test_lines_carry_the_images_as_they_come(command: Command) -> None:
    done = command("bench", "sddpm-mnist", *FEW, "--json-lines")
    events = [parse(line) for line in done.out.splitlines()]
    (answer,) = [event.answer for event in events if isinstance(event, ModelFinished)]
    assert answer.images is not None
    assert answer.images.shape[0] == 2
    assert answer.images.dtype == np.uint8


def test_the_sheet_carries_the_question_and_the_answers(command: Command) -> None:
    done = command("bench", *FEW, "--out", "bench.png")
    assert done.status == 0
    with Image.open("bench.png") as sheet:
        values = json.loads(sheet.text[CHUNK])  # type: ignore[attr-defined]
        colours = np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)
    assert values["question"]["num"] == 2
    assert len(values["answers"]) == 3
    assert values["answers"][0]["provenance"]["request"]["steps"] == 2
    assert len(colours) > 20  # it is not empty paper


def test_the_table_is_written_with_all_digits(command: Command) -> None:
    command("bench", *FEW, "--out", "bench.csv")
    with Path("bench.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["architecture"] for row in rows] == ["sddpm", "sdit", "spiking-diffusion"]
    assert all(float(row["strict_joules"]) > 0 for row in rows)
    assert all(row["disturbed"] == "False" for row in rows)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], "There is no checkpoint"),
        (["--num", "0"], "images 0 is out of range"),
        (["--steps", "0"], "out of range"),
        (["--class", "-1"], "class must be"),
        (["--threshold", "nan"], "threshold"),
        (["--out", "bench.jpg"], ".png or .csv"),
        (["--out", "no/such/bench.png"], "does not exist"),
        (["--device", "gpu"], "gpu"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(
    command: Command, arguments: list[str], words: str
) -> None:
    done = command("bench", *arguments)
    assert done.status == 1
    assert words in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert not list(Path().iterdir())


def test_a_model_that_fails_is_told_and_the_others_answer(command: Command) -> None:
    Path("bad.safetensors").write_bytes(b"no model")
    done = command("bench", "bad.safetensors", "sddpm-mnist", *FEW, "--json")
    assert done.status == 1
    assert done.err.startswith("1 of 2 models failed:")
    first, second = done.json["answers"]
    assert first["error"]
    assert second["figures"]["seconds"] > 0


def test_the_command_of_the_window_asks_the_same_question(command: Command) -> None:
    question = Question(seed=7, num=1, steps=2, snn_steps=2, threshold=0.9, class_label=3)
    path = Path("-odd.safetensors")
    arguments = process_command([path], question, device="cpu")
    assert arguments[-2:] == ["--", "-odd.safetensors"]
    from spikestudio import paths

    path.write_bytes((paths.bundled_checkpoints() / "sdit-mnist.safetensors").read_bytes())
    done = command(*arguments[arguments.index("bench") :])
    (answer,) = [
        e.answer for e in map(parse, done.out.splitlines()) if isinstance(e, ModelFinished)
    ]
    asked = {name: answer.request[name] for name in question.given()}
    assert asked == question.given() | {name: answer.request[name] for name in answer.refused}
    assert answer.request["seed"] == 7
