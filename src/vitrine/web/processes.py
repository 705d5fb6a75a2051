"""The server's processes behind one address: each has the app and caches of its own, the catalog has what they share."""

import os
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

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
        """The app, with a log of its own; it makes already what the first visitor will ask for."""
        import vitrine
        from vitrine.web.app import create_app

        log_to_stderr()
        workspace = vitrine.open(self.folder)
        app = create_app(workspace, self.access)
        app.state.counted.begin(workspace.taxonomy)
        app.state.examples.begin()
        return app


def serve(make_app: MakeApp, listener: socket, *, workers: int, tls: tuple[Path, Path] | None) -> None:
    """Serve on `listener` until a signal ends it, with one process or several; of several, one that dies is replaced.

    `tls` are certificate and key.
    """
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    config = uvicorn.Config(
        make_app,
        factory=True,
        workers=workers,
        timeout_worker_healthcheck=_PATIENCE,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        ssl_certfile=str(tls[0]) if tls else None,
        ssl_keyfile=str(tls[1]) if tls else None,
    )
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listener])
        return
    with TemporaryDirectory(prefix="vitrine-meters-") as folder:
        os.environ[METERS_FOLDER] = folder
        try:
            Multiprocess(config, sockets=[listener]).run()
        finally:
            del os.environ[METERS_FOLDER]
