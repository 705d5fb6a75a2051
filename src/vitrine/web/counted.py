"""Counts of all answers, kept for some seconds: a scan of millions is made once for everybody who looks.

Where counting takes long, old counts are shown while new ones are made aside.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any

from vitrine.learn.promote import champion_of
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy
from vitrine.web.queries.brands import brands
from vitrine.web.queries.tallies import Tallies, tallies
from vitrine.web.queries.values import PredictedValue, predicted_values

_LASTING = 20.0
_PER_SECOND_OF_WORK = 30.0  # where counting takes longer, it is done more seldom: at most a thirtieth of the time
_NOT_WORTH_KEEPING = 0.2  # seconds in which a count was made


@dataclass(frozen=True, slots=True)
class _Kept:
    champion: str | None
    lasts: bool
    until: float
    found: Any


class Counted:
    """The counts of one catalog; made anew when they are old or the champion changed, at once where that is quick."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._locks: dict[str, Lock] = {}
        self._kept: dict[str, _Kept] = {}

    def tallies(self) -> Tallies:
        """The counts of all attributes; whoever comes while they are made waits for them."""
        found: Tallies = self._get("", lambda: tallies(self._catalog))
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

    def begin(self) -> None:
        """Count aside what the first visitor will ask for."""
        Thread(target=self.tallies, name="counting", daemon=True).start()

    def _get(self, name: str, make: Callable[[], Any]) -> Any:
        champion, lock = champion_of(self._catalog), self._locks.setdefault(name, Lock())
        kept = self._kept.get(name)
        if kept is not None and kept.champion == champion and kept.lasts:
            if time.monotonic() > kept.until and lock.acquire(blocking=False):  # nobody waits for a newer one
                Thread(target=self._make_aside, args=(name, champion, make, lock), name="counting", daemon=True).start()
            return kept.found
        with lock:
            kept = self._kept.get(name)
            if kept is not None and kept.champion == champion and kept.lasts:
                return kept.found
            return self._make(name, champion, make)

    def _make_aside(self, name: str, champion: str | None, make: Callable[[], Any], lock: Lock) -> None:
        try:
            self._make(name, champion, make)
        finally:
            lock.release()

    def _make(self, name: str, champion: str | None, make: Callable[[], Any]) -> Any:
        begun = time.monotonic()
        found = make()
        took = time.monotonic() - begun
        lasting = max(_LASTING, _PER_SECOND_OF_WORK * took)
        self._kept[name] = _Kept(champion, took >= _NOT_WORTH_KEEPING, time.monotonic() + lasting, found)
        return found
