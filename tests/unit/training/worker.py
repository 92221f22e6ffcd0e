"""One process of a small training run: ``worker ARCHITECTURE FOLDER [CHANGES]``.

CHANGES is a JSON object with fields of the request.
"""

import functools
import json
import sys
from pathlib import Path

from spikestudio.sweeps.share import Share
from spikestudio.training import loop
from spikestudio.training.averaging import recalibrate
from spikestudio.training.parallel import joined
from tests.unit.training.small import small_dataset, small_preset, small_request


def main(architecture: str, folder: str, changes: str = "{}") -> None:
    settings = json.loads(changes)
    loop.LOG_EVERY = 1
    loop.recalibrate = functools.partial(recalibrate, batches=3)
    share = Share.of_environment()
    preset = small_preset(architecture, num_steps=settings.pop("num_steps", 10))
    request = small_request(architecture, Path(folder), preset=preset, **settings)
    with joined(share.rank, share.size, request.device) as world:
        for event in loop.train(request, small_dataset(architecture), None, world):
            sys.stdout.write(f"{share.rank} {type(event).__name__}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
