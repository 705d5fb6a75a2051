"""Simulate a marketplace: official tables with planted truth, any size, the same for a seed however it is cut up.

>>> from tempfile import mkdtemp
>>> report = simulate(Path(mkdtemp()) / "olist", sellers=100, orders=400, seed=7)
>>> report.rows["orders"], report.rows["sellers"]
(400, 100)
"""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vitrine.errors import InputError, StorageError
from vitrine.market import schema
from vitrine.market.simulator import marginals as m
from vitrine.market.simulator import truth
from vitrine.market.simulator.auc import AreaUnderCurve
from vitrine.market.simulator.churn import Outlook, Population, enter
from vitrine.market.simulator.delivery import make_deliveries, month_constants
from vitrine.market.simulator.draws import Draws, Integers
from vitrine.market.simulator.faults import Faults
from vitrine.market.simulator.leads import make_deals, make_leads
from vitrine.market.simulator.orders import CANCELED, Month, make_orders, make_world
from vitrine.market.simulator.places import make_places
from vitrine.market.simulator.reviews import make_reviews
from vitrine.market.simulator.sellers import make_products, make_sellers
from vitrine.market.simulator.tables import order_tables, product_attributes, static_tables
from vitrine.market.simulator.write import Format, TableFiles

CHUNK = 50_000
TRUTH = "truth"
BOUNDS = "bounds.json"
ATTRIBUTES = "product_attributes.parquet"
FEWEST_SELLERS, MOST_ORDERS = 100, 10_000_000


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """What was written: rows by table, the best areas under the curve by task, and faults planted."""

    folder: str
    seed: int
    rows: dict[str, int]
    bounds: dict[str, Any]
    faults: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON shows it."""
        return asdict(self)


def simulate(
    folder: Path,
    *,
    sellers: int,
    orders: int,
    seed: int,
    faults: bool = False,
    form: Format = "csv",
    chunk: int = CHUNK,
    on_progress: Callable[[int, int], None] | None = None,
) -> SimulationReport:
    """Write a marketplace of `sellers` and `orders` into the new `folder`: official files, `truth/`, product attributes.

    `chunk` is how many orders are in memory at a time; it changes nothing in what is written. Raises InputError on
    sizes that cannot be simulated or a folder that is not empty, StorageError when writing fails.
    """
    _check(sellers, orders, faults, form)
    with _new_folder(folder) as building:
        run = _Run(building, sellers=sellers, orders=orders, seed=seed, faults=faults, form=form)
        report = run.write(chunk, on_progress or (lambda done, total: None))
    return SimulationReport(str(folder), seed, *report)


def _check(sellers: int, orders: int, faults: bool, form: Format) -> None:
    if sellers < FEWEST_SELLERS:
        raise InputError(f"{sellers} sellers are too few to simulate", hint=f"--sellers {FEWEST_SELLERS} or more")
    if orders < 3 * sellers:
        raise InputError(
            f"{orders:,} orders are too few for {sellers:,} sellers: each one sells at least once",
            hint=f"--orders {3 * sellers} or more",
        )
    if orders > MOST_ORDERS:
        raise InputError(
            f"{orders:,} orders are more than the simulator makes", hint=f"--orders {MOST_ORDERS} or fewer"
        )
    if faults and form != "csv":
        raise InputError("faults such as decimal commas exist in text files only", hint="leave --parquet out")


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder that appears under its name when it is complete."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already and not empty", hint="give a new folder")
    building = folder.resolve().with_name(f".{folder.resolve().name}.{uuid.uuid4().hex}")
    try:
        (building / TRUTH).mkdir(parents=True)
        yield building
        building.replace(folder.resolve())
    except OSError as error:
        raise StorageError(f"could not write {folder}: {error}", hint="free some space and run it again") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


class _Run:
    """One simulation on its way to a folder."""

    def __init__(self, folder: Path, *, sellers: int, orders: int, seed: int, faults: bool, form: Format) -> None:
        draws = Draws(seed)
        places = make_places(draws)
        self.folder = folder
        self.form: Format = form
        self.leads = make_leads(draws, sellers)
        self.deals = make_deals(draws, self.leads)
        made = make_sellers(draws, places, self.deals, sellers)
        self.world = make_world(draws, places, made, make_products(draws, made))
        self.newcomers = [np.flatnonzero(made.start_month == number) for number in range(m.MONTHS)]
        self.counts = _orders_a_month(orders, [len(one) for one in self.newcomers])
        self.population = Population(self.world, self.counts - np.array([len(one) for one in self.newcomers]))
        self.constants = month_constants(self.world)
        self.faults = Faults(draws) if faults else None
        self.rows: dict[str, int] = {}
        self.delay = AreaUnderCurve()
        self.delay_by_month = [AreaUnderCurve() for _ in range(m.MONTHS)]
        self.missed = AreaUnderCurve()

    def write(
        self, chunk: int, on_progress: Callable[[int, int], None]
    ) -> tuple[dict[str, int], dict[str, Any], list[dict[str, Any]]]:
        outlooks: list[Outlook] = []
        with TableFiles(self.folder, self.form) as files, TableFiles(self.folder / TRUTH, "parquet") as truths:
            for name, table in static_tables(self.world, self.leads, self.deals).items():
                self._write(files, name, table)
            first = 0
            for number, count in enumerate(self.counts):
                outlook, weights = self.population.turn(number)
                outlooks.append(outlook)
                if not weights.any():  # the first month has newcomers only, and what others they share it with
                    weights = np.where(self.world.sellers.start_month == number, np.exp(self.world.sellers.size), 0.0)
                month = Month(number, first, int(count), self.newcomers[number], weights)
                for start in range(first, first + int(count), chunk):
                    rows = np.arange(start, min(start + chunk, first + int(count)))
                    self._chunk(month, rows, files, truths)
                    on_progress(int(rows[-1]) + 1, int(self.counts.sum()))
                first += int(count)
        bounds = self._write_truth(outlooks)
        planted = self.faults.planted if self.faults else {}
        faults = [{"table": table, "kind": kind, "rows": rows} for (table, kind), rows in planted.items()]
        (self.folder / TRUTH / "faults.json").write_text(json.dumps(faults, indent=1), encoding="utf-8")
        return self.rows, bounds, faults

    def _chunk(self, month: Month, rows: Integers, files: TableFiles, truths: TableFiles) -> None:
        orders = make_orders(self.world, month, rows)
        deliveries = make_deliveries(self.world, orders, float(self.constants[month.number]))
        reviews = make_reviews(self.world, orders, deliveries)
        enter(self.population.ledger, orders, deliveries, reviews)
        arrived = ~np.isnat(deliveries.delivered)
        for area in (self.delay, self.delay_by_month[month.number]):
            area.add(deliveries.probability[arrived], deliveries.late[arrived])
        sold = orders.has_items & (orders.status != CANCELED)
        self.missed.add(deliveries.probability[sold], (deliveries.late | ~arrived)[sold])
        tables = order_tables(self.world, orders, deliveries, reviews)
        for name, table in (self.faults.plant(tables, rows) if self.faults else tables).items():
            self._write(files, name, table)
        truths.write("delay", truth.delay_table(self.world, orders, deliveries))

    def _write(self, files: TableFiles, name: str, table: pa.Table) -> None:
        files.write(schema.table(name).file, table)
        self.rows[name] = self.rows.get(name, 0) + table.num_rows

    def _write_truth(self, outlooks: list[Outlook]) -> dict[str, Any]:
        folder = self.folder / TRUTH
        churn = truth.churn_table(self.world, outlooks, self.population.ledger)
        pq.write_table(churn, folder / "churn.parquet")
        pq.write_table(truth.seller_table(self.world, self.population), folder / "sellers.parquet")
        pq.write_table(truth.activation_table(self.world, self.leads, self.deals), folder / "activation.parquet")
        shown = product_attributes(self.world)
        pq.write_table(shown, self.folder / ATTRIBUTES)
        self.rows["product_attributes"] = shown.num_rows
        bounds = truth.bounds(self.delay, self.delay_by_month, self.missed, churn, self.deals)
        (folder / BOUNDS).write_text(json.dumps(bounds, indent=1), encoding="utf-8")
        return bounds


def _orders_a_month(orders: int, newcomers: list[int]) -> Integers:
    """`orders` in the measured proportion of months; no month has fewer than its newcomers, the largest gives way."""
    ends = np.round(np.cumsum(m.LINES_A_MONTH) / sum(m.LINES_A_MONTH) * orders).astype(np.int64)
    counts: Integers = ends - np.concatenate([[0], ends[:-1]])
    short = np.maximum(np.array(newcomers) - counts, 0)
    counts += short
    while short.sum():
        largest = int(np.argmax(counts - np.array(newcomers)))
        given = min(int(short.sum()), int(counts[largest] - newcomers[largest]) // 2 + 1)
        counts[largest] -= given
        short = np.array([short.sum() - given])
    return counts
