"""Split a base table by group and out of time, with an embargo as long as the horizon.

The last months are the later part. A row is in it, in the embargo (its label was not yet known when the later part
begins, so nothing may learn from it), or before: of those, groups are placed in test (1/4) or train (3/4) by a hash of
their name, and train is dealt into folds by group. Everything is chosen on train.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.learn.folds import folds
from vitrine.market.abt import Abt

TEST_SHARE = 0.25
LATER_SHARE = 0.25
FOLDS = 5
_MANY_DATES = 60  # more distinct dates than this are days, and the later part begins with a month


@dataclass(frozen=True, slots=True)
class Split:
    """`part` (n,) is train, test, embargo or later; `fold` (n,) is 0 to 4 in train and for its groups later, else -1.

    `later_from` is the first reference date of the later part.
    """

    part: NDArray[np.str_]
    fold: NDArray[np.int64]
    later_from: date

    def rows(self, part: str) -> NDArray[np.intp]:
        """Row numbers of a part."""
        return np.flatnonzero(self.part == part)

    @property
    def inner(self) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Pairs of train rows, to fit on and to judge on, for everything that is chosen: the folds by group."""
        train = self.rows("train")
        fold = self.fold[train]
        return [(train[fold != k], train[fold == k]) for k in range(int(fold.max()) + 1)]


def split(abt: Abt, *, seed: int = 0) -> Split:
    """Split `abt`; InputError when its dates leave nothing to learn from before the later part."""
    times = abt.table.column(abt.time).to_numpy().astype("datetime64[D]")
    groups = np.array(abt.table.column(abt.group).to_pylist(), dtype=str)
    labels = abt.table.column("label").to_numpy().astype(np.int64)
    later_from = _later_from(times, abt.horizon_days)
    held = {group: _share(f"{seed} {group}") < TEST_SHARE for group in np.unique(groups).tolist()}
    part = np.where(np.array([held[group] for group in groups.tolist()]), "test", "train").astype("<U7")
    part[times + np.timedelta64(abt.horizon_days, "D") > later_from] = "embargo"
    part[times >= later_from] = "later"
    train = np.flatnonzero(part == "train")
    if not len(train) or len(np.unique(labels[train])) < 2:
        raise InputError(
            f"no rows of both classes are left to learn from before {later_from} with {abt.horizon_days} days of embargo",
            hint="more months of data, or a shorter --horizon",
        )
    fold = np.full(len(part), -1, dtype=np.int64)
    fold[train] = folds(labels[train], groups[train].tolist(), count=FOLDS, seed=seed)
    fold_of = dict(zip(groups[train].tolist(), fold[train].tolist(), strict=True))
    later = np.flatnonzero(part == "later")
    fold[later] = [fold_of.get(group, -1) for group in groups[later].tolist()]
    made = Split(part, fold, later_from.astype(date))
    if any(len(np.unique(labels[rows])) < 2 for rows, _ in made.inner):
        raise InputError(
            f"the rows before {later_from} have too few sellers of both classes to hold any out: "
            f"{int(labels[train].sum())} ones in {len(train):,} rows",
            hint="more months or sellers of data, or a shorter --horizon",
        )
    return made


def _later_from(times: NDArray[np.datetime64], horizon_days: int) -> np.datetime64:
    """The date whose later part is nearest to a quarter of all rows, of those that leave rows before the embargo."""
    dates = np.unique(times)
    if len(dates) > _MANY_DATES:
        dates = np.unique(times.astype("datetime64[M]").astype("datetime64[D]"))[1:]
    usable = [day for day in dates if (times + np.timedelta64(horizon_days, "D") <= day).any()]
    if not usable:
        raise InputError(
            f"the dates {times.min()} to {times.max()} leave nothing before an embargo of {horizon_days} days",
            hint="more months of data, or a shorter --horizon",
        )
    chosen: np.datetime64 = min(usable, key=lambda day: abs(float((times >= day).mean()) - LATER_SHARE))
    return chosen


def _share(text: str) -> float:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") / 2**64


def check_split(abt: Abt, parts: Split) -> None:
    """Refuse a split in which a group learns and is tested, or a label was not known when the later part begins.

    Raises InputError that names the group or the date.
    """
    groups = np.array(abt.table.column(abt.group).to_pylist(), dtype=str)
    both = np.intersect1d(groups[parts.rows("train")], groups[parts.rows("test")])
    if len(both):
        raise InputError(f"{len(both):,} groups stand in train and in test, the first is {both[0]}")
    times = abt.table.column(abt.time).to_numpy().astype("datetime64[D]")[parts.rows("train")].astype(object)
    early = [time for time in times.tolist() if time + timedelta(days=abt.horizon_days) > parts.later_from]
    if early:
        raise InputError(f"{len(early):,} train rows of {max(early)} have labels that reach past {parts.later_from}")
