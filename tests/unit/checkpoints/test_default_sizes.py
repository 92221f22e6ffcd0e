"""Official files of the papers' sizes are opened and sampled within 4 GiB of memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.checkpoints.official_files import write
from tests.unit.models.random_networks import DEFAULT, made

LIMIT = 4 * 1024**3
KINDS = {"sddpm": "sddpm", "sdm": "sdm", "spiking-diffusion": "spiking-diffusion"}
_MEASURED = """
import json, sys
from pathlib import Path
from spikestudio.cli.main import app
import spikestudio as ss
try:
    app(["sample", sys.argv[1], "--num", "1", "--steps", "1", "--out", sys.argv[2], "--device", "cpu"])
except SystemExit as end:
    status = end.code
model = ss.load(sys.argv[1])
print(json.dumps({
    "status": status or 0,
    "parameters": sum(each.numel() for each in model.network.parameters()),
    "assumed": model.card.training["assumed"],
    "peak": next(  # not that of getrusage, which a process inherits from the one that starts it
        int(line.split()[1]) * 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    ),
}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is that of Linux")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.long if name == "sdm" else ()) for name in DEFAULT],
)
def test_default_sizes_open_and_run(tmp_path: Path, name: str) -> None:
    network = made(*DEFAULT[name])
    path = write(tmp_path, KINDS.get(name, "sdit"), network)
    parameters = sum(each.numel() for each in network.parameters())
    del network
    out = tmp_path / "grid.png"
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(path), str(out)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["status"] == 0, done.stderr
    assert out.stat().st_size > 0
    assert report["parameters"] == parameters
    assert "threshold 1" in report["assumed"]
    assert report["peak"] < LIMIT
    sys.stdout.write(f"{name}: {report['peak'] >> 20} MiB for {parameters:,} parameters\n")
