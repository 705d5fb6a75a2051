"""The one function that certify, evaluate and classify all call: `decide`, from vectors to final answers.

Heads score, calibrators turn scores into probabilities, the grammar finds the most probable consistent set of values.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.learn.calibrate import Calibrator
from vitrine.learn.grammar import Decoded, Grammar
from vitrine.learn.head import Classifier
from vitrine.learn.projection import Projection
from vitrine.taxonomy import Taxonomy

_ROWS_AT_ONCE = 8_192


@dataclass(frozen=True, slots=True)
class Predictor:
    """Everything that decides together: a projection of the embedding, and per attribute a classifier and calibrator."""

    projection: Projection
    classifiers: Mapping[str, Classifier]
    calibrators: Mapping[str, Calibrator]
    grammar: Grammar

    @classmethod
    def build(
        cls,
        projection: Projection,
        classifiers: Mapping[str, Classifier],
        calibrators: Mapping[str, Calibrator],
        taxonomy: Taxonomy,
    ) -> "Predictor":
        """Join parts that were trained on the same projection."""
        grammar = Grammar(taxonomy, {name: classifier.values for name, classifier in classifiers.items()})
        return cls(projection, classifiers, calibrators, grammar)

    def decide(self, vectors: NDArray[np.float32]) -> dict[str, Decoded]:
        """Final answers for n products from their vectors (n, dim); a row's answer does not depend on the others."""
        return self.decide_projected(self.projection.apply(vectors, embedder_id=self.projection.embedder_id))

    def decide_projected(self, projected: NDArray[np.float32]) -> dict[str, Decoded]:
        """The same from vectors that are projected already, (n, d')."""
        chunks = [
            self.grammar.decode(self.probabilities(projected[start : start + _ROWS_AT_ONCE]))
            for start in range(0, max(1, len(projected)), _ROWS_AT_ONCE)
        ]
        return chunks[0] if len(chunks) == 1 else {name: _joined([c[name] for c in chunks]) for name in chunks[0]}

    def probabilities(self, projected: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Each head's calibrated probabilities (n, its values), before the grammar."""
        return {
            name: self.calibrators[name].apply(classifier.log_proba(projected))
            for name, classifier in self.classifiers.items()
        }


def _joined(parts: list[Decoded]) -> Decoded:
    return Decoded(
        np.concatenate([part.value_index for part in parts]),
        np.concatenate([part.confidence for part in parts]),
        np.concatenate([part.marginal for part in parts]),
    )
