"""Figures of the marketplace's tasks: real base tables, the real sample end to end, and the simulator's planted truth.

    python benchmarks/market_real.py --data ../shared/data/olist [--orders 100000] [--out results.json]

Real: delay and churn on the two derived tables of the whole marketplace, out of time with interval, baselines and leak
tax; then churn, activation, delay and segments on the sample of orders, which is thinned and no result. Simulated: each
task beside the best that the planted truth allows, what thinning the same orders does to churn, and the uplift of image
attributes (photo_quality is planted, heel_height has no influence).
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from vitrine.market.base_table import BaseTable, read_base_table
from vitrine.market.home import Market
from vitrine.market.jobs import run_training
from vitrine.market.make_abt import make_abt
from vitrine.market.profit import Costs
from vitrine.market.refresh import month_starts
from vitrine.market.segment_jobs import run_segments
from vitrine.market.simulate import simulate
from vitrine.market.uplift import uplift

_LABELLED = ("churn", "delay", "activation")


def delay_table(derived: Path) -> BaseTable:
    """One row an order: rows of one order stand together and share month, state and promise (84,618 runs of 101,270 rows;
    in shuffled rows chance makes 79 such neighbors). No seller id is in the table, so products, told apart by the
    seller's state, volume and weight, are the groups."""
    return read_base_table(
        derived / "order_delay.parquet",
        "delay",
        label="is_late",
        time="purchase_year_month",
        entity=["purchase_year_month", "customer_state", "estimated_time"],
        group=["seller_state", "product_volume", "product_weight_g"],
        horizon_days=45,
    )


def churn_table(derived: Path) -> BaseTable:
    """One row a seller and quarter of 2017; the label is the next quarter."""
    return read_base_table(
        derived / "seller_quarters.parquet",
        "churn",
        label="is_churn",
        time="seller_active_quarter",
        group=["seller_id"],
        horizon_days=92,
    )


def real(data: Path, folder: Path, trials: int) -> dict[str, Any]:
    market = Market.open(folder)
    found = {}
    for name, table in (("churn", churn_table), ("delay", delay_table)):
        given = table(data / "derived")
        found[name] = run_training(
            market, name, given=given, costs=Costs(), trials=trials, seed=0, on_progress=lambda done, total: None
        )
        show(f"{name}, derived table of the whole marketplace", found[name])
    return found


def sample(data: Path, folder: Path, trials: int) -> dict[str, Any]:
    market = Market.open(folder)
    market.ingest(data)
    market.features.build(month_starts(market)[3:])
    return _tasks(market, trials, "real sample of orders")


def simulated(folder: Path, sellers: int, orders: int, trials: int) -> dict[str, Any]:
    simulate(folder / "files", sellers=sellers, orders=orders, seed=7)
    market = Market.open(folder)
    market.ingest(folder / "files")
    market.features.build(month_starts(market))
    found = _tasks(market, trials, "simulated")
    found["best"] = json.loads((folder / "files" / "truth" / "bounds.json").read_text(encoding="utf-8"))
    for task in _LABELLED:
        print(f"  best possible {task}: {str(found['best'].get(task))[:160]}")
    abt = make_abt(market.data / "abt", market.features, "churn").abt
    found["uplift"] = [one.as_dict() for one in uplift(abt, trials=trials, seed=0, threads=0)]
    for one in found["uplift"]:
        print(f"  uplift of {one['attribute'] or 'all'}: {one['gain']:+.4f} {one['interval']}, n = {one['n']:,}")
    found["thinned"] = thinning(folder / "files", folder / "thin", market, trials)
    return found


def thinning(files: Path, folder: Path, whole: Market, trials: int) -> dict[str, Any]:
    """Keep one order in seven, as the sample does, and ask the churn question again."""
    folder.mkdir(parents=True)
    thin = folder / "files"
    thin.mkdir()
    for path in files.glob("*.csv"):
        (thin / path.name).symlink_to(path.resolve())
    orders = thin / "olist_orders_dataset.csv"
    lines = orders.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = np.random.default_rng(0).random(len(lines) - 1) < 1 / 7
    orders.unlink()
    orders.write_text(
        lines[0] + "".join(line for line, keep in zip(lines[1:], kept, strict=True) if keep), encoding="utf-8"
    )
    market = Market.open(folder)
    market.ingest(thin)
    market.features.build(month_starts(market)[2:])
    report = make_abt(market.data / "abt", market.features, "churn").as_dict()
    before = make_abt(whole.data / "abt", whole.features, "churn").as_dict()
    print(
        f"  churn called by the 45-day rule: {before['share']:.3f} of all orders, {report['share']:.3f} of one in seven"
    )
    trained = run_training(market, "churn", costs=Costs(), trials=trials, seed=0, on_progress=lambda done, total: None)
    show("churn, simulated orders thinned to one in seven", trained)
    return {"share_whole": before["share"], "share_thinned": report["share"], "churn": trained}


def _tasks(market: Market, trials: int, where: str) -> dict[str, Any]:
    found = {}
    for task in _LABELLED:
        found[task] = run_training(
            market, task, costs=Costs(), trials=trials, seed=0, on_progress=lambda done, total: None
        )
        show(f"{task}, {where}", found[task])
    found["segments"] = run_segments(market, seed=0)
    for one in found["segments"]["segments"]:
        print(f"  segment of {one['rows']:,} sellers, stability {one['stability']:.2f}: {one['words']}")
    print(f"  {found['segments'].get('warning', '')}")
    return found


def show(title: str, report: dict[str, Any]) -> None:
    print(f"{title}: {report['model']} ({report['kind']}), rows {report['rows']:,}, groups {report['sellers']:,}")
    lines = {"out of time": report["auc_out_of_time"], "unseen groups": report["auc"], **report["baselines"]}
    lines |= {
        "careless split": report["leak_tax"]["claimed"],
        "careless, same months": report["leak_tax"]["claimed_same_months"],
    }
    for name, one in lines.items():
        interval = f"{one['low']:.3f}-{one['high']:.3f}" if one["low"] is not None else "-"
        print(
            f"  {name:24} AUC {one['mean'] if one['mean'] is not None else float('nan'):.3f} ({interval}), n = {one['n']:,}"
        )
    if "warning" in report:
        print(f"  {report['warning']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/olist"))
    parser.add_argument("--sellers", type=int, default=3_000)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--only", choices=("real", "sample", "simulated"))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    results: dict[str, Any] = {}
    for name in ("real", "sample", "simulated"):
        if chosen.only not in (None, name):
            continue
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            if name == "simulated":
                results[name] = simulated(Path(folder), chosen.sellers, chosen.orders, chosen.trials)
            else:
                run = real if name == "real" else sample
                results[name] = run(chosen.data, Path(folder), chosen.trials)
        print(f"{name}: {time.perf_counter() - begun:.0f} s\n")
    if chosen.out:
        chosen.out.write_text(json.dumps(results, indent=1, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
