"""Guess labels from pictures with heads that saw no product of the family, to hold labels against them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vitrine.checks.confident import Suspect, suspects
from vitrine.checks.evidence import Evidence
from vitrine.checks.seen import NotApplicable
from vitrine.errors import InputError, MissingPart
from vitrine.learn.calibrate import fit_calibrator
from vitrine.learn.fuse import fuse
from vitrine.learn.head import FOLDS, out_of_fold
from vitrine.learn.projection import fit_projection

Vectors = NDArray[np.float32]

_MOST_FITTED = 20_000
_AT_ONCE = 4_096


def projected(evidence: Evidence, photos_of: Sequence[Sequence[str]]) -> Vectors:
    """(n, columns) projected vectors of n things, each shown by its photos; embeds what is missing.

    Raises NotApplicable where no vectors can be had or they tell nothing apart.
    """
    try:
        vectors = evidence.vectors(sorted({photo for photos in photos_of for photo in photos}))
        embedder = evidence.embedder
        some = np.linspace(0, len(photos_of) - 1, min(len(photos_of), _MOST_FITTED)).astype(int)
        projection = fit_projection(
            fuse([photos_of[i] for i in some], vectors),
            embedder_id=embedder.id,
            blocks=[(block.start, block.stop) for block in embedder.blocks],
        )
    except (MissingPart, InputError) as error:
        raise NotApplicable(f"the photos cannot be compared: {error.message}") from None
    chunks = [
        projection.apply(fuse(photos_of[start : start + _AT_ONCE], vectors), embedder_id=embedder.id)
        for start in range(0, len(photos_of), _AT_ONCE)
    ]
    return np.concatenate(chunks)


def frequent(labels: Sequence[str | None], least: int) -> tuple[str, ...]:
    """The values with at least `least` rows (and one a fold), in order; none where there are not two."""
    counts = Counter(label for label in labels if label)
    values = tuple(sorted(value for value, count in counts.items() if count >= max(least, FOLDS)))
    return values if len(values) > 1 else ()


def contradicted(
    rows: Vectors,
    labels: Sequence[str | None],
    families: Sequence[str],
    values: tuple[str, ...],
) -> list[Suspect]:
    """Labels among `values` that heads of other families contradict, the least probable first.

    Row numbers are those of `rows`. Labels of fewer than `FOLDS` families cannot be judged.
    """
    number = {value: at for at, value in enumerate(values)}
    usable = [i for i, label in enumerate(labels) if label in number]
    groups = [families[i] for i in usable]
    if len(set(groups)) < FOLDS:
        return []
    y = np.array([number[labels[i] or ""] for i in usable], dtype=np.int64)
    log_proba = out_of_fold(rows[usable], y, groups, k=len(values), kind="linear")
    proba = fit_calibrator(log_proba, y, groups).apply(log_proba)
    return [Suspect(usable[one.row], one.given, one.suggested, one.probability) for one in suspects(proba, y)]
