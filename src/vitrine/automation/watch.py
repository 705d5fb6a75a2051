"""Watch a place where photos arrive: take what is new, answer it, deliver it, and leave the uncertain to the desk.

A file is taken once it held still between two looks. What became of each stands in the ledger (`vitrine.automation.ledger`),
so a watch that was killed goes on where it stopped: every stage looks up what is left to do and may be repeated.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_never,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.retry import retry_base
from tenacity.stop import stop_base

from vitrine.automation.arrivals import Taker
from vitrine.automation.claim import Claim
from vitrine.automation.courier import Courier
from vitrine.automation.describe import Describe
from vitrine.automation.ledger import Ledger
from vitrine.errors import Conflict, MissingPart, StorageError, VitrineError, kept
from vitrine.intake.items import PHOTO_ENDINGS
from vitrine.intake.source import PhotoSource
from vitrine.learn.promote import champion_of
from vitrine.records import Arrival, Watcher
from vitrine.stores import schema

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

SETTLES = 2.0  # seconds that a file must not change before it is taken
_ANSWERED_AT_ONCE = 200
_TRIES_ONCE = 5  # of a single pass; a watch that stays tries for ever
_LONGEST_WAIT = 60.0
_UPKEEP_EVERY = 600.0
_UPKEEP_SHARE = 30.0  # where keeping up takes longer it is done more seldom: at most a thirtieth of the time

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What one watch did: files `settled` (taken or put aside) and files `answered`."""

    place: str
    settled: int
    answered: int


class Watch:
    """One process's watch of one place. Opening it raises Conflict where another one watches it."""

    def __init__(
        self,
        workspace: "Workspace",
        source: PhotoSource,
        describe: Describe,
        *,
        every: float,
        targets: Sequence[str] = (),
    ) -> None:
        """`describe` says which products files show; `targets` are where answers are delivered to, `every` in seconds."""
        self.place = source.url
        self._workspace, self._source, self._catalog = workspace, source, workspace.catalog
        self.every, self._targets = every, tuple(targets)
        self._ledger = Ledger(self._catalog, self.place)
        self._courier = Courier(workspace, self._ledger, self._targets)
        self._claim = Claim(self._catalog, f"watch {self.place}")
        self._taker = Taker(workspace, source, self._ledger, self._claim, describe)
        self._versions = self._ledger.versions()
        self._still_since: dict[str, float] = {}
        self._files = 0
        self._kept_up = (time.monotonic(), 0.0)
        self._behind = False
        self._champion = champion_of(self._catalog)
        with self._catalog.transaction() as connection:
            self._started_at = self._catalog.moment(connection)

    def start_delivering(self) -> None:
        """From now on, deliver beside the work."""
        self._courier.start()

    def close(self) -> None:
        """End the delivery that is under way and give the claim back."""
        self._courier.close()
        self._claim.release()

    def look(self) -> int:
        """See which files there are now; returns how many are new or have changed."""
        found = self._source.look()
        seen = {path: version for path, version in found.items() if path.lower().endswith(PHOTO_ENDINGS)}
        clock = time.monotonic()
        new = {path: version for path, version in seen.items() if self._versions.get(path) != version}
        waited = [one.path for one in self._ledger.waiting()]
        gone = [path for path in waited if path not in seen]
        with self._catalog.transaction() as connection:
            self._claim.check(connection)
            self._ledger.arrive(new, connection)
            self._ledger.depart(gone, connection)
        self._versions.update(new)
        for path in gone:
            self._versions.pop(path, None)
        still = {path: self._still_since.get(path, clock) for path in waited if path in seen}
        self._still_since = {**still, **dict.fromkeys(new, clock)}
        self._files = len(seen)
        self.tell_state()
        return len(new)

    def work(self) -> tuple[int, int]:
        """Take and answer one group of what is ready; returns how many files were settled and answered."""
        ready = self._ready()
        settled = self._taker.take(ready) if ready else 0
        answered = self._answer()
        if answered:
            self._behind = True
            self._courier.call()
        return settled, answered

    def keep_up(self) -> bool:
        """Find twins, answer whatever lacks an answer, order the queue anew, merge small files; returns whether it was due.

        It looks at the whole catalog, so it is done at most as often as it is worth its time.
        """
        last, took = self._kept_up
        champion = champion_of(self._catalog)
        due = champion is not None and (self._behind or champion != self._champion)
        if not due or time.monotonic() - last < max(_UPKEEP_EVERY, _UPKEEP_SHARE * took):
            return False
        begun = time.monotonic()
        self._workspace.find_twins()
        self._workspace.classify(only_due=True)
        self._workspace.embeddings.merge()
        self._kept_up = (time.monotonic(), time.monotonic() - begun)
        self._behind, self._champion = False, champion
        self._courier.call()
        return True

    def deliver(self) -> None:
        """Deliver what has been answered, and wait until that is done."""
        self._courier.deliver()

    def retry_quarantined(self) -> int:
        """Let quarantined files be tried once more."""
        with self._catalog.transaction() as connection:
            return self._ledger.retry(connection)

    def tell_state(self, error: VitrineError | None = None) -> None:
        """Write down that this watch looked just now, and what keeps it or its deliveries from going on."""
        error = error or self._courier.problem
        with self._catalog.transaction() as connection:
            row = Watcher(
                place=self.place,
                targets=" ".join(self._targets),
                every=self.every,
                files=self._files,
                looked_at=self._catalog.moment(connection),
                message=kept(error.message) if error else None,
                hint=kept(error.hint) if error else None,
                started_at=self._started_at,
            )
            self._catalog.put(schema.watchers, [row], connection=connection)

    def _ready(self) -> list[Arrival]:
        """What waits and did not change for long enough, in the order of arrival."""
        clock = time.monotonic()
        waiting = [one for one in self._ledger.waiting() if one.path in self._still_since]
        return [one for one in waiting if clock - self._still_since[one.path] >= SETTLES]

    def _answer(self) -> int:
        skus = self._ledger.taken()[:_ANSWERED_AT_ONCE]
        if not skus or champion_of(self._catalog) is None:
            return 0
        self._workspace.classify(skus)
        with self._catalog.transaction() as connection:
            self._claim.check(connection)
            return self._ledger.answered(skus, connection)


