"""How far people agree, and the questions on which they do not."""

from dataclasses import dataclass

from vitrine.desk.agreement import Agreement, Dispute, agreement, disputes
from vitrine.stores.catalog import Catalog
from vitrine.taxonomy import Taxonomy
from vitrine.web.queries.search import first_photos

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class DisputeShown:
    """A question whose answers contradict each other, with the product's photo."""

    dispute: Dispute
    photo_id: str | None


@dataclass(frozen=True, slots=True)
class AgreementPage:
    """Questions that chance gave to a second person: `agreed` (0..1) of `n` got the same answer; None where n is 0.

    `disputed` counts what nobody has settled; the first 100 are in `disputes`.
    """

    n: int
    agreed: float | None
    attributes: list[Agreement]
    disputed: int
    disputes: list[DisputeShown]


def agreement_page(catalog: Catalog, taxonomy: Taxonomy) -> AgreementPage:
    """Attributes of the taxonomy with second answers, those that people agree on least first."""
    found = sorted(agreement(catalog, taxonomy), key=lambda one: one.agreed)
    n = sum(one.n for one in found)
    open_ones = disputes(catalog)
    shown = open_ones[:_SHOWN]
    photos = first_photos(catalog, [one.sku for one in shown])
    return AgreementPage(
        n=n,
        agreed=sum(one.agreed * one.n for one in found) / n if n else None,
        attributes=found,
        disputed=len(open_ones),
        disputes=[DisputeShown(one, photos.get(one.sku)) for one in shown],
    )
