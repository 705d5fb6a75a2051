"""Receive: from the bytes of a photo and an order line to a receipt in the log, in one workspace."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from vitrine.desk.deliveries import MISMATCH
from vitrine.intake.ingest import blob_key, describe_photo
from vitrine.intake.labels import TABLE, current_decisions
from vitrine.intake.photo import read_photo
from vitrine.receive.brand_check import CATALOG, NOT_LEARNT, NOT_PROVEN, BrandCheck
from vitrine.receive.checks import Checks, brands_of, checks_key, make_checks
from vitrine.receive.look import look
from vitrine.receive.product_check import ProductCheck
from vitrine.receive.receipts import MATCH, UNKNOWN, find_sent, record
from vitrine.receive.second_look import second_look, second_look_at_product
from vitrine.receive.verify import Compared, Verdict, proven, settle
from vitrine.records import OrderLine, Receipt, now
from vitrine.stores import schema

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

NO_BRANDS = "no_brands"
_NEAREST = 6
_SHOWN_PHOTOS = 3


class Receiver:
    """Answers photos of deliveries in a workspace; what it compares with is made once and kept beside the models."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._lock = Lock()
        self._kept: Checks | None = None

    def receive(
        self,
        data: bytes,
        line: OrderLine,
        *,
        receipt_id: str | None = None,
        person: str,
        taken_at: datetime | None = None,
    ) -> Receipt:
        """The receipt of a photo of what arrived for `line`; the same one again is answered from the log.

        Without a `receipt_id` it is made of the photo, what was ordered, and the model. Raises UnreadablePhoto for bytes
        that are no photo, Conflict for a receipt_id that stands for another photo or line.
        """
        workspace = self._workspace
        photo_id = hashlib.sha256(data).hexdigest()
        checks = self._checks()
        expected = self._expected(line)
        receipt_id = receipt_id or _receipt_id(photo_id, line, expected, checks.key)
        sent = find_sent(workspace.catalog, receipt_id, line.line_id, photo_id)
        if sent is not None:
            return sent
        photo, cleaned = describe_photo(data, workspace.cleaning)
        seen = look(np.asarray(read_photo(cleaned, at_least=workspace.embedder.side).image), photo)
        if seen.problem:
            verdict = Verdict(UNKNOWN, seen.problem, expected=expected, notes=seen.notes)
        else:
            verdict = self._verify(seen.pixels, line, expected, checks, seen.notes)
        workspace.photos.put(blob_key(photo_id, workspace.cleaning), cleaned)
        moment = now()
        made = Receipt(
            receipt_id=receipt_id,
            line_id=line.line_id,
            photo_id=photo_id,
            sku=line.sku,
            attribute=checks.brand.attribute if checks.brand and expected else None,
            answer=verdict.answer,
            reason=verdict.reason,
            brand=verdict.brand,
            confidence=verdict.confidence,
            expected=expected,
            evidence=verdict.basis,
            model_id=checks.model_id,
            person=person,
            taken_at=min(taken_at or moment, moment),
            received_at=moment,
        )
        return record(workspace.catalog, made)

    def _verify(
        self, pixels: NDArray[np.uint8], line: OrderLine, expected: str | None, checks: Checks, notes: Sequence[str]
    ) -> Verdict:
        embed = self._workspace.embedder.embed
        vector = embed([pixels])
        shown, product, promises = self._by_product(pixels, vector, line, checks)
        if checks.brand is None or checks.predictor is None:
            settled = settle(self._no_brand_check(expected), product)
            evidence = _evidence(shown) if shown else []
            return _verdict(
                settled, expected=expected, evidence=evidence, product=shown, notes=notes, promises=promises
            )
        seen = checks.brand.see(checks.predictor, vector)
        found = {
            "brand": seen.brand,
            "confidence": seen.confidence,
            "probabilities": seen.probabilities,
            "evidence": checks.brand.nearest(seen, _NEAREST),
        }
        if expected is None:
            settled = settle(None, product)
        else:
            brand = checks.brand.compare(seen, expected)
            promises = [*_proven_by_brand(checks.brand), *promises]
            # where only the brand was compared, what is not proven of products says nothing
            settled = settle(brand, product if checks.product is not None else None)
            told = brand.reason not in (NOT_LEARNT, NOT_PROVEN)  # else another photo would be told no more
            if told and (product is None or product.answer != MATCH):
                again = second_look(checks.brand, checks.predictor, embed, pixels, seen, settled.answer)
                settled = Compared(UNKNOWN, again) if again else settled
        return _verdict(settled, expected=expected, product=shown, notes=notes, promises=promises, **found)

    def _no_brand_check(self, expected: str | None) -> Compared | None:
        """Why the brand that was ordered cannot be compared."""
        if expected is None:
            return None
        return Compared(UNKNOWN, NO_BRANDS if brands_of(self._workspace) is None else NOT_LEARNT)

    def _by_product(
        self, pixels: NDArray[np.uint8], vector: NDArray[np.float32], line: OrderLine, checks: Checks
    ) -> tuple[dict[str, Any] | None, Compared | None, list[dict[str, Any]]]:
        """How much a photo is like the ordered product, what that says, and what was proven; None without its photos."""
        references = self._references(line)
        if not references:
            return None, None, []
        if checks.product is None:
            return None, Compared(UNKNOWN, NOT_PROVEN), []
        shown = self._alike(vector, line, references, checks.product)
        answer = checks.product.answer(shown["similarity"])
        compared = Compared(answer, {UNKNOWN: "product_unsure"}.get(answer, f"product_{answer}"))
        # only mismatches are taken back, so both proven rates stay true
        if answer == MISMATCH and (again := self._again(pixels, vector[0], references, checks.product)):
            compared = Compared(UNKNOWN, again)
        return shown, compared, proven("product", checks.product.alarm, checks.product.accept, on=CATALOG)

    def _again(
        self,
        pixels: NDArray[np.uint8],
        vector: NDArray[np.float32],
        references: Sequence[str],
        check: ProductCheck,
    ) -> str:
        """Why a photo unlike the ordered product should be taken again; empty where nothing speaks for it."""
        workspace = self._workspace
        vectors = workspace.embed([*references, *check.known])
        of_product, of_known = vectors.take(references), vectors.take(check.known)
        return second_look_at_product(check, workspace.embedder.embed, pixels, vector, of_product, of_known)

    def _alike(
        self, vector: NDArray[np.float32], line: OrderLine, references: Sequence[str], check: ProductCheck
    ) -> dict[str, Any]:
        """How much a photo is like the photos of the ordered product, the most alike first."""
        alike = check.likeness(vector[0], self._workspace.embed(references).take(references))
        order = np.argsort(-alike)[:_SHOWN_PHOTOS]
        photos = [{"photo_id": references[i], "similarity": round(float(alike[i]), 4)} for i in order]
        return {"sku": line.sku, "similarity": photos[0]["similarity"], "photos": photos}

    def _references(self, line: OrderLine) -> list[str]:
        table = schema.product_photos
        query = sa.select(table.c.photo_id).where(table.c.sku == line.sku).order_by(table.c.photo_id)
        found: list[str] = self._workspace.catalog.read(query).column("photo_id").to_pylist() if line.sku else []
        return found

    def _expected(self, line: OrderLine) -> str | None:
        """The brand that was ordered: as the line says it, else as the catalog knows the ordered product."""
        attribute = brands_of(self._workspace)
        if line.brand is not None:
            return (attribute and attribute.read(line.brand)) or line.brand
        if attribute is None or line.sku is None:
            return None
        entries, labels, products = current_decisions().subquery(), schema.labels, schema.products
        decided = sa.select(entries.c.value).where(entries.c.sku == line.sku, entries.c.attribute == attribute.name)
        written = sa.select(labels.c.value).where(
            labels.c.sku == line.sku, labels.c.attribute == attribute.name, labels.c.source == TABLE
        )
        written = written.order_by(labels.c.recorded_at.desc(), labels.c.value).limit(1)
        named = sa.select(products.c.brand).where(products.c.sku == line.sku)
        with self._workspace.catalog.reading() as connection:
            said = (connection.scalar(query) for query in (decided, written, named))
            value = next((one for one in said if one), None)
        return (attribute.read(value) or value) if value else None

    def _checks(self) -> Checks:
        """The checks of today's champion and catalog, from memory, from disk, or made now."""
        key = checks_key(self._workspace)
        with self._lock:
            if self._kept is None or self._kept.key != key:
                self._kept = make_checks(self._workspace, key)
            return self._kept


def _verdict(settled: Compared, **told: Any) -> Verdict:
    return Verdict(settled.answer, settled.reason, **told)


def _evidence(shown: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The photos of the ordered product that were compared, in the shape of labelled photos of brands."""
    return [{"sku": shown["sku"], "brand": None, **photo} for photo in shown["photos"]]


def _proven_by_brand(check: BrandCheck) -> list[dict[str, Any]]:
    return proven("brand", check.alarm, check.accept, check.strange, on=check.proven_on)


def _receipt_id(photo_id: str, line: OrderLine, expected: str | None, key: str) -> str:
    said = json.dumps([photo_id, line.line_id, line.sku, expected, key])
    return f"rc-{hashlib.sha256(said.encode()).hexdigest()[:32]}"
