"""What one request asks for that another one does not, in words."""

from __future__ import annotations

from dataclasses import dataclass, fields

from spikestudio.app.viewmodels.parameters import SAMPLER_TITLES
from spikestudio.language import tr
from spikestudio.sampling.request import RANGES, SamplingRequest

DECIMALS = {"threshold": 3, "temperature": 2, "guidance": 1, "eta": 2}
NAMES = {
    "sampler": tr("sampler"),
    "class_label": tr("class"),
    "clip_x0": tr("clipping of x0"),
    "rescale_readout": tr("rescaled read-out"),
    "overrides": tr("experiments"),
}
ARROW = "\N{RIGHTWARDS ARROW}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of two requests that is not the same; ``title`` is for the user."""

    name: str
    title: str
    before: str
    after: str

    @property
    def text(self) -> str:
        """As ``threshold 1.000 -> 0.997``."""
        return f"{self.title} {self.before} {ARROW} {self.after}"


def differences(before: SamplingRequest, after: SamplingRequest) -> tuple[Difference, ...]:
    """Return every parameter in which two requests differ, in the order of a request."""
    return tuple(
        Difference(name, title_of(name), value_text(before, name), value_text(after, name))
        for name in (each.name for each in fields(SamplingRequest))
        if getattr(before, name) != getattr(after, name)
    )


def title_of(name: str) -> str:
    """Return what a parameter is called in a sentence."""
    return NAMES.get(name) or tr(RANGES[name].label)


def value_text(request: SamplingRequest, name: str) -> str:
    """Return a value of a request as the controls show it."""
    value = getattr(request, name)
    if name == "sampler":
        return SAMPLER_TITLES.get(request.sampler, request.sampler)
    if name == "class_label":
        return tr("any") if value is None else str(value)
    if isinstance(value, bool):
        return tr("on") if value else tr("off")
    if name == "overrides":
        number = len(value)
        if number != 1:
            return f"{number:,}" if number else tr("none")
        only = value[0]
        return tr("{only_kind} in {layer}", only_kind=only.kind, layer=only.layer)
    return f"{value:,.{DECIMALS.get(name, 0)}f}" if name != "seed" else str(value)


def joined(names: list[str]) -> str:
    """Return a list as in a sentence: ``seed, steps and sampler``."""
    return tr(" and ").join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
