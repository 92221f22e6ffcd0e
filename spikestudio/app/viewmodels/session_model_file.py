"""The checkpoint of a session: described when it is saved, found again when it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.paths import bundled_checkpoints
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sessions.document import Model, Session

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.checkpoint import CheckpointModel
    from spikestudio.app.viewmodels.sampler import SamplerModel


class SessionModelFile(QObject):
    """Puts a session's model and settings back; of a model that is not here it says so."""

    def __init__(
        self,
        sampler: SamplerModel,
        checkpoint: CheckpointModel,
        warn: Callable[[str], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._sampler, self._checkpoint, self._warn = sampler, checkpoint, warn
        self._pending: tuple[Session, Path] | None = None  # to be put back once that is loaded
        sampler.modelChanged.connect(self._on_model_changed)
        checkpoint.failed.connect(self._on_failed)

    @property
    def description(self) -> Model | None:
        """The model in use; None without one."""
        model = self._checkpoint.model
        if model is None:
            return None
        return Model(
            name=model.name,
            path=str(model.path),
            tensors_sha256=model.card.tensors_sha256,
            is_bundled=model.path.parent == bundled_checkpoints(),
        )

    def restore(self, session: Session) -> None:
        """Load the model of a session, unless it is in use, and put its settings in the sampler."""
        wanted, model = session.model, self._checkpoint.model
        self._pending = None
        if wanted is None or (model and model.card.tensors_sha256 == wanted.tensors_sha256):
            self._set(session)
            return
        same = [
            entry.path
            for entry in self._checkpoint.entries
            if entry.card is not None and entry.card.tensors_sha256 == wanted.tensors_sha256
        ]
        named = [entry.path for entry in self._checkpoint.entries if entry.name == wanted.name]
        # A stranger's file must not make the system ask another computer for a path.
        told = [] if wanted.path.startswith(("\\\\", "//")) else [Path(wanted.path)]
        path = next((each for each in (*same, *told, *named) if each.is_file()), None)
        if path is None and same:
            path = same[0]
        if path is None:
            self._warn(
                tr(
                    "The model {wanted} of this session is not here: its runs can be looked at, but "
                    "not continued until its checkpoint is opened.",
                    wanted=wanted.name,
                )
            )
            return
        self._pending = session, path
        self._checkpoint.load(path)

    @Slot()
    def _on_model_changed(self) -> None:
        pending, model = self._pending, self._sampler.model
        if pending is None or model is None or model.path != pending[1]:
            return
        self._pending = None
        session, wanted = pending[0], pending[0].model
        self._set(session)
        if wanted is not None and model.card.tensors_sha256 != wanted.tensors_sha256:
            self._warn(
                tr(
                    "The model {wanted} is here with other weights than this session was made with: "
                    "its runs can be looked at, but new ones will differ.",
                    wanted=wanted.name,
                )
            )

    @Slot()
    def _on_failed(self) -> None:
        self._pending = None  # why is told by whoever loads models

    def _set(self, session: Session) -> None:
        request = session.sampler
        values = {each.name: getattr(request, each.name) for each in fields(SamplingRequest)}
        try:
            self._sampler.set(**values)
        except ConfigError as error:
            self._warn(str(error))
