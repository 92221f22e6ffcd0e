"""Events of a bench as JSON lines, by which one process follows that of another. Imports no torch."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.bench.answer import Answer
from spikestudio.bench.run import (
    BenchCancelled,
    BenchEvent,
    BenchFinished,
    BenchStarted,
    ModelFinished,
    ModelProgressed,
    ModelStarted,
)
from spikestudio.errors import DataError
from spikestudio.language import tr


def line(event: BenchEvent) -> dict[str, Any]:
    """Return an event as plain values; images are base64."""
    match event:
        case BenchStarted(names=names, load=load):
            return {"event": "started", "models": list(names), "load": load}
        case ModelStarted(index=index, num_steps=num_steps):
            return {"event": "model", "index": index, "steps": num_steps}
        case ModelProgressed(index=index, step=step):
            return {"event": "step", "index": index, "step": step}
        case ModelFinished(index=index, answer=answer):
            images = answer.images
            return {
                "event": "answer",
                "index": index,
                "answer": answer.to_json(),
                "images": None if images is None else _packed(images),
            }
        case BenchFinished(num_failed=num_failed):
            return {"event": "finished", "failed": num_failed}
        case BenchCancelled(num_done=num_done):
            return {"event": "cancelled", "done": num_done}


def parse(text: bytes | str) -> BenchEvent:
    """Return the event of a line; raises ``DataError``."""
    try:
        values = json.loads(text)
        match values["event"]:
            case "started":
                return BenchStarted(names=tuple(values["models"]), load=values["load"])
            case "model":
                return ModelStarted(index=values["index"], num_steps=values["steps"])
            case "step":
                return ModelProgressed(index=values["index"], step=values["step"])
            case "answer":
                images = values["images"]
                answer = Answer.from_json(
                    values["answer"], None if images is None else _unpacked(images)
                )
                return ModelFinished(index=values["index"], answer=answer)
            case "finished":
                return BenchFinished(num_failed=values["failed"])
            case "cancelled":
                return BenchCancelled(num_done=values["done"])
            case other:
                raise ValueError(f"unknown event {other!r}")
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise DataError(
            tr("A bench wrote a line that cannot be read ({error}).", error=error)
        ) from error


def _packed(images: NDArray[np.uint8]) -> dict[str, Any]:
    return {"shape": list(images.shape), "data": base64.b64encode(images.tobytes()).decode("ascii")}


def _unpacked(values: Mapping[str, Any]) -> NDArray[np.uint8]:
    flat = np.frombuffer(base64.b64decode(values["data"], validate=True), np.uint8)
    return flat.reshape(values["shape"])
