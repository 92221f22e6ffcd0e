from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import spikestudio as ss
from spikestudio.neurons.nodes import IFNode
from spikestudio.sampling.run import SamplingRun
from tests.unit.checkpoints import tiny
from tests.unit.cli.conftest import Command


@pytest.mark.parametrize("architecture", tiny.CONFIGS)
def test_the_command_gives_the_pixels_of_the_api(
    command: Command, tmp_path: Path, architecture: str
) -> None:
    options = ["--num", "3", "--seed", "7", "--steps", "3", "--snn-steps", "4"]
    done = command(
        "sample", f"{architecture}-mnist", *options, "--threshold", "0.9", "--out", "samples.npz"
    )
    assert (done.status, done.err) == (0, "")
    model = ss.load(tmp_path / "bundled" / f"{architecture}-mnist.safetensors")
    run = ss.sample(model, num=3, seed=7, steps=3, snn_steps=4, threshold=0.9)
    list(run)
    assert run.result is not None
    with np.load("samples.npz") as arrays:
        assert np.array_equal(arrays["arr_0"], run.result.images)
    assert run.result.images is not None
    assert run.result.images.std() > 0


def test_json_is_one_object_with_the_whole_origin(command: Command) -> None:
    done = command(
        *("sample", "sdit-mnist", "--num", "2", "--class", "3", "--guidance", "2", "--steps", "2"),
        *("--out", "grid.png", "--json"),
    )
    assert (done.status, done.err) == (0, "")
    assert done.json["out"] == "grid.png"
    assert done.json["labels"] == [3, 3]
    assert done.json["request"]["guidance"] == 2.0
    with Image.open("grid.png") as picture:
        origin = json.loads(picture.text["spikestudio"])
    assert origin == {k: v for k, v in done.json.items() if k not in ("out", "seconds")}


def test_temperature_reaches_the_tokens(command: Command) -> None:
    for name, temperature in (("cold", "0.001"), ("again", "0.001"), ("hot", "5")):
        done = command(
            *("sample", "spiking-diffusion-mnist", "--num", "8"),
            *("--temperature", temperature, "--out", f"{name}.npz"),
        )
        assert done.status == 0
    arrays = {name: np.load(f"{name}.npz")["arr_0"] for name in ("cold", "again", "hot")}
    assert np.array_equal(arrays["cold"], arrays["again"])
    assert not np.array_equal(arrays["cold"], arrays["hot"])


