"""What is known about a model, as lines of text; what is not known is said to be unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spikestudio.language import mark, tr

if TYPE_CHECKING:
    from spikestudio.checkpoints.card import Measurement
    from spikestudio.sampling.worker import ModelInfo

UNKNOWN = tr("unknown")
_ARCHITECTURES = {"sddpm": "SDDPM", "spiking-diffusion": "Spiking-Diffusion", "sdit": "SDiT"}
_DATASETS = {
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "emnist-letters": "EMNIST letters",
    "cifar10": "CIFAR-10",
    "celeba64": "CelebA 64",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what, its value, and a remark that explains the value."""

    name: str
    value: str
    remark: str = ""


def architecture_title(architecture: str, config: Mapping[str, Any]) -> str:
    """Return the name a paper would use."""
    title = _ARCHITECTURES.get(architecture, architecture)
    return tr("{title} (TSM)", title=title) if config.get("tsm") else title


def dataset_title(dataset: str) -> str:
    """Return the name a paper would use."""
    return _DATASETS.get(dataset, dataset) or UNKNOWN


_METRICS = {
    "confident_share": (tr("Recognised"), tr("{:.0%} with confidence")),
    "agreement": (tr("Class obeyed"), "{:.0%}"),
    "classes_present": (tr("Classes drawn"), "{:.0f}"),
    "min_class_share": (tr("Rarest class"), tr("{:.1%} of samples")),
    "nearest_training_distance": (tr("Nearest real"), "{:.3f}"),
    "nearest_training_distance_of_test_images": (tr("Nearest, test"), "{:.3f}"),
    "diversity": (tr("Diversity"), "{:.3f}"),
    "diversity_of_test_images": (tr("Diversity, test"), "{:.3f}"),
}

METRIC_TITLES = (
    mark("Agreement"),
    mark("Classes present"),
    mark("Codebook perplexity"),
    mark("Codes used"),
    mark("Confident share"),
    mark("Diversity"),
    mark("Diversity of test images"),
    mark("Energy mj ann"),
    mark("Energy mj papers"),
    mark("Energy mj strict"),
    mark("Firing rate"),
    mark("Frechet autoencoder distance"),
    mark("Frechet inception distance"),
    mark("Inception score"),
    mark("Judge coverage"),
    mark("Judge density"),
    mark("Judge frechet distance"),
    mark("Judge kernel distance"),
    mark("Judge precision"),
    mark("Judge recall"),
    mark("Judge score"),
    mark("Min class share"),
    mark("Multiplications strict"),
    mark("Nearest training distance"),
    mark("Nearest training distance of test images"),
    mark("Reconstruction mse"),
    mark("Reconstruction ssim"),
    mark("Synaptic operations papers"),
    mark("Synaptic operations strict"),
)
"""Names of figures as ``metric_title`` makes them of those in cards."""


def metric_title(metric: str) -> str:
    """Return the name of a figure as words."""
    return tr(metric.replace("_", " ").capitalize())


def facts(model: ModelInfo) -> list[Fact]:
    """Describe a loaded model."""
    card = model.card
    neurons = sum(layer.num_neurons for layer in model.layers)
    result = [
        Fact(tr("Architecture"), architecture_title(card.architecture, card.config)),
        Fact(tr("Trained on"), dataset_title(card.dataset)),
        Fact(
            tr("Image"), f"{card.image_size} × {card.image_size}, {_channels(card.image_channels)}"
        ),
        Fact(tr("Parameters"), count(model.parameters)),
        Fact(
            tr("Neurons"),
            f"{count(neurons)} {card.neuron_type}",
            tr("{num_layers} spiking layers, per image. ", num_layers=len(model.layers))
            + (
                tr("IF neurons do not leak, so there is no time constant tau.")
                if card.tau is None
                else tr("LIF neurons leak with time constant tau.")
            ),
        ),
    ]
    if card.tau is not None:
        result.append(Fact(tr("Tau"), f"{card.tau:g}"))
    result.append(
        Fact(
            tr("SNN time steps"),
            f"T = {card.snn_steps}" + (tr(", locked") if model.tsm_locked else ""),
            tr("The number of time steps that the model was trained with."),
        )
    )
    result += _assumptions(model)
    if card.codebook_size:
        result.append(
            Fact(tr("Codebook"), tr("{codebook_size} codes", codebook_size=card.codebook_size))
        )
    if card.classes:
        chosen = tr("to choose from") if "num_classes" in card.config else tr("in the data")
        result.append(Fact(tr("Classes"), f"{len(card.classes)} {chosen}", ", ".join(card.classes)))
    if card.quality:
        result += [_quality(item) for item in card.quality]
    else:
        result.append(
            Fact(tr("Quality"), UNKNOWN, tr("The file does not say how good its samples are."))
        )
    return result


def _assumptions(model: ModelInfo) -> list[Fact]:
    """What nobody but a paper vouches for, and whose numerics are computed with."""
    training = model.card.training
    result = []
    if assumed := training.get("assumed"):
        remark = tr("The file does not say so; these are the paper's values, or the only ones.")
        result.append(Fact(tr("Assumed"), str(assumed).replace("_", " "), remark))
    if training.get("numerics") == "strict":
        result.append(
            Fact(tr("Numerics"), tr("strict"), tr("As the papers' code computes, quirks included."))
        )
    return result


def _quality(item: Measurement) -> Fact:
    name, form = _METRICS.get(item.metric, (metric_title(item.metric), "{:.3g}"))
    return Fact(name, form.format(item.value), item.protocol)


def count(number: int) -> str:
    """Return a number in three significant digits: ``1.10 M``."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            value = number / size
            return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {letter}"
    return str(number)


def _channels(number: int) -> str:
    return {1: tr("grey"), 3: tr("colour")}.get(number, tr("{number} channels", number=number))
