"""Counts of all answers, kept for some seconds: a scan of millions is made once for everybody who looks.

In a large catalog old counts are shown while new ones are made aside. What the overview counts stands in a file of the
workspace, too: the processes of a server make it once for all of them, and a server that starts again has it at once.
Nothing else is built on these figures; they are always made anew from the tables, never carried forward.
"""

import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from vitrine.errors import StorageError
from vitrine.learn.promote import champion_of
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.stores.whole import whole
from vitrine.taxonomy import Taxonomy
from vitrine.web.queries.brands import brands
from vitrine.web.queries.tallies import Tallies, tallies
from vitrine.web.queries.values import PredictedValue, predicted_values

_LASTING = 20.0
_PER_SECOND_OF_WORK = 30.0  # where counting takes longer, it is done more seldom: at most a thirtieth of the time
_SPREAD = 0.3  # of two processes one looks first, and the other finds what it made
_OLDEST = 3600.0  # seconds; older figures than that are not shown by a server that starts
_LARGE = 5_000  # products; in a smaller catalog everything is counted whenever somebody looks


@dataclass(frozen=True, slots=True)
class _Kept:
    champion: str | None
    until: float
    found: Any


class Counted:
    """The counts of one catalog; made anew when they are old or the champion changed, at once in a small catalog.

    `file` is where the tallies are kept for other processes.
    """

    def __init__(self, catalog: Catalog, file: Path) -> None:
        self._catalog = catalog
        self._file = file
        self._locks: dict[str, Lock] = {}
        self._kept: dict[str, _Kept] = {}

    def tallies(self, taxonomy: Taxonomy) -> Tallies:
        """The counts of all attributes; whoever comes while the first ones are made waits for them."""
        found: Tallies = self._get("tallies", lambda: tallies(self._catalog, taxonomy.attributes))
        return found

    def values(self, taxonomy: Taxonomy, attribute: str | None) -> list[PredictedValue]:
        """The predicted values of an attribute with their counts (see `predicted_values`)."""
        if attribute is None:
            return []
        name = taxonomy.attribute(attribute).name
        found: list[PredictedValue] = self._get(f"values {name}", lambda: predicted_values(self._catalog, name))
        return found

    def brands(self) -> list[str]:
        """The brands of the catalog (see `vitrine.web.queries.brands`)."""
        found: list[str] = self._get("brands", lambda: brands(self._catalog))
        return found

    def begin(self, taxonomy: Taxonomy) -> None:
        """Count aside what the first visitor will ask for."""
        Thread(target=self.tallies, args=(taxonomy,), name="counting", daemon=True).start()

    def _get(self, name: str, make: Callable[[], Any]) -> Any:
        if self._catalog.count(schema.products) < _LARGE:
            return make()
        champion, lock = champion_of(self._catalog), self._locks.setdefault(name, Lock())
        kept = self._known(name, champion)
        if kept is not None:
            if time.time() > kept.until and lock.acquire(blocking=False):  # nobody waits for a newer one
                Thread(target=self._make_aside, args=(name, champion, make, lock), name="counting", daemon=True).start()
            return kept.found
        with lock:
            kept = self._known(name, champion)
            return kept.found if kept is not None else self._make(name, champion, make)

    def _known(self, name: str, champion: str | None) -> _Kept | None:
        """What this process has, or a newer one that another process made."""
        kept = self._kept.get(name)
        if name == "tallies" and (kept is None or kept.champion != champion or time.time() > kept.until):
            kept = self._kept[name] = self._read() or kept or _Kept(None, 0.0, None)
        return kept if kept is not None and kept.found is not None and kept.champion == champion else None

    def _make_aside(self, name: str, champion: str | None, make: Callable[[], Any], lock: Lock) -> None:
        try:
            self._make(name, champion, make)
        finally:
            lock.release()

    def _make(self, name: str, champion: str | None, make: Callable[[], Any]) -> Any:
        begun = time.time()
        found = make()
        lasting = max(_LASTING, _PER_SECOND_OF_WORK * (time.time() - begun)) * (1 + random.uniform(0, _SPREAD))
        self._kept[name] = _Kept(champion, time.time() + lasting, found)
        if name == "tallies":
            self._write(self._kept[name], begun)
        return found

    def _write(self, kept: _Kept, made_at: float) -> None:
        plain = {"champion": kept.champion, "made_at": made_at, "until": kept.until, "found": kept.found.plain()}
        # a full disk takes only the shortcut away
        with suppress(StorageError), whole(self._file, hint="") as temporary:
            temporary.write_text(json.dumps(plain), encoding="utf-8")

    def _read(self) -> _Kept | None:
        """What another process left; None where there is nothing that can be used."""
        try:
            plain = json.loads(self._file.read_bytes())
            if time.time() - plain["made_at"] > _OLDEST:
                return None
            return _Kept(plain["champion"], plain["until"], Tallies.read(plain["found"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