def test_each_format_and_its_options(command: Command) -> None:
    base = ["sample", "sddpm-mnist", "--num", "3", "--steps", "1"]
    assert command(*base, "--out", "grid.png", "--columns", "3", "--rgb").status == 0
    with Image.open("grid.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (32, 12))
    assert command(*base, "--out", "x.npz", "--rgb").status == 0
    with np.load("x.npz") as arrays:
        assert arrays["arr_0"].shape == (3, 8, 8, 3)
    assert command(*base, "--out", "folder/").status == 0
    assert sorted(path.name for path in Path("folder").iterdir()) == [
        "0000.png",
        "0001.png",
        "0002.png",
        "spikestudio.json",
    ]


def test_the_text_says_what_was_written(command: Command) -> None:
    done = command("sample", "sddpm-mnist", "--num", "1", "--steps", "1", "--out", "a.png")
    assert done.out.startswith("Wrote 1 image to a.png (")


def test_an_existing_file_is_replaced(command: Command) -> None:
    Path("a.png").write_text("old")
    assert command("sample", "sddpm-mnist", "--steps", "1", "--out", "a.png").status == 0
    with Image.open("a.png") as picture:
        assert picture.format == "PNG"


def test_an_output_that_cannot_be_written_is_said_before_the_work(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        pytest.fail("the run was begun")

    monkeypatch.setattr(SamplingRun, "__iter__", never)
    done = command("sample", "sddpm-mnist", "--out", "no/grid.png")
    assert done.status == 1
    assert "does not exist" in done.err


def test_ctrl_c_cancels_and_writes_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    original = IFNode.multi_step_forward

    def interrupting(self: IFNode, x_seq: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 100:
            signal.raise_signal(signal.SIGINT)
        return original(self, x_seq)  # type: ignore[arg-type]

    monkeypatch.setattr(IFNode, "multi_step_forward", interrupting)
    before = signal.getsignal(signal.SIGINT)
    done = command("sample", "sddpm-mnist", "--out", "a.png")
    assert done.status == 130
    assert done.out == ""
    assert done.err.endswith("of 20 steps; nothing was written.\n")
    assert calls < 110  # it did not go on to the end
    assert list(Path().iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="a signal cannot be sent like that there")
def test_ctrl_c_ends_a_real_process_with_130(command: Command, tmp_path: Path) -> None:
    tiny.save(tmp_path / "a.safetensors", "sddpm")
    # Says when the run has begun, and then waits for the signal in the midst of it.
    code = (
        "import time\nfrom spikestudio.neurons.nodes import IFNode\n"
        "from spikestudio.sampling.run import SamplingRun\n"
        "original = IFNode.multi_step_forward\n"
        "def slow(self, x):\n    time.sleep(0.01)\n    return original(self, x)\n"
        "steps = SamplingRun._steps\n"
        "def announced(self, probe):\n    print('begun', flush=True)\n"
        "    IFNode.multi_step_forward = slow\n    yield from steps(self, probe)\n"
        "SamplingRun._steps = announced\n"
        "from spikestudio.cli.main import main\nmain()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "sample", str(tmp_path / "a.safetensors"), "--out", "a.png"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert first == "begun\n", err
    assert (process.returncode, out) == (130, "")
    assert err.startswith("Cancelled after ")
    assert not Path("a.png").exists()


def test_a_run_that_breaks_down_is_status_1(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "bundled" / "sddpm-mnist.safetensors"
    model = ss.load(path)
    state = {k: v.clone() for k, v in model.network.state_dict().items()}
    state["tail_conv.weight"].fill_(3e38)
    state["tail_conv.bias"].fill_(3e38)
    from spikestudio.checkpoints.safetensors_io import save

    save(path, state, model.card)
    done = command("sample", "sddpm-mnist", "--out", "a.png")
    assert done.status == 1
    assert "NaN or infinity" in done.err
    assert done.err.count("\n") == 1
    assert not Path("a.png").exists()


def test_overrides_are_read_from_a_file_and_change_the_pixels(
    command: Command, tmp_path: Path
) -> None:
    overrides = [{"layer": "*", "kind": "silence", "steps": [1, 2]}]
    (tmp_path / "lesions.json").write_text(json.dumps(overrides))
    options = ["sample", "sddpm-mnist", "--num", "2", "--steps", "3"]
    done = command(
        *options, "--overrides", str(tmp_path / "lesions.json"), "--out", "cut.npz", "--json"
    )
    assert (done.status, done.err) == (0, "")
    command(*options, "--out", "whole.npz")
    with np.load("cut.npz") as cut, np.load("whole.npz") as whole:
        assert not np.array_equal(cut["arr_0"], whole["arr_0"])
    model = ss.load(tmp_path / "bundled" / "sddpm-mnist.safetensors")
    run = ss.sample(model, num=2, steps=3, overrides=done.json["request"]["overrides"])
    list(run)
    assert run.result is not None
    with np.load("cut.npz") as cut:
        assert np.array_equal(cut["arr_0"], run.result.images)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ('{"layer": "*"}', "not a list"),
        ('[{"layer": "*", "kind": "explode"}]', "Unknown kind"),
        ('[{"layer": "nowhere", "kind": "silence"}]', "nowhere"),
        ("[" + " " * 2**22 + "]", "longer than"),
    ],
    ids=["broken", "object", "kind", "layer", "long"],
)
def test_bad_overrides_are_one_sentence(
    command: Command, tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "lesions.json"
    path.write_text(text)
    done = command("sample", "sddpm-mnist", "--overrides", str(path), "--out", "x.png")
    assert done.status == 1
    assert reason in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not Path("x.png").exists()
