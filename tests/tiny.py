"""Networks of every architecture that are small enough for a test and alive: every layer fires."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spikestudio.checkpoints.card import Card
from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.checkpoints.safetensors_io import save
from spikestudio.models.config import to_json
from spikestudio.models.registry import ARCHITECTURES
from spikestudio.sampling.events import Finished
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.result import RunResult
from spikestudio.sampling.run import SamplingRun

ARCHITECTURE_NAMES = ("sddpm", "spiking-diffusion", "sdit")
SAMPLERS = {
    "sddpm": ("ddim", "ancestral", "ddpm"),
    "spiking-diffusion": ("absorbing",),
    "sdit": ("ddim", "ancestral", "ddpm"),
}
CONFIGS: dict[str, dict[str, Any]] = {
    "sddpm": {
        "image_size": 8,
        "image_channels": 1,
        "base_channels": 6,
        "channel_mult": (1, 2),
        "num_res_blocks": 1,
        "num_snn_steps": 3,
        "num_train_timesteps": 12,
    },
    "spiking-diffusion": {
        "image_size": 12,
        "codebook_size": 10,
        "code_dim": 4,
        "encoder_widths": (6, 5),
        "denoiser_widths": (8, 10, 6),
        "num_snn_steps": 4,
        "token_embedding": 3,
    },
    "sdit": {
        "image_size": 8,
        "image_channels": 1,
        "patch_size": 2,
        "width": 20,
        "depth": 2,
        "num_snn_steps": 4,
        "num_train_timesteps": 12,
    },
}


def tiny_config(architecture: str, **changes: Any) -> Any:
    """Return the configuration of the tiny network, with fields changed."""
    return ARCHITECTURES[architecture].config_type(**CONFIGS[architecture] | changes)


def tiny_model(architecture: str, **config: Any) -> LoadedModel:
    """Return a model as the loader gives it, with reproducible random weights.

    ``config`` changes fields of the configuration; ``tsm=True`` gives an SDDPM temporal scales.
    """
    network = _network(architecture, tiny_config(architecture, **config))
    return LoadedModel(tiny_card(architecture, **config), network, "cpu", Path("tiny.safetensors"))


def tiny_card(architecture: str, **config: Any) -> Card:
    """Return the card of the tiny network."""
    made = tiny_config(architecture, **config)
    return Card.describe(
        architecture,
        to_json(made),
        dataset="mnist",
        data_licence="none",
        image_size=made.image_size,
        image_channels=made.image_channels,
        classes=tuple("0123456789") if architecture == "sdit" else (),
    )


def save_tiny(path: Path, architecture: str, **config: Any) -> Path:
    """Write the tiny network as a checkpoint."""
    model = tiny_model(architecture, **config)
    save(path, model.network.state_dict(), model.card)
    return path


def _network(architecture: str, config: Any) -> nn.Module:
    """Build a network whose neurons fire: random weights, then statistics that fit them."""
    with torch.random.fork_rng([]):
        torch.manual_seed(7)
        network = ARCHITECTURES[architecture].build(config)
        for name, parameter in network.named_parameters():
            if name.endswith(("tail_conv.weight", "tail_conv.tsmconv.weight", "conv.weight")):
                nn.init.xavier_uniform_(parameter)
            elif name.endswith("tsmp"):
                nn.init.uniform_(parameter, 0.7, 1.3)
            elif architecture == "sdit" and name.endswith(
                ("embed", "linear.weight", "mlp.2.weight")
            ):
                nn.init.normal_(parameter, std=0.3)
            elif name.endswith(("att.output.weight", "ffn.value.weight")):
                nn.init.normal_(parameter, std=3.0)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.8, 1.6)
                nn.init.normal_(module.bias, 0.3, 0.2)
                module.momentum = None  # the mean over the batches seen
        network.train()
        for _ in range(2):
            _pass(architecture, network, config)
    return network.eval().requires_grad_(False)


@torch.no_grad()
def _pass(architecture: str, network: Any, config: Any) -> None:
    x = torch.randn(16, config.image_channels, config.image_size, config.image_size)
    t = torch.randint(1, config.num_train_timesteps, (16,))
    if architecture == "spiking-diffusion":
        network.vqsvae(x.sigmoid() - 0.5)
        network(_tokens(config), t)
    elif architecture == "sdit":
        network(x, t, torch.randint(config.num_classes + 1, (16,)))
    else:
        network(x, t)


def _tokens(config: Any) -> Tensor:
    return torch.randint(config.codebook_size + 1, (16, config.grid_size, config.grid_size))


def tiny_request(model: LoadedModel, **changes: Any) -> SamplingRequest:
    """Return a short request that suits the model."""
    fitting = {
        "num": 2,
        "steps": 3,
        "sampler": "absorbing" if model.is_token_model else "ddim",
        "snn_steps": model.card.snn_steps,
    }
    return SamplingRequest(**fitting | changes)


def run_to_end(model: LoadedModel, **changes: Any) -> RunResult:
    """Sample and return the result of a run that must finish."""
    run = SamplingRun(model, tiny_request(model, **changes))
    *_, last = run
    assert isinstance(last, Finished), last
    return last.result


def num_hooks(network: nn.Module) -> int:
    """Count what is attached to a network."""
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())


def evaluate(model: LoadedModel) -> tuple[Tensor, ...]:
    """Evaluate the network, and a token model's decoder, on fixed inputs."""
    config: Any = model.network.config
    generator = torch.Generator().manual_seed(3)
    if model.is_token_model:
        shape = (3, config.grid_size, config.grid_size)
        tokens = torch.randint(config.codebook_size, shape, generator=generator)
        return model.predict(tokens, 4), model.decode(tokens)
    shape = (3, config.image_channels, config.image_size, config.image_size)
    x = torch.randn(shape, generator=generator)
    output = model.predict(x, 4, 1) if model.num_classes else model.predict(x, 4)
    return output if isinstance(output, tuple) else (output,)


def same_bits(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    """Whether two evaluations are equal to the bit."""
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
