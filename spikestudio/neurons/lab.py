"""One spiking neuron to experiment with: spikingjelly's own nodes and their numbers.

These are the numbers of ``IFNode``, ``LIFNode`` and ``ParametricLIFNode``, in float32. They run in
multi-step mode, which gives the bits of single-step mode several times as fast:

    H[t] = V[t-1] + X[t]                                     IF
    H[t] = V[t-1] + (X[t] - (V[t-1] - V_reset)) / tau        LIF, the input decays too
    H[t] = V[t-1] - (V[t-1] - V_reset) / tau + X[t]          LIF, the input does not
    S[t] = 1 where H[t] - v_th >= 0, else 0
    V[t] = S[t] V_reset + (1 - S[t]) H[t]                    hard reset
    V[t] = H[t] - S[t] v_th                                  soft reset; V_reset is 0 above

The parametric LIF (PLIF, arXiv 2007.05785) multiplies by ``sigmoid(w)`` where LIF divides by ``tau``.
torch is imported when a neuron is driven for the first time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, nan
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.neurons.overrides import VALUES
from spikestudio.neurons.reference import SOFT

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["IF", "LIF", "PLIF"]
Reset = float | Literal["soft"]
Floats = NDArray[np.float32]

KINDS: tuple[Kind, ...] = get_args(Kind)
SURROGATES = {
    "ATan": 2.0,
    "Sigmoid": 4.0,
    "PiecewiseQuadratic": 1.0,
    "SoftSign": 2.0,
    "Erf": 2.0,
}
"""spikingjelly's surrogate functions by class name, with the alpha that they have by default."""
MOST_STEPS = 64
ALPHAS = (0.1, 100.0)
_BEYOND = 3e38  # a threshold that no potential reaches; float32 still holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Neuron:
    """What a neuron is: its type, its constants, and the surrogate that training would use.

    Parameters
    ----------
    kind
        ``IF``, ``LIF`` or ``PLIF``.
    tau
        Time constant in SNN steps, above 1; IF has none and leaves it unused.
    v_threshold
        Potential from which on it fires.
    reset
        Potential after a spike (hard reset), or ``"soft"``: a spike subtracts the threshold.
    decays_input
        Whether the leak weakens the input too, spikingjelly's ``decay_input``.
    surrogate, alpha
        One of ``SURROGATES`` and its steepness; spikes do not depend on them.

    Raises
    ------
    ConfigError
        An unknown name, or a value that is not finite or out of range.
    """

    kind: Kind = "LIF"
    tau: float = 2.0
    v_threshold: float = 1.0
    reset: Reset = 0.0
    decays_input: bool = True
    surrogate: str = "ATan"
    alpha: float = SURROGATES["ATan"]

    def __post_init__(self) -> None:
        _one_of(self.kind, KINDS, "kind", tr("type of neuron"))
        _one_of(self.surrogate, tuple(SURROGATES), "surrogate", "surrogate")
        for name, title, limits in (
            ("tau", tr("time constant tau"), VALUES["tau"]),
            ("v_threshold", "threshold", VALUES["threshold"]),
            ("alpha", tr("alpha of the surrogate"), ALPHAS),
        ):
            assert limits is not None
            object.__setattr__(self, name, number(getattr(self, name), limits, name, title))
        if self.reset != SOFT:
            limits = VALUES["hard-reset"]
            assert limits is not None
            value = number(self.reset, limits, "reset", tr("reset potential"))
            object.__setattr__(self, "reset", value)

    @property
    def v_reset(self) -> float | None:
        """Potential after a spike; None where a spike subtracts the threshold."""
        return None if self.reset == SOFT else float(self.reset)

    @property
    def rest(self) -> float:
        """Potential that it starts from and leaks to."""
        return self.v_reset or 0.0

    @property
    def is_leaky(self) -> bool:
        """Whether its potential decays."""
        return self.kind != "IF"

    @property
    def weight(self) -> float:
        """PLIF's learnable ``w``, for which ``1 / tau`` is ``sigmoid(w)``."""
        return -log(self.tau - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Driven:
    """What neurons did, each like the current: float32 ``[T]`` or ``[T, N]``.

    ``before`` is the potential that each step began with, ``h`` the charged one (it reaches the
    threshold at a spike), ``v`` the one after reset. ``spikes`` uint8, 0 or 1.
    """

    current: Floats
    before: Floats
    h: Floats
    v: Floats
    spikes: NDArray[np.uint8]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Spikes of each neuron over all T."""
        return np.asarray(self.spikes.sum(axis=0, dtype=np.int64))


def drive(neuron: Neuron, current: ArrayLike) -> Driven:
    """Drive fresh neurons, one for each position behind T, with spikingjelly's node.

    Parameters
    ----------
    neuron
        What they are.
    current
        Input ``[T]`` or ``[T, N]``; T may be 0.

    Returns
    -------
    Driven
        Potentials and spikes; ``h`` is what the same node leaves behind, from the same potential
        before, where its threshold is out of reach.
    """
    import torch

    x = np.array(current, np.float32)  # a copy
    if not x.size:
        return Driven(x, x, x, x, x.astype(np.uint8))
    flat = torch.from_numpy(x.reshape(len(x), -1))
    node = _node(neuron)
    with torch.no_grad():
        node.store_v_seq = True
        spikes, v = node(flat), node.v_seq
        before = torch.cat((torch.full_like(flat[:1], neuron.rest), v[:-1]))
        node.step_mode, node.v_threshold, node.v = "s", _BEYOND, before.flatten()
        node(flat.flatten())
        h = node.v

    def like_input(tensor: Tensor) -> Floats:
        return np.asarray(tensor.reshape(x.shape).numpy())

    fired = like_input(spikes).astype(np.uint8)
    return Driven(x, like_input(before), like_input(h), like_input(v), fired)


def rates(neuron: Neuron, currents: ArrayLike, steps: int) -> NDArray[np.float64]:
    """Measured rate, spikes per step of ``steps``, under each of some constant currents ``[N]``."""
    x = np.asarray(currents, np.float32)
    return drive(neuron, np.broadcast_to(x, (steps, *x.shape))).counts / steps


def gradients(neuron: Neuron, distances: ArrayLike) -> Floats:
    """Surrogate gradient of a spike where ``h - v_th`` is ``distances``, by torch's autograd."""
    import torch

    x = torch.tensor(np.asarray(distances, np.float32), requires_grad=True)
    with torch.enable_grad():
        fired: Tensor = _surrogate(neuron)(x)
        fired.sum().backward()
    assert x.grad is not None
    return np.asarray(x.grad.numpy())


def _node(neuron: Neuron) -> Any:  # noqa: ANN401  spikingjelly has no types
    from spikingjelly.activation_based import neuron as nodes

    common = {
        "v_threshold": neuron.v_threshold,
        "v_reset": neuron.v_reset,
        "surrogate_function": _surrogate(neuron),
        "step_mode": "m",
    }
    match neuron.kind:
        case "IF":
            return nodes.IFNode(**common)
        case "LIF":
            return nodes.LIFNode(neuron.tau, neuron.decays_input, **common)
        case "PLIF":
            return nodes.ParametricLIFNode(neuron.tau, neuron.decays_input, **common)


def _surrogate(neuron: Neuron) -> Any:  # noqa: ANN401
    from spikingjelly.activation_based import surrogate

    return getattr(surrogate, neuron.surrogate)(alpha=neuron.alpha)


def _one_of(value: object, choices: tuple[str, ...], field: str, title: str) -> None:
    if value not in choices:
        known = ", ".join(choices)
        raise ConfigError(
            tr(
                "There is no {title} {value!r}: choose one of {known}.",
                title=title,
                value=value,
                known=known,
            ),
            field=field,
        )


def number(value: object, limits: tuple[float, float], field: str, title: str) -> float:
    """Return a value as a float; raises ``ConfigError`` unless it is finite and within limits."""
    low, high = limits
    is_real = isinstance(value, int | float | np.integer | np.floating)
    found = float(value) if is_real and not isinstance(value, bool) else nan  # type: ignore[arg-type]
    if not low <= found <= high:
        raise ConfigError(
            tr(
                "The {title} must be a number from {low:g} to {high:g}, not {value!r}.",
                title=title,
                low=low,
                high=high,
                value=value,
            ),
            field=field,
        )
    return found
