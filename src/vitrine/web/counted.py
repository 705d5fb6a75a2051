"""Counts of all answers, kept for some seconds: a scan of millions is made once for everybody who looks."""

import time
from threading import Lock

from vitrine.learn.promote import champion_of
from vitrine.stores.catalog import Catalog
from vitrine.web.queries.tallies import Tallies, tallies

_LASTING = 20.0
_PER_SECOND_OF_WORK = 30.0  # where counting takes longer, it is done more seldom: at most a thirtieth of the time


class Counted:
    """The tallies of one catalog; made anew when they are old or the champion changed."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = Lock()
        self._champion: str | None = None
        self._until = 0.0
        self._found: Tallies | None = None

    def tallies(self) -> Tallies:
        """The counts; whoever comes while they are made waits for them."""
        champion = champion_of(self._catalog)
        with self._lock:
            if self._found is None or champion != self._champion or time.monotonic() > self._until:
                begun = time.monotonic()
                self._found = tallies(self._catalog)
                took = time.monotonic() - begun
                # what is made in no time is not worth keeping
                lasting = 0.0 if took < 0.05 else max(_LASTING, _PER_SECOND_OF_WORK * took)
                self._champion, self._until = champion, time.monotonic() + lasting
            return self._found
