"""The judge: a small convolutional classifier of real images that looks at generated ones.

It is trained without label smoothing, so that its confidence stays close to its accuracy. The
bundled files, one for each data set that has bundled models, are made by

    python -m spikestudio.metrics.judge --data FOLDER --dataset mnist --out mnist.safetensors
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.progress import track
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from spikestudio.atomic import atomic_write, check_writable
from spikestudio.data.readers import SPLITS, Dataset, load_dataset
from spikestudio.errors import DataError
from spikestudio.language import tr
from spikestudio.metrics.quality import CONFIDENT
from spikestudio.paths import resource

METADATA_KEY = "spikestudio-judge"
IMAGE_SIZE = 28
_BATCH = 500
_OUTPUT = "22.bias"  # of the last layer, one value for each class
_COUNTER = "num_batches_tracked"  # of training steps in batch normalisation; not stored


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeFacts:
    """What is known of a trained judge; stored in its file."""

    dataset: str
    test_accuracy: float  # as stored, on the whole test split
    test_confident: float  # share of test images judged with confidence >= 0.9
    num_train: int
    epochs: int
    seed: int
    image_size: int = IMAGE_SIZE
    channels: int = 1


class JudgeNetwork(nn.Sequential):
    """Classifier: float ``[B, C, H, W]`` in [0, 1] to logits ``[B, classes]``; 28x28 or so."""

    def __init__(self, num_classes: int = 10, channels: int = 1) -> None:
        super().__init__(
            *_block(channels, 24),
            *_block(24, 24),
            nn.MaxPool2d(2),  # [B, 24, 14, 14]
            *_block(24, 48),
            *_block(48, 48),
            nn.MaxPool2d(2),  # [B, 48, 7, 7]
            *_block(48, 96),
            *_block(96, 96),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),  # [B, 96]: the features
            nn.Linear(96, num_classes),
        )


def _block(num_in: int, num_out: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(num_in, num_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(num_out),
        nn.ReLU(),
    )


@dataclass(frozen=True, slots=True)
class Judge:
    """A trained network with its facts."""

    network: JudgeNetwork
    facts: JudgeFacts

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities, float32 ``[N, classes]``, of uint8 images ``[N, H, W, C]``."""
        self._check(images)
        return judge_probabilities(self.network, images)

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the last layer reads, float32 ``[N, 96]``; they are not Inception's."""
        self._check(images)
        return _evaluated(nn.Sequential(*list(self.network)[:-1]), images, 96)

    @torch.inference_mode()
    def verdicts(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities of what ``features`` gave."""
        logits: Tensor = self.network[-1](torch.from_numpy(features))
        return logits.softmax(1).numpy()

    def _check(self, images: NDArray[np.uint8]) -> None:
        size, channels = self.facts.image_size, self.facts.channels
        if images.shape[1:] != (size, size, channels):
            raise DataError(
                tr(
                    "The judge looks at {part} images of {size}x{size} "
                    "pixels, not at {images_shape}: bring them to that size first.",
                    part=tr("grey") if channels == 1 else tr("colour"),
                    size=size,
                    images_shape=images.shape[1:],
                )
            )


def judge_probabilities(network: JudgeNetwork, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Softmax of ``network`` in evaluation mode; see ``Judge.probabilities``."""
    num_classes: int = network[-1].out_features  # type: ignore[assignment]
    return _evaluated(nn.Sequential(network, nn.Softmax(1)), images, num_classes)


@torch.inference_mode()
def _evaluated(network: nn.Module, images: NDArray[np.uint8], width: int) -> NDArray[np.float32]:
    parts = [network(_to_tensor(images[k : k + _BATCH])) for k in range(0, len(images), _BATCH)]
    return torch.cat(parts).numpy() if parts else np.empty((0, width), np.float32)


def bundled_judge(dataset: str) -> Path:
    """File of the judge of a data set that comes along; raises ``DataError`` if there is none."""
    folder = resource("judges")
    path = folder / f"{dataset}.safetensors"
    known = sorted(each.stem for each in folder.glob("*.safetensors"))
    if dataset not in known:
        raise DataError(
            tr(
                "There is no judge of {dataset}: judges of {known} come along, and "
                "python -m spikestudio.metrics.judge trains others.",
                dataset=dataset[:40],
                known=", ".join(known),
            ),
        )
    return path


def load_judge(path: Path | None = None) -> Judge:
    """Load a judge, that of MNIST by default; raises ``DataError`` if the file is not one."""
    path = path or bundled_judge("mnist")
    try:
        with safe_open(path, "pt") as file:
            facts = JudgeFacts(**json.loads((file.metadata() or {})[METADATA_KEY]))
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        network = JudgeNetwork(len(state[_OUTPUT]), facts.channels)
        counters = {k: v for k, v in network.state_dict().items() if k.endswith(_COUNTER)}
        network.load_state_dict(state | counters)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            tr(
                "{path} is not a judge ({type}): train one with "
                "python -m spikestudio.metrics.judge.",
                path=path,
                type=type(error).__name__,
            ),
            path=path,
        ) from error
    return Judge(network.eval(), facts)


