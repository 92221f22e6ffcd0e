"""The sizes of a network from the names and shapes of its tensors.

A state dict does not say everything. What it leaves open is taken from the user's choices, else from
the papers, and then listed as assumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isqrt
from typing import Any

from spikestudio.errors import ConfigError
from spikestudio.language import tr

Shapes = Mapping[str, tuple[int, ...]]


class CannotInferError(ValueError):
    """The tensors are not those of the architecture; the message is half a sentence."""


@dataclass(slots=True)
class Sizes:
    """Settings found so far; ``assumed`` names those that nothing but a paper vouches for."""

    choices: Mapping[str, int]
    config: dict[str, Any] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)

    def settle(self, name: str, stated: int | None, paper: int) -> None:
        """Take a setting from the file (``stated``), else the user's choice, else the paper.

        Raises ``ConfigError`` if the file states another value than the user.
        """
        chosen = self.choices.get(name)
        if stated is not None and chosen not in (None, stated):
            raise ConfigError(
                tr(
                    "The file fixes {name} at {stated} and {chosen} was asked for: leave the "
                    "option out.",
                    name=name,
                    stated=stated,
                    chosen=chosen,
                ),
                field=name,
            )
        if stated is None and chosen is None:
            self.assumed.append(f"{name} {paper}")
        self.config[name] = next(each for each in (stated, chosen, paper) if each is not None)


def infer_sddpm(shapes: Shapes, sizes: Sizes, *, image_size: int | None, dataset_size: int) -> None:
    """SDDPM (arXiv 2306.17046), with temporal scales (arXiv 2408.16467) where there are any.

    ``image_size`` is the network's if known, ``dataset_size`` the data set's, which may be smaller.
    """
    steps = [shape[0] for name, shape in shapes.items() if name.endswith(".tsmp") and shape]
    weight = "tsmconv.weight" if steps else "weight"
    base = _dim(shapes, 0, "bn.weight", f"conv.{weight}", f"conv_identity.{weight}")
    levels: list[list[int]] = [[]]
    for i in _count(shapes, "downblocks"):
        block = f"downblocks.{i}"
        if f"{block}.bn.weight" in shapes or f"{block}.conv.{weight}" in shapes:
            levels.append([])
        else:
            names = ("bn1.weight", "bn2.weight", f"conv1.{weight}", f"conv2.{weight}")
            levels[-1].append(_dim(shapes, 0, *(f"{block}.{name}" for name in names)))
    widths = [level[0] if level else 0 for level in levels]
    is_regular = all(level == [level[0]] * len(levels[0]) for level in levels if level)
    if not (is_regular and base > 0 and all(w > 0 and w % base == 0 for w in widths)):
        raise CannotInferError(tr("its blocks are not those of an SDDPM network"))
    table = shapes.get("time_embedding.timembedding.0.weight")
    sizes.config |= {
        "image_channels": _dim(shapes, 0, "last_bn.weight", f"tail_conv.{weight}"),
        "base_channels": base,
        "channel_mult": [width // base for width in widths],
        "num_res_blocks": len(levels[0]),
        "tsm": bool(steps),
    }
    sizes.settle("num_snn_steps", steps[0] if steps else None, 4)
    sizes.settle("num_train_timesteps", table[0] if table else None, 1000)
    sizes.settle("image_size", image_size, max(32, dataset_size))


def infer_spiking_diffusion(
    vqsvae: Shapes, sdid: Shapes, sizes: Sizes, *, dataset_size: int, strict: bool
) -> None:
    """Both stages of Spiking-Diffusion (arXiv 2308.10187).

    The stored read-out coefficients tell the number of SNN steps. They are constants, so unless
    ``strict`` the user may choose another.
    """
    layers = [i for i in _count(vqsvae, "encoder.snn_convs") if i % 3 == 0]
    widths = [_dim(vqsvae, 0, *_conv_names("encoder.snn_convs", i)) for i in layers]
    blocks = [
        i for i in range(1, 64) if f"conv{i}.1.weight" in sdid or f"conv{i}.1.running_mean" in sdid
    ]
    codes = _dim(vqsvae, 0, "vq_layer.embeddings.weight")
    logits = _dim(sdid, 0, f"conv{len(blocks) + 1}.0.bias", f"conv{len(blocks) + 1}.0.weight")
    if logits != codes:
        raise CannotInferError(
            tr(
                "the auto-encoder has {codes} codes and the denoiser predicts {logits}: "
                "they are not of the same model",
                codes=codes,
                logits=logits,
            )
        )
    coefficients = vqsvae.get("memout.coef") or vqsvae.get("vq_layer.memout.coef")
    stated = coefficients[0] if coefficients else None
    if stated is not None and not strict and "num_snn_steps" in sizes.choices:
        stated = None
    embedding = sdid.get("token_embedding.weight", (0, 0))
    sizes.config |= {
        "image_channels": _dim(vqsvae, 1, "encoder.snn_convs.0.weight"),
        "codebook_size": codes,
        "code_dim": _dim(vqsvae, 1, "vq_layer.embeddings.weight"),
        "encoder_widths": widths[:-1],
        "denoiser_widths": [
            _dim(sdid, 0, f"conv{i}.1.weight", f"conv{i}.1.running_mean") for i in blocks
        ],
        "token_embedding": embedding[1] if len(embedding) == 2 else 0,
    }
    sizes.settle("num_snn_steps", stated, 16)
    sizes.settle("image_size", None, max(28, dataset_size))


def infer_sdit(shapes: Shapes, sizes: Sizes) -> None:
    """SDiT (arXiv 2402.11588)."""
    patch = _dim(shapes, 2, "x_embedder.proj.weight")
    tokens = _dim(shapes, 1, "pos_embed", "mid_block.restruction_token")
    side = isqrt(max(tokens - 1, 0))
    if side**2 + 1 != tokens:
        raise CannotInferError(
            tr("its {tokens} tokens are no square of patches and one for the time", tokens=tokens)
        )
    depth = max(len(_count(shapes, name)) for name in ("in_blocks", "out_blocks"))
    sizes.config |= {
        "image_channels": _dim(shapes, 1, "x_embedder.proj.weight"),
        "patch_size": patch,
        "width": _dim(shapes, 0, "x_embedder.proj.weight"),
        "depth": 2 * depth,
        "num_classes": _dim(shapes, 0, "y_embedder.embedding_table.weight") - 1,
        "reconstruction": True,
    }
    sizes.settle("num_snn_steps", None, 4)
    sizes.settle("num_train_timesteps", None, 1000)
    sizes.settle("image_size", side * patch, 28)


def _dim(shapes: Shapes, axis: int, *names: str) -> int:
    """Size along an axis of the first tensor that is there."""
    for name in names:
        if len(shapes.get(name, ())) > axis:
            return shapes[name][axis]
    raise CannotInferError(
        tr("it has no tensor {name}, which tells the size of the network", name=names[0])
    )


def _count(shapes: Iterable[str], name: str) -> range:
    """Indices 0 to the largest after ``name.`` in the names, at most 1000."""
    pattern = re.compile(re.escape(name) + r"\.([0-9]{1,3})\.")
    found = (pattern.match(each) for each in shapes)
    return range(max((int(match[1]) for match in found if match), default=-1) + 1)


def _conv_names(stem: str, i: int) -> tuple[str, ...]:
    return (f"{stem}.{i}.weight", f"{stem}.{i}.bias")
