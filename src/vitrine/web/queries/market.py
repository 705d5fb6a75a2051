"""The marketplace as the last report saw it; the app computes nothing of it again."""

from pathlib import Path

from vitrine.market.report.summary import MarketSummary, read

__all__ = ["MarketSummary", "market"]


def market(folder: Path) -> MarketSummary | None:
    """What `vitrine market report` or `refresh` wrote last in this workspace; None before the first one."""
    return read(folder / "reports" / "market.json")
