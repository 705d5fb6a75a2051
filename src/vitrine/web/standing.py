"""What runs by itself, for Prometheus: read from the catalog when it is asked for."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from vitrine.automation.status import WATCHING, Status, WatchState, status

if TYPE_CHECKING:
    from prometheus_client import Metric

    from vitrine.workspace import Workspace


class Standing(Collector):
    """The gauges of watches, plans, quarantine and disk."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace

    def describe(self) -> Iterable["Metric"]:
        """Nothing before it is asked for: registering reads no catalog."""
        return []

    def collect(self) -> Iterator["Metric"]:
        """All gauges as of now."""
        found = status(self._workspace)
        yield from _watches(found.watches)
        yield from _runs(found)
        yield GaugeMetricFamily("vitrine_quarantined", "Rows, cells and files set aside", value=found.quarantined)
        yield GaugeMetricFamily("vitrine_disk_free_bytes", "Room where the workspace lies", value=found.disk.free)


def _watches(watches: list[WatchState]) -> Iterator["Metric"]:
    alive = GaugeMetricFamily("vitrine_watch_alive", "1 where a place is being watched", labels=["place"])
    looked = GaugeMetricFamily("vitrine_watch_looked_timestamp_seconds", "When it was looked at last", labels=["place"])
    files = GaugeMetricFamily("vitrine_watch_files", "Files on their way, and quarantined", labels=["place", "state"])
    labels = ["place", "until", "quantile"]
    seconds = GaugeMetricFamily("vitrine_watch_seconds", "From arrival, over 24 hours", labels=labels)
    for one in watches:
        alive.add_metric([one.place], one.state == WATCHING)
        if one.looked_at:
            looked.add_metric([one.place], one.looked_at.timestamp())
        for state in ("waiting", "unanswered", "undelivered", "quarantined"):
            files.add_metric([one.place, state], getattr(one, state))
        for until, latency in (("answered", one.answered), ("delivered", one.delivered)):
            for quantile, value in (("0.5", latency.p50), ("0.95", latency.p95)):
                if value is not None:
                    seconds.add_metric([one.place, until, quantile], value)
    yield from (alive, looked, files, seconds)


def _runs(found: Status) -> Iterator["Metric"]:
    outcome = GaugeMetricFamily("vitrine_run_outcome", "1 for the outcome of the last run", labels=["plan", "outcome"])
    began = GaugeMetricFamily("vitrine_run_started_timestamp_seconds", "When the last run began", labels=["plan"])
    newest = {state.run.plan: state.run for state in reversed(found.runs)}
    for run in newest.values():
        outcome.add_metric([run.plan, run.outcome], 1)
        began.add_metric([run.plan], run.started_at.timestamp())
    yield from (outcome, began)