def source_of(place: str) -> PhotoSource:
    """Where the photos of a watched place come from: one name for one place, however its folder is written."""
    return PhotoSource(place if "://" in place else str(Path(place).resolve()))


def watch_once(watch: Watch, stop: Event, tell: Tell) -> WatchReport:
    """Take and answer everything that is there, deliver it, and return; StorageError when the store stays lost."""
    total = [0, 0]

    def look_and_work() -> None:
        watch.look()
        _work_off(watch, stop, tell, total)
        watch.deliver()

    passing = retry_if_exception_type((StorageError, MissingPart))
    patiently = _patiently(watch, stop, tell, passing, stop_after_attempt(_TRIES_ONCE))
    patiently(watch.look)
    stop.wait(SETTLES)
    patiently(look_and_work)
    return WatchReport(watch.place, *total)


def watch_on(watch: Watch, stop: Event, tell: Tell) -> WatchReport:
    """Look every few seconds until `stop` is set; whatever hinders is told and tried again, in ever longer intervals."""
    total = [0, 0]

    def look_and_work() -> None:
        watch.look()
        if not _work_off(watch, stop, tell, total) and watch.keep_up():
            tell("twins and the order of questions are up to date")

    watch.start_delivering()
    patiently = _patiently(watch, stop, tell, retry_if_exception(_may_pass), stop_never)
    while not stop.is_set():
        try:
            patiently(look_and_work)
        except VitrineError:
            if not stop.is_set():
                raise
        stop.wait(watch.every)
    return WatchReport(watch.place, *total)


def _may_pass(error: BaseException) -> bool:
    """Whether a watch goes on in spite of it: all but that another one has taken over."""
    return isinstance(error, VitrineError) and not isinstance(error, Conflict)


def _work_off(watch: Watch, stop: Event, tell: Tell, total: list[int]) -> bool:
    """Group after group until nothing is ready; returns whether there was something. A stop is heard between groups."""
    worked = False
    while not stop.is_set():
        begun = time.monotonic()
        settled, answered = watch.work()
        if not settled and not answered:
            break
        worked = True
        total[0] += settled
        total[1] += answered
        tell(f"{settled} files taken, {answered} answered in {time.monotonic() - begun:.1f} s")
    return worked


def _patiently(watch: Watch, stop: Event, tell: Tell, passing: retry_base, tries: stop_base) -> Retrying:
    """Calls a function again after what may pass, with growing and random waits that a stop cuts short."""

    def told(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, VitrineError):
            with suppress(VitrineError):  # it may be the catalog itself that is lost
                watch.tell_state(error)
            tell(f"{error.message}; again in {state.upcoming_sleep:.0f} s")

    return Retrying(
        retry=passing,
        wait=wait_random_exponential(multiplier=1, min=0.5, max=_LONGEST_WAIT),
        sleep=sleep_using_event(stop),
        stop=stop_when_event_set(stop) | tries,
        before_sleep=told,
        reraise=True,
    )
