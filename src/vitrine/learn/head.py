"""Fit one attribute's classifier on projected embeddings, choosing its kind out of fold on train."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from vitrine.errors import InputError, Refused, StorageError
from vitrine.learn.boosted import fit_boosted
from vitrine.learn.folds import folds
from vitrine.learn.kinds import (
    KINDS,
    Kind,
    Part,
    Rows,
    choose_setting,
    fit,
    fit_and_hold_out,
    log_loss,
    part_from,
)
from vitrine.learn.projection import Projection

FOLDS = 5

# Trees are slow: "auto" first lets them race the linear head, few rounds on few rows.
SCREEN_ROWS = 3_000
SCREEN_ROUNDS = 40
SCREEN_STRENGTH = 0.03


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
    """One kind tried: figures out of fold on train, `setting` is the penalty, epochs or rounds."""

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
    tried = []
    for name in _contenders(rows, seed) if kind == "auto" else (kind,):
        begun = time.perf_counter()
        with threadpool_limits(limits=1):
            setting = choose_setting(name, rows, seed)
        part, log_proba = fit_and_hold_out(name, setting, rows, seed=seed, threads=threads)
        tried.append(_Tried(name, setting, part, log_proba, time.perf_counter() - begun))
    best = min(tried, key=lambda one: log_loss(one.log_proba, y))
    classifier = Classifier(attribute, tuple(values), best.kind, projection_id, best.part)
    report = tuple(_candidate(one, y, chosen=one is best) for one in tried)
    return Fitted(classifier, best.log_proba, report)


def out_of_fold(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    groups: Sequence[object],
    *,
    k: int,
    kind: Kind,
    setting: float | None = None,
    seed: int = 0,
    threads: int = 2,
) -> NDArray[np.float32]:
    """(n, k) log probabilities of each row by a classifier that saw no row of its group, `FOLDS` folds.

    `setting` is the penalty (linear), epochs (network) or rounds (xgboost); without one it is chosen as
    `fit_classifier` does. A value that a fold's training part lacks gets 1e-6 or less there.
    """
    rows = Rows(x, y, k, folds(y, groups, count=FOLDS, seed=seed))
    chosen = choose_setting(kind, rows, seed) if setting is None else setting
    return fit_and_hold_out(kind, chosen, rows, seed=seed, threads=threads)[1]


@dataclass(frozen=True, slots=True)
class _Tried:
    kind: Kind
    setting: float
    part: Part
    log_proba: NDArray[np.float32]
    seconds: float


def _contenders(rows: Rows, seed: int) -> tuple[Kind, ...]:
    """All kinds, without the trees when a short race on the first fold shows them behind the linear head."""
    out = rows.fold == 0
    few = np.flatnonzero(~out)
    few = np.sort(np.random.default_rng(seed).permutation(few)[:SCREEN_ROWS])
    mask = np.zeros(len(rows.x), dtype=np.bool_)
    mask[few] = True
    with threadpool_limits(limits=1):
        plain = fit("linear", SCREEN_STRENGTH, rows, mask, seed).log_proba(rows.x[out])
        held_out = (rows.x[out], rows.y[out])
        trees, _ = fit_boosted(
            rows.x[mask], rows.y[mask], rows.k, rounds=SCREEN_ROUNDS, held_out=held_out, seed=seed
        )
    behind = log_loss(trees.log_proba(rows.x[out]), rows.y[out]) > log_loss(plain, rows.y[out])
    return tuple(kind for kind in KINDS if kind != "xgboost" or not behind)


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


def _candidate(one: _Tried, y: NDArray[np.int64], *, chosen: bool) -> Candidate:
    guess = one.log_proba.argmax(axis=1)
    macro = float(f1_score(y, guess, labels=np.unique(y), average="macro", zero_division=0.0))
    accuracy = float((guess == y).mean())
    return Candidate(
        one.kind, one.setting, len(y), log_loss(one.log_proba, y), accuracy, macro, one.seconds, chosen
    )
