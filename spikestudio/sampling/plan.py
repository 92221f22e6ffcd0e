"""What is known of a run before it starts: its layers, and the diffusion time of each of its steps."""

from __future__ import annotations

from typing import Any

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.diffusion.absorbing import unmask_times
from spikestudio.diffusion.analytic import check_table
from spikestudio.diffusion.diffusers_samplers import evaluation_times
from spikestudio.diffusion.schedules import spaced_times
from spikestudio.diffusion.solvers import OURS, SCHEDULERS, WITH_ETA, why_absent
from spikestudio.diffusion.upstream import UpstreamCourse, upstream_course
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.models.readout import readouts
from spikestudio.sampling.request import SamplingRequest
from spikestudio.types import LayerInfo


def run_layers(model: LoadedModel) -> tuple[LayerInfo, ...]:
    """Layers that fire in a run: the denoiser's, and a token model's decoder, which draws previews."""
    decoder = (each for each in model.codec_layers if not each.id.startswith("vqsvae.encoder."))
    return (*model.layers, *decoder)


def plan(model: LoadedModel, request: SamplingRequest) -> tuple[int, ...]:
    """Diffusion times of a run, one per network evaluation; raises ``ConfigError``."""
    config: Any = model.network.config
    reason = why_absent(request.sampler, is_token_model=model.is_token_model)
    if reason:
        choices = [each for each in OURS if (each == "absorbing") == model.is_token_model]
        raise ConfigError(
            tr(
                "{model} cannot be sampled with {sampler!r}, as {reason}: choose {choices}.",
                model=model.name,
                sampler=request.sampler,
                reason=reason,
                choices=tr(" or ").join(choices),
            ),
            field="sampler",
        )
    if request.eta and request.sampler not in WITH_ETA:
        raise ConfigError(
            tr(
                "The sampler {sampler} has no eta: leave it at 0, or choose ddim.",
                sampler=request.sampler,
            ),
            field="eta",
        )
    if request.sampler == "analytic":
        check_table(model.gamma, config.num_train_timesteps)
    if request.class_label is not None:
        classes = model.num_classes
        if classes is None:
            raise ConfigError(
                tr("{model} has no classes to choose from: leave the class out.", model=model.name),
                field="class_label",
            )
        if not 0 <= request.class_label < classes:
            raise ConfigError(
                tr(
                    "{model} has the classes 0 to {classes}, not {class_label}.",
                    model=model.name,
                    classes=classes - 1,
                    class_label=request.class_label,
                ),
                field="class_label",
            )
    if getattr(config, "tsm", False) and request.snn_steps != config.num_snn_steps:
        raise ConfigError(
            tr(
                "{model} learned one scale for each of its {num_snn_steps} SNN time steps "
                "and cannot run with {snn_steps}.",
                model=model.name,
                num_snn_steps=config.num_snn_steps,
                snn_steps=request.snn_steps,
            ),
            field="snn_steps",
        )
    if request.rescale_readout and not readouts(model.network):
        raise ConfigError(
            tr(
                "{model} averages over its SNN time steps: there is no read-out to rescale.",
                model=model.name,
            ),
            field="rescale_readout",
        )
    if model.is_strict:
        return strict_course(model, request).evaluated
    if model.is_token_model:
        return tuple(unmask_times(request.steps, config.num_train_timesteps))
    if request.sampler in SCHEDULERS:
        return tuple(evaluation_times(request.sampler, config.num_train_timesteps, request.steps))
    times = tuple(spaced_times(config.num_train_timesteps, request.steps))
    if request.sampler == "ddpm" and len(times) != config.num_train_timesteps:
        raise ConfigError(
            tr(
                "The sampler ddpm needs all {num_train_timesteps} denoising steps, "
                "not {steps}: choose ddim or ancestral for fewer.",
                num_train_timesteps=config.num_train_timesteps,
                steps=request.steps,
            ),
            field="steps",
        )
    return times


def strict_course(model: LoadedModel, request: SamplingRequest) -> UpstreamCourse:
    """Times of a run of a model in strict numerics; raises ``ConfigError``."""
    config: Any = model.network.config
    if model.is_token_model and request.snn_steps != config.num_snn_steps:
        raise ConfigError(
            tr(
                "In strict numerics {model} keeps the {num_snn_steps} SNN time steps that its "
                "stored coefficients are for and cannot run with {snn_steps}.",
                model=model.name,
                num_snn_steps=config.num_snn_steps,
                snn_steps=request.snn_steps,
            ),
            field="snn_steps",
        )
    if request.eta:
        raise ConfigError(tr("In strict numerics ddim has no eta: leave it at 0."), field="eta")
    return upstream_course(
        model.card.architecture, request.sampler, config.num_train_timesteps, request.steps
    )
