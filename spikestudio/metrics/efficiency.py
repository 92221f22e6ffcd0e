"""Operations and theoretical energy of the images that were sampled, by both accountings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikestudio.metrics.operations import (
    Costs,
    Operations,
    as_ann,
    as_papers,
    as_strict,
    mean_rate,
)
from spikestudio.metrics.protocol import Figure

if TYPE_CHECKING:
    from spikestudio.recording.values import Activity
    from spikestudio.types import LayerInfo

_COUNTS = {
    "ann": {"count": "every layer multiplies, one pass"},
    "papers": {"count": "first convolution multiplies, all else adds rate x T x MAC (2306.17046)"},
    "strict": {"count": "adds where it reads spikes, one by one, else multiplies"},
}


def efficiency_figures(
    operations: Operations,
    layers: tuple[LayerInfo, ...],
    activity: Activity,
    num: int,
    costs: Costs | None = None,
) -> list[Figure]:
    """Means over the denoising steps of a run of ``num`` images, for one image.

    Parameters
    ----------
    operations
        Weight layers of one network evaluation.
    layers, activity
        Spiking layers of the run, and what they did in all steps.
    num
        Images.
    costs
        Energy of one operation; 32-bit floats in 45 nm if left out.

    Returns
    -------
    list of Figure
        Energies are of one network evaluation, as in the papers; ``evaluations`` in the protocol says
        how many an image takes.
    """
    costs = costs or Costs()
    ids = [layer.id for layer in layers]
    rows = [ids.index(layer_id) for layer_id in operations.spiking]
    snn_steps = activity.counts.shape[2]
    rates = activity.rates[rows].astype(np.float64)
    additions = activity.additions_of_one([layer.num_neurons for layer in layers])[rows]
    per_image = activity.neurons[rows[0]].sum() / (layers[rows[0]].num_neurons * num)
    papers = as_papers(operations, rates, snn_steps)
    strict = as_strict(operations, additions, snn_steps)
    protocol = {
        "of": "one network evaluation of one image, without neurons, memory and decoder",
        "evaluations": float(per_image),
        "snn_steps": snn_steps,
        "mac_pj": costs.mac,
        "ac_pj": costs.ac,
    }
    values = {
        "energy_mj_papers": 1e3 * papers.energy(costs).sum(0).mean(),
        "energy_mj_strict": 1e3 * strict.energy(costs).sum(0).mean(),
        "energy_mj_ann": 1e3 * as_ann(operations).energy(costs).sum(),
        "synaptic_operations_papers": papers.ac.sum(0).mean(),
        "synaptic_operations_strict": strict.ac.sum(0).mean(),
        "multiplications_strict": strict.mac.sum(0).mean(),
        "firing_rate": mean_rate(operations, rates).mean(),
    }
    return [
        Figure(
            metric=metric,
            value=float(value),
            num=num,
            protocol={**_COUNTS.get(metric.rpartition("_")[2], {}), **protocol},
        )
        for metric, value in values.items()
        if np.isfinite(value)
    ]
