"""The courier: delivers what a watch has answered, beside it, so that a slow or lost target keeps no photo waiting."""

import logging
import time
from collections.abc import Sequence
from threading import Event, Thread
from typing import TYPE_CHECKING

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

from vitrine.automation.ledger import Ledger
from vitrine.deliver import TARGETS, deliver
from vitrine.errors import InputError, Refused, VitrineError, sentence

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

logger = logging.getLogger(__name__)

_LONGEST_WAIT = 300.0
_REST = 4.0  # seconds of rest for each second of a delivery, which may look at the whole catalog


class Courier:
    """Delivers when it is called, in a thread of its own once it was started; `problem` is what it last met."""

    def __init__(self, workspace: "Workspace", ledger: Ledger, targets: Sequence[str]) -> None:
        if unknown := sorted(set(targets) - set(TARGETS)):
            raise InputError(f"there is no target '{unknown[0]}'", hint=f"one of: {', '.join(TARGETS)}")
        self.problem: VitrineError | None = None
        self._workspace, self._ledger, self._targets = workspace, ledger, targets
        self._called, self._closed = Event(), Event()
        self._thread = Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """From now on, deliver beside the watch; first what an earlier watch has left."""
        self._called.set()
        self._thread.start()

    def call(self) -> None:
        """There is something to deliver."""
        self._called.set()

    def deliver(self) -> None:
        """Deliver to every target what has been answered by now. Each sends what is new to it, so it may be repeated."""
        if not self._targets or not self._ledger.undelivered():
            return
        until = self._ledger.moment()
        kept: VitrineError | None = None
        for target in self._targets:
            report = deliver(self._workspace, target)
            if report.failed:
                kept = Refused(
                    sentence("{n:,} answers cannot go to {target}", n=report.failed, target=target),
                    hint=sentence("{command} says why", command=f"vitrine export {target}"),
                )
        self._ledger.delivered(until)
        self.problem = kept

    def close(self) -> None:
        """Let the delivery that is under way end."""
        self._closed.set()
        self._called.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._called.wait()
            self._called.clear()
            begun = time.monotonic()
            try:
                for attempt in Retrying(
                    retry=retry_if_exception_type(VitrineError),
                    wait=wait_random_exponential(multiplier=1, min=1, max=_LONGEST_WAIT),
                    sleep=sleep_using_event(self._closed),
                    stop=stop_when_event_set(self._closed),
                    before_sleep=self._note,
                    reraise=True,
                ):
                    with attempt:
                        self.deliver()
            except VitrineError:  # closed while it waited: the next watch delivers
                return
            except Exception:
                logger.exception("the delivery failed")
            self._closed.wait(_REST * (time.monotonic() - begun))

    def _note(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, VitrineError):
            self.problem = error
            logger.warning("not delivered, again in %.0f s: %s", state.upcoming_sleep, error.message)
