"""Fit one attribute's classifier on projected embeddings, choosing its kind out of fold on train."""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vitrine.errors import InputError, Refused, StorageError
from vitrine.learn.folds import folds
from vitrine.learn.kinds import (
    KINDS,
    Audition,
    Kind,
    Part,
    Rows,
    audition,
    fit_and_hold_out,
    log_loss,
    part_from,
)
from vitrine.learn.projection import Projection

FOLDS = 5

# A kind whose log-loss on the first fold is above the best by this factor is not fitted on the other folds.
CLOSE = 1.03


@dataclass(frozen=True, slots=True)
class Classifier:
    """Knows the `values` of one attribute; reads rows of the projection named `projection_id`."""

    attribute: str
    values: tuple[str, ...]
    kind: Kind
    projection_id: str
    part: Part

    @property
    def id(self) -> str:
        """Content id: the same values, projection and numbers give the same id."""
        digest = sha256(json.dumps(self._identity(), sort_keys=True).encode())
        for name, numbers in sorted(self.part.arrays().items()):
            digest.update(f"{name} {numbers.dtype} {numbers.shape}".encode() + numbers.tobytes())
        return f"classifier-{digest.hexdigest()[:12]}"

    def log_proba(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, columns) rows of the projection as (n, k) log probabilities, in the order of `values`."""
        return self.part.log_proba(x)

    def check(self, projection: Projection) -> None:
        """Raise `Refused` unless `projection` is the one it was fitted on."""
        if projection.id != self.projection_id:
            raise Refused(
                f"the {self.attribute} classifier reads {self.projection_id}, not {projection.id}",
                hint="load the projection saved with it, or train again",
            )

    def save(self, folder: Path) -> None:
        """Write `classifier.npz` (numbers) and then `classifier.json` (identity) into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "classifier.npz", allow_pickle=False, **self.part.arrays())
        meta = {"id": self.id, **self._identity()}
        text = json.dumps(meta, indent=1, ensure_ascii=False)
        (folder / "classifier.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises `StorageError` when it is missing, damaged or not as stated."""
        try:
            meta = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
            with np.load(folder / "classifier.npz", allow_pickle=False) as arrays:
                part = part_from(meta["kind"], dict(arrays))
            loaded = cls(meta["attribute"], tuple(meta["values"]), meta["kind"], meta["projection_id"], part)
            found = loaded.id
        except Exception as error:
            raise StorageError(f"no usable classifier in {folder}: {error}", hint="train again") from error
        if found != meta["id"]:
            raise StorageError(f"{folder} holds {found} and states {meta['id']}", hint="train again")
        return loaded

    def _identity(self) -> dict[str, object]:
        return {
            "attribute": self.attribute, "values": list(self.values),
            "kind": self.kind, "projection_id": self.projection_id,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """One kind tried; `setting` is its penalty, epochs or rounds.

    Figures are out of fold on `rows` rows of train: all, or only the first fold for kinds that were behind.
    """

    kind: str
    setting: float
    rows: int
    log_loss: float
    accuracy: float
    macro_f1: float
    seconds: float
    chosen: bool

    def as_dict(self) -> dict[str, object]:
        """For JSON reports."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A classifier fitted on all rows, the (n, k) log probabilities out of fold, and what was tried."""

    classifier: Classifier
    oof_log_proba: NDArray[np.float32]
    report: tuple[Candidate, ...]


def fit_classifier(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    values: Sequence[str],
    groups: Sequence[object],
    *,
    attribute: str,
    projection_id: str,
    kind: Kind | Literal["auto"] = "auto",
    seed: int = 0,
    threads: int = 2,
) -> Fitted:
    """Fit on train rows `x` (n, columns) whose values are `values[y]`; `groups` are their families.

    Everything is chosen by predictions out of fold, `FOLDS` folds of whole families; "auto" keeps the kind
    with the smaller log-loss. The same input and seed give the same classifier. Raises `InputError` for fewer
    than two values with rows, fewer than two families, or arrays that do not agree.
    """
    _check(x, y, values, groups, attribute)
    rows = Rows(x, y, len(values), folds(y, groups, count=FOLDS, seed=seed))
    heard = _hear(KINDS if kind == "auto" else (kind,), rows, seed, threads)
    tried = [_try(one, rows, seed, threads) for one in _finalists(heard, y[rows.fold == 0])]
    best = min(tried, key=lambda one: log_loss(one.log_proba, y))
    classifier = Classifier(attribute, tuple(values), best.kind, projection_id, best.part)
    report = [_candidate(one, y, chosen=one is best) for one in tried]
    through = {one.kind for one in tried}
    report += [_candidate(one, y[rows.fold == 0]) for one in heard if one.kind not in through]
    return Fitted(classifier, best.log_proba, tuple(report))


def out_of_fold(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    groups: Sequence[object],
    *,
    k: int,
    kind: Kind,
    seed: int = 0,
    threads: int = 2,
) -> NDArray[np.float32]:
    """(n, k) log probabilities of each row by a classifier that saw no row of its group, `FOLDS` folds.

    A value that a fold's training part lacks gets next to nothing there, at least 1e-6.
    """
    rows = Rows(x, y, k, folds(y, groups, count=FOLDS, seed=seed))
    return _try(_hear((kind,), rows, seed, threads)[0], rows, seed, threads).log_proba


@dataclass(frozen=True, slots=True)
class _Tried:
    kind: Kind
    setting: float
    part: Part
    log_proba: NDArray[np.float32]
    seconds: float


def _hear(kinds: Sequence[Kind], rows: Rows, seed: int, threads: int) -> list[Audition]:
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda kind: audition(kind, rows, seed, race=len(kinds) > 1), kinds))


def _finalists(heard: Sequence[Audition], y: NDArray[np.int64]) -> list[Audition]:
    """Those close enough to the best on the first fold that the other folds may turn the order."""
    whole = [one for one in heard if one.whole]
    least = min(log_loss(one.log_proba, y) for one in whole)
    return [one for one in whole if log_loss(one.log_proba, y) <= CLOSE * least]


def _try(one: Audition, rows: Rows, seed: int, threads: int) -> _Tried:
    begun = time.perf_counter()
    part, log_proba = fit_and_hold_out(one.kind, one.setting, rows, one.log_proba, seed=seed, threads=threads)
    return _Tried(one.kind, one.setting, part, log_proba, one.seconds + time.perf_counter() - begun)


def _check(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    values: Sequence[str],
    groups: Sequence[object],
    attribute: str,
) -> None:
    if not len(x) == len(y) == len(groups):
        raise InputError(f"{attribute}: {len(x)} rows, {len(y)} values and {len(groups)} groups do not agree")
    present = np.unique(y)
    if len(present) and (present[0] < 0 or present[-1] >= len(values)):
        raise InputError(f"{attribute}: value number {present[-1]} where there are {len(values)} values")
    if len(present) < 2:
        only = f"all are {values[present[0]]!r}" if len(present) else "none is labelled"
        raise InputError(
            f"{attribute}: nothing to tell apart in {len(y)} training rows, {only}",
            hint="label products of at least two values, or leave the attribute out",
        )


def _candidate(one: _Tried | Audition, y: NDArray[np.int64], *, chosen: bool = False) -> Candidate:
    from sklearn.metrics import f1_score

    guess = one.log_proba.argmax(axis=1)
    macro = float(f1_score(y, guess, labels=np.unique(y), average="macro", zero_division=0.0))
    accuracy = float((guess == y).mean())
    return Candidate(one.kind, one.setting, len(y), log_loss(one.log_proba, y), accuracy, macro, one.seconds, chosen)
