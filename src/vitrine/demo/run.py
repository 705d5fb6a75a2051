"""The demo: draw a catalog, run the whole job on it, and compare what was found with what was planted.

Between check and training somebody looks at what the check points at; the drawing knows what that person would say.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from vitrine.checks.check import Report, check
from vitrine.demo.catalog import Planted, draw_catalog
from vitrine.demo.deliveries import Delivery, draw_deliveries
from vitrine.demo.mend import mend
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.stores import schema

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

LABELLED = 0.85  # of the products; the others are what the machine publishes and the desk asks about

Progress = Callable[[int, int], None]
Watch = Callable[[str], Progress]


@dataclass(frozen=True, slots=True)
class Found:
    """One kind of planted fault: how many were planted, how many of them found, and how many others were pointed at."""

    kind: str
    planted: int
    found: int
    others: int


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Everything the demo shows at its end."""

    folder: Path
    products: int
    photos: int
    found: tuple[Found, ...]
    looked_at: int
    corrected: int
    training: dict[str, Any]
    scorecard: dict[str, Any]
    classified: dict[str, Any]
    received: dict[str, dict[str, int]]
    one_photo_ms: float
    seconds: float
    stages: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "folder": str(self.folder),
            "products": self.products,
            "photos": self.photos,
            "found": [{"kind": f.kind, "planted": f.planted, "found": f.found, "others": f.others} for f in self.found],
            "looked_at": self.looked_at,
            "corrected": self.corrected,
            "certificates": self.training["certificates"],
            "scorecard": self.scorecard,
            "classified": self.classified,
            "received": self.received,
            "one_photo_ms": self.one_photo_ms,
            "seconds": self.seconds,
            "stages": self.stages,
        }


def _timed(watch: Watch, begun: dict[str, float]) -> Watch:
    """The same watch, noting when each stage began."""

    def watch_and_note(stage: str) -> Progress:
        begun[f"{len(begun)} {stage}"] = time.perf_counter()
        return watch(stage)

    return watch_and_note


def _durations(begun: dict[str, float], end: float) -> dict[str, float]:
    """Seconds of each stage, from one beginning to the next."""
    moments = [*begun.values(), end]
    lasted: dict[str, float] = {}
    for number, stage in enumerate(begun):
        name = stage.partition(" ")[2]
        lasted[name] = lasted.get(name, 0.0) + moments[number + 1] - moments[number]
    return lasted


def run_demo(folder: Path, *, products: int, seed: int, watch: Watch) -> DemoReport:
    """Draw `products` products into `folder/drawn`, make a workspace in `folder` and run every stage.

    `watch(stage)` gives the progress callback of a stage. Run again on the same folder, it continues: nothing is drawn
    or embedded twice.
    """
    from dataclasses import asdict

    from vitrine.checks.page import write_page
    from vitrine.jobs import run_evaluation, run_training

    started = time.perf_counter()
    stages: dict[str, float] = {}
    watch = _timed(watch, stages)
    drawn = folder / "drawn"
    planted = draw_catalog(drawn, products=products, seed=seed, labelled=LABELLED, progress=watch("draw"))
    workspace = _workspace(folder, drawn)
    _bring_in(workspace, drawn, drawn / "labels.csv", watch("ingest"))
    workspace.find_twins(on_progress=watch("twins"))
    checked = check(workspace, on_embed=watch("embed"), on_progress=watch("check"))
    write_page(workspace, checked, workspace.report_path("check"))
    mended = mend(drawn, planted, checked)
    _bring_in(workspace, drawn, mended.table, watch("ingest what was mended"))
    training = run_training(workspace, attributes=None, on_embed=watch("embed"), on_train=watch("train"))
    scorecard = run_evaluation(workspace, training["model"], on_progress=watch("evaluate"))
    classified = workspace.classify(on_progress=watch("classify"))
    report = DemoReport(
        folder=folder,
        products=planted.products,
        photos=planted.photos,
        found=tuple(compare(workspace, planted, checked)),
        looked_at=mended.looked_at,
        corrected=mended.corrected,
        training=training,
        scorecard=scorecard,
        classified=asdict(classified),
        received=receive_deliveries(workspace, draw_deliveries(drawn, products=products, seed=seed)),
        one_photo_ms=_one_photo(workspace, drawn),
        seconds=time.perf_counter() - started,
        stages=_durations(stages, time.perf_counter()),
    )
    text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1, default=str)
    (folder / "demo.json").write_text(text, encoding="utf-8")
    return report


def _bring_in(workspace: "Workspace", drawn: Path, table: Path, on_progress: Progress) -> None:
    items = items_of_rows(read_table(table), workspace.settings.columns, workspace.taxonomy)
    # one place: what was put aside and is mended now is put aside no more
    place = str(drawn / "labels.csv")
    workspace.ingest(items, PhotoSource(str(drawn / "photos")), place=place, on_progress=on_progress)


