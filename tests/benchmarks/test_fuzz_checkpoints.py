"""Checkpoint files that mean harm, by the thousand: pytest tests/benchmarks/test_fuzz_checkpoints.py

SPIKESTUDIO_FUZZ_CASES sets how many, SPIKESTUDIO_FUZZ_SEED where they start. Every case is of a seed of
its own, which is named when it fails: SPIKESTUDIO_FUZZ_CASES=1 SPIKESTUDIO_FUZZ_SEED=n repeats it.
"""

import os
import random
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.table import Table

from tests.unit.checkpoints.fuzzing import (
    BOUND,
    MAKERS,
    Tally,
    Watch,
    corpus,
    has_valid_header,
    measured,
    remove_corpus,
)

CASES = int(os.environ.get("SPIKESTUDIO_FUZZ_CASES", "400"))
SEED = int(os.environ.get("SPIKESTUDIO_FUZZ_SEED", "0"))
PROGRESS = 5000  # cases after which the table is printed
MAX_SECONDS = 10.0  # of processor time for one file; they take some hundredths

pytestmark = pytest.mark.timeout(6 * 3600)


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    for path in corpus().values():
        measured(path, watch)  # what is imported and cached once
    watch.events.clear()
    yield watch
    remove_corpus()


def test_no_file_crashes_runs_code_hangs_or_takes_memory(
    watch: Watch, request: pytest.FixtureRequest
) -> None:
    tally = Tally()
    kinds = [kind for kind, (_, share) in MAKERS.items() for _ in range(share)]
    try:
        for seed in range(SEED, SEED + CASES):
            dice = random.Random(seed)
            kind = dice.choice(kinds)
            label = f"{kind}: seed {seed}"
            try:
                path = MAKERS[kind][0](dice)
                is_valid = has_valid_header(path)
                seconds, taken = measured(path, watch)
            except BaseException as error:
                error.add_note(label)
                raise
            tally.add(label, seconds=seconds, taken=taken, is_valid=is_valid)
            assert not watch.events, label
            assert seconds < MAX_SECONDS, label
            assert taken is None or taken < BOUND, f"{label}: {taken}"
            if tally.cases % PROGRESS == 0:
                _print(tally, request)
    finally:
        _print(tally, request)
    assert CASES < 100 or tally.valid >= tally.cases / 2


def _print(tally: Tally, request: pytest.FixtureRequest) -> None:
    table = Table("what", "measured", title="Hostile checkpoint files")
    table.add_row("cases", f"{tally.cases:,}")
    for kind, count in sorted(tally.kinds.items()):
        table.add_row(f"  {kind}", f"{count:,}")
    table.add_row("with a valid header", f"{tally.valid / max(tally.cases, 1):.0%}")
    table.add_row("processor time of opening them", f"{tally.seconds:.0f} s")
    table.add_row("longest case", f"{tally.longest[0] * 1000:.0f} ms ({tally.longest[1]})")
    table.add_row(
        "most memory beyond the file's size",
        f"{tally.largest[0] / 1e6:.1f} MB ({tally.largest[1]}); allowed {BOUND / 1e6:.0f} MB",
    )
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        Console(width=120).print("\n", table)
