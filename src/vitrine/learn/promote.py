"""Champion by proof: a challenger takes over only when it is shown to be better and no value suffers.

Models compete within a line: all photo heads in one, each task of the marketplace in one of its own. Heads
are compared on their stored answers to the same test rows: a gain by a paired bootstrap over families,
and no drop of more than 2 points in any value with at least 30 test rows (one-sided paired z-tests,
Holm-corrected: uncorrected, a model that is better everywhere would be blocked in 43 % of cases with 47 values).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from numpy.typing import NDArray
from scipy.special import ndtr

from vitrine.errors import NotFound, Refused, sentence
from vitrine.learn.evaluate import interval_of_difference
from vitrine.records import PHOTOS, Promotion, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

_ALLOWED_DROP = 0.02
_LEAST_ROWS = 30
_RISK = 0.05
_ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Challenger against champion on `n` common test answers: gain in accuracy and values that drop.

    A `retired` champion belongs to an earlier taxonomy and decides nothing any more, whoever follows it.
    """

    challenger: str
    champion: str
    n: int
    gain: float
    interval: tuple[float, float]
    drops: tuple[str, ...]
    retired: bool = False

    @property
    def proven(self) -> bool:
        """Better beyond chance, and nothing drops; against a retired champion, not worse beyond chance."""
        return not self.worse if self.retired else self.interval[0] > 0 and not self.drops

    @property
    def advice(self) -> str:
        """What to do where nothing is proven."""
        return sentence("label more products where the gain is small; `vitrine models` shows both scorecards")

    @property
    def worse(self) -> bool:
        """Worse beyond chance, in all or in a value."""
        return self.interval[1] < 0 or bool(self.drops)

    def sentence(self) -> str:
        """The comparison as a person reads it."""
        low, high = self.interval
        compared = sentence(
            "{challenger} against {champion}: {gain:+.2f} points (95 % interval {low:+.2f} to {high:+.2f}, n = {n:,})",
            challenger=self.challenger,
            champion=self.champion,
            gain=100 * self.gain,
            low=100 * low,
            high=100 * high,
            n=self.n,
        )
        drops = ", ".join(self.drops)
        return sentence("{compared}; drops in {drops}", compared=compared, drops=drops) if drops else compared


def compare(challenger: pa.Table, champion: pa.Table, *, names: tuple[str, str]) -> Comparison:
    """Compare stored test answers (schema `evaluate.ROWS`) joined by sku and attribute.

    Raises Refused when they have no answer in common, or when the challenger leaves out an attribute.
    """
    lost = set(champion.column("attribute").to_pylist()) - set(challenger.column("attribute").to_pylist())
    if lost:
        raise Refused(
            sentence(
                "{challenger} does not decide {attributes}, which {champion} does",
                challenger=names[0],
                attributes=", ".join(sorted(lost)),
                champion=names[1],
            ),
            hint=sentence("vitrine train without --attribute learns all of them"),
        )
    keys = ["sku", "attribute"]
    right = champion.select([*keys, "value"]).rename_columns([*keys, "before"])
    both = challenger.join(right, keys=keys, join_type="inner").sort_by([(key, "ascending") for key in keys])
    if not both.num_rows:
        raise Refused(
            sentence(
                "{challenger} and {champion} were not evaluated on common test products",
                challenger=names[0],
                champion=names[1],
            ),
            hint=sentence("vitrine evaluate, for both models, then promote again"),
        )
    columns = {name: np.array(both.column(name).to_pylist(), dtype=object) for name in both.column_names}
    now_right, before_right = (columns[name] == columns["label"] for name in ("value", "before"))
    difference = now_right.astype(np.float64) - before_right
    gain = interval_of_difference(difference, columns["family_id"].astype(str))
    return Comparison(*names, both.num_rows, float(difference.mean()), gain, _drops(columns, difference))


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A retired champion whose answers were never stored: nothing can be compared, and it decides nothing any more."""

    challenger: str
    champion: str
    reason: str = "the taxonomy changed"
    proven: bool = True
    advice: str = ""

    def sentence(self) -> str:
        """The comparison as a person reads it."""
        return f"{self.challenger} follows {self.champion}: {self.reason}"


class Proof(Protocol):
    """What a promotion needs of a comparison, a dataclass; `Comparison` is that of photo heads."""

    @property
    def challenger(self) -> str:
        """The model that wants to be champion."""

    @property
    def champion(self) -> str:
        """The model it was compared with."""

    @property
    def proven(self) -> bool:
        """Whether the challenger is better beyond chance."""

    @property
    def advice(self) -> str:
        """What to do where it is not."""

    def sentence(self) -> str:
        """The comparison as a person reads it."""


def champion_of(catalog: Catalog, *, line: str = PHOTOS) -> str | None:
    """The model id of a line's champion; None before its first promotion."""
    history = champion_history(catalog, line=line)
    return history[-1].model_id if history else None