def train_judge(
    dataset: Dataset, *, epochs: int = 8, batch_size: int = 128, seed: int = 0
) -> Iterator[tuple[JudgeNetwork, float]]:
    """Train on lightly distorted images; yields the network and the mean loss after every epoch."""
    if dataset.labels is None:
        raise DataError(tr("The judge needs labelled images."))
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = JudgeNetwork(int(dataset.labels.max()) + 1, dataset.images.shape[3])
    labels = torch.from_numpy(dataset.labels)
    steps = math.ceil(len(dataset) / batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=4e-3, total_steps=epochs * steps
    )
    for _ in range(epochs):
        network.train()
        total = 0.0
        for chosen in torch.randperm(len(dataset), generator=generator).split(batch_size):
            x = distort(_to_tensor(dataset.images[chosen.numpy()]), generator)
            loss = functional.cross_entropy(network(x), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        yield network, total / len(dataset)


def distort(x: Tensor, generator: torch.Generator) -> Tensor:
    """Turn (10 degrees), scale and shear (10 %) and shift (2 pixels) each image at random.

    Colour images are photographs: half of them are also mirrored.
    """
    if x.shape[1] == 3:
        is_mirrored = torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5
        x = torch.where(is_mirrored, x.flip(3), x)
    u = torch.rand(6, len(x), generator=generator) * 2 - 1
    angle, shear = u[0] * math.radians(10), u[3] * 0.1
    scale_x, scale_y = 1 + 0.1 * u[1], 1 + 0.1 * u[2]
    shift = u[4:] * 2 * 2 / x.shape[-1]  # the image spans [-1, 1]
    rows = (
        torch.stack([angle.cos() * scale_x, shear - angle.sin() * scale_y, shift[0]], 1),
        torch.stack([angle.sin() * scale_x, angle.cos() * scale_y, shift[1]], 1),
    )
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


def save_judge(path: Path, judge: Judge) -> None:
    """Write the network in float16 with its facts, atomically."""
    state = {
        key: tensor.half().contiguous()
        for key, tensor in judge.network.state_dict().items()
        if not key.endswith(_COUNTER)
    }
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(state, {METADATA_KEY: json.dumps(asdict(judge.facts))}))


def _to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """uint8 ``[N, H, W, C]`` to float32 ``[N, C, H, W]`` in [0, 1]."""
    return torch.tensor(images).permute(0, 3, 1, 2).contiguous().float() / 255


def command(
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    out: Annotated[Path, typer.Option(help="File to write (safetensors).")],
    dataset: Annotated[str, typer.Option(help="Its name; its images must be labelled.")] = "mnist",
    epochs: Annotated[int, typer.Option(min=1)] = 8,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train the judge of a data set and measure it on the test split."""
    check_writable(out)
    train, test = (load_dataset(data, dataset, split) for split in SPLITS)
    training = train_judge(train, epochs=epochs, seed=seed)
    for network, loss in track(training, "Training the judge", total=epochs):
        rounded = copy.deepcopy(network).half().float().eval()  # as it will be stored
        judged = judge_probabilities(rounded, test.images)
        facts = JudgeFacts(
            dataset=dataset,
            test_accuracy=float((judged.argmax(1) == test.labels).mean()),
            test_confident=float((judged.max(1) >= CONFIDENT).mean()),
            num_train=len(train),
            epochs=epochs,
            seed=seed,
            image_size=train.images.shape[1],
            channels=train.images.shape[3],
        )
        typer.echo(f"loss {loss:.4f}, test accuracy {facts.test_accuracy:.2%}")
    save_judge(out, Judge(rounded, facts))


if __name__ == "__main__":
    typer.run(command)
