"""Checkpoints as the papers' code writes them: what they are, with a card of what is known of them.

====================  =====================================================================
SDDPM                 ``net_model`` beside ``optim``, ``step``, ``x_T``
SDM (temporal scales) ``net_model`` or ``ema_model``
SDiT                  ``model`` beside ``opt`` and an ``args`` namespace
Spiking-Diffusion     two bare state dicts, ``model.pth`` and ``diff_result/diff_model.pth``
====================  =====================================================================

Each may also be bare, with ``module.`` before every name, or without the tables that follow from the
sizes. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikestudio.checkpoints.card import Card, Scalar
from spikestudio.checkpoints.files import damaged
from spikestudio.checkpoints.infer import (
    CannotInferError,
    Sizes,
    infer_sddpm,
    infer_sdit,
    infer_spiking_diffusion,
)
from spikestudio.checkpoints.pickle_io import Namespace, TensorRef
from spikestudio.checkpoints.renames import require_known
from spikestudio.checkpoints.state_dict import State, read_state
from spikestudio.checkpoints.torch_file import read_tensors
from spikestudio.data.registry import DatasetInfo
from spikestudio.errors import CheckpointError, ConfigError
from spikestudio.language import tr

if TYPE_CHECKING:
    from torch import Tensor

_NAMESPACE_FACTS = {
    **{"epochs": "epochs", "global_batch_size": "batch_size", "global_seed": "seed"},
    **{"batch_size": "batch_size", "seed": "seed", "lr": "learning_rate"},
}
_STRICT_DEFAULTS: dict[str, dict[str, Any]] = {  # of the papers' code, where ours are others
    "sdit": {"sampler": "ancestral", "steps": 250, "clip_x0": False}
}
_SECOND = {"vqsvae": "diff_model.pth", "sdid": "model.pth"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a user knows of an official file and the file does not say; None is left to the papers.

    ``part`` is the entry with the weights. ``renames`` give names in the file the network's. ``strict``
    takes nothing but what the papers' code would load: no absent tables, no other SNN steps than the
    stored coefficients are for, constants in float32; and the model is sampled as that code does.
    """

    snn_steps: int | None = None
    image_size: int | None = None
    num_train_timesteps: int | None = None
    dataset: DatasetInfo | None = None
    part: str | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Official:
    """One or two official files as one model.

    ``tensors`` describes them by our names and ``read`` reads them; ``renamed`` gives the names in the
    file where they differ from ours, as ``(theirs, ours)``.
    """

    card: Card
    tensors: Mapping[str, TensorRef]
    renamed: tuple[tuple[str, str], ...]
    read: Callable[[], dict[str, Tensor]]


def read_official(
    path: Path, second: Path | None = None, choices: Choices | None = None
) -> Official:
    """Recognise an official checkpoint and describe it; reads no weights yet.

    Parameters
    ----------
    path, second
        The file, and for Spiking-Diffusion the other one, in either order. Without ``second`` it is
        looked for where the paper's code writes it, and in the same folder.

    Raises
    ------
    CheckpointError
        A file that cannot be read or recognised, or whose other half is missing; the subclasses say in
        which way.
    ConfigError
        A choice that contradicts the file.
    """
    choices = choices or Choices()
    first = read_state(path, choices.part, choices.renames)
    try:
        if first.stage in _SECOND:
            mate = read_state(second or _find_second(first), choices.part, choices.renames)
            require_known(choices.renames, first.applied | mate.applied)
            return _spiking_diffusion(first, mate, choices)
        if second is not None:
            raise ConfigError(
                tr(
                    "{path} is a whole {stage} model: leave {second} out.",
                    path=path,
                    stage=first.stage,
                    second=second,
                ),
                field="second",
            )
        require_known(choices.renames, first.applied)
        return _single(first, choices)
    except CannotInferError as error:
        raise damaged(path, str(error)) from error


def _find_second(first: State) -> Path:
    """The other file of Spiking-Diffusion."""
    folder, name = first.file.path.parent, _SECOND[first.stage]
    nearby = folder / "diff_result" if first.stage == "vqsvae" else folder.parent
    for candidate in (nearby / name, folder / name):
        if candidate.is_file():
            return candidate
    what = tr("auto-encoder") if first.stage == "vqsvae" else tr("denoiser")
    raise CheckpointError(
        tr(
            "{file_path} is only the {what} of a Spiking-Diffusion model: put {name} beside it, or "
            "open both files together.",
            file_path=first.file.path,
            what=what,
            name=name,
        ),
        path=first.file.path,
    )


def _single(state: State, choices: Choices) -> Official:
    sizes = _sizes(choices)
    if state.stage == "sddpm":
        infer_sddpm(
            state.shapes,
            sizes,
            image_size=_side_of_noise(state.file.contents),
            dataset_size=choices.dataset.image_size if choices.dataset else 0,
        )
    else:
        infer_sdit(state.shapes, sizes)
    return _official(state.stage, [("", state)], sizes, choices)