def champion_history(catalog: Catalog, *, line: str = PHOTOS) -> list[Promotion]:
    """Every promotion and rollback in a line, oldest first."""
    entries = schema.promotions
    rows = catalog.rows(sa.select(entries).where(entries.c.line == line).order_by(entries.c.position))
    return [Promotion(**row) for row in rows]


def promote(catalog: Catalog, model_id: str, comparison: Proof | None, *, line: str = PHOTOS) -> Promotion:
    """Make `model_id` the champion of its line: the first one by itself, every later one by a proven comparison.

    Raises Refused with the figures when the comparison proves nothing.
    """
    history = champion_history(catalog, line=line)
    champion = history[-1].model_id if history else None
    if champion == model_id:
        raise Refused(sentence("{model} is the champion already", model=model_id))
    compared = (comparison.challenger, comparison.champion) if comparison else None
    if champion is not None and compared != (model_id, champion):
        raise Refused(f"{model_id} was not compared with the champion {champion}", hint="vitrine promote")
    if comparison is not None and not comparison.proven:
        raise Refused(sentence("not promoted: {verdict}", verdict=comparison.sentence()), hint=comparison.advice)
    reason: dict[str, Any] = {"reason": "the first model"}
    evidence = asdict(cast("Any", comparison)) if comparison else reason
    return _append(catalog, line, history, model_id, "promoted", evidence)


def roll_back(catalog: Catalog, *, reason: str = "", line: str = PHOTOS) -> Promotion:
    """Make the line's champion before the present one champion again; the history keeps both."""
    history = champion_history(catalog, line=line)
    before = earlier_champion(history)
    if before is None:
        hint = sentence("vitrine models shows the history")
        raise NotFound(sentence("there is no earlier champion to go back to"), hint=hint)
    return _append(catalog, line, history, before, _ROLLED_BACK, {"reason": reason or "asked for"})


def earlier_champion(history: Sequence[Promotion]) -> str | None:
    """The model that `roll_back` would make champion again, from a line's whole history; None where there is none."""
    standing: list[str] = []
    for entry in history:
        if entry.action == _ROLLED_BACK:
            standing.pop()
        else:
            standing.append(entry.model_id)
    return standing[-2] if len(standing) > 1 else None


def _append(
    catalog: Catalog, line: str, history: list[Promotion], model_id: str, action: str, evidence: dict[str, Any]
) -> Promotion:
    """Add the entry after `history`; refused when another one has taken that place since it was read."""
    replaces = history[-1].model_id if history else None
    entry = Promotion(len(history) + 1, model_id, replaces, action, json.dumps(evidence), now(), line)
    if not catalog.add(schema.promotions, [entry]):
        raise Refused("somebody else changed the champion just now", hint="vitrine models shows the history")
    return entry


def _drops(columns: dict[str, NDArray[Any]], difference: NDArray[np.float64]) -> tuple[str, ...]:
    """Values whose accuracy falls by more than the allowed drop beyond chance, after Holm's correction."""
    found: list[tuple[float, str]] = []
    keys = sorted(set(zip(columns["attribute"], columns["label"], strict=True)))
    for attribute, value in keys:
        of_value = difference[(columns["attribute"] == attribute) & (columns["label"] == value)]
        if len(of_value) >= _LEAST_ROWS:
            spread = max(float(of_value.std(ddof=1)), 1e-9) / np.sqrt(len(of_value))
            p_value = float(ndtr((of_value.mean() + _ALLOWED_DROP) / spread))
            points = 100 * float(of_value.mean())
            told = sentence(
                "{attribute} = {value} ({points:+.1f} points)", attribute=attribute, value=value, points=points
            )
            found.append((p_value, told))
    found.sort()
    drops = []
    for rank, (p_value, text) in enumerate(found):
        if p_value > _RISK / (len(found) - rank):
            break
        drops.append(text)
    return tuple(drops)
