"""The checks that photos of deliveries are held against: made once for a champion and a catalog, and kept as files."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine.intake.ingest import blob_key
from vitrine.learn.fuse import photos_to_fuse
from vitrine.learn.model import load_basis
from vitrine.learn.promote import champion_of
from vitrine.learn.train import project
from vitrine.receive.accepted import Accepted, accepted, count_accepted
from vitrine.receive.bound import needed
from vitrine.receive.brand_check import CATALOG, DELIVERIES, BrandCheck, Rows, fit_brand_check
from vitrine.receive.product_check import ProductCheck, fit_product_check
from vitrine.stores import schema
from vitrine.stores.whole import whole
from vitrine.taxonomy import Attribute

if TYPE_CHECKING:
    from vitrine.learn.model import Model
    from vitrine.learn.predictor import Predictor
    from vitrine.workspace import Workspace

_MOST_REFERENCES = 6_000
_DELIVERIES_AT_ONCE = 50
_FORMAT = 2  # of what is kept; older files are made anew


@dataclass(frozen=True, slots=True)
class Checks:
    """What photos are held against; each check is missing where there is nothing to make it of."""

    key: str
    model_id: str | None
    predictor: "Predictor | None"
    brand: BrandCheck | None
    product: ProductCheck | None


def brands_of(workspace: "Workspace") -> Attribute | None:
    """The attribute that says the brand, None where the taxonomy has none."""
    return workspace.taxonomy.attributes.get(workspace.settings.receive.brand)


def checks_key(workspace: "Workspace") -> str:
    """What the checks depend on, as one short id."""
    attribute = brands_of(workspace)
    known: list[Any] = [_FORMAT, champion_of(workspace.catalog), attribute and attribute.name, workspace.embedding_id]
    known += [workspace.settings.receive.model_dump(), workspace.catalog.count(schema.product_photos)]
    if attribute is not None:  # proven anew after every so many accepted deliveries, not after each
        known.append(count_accepted(workspace.catalog, attribute.name) // _DELIVERIES_AT_ONCE)
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]


def make_checks(workspace: "Workspace", key: str) -> Checks:
    """The checks of this key: as they were kept, else made from the champion's data set and the catalog's photos.

    Where both checks can be made they share the allowed rates (Bonferroni), so that what is promised holds for the answer.
    """
    folder = workspace.data / "receive"
    kept = folder / f"{key}.json"
    model = workspace.model() if champion_of(workspace.catalog) else None
    if not kept.is_file():
        brand, product = _fit(workspace, model)
        _keep(folder, key, brand, product)
    data = json.loads(kept.read_text(encoding="utf-8"))
    return Checks(
        key,
        model.model_id if model else None,
        model.predictor if model else None,
        BrandCheck.load(data["brand"], folder / f"{key}.npz") if data["brand"] else None,
        ProductCheck.from_json(data["product"]) if data["product"] else None,
    )


def _fit(workspace: "Workspace", model: "Model | None") -> tuple[BrandCheck | None, ProductCheck | None]:
    attribute = brands_of(workspace)
    learnt = model is not None and attribute is not None and attribute.name in model.attributes
    shared = _product_check(workspace, tests=2 if learnt else 1)
    brand = None
    if model is not None and attribute is not None and learnt:
        brand = _brand_check(workspace, model, attribute.name, tests=2 if shared else 1)
    return brand, shared


def _product_check(workspace: "Workspace", *, tests: int) -> ProductCheck | None:
    """The check of products, None where too few have several photos to prove anything."""
    table = schema.members
    placed = sa.select(table.c.sku, table.c.family_id).where(table.c.part != "test")
    members = workspace.catalog.rows(placed)
    made = fit_product_check(
        photos_to_fuse(workspace.catalog.read(schema.product_photos)),
        {row["sku"]: row["family_id"] for row in members},
        workspace.embed,
        [(block.start, block.stop) for block in workspace.embedder.blocks],
        **_rates(workspace, tests),
    )
    return made if made.proven else None


def _brand_check(workspace: "Workspace", model: "Model", attribute: str, *, tests: int) -> BrandCheck:
    predictor, dataset = model.predictor, workspace.dataset(model.dataset_id)
    learnt = load_basis(model.model_id, workspace.data / "models").learnt[attribute]
    brands = learnt.classifier.values
    take = workspace.take(dataset)
    row_of = {sku: row for row, sku in enumerate(dataset.skus)}
    labels = dataset.strings(attribute)
    train = np.array([row_of[sku] for sku in learnt.skus], np.intp)
    train_proba = learnt.calibrator.apply(learnt.oof_log_proba)
    some = _drawn(np.array(learnt.skus), _MOST_REFERENCES)
    calibrate = np.array(
        [row for row in np.flatnonzero(dataset.parts == "calibrate") if labels[row] in brands], np.intp
    )

    def rows(numbers: NDArray[np.intp]) -> Rows:
        z = project(predictor.projection, numbers, take)
        photos = dataset.table.column("photo_ids").take(pa.array(numbers)).to_pylist()
        return Rows(
            z.reshape(len(numbers), -1),
            np.array([brands.index(labels[row]) for row in numbers], np.int64),
            np.array([families[row] for row in numbers], np.str_),
            np.array([dataset.skus[row] for row in numbers], np.str_),
            np.array([photo_ids[0] for photo_ids in photos], np.str_),
        )

    families = dataset.strings("family_id")
    rates = _rates(workspace, tests)
    delivered = accepted(workspace.catalog, attribute, brands)
    least = max(needed(rates[rate], rates["confidence"]) for rate in ("false_alarms", "false_matches"))
    enough = len({one.family for one in delivered}) >= least
    prove_on = _delivered_rows(workspace, predictor, delivered, brands) if enough else rows(calibrate)
    return fit_brand_check(
        attribute,
        brands,
        rows(train[some]),
        train_proba[some],
        prove_on,
        predictor.probabilities(prove_on.z)[attribute],
        **rates,
        strangers=workspace.settings.receive.strangers / tests,
        proven_on=DELIVERIES if enough else CATALOG,
    )


def _delivered_rows(
    workspace: "Workspace", predictor: "Predictor", delivered: Sequence[Accepted], brands: Sequence[str]
) -> Rows:
    """Accepted deliveries as the check reads labelled photos; those whose photo is lost are left out."""
    there = [one for one in delivered if workspace.photos.has(blob_key(one.photo_id, workspace.cleaning))]
    photo_ids = [one.photo_id for one in there]
    vectors = workspace.embed(photo_ids).take(photo_ids)
    return Rows(
        predictor.projection.apply(vectors, embedder_id=predictor.projection.embedder_id),
        np.array([brands.index(one.brand) for one in there], np.int64),
        np.array([one.family for one in there], np.str_),
        np.array(photo_ids, np.str_),
        np.array(photo_ids, np.str_),
    )


def _rates(workspace: "Workspace", tests: int) -> dict[str, float]:
    """The allowed rates and the confidence of each of `tests` checks that hold together."""
    settings = workspace.settings.receive
    return {
        "false_alarms": settings.false_alarms / tests,
        "false_matches": settings.false_matches / tests,
        "confidence": 1 - (1 - settings.confidence) / tests,
    }


def _drawn(skus: NDArray[np.str_], most: int) -> NDArray[np.intp]:
    """At most `most` rows, by a coin: more reference photos cost time at every receipt and tell little more."""
    coins = [hashlib.sha256(f"reference|{sku}".encode()).digest() for sku in skus]
    return np.sort(np.array(sorted(range(len(skus)), key=coins.__getitem__)[:most], np.intp))


def _keep(folder: Path, key: str, brand: BrandCheck | None, product: ProductCheck | None) -> None:
    """Write both checks; the text last, because its presence says that all is there. Older ones go."""
    again = "free some space and receive again"
    if brand is not None:
        with whole(folder / f"{key}.npz", hint=again) as temporary:
            brand.save(temporary)
    data = {"brand": brand and brand.to_json(), "product": product and product.to_json()}
    with whole(folder / f"{key}.json", hint=again) as temporary:
        temporary.write_text(json.dumps(data, indent=1), encoding="utf-8")
    for old in folder.iterdir():
        if old.stem != key and old.suffix in (".json", ".npz"):
            old.unlink(missing_ok=True)
