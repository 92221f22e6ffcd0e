"""The names by which a lesson asks for the state of the application: one table.

A value that is not known at the moment is None, and no condition on it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
    "lab.kind": State("text", "type of the neuron: IF, LIF or PLIF"),
    "lab.tau": State("number", "time constant in SNN steps", 2),
    "lab.threshold": State("number", "threshold", 2),
    "lab.reset": State("text", "hard or soft"),
    "lab.shape": State("text", "kind of input: constant, stepped, noisy or drawn"),
    "lab.amplitude": State("number", "current of the input"),
    "lab.steps": _whole("SNN steps T"),
    "lab.cursor": _whole("SNN step that is looked at, from 1"),
    "lab.rate": State("number", "spikes per SNN step"),
    "lab.num_spikes": _whole("spikes over all T"),
    "lab.first_spike": _whole("SNN step of the first spike, from 1"),
    "lab.potential": State("curve", "potential after reset at every SNN step"),
    "lab.charged": State("curve", "potential before reset at every SNN step"),
    "lab.is_real": State("flag", "whether the input was taken from a neuron of the network"),
    # the next run
    "request.seed": _whole("seed"),
    "request.num": _whole("images"),
    "request.steps": _whole("denoising steps"),
    "request.snn_steps": _whole("SNN steps T"),
    "request.threshold": State("number", "threshold of every neuron"),
    "request.temperature": State("number", "temperature of token models", 2),
    "request.guidance": State("number", "guidance", 1),
    "request.sampler": State("text", "name of the sampler"),
    "request.overrides": _whole("experiments on neurons, lesions among them"),
    # the model
    "model.name": State("text", "name of the loaded model"),
    "model.architecture": State("text", "sddpm, spiking-diffusion or sdit"),
    "model.has_tokens": State("flag", "whether it draws tokens"),
    "model.snn_steps": _whole("SNN steps it was trained with"),
    "model.num_layers": _whole("spiking layers"),
    "model.dataset": State("text", "data set it was trained on"),
    # the run that is shown
    "run.state": State("text", "ready, sampling, paused, stopping, finished, cancelled or failed"),
    "run.finished": _whole("runs that finished in this session"),
    "run.steps_done": _whole("denoising steps done"),
    "run.is_recording": State("flag", "whether a recording is shown, not a run of this session"),
    "run.is_branch": State("flag", "whether it went on from the middle of another run"),
    "run.edits": _whole("token edits that it went on from"),
    "run.lesions": _whole("experiments on neurons it was made with, lesions among them"),
    "run.threshold": State("number", "threshold at its start"),
    "run.seed": _whole("seed"),
    # the moment that is looked at
    "timeline.step": _whole("denoising step that is looked at, from 1"),
    "timeline.snn_step": _whole("SNN step that is looked at, from 1"),
    "timeline.is_playing": State("flag", "whether it plays"),
    "timeline.is_live": State("flag", "whether the newest step is followed"),
    "timeline.t": _whole("diffusion time of that step"),
    # the selection and its layer, at that moment
    "selection.image": _whole("image, from 1"),
    "selection.layer": State("text", "layer"),
    "selection.neuron": _whole("first selected neuron"),
    "selection.num_neurons": _whole("selected neurons"),
    "layer.num_neurons": _whole("neurons of the selected layer"),
    "layer.rate": State("number", "mean spikes per neuron and SNN step"),
    "layer.silent": State("number", "share of its neurons without a spike"),
    "layer.saturated": State("number", "share of its neurons that fire at every SNN step"),
    "layer.busiest": State("text", "layer with the highest rate at that step"),
    "layer.calmest": State("text", "layer with the lowest rate at that step"),
    "neuron.num_spikes": _whole("spikes of the first selected neuron in that step"),
    # tokens of the selected image at that moment
    "tokens.masked": _whole("cells that are still masked"),
    "tokens.revealed": _whole("cells that hold a token"),
    "tokens.num": _whole("cells"),
    "tokens.reveal_chance": State("number", "chance of a masked cell to be revealed in that step"),
    "tokens.confidence": State("number", "mean probability that the revealed tokens had"),
    # the codebook, and all tokens of the run at that moment
    "codebook.size": _whole("entries of the codebook of the loaded model"),
    "codebook.selected": _whole("entry that is selected, from 0"),
    "codebook.used": _whole("different entries in all images"),
    "codebook.tokens": _whole("tokens in all images"),
    "codebook.count": _whole("tokens in all images that are the selected entry; 0 if none is"),
    "codebook.cells": _whole("cells of the selected image that hold it; 0 if none is"),
    # the auto-encoder, and its cell that is looked at
    "codec.cell": _whole("cell, from 1, row by row"),
    "codec.token": _whole("nearest entry of the codebook"),
    "codec.distance": State("number", "squared distance of its numbers from that entry"),
    "codec.features": _whole("numbers of a cell, and of an entry"),
    "codec.spikes": _whole("spikes of the encoder's last layer in that cell"),
    "codec.error": State("number", "mean squared error of the decoded image, white is 1", 4),
    # the time mixing (RWKV) before the selected layer, in that step, at the selected neuron
    "wkv.token": _whole("token of the first selected neuron, from 1"),
    "wkv.channel": _whole("channel of the same number as its feature, from 0"),
    "wkv.decay": State("number", "factor of the past from one token to the next"),
    "wkv.half_life": State("number", "tokens after which half of the past is left", 1),
    "wkv.output": State("number", "result of the mixing"),
    "wkv.short_share": State("number", "share of channels with a half-life below a row", 2),
    "wkv.row": _whole("patches in a row of the image"),
    # runs that finished, compared
    "measured.rate": State("number", "mean rate of the last run, over all layers and steps", 4),
    "measured.previous_rate": State("number", "that of the run before it", 4),
    "measured.rate_change": State("number", "difference of these rates", 4),
    "measured.pixels_changed": State("number", "share of pixels that differ between these runs"),
    "measured.thresholds": _whole("different thresholds among the runs since the page began"),
    "measured.seeds": _whole("different seeds among the runs since the page began"),
    "measured.images": _whole("images of the runs since the page began"),
    "measured.additions": State("number", "millions of additions for one image, in the last run"),
    "measured.additions_ratio": State("number", "these, as a share of those of the run before", 2),
    # the window
    "docks.open": State("names", "docks that are open"),
    "docks.front": State("names", "docks that no tab covers"),
    # figures in the card
    "noise.t": _whole("time of the forward process in the card's figure"),
    "noise.signal": State("number", "factor of the image there: the root of alpha-bar"),
    "noise.noise": State("number", "factor of the noise there"),
}
