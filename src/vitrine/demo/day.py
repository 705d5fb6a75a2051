"""A day of the house, in minutes: photos arrive, answers leave, people correct, a better model takes over, an audit recalls.

Everything is real but for the pictures, which are drawn, and the people, who know what was drawn: the watch, the champion and
its certificates, the desk, the retraining with its proof, the lake, and the files or the service of SAP.
"""

import csv
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from vitrine.automation.describe import by_path
from vitrine.automation.status import watches
from vitrine.automation.watch import Watch, source_of, watch_once
from vitrine.classify import PUBLISHED
from vitrine.deliver import DeliveryReport, deliver
from vitrine.demo.assortment import ATTRIBUTES
from vitrine.demo.catalog import draw_catalog
from vitrine.demo.product import Product, product
from vitrine.desk import audit, queue
from vitrine.desk.decisions import Answer, decide
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.jobs import run_retraining, run_training
from vitrine.stores import schema
from vitrine.stores.blobs import open_filesystem

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

TARGETS = ("lake", "sap")
AT_SAP = ("category", "color", "heel", "heel_covering")
_KNOWN_IN_THE_MORNING = 3  # one product in so many has labels before the supplier's list comes

# modest promises, so that a few hundred drawn products can prove them
LEARN = {"precision": 0.8, "confidence": 0.8}
SAP = {"way": "idoc"}
MAPPING = """\
class = "CALCADOS"
language = "pt"

[material]
upper = true

[idoc]
sender_port = "VITRINE"
sender = "VITRINE"
receiver_port = "SAPPRD"
receiver = "PRDCLNT100"
client = "100"
"""
CHARACTERISTIC = """
[[characteristic]]
name = "{name}"
attribute = "{attribute}"
not_applicable = ""
"""

Tell = Callable[["Hour"], None]


@dataclass(frozen=True, slots=True)
class Hour:
    """One thing that happens in the day, and what came of it."""

    at: str
    what: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def run_day(
    folder: Path,
    *,
    products: int,
    arriving: int,
    seed: int,
    studio: str | None = None,
    sap: Mapping[str, Any] = SAP,
    tell: Tell = lambda hour: None,
) -> list[Hour]:
    """Play the day in a new `folder`; returns what happened, hour by hour, and tells it meanwhile.

    `products` are the history, `arriving` come new to the `studio` (a folder or a URL such as s3://bucket/prefix), `sap` is
    the section of the settings.
    """
    day = _Day(folder, products=products, arriving=arriving, seed=seed, studio=studio, sap=sap)
    hours = []
    for at, what, happen in (
        ("07:00", "the history is learnt and answered", day.history),
        ("08:00", "what may leave is delivered", day.deliver),
        ("09:30", "photos arrive at the studio", day.photos_arrive_in_the_morning),
        ("11:00", "people answer what the model is unsure of about half of the new products", day.people_answer),
        ("13:00", "the supplier's list comes, and is learnt", day.retrain),
        ("14:00", "the new champion's answers are delivered", day.answer_again),
        ("15:30", "more photos arrive, and the new champion publishes", day.photos_arrive_in_the_afternoon),
        ("17:00", "blind answers speak against what is published: it is stopped and recalled", day.recall),
    ):
        hour = Hour(at, what, happen())
        tell(hour)
        hours.append(hour)
    return hours