def receive_deliveries(workspace: "Workspace", deliveries: Sequence[Delivery]) -> dict[str, dict[str, int]]:
    """What goods receipt answers where the right product arrived and where another one did: answer → deliveries."""
    from vitrine.receive.orders import keep_orders, order_line, read_orders
    from vitrine.receive.receiver import Receiver

    table = deliveries[0].photo.parent.parent / "orders.csv"
    keep_orders(workspace.catalog, read_orders(read_table(table), place=str(table)), place=str(table))
    receiver = Receiver(workspace)
    received = {arrived: dict.fromkeys(("match", "mismatch", "unknown"), 0) for arrived in ("ordered", "another")}
    for one in deliveries:
        line = order_line(workspace.catalog, one.line_id)
        receipt = receiver.receive(one.photo.read_bytes(), line, person="demo")
        received["ordered" if one.right else "another"][receipt.answer] += 1
    return received


def compare(workspace: "Workspace", planted: Planted, checked: Report) -> list[Found]:
    """What the checks found of what was planted, kind by kind."""
    names = _photo_names(workspace)
    findings: dict[str, list[Any]] = {}
    for finding in checked.findings:
        findings.setdefault(finding.code, []).append(finding)
    bad = planted.bad_files.to_pylist()
    found = []
    for kind in ("unreadable", "too-small", "blank", "blurred"):
        wanted = {row["photo"] for row in bad if row["reason"] == kind}
        seen = {names.get(f.photo, _file_name(f.photo)) for f in findings.get(kind, [])}
        found.append(_found(f"{kind} files", wanted, seen))
    labels = {(row["sku"], row["attribute"]) for row in planted.wrong_labels.to_pylist()}
    suspected = {(f.product, f.attribute) for f in findings.get("likely-wrong-label", [])}
    found.append(_found("wrong labels", labels, suspected))
    off = {(row["sku"], row["attribute"]) for row in planted.off_taxonomy.to_pylist()}
    seen_off = {(f.product, f.attribute) for f in findings.get("off-taxonomy", [])}
    found.append(_found("values off the taxonomy", off, seen_off))
    views = {row["photo"] for row in planted.wrong_views.to_pylist()}
    seen_views = {names.get(f.photo, _file_name(f.photo)) for f in findings.get("wrong-view", [])}
    found.append(_found("wrong views", views, seen_views))
    found.append(_twins(workspace, planted, names))
    return found


def _found(kind: str, planted: set[Any], seen: set[Any]) -> Found:
    return Found(kind, len(planted), len(planted & seen), len(seen - planted))


def _twins(workspace: "Workspace", planted: Planted, names: dict[str, str]) -> Found:
    """Near twins as pairs, exact copies as one photo standing under two products."""
    table = schema.product_photos
    links = workspace.catalog.rows(sa.select(table.c.photo_id, table.c.source))
    sources: dict[str, list[str]] = {}
    for link in links:
        sources.setdefault(link["photo_id"], []).append(_file_name(link["source"]))
    seen = {frozenset(files) for files in sources.values() if len(files) == 2}
    all_sources = {photo_id: files for photo_id, files in sources.items()}
    for pair in workspace.catalog.rows(schema.twins):
        for a in all_sources.get(pair["photo_a"], []):
            seen |= {frozenset((a, b)) for b in all_sources.get(pair["photo_b"], [])}
    wanted = {frozenset((row["photo_a"], row["photo_b"])) for row in planted.twins.to_pylist()}
    return _found("twins", wanted, seen)


def _workspace(folder: Path, drawn: Path) -> "Workspace":
    from vitrine import workspace as workspaces
    from vitrine.embed.build import propose_network

    if (folder / "vitrine.toml").exists():
        return workspaces.open(folder)
    text = (drawn / "taxonomy.toml").read_text(encoding="utf-8")
    return workspaces.create(folder, text, {"embedder": propose_network()})


def _one_photo(workspace: "Workspace", drawn: Path) -> float:
    """Milliseconds from the bytes of a photo to its attributes, in a warm process (median of 9)."""
    photos = sorted((drawn / "photos").iterdir())
    data = next(p for p in photos if p.stat().st_size > 5_000).read_bytes()
    times = []
    for _ in range(10):
        begin = time.perf_counter()
        workspace.classify_photo(data)
        times.append(time.perf_counter() - begin)
    return sorted(times[1:])[4] * 1000


def _photo_names(workspace: "Workspace") -> dict[str, str]:
    table = schema.product_photos
    links = workspace.catalog.rows(sa.select(table.c.photo_id, table.c.source))
    return {link["photo_id"]: _file_name(link["source"]) for link in links}


def _file_name(path: str | None) -> str:
    return (path or "").rpartition("/")[2]
