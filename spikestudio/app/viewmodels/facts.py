"""What is known about a model, as lines of text; what is not known is said to be unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikestudio.checkpoints.card import Measurement
    from spikestudio.sampling.worker import ModelInfo

UNKNOWN = "unknown"
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
    return f"{title} (TSM)" if config.get("tsm") else title


def dataset_title(dataset: str) -> str:
    """Return the name a paper would use."""
    return _DATASETS.get(dataset, dataset) or UNKNOWN


_METRICS = {
    "confident_share": ("Recognised", "{:.0%} with confidence"),
    "agreement": ("Class obeyed", "{:.0%}"),
    "classes_present": ("Classes drawn", "{:.0f}"),
    "min_class_share": ("Rarest class", "{:.1%} of samples"),
    "nearest_training_distance": ("Nearest real", "{:.3f}"),
    "nearest_training_distance_of_test_images": ("Nearest, test", "{:.3f}"),
    "diversity": ("Diversity", "{:.3f}"),
    "diversity_of_test_images": ("Diversity, test", "{:.3f}"),
}


def facts(model: ModelInfo) -> list[Fact]:
    """Describe a loaded model."""
    card = model.card
    neurons = sum(layer.num_neurons for layer in model.layers)
    result = [
        Fact("Architecture", architecture_title(card.architecture, card.config)),
        Fact("Trained on", dataset_title(card.dataset)),
        Fact("Image", f"{card.image_size} × {card.image_size}, {_channels(card.image_channels)}"),
        Fact("Parameters", count(model.parameters)),
        Fact(
            "Neurons",
            f"{count(neurons)} {card.neuron_type}",
            f"{len(model.layers)} spiking layers, per image. "
            + (
                "IF neurons do not leak, so there is no time constant tau."
                if card.tau is None
                else "LIF neurons leak with time constant tau."
            ),
        ),
    ]
    if card.tau is not None:
        result.append(Fact("Tau", f"{card.tau:g}"))
    result.append(
        Fact(
            "SNN time steps",
            f"T = {card.snn_steps}" + (", locked" if model.tsm_locked else ""),
            "The number of time steps that the model was trained with.",
        )
    )
    result += _assumptions(model)
    if card.codebook_size:
        result.append(Fact("Codebook", f"{card.codebook_size} codes"))
    if card.classes:
        chosen = "to choose from" if "num_classes" in card.config else "in the data"
        result.append(Fact("Classes", f"{len(card.classes)} {chosen}", ", ".join(card.classes)))
    if card.quality:
        result += [_quality(item) for item in card.quality]
    else:
        result.append(Fact("Quality", UNKNOWN, "The file does not say how good its samples are."))
    return result


def _assumptions(model: ModelInfo) -> list[Fact]:
    """What nobody but a paper vouches for, and whose numerics are computed with."""
    training = model.card.training
    result = []
    if assumed := training.get("assumed"):
        remark = "The file does not say so; these are the paper's values, or the only ones."
        result.append(Fact("Assumed", str(assumed).replace("_", " "), remark))
    if training.get("numerics") == "strict":
        result.append(Fact("Numerics", "strict", "As the papers' code computes, quirks included."))
    return result


def _quality(item: Measurement) -> Fact:
    name, form = _METRICS.get(item.metric, (item.metric.replace("_", " ").capitalize(), "{:.3g}"))
    return Fact(name, form.format(item.value), item.protocol)


def count(number: int) -> str:
    """Return a number in three significant digits: ``1.10 M``."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            value = number / size
            return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {letter}"
    return str(number)


def _channels(number: int) -> str:
    return {1: "grey", 3: "colour"}.get(number, f"{number} channels")
