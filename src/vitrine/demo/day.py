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
AUDITED = "color"
_KNOWN_IN_THE_MORNING = 3  # one product in so many has labels before the supplier's list comes
_MOST_AUDITS = 150

# modest promises, so that a few hundred drawn products can prove them
LEARN = {"precision": 0.8, "confidence": 0.8}
SAP = {"way": "idoc"}
MAPPING = """\
class = "CALCADOS"
language = "pt"

[material]
upper = true

[[characteristic]]
name = "COR"
attribute = "color"

[[characteristic]]
name = "SALTO"
attribute = "heel"
not_applicable = ""

[idoc]
sender_port = "VITRINE"
sender = "VITRINE"
receiver_port = "SAPPRD"
receiver = "PRDCLNT100"
client = "100"
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
        ("09:30", "photos arrive at the studio", day.photos_arrive),
        ("11:00", "people answer what the model is unsure of", day.people_answer),
        ("13:00", "the supplier's list comes, and is learnt", day.retrain),
        ("14:00", "the new champion's answers are delivered", day.answer_again),
        ("17:00", f"blind answers speak against {AUDITED}: it is stopped and recalled", day.recall),
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
        from vitrine.workspace import create

        self.drawn = folder / "drawn"
        self.seed, self.history_size, self.arriving = seed, products, arriving
        self.studio = studio or str((folder / "studio").resolve())
        draw_catalog(self.drawn, products=products + arriving, seed=seed, size=160)
        text = (self.drawn / "taxonomy.toml").read_text(encoding="utf-8")
        self.workspace: Workspace = create(folder, text, {"learn": dict(LEARN), "sap": dict(sap)})
        (folder / "sap.toml").write_text(MAPPING, encoding="utf-8")
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

    def photos_arrive(self) -> dict[str, Any]:
        """Drop the photos of new products at the studio, and one that is broken; watch once."""
        filesystem, root = open_filesystem(self.studio)
        filesystem.makedirs(root, exist_ok=True)
        dropped = 0
        for number in range(self.history_size, self.history_size + self.arriving):
            item = product(self.seed, number)
            for shot in item.shots:
                data = (self.drawn / "photos" / item.photo(shot)).read_bytes()
                filesystem.pipe_file(f"{root}/{item.sku}_{shot.view}.jpg", data)
                dropped += 1
        filesystem.pipe_file(f"{root}/BROKEN_side.jpg", b"not a photo")
        watch = Watch(self.workspace, source_of(self.studio), by_path(["{sku}_{view}"]), every=0.0, targets=TARGETS)
        try:
            report = watch_once(watch, Event(), lambda message: None)
        finally:
            watch.close()
        return {"photos": dropped + 1, "settled": report.settled, "answered": report.answered}

    def people_answer(self) -> dict[str, Any]:
        """Answer what is asked about the new products as somebody would who knows what was drawn; deliver."""
        table = schema.queue
        skus = [product(self.seed, number).sku for number in self._new_numbers()]
        asked = sa.select(table.c.sku, table.c.attribute).where(table.c.sku.in_(skus), table.c.turn.is_not(None))
        rows = self.workspace.catalog.read(asked).to_pylist()
        truth = {one.sku: one.values for one in self._new_products()}
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
        """Blind answers say that the head is wrong, until its promise is broken; then its answers are taken back."""
        answered = 0
        for _ in range(_MOST_AUDITS):
            if AUDITED in audit.stopped(self.workspace.catalog) or not self._contradict():
                break
            answered += 1
        return {"audits": answered, "stopped": audit.stopped(self.workspace.catalog), **self.deliver()}

    def _contradict(self) -> bool:
        """Answer one audit otherwise than the head has; False where none is left."""
        catalog, taxonomy = self.workspace.catalog, self.workspace.taxonomy
        drawn, table = schema.audits, schema.predictions
        same = (table.c.sku == drawn.c.sku) & (table.c.attribute == drawn.c.attribute)
        same &= table.c.model_id == drawn.c.model_id
        query = sa.select(drawn.c.sku, table.c.value).join(table, same)
        query = query.where(drawn.c.attribute == AUDITED, table.c.decision == PUBLISHED, audit.unanswered(table))
        rows = catalog.read(query.order_by(drawn.c.sku).limit(1)).to_pylist()
        if not rows:
            return False
        other = next(value for value in taxonomy.attribute(AUDITED).values if value != rows[0]["value"])
        items = {one.sku: one for one in queue.next_items(catalog, taxonomy, "bea", attribute=AUDITED, count=20)}
        item = items.get(rows[0]["sku"])
        if item is None:  # it is not in front of the queue: open it by itself
            return bool(self._decide([Answer(rows[0]["sku"], AUDITED, value=other, version=0)], "bea"))
        return bool(self._decide([Answer(item.sku, AUDITED, value=other, token=item.token)], "bea"))

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

    def _new_numbers(self) -> range:
        return range(self.history_size, self.history_size + self.arriving)

    def _new_products(self) -> list[Product]:
        return [product(self.seed, number) for number in self._new_numbers()]


def _told(report: DeliveryReport) -> dict[str, int]:
    return {name: getattr(report, name) for name in ("sent", "unchanged", "recalled", "failed")}


def _silent(done: int, total: int) -> None:
    """Nobody watches."""
