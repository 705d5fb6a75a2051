"""kill -9 at 20 random points of each job: resumed, it leaves what an uninterrupted run leaves, and nothing is there twice.

    python benchmarks/kills.py --keep FOLDER                                  # watch, run, lake, idoc, service
    python benchmarks/kills.py --keep FOLDER --jobs watch lake --kills 5 --seed 7
    python benchmarks/history.py --products 120000 --keep FOLDER              # draws, ingests, learns, classifies
    python benchmarks/kills.py --keep FOLDER --jobs classify                  # all of that history again, killed

A job begins from a copy of one workspace; it is struck at a moment drawn evenly over the time that the uninterrupted run
took, started again, struck again, until it ends by itself. What it left is compared row by row, and the next one begins
anew, until as many kills have struck. After each, a reader follows the lake's pointer and must meet a whole version. Files
to SAP are taken away as they come, as SAP's inbox does. Prints the seed and where each kill struck, and exits 1 where
anything differs.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import sqlalchemy as sa

from watch import photos, silent

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import sap_server
from vitrine.demo.catalog import draw_catalog
from vitrine.demo.day import AT_SAP, CHARACTERISTIC, LEARN, MAPPING
from vitrine.demo.product import sku_of
from vitrine.intake.items import items_of_rows
from vitrine.intake.source import PhotoSource
from vitrine.intake.table import read_table
from vitrine.jobs import run_training
from vitrine.stores import schema
from vitrine.workspace import Workspace, create

PRODUCTS, ARRIVING = 420, 60
# small parcels, so that there are many points to be killed at; ready once everything is imported
COMMAND = """
from vitrine.automation import arrivals, run, watch
from vitrine.deliver.lake import deliver
from vitrine.deliver.sap import by_idoc, by_service
from vitrine.cli.main import run
arrivals._AT_ONCE, watch._ANSWERED_AT_ONCE = (5, 2, 1, 1, 1), 5
by_idoc._MATERIALS_IN_A_FILE = by_service._AT_ONCE = 10
print("ready", flush=True)
run()
"""
PLAN = """
[[step]]
do = "ingest"
photos = "PLACE"
[[step]]
do = "classify"
[[step]]
do = "deliver"
to = "lake"
[[step]]
do = "deliver"
to = "sap"
[[step]]
do = "report"
[[step]]
do = "backup"
folder = "backups"
keep = 1
"""
JOBS: Mapping[str, Sequence[str]] = {
    "watch": ("watch", "arriving", "--once", "--to", "lake", "--to", "sap"),
    "run": ("run", "nightly.toml", "--resume"),
    "lake": ("export", "lake"),
    "idoc": ("export", "sap"),
    "service": ("export", "sap"),
    "classify": ("classify",),
}
TABLES = {
    table.name: table
    for table in (
        schema.products, schema.photos, schema.product_photos, schema.labels, schema.quarantine, schema.twins,
        schema.predictions, schema.answered, schema.arrivals, schema.deliveries, schema.claims,
    )
}  # fmt: skip
# what two uninterrupted runs differ in, besides moments (a port is part of a place)
CHANCE = {"place", "batch", "run_id", "attempts", "shipment"}


@dataclass
class Scene:
    """Where one job is played: its folder, and what it meets outside."""

    folder: Path
    job: str
    keep: Path
    taken: list[Path] = field(default_factory=list)
    sap: sap_server.SapServer | None = None

    def __enter__(self) -> "Scene":
        self._ended = threading.Event()
        self._inbox = threading.Thread(target=self._take_files)
        self._inbox.start()
        if self.job == "service":
            self.sap = sap_server.SapServer({sku_of(number).upper() for number in range(PRODUCTS)})
            self.sap.state.page = 500
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._inbox.join()
        if self.sap:
            self.sap.stop()

    def start(self) -> "subprocess.Popen[bytes]":
        """The job's process, once it has begun to work."""
        environment = {**os.environ, "VITRINE_SAP_PASSWORD": "secret"}
        if self.sap:
            told = {"WAY": "odata", "SERVICE": self.sap.url, "USER": "vitrine"}
            environment |= {f"VITRINE_SAP__{name}": value for name, value in told.items()}
        with (self.keep / f"{self.job}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, *JOBS[self.job]],
                cwd=self.folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert process.stdout is not None
        process.stdout.readline()
        return process

    def _take_files(self) -> None:
        """What SAP's inbox does: it takes each file once it is there."""
        outbox, inbox = self.folder / "sap-outbox", self.keep / f"{self.job}-inbox"
        shutil.rmtree(inbox, ignore_errors=True)
        inbox.mkdir()
        while not self._ended.wait(0.01):
            for path in outbox.glob("*.xml"):
                self.taken.append(Path(shutil.move(path, inbox)))

    def left(self) -> dict[str, list[str]]:
        """What there is now, by name: rows of the catalog, and what was delivered."""
        time.sleep(0.1)  # the inbox has taken the last file
        workspace = Workspace(self.folder)
        found = {name: _rows(workspace, table) for name, table in TABLES.items()}
        workspace.catalog.close()
        if (self.folder / "lake" / "views.sql").exists():
            found["lake"] = _lake(self.folder / "lake")
        found["IDocs"] = sorted(one for path in self.taken for one in _idocs(path))
        found["backups"] = [str(len(list(self.folder.glob("backups/vitrine-*.zip"))))]
        if self.sap:
            found["SAP"] = sorted(map(str, self.sap.state.words().items()))
            found["written at SAP"] = sorted(map(str, self.sap.state.written))
        return found


def _rows(workspace: Workspace, table: sa.Table) -> list[str]:
    chosen = [column for column in table.c if column.name not in CHANCE and not column.name.endswith("_at")]
    return sorted(str(list(row.values())) for row in workspace.catalog.rows(sa.select(*chosen)))


def _lake(folder: Path) -> list[str]:
    with duckdb.connect() as connection:
        connection.execute((folder / "views.sql").read_text(encoding="utf-8"))
        answers = connection.sql("select sku, attribute, value, origin from fact_answers").fetchall()
    return sorted(map(str, answers))


def _idocs(path: Path) -> list[str]:
    """Each material of a file with what it says of it."""
    found = []
    for document in ElementTree.parse(path).getroot():
        words = sorted((one.findtext("ATNAM"), one.findtext("ATWRT")) for one in document.iter("E1AUSPM"))
        found.append(f"{document.findtext('E1OCLFM/OBJEK')} {words}")
    return found


def is_whole(lake: Path) -> bool:
    """Whether a reader who follows the pointer finds every file of the version as its manifest says."""
    pointer = lake / "current.json"
    if not pointer.exists():
        return True
    version = lake / json.loads(pointer.read_text(encoding="utf-8"))["path"]
    files = json.loads((version / "manifest.json").read_text(encoding="utf-8"))["files"]
    return all(hashlib.sha256((version / one["path"]).read_bytes()).hexdigest() == one["sha256"] for one in files)


def build(folder: Path) -> Path:
    """A drawn workspace with a champion, answers, and photos that wait to be taken; made once."""
    made = folder / "before"
    if (made / "ready").exists():
        return made
    shutil.rmtree(made, ignore_errors=True)
    drawn = folder / "kills-drawn"
    draw_catalog(drawn, products=PRODUCTS, seed=11, size=192, workers=1, faults=False)
    workspace = create(made, (drawn / "taxonomy.toml").read_text(encoding="utf-8"), {"learn": LEARN})
    items = items_of_rows(read_table(drawn / "labels.csv"), workspace.settings.columns, workspace.taxonomy)
    workspace.ingest(items, PhotoSource(str(drawn / "photos")), place="labels.csv")
    workspace.find_twins()
    run_training(workspace, attributes=None, on_embed=silent, on_train=silent)
    workspace.classify()
    workspace.catalog.close()
    mapped = [CHARACTERISTIC.format(name=name.upper(), attribute=name) for name in AT_SAP]
    (made / "sap.toml").write_text(MAPPING + "".join(mapped), encoding="utf-8")
    (made / "arriving").mkdir()
    for number, data in enumerate(photos(drawn, ARRIVING)):
        (made / "arriving" / f"NEW-{number:03d}.png").write_bytes(data)
    (made / "nightly.toml").write_text(PLAN.replace("PLACE", "arriving"), encoding="utf-8")
    (made / "ready").touch()
    return made


def forget_classify(folder: Path) -> None:
    """Back to before the classify: no vectors, no runs, no answers."""
    catalog = Workspace(folder).catalog
    with catalog.transaction() as connection:
        connection.execute(sa.delete(schema.predictions))
        connection.execute(sa.delete(schema.answered))
    catalog.close()
    for name in ("embeddings", "runs"):
        shutil.rmtree(folder / ".vitrine" / name, ignore_errors=True)


def begin(keep: Path, job: str) -> Path:
    """A fresh copy for a job, always under the same name: paths are part of what is compared."""
    if job == "classify" and (keep / "vitrine.toml").exists():  # the large history is not copied
        forget_classify(keep)
        return keep
    folder = keep / "played"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(build(keep), folder)
    if job == "classify":
        forget_classify(folder)
    return folder


def play(keep: Path, job: str, kills: int, random_moment: Callable[[float], float]) -> bool:
    """One job, killed so many times; returns whether it always left what the uninterrupted run left."""
    with Scene(begin(keep, job), job, keep) as scene:
        process = scene.start()
        begun = time.monotonic()
        status = process.wait()
        lasts = time.monotonic() - begun
        expected = scene.left()
    print(f"{job}: uninterrupted {lasts:.1f} s, exit {status}, {_sizes(expected)}", flush=True)
    struck, equal = 0, True
    while struck < kills:
        with Scene(begin(keep, job), job, keep) as scene:
            struck += strike(scene, kills - struck, lasts, status, random_moment)
            left = scene.left()
        differing = [name for name in left.keys() | expected.keys() if left.get(name) != expected.get(name)]
        print(f"{job}: after {struck} kills " + (f"DIFFERENT in {differing}" if differing else "equal"), flush=True)
        for name in differing:
            found, wanted = (Counter(one.get(name, [])) for one in (left, expected))
            print(f"  {name}: {[*(found - wanted)][:3]} instead of {[*(wanted - found)][:3]}", flush=True)
        equal = equal and not differing
    return equal


def strike(scene: Scene, most: int, lasts: float, status: int, random_moment: Callable[[float], float]) -> int:
    """Kill the job until it ends by itself, at most so often, then let it end; returns how many kills struck."""
    for struck in range(most + 1):
        process = scene.start()
        moment = random_moment(lasts)
        try:
            ended = process.wait(None if struck == most else moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            print(f"{scene.job}: killed after {moment:.2f} s", flush=True)
            if not is_whole(scene.folder / "lake"):
                sys.exit(f"{scene.job}: a reader of the lake meets a version that is not whole")
            continue
        if ended != status:
            sys.exit(f"{scene.job}: resumed, it ended with exit {ended}, not {status}: {scene.job}.log says why")
        return struck
    raise AssertionError("the last round ends by itself")


def _sizes(left: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{len(rows):,} {name}" for name, rows in left.items() if rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=[one for one in JOBS if one != "classify"])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=600.0, help="seconds after which a kill strikes at the latest")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    sap_server.CHARACTERISTICS = {str(900 + number): name.upper() for number, name in enumerate(AT_SAP)}
    print(f"seed {arguments.seed}", flush=True)
    moments = random.Random(arguments.seed)
    keep = arguments.keep.resolve()

    def random_moment(lasts: float) -> float:
        return moments.uniform(0, min(lasts, arguments.longest))

    equal = [play(keep, job, arguments.kills, random_moment) for job in arguments.jobs]
    print(json.dumps(dict(zip(arguments.jobs, equal, strict=True))))
    sys.exit(0 if all(equal) else 1)


if __name__ == "__main__":
    main()
