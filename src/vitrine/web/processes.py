"""Several processes behind one address: each has the app and caches of its own, and the catalog has what they share."""

import os
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from vitrine.web.auth import Access
from vitrine.web.guard import METERS_FOLDER, log_to_stderr

if TYPE_CHECKING:
    from fastapi import FastAPI

_PATIENCE = 60  # seconds that a process may be deaf, as it is while it builds an index, before another takes its place


@dataclass(frozen=True, slots=True)
class MakeApp:
    """Makes the app in the process it is sent to."""

    folder: Path
    access: Access

    def __call__(self) -> "FastAPI":
        """The app, with a log of its own."""
        import vitrine
        from vitrine.web.app import create_app

        log_to_stderr()
        return create_app(vitrine.open(self.folder), self.access)


def serve_with(workers: int, make_app: MakeApp, listener: socket, options: dict[str, Any]) -> None:
    """Serve on `listener` with so many processes until a signal ends it; one that dies is replaced.

    `options` are uvicorn's.
    """
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    config = uvicorn.Config(make_app, factory=True, workers=workers, timeout_worker_healthcheck=_PATIENCE, **options)
    with TemporaryDirectory(prefix="vitrine-meters-") as folder:
        os.environ[METERS_FOLDER] = folder
        try:
            Multiprocess(config, sockets=[listener]).run()
        finally:
            del os.environ[METERS_FOLDER]
