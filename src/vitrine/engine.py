"""Who does a batch: this process, or workers on many machines, chosen by name and imported only then.

>>> check_known("abacus")
Traceback (most recent call last):
...
vitrine.errors.InputError: engine 'abacus' is unknown; known: local, ray
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from vitrine.errors import InputError, MissingPart

if TYPE_CHECKING:
    from vitrine.classify import Piece, Run
    from vitrine.learn.model import Model
    from vitrine.workspace import Workspace

LOCAL = "local"
ENGINES = {"ray": "vitrine.cluster.ray_workers:open_workers"}


def check_known(name: str) -> None:
    """InputError for an engine that there is none of."""
    if name not in (LOCAL, *ENGINES):
        raise InputError(f"engine '{name}' is unknown; known: {', '.join([LOCAL, *ENGINES])}")


class Engine(Protocol):
    """Workers that have what they need of one workspace."""

    def embed(self, photo_ids: Sequence[str], on_progress: Callable[[int, int], None]) -> None:
        """Give these photos vectors in the workspace's store."""
        ...

    def write_pieces(self, run: "Run", pieces: "Sequence[Piece]") -> "Iterator[Piece]":
        """Write these pieces of the run (see `vitrine.classify.write_piece`) and yield each that is there."""
        ...


def open_engine(name: str, workspace: "Workspace", model: "Model | None") -> AbstractContextManager[Engine]:
    """The workers of an engine, until the block ends; without a `model` they can embed alone.

    Raises MissingPart where the engine's library is not installed.
    """
    module, _, function = ENGINES[name].partition(":")
    try:
        opened: AbstractContextManager[Engine] = getattr(importlib.import_module(module), function)(workspace, model)
    except ModuleNotFoundError as error:
        raise MissingPart(
            f"engine '{name}' needs the package {error.name}", hint=f"pip install 'vitrine[{name}]'"
        ) from error
    return opened
