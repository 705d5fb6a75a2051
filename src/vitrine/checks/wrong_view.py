"""Find photos whose view (side, front, back …), as people gave it, the picture contradicts."""

from collections.abc import Iterator

from vitrine.checks.evidence import Evidence
from vitrine.checks.guess import contradicted, frequent, projected
from vitrine.checks.seen import NotApplicable, Seen, percent
from vitrine.taxonomy import fold


def wrong_view(evidence: Evidence) -> Iterator[Seen]:
    """Views that confident learning contradicts, the most suspicious first."""
    links = [link for link in evidence.shown.to_pylist() if link["view"]]
    if not links:
        raise NotApplicable("no photo has a view; add a column 'view' to the table and ingest again")
    links = [link for link in links if evidence.sound([link["photo_id"]])]
    least = evidence.settings.learn.min_rows
    views = [fold(link["view"]) for link in links]
    known = frequent(views, least)
    if not known:
        raise NotApplicable(f"there are not two views with {least} good photos each")
    families = [evidence.family_of[link["sku"]] for link in links]
    rows = projected(evidence, [[link["photo_id"]] for link in links])
    for suspect in contradicted(rows, views, families, known):
        link = links[suspect.row]
        yield Seen(
            product=link["sku"],
            photo=link["file"],
            what=f"is said to show the view '{link['view']}' ({percent(suspect.probability)} probable) "
            f"but looks like '{known[suspect.suggested]}'",
            remedy="look at it and correct the view if it is wrong",
            pictures=(link["photo_id"],),
        )
