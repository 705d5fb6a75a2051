"""A worker: a process somewhere that does its share of a batch with the functions that a single machine uses."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from vitrine.classify import Piece, Run, write_piece
from vitrine.cluster.kit import Kit, unpack
from vitrine.embed.network import use_cores
from vitrine.errors import Refused


class Worker:
    """Embeds photos and writes pieces of runs, on `cores` processor cores of this machine.

    Raises Refused where this machine would give other answers than the one that sent the kit.
    """

    def __init__(self, kit: Kit, cores: int) -> None:
        for name in [name for name in os.environ if name.startswith("VITRINE_")]:
            del os.environ[name]  # the settings of the kit hold, not this machine's
        self._home = TemporaryDirectory(prefix="vitrine-worker-")
        self._workspace = unpack(kit, Path(self._home.name))
        if self._workspace.settings.embedder.model is not None:
            use_cores(cores)
        self._workspace.embeddings = self._workspace.open_embeddings(looking_at=())
        self._model = self._workspace.model(kit.model_id) if kit.model_id else None

    def embed(self, photo_ids: Sequence[str]) -> None:
        """Give photos vectors that have none."""
        self._workspace.embeddings.look_at([])
        self._workspace.embed(photo_ids)

    def write_piece(self, piece: Piece, run: Run, known: Sequence[str]) -> None:
        """Decide the products of a piece and keep the answers (see `vitrine.classify.write_piece`).

        `known` names the files of vectors that have some of its photos already.
        """
        if self._model is None:
            raise Refused("this worker was sent no model", hint="it can embed alone")
        self._workspace.embeddings.look_at(known)
        write_piece(piece, run, self._model, self._workspace.embed)