def _spiking_diffusion(first: State, second: State, choices: Choices) -> Official:
    stages = {state.stage: state for state in (first, second)}
    if set(stages) != {"vqsvae", "sdid"}:
        raise CheckpointError(
            tr(
                "{file_path} and {file_path_2} are not the two halves of a Spiking-Diffusion "
                "model: give its auto-encoder (model.pth) and its denoiser (diff_model.pth).",
                file_path=first.file.path,
                file_path_2=second.file.path,
            ),
            path=second.file.path,
        )
    sizes = _sizes(choices)
    infer_spiking_diffusion(
        stages["vqsvae"].shapes,
        stages["sdid"].shapes,
        sizes,
        dataset_size=choices.dataset.image_size if choices.dataset else 0,
        strict=choices.strict,
    )
    parts = [(f"{stage}.", stages[stage]) for stage in ("vqsvae", "sdid")]
    return _official("spiking-diffusion", parts, sizes, choices)


def _sizes(choices: Choices) -> Sizes:
    given = {
        "num_snn_steps": choices.snn_steps,
        "image_size": choices.image_size,
        "num_train_timesteps": choices.num_train_timesteps,
    }
    return Sizes({name: value for name, value in given.items() if value is not None})


def _official(
    architecture: str, parts: list[tuple[str, State]], sizes: Sizes, choices: Choices
) -> Official:
    path, dataset, config = parts[0][1].file.path, choices.dataset, sizes.config
    steps = config["num_snn_steps"]
    by_state: list[tuple[State, dict[str, TensorRef]]] = []
    renamed: list[tuple[str, str]] = []
    for prefix, state in parts:
        ours = {f"{prefix}{name}": tensor for name, tensor in state.tensors.items()}
        # Coefficients for another number of steps than was asked for are made anew.
        ours = {
            name: tensor
            for name, tensor in ours.items()
            if choices.strict or not (name.endswith("memout.coef") and tensor.shape[:1] != (steps,))
        }
        by_state.append((state, ours))
        theirs = {f"{prefix}{name}": original for name, original in state.originals.items()}
        renamed += [(theirs[name], name) for name in ours if theirs[name] != name]

    if dataset is not None and dataset.channels > config["image_channels"]:
        raise ConfigError(
            tr(
                "{path} makes images of {image_channels} channel and {dataset} has "
                "{channels}: choose another data set.",
                path=path,
                image_channels=config["image_channels"],
                dataset=dataset.name,
                channels=dataset.channels,
            ),
            field="dataset",
        )
    if dataset is not None:
        classes = dataset.classes
    else:
        num_classes = config.get("num_classes", 0)
        classes = tuple(map(str, range(num_classes))) if 0 < num_classes <= 1000 else ()
    card = Card.describe(
        architecture,
        config,
        dataset=dataset.name if dataset else "unknown",
        data_licence=dataset.licence if dataset else "unknown",
        image_size=dataset.image_size if dataset else config["image_size"],
        image_channels=dataset.channels if dataset else config["image_channels"],
        classes=classes,
        training=_training_facts(parts, sizes, choices),
        defaults=_STRICT_DEFAULTS.get(architecture) if choices.strict else None,
    )
    card = Card.from_json(card.to_json(path), path)

    def read() -> dict[str, Tensor]:
        return {
            name: value
            for state, tensors in by_state
            for name, value in read_tensors(state.file, tensors).items()
        }

    tensors = {name: tensor for _, ours in by_state for name, tensor in ours.items()}
    return Official(card, tensors, tuple(renamed), read)


def _training_facts(
    parts: list[tuple[str, State]], sizes: Sizes, choices: Choices
) -> dict[str, Scalar]:
    """What the files tell of their training, where they come from and what had to be assumed."""
    sources = ", ".join(
        ascii(state.file.path.name)[1:-1][:60] + (f" ({state.part[:40]})" if state.part else "")
        for _, state in parts
    )
    assumed = [*sizes.assumed, tr("threshold 1"), tr("data range")]
    if "codebook_size" in sizes.config:
        assumed.append(tr("mask id"))
    if choices.part is None:
        assumed += [text for _, state in parts if (text := _other_weights(state))]
    facts: dict[str, Scalar] = {
        "source": tr("official: {sources}", sources=sources),
        "numerics": "strict" if choices.strict else "default",
        "assumed": ", ".join(assumed),
    }
    contents = parts[0][1].file.contents
    args = contents.get("args")
    values = args.values if isinstance(args, Namespace) else None
    if isinstance(values, dict):
        for theirs, ours in _NAMESPACE_FACTS.items():
            if type(values.get(theirs)) in (int, float) and abs(values[theirs]) < 1e12:
                facts[ours] = values[theirs]
    step = contents.get("step")
    if type(step) is int and 0 <= step < 2**53:
        facts["steps"] = step
    return facts


def _other_weights(state: State) -> str:
    """Which weights were taken of a file that holds several sets, such as an average beside them."""
    contents = state.file.contents
    taken = contents.get(state.part)
    if not isinstance(taken, dict):
        return ""
    others = [
        ascii(name)[1:-1][:40]
        for name, entry in contents.items()
        if name != state.part and isinstance(entry, dict) and entry.keys() == taken.keys()
    ]
    if not others:
        return ""
    return tr(
        "weights {part} (there are also {others})", part=state.part, others=", ".join(others[:4])
    )


def _side_of_noise(contents: Mapping[str, object]) -> int | None:
    """Image size by the noise that training samples are drawn from, ``x_T`` ``[N, C, H, W]``."""
    noise = contents.get("x_T")
    if isinstance(noise, TensorRef) and len(noise.shape) == 4 and noise.shape[2] == noise.shape[3]:
        return noise.shape[3]
    return None
