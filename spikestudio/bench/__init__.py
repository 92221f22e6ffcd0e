"""One question to several models: the same seed, and what it costs each of them to answer.

    from spikestudio.bench import Question, bench, markdown
    answers = bench(["sddpm-mnist", "sdit-mnist"], seed=0, num=4)
    print(markdown(answers))

Importing it loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikestudio.bench.answer import Answer as Answer
from spikestudio.bench.answer import Cost as Cost
from spikestudio.bench.answer import Figures as Figures
from spikestudio.bench.question import Question as Question
from spikestudio.bench.question import bundled as bundled
from spikestudio.bench.run import BenchCancelled as BenchCancelled
from spikestudio.bench.run import BenchEvent as BenchEvent
from spikestudio.bench.run import BenchFinished as BenchFinished
from spikestudio.bench.run import BenchStarted as BenchStarted
from spikestudio.bench.run import ModelFinished as ModelFinished
from spikestudio.bench.run import ModelProgressed as ModelProgressed
from spikestudio.bench.run import ModelStarted as ModelStarted
from spikestudio.bench.run import run_bench as run_bench
from spikestudio.bench.table import markdown as markdown
from spikestudio.bench.table import save_csv as save_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from spikestudio.checkpoints.loader import LoadedModel


def bench(
    models: Sequence[str | Path | LoadedModel] = (),
    *,
    seed: int = 0,
    num: int = 4,
    steps: int | None = None,
    snn_steps: int | None = None,
    threshold: float | None = None,
    class_label: int | None = None,
    device: str = "cpu",
) -> list[Answer]:
    """Ask every model and wait for the answers; ``run_bench`` gives them one by one.

    ``models`` are names, paths or loaded models; none stands for all bundled checkpoints. The rest is
    as in ``Question``. Raises ``ConfigError`` and ``CheckpointError`` before anything is sampled.
    """
    question = Question(
        seed=seed,
        num=num,
        steps=steps,
        snn_steps=snn_steps,
        threshold=threshold,
        class_label=class_label,
    )
    events = run_bench(models or bundled(), question, device=device)
    return [event.answer for event in events if isinstance(event, ModelFinished)]
