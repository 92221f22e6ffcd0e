from __future__ import annotations

import pytest
import torch

from spikestudio.diffusion.upstream import upstream_course, upstream_schedule
from spikestudio.errors import ConfigError


def test_sddpm_lists_one_time_more_and_ddim_does_not_evaluate_it() -> None:
    ddim = upstream_course("sddpm", "ddim", 1000, 50)
    assert ddim.times[:2] == (999, 979)
    assert ddim.times[-2:] == (19, 0)
    assert (len(ddim.times), len(ddim.evaluated)) == (51, 50)
    ancestral = upstream_course("sddpm", "ancestral", 1000, 100)
    assert len(ancestral.times) == len(ancestral.evaluated) == 101
    assert len(upstream_course("sddpm", "ddim", 1000, 1000).evaluated) == 999
    assert ddim.strict
    assert ancestral.strict


def test_sdit_rounds_evenly_spaced_times() -> None:
    course = upstream_course("sdit", "ancestral", 1000, 250)
    assert course.times[:3] == (999, 995, 991)
    assert course.times[-3:] == (8, 4, 0)
    assert len(course.times) == 250
    assert course.times == course.evaluated
    assert upstream_course("sdit", "ancestral", 1000, 1).times == (0,)
    assert upstream_course("sdit", "ddim", 1000, 50).times == tuple(range(980, -1, -20))
    assert not course.strict


def test_spiking_diffusion_counts_the_steps_left() -> None:
    assert upstream_course("spiking-diffusion", "absorbing", 49, 3).times == (3, 2, 1)


@pytest.mark.parametrize("architecture", ["sddpm", "sdit"])
def test_ddpm_needs_every_step(architecture: str) -> None:
    assert len(upstream_course(architecture, "ddpm", 1000, 1000).times) == 1000
    with pytest.raises(ConfigError, match="all 1000"):
        upstream_course(architecture, "ddpm", 1000, 50)


@pytest.mark.parametrize(
    ("architecture", "sampler", "steps"),
    [
        ("sddpm", "ddim", 0),
        ("sddpm", "ddim", 1001),
        ("sdit", "ancestral", 1001),
        ("sdit", "ddim", 49),
        ("sdit", "analytic", 50),
        ("sddpm", "diffusers:unipc", 20),
        ("spiking-diffusion", "ddim", 20),
        ("spiking-diffusion", "absorbing", 50),
    ],
)
def test_what_the_code_does_not_have_is_refused(
    architecture: str, sampler: str, steps: int
) -> None:
    n = 49 if architecture == "spiking-diffusion" else 1000
    with pytest.raises(ConfigError):
        upstream_course(architecture, sampler, n, steps)


def test_betas_have_each_codes_precision() -> None:
    exact = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    assert torch.equal(upstream_schedule("sdit", 1000).betas, exact)
    assert float(upstream_schedule("sddpm", 1000).betas[1]) == 0.00011991991777904332
