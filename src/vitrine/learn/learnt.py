"""What one attribute learnt on the train part, kept so that a later model can take it over as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vitrine.errors import StorageError
from vitrine.learn.calibrate import Calibrator
from vitrine.learn.head import Classifier
from vitrine.learn.projection import Projection
from vitrine.taxonomy import Taxonomy

_ANSWERS = "out_of_fold.parquet"


@dataclass(frozen=True, slots=True)
class Learnt:
    """A classifier and its calibrator, what was tried, and its answers out of fold.

    `oof_log_proba` (n, values) are log probabilities by classifiers that saw neither the label of `skus[i]` nor
    one of its family: what everything later is chosen on.
    """

    classifier: Classifier
    calibrator: Calibrator
    report: tuple[Mapping[str, Any], ...]
    skus: tuple[str, ...]
    oof_log_proba: NDArray[np.float32]

    def save_answers(self, folder: Path) -> None:
        """Write the answers out of fold beside the classifier."""
        columns = self.oof_log_proba.shape[1]
        flat = pa.array(np.ascontiguousarray(self.oof_log_proba, np.float32).reshape(-1))
        answers = pa.FixedSizeListArray.from_arrays(flat, columns)
        pq.write_table(pa.table({"sku": pa.array(self.skus, pa.string()), "log_proba": answers}), folder / _ANSWERS)

    @classmethod
    def load(cls, folder: Path, calibrator: Calibrator, report: Sequence[Mapping[str, Any]]) -> Self:
        """Read a classifier and its answers; StorageError where they are missing or damaged."""
        classifier = Classifier.load(folder)
        try:
            table = pq.read_table(folder / _ANSWERS)
            flat = pa.concat_arrays(table.column("log_proba").chunks).flatten().to_numpy()
        except (OSError, pa.ArrowException, KeyError) as error:
            raise StorageError(
                f"{folder} has no answers out of fold: {error}", hint="vitrine train without --attribute"
            ) from None
        log_proba = flat.reshape(table.num_rows, len(classifier.values))
        return cls(classifier, calibrator, tuple(report), tuple(table.column("sku").to_pylist()), log_proba)


@dataclass(frozen=True, slots=True)
class Basis:
    """An earlier model as training sees it: the projection that its heads read, and what they learnt."""

    model_id: str
    projection: Projection
    learnt: Mapping[str, Learnt]

    def kept(self, taxonomy: Taxonomy, again: Sequence[str]) -> tuple[dict[str, Learnt], dict[str, str]]:
        """The heads to take over when `again` are learnt anew, and why others cannot be."""
        kept, left_out = {}, {}
        for name, one in self.learnt.items():
            if name in again:
                continue
            if name not in taxonomy.attributes:
                left_out[name] = "it is no longer in the taxonomy"
            elif gone := set(one.classifier.values) - set(taxonomy.attributes[name].values):
                left_out[name] = f"the taxonomy has no {', '.join(sorted(gone))} any more: learn it again as well"
            else:
                kept[name] = one
        return kept, left_out
