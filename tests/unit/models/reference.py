"""The three architectures once more, as plain as their papers have them: slow, and nothing of ours.

Functions over a state dict with the official names, in the dtype of its tensors, from fresh neurons.
Written from the papers' descriptions to compare our networks with at any size; nothing is shared with
them, not the neurons, not the convolutions' order, not the recurrence of the transformer.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  the usual name

State = Mapping[str, Tensor]
_DECAY = torch.tensor(0.8)


def _spikes(currents: Tensor, tau: float | None) -> Tensor:
    """IF, or LIF with ``tau``: threshold 1, hard reset to 0, ``[T, ...]`` to the same."""
    v = torch.zeros_like(currents[0])
    out = []
    for x in currents:
        h = v + x if tau is None else v + (x - v) / tau
        s = (h >= 1).to(h.dtype)
        v = (1 - s) * h
        out.append(s)
    return torch.stack(out)


def _readout(x: Tensor) -> Tensor:
    """``sum_t 0.8^(T-1-t) x[t]``, the powers rounded to float32."""
    steps = len(x)
    powers = torch.pow(_DECAY, torch.arange(steps - 1, -1, -1, dtype=torch.float32)).to(x.dtype)
    return (powers.view(-1, *[1] * (x.ndim - 1)) * x).sum(0)


def _norm(state: State, name: str, x: Tensor) -> Tensor:
    """Batch normalisation with stored statistics, channels on axis 2 of ``[T, B, C, H, W]``."""
    mean, var, weight, bias = (
        state[f"{name}.{each}"].view(-1, 1, 1)
        for each in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def _each(function: object, x: Tensor) -> Tensor:
    """Apply to the images of every SNN step."""
    assert callable(function)
    return torch.stack([function(each) for each in x])


# SDDPM --------------------------------------------------------------------------------------


def sddpm(state: State, x: Tensor, t: Tensor, num_snn_steps: int) -> Tensor:
    """Noise ``[B, C, H, W]``, with temporal scales where the state has them."""

    def conv(name: str, x: Tensor, **how: int) -> Tensor:
        inner = f"{name}.tsmconv" if f"{name}.tsmp" in state else name
        weight, bias = state[f"{inner}.weight"], state[f"{inner}.bias"]
        y = _each(lambda each: F.conv2d(each, weight, bias, **how), x)
        return y * state[f"{name}.tsmp"] if f"{name}.tsmp" in state else y

    def block(name: str, x: Tensor) -> Tensor:
        h = _norm(state, f"{name}.bn1", conv(f"{name}.conv1", _spikes(x, None), padding=1))
        linear = state[f"{name}.temb_proj.1.weight"], state[f"{name}.temb_proj.1.bias"]
        h = h + F.linear(temb * torch.sigmoid(temb), *linear)[None, :, :, None, None]
        h = _norm(state, f"{name}.bn2", conv(f"{name}.conv2", _spikes(h, None), padding=1))
        is_wider = any(key.startswith(f"{name}.shortcut.") for key in state)
        return h + (conv(f"{name}.shortcut", x) if is_wider else x)

    def resample(name: str, x: Tensor, *, up: bool) -> Tensor:
        s = _spikes(x, None)
        if up:
            s = s.repeat_interleave(2, -1).repeat_interleave(2, -2)
        return _norm(state, f"{name}.bn", conv(f"{name}.conv", s, padding=1, stride=1 if up else 2))

    time = "time_embedding.timembedding"
    temb = state[f"{time}.0.weight"][t]
    temb = F.linear(temb, state[f"{time}.1.weight"], state[f"{time}.1.bias"])
    temb = temb * torch.sigmoid(temb)
    temb = F.linear(temb, state[f"{time}.3.weight"], state[f"{time}.3.bias"])

    h = _norm(state, "bn", conv("conv", torch.stack([x] * num_snn_steps), padding=1))
    h = _norm(state, "bn_identity", conv("conv_identity", _spikes(h, None), padding=1))
    skips = [h]
    for i in _indices(state, "downblocks"):
        name = f"downblocks.{i}"
        is_block = f"{name}.bn1.weight" in state
        h = block(name, h) if is_block else resample(name, h, up=False)
        skips.append(h)
    for i in _indices(state, "middleblocks"):
        h = block(f"middleblocks.{i}", h)
    for i in _indices(state, "upblocks"):
        name = f"upblocks.{i}"
        if f"{name}.bn1.weight" in state:
            h = block(name, torch.cat([h, skips.pop()], 2))
        else:
            h = resample(name, h, up=True)
    h = _norm(state, "tail_bn", h)
    g = conv("tail_conv", h * torch.sigmoid(h), padding=1)
    # Its three-dimensional convolution runs over (H, W, T).
    volume = g.permute(1, 2, 3, 4, 0)
    weight, bias = state["T_output_layer.weight"], state["T_output_layer.bias"]
    h = F.conv3d(volume, weight, bias, padding=(1, 1, 0)).permute(4, 0, 1, 2, 3)
    h = _norm(state, "last_bn", h)
    return _readout(h * torch.sigmoid(h) + g)


def _indices(state: State, name: str) -> list[int]:
    found = {int(key.split(".")[1]) for key in state if key.startswith(f"{name}.")}
    return sorted(found)


# Spiking-Diffusion --------------------------------------------------------------------------


def encode(state: State, image: Tensor, num_snn_steps: int = 16) -> tuple[Tensor, Tensor]:
    """Vectors before quantisation ``[B, D, h, w]``, and tokens int64 ``[B, h, w]``."""
    x = torch.stack([image] * num_snn_steps)
    for i, how in ((0, {"stride": 2, "padding": 1}), (3, {"stride": 2, "padding": 1}), (6, {})):
        weight, bias = (state[f"encoder.snn_convs.{i}.{each}"] for each in ("weight", "bias"))
        x = _each(lambda each, w=weight, b=bias, h=how: F.conv2d(each, w, b, **h), x)
        x = _spikes(_norm(state, f"encoder.snn_convs.{i + 1}", x), 2.0)
    alpha = state["vq_layer.alpha"]
    z = (1 - alpha) * _readout(x) + alpha * x.mean(0)
    flat = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1])
    codes = state["vq_layer.embeddings.weight"]
    distances = flat.square().sum(1)[:, None] + codes.square().sum(1) - 2 * flat @ codes.T
    return z, distances.argmin(1).view(len(z), *z.shape[2:])


def decode(state: State, tokens: Tensor, num_snn_steps: int = 16) -> Tensor:
    """Reconstruction ``[B, C, H, W]`` in (-1, 1)."""
    q = state["vq_layer.embeddings.weight"][tokens].permute(0, 3, 1, 2)
    x = torch.stack([q] * num_snn_steps)
    weight, bias = state["vq_layer.poisson.0.weight"], state["vq_layer.poisson.0.bias"]
    x = _each(lambda each: F.conv2d(each, weight, bias), x)
    x = _spikes(_norm(state, "vq_layer.poisson.1", x), 2.0)
    for i in (0, 3, 6):
        weight, bias = (state[f"decoder.snn_convs.{i}.{each}"] for each in ("weight", "bias"))
        how = {"padding": 1} if i == 6 else {"stride": 2, "padding": 1, "output_padding": 1}
        x = _each(lambda each, w=weight, b=bias, h=how: F.conv_transpose2d(each, w, b, **h), x)
        if i < 6:
            x = _spikes(_norm(state, f"decoder.snn_convs.{i + 1}", x), 2.0)
    return torch.tanh(_readout(x))


def sdid(state: State, tokens: Tensor, t: Tensor, num_snn_steps: int = 16) -> Tensor:
    """Logits ``[B, K, h, w]``."""
    dtype = state["conv1.0.weight"].dtype
    maps = torch.stack([tokens.to(dtype), t.to(dtype)[:, None, None].expand(tokens.shape)], 1)
    x = torch.stack([maps] * num_snn_steps)
    outputs = []
    for i in range(1, 6):
        weight, bias = state[f"conv{i}.0.weight"], state[f"conv{i}.0.bias"]
        x = _each(lambda each, w=weight, b=bias: F.conv2d(each, w, b, padding=1), x)
        x = _spikes(_norm(state, f"conv{i}.1", x), 2.0)
        outputs.append(x)
    x = torch.cat([outputs[4], outputs[0]], 2)
    weight, bias = state["conv6.0.weight"], state["conv6.0.bias"]
    return _each(lambda each: F.conv2d(each, weight, bias, padding=1), x).mean(0)


# SDiT ---------------------------------------------------------------------------------------


def sdit(state: State, x: Tensor, t: Tensor, y: Tensor, num_snn_steps: int = 4) -> Tensor:
    """Noise and variance coefficient ``[B, 2C, H, W]``."""

    def linear(name: str, x: Tensor) -> Tensor:
        return F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))

    def layer_norm(x: Tensor) -> Tensor:
        mean = x.mean(-1, keepdim=True)
        return (x - mean) / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-6)

    def rate(x: Tensor) -> Tensor:
        return _spikes(torch.stack([x] * num_snn_steps), 2.0).mean(0)

    def mixed(name: str, x: Tensor) -> Tensor:
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        return x * state[name] + before * (1 - state[name])

    def time_mix(name: str, x: Tensor) -> Tensor:
        k = linear(f"{name}.key", mixed(f"{name}.time_mix_k", x))
        v = linear(f"{name}.value", mixed(f"{name}.time_mix_v", x))
        r = torch.sigmoid(linear(f"{name}.receptance", mixed(f"{name}.time_mix_r", x)))
        wkv = _wkv(-torch.exp(state[f"{name}.time_decay"]), state[f"{name}.time_first"], k, v)
        return linear(f"{name}.output", r * wkv)

    def channel_mix(name: str, x: Tensor) -> Tensor:
        k = torch.relu(linear(f"{name}.key", mixed(f"{name}.time_mix_k", x))) ** 2
        r = torch.sigmoid(linear(f"{name}.receptance", mixed(f"{name}.time_mix_r", x)))
        return r * linear(f"{name}.value", k)

    def block(name: str, x: Tensor, skip: Tensor | None = None) -> Tensor:
        if skip is not None:
            x = linear(f"{name}.skip_linear", torch.cat([x, skip], -1))
        count = x.shape[1]
        x = torch.cat([x, state[f"{name}.restruction_token"].expand(len(x), -1, -1)], 1)
        x = x + rate(time_mix(f"{name}.att", layer_norm(x)))
        x = x + rate(channel_mix(f"{name}.ffn", layer_norm(x)))
        x, r = x[:, :count], x[:, count:]
        r = linear(f"{name}.restruction_token_MLP", r).transpose(1, 2)
        return x + x * linear(f"{name}.another_MLP", r)

    dtype = x.dtype
    weight = state["x_embedder.proj.weight"]
    patch = weight.shape[-1]
    side = x.shape[-1] // patch
    cells = x.unfold(2, patch, patch).unfold(3, patch, patch)  # [B, C, rows, columns, p, p]
    cells = cells.permute(0, 2, 3, 1, 4, 5).reshape(len(x), side * side, -1)
    h = F.linear(cells, weight.flatten(1), state["x_embedder.proj.bias"])
    frequencies = torch.exp(-log(10000.0) * torch.arange(128, dtype=torch.float32) / 128)
    phases = t.to(torch.float32)[:, None] * frequencies
    c = torch.cat([phases.cos(), phases.sin()], 1).to(dtype)
    c = linear("t_embedder.mlp.0", c)
    c = linear("t_embedder.mlp.2", c * torch.sigmoid(c))
    c = c + state["y_embedder.embedding_table.weight"][y]
    h = torch.cat([c[:, None], h], 1) + state["pos_embed"]
    skips = []
    for i in _indices(state, "in_blocks"):
        h = block(f"in_blocks.{i}", h)
        skips.append(h)
    h = block("mid_block", h)
    for i in _indices(state, "out_blocks"):
        h = block(f"out_blocks.{i}", h, skips.pop())
    h = linear("final_layer.linear", layer_norm(h))[:, 1:]
    image = torch.zeros(len(x), h.shape[-1] // patch**2, *x.shape[2:], dtype=dtype)
    for n in range(side * side):
        row, column = n // side * patch, n % side * patch
        for i in range(patch):
            for j in range(patch):
                first = (i * patch + j) * image.shape[1]
                image[:, :, row + i, column + j] = h[:, n, first : first + image.shape[1]]
    return F.conv2d(image, state["conv.weight"], state["conv.bias"], padding=1)


def _wkv(w: Tensor, u: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Decaying average of RWKV-4, token by token with the largest exponent kept aside."""
    p, q = torch.zeros_like(k[:, 0]), torch.zeros_like(k[:, 0])
    o = torch.full_like(k[:, 0], -1e38)
    out = []
    for i in range(k.shape[1]):
        n = torch.maximum(o, u + k[:, i])
        a, b = torch.exp(o - n), torch.exp(u + k[:, i] - n)
        out.append((a * p + b * v[:, i]) / (a * q + b))
        n = torch.maximum(w + o, k[:, i])
        a, b = torch.exp(w + o - n), torch.exp(k[:, i] - n)
        p, q, o = a * p + b * v[:, i], a * q + b, n
    return torch.stack(out, 1)
