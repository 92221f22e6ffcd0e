"""Which cells a sweep has, in which order, and what is refused before anything is sampled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spikestudio.errors import CheckpointError, ConfigError
from spikestudio.sweeps import Models, SweepPlan, parse_axes, plan_sweep
from tests.tiny import save_tiny

SHORT = {"num": 2, "steps": 3}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """One tiny file of every kind."""
    names = ("sddpm", "spiking-diffusion", "sdit")
    paths = {name: str(save_tiny(tmp_path / f"{name}.safetensors", name)) for name in names}
    locked = save_tiny(tmp_path / "locked.safetensors", "sddpm", tsm=True)
    return paths | {"locked": str(locked)}


def make(file: str, *axes: str, **given: Any) -> SweepPlan:
    return plan_sweep(file, parse_axes(axes), SHORT | given, Models())


def test_every_combination_is_there_once_and_the_slow_axis_is_outermost(
    files: dict[str, str],
) -> None:
    plan = make(files["sddpm"], "threshold=0.9,1,1.1", "seed=3,4", "snn-steps=2,4")
    requests = [
        (cell.request.snn_steps, cell.request.threshold, cell.request.seed) for cell in plan.cells
    ]
    assert requests == [(t, v, s) for t in (2, 4) for v in (0.9, 1.0, 1.1) for s in (3, 4)]
    assert [cell.index for cell in plan.cells] == list(range(12))
    assert [axis.name for axis in plan.axes] == ["threshold", "seed", "snn-steps"]
    assert plan.by_place[(2, 0, 1)].request == plan.cells[10].request
    assert plan.cells[10].texts == {"threshold": "1.1", "seed": "3", "snn-steps": "4"}


def test_all_cells_share_the_seed_and_what_was_given(files: dict[str, str]) -> None:
    plan = make(files["sddpm"], "threshold=0.9,1", seed=5)
    assert {(cell.request.seed, cell.request.num) for cell in plan.cells} == {(5, 2)}


def test_checkpoints_come_first_and_each_has_its_own_defaults(files: dict[str, str]) -> None:
    axes = f"checkpoint={files['sddpm']},{files['spiking-diffusion']}"
    plan = make(files["sddpm"], "snn-steps=2,4", axes)
    assert [cell.checkpoint for cell in plan.cells] == [*["sddpm"] * 2, *["spiking-diffusion"] * 2]
    assert [cell.request.sampler for cell in plan.cells] == [*["ddim"] * 2, *["absorbing"] * 2]
    assert [value.text for value in plan.axes[1].values] == ["sddpm", "spiking-diffusion"]
    assert len({cell.tensors_sha256 for cell in plan.cells}) == 2


def test_one_file_by_two_names_is_one_value(files: dict[str, str]) -> None:
    path = Path(files["sddpm"])
    plan = make(files["sddpm"], f"checkpoint={path},{path.parent}//{path.name}", "seed=0,1")
    assert len(plan.axes[0].values) == 1


def test_tau_is_set_in_every_layer_that_leaks(files: dict[str, str]) -> None:
    plan = make(files["sdit"], "tau=1.5,2,3")
    overrides = [cell.request.overrides for cell in plan.cells]
    assert [[(each.layer, each.kind, each.value) for each in some] for some in overrides] == [
        [("*", "tau", tau)] for tau in (1.5, 2.0, 3.0)
    ]


def test_tau_goes_with_other_overrides(files: dict[str, str]) -> None:
    plan = make(files["sdit"], "tau=1.5", overrides=[{"layer": "*", "kind": "scale", "value": 2}])
    assert [each.kind for each in plan.cells[0].request.overrides] == ["scale", "tau"]


def test_the_reference_is_what_holds_without_the_sweep_with_the_same_seed(
    files: dict[str, str],
) -> None:
    plan = make(files["sddpm"], "threshold=0.9,1,1.1", "seed=3,4")
    by_seed = {
        cell.request.seed: cell.index for cell in plan.cells if cell.request.threshold == 1.0
    }
    assert [cell.reference for cell in plan.cells] == [
        by_seed[cell.request.seed] for cell in plan.cells
    ]


def test_without_the_usual_value_the_first_one_is_the_reference(files: dict[str, str]) -> None:
    plan = make(files["sddpm"], "threshold=1.2,1.3")
    assert [cell.reference for cell in plan.cells] == [0, 0]


def test_an_id_tells_requests_and_weights_apart(files: dict[str, str], tmp_path: Path) -> None:
    plan = make(files["sddpm"], "threshold=0.9,1")
    assert len({cell.id for cell in plan.cells}) == 2
    assert [cell.id for cell in make(files["sddpm"], "threshold=0.90,1.0").cells] == [
        cell.id for cell in plan.cells
    ]
    other = save_tiny(tmp_path / "other.safetensors", "sddpm", base_channels=4)
    assert make(str(other), "threshold=0.9,1").cells[0].id != plan.cells[0].id


@pytest.mark.parametrize(
    ("name", "axes", "given", "words"),
    [
        ("sddpm", ["temperature=0.5,1"], {}, ["pixels", "axis temperature", "nothing"]),
        ("sddpm", ["guidance=1,2"], {}, ["no classes", "axis guidance"]),
        ("sddpm", ["class=0-9"], {}, ["no classes", "axis class"]),
        ("sddpm", ["tau=2,3"], {}, ["leak", "axis tau"]),
        ("sddpm", ["seed=0,1"], {"guidance": 2.0}, ["no classes", "--guidance"]),
        ("sddpm", ["seed=0,1"], {"class_label": 2}, ["no classes", "--class"]),
        ("sddpm", ["threshold=0.9,1"], {"threshold": 1.0}, ["--threshold", "axis"]),
        ("sddpm", ["steps=2,13"], {"steps": None}, ["12", "13"]),
        ("sddpm", ["sampler=ddim,absorbing"], {}, ["absorbing"]),
        ("sddpm", ["sampler=ddim,ddpm"], {}, ["ddpm", "12"]),
        ("spiking-diffusion", ["sampler=absorbing,ddim"], {}, ["ddim"]),
        ("sdit", ["class=0-10"], {}, ["0 to 9", "10"]),
        ("locked", ["snn-steps=3,4"], {}, ["cannot run with 4"]),
        ("sddpm", ["seed=0-999", "threshold=0.9,1,..,1.4"], {}, ["6,000", "5,000"]),
    ],
)
def test_what_a_model_ignores_or_cannot_do_is_one_sentence(
    files: dict[str, str], name: str, axes: list[str], given: dict[str, Any], words: list[str]
) -> None:
    given = {k: v for k, v in (SHORT | given).items() if v is not None}
    with pytest.raises(ConfigError) as caught:
        plan_sweep(files[name], parse_axes(axes), given, Models())
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_a_missing_checkpoint_is_said_before_anything_is_loaded(files: dict[str, str]) -> None:
    class Never(Models):
        def at(self, path: Path) -> Any:
            pytest.fail("a checkpoint was loaded")

    axes = parse_axes([f"checkpoint={files['sddpm']},nowhere"])
    with pytest.raises(CheckpointError, match="nowhere"):
        plan_sweep(files["sddpm"], axes, {}, Never())