class _Day:
    """The workspace of the day, and what was drawn for it."""

    def __init__(
        self,
        folder: Path,
        *,
        products: int,
        arriving: int,
        seed: int,
        studio: str | None,
        sap: Mapping[str, Any],
    ) -> None:
        from vitrine.embed.build import propose_network
        from vitrine.workspace import create

        self.drawn = folder / "drawn"
        self.seed, self.history_size, self.arriving = seed, products, arriving
        self.studio = studio or str((folder / "studio").resolve())
        draw_catalog(self.drawn, products=products + arriving, seed=seed, size=160)
        text = (self.drawn / "taxonomy.toml").read_text(encoding="utf-8")
        self.workspace: Workspace = create(
            folder, text, {"embedder": propose_network(), "learn": dict(LEARN), "sap": dict(sap)}
        )
        mapped = [CHARACTERISTIC.format(name=name.upper(), attribute=name) for name in AT_SAP]
        (folder / "sap.toml").write_text(MAPPING + "".join(mapped), encoding="utf-8")
        self._write_table("morning.csv", lambda number: number % _KNOWN_IN_THE_MORNING == 0)
        self._write_table("supplier.csv", lambda number: True)

    def history(self) -> dict[str, Any]:
        """Bring the history in with few labels, train the first champion, and answer everything."""
        self._ingest("morning.csv")
        self.workspace.find_twins()
        trained = run_training(self.workspace, attributes=None, on_embed=_silent, on_train=_silent)
        report = self.workspace.classify()
        return {"model": trained["model"], "products": report.products, "published": report.published}

    def deliver(self) -> dict[str, Any]:
        """Send what may leave."""
        return {target: _told(deliver(self.workspace, target)) for target in TARGETS}

    def photos_arrive_in_the_morning(self) -> dict[str, Any]:
        """The first half of what is new, and a file that is no photo."""
        return self._photos_arrive(self._new_products(morning=True), {"BROKEN-1_side.jpg": b"not a photo"})

    def photos_arrive_in_the_afternoon(self) -> dict[str, Any]:
        """The other half."""
        return self._photos_arrive(self._new_products(morning=False), {})

    def _photos_arrive(self, items: Sequence[Product], others: Mapping[str, bytes]) -> dict[str, Any]:
        """Drop photos at the studio, and watch it once."""
        filesystem, root = open_filesystem(self.studio)
        filesystem.makedirs(root, exist_ok=True)
        files = {
            f"{item.sku}-{shot.number}_{shot.view}.jpg": (self.drawn / "photos" / item.photo(shot)).read_bytes()
            for item in items
            for shot in item.shots
        }
        for name, data in {**files, **others}.items():
            filesystem.pipe_file(f"{root}/{name}", data)
        describe = by_path(["{sku}-*_{view}"])
        watch = Watch(self.workspace, source_of(self.studio), describe, every=0.0, targets=TARGETS)
        try:
            report = watch_once(watch, Event(), lambda message: None)
        finally:
            watch.close()
        standing = watches(self.workspace.catalog)[0]
        return {
            "files": len(files) + len(others),
            "answered": report.answered,
            "set_aside": standing.quarantined,
            "seconds_to_answer": standing.answered.p95,
            "seconds_to_delivery": standing.delivered.p95,
        }

    def people_answer(self) -> dict[str, Any]:
        """Answer what is asked about every other new product as somebody would who knows what was drawn; deliver."""
        table = schema.queue
        truth = {one.sku: one.values for one in self._new_products(morning=True)[::2]}
        asked = sa.select(table.c.sku, table.c.attribute).where(table.c.sku.in_(list(truth)), table.c.turn.is_not(None))
        rows = self.workspace.catalog.rows(asked)
        answers = [Answer(r["sku"], r["attribute"], value=truth[r["sku"]][r["attribute"]], version=0) for r in rows]
        self._decide(answers, "ana")
        return {"answers": len(answers), **self.deliver()}

    def retrain(self) -> dict[str, Any]:
        """Learn from the supplier's list and from what people have said; the challenger has to prove that it is better."""
        self._ingest("supplier.csv")
        report = run_retraining(self.workspace, attributes=None, if_new=1, on_embed=_silent, on_train=_silent)
        return {"new_labels": report["new_labels"], "promoted": report["promoted"], "refused": report["refused"]}

    def answer_again(self) -> dict[str, Any]:
        """A new champion answers for everything, and only what changed leaves."""
        report = self.workspace.classify()
        return {"products": report.products, "published": report.published, **self.deliver()}

    def recall(self) -> dict[str, Any]:
        """Blind answers say that a head is wrong, until its promise is broken; then its answers are taken back."""
        catalog = self.workspace.catalog
        published = [one.attribute for one in self.workspace.audits() if one.attribute in AT_SAP]
        counts = {name: catalog.count(self._audits(name)) for name in published}
        attribute = max(counts, key=lambda name: counts[name], default=None)
        answered = 0
        while attribute and attribute not in audit.stopped(catalog) and self._contradict(attribute):
            answered += 1
        return {"attribute": attribute, "audits": answered, "stopped": audit.stopped(catalog), **self.deliver()}

    def _audits(self, attribute: str) -> sa.Select[Any]:
        """The audits of an attribute that nobody has answered, with what is published."""
        drawn, said = schema.audits, schema.predictions
        same = (
            (said.c.sku == drawn.c.sku)
            & (said.c.attribute == drawn.c.attribute)
            & (said.c.model_id == drawn.c.model_id)
        )
        query = sa.select(drawn.c.sku, said.c.value).join(said, same).order_by(drawn.c.sku)
        return query.where(drawn.c.attribute == attribute, said.c.decision == PUBLISHED, audit.unanswered(said))

    def _contradict(self, attribute: str) -> bool:
        """Answer what the desk asks blind otherwise than the head has; False where no audit is left."""
        catalog, taxonomy = self.workspace.catalog, self.workspace.taxonomy
        published = dict.fromkeys(catalog.read(self._audits(attribute)).column("sku").to_pylist())
        said = {row["sku"]: row["value"] for row in catalog.rows(self._audits(attribute))}
        items: list[queue.Item] = []
        audited: list[queue.Item] = []
        while not audited and (more := queue.next_items(catalog, taxonomy, "bea", attribute=attribute, count=20)):
            items += more
            audited = [one for one in more if one.sku in published and one.blind]
        if not audited:
            queue.release(catalog, "bea", [one.token for one in items])
            return False
        values = taxonomy.attribute(attribute).values
        others = {one.sku: next(value for value in values if value != said[one.sku]) for one in audited}
        self._decide([Answer(one.sku, attribute, value=others[one.sku], token=one.token) for one in audited[:1]], "bea")
        queue.release(catalog, "bea", [one.token for one in items])
        return True

    def _decide(self, answers: Sequence[Answer], author: str) -> int:
        if answers:
            decide(self.workspace.catalog, self.workspace.taxonomy, answers, author=author, batch_id=uuid.uuid4().hex)
        return len(answers)

    def _ingest(self, table: str) -> None:
        path = self.drawn / table
        items = items_of_rows(read_table(path), self.workspace.settings.columns, self.workspace.taxonomy)
        self.workspace.ingest(items, PhotoSource(str(self.drawn / "photos")), place=str(path))

    def _write_table(self, name: str, is_labelled: Callable[[int], bool]) -> None:
        """The history's rows of the drawn table, with the labels of some products only."""
        labelled = {product(self.seed, n).sku for n in range(self.history_size) if is_labelled(n)}
        known = {product(self.seed, n).sku for n in range(self.history_size)}
        with (self.drawn / "labels.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["sku"] in known]
        with (self.drawn / name).open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            table.writeheader()
            for row in rows:
                table.writerow(row if row["sku"] in labelled else {**row, **dict.fromkeys(ATTRIBUTES, "")})

    def _new_products(self, *, morning: bool) -> list[Product]:
        first, noon = self.history_size, self.history_size + self.arriving // 2
        numbers = range(first, noon) if morning else range(noon, first + self.arriving)
        return [product(self.seed, number) for number in numbers]


def _told(report: DeliveryReport) -> dict[str, int]:
    return {name: getattr(report, name) for name in ("sent", "unchanged", "recalled", "failed")}


def _silent(done: int, total: int) -> None:
    """Nobody watches."""
