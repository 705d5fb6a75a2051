"""A trained model of one task: what it reads, its scorer, its calibration, and where it comes from; JSON and UBJSON files.

The id is made from the content. A model refuses rows whose features were made by another SQL or lack a column.
"""

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import minimize

from vitrine.errors import NotFound, StorageError
from vitrine.market.encoding import Encoding
from vitrine.market.scorers import KINDS, Scorer
from vitrine.stores.whole import whole

Floats = NDArray[np.float64]
_AGAIN = "free some space and run vitrine market train again"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Log-odds in, log-odds that mean what they say out: slope * margin + shift (Platt 1999), fitted out of fold."""

    slope: float = 1.0
    shift: float = 0.0

    def probability(self, margin: Floats) -> Floats:
        """(n,) probabilities."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * margin + self.shift))))


def fit_calibration(margin: Floats, y: NDArray[Any]) -> Calibration:
    """Minimize the log-loss of out-of-fold margins (n,) for labels (n,); the order of rows never turns around."""

    def loss(theta: Floats) -> tuple[float, Floats]:
        z = theta[0] * margin + theta[1]
        gap = 1 / (1 + np.exp(-z)) - y
        value = float(np.mean(np.logaddexp(0, z) - y * z))
        return value, np.array([float(np.mean(gap * margin)), float(np.mean(gap))])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.05, 5.0), (None, None)]).x
    return Calibration(float(found[0]), float(found[1]))


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model was made from, and for whom its scores hold (`population`); `thinned` says why it is no result."""

    task: str
    abt_id: str
    source_id: str
    features_id: str
    population: str
    horizon_days: int
    later_from: str
    rows: int
    groups: int
    thinned: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A scorer with its encoding, calibration and origin; `settings` are the hyperparameters chosen on train."""

    origin: Origin
    encoding: Encoding
    scorer: Scorer
    calibration: Calibration
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def model_id(self) -> str:
        """`task-…`, from the content."""
        text = json.dumps(self._head(), sort_keys=True).encode()
        return f"{self.origin.task}-{sha256(text + self.scorer.to_bytes()).hexdigest()[:12]}"

    def probability(self, table: pa.Table) -> Floats:
        """(n,) calibrated probabilities of the rows of `table`."""
        return self.calibration.probability(self.scorer.margin(self.encoding.matrix(table)))

    def reasons(self, table: pa.Table) -> Floats:
        """(n, features + 1) parts of the calibrated log-odds, one a feature and last what all rows have; rows sum to it."""
        parts = self.scorer.contributions(self.encoding.matrix(table)) * self.calibration.slope
        of_feature = np.zeros((len(parts), len(self.encoding.features) + 1))
        np.add.at(of_feature.T, self.encoding.feature_of, parts[:, :-1].T)
        of_feature[:, -1] = parts[:, -1] + self.calibration.shift
        return of_feature

    def save(self, folder: Path) -> Path:
        """Write `<folder>/<id>/model.json` and `weights`; the JSON comes last, so that its presence means whole."""
        place = folder / self.model_id
        with whole(place / "weights", hint=_AGAIN) as temporary:
            temporary.write_bytes(self.scorer.to_bytes())
        with whole(place / "model.json", hint=_AGAIN) as temporary:
            temporary.write_text(json.dumps(self._head(), indent=1, ensure_ascii=False), encoding="utf-8")
        return place

    @classmethod
    def load(cls, folder: Path, model_id: str) -> Self:
        """The model of that id; NotFound, or StorageError when its files are not what was written."""
        place = folder / model_id
        if not (place / "model.json").is_file():
            raise NotFound(f"there is no model {model_id}", hint="vitrine market models lists those there are")
        try:
            head = json.loads((place / "model.json").read_text(encoding="utf-8"))
            model = cls(
                Origin(**head["origin"]),
                Encoding.from_json(head["encoding"]),
                KINDS[head["kind"]].from_bytes((place / "weights").read_bytes()),
                Calibration(**head["calibration"]),
                head["settings"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(f"model {model_id} could not be read: {error}", hint=_AGAIN) from None
        if model.model_id != model_id:
            raise StorageError(f"the files of {model_id} were changed: they are {model.model_id} now", hint=_AGAIN)
        return model

    def _head(self) -> dict[str, Any]:
        return {
            "kind": self.scorer.kind,
            "origin": asdict(self.origin),
            "encoding": self.encoding.to_json(),
            "calibration": asdict(self.calibration),
            "settings": self.settings,
        }
