"""The state in which a denoising step of an earlier run began, put in or computed again.

Where the state was not kept, the steps from the last one that was, else from the start of the run, are
repeated with their own parameters. A branch starts where its parent was, so this may go back through
several runs, at last to the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.models.readout import readouts, set_rescaled
from spikestudio.neurons.nodes import set_threshold, spiking_layers
from spikestudio.neurons.overrides import check_overrides, overridden
from spikestudio.recording.recorder import Probe, Recorder
from spikestudio.recording.values import Parameters, Readable, State
from spikestudio.sampling.branch import KEPT, Branch, Past
from spikestudio.sampling.chain import Course, in_chunks
from spikestudio.sampling.edits import check_edits, edit_error, edited
from spikestudio.sampling.plan import plan, run_layers
from spikestudio.sampling.request import SamplingRequest
from spikestudio.types import LayerInfo


def course_at(model: LoadedModel, past: Past, step: int, record: Readable | None = None) -> Course:
    """Course of an earlier run that does ``step`` next; the network must have the run's SNN steps.

    ``record`` is that of the run; None computes all of its steps before.
    """
    course = Course(model, past.request)
    first, state = _nearest(record, past.first_step, step)
    if state is None and past.branch is not None:
        state = starting_state(model, past.request, past.branch)
    course.enter(first, state)
    layers = run_layers(model)
    course.predict = in_chunks(model.predict, model.chunk, no_probe(layers))
    for before in range(first, step):
        parameters = past.parameters(before)
        course.temperature = parameters.temperature
        with in_force(model, past.request, parameters, before, layers):
            course.advance()
    return course


def starting_state(
    model: LoadedModel, request: SamplingRequest, branch: Branch, record: Readable | None = None
) -> State:
    """What enters the first step of a run ``request`` with this branch, its edits done.

    ``record`` is that of the parent. The network is left as it was. Raises ``ConfigError`` for an edit
    that this state does not allow.
    """
    if branch.past is None:
        state: State = Course(model, request).state()
    else:
        with as_before(model, branch.past.request):
            state = course_at(model, branch.past, branch.step, record).state()
    if not branch.edits:
        return state
    config: Any = model.network.config
    return edited(state, branch.edits, branch.step, config.mask_id)


@contextmanager
def in_force(
    model: LoadedModel,
    request: SamplingRequest,
    parameters: Parameters,
    step: int,
    layers: Sequence[LayerInfo],
) -> Iterator[None]:
    """Parameters and experiments of a step; the threshold stays."""
    set_threshold(model.network, parameters.threshold)
    with overridden(model.network, request.overrides, step, layers):
        yield


@contextmanager
def as_before(model: LoadedModel, request: SamplingRequest) -> Iterator[None]:
    """Give the network an earlier run's SNN steps, and afterwards all of its own constants back.

    A run in progress may hold the network: it finds it as it left it.
    """
    network: Any = model.network
    nodes = spiking_layers(network)
    thresholds = {name: node.v_threshold for name, node in nodes.items()}
    holders = [m for m in network.modules() if hasattr(m, "num_snn_steps")]
    snn_steps = holders[0].num_snn_steps
    was_rescaled = any(each.is_rescaled for each in readouts(network))
    network.set_snn_steps(request.snn_steps)
    set_rescaled(network, is_rescaled=request.rescale_readout)
    try:
        yield
    finally:
        network.set_snn_steps(snn_steps)
        set_rescaled(network, is_rescaled=was_rescaled)
        for name, node in nodes.items():
            node.v_threshold = thresholds[name]


def no_probe(layers: tuple[LayerInfo, ...]) -> Probe:
    """A probe that nothing is attached to."""
    return Probe(Recorder(layers, num_steps=1, snn_steps=1))


def check_branch(
    model: LoadedModel, request: SamplingRequest, branch: Branch, record: Readable | None = None
) -> None:
    """Raise ``ConfigError`` unless a run ``request`` can have this branch.

    ``record`` is said to be that of the parent.
    """
    config: Any = model.network.config
    steps = len(plan(model, request))  # in strict numerics not always those asked for
    if branch.step >= steps:
        raise edit_error(
            tr(
                "The run has the denoising steps 0 to {steps}, so it cannot start at {branch_step}",
                steps=steps - 1,
                branch_step=branch.step,
            )
        )
    if branch.edits and not model.is_token_model:
        raise edit_error(
            tr("{model} works on pixels and has no tokens: leave the edits out", model=model.name)
        )
    if branch.edits:
        check_edits(branch.edits, request.num, config.grid_size**2, config.codebook_size)
    past = branch.past
    if past is None:
        return
    check_same_model(model, past.checkpoint, past.tensors_sha256, tr("branch from it"))
    for name, label in KEPT.items():
        kept, asked = getattr(past.request, name), getattr(request, name)
        if kept != asked:
            raise ConfigError(
                tr(
                    "A branch goes on with its parent's random streams and diffusion times, so the "
                    "{label} stays {kept} and cannot be {asked}.",
                    label=label,
                    kept=kept,
                    asked=asked,
                ),
                field=name,
            )
    check_overrides(past.request.overrides, run_layers(model), len(plan(model, past.request)))
    if past.branch is not None:
        check_branch(model, past.request, past.branch)
    if record is not None and not _is_of(record, branch.step, past):
        raise edit_error(
            tr(
                "The record given as the parent is of another run than the branch: give the one "
                "that it "
                "was made from, or none"
            )
        )


def check_same_model(model: LoadedModel, name: str, tensors_sha256: str, purpose: str) -> None:
    """Raise ``ConfigError`` if a run was made with another model."""
    if tensors_sha256 != model.card.tensors_sha256:
        raise ConfigError(
            tr(
                "This run was made with another model than {model}: load {name} to {purpose}.",
                model=model.name,
                name=name,
                purpose=purpose,
            ),
            field="model",
        )


def _is_of(record: Readable, step: int, past: Past) -> bool:
    """Whether a record is of a run as it was before a step; what came later does not matter."""
    if record.steps_done < step:
        return False
    found = Past.of(record, step - 1)
    before = replace(past, changes=tuple(each for each in past.changes if each.step < step))
    return replace(found, checkpoint=past.checkpoint) == before  # a file may be renamed


def _nearest(record: Readable | None, first: int, step: int) -> tuple[int, State | None]:
    """The last kept state from ``first`` up to a step, with its own step; else ``first``."""
    if record is not None:
        for each in range(step, first - 1, -1):
            state = record.state(each)
            if state is not None:
                return each, state
    return first, None
