"""Segments of sellers: k-means on log-scaled features, k chosen with reasons, stability shown, profiles in words.

Stability of a cluster: its mean best Jaccard overlap with the clusters of bootstrap samples (Hennig 2007, Computational
Statistics & Data Analysis 52); above 0.75 it is usually called stable, below 0.6 no more than a slice.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from vitrine.errors import InputError

Floats = NDArray[np.float64]
KS = (2, 3, 4, 5, 6, 7)
STABLE, SLICE = 0.75, 0.6
_DRAWS = 20
_SEEN = 2_000  # rows whose silhouette is measured
_STARTS = 4

# What tells sellers apart in trade, each by the ending it has in the feature store; the first that is there is used.
ASPECTS: dict[str, tuple[str, ...]] = {
    "orders": ("sales_orders_180d", "sales_orders_lifetime", "n_orders"),
    "revenue": ("sales_revenue_180d", "sales_revenue_lifetime", "sales"),
    "price": ("sales_item_price_mean_180d", "sales_price_mean_180d", "products_price_mean_180d"),
    "time since the last sale": ("sales_days_since_last_sale", "last_month_active_quarter"),
    "time on the marketplace": ("sales_days_since_first_sale", "tenure_months"),
    "review score": ("reviews_score_mean_180d", "reviews_score_mean_lifetime", "median_review_score"),
    "late deliveries": ("delivery_late_share_180d", "delivery_late_share_lifetime"),
    "freight share": ("delivery_freight_share_180d", "delivery_freight_share_lifetime", "sales_freight_share_180d"),
    "states sold to": ("customers_states_180d", "customers_states_lifetime"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One k that was tried: silhouette, mean and least stability of its clusters, rows in its smallest."""

    k: int
    silhouette: float
    stability: float
    least: float
    smallest: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One cluster: name and profile in words, rows, stability, and the median of each column in it."""

    name: str
    words: str
    rows: int
    share: float
    stability: float
    medians: dict[str, float]


@dataclass(frozen=True, slots=True)
class Segments:
    """The segmentation chosen: columns by aspect, how each is scaled, centers (k, d), and each row's segment."""

    columns: dict[str, str]
    logged: tuple[bool, ...]
    middle: tuple[float, ...]
    scale: tuple[float, ...]
    fill: tuple[float, ...]
    centers: NDArray[np.float64]
    tried: tuple[Choice, ...]
    segments: tuple[Segment, ...]
    of_row: NDArray[np.int64]

    def assign(self, table: pa.Table) -> NDArray[np.int64]:
        """The segment (n,) of each row of a table with the same columns."""
        z = self.scaled(table)
        return np.asarray(((z[:, None, :] - self.centers[None]) ** 2).sum(axis=2).argmin(axis=1))

    def scaled(self, table: pa.Table) -> Floats:
        """(n, d): logarithm of what is skewed, standardized, at most 3 deviations off."""
        raw = np.column_stack([_values(table, name) for name in self.columns.values()])
        return _scaled(raw, self.logged, np.array(self.middle), np.array(self.scale), np.array(self.fill))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, without the rows."""
        return {
            "columns": self.columns, "logged": list(self.logged), "middle": list(self.middle),
            "scale": list(self.scale), "fill": list(self.fill), "centers": self.centers.tolist(),
            "tried": [asdict(one) for one in self.tried], "segments": [asdict(one) for one in self.segments],
        }  # fmt: skip


def segment(table: pa.Table, *, seed: int = 0, ks: Sequence[int] = KS) -> Segments:
    """Cluster the rows of `table` by the aspects it has columns for.

    Of the k whose every cluster is stable (Jaccard at least 0.6) and holds at least 2 % of the rows, the one with the
    highest silhouette; where none is, the one whose least stable cluster is most stable. InputError with fewer than 50
    rows or three aspects.
    """
    columns = {
        aspect: next(name for name in names if _measured(table, name))
        for aspect, names in ASPECTS.items()
        if any(_measured(table, name) for name in names)
    }
    if table.num_rows < 50 or len(columns) < 3:
        raise InputError(
            f"segments need 50 rows and 3 aspects; there are {table.num_rows} rows and {', '.join(columns) or 'none'}",
            hint="vitrine market build makes the features that segments look at",
        )
    raw = np.column_stack([_values(table, name) for name in columns.values()])
    logged = tuple(bool(np.nanmin(column) >= 0 and _skew(column) > 1) for column in raw.T)
    fill = np.nanmedian(raw, axis=0)
    plain = _logged(np.where(np.isnan(raw), fill, raw), logged)
    middle, scale = plain.mean(axis=0), plain.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    z = _scaled(raw, logged, middle, scale, fill)
    fits = {k: _tried(z, k, seed) for k in ks if k < len(z) / 10}
    tried = tuple(fits[k][0] for k in fits)
    chosen = choose(tried, len(z))
    _, centers, of_row, stability = fits[chosen.k]
    segments = _described(columns, raw, of_row, stability)
    return Segments(
        columns, logged, tuple(middle.tolist()), tuple(scale.tolist()), tuple(fill.tolist()), centers, tried, segments,
        of_row,
    )  # fmt: skip


def choose(tried: Sequence[Choice], rows: int) -> Choice:
    """The k to use, by the rule that `segment` states."""
    sound = [one for one in tried if one.least >= SLICE and one.smallest >= 0.02 * rows]
    if sound:
        return max(sound, key=lambda one: one.silhouette)
    return max(tried, key=lambda one: one.least)


def _tried(z: Floats, k: int, seed: int) -> tuple[Choice, Floats, NDArray[np.int64], Floats]:
    fitted = KMeans(k, n_init=_STARTS, random_state=seed).fit(z)
    labels = fitted.labels_.astype(np.int64)
    stability = jaccard_stability(z, labels, k, seed=seed)
    seen = min(_SEEN, len(z))
    silhouette = float(silhouette_score(z, labels, sample_size=seen, random_state=seed))
    smallest = int(np.bincount(labels, minlength=k).min())
    choice = Choice(k, round(silhouette, 4), float(stability.mean()), float(stability.min()), smallest)
    return choice, fitted.cluster_centers_, labels, stability


def jaccard_stability(z: Floats, labels: NDArray[np.int64], k: int, *, seed: int, draws: int = _DRAWS) -> Floats:
    """(k,) mean over bootstrap samples of each cluster's best Jaccard overlap with a cluster of the sample."""
    random = np.random.default_rng(seed)
    total = np.zeros(k)
    for draw in range(draws):
        rows = np.unique(random.integers(len(z), size=len(z)))
        again = KMeans(k, n_init=1, random_state=seed + draw).fit(z[rows]).labels_
        both = np.zeros((k, k))
        np.add.at(both, (labels[rows], again), 1)
        union = both.sum(axis=1)[:, None] + both.sum(axis=0)[None] - both
        total += np.divide(both, union, out=np.zeros_like(both), where=union > 0).max(axis=1)
    return np.asarray(total / draws)


