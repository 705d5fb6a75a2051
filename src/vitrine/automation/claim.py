"""A claim: the right of one process to watch a place or run a plan, held while it tells that it is alive.

It stands in the catalog, so that it counts for every machine, and lapses by the clock of the database where its holder
falls silent. On the holder's own machine nobody waits that long: there one sees that the process is gone.
"""

import logging
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import sqlalchemy as sa

from vitrine.errors import Conflict, VitrineError
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

logger = logging.getLogger(__name__)

_LASTS = timedelta(seconds=60)
_RENEWED_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class Held:
    """A claim as it stands in the catalog; `alive` says whether its holder still holds it."""

    name: str
    holder: str
    since: datetime
    expires_at: datetime
    alive: bool


class Claim:
    """A claim that this process holds, renewed in the background until it is released."""

    def __init__(self, catalog: Catalog, name: str) -> None:
        """Take the claim `name`; Conflict says who holds it."""
        self.name = name
        self.holder = f"{socket.gethostname()}, process {os.getpid()}"
        self._catalog = catalog
        self._token = secrets.token_hex(16)
        self._lost = Event()
        self._released = Event()
        self._take()
        self._pulse = Thread(target=self._renew, name=f"claim {name}", daemon=True)
        self._pulse.start()

    def check(self, connection: sa.Connection) -> None:
        """Raise Conflict where somebody else has taken the claim since, as after a long sleep of this machine."""
        table = schema.claims
        token = connection.scalar(sa.select(table.c.token).where(table.c.name == self.name))
        if self._lost.is_set() or token != self._token:
            raise Conflict(
                f"{self.name}: this process was silent for so long that another one took over",
                hint="nothing is lost: the other one goes on from here",
            )

    def release(self) -> None:
        """Give the claim back."""
        self._released.set()
        self._pulse.join()
        table = schema.claims
        with suppress(VitrineError), self._catalog.transaction() as connection:  # it lapses by itself
            connection.execute(sa.delete(table).where(table.c.name == self.name, table.c.token == self._token))

    def _take(self) -> None:
        table = schema.claims
        with self._catalog.transaction() as connection:
            self._catalog.lock(table, connection)
            moment = self._catalog.moment(connection)
            row = connection.execute(sa.select(table).where(table.c.name == self.name)).mappings().first()
            if row is not None and row["expires_at"] > moment and not _is_gone(row["process"]):
                raise Conflict(
                    f"{self.name}: {row['holder']} has been at it since {row['since']:%Y-%m-%d %H:%M} UTC",
                    hint=f"stop it there, or wait: its claim lapses at {row['expires_at']:%H:%M:%S} UTC if it is silent",
                )
            mine = {"token": self._token, "holder": self.holder, "process": _identity(os.getpid()), "since": moment}
            self._catalog.put(
                table, [{"name": self.name, "expires_at": moment + _LASTS, **mine}], connection=connection
            )

    def _renew(self) -> None:
        table = schema.claims
        mine = (table.c.name == self.name) & (table.c.token == self._token)
        while not self._released.wait(_RENEWED_EVERY):
            try:
                with self._catalog.transaction() as connection:
                    until = self._catalog.moment(connection) + _LASTS
                    if not connection.execute(sa.update(table).where(mine).values(expires_at=until)).rowcount:
                        self._lost.set()
                        return
            except VitrineError as error:  # the next beat may get through before the claim lapses
                logger.warning("the claim on %s was not renewed: %s", self.name, error.message)


def held(catalog: Catalog) -> dict[str, Held]:
    """All claims by name."""
    with catalog.reading() as connection:
        moment = catalog.moment(connection)
        rows = connection.execute(sa.select(schema.claims)).mappings().all()
    return {
        row["name"]: Held(
            row["name"],
            row["holder"],
            row["since"],
            row["expires_at"],
            alive=row["expires_at"] > moment and not _is_gone(row["process"]),
        )
        for row in rows
    }


def _identity(process: int) -> str:
    """What tells a process from all others, also on other machines and in other containers; empty where unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = os.readlink("/proc/self/ns/pid")
        # the 22nd field is when it began; the second one, its name, may hold spaces
        begun = (
            Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        )
    except OSError:
        return ""
    return f"{boot}|{space}|{process}|{begun}"


def _is_gone(identity: str) -> bool:
    """Whether the process was one of this machine and is no more; False also where that cannot be known."""
    here = _identity(os.getpid()).split("|")[:2]
    place, process = identity.split("|")[:2], identity.split("|")[2:3]
    return bool(identity) and here == place and _identity(int(process[0])) != identity
