"""``spikestudio nir``: a part of a model as a graph that neuromorphic tools read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikestudio.cli.console import print_json, stdout


def nir(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A checkpoint, or the name of a bundled one.")
    ],
    part: Annotated[
        str, typer.Option(help="Part of the model; without --out, what NIR lacks of it is told.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="The .nir file to write.")] = None,
    dt: Annotated[float, typer.Option(help="Seconds of an SNN step.")] = 1e-4,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a part of a model as NIR, or tell which parts NIR can express, and what it lacks.

    No model fits as a whole: NIR has no embeddings, activation functions, skip connections or
    transposed convolutions. A part that does not fit is refused with the name of every such layer.
    """
    from spikestudio.errors import ConfigError

    if not 0 < dt < 1e3:
        raise ConfigError(f"--dt {dt}: a step takes more than 0 seconds.", field="dt")
    from spikestudio.checkpoints.loader import load
    from spikestudio.export import nirgraph

    model = load(file)
    if out is not None:
        nirgraph.save_nir(out, model, part, dt)
        if as_json:
            print_json({"path": str(out), "part": part, "dt": dt})
        else:
            stdout().print(f"Wrote {out}.", soft_wrap=True, markup=False)
        return
    parts = nirgraph.expressible_parts(model.network)
    missing = nirgraph.inexpressible(model.network, part)
    if as_json:
        names = [{"name": each.name, "kind": each.kind, "why": each.why} for each in missing]
        print_json({"parts": list(parts), "part": part, "missing": names})
        return
    lines = [f"Parts that NIR can express: {', '.join(parts) or 'none'}."]
    lines += [f"Not in NIR, of {part or model.name}:"] if missing else []
    lines += [f"  {each.name or '(the network)'} ({each.kind}): {each.why}" for each in missing]
    for line in lines:
        stdout().print(line, soft_wrap=True, markup=False)
