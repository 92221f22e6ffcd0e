"""Official checkpoint files, written from our networks in the layout of the papers' code."""

from __future__ import annotations

from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spikestudio.models.registry import ARCHITECTURES
from tests.unit.golden import golden_weights

State = dict[str, Tensor]

# Small, but as the papers have it where the files do not say it.
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "sddpm": ("sddpm", {"base_channels": 4, "channel_mult": (1, 2), "num_res_blocks": 1}),
    "sdm": (
        "sddpm",
        {
            **{"base_channels": 2, "channel_mult": (1, 2, 2), "num_res_blocks": 2},
            **{"num_snn_steps": 3, "tsm": True, "image_channels": 1},
        },
    ),
    "spiking-diffusion": (
        "spiking-diffusion",
        {
            **{"codebook_size": 8, "code_dim": 4, "encoder_widths": (4, 6)},
            **{"denoiser_widths": (6, 8, 5)},
        },
    ),
    "sdit": ("sdit", {"image_size": 8, "patch_size": 4, "width": 8, "depth": 4, "num_classes": 3}),
}
TABLES = ("timembedding.0.weight", "memout.coef")


def make_network(kind: str) -> nn.Module:
    """Build the small network with reproducible weights that make its neurons fire."""
    architecture, config = CONFIGS[kind]
    entry = ARCHITECTURES[architecture]
    network = entry.build(entry.config_type(**config)).eval().requires_grad_(False)
    gain = 1.0 if architecture == "sddpm" else 4.0
    network.load_state_dict(golden_weights(network.state_dict(), gain))
    return network


def write(
    folder: Path,
    kind: str,
    network: nn.Module,
    *,
    change: Callable[[State], State] = dict,
    bare: bool = False,
    old: bool = False,
    namespace: bool = True,
) -> Path:
    """Write the file, or both, and give the path to open.

    ``change`` alters each state dict, ``bare`` leaves out what lies beside it, ``old`` takes the
    format of before 2020, ``namespace`` puts one into an SDiT file.
    """

    def save(contents: object, name: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(contents, path, _use_new_zipfile_serialization=not old)
        return path

    if kind == "spiking-diffusion":
        both = [
            OrderedDict(change(network.get_submodule(name).state_dict()))
            for name in ("vqsvae", "sdid")
        ]
        save(both[1], "diff_result/diff_model.pth")
        return save(both[0], "model.pth")
    state = OrderedDict(change(network.state_dict()))
    if bare:
        return save(state, "model.pt")
    config: Any = network.config
    if kind == "sdit":
        contents: dict[str, Any] = {"model": state, "opt": _optimiser_state(network)}
        if namespace:
            contents["args"] = Namespace(epochs=1600, lr=1e-4, data_path="somewhere", global_seed=0)
        return save(contents, "0000100.pt")
    noise = torch.zeros(2, config.image_channels, config.image_size, config.image_size)
    return save(
        {"net_model": state, "optim": _optimiser_state(network), "step": 500, "x_T": noise},
        "500ckpt.pt",
    )


def _optimiser_state(network: nn.Module) -> dict[str, Any]:
    """State of Adam after a step."""
    parameters = [torch.ones(2, requires_grad=True) for _ in list(network.parameters())[:5]]
    optimiser = torch.optim.Adam(parameters, lr=2e-4)
    for parameter in parameters:
        parameter.grad = torch.ones(2)
    optimiser.step()
    return optimiser.state_dict()


def with_prefix(prefix: str) -> Callable[[State], State]:
    """Put ``prefix`` before every name."""
    return lambda state: {f"{prefix}{name}": value for name, value in state.items()}


def without_tables(state: State) -> State:
    """Leave out what follows from the sizes."""
    return {name: value for name, value in state.items() if not name.endswith(TABLES)}