def _described(
    columns: dict[str, str], raw: Floats, of_row: NDArray[np.int64], stability: Floats
) -> tuple[Segment, ...]:
    ranks = np.column_stack([_ranks(column) for column in raw.T])
    found = []
    for k in range(len(stability)):
        rows = of_row == k
        apart = np.nanmean(ranks[rows], axis=0) - 0.5
        strongest = np.argsort(-np.abs(apart), kind="stable")
        words = [_word(list(columns)[at], apart[at]) for at in strongest if abs(apart[at]) > 0.12][:4]
        medians = dict(zip(columns, np.nanmedian(raw[rows], axis=0).round(3).tolist(), strict=True))
        name = ", ".join(words[:2]) or "average"
        found.append(
            Segment(name, "; ".join(words) or "like everybody", int(rows.sum()), float(rows.mean()),
                    round(float(stability[k]), 3), medians)
        )  # fmt: skip
    return tuple(found)


def _word(aspect: str, apart: float) -> str:
    degree = "very " if abs(apart) > 0.3 else ""
    low, high = {
        "orders": ("few orders", "many orders"),
        "revenue": ("low revenue", "high revenue"),
        "price": ("cheap goods", "expensive goods"),
        "time since the last sale": ("active lately", "long silent"),
        "time on the marketplace": ("new", "long-established"),
        "review score": ("badly reviewed", "well reviewed"),
        "late deliveries": ("punctual", "often late"),
        "freight share": ("cheap to ship", "costly to ship"),
        "states sold to": ("local", "far-reaching"),
    }[aspect]
    return degree + (high if apart > 0 else low)


def _measured(table: pa.Table, name: str) -> bool:
    return name in table.column_names and not np.isnan(_values(table, name)).all()


def _values(table: pa.Table, name: str) -> Floats:
    values = pc.cast(table.column(name), pa.float64()).to_numpy().astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _skew(column: Floats) -> float:
    known = column[~np.isnan(column)]
    spread = known.std()
    return float((((known - known.mean()) / spread) ** 3).mean()) if len(known) and spread > 0 else 0.0


def _logged(values: Floats, logged: Sequence[bool]) -> Floats:
    return np.where(np.array(logged), np.log1p(np.maximum(values, 0)), values)


def _scaled(raw: Floats, logged: Sequence[bool], middle: Floats, scale: Floats, fill: Floats) -> Floats:
    filled = np.where(np.isnan(raw), fill, raw)
    return np.asarray(np.clip((_logged(filled, logged) - middle) / scale, -3, 3))


def _ranks(column: Floats) -> Floats:
    known = np.sort(column[~np.isnan(column)])
    middle = (np.searchsorted(known, column, "left") + np.searchsorted(known, column, "right")) / 2
    return np.where(np.isnan(column), np.nan, middle / max(1, len(known)))
