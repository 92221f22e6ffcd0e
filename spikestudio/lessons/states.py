"""The names by which a lesson asks for the state of the application: one table.

A value that is not known at the moment is None, and no condition on it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spikestudio.language import tr

Kind = Literal["number", "text", "flag", "names", "curve"]
Value = float | int | str | bool | tuple[str, ...] | tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class State:
    """Type and meaning of one name; ``decimals`` of a number when it is written in a page."""

    kind: Kind
    meaning: str
    decimals: int = 3


def _whole(meaning: str) -> State:
    return State("number", meaning, 0)


STATES: dict[str, State] = {
    # the neuron lab
    "lab.kind": State("text", tr("type of the neuron: IF, LIF or PLIF")),
    "lab.tau": State("number", tr("time constant in SNN steps"), 2),
    "lab.threshold": State("number", tr("threshold"), 2),
    "lab.reset": State("text", tr("hard or soft")),
    "lab.shape": State("text", tr("kind of input: constant, stepped, noisy or drawn")),
    "lab.amplitude": State("number", tr("current of the input")),
    "lab.steps": _whole(tr("SNN steps T")),
    "lab.cursor": _whole(tr("SNN step that is looked at, from 1")),
    "lab.rate": State("number", tr("spikes per SNN step")),
    "lab.num_spikes": _whole(tr("spikes over all T")),
    "lab.first_spike": _whole(tr("SNN step of the first spike, from 1")),
    "lab.potential": State("curve", tr("potential after reset at every SNN step")),
    "lab.charged": State("curve", tr("potential before reset at every SNN step")),
    "lab.is_real": State("flag", tr("whether the input was taken from a neuron of the network")),
    # the next run
    "request.seed": _whole(tr("seed")),
    "request.num": _whole(tr("images")),
    "request.steps": _whole(tr("denoising steps")),
    "request.snn_steps": _whole(tr("SNN steps T")),
    "request.threshold": State("number", tr("threshold of every neuron")),
    "request.temperature": State("number", tr("temperature of token models"), 2),
    "request.guidance": State("number", tr("guidance"), 1),
    "request.sampler": State("text", tr("name of the sampler")),
    "request.overrides": _whole(tr("experiments on neurons, lesions among them")),
    # the model
    "model.name": State("text", tr("name of the loaded model")),
    "model.architecture": State("text", tr("sddpm, spiking-diffusion or sdit")),
    "model.has_tokens": State("flag", tr("whether it draws tokens")),
    "model.snn_steps": _whole(tr("SNN steps it was trained with")),
    "model.num_layers": _whole(tr("spiking layers")),
    "model.dataset": State("text", tr("data set it was trained on")),
    # the run that is shown
    "run.state": State(
        "text", tr("ready, sampling, paused, stopping, finished, cancelled or failed")
    ),
    "run.finished": _whole(tr("runs that finished in this session")),
    "run.steps_done": _whole(tr("denoising steps done")),
    "run.is_recording": State(
        "flag", tr("whether a recording is shown, not a run of this session")
    ),
    "run.is_branch": State("flag", tr("whether it went on from the middle of another run")),
    "run.edits": _whole(tr("token edits that it went on from")),
    "run.lesions": _whole(tr("experiments on neurons it was made with, lesions among them")),
    "run.threshold": State("number", tr("threshold at its start")),
    "run.seed": _whole(tr("seed")),
    # the moment that is looked at
    "timeline.step": _whole(tr("denoising step that is looked at, from 1")),
    "timeline.snn_step": _whole(tr("SNN step that is looked at, from 1")),
    "timeline.is_playing": State("flag", tr("whether it plays")),
    "timeline.is_live": State("flag", tr("whether the newest step is followed")),
    "timeline.t": _whole(tr("diffusion time of that step")),
    # the selection and its layer, at that moment
    "selection.image": _whole(tr("image, from 1")),
    "selection.layer": State("text", tr("layer")),
    "selection.neuron": _whole(tr("first selected neuron")),
    "selection.num_neurons": _whole(tr("selected neurons")),
    "layer.num_neurons": _whole(tr("neurons of the selected layer")),
    "layer.rate": State("number", tr("mean spikes per neuron and SNN step")),
    "layer.silent": State("number", tr("share of the layer's neurons without a spike")),
    "layer.saturated": State(
        "number", tr("share of the layer's neurons that fire at every SNN step")
    ),
    "layer.busiest": State("text", tr("layer with the highest rate at that step")),
    "layer.calmest": State("text", tr("layer with the lowest rate at that step")),
    "neuron.num_spikes": _whole(tr("spikes of the first selected neuron in that step")),
    # tokens of the selected image at that moment
    "tokens.masked": _whole(tr("cells that are still masked")),
    "tokens.revealed": _whole(tr("cells that hold a token")),
    "tokens.num": _whole(tr("cells of an image")),
    "tokens.reveal_chance": State(
        "number", tr("chance of a masked cell to be revealed in that step")
    ),
    "tokens.confidence": State("number", tr("mean probability that the revealed tokens had")),
    # the codebook, and all tokens of the run at that moment
    "codebook.size": _whole(tr("entries of the codebook of the loaded model")),
    "codebook.selected": _whole(tr("entry that is selected, from 0")),
    "codebook.used": _whole(tr("different entries in all images")),
    "codebook.tokens": _whole(tr("tokens in all images")),
    "codebook.count": _whole(tr("tokens in all images that are the selected entry; 0 if none is")),
    "codebook.cells": _whole(tr("cells of the selected image that hold it; 0 if none is")),
    # the auto-encoder, and its cell that is looked at
    "codec.cell": _whole(tr("cell, from 1, row by row")),
    "codec.token": _whole(tr("nearest entry of the codebook")),
    "codec.distance": State(
        "number", tr("squared distance of the cell's numbers from its nearest entry")
    ),
    "codec.features": _whole(tr("numbers of a cell, and of an entry")),
    "codec.spikes": _whole(tr("spikes of the encoder's last layer in that cell")),
    "codec.error": State("number", tr("mean squared error of the decoded image, white is 1"), 4),
    # the time mixing (RWKV) before the selected layer, in that step, at the selected neuron
    "wkv.token": _whole(tr("token of the first selected neuron, from 0")),
    "wkv.channel": _whole(tr("channel of the same number as its feature, from 0")),
    "wkv.decay": State("number", tr("factor of the past from one token to the next")),
    "wkv.half_life": State("number", tr("tokens after which half of the past is left"), 1),
    "wkv.output": State("number", tr("result of the mixing")),
    "wkv.short_share": State("number", tr("share of channels with a half-life below a row"), 2),
    "wkv.row": _whole(tr("patches in a row of the image")),
    # the sweep that is shown, and the first value of its axis against the usual one
    "sweep.num_open": _whole(tr("cells that are not done")),
    "sweep.num_done": _whole(tr("cells that are done")),
    "sweep.pairs": _whole(tr("pairs of cells with the same seed that are compared")),
    "sweep.change": State("number", tr("mean change of the mean rate"), 5),
    "sweep.change_low": State("number", tr("lower end of its 95 % interval"), 5),
    "sweep.change_high": State("number", tr("upper end of its 95 % interval"), 5),
    # runs that finished, compared
    "measured.rate": State("number", tr("mean rate of the last run, over all layers and steps"), 4),
    "measured.previous_rate": State("number", tr("mean rate of the run before the last"), 4),
    "measured.rate_change": State("number", tr("change of the mean rate since the run before"), 4),
    "measured.pixels_changed": State(
        "number", tr("share of pixels that differ between the last two runs")
    ),
    "measured.snn_steps": _whole(tr("SNN steps in each denoising step of the last run")),
    "measured.previous_snn_steps": _whole(
        tr("SNN steps in each denoising step of the run before the last")
    ),
    "measured.thresholds": _whole(tr("different thresholds among the runs since the page began")),
    "measured.seeds": _whole(tr("different seeds among the runs since the page began")),
    "measured.images": _whole(tr("images of the runs since the page began")),
    "measured.additions": State(
        "number", tr("millions of additions for one image, in the last run"), 1
    ),
    "measured.additions_ratio": State(
        "number", tr("additions in the last run, as a share of those in the run before"), 2
    ),
    # the window
    "docks.open": State("names", tr("docks that are open")),
    "docks.front": State("names", tr("docks that no tab covers")),
    # figures in the card
    "noise.t": _whole(tr("time of the forward process in the card's figure")),
    "noise.signal": State(
        "number", tr("factor of the image in the card's figure: the root of alpha-bar")
    ),
    "noise.noise": State("number", tr("factor of the noise in the card's figure")),
}
