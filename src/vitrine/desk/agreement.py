"""How far people agree: second, independent answers to a sample of questions, and Cohen's kappa of each attribute.

A question for a second answer is picked by a coin that falls before anybody answers, and is asked blind: without the
prediction and without the first answer. An audit that found a published answer wrong gets a second look, too; agreement
leaves it out, as these are the hardest questions and no sample of all.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine.desk import journal
from vitrine.desk.journal import DECIDED, REVIEW
from vitrine.learn.certify import upper_bound
from vitrine.records import Decision
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy

_DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class Agreement:
    """First against second answers of one attribute on `n` products, both in 0..1 with 95 % intervals.

    `kappa` is the share of agreement beyond chance (-1..1); None where chance alone agrees always. `confused` lists the
    pairs of values that were told apart differently, most frequent first.
    """

    attribute: str
    n: int
    agreed: float
    agreed_interval: tuple[float, float]
    kappa: float | None
    kappa_interval: tuple[float, float] | None
    confused: Sequence[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class Dispute:
    """Answers to one question that contradict each other and that nobody has settled: (author, value) each."""

    sku: str
    attribute: str
    answers: Sequence[tuple[str, str]]
    version: int


def agreement(catalog: Catalog, taxonomy: Taxonomy) -> list[Agreement]:
    """The agreement of each attribute of the taxonomy that has second answers."""
    pairs: dict[str, list[tuple[str, str]]] = {name: [] for name in taxonomy.attributes}
    for entries in _reviewed(catalog):
        first, reviews = journal.reviewed(journal.live(entries))
        if not journal.sampled_for_review(first) or first.attribute not in pairs:
            continue
        if reviews and first.value and reviews[0].value:
            pairs[first.attribute].append((first.value, reviews[0].value))
    return [_agreement(name, found) for name, found in pairs.items() if found]


def disputes(catalog: Catalog) -> list[Dispute]:
    """The questions whose answers contradict each other; a further decision on one settles it."""
    found = []
    for entries in _reviewed(catalog):
        alive = journal.live(entries)
        if alive and journal.holds(alive) is None:
            first, reviews = journal.reviewed(alive)
            answers = [(one.author, one.value) for one in (first, *reviews) if one.value]
            found.append(Dispute(first.sku, first.attribute, answers, len(entries)))
    return found


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa of n pairs of answers (Cohen 1960); None where both always give one and the same value.

    >>> cohens_kappa([("red", "red")] * 20 + [("red", "pink")] * 5 + [("pink", "red")] * 10 + [("pink", "pink")] * 15)
    0.4
    """
    kappa = float(_kappas(_counted(pairs)[np.newaxis])[0])
    return None if np.isnan(kappa) else round(kappa, 12)


def _agreement(attribute: str, pairs: Sequence[tuple[str, str]]) -> Agreement:
    n, same = len(pairs), sum(a == b for a, b in pairs)
    kappa = cohens_kappa(pairs)
    confused = Counter(tuple(sorted(pair)) for pair in pairs if pair[0] != pair[1])
    return Agreement(
        attribute=attribute,
        n=n,
        agreed=same / n,
        agreed_interval=(1 - upper_bound(n - same, n, 0.025), upper_bound(same, n, 0.025)),
        kappa=kappa,
        kappa_interval=None if kappa is None else _bootstrap(pairs),
        confused=[(a, b, count) for (a, b), count in confused.most_common()],
    )


def _bootstrap(pairs: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """The middle 95 % of kappa over resampled pairs."""
    table = _counted(pairs)
    drawn = np.random.default_rng(0).multinomial(len(pairs), table.ravel() / len(pairs), size=_DRAWS)
    kappas = _kappas(drawn.reshape(_DRAWS, *table.shape))
    if np.isnan(kappas).all():
        return -1.0, 1.0
    low, high = np.nanquantile(kappas, (0.025, 0.975))
    return float(low), float(high)


def _counted(pairs: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
    """How often each value (row: the first answer, column: the second) met each other."""
    place = {value: i for i, value in enumerate(sorted({value for pair in pairs for value in pair}))}
    table = np.zeros((len(place), len(place)), np.int64)
    for first, second in pairs:
        table[place[first], place[second]] += 1
    return table


def _kappas(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Kappa of each table (tables, values, values); NaN where both always give one and the same value."""
    n = tables.sum((1, 2))
    agreed = np.trace(tables, axis1=1, axis2=2) / n
    by_chance = (tables.sum(1) * tables.sum(2)).sum(1) / n**2
    with np.errstate(invalid="ignore"):
        return np.where(by_chance < 1, (agreed - by_chance) / (1 - by_chance), np.nan)


def _reviewed(catalog: Catalog) -> list[list[Decision]]:
    """The entries of every question that has a review."""
    table = schema.decisions
    with catalog.reading() as connection:
        reviews = connection.execute(sa.select(table.c.sku, table.c.attribute).where(table.c.mode == REVIEW)).all()
        found = journal.entries_of(connection, [(row.sku, row.attribute) for row in reviews])
    return [entries for entries in found.values() if any(one.outcome == DECIDED for one in entries)]
