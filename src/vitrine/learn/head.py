"""Fit one attribute's classifier on projected embeddings, choosing its kind out of fold on train."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from vitrine.errors import InputError, Refused, StorageError
from vitrine.learn.boosted import MOST_ROUNDS, Boosted, fit_boosted
from vitrine.learn.folds import folds
from vitrine.learn.linear import LOG_FLOOR, Linear, fit_linear
from vitrine.learn.projection import Projection

Kind = Literal["linear", "xgboost"]
KINDS: tuple[Kind, ...] = ("linear", "xgboost")

FOLDS = 5

# Inverse L2 penalties, weak ones last; the rows of a projection have a mean square of one per column.
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)


class Part(Protocol):
    """What every kind of classifier can do."""

    def log_proba(self, x: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def arrays(self) -> dict[str, NDArray[np.generic]]: ...


PARTS: dict[str, type[Linear] | type[Boosted]] = {"linear": Linear, "xgboost": Boosted}


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
        """(n, columns) rows of the projection as (n, k) natural log probabilities, in the order of `values`."""
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
        """Read what `save` wrote. Raises `StorageError` when it is missing, damaged or not what its id says."""
        try:
            meta = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
            with np.load(folder / "classifier.npz", allow_pickle=False) as arrays:
                part = PARTS[meta["kind"]].from_arrays(dict(arrays))
            loaded = cls(
                meta["attribute"], tuple(meta["values"]), meta["kind"], meta["projection_id"], part
            )
            found = loaded.id
        except Exception as error:
            raise StorageError(f"no usable classifier in {folder}: {error}", hint="train again") from error
        if found != meta["id"]:
            raise StorageError(f"{folder}: numbers of {found} where {meta['id']} is stated", hint="train again")
        return loaded

    def _identity(self) -> dict[str, object]:
        return {
            "attribute": self.attribute, "values": list(self.values),
            "kind": self.kind, "projection_id": self.projection_id,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """One kind tried: figures out of fold on train, `setting` is the penalty or the rounds, `rows` how many."""

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
    k = len(values)
    with threadpool_limits(limits=1):
        fold = folds(y, groups, count=FOLDS, seed=seed)
        tried = []
        for name in KINDS if kind == "auto" else (kind,):
            begun = time.perf_counter()
            setting = _choose_setting(name, x, y, k, fold, seed, threads)
            log_proba = _out_of_fold(name, setting, x, y, k, fold, seed, threads)
            tried.append((name, setting, log_proba, time.perf_counter() - begun))
        best = min(tried, key=lambda one: _log_loss(one[2], y))
        part = _fit(best[0], best[1], x, y, k, seed, threads)
    classifier = Classifier(attribute, tuple(values), best[0], projection_id, part)
    report = tuple(_candidate(*one, y=y, chosen=one is best) for one in tried)
    return Fitted(classifier, best[2], report)


def out_of_fold(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    groups: Sequence[object],
    *,
    k: int,
    kind: Kind,
    setting: float,
    folds_count: int = FOLDS,
    seed: int = 0,
    threads: int = 2,
) -> NDArray[np.float32]:
    """(n, k) log probabilities of each row by a classifier that saw no row of its group.

    A value that a fold's training part lacks gets the floor there (1e-6).
    """
    fold = folds(y, groups, count=folds_count, seed=seed)
    with threadpool_limits(limits=1):
        return _out_of_fold(kind, setting, x, y, k, fold, seed, threads)


def _check(
    x: NDArray[np.float32], y: NDArray[np.int64], values: Sequence[str], groups: Sequence[object], attribute: str
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


def _fit(
    kind: Kind, setting: float, x: NDArray[np.float32], y: NDArray[np.int64], k: int, seed: int, threads: int
) -> Linear | Boosted:
    if kind == "linear":
        return fit_linear(x, y, k, strength=setting)
    return fit_boosted(x, y, k, rounds=int(setting), seed=seed, threads=threads)[0]


def _out_of_fold(
    kind: Kind, setting: float, x: NDArray[np.float32], y: NDArray[np.int64], k: int,
    fold: NDArray[np.int64], seed: int, threads: int,
) -> NDArray[np.float32]:  # fmt: skip
    result = np.full((len(x), k), LOG_FLOOR, dtype=np.float32)
    for held in np.unique(fold):
        out = fold == held
        result[out] = _fit(kind, setting, x[~out], y[~out], k, seed, threads).log_proba(x[out])
    return result


def _choose_setting(
    kind: Kind, x: NDArray[np.float32], y: NDArray[np.int64], k: int,
    fold: NDArray[np.int64], seed: int, threads: int,
) -> float:  # fmt: skip
    """Penalty or rounds that do best on the first fold held out."""
    out = fold == 0
    if kind == "xgboost":
        held_out = (x[out], y[out])
        return fit_boosted(
            x[~out], y[~out], k, rounds=MOST_ROUNDS, held_out=held_out, seed=seed, threads=threads
        )[1]
    losses = {
        strength: _log_loss(fit_linear(x[~out], y[~out], k, strength=strength).log_proba(x[out]), y[out])
        for strength in STRENGTHS
    }
    return min(losses, key=lambda strength: losses[strength])


def _log_loss(log_proba: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    return float(-log_proba[np.arange(len(y)), y].astype(np.float64).mean())


def _candidate(
    kind: Kind, setting: float, log_proba: NDArray[np.float32], seconds: float,
    *, y: NDArray[np.int64], chosen: bool,
) -> Candidate:  # fmt: skip
    guess = log_proba.argmax(axis=1)
    macro = float(f1_score(y, guess, labels=np.unique(y), average="macro", zero_division=0.0))
    accuracy = float((guess == y).mean())
    return Candidate(kind, setting, len(y), _log_loss(log_proba, y), accuracy, macro, seconds, chosen)
