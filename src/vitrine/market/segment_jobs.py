"""Train, keep and apply the segmentation of sellers: the counterpart of `jobs` for the task that has no label."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vitrine.errors import NotFound, StorageError
from vitrine.learn.promote import champion_of, promote
from vitrine.market.clusters import Choice, Segment, Segments, segment
from vitrine.market.make_abt import make_abt
from vitrine.market.tasks import line
from vitrine.market.thinned import LABEL, thinned
from vitrine.records import ModelRecord, now
from vitrine.stores import schema
from vitrine.stores.whole import whole

if TYPE_CHECKING:
    from vitrine.market.home import Market

_AGAIN = "free some space and run vitrine market train segments again"
_LINE = line("segments")


@dataclass(frozen=True, slots=True)
class StabilityComparison:
    """A new segmentation against the champion's: stability (mean Jaccard) of both; there is no label to judge by."""

    challenger: str
    champion: str
    stability: float
    stability_before: float

    @property
    def proven(self) -> bool:
        """At least as stable as the one before."""
        return self.stability >= self.stability_before

    @property
    def advice(self) -> str:
        """What to do where it is not."""
        return "more sellers or months make segments more stable; the present ones stay"

    def sentence(self) -> str:
        """The comparison as a person reads it."""
        return (
            f"{self.challenger} has a stability of {self.stability:.2f}, {self.champion} of {self.stability_before:.2f}"
        )


def run_segments(market: "Market", *, seed: int) -> dict[str, Any]:
    """Cluster the sellers of the latest reference date; the first segmentation becomes the champion. Returns the report."""
    from vitrine.tracking import CHALLENGER, CHAMPION

    abt = make_abt(market.data / "abt", market.features, "segments").abt
    found = segment(abt.table, seed=seed)
    note = thinned(market.sources.manifest)
    head = {"abt": abt.abt_id, "source_id": market.sources.source_id, "thinned": note, **found.to_json()}
    text = json.dumps(head, indent=1, ensure_ascii=False)
    model_id = f"segments-{sha256(text.encode()).hexdigest()[:12]}"
    folder = market.data / "models" / model_id
    with whole(folder / "members.parquet", hint=_AGAIN) as temporary:
        pq.write_table(_members(found, abt.table), temporary)
    with whole(folder / "segments.json", hint=_AGAIN) as temporary:
        temporary.write_text(text, encoding="utf-8")
    market.catalog.add(schema.models, [ModelRecord(model_id, abt.abt_id, None, None, now(), _LINE)])
    chosen = next(one for one in found.tried if one.k == len(found.segments))
    run_id = market.tracker.log(
        f"train {model_id}",
        parameters={"task": "segments", "abt": abt.abt_id, "k": chosen.k, "columns": ", ".join(found.columns.values())},
        metrics={"silhouette": chosen.silhouette, "stability": chosen.stability, "least_stability": chosen.least},
        folder=folder,
    )
    first = champion_of(market.catalog, line=_LINE) is None
    market.tracker.register(_LINE, run_id, alias=CHAMPION if first else CHALLENGER, tags={"model_id": model_id})
    if first:
        promote(market.catalog, model_id, None, line=_LINE)
    report = {
        "task": "segments",
        "rows": abt.table.num_rows,
        "sellers": abt.table.num_rows,
        "model": model_id,
        "promoted": champion_of(market.catalog, line=_LINE) == model_id,
        "k": chosen.k,
        "silhouette": chosen.silhouette,
        "stability": round(chosen.stability, 3),
        "tried": [asdict(one) for one in found.tried],
        "segments": [asdict(one) for one in found.segments],
    }
    return report | ({"warning": f"{LABEL}: {note}"} if note else {})


def compare_stability(market: "Market", challenger: str, champion: str) -> StabilityComparison:
    """The stored stabilities of two segmentations."""
    means = []
    for model_id in (challenger, champion):
        segments, _ = load_segments(market, model_id)
        means.append(float(np.average([one.stability for one in segments.segments])))
    return StabilityComparison(challenger, champion, round(means[0], 4), round(means[1], 4))


def load_segments(market: "Market", model_id: str) -> tuple[Segments, dict[str, Any]]:
    """A segmentation (without its rows) and what was written of its origin; NotFound, StorageError where damaged."""
    path = market.data / "models" / model_id / "segments.json"
    if not path.is_file():
        raise NotFound(f"there is no segmentation {model_id}", hint="vitrine market train segments makes one")
    text = path.read_text(encoding="utf-8")
    if model_id != f"segments-{sha256(text.encode()).hexdigest()[:12]}":
        raise StorageError(f"{path} was changed since it was written", hint=_AGAIN)
    head = json.loads(text)
    segments = Segments(
        columns=head["columns"],
        logged=tuple(head["logged"]),
        middle=tuple(head["middle"]),
        scale=tuple(head["scale"]),
        fill=tuple(head["fill"]),
        centers=np.array(head["centers"]),
        tried=tuple(Choice(**one) for one in head["tried"]),
        segments=tuple(Segment(**one) for one in head["segments"]),
        of_row=np.zeros(0, dtype=np.int64),
    )
    return segments, head


def members(market: "Market", model_id: str) -> pa.Table:
    """seller_id, segment, and the first two principal components (x, y) of every seller that was clustered."""
    return pq.read_table(market.data / "models" / model_id / "members.parquet")


def _members(found: Segments, table: pa.Table) -> pa.Table:
    z = found.scaled(table)
    z = z - z.mean(axis=0)
    _, _, axes = np.linalg.svd(z, full_matrices=False)
    flat = z @ axes[:2].T
    return pa.table({"seller_id": table.column("seller_id"), "segment": found.of_row, "x": flat[:, 0], "y": flat[:, 1]})
