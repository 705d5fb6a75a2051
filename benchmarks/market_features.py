"""How fast are the seller features? Against the same in pandas, the course's way in SQLite, and Feast's reported pain.

    python benchmarks/market_features.py --market FOLDER --first 2017-03 --last 2018-08 --out features.json

FOLDER is a market that was ingested (`vitrine market simulate`, then `ingest`). Each way runs in a process of its own, so
that the peak of its memory is its own; all read the same Parquet files and answer for the same reference dates.

- store: `vitrine market build`, all features, files written.
- duckdb: the same queries, nothing written.
- pandas: the course's features only (73 columns a window), for the same four windows, vectorized: groups, no loop over rows.
- sqlite: the course's features for its one window of six months, the course's way: one query a table and date, with
  indexes, without the medians, which SQLite lacks.
- join: Feast users report 30 minutes and 50 GB for 17,000 rows with 1,000 features joined as of a time
  (https://github.com/feast-dev/feast/issues); here DuckDB joins 17,000 rows with 1,000 columns of drawn numbers.

`--check` compares pandas with DuckDB on the columns both have, so that the race is over the same values.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from vitrine.market.duck import DuckDB
from vitrine.market.grid import grid
from vitrine.market.home import Market
from vitrine.market.queries import WINDOWS, compute, group_queries
from vitrine.market.store import FeatureStore

STATES = [
    "AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA",
    "PB", "PE", "PI", "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO",
]  # fmt: skip
KINDS = ("boleto", "credit_card", "voucher", "debit_card")
CATEGORIES = {
    "cama_mesa_banho": "bed_bath_table", "beleza_saude": "health_beauty", "esporte_lazer": "sports_leisure",
    "moveis_decoracao": "furniture_decor", "informatica_acessorios": "computers_accessories",
    "utilidades_domesticas": "housewares", "relogios_presentes": "watches_gifts", "telefonia": "telephony",
    "brinquedos": "toys", "ferramentas_jardim": "garden_tools", "automotivo": "auto", "cool_stuff": "cool_stuff",
    "perfumaria": "perfumery", "bebes": "baby", "eletronicos": "electronics",
}  # fmt: skip
KEY = "seller_id"


def store(market: Market, dates: list[date]) -> dict[str, Any]:
    """What `vitrine market build` does, into a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        report = FeatureStore(Path(folder), market.sources).build(dates)
        return {"rows": report.rows, "columns": report.features}


def in_duckdb(market: Market, dates: list[date]) -> dict[str, Any]:
    """The queries alone."""
    with market.sources.connect() as connection:
        table = compute(DuckDB(connection), dates, group_queries())
        return {"rows": table.num_rows, "columns": table.num_columns - 2}


def in_pandas(market: Market, dates: list[date]) -> dict[str, Any]:
    """The course's features in pandas."""
    frames = load_pandas(market)
    parts = [pandas_features(frames, day) for day in dates]
    return {"rows": sum(map(len, parts)), "columns": parts[0].shape[1]}


def load_pandas(market: Market) -> dict[str, pd.DataFrame]:
    """Orders, items, reviews and payments joined once, as an analyst would before the loop over dates."""
    read = {name: market.sources.read(name).to_pandas() for name in market.sources.tables if name != "geolocation"}
    orders = read["orders"].merge(read["customers"][["customer_id", "customer_state"]], on="customer_id", how="left")
    products = read["products"]
    products["volume"] = products.product_length_cm * products.product_height_cm * products.product_width_cm
    item = read["order_items"].merge(orders, on="order_id").merge(products, on="product_id", how="left")
    item = item.rename(columns={"order_purchase_timestamp": "bought"})
    grouped = item.groupby(["order_id", KEY], sort=False)
    sale = grouped.agg(
        items=("price", "size"), revenue=("price", "sum"), freight=("freight_value", "sum"),
        price_min=("price", "min"), price_max=("price", "max"), bought=("bought", "first"),
        approved=("order_approved_at", "first"), delivered=("order_delivered_customer_date", "first"),
        promised=("order_estimated_delivery_date", "first"), status=("order_status", "first"),
        state=("customer_state", "first"),
    ).reset_index()  # fmt: skip
    value = sale.revenue + sale.freight
    sale["share"] = value / value.groupby(sale.order_id).transform("sum")
    review = read["order_reviews"].rename(columns={"review_answer_timestamp": "answered", "review_score": "score"})
    review = review.merge(sale[["order_id", KEY, "bought"]], on="order_id")
    payment = read["order_payments"].merge(sale[["order_id", KEY, "share", "bought", "approved"]], on="order_id")
    payment["paid"] = payment.payment_value * payment.share
    return {"sale": sale, "item": item, "review": review, "payment": payment}


def pandas_features(frames: dict[str, pd.DataFrame], day: date) -> pd.DataFrame:
    """One row a seller known at `day`; the course's features in every window."""
    now = pd.Timestamp(day)
    known = {
        "sale": frames["sale"][frames["sale"].bought < now],
        "item": frames["item"][frames["item"].bought < now],
        "review": frames["review"][(frames["review"].answered < now) & (frames["review"].bought < now)],
        "payment": frames["payment"][(frames["payment"].approved < now) & (frames["payment"].bought < now)],
    }
    sellers = pd.Index(known["sale"][KEY].unique(), name=KEY)
    parts = []
    for window, days in WINDOWS.items():
        since = now - pd.Timedelta(days=min(days, 20_000))
        sale, item, payment = (known[name][known[name].bought >= since] for name in ("sale", "item", "payment"))
        review = known["review"][known["review"].answered >= since]
        of_window = [
            _sales(sale),
            _reviews(review),
            _customers(sale),
            _delivery(sale, now),
            _payments(payment),
            _products(item),
        ]
        joined = pd.concat(of_window, axis=1).reindex(sellers)
        parts.append(joined.add_suffix(f"_{window}"))
    last = known["sale"].groupby(KEY).bought.max()
    recency = (now - last.dt.normalize()).dt.days.rename("sales_days_since_last_sale")
    return pd.concat([*parts, recency.reindex(sellers)], axis=1)


def _sales(sale: pd.DataFrame) -> pd.DataFrame:
    by = sale.assign(day=sale.bought.dt.normalize()).groupby(KEY)
    out = by.agg(
        sales_orders=("revenue", "size"), sales_active_days=("day", "nunique"), sales_items=("items", "sum"),
        sales_revenue=("revenue", "sum"), sales_order_value_min=("revenue", "min"),
        sales_order_value_max=("revenue", "max"), sales_item_price_min=("price_min", "min"),
        sales_item_price_max=("price_max", "max"), first=("day", "min"), last=("day", "max"),
    )  # fmt: skip
    out["sales_order_value_mean"] = out.sales_revenue / out.sales_orders
    out["sales_item_price_mean"] = out.sales_revenue / out.sales_items
    out["sales_items_per_order"] = out.sales_items / out.sales_orders
    gaps = (out.sales_active_days - 1).replace(0, np.nan)
    out["sales_interval_days"] = (out["last"] - out["first"]).dt.days / gaps
    return out.drop(columns=["first", "last"])


def _reviews(review: pd.DataFrame) -> pd.DataFrame:
    scores = review.groupby(KEY).score.agg(["size", "mean", "median", "min", "max"])
    return scores.rename(columns={"size": "count"}).rename(
        columns=lambda name: f"reviews_{name}" if name == "count" else f"reviews_score_{name}"
    )


def _customers(sale: pd.DataFrame) -> pd.DataFrame:
    counts = pd.crosstab(sale[KEY], sale.state).reindex(columns=STATES, fill_value=0)
    shares = counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0)
    shares.columns = [f"customers_state_{name.lower()}_share" for name in STATES]
    shares["customers_states"] = (counts > 0).sum(axis=1)
    return shares


def _delivery(sale: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    delivered = sale.delivered.where(sale.delivered < now)
    approved = sale.approved.where(sale.approved < now)
    late_from = sale.promised.dt.normalize() + pd.Timedelta(days=1)
    late = pd.Series(np.nan, index=sale.index).mask(late_from <= now, 1.0).mask(delivered < late_from, 0.0)
    settled = late_from + pd.Timedelta(days=59) < now
    ended = sale.status.isin(["canceled", "unavailable"]).astype(float).where(settled)
    frame = pd.DataFrame(
        {
            KEY: sale[KEY], "delivery_late_share": late, "delivery_cancelled_share": ended, "freight": sale.freight,
            "delivery_approval_to_delivery_days_mean": (delivered - approved).dt.total_seconds() / 86_400,
            "delivery_purchase_to_delivery_days_mean": (delivered - sale.bought).dt.total_seconds() / 86_400,
            "delivery_promise_margin_days_mean": (sale.promised.dt.normalize() - delivered.dt.normalize()).dt.days,
        }
    )  # fmt: skip
    by = frame.groupby(KEY)
    freight = by.freight.agg(["mean", "median", "min", "max"]).add_prefix("delivery_freight_")
    return pd.concat([by.mean().drop(columns="freight"), freight], axis=1)


def _payments(payment: pd.DataFrame) -> pd.DataFrame:
    counts = pd.crosstab(payment[KEY], payment.payment_type).reindex(columns=KINDS, fill_value=0)
    values = payment.pivot_table(index=KEY, columns="payment_type", values="paid", aggfunc="sum", fill_value=0.0)
    values = values.reindex(columns=KINDS, fill_value=0.0)
    sizes, paid = payment.groupby(KEY).size(), payment.groupby(KEY).paid.sum().replace(0, np.nan)
    cards = payment[payment.payment_type == "credit_card"].groupby(KEY).payment_installments
    return pd.concat(
        [
            counts.rename(columns=lambda kind: f"payments_{kind}_count"),
            values.rename(columns=lambda kind: f"payments_{kind}_value"),
            counts.div(sizes, axis=0).rename(columns=lambda kind: f"payments_{kind}_count_share"),
            values.div(paid, axis=0).rename(columns=lambda kind: f"payments_{kind}_value_share"),
            cards.agg(["mean", "median", "min", "max"]).add_prefix("payments_installments_"),
        ],
        axis=1,
    )


def _products(item: pd.DataFrame) -> pd.DataFrame:
    by = item.groupby(KEY)
    volume = by.volume.agg(["mean", "median", "min", "max"]).add_prefix("products_volume_cm3_")
    counts = pd.crosstab(item[KEY], item.product_category_name)
    shares = counts.reindex(columns=list(CATEGORIES), fill_value=0).div(counts.sum(axis=1).replace(0, np.nan), axis=0)
    shares.columns = [f"products_category_{name}_share" for name in CATEGORIES.values()]
    return pd.concat([by.product_photos_qty.mean().rename("products_photos_mean"), volume, shares], axis=1)


def in_sqlite(market: Market, dates: list[date]) -> dict[str, Any]:
    """One query a feature table and date, over the window of six months."""
    connection = sqlite3.connect(":memory:")
    for name in ("orders", "order_items", "order_reviews", "customers", "order_payments", "products"):
        frame = market.sources.read(name).to_pandas()
        for column in frame.select_dtypes("datetime"):
            frame[column] = frame[column].dt.strftime("%Y-%m-%d %H:%M:%S")
        frame.to_sql(name, connection, index=False, chunksize=50_000)
    for table, column in SQLITE_INDEXES:
        connection.execute(f"CREATE INDEX {table}_{column} ON {table} ({column})")
    rows = columns = 0
    for day in dates:
        for text in SQLITE_QUERIES:
            cursor = connection.execute(text, {"day": day.isoformat()})
            found = cursor.fetchall()
            rows, columns = rows + len(found), columns + (len(cursor.description) - 1 if day == dates[0] else 0)
    return {"rows": rows // len(SQLITE_QUERIES), "columns": columns}


SQLITE_INDEXES = (
    ("orders", "order_purchase_timestamp"), ("orders", "order_id"), ("order_items", "order_id"),
    ("order_reviews", "order_id"), ("order_payments", "order_id"), ("customers", "customer_id"),
    ("products", "product_id"),
)  # fmt: skip
_SOLD = (
    "FROM orders AS o JOIN order_items AS i ON i.order_id = o.order_id {joins} "
    "WHERE o.order_purchase_timestamp < :day AND o.order_purchase_timestamp >= date(:day, '-6 months') GROUP BY i.seller_id"
)


def _shares(column: str, values: dict[str, str] | list[str], measure: str = "1.0") -> str:
    return ", ".join(
        f"sum(CASE WHEN {column} = '{value}' THEN {measure} ELSE 0 END) / sum({measure})" for value in values
    )


SQLITE_QUERIES = tuple(
    f"SELECT i.seller_id, {columns} " + _SOLD.format(joins=joins)
    for columns, joins in (
        (
            "count(DISTINCT o.order_id), count(DISTINCT date(o.order_purchase_timestamp)), count(*), "
            "julianday(:day) - julianday(max(o.order_purchase_timestamp)), sum(price) / count(DISTINCT o.order_id), "
            "avg(price), max(price), min(price), count(*) * 1.0 / count(DISTINCT o.order_id), sum(price)",
            "",
        ),
        (
            "avg(review_score), min(review_score), max(review_score), count(review_score) * 1.0 / count(*)",
            "LEFT JOIN order_reviews AS r ON r.order_id = o.order_id AND r.review_answer_timestamp < :day",
        ),
        (
            f"count(DISTINCT c.customer_state), {_shares('c.customer_state', STATES)}",
            "LEFT JOIN customers AS c ON c.customer_id = o.customer_id",
        ),
        (
            "avg(CASE WHEN order_delivered_customer_date < :day THEN order_delivered_customer_date > "
            "order_estimated_delivery_date END), avg(freight_value), max(freight_value), min(freight_value), "
            "avg(CASE WHEN order_delivered_customer_date < :day THEN julianday(order_delivered_customer_date) - "
            "julianday(order_approved_at) END), avg(CASE WHEN order_delivered_customer_date < :day THEN "
            "julianday(order_delivered_customer_date) - julianday(order_purchase_timestamp) END)",
            "",
        ),
        (
            f"{_shares('p.payment_type', list(KINDS))}, {_shares('p.payment_type', list(KINDS), 'p.payment_value')}, "
            "avg(p.payment_installments), max(p.payment_installments), min(p.payment_installments)",
            "JOIN order_payments AS p ON p.order_id = o.order_id",
        ),
        (
            "avg(product_photos_qty), avg(product_length_cm * product_height_cm * product_width_cm), "
            "min(product_length_cm * product_height_cm * product_width_cm), "
            f"max(product_length_cm * product_height_cm * product_width_cm), {_shares('product_category_name', CATEGORIES)}",
            "LEFT JOIN products AS p ON p.product_id = i.product_id",
        ),
    )
)


def join(market: Market, dates: list[date]) -> dict[str, Any]:
    """17,000 rows with the latest of 1,000 features known before each row's time, written as Parquet."""
    rng = np.random.default_rng(0)
    sellers, columns, wanted = 3_000, 1_000, 17_000
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("SET memory_limit = '900MB'")
        connection.execute(f"SET temp_directory = '{folder}/spill'")
        for place, day in enumerate(dates):
            drawn = pd.DataFrame(rng.normal(size=(sellers, columns)), columns=[f"f{n}" for n in range(columns)])
            drawn.insert(0, KEY, np.arange(sellers))
            drawn.insert(0, "known_at", pd.Timestamp(day))
            drawn.to_parquet(f"{folder}/{place:03d}.parquet", index=False)
        asked = pd.DataFrame({KEY: rng.integers(0, sellers, wanted)})
        span = (dates[-1] - dates[0]).days
        asked["at"] = pd.Timestamp(dates[0]) + pd.to_timedelta(rng.integers(1, span, wanted), unit="D")
        connection.register("asked", asked)
        began = time.perf_counter()
        connection.execute(
            f"COPY (SELECT * FROM asked AS a ASOF LEFT JOIN read_parquet('{folder}/*.parquet') AS f "
            f"ON f.{KEY} = a.{KEY} AND f.known_at < a.at) TO '{folder}/joined.parquet' (FORMAT parquet)"
        )
        return {"rows": wanted, "columns": columns, "seconds": round(time.perf_counter() - began, 2)}


WAYS: dict[str, Callable[[Market, list[date]], dict[str, Any]]] = {
    "store": store,
    "duckdb": in_duckdb,
    "pandas": in_pandas,
    "sqlite": in_sqlite,
    "join": join,
}


def check(market: Market, day: date) -> None:
    """Pandas and DuckDB agree on the columns both have."""
    with market.sources.connect() as connection:
        ours = compute(DuckDB(connection), [day], group_queries()).to_pandas().set_index(KEY)
    theirs = pandas_features(load_pandas(market), day).reindex(ours.index)
    both = [name for name in theirs.columns if name in ours.columns]
    counts = [
        name
        for name in both
        if name.rpartition("_")[0].endswith(("_count", "_value", "orders", "days", "items", "states", "revenue"))
    ]
    theirs[counts] = theirs[counts].where(ours[counts].isna() | theirs[counts].notna(), 0)
    wrong = [
        name for name in both
        if not np.allclose(ours[name], theirs[name].astype(float), rtol=1e-6, atol=1e-6, equal_nan=True)
    ]  # fmt: skip
    print(f"{len(both) - len(wrong)} of {len(both)} columns agree at {day}; not: {wrong[:10]}")
    if wrong:
        raise SystemExit(1)


def measured(way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One way in a process of its own: its own report, seconds (imports included) and peak memory."""
    options = ["--market", str(arguments.market), "--first", arguments.first, "--last", arguments.last, "--way", way]
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, __file__, *options], stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{way} ended with {process.returncode}")
    seconds = time.perf_counter() - began
    return {
        "way": way,
        "process_seconds": round(seconds, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / 1024),
        **json.loads(said),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", type=Path, required=True, help="an ingested market's folder")
    parser.add_argument("--first", default="2017-03")
    parser.add_argument("--last", default="2018-08")
    parser.add_argument("--way", choices=list(WAYS), help="run this one here and print its report")
    parser.add_argument("--only", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    market, dates = Market.open(arguments.market), grid(arguments.first, arguments.last)
    if arguments.check:
        check(market, dates[-1])
        return
    if arguments.way:
        began = time.perf_counter()
        report = WAYS[arguments.way](market, dates)
        print(json.dumps({"seconds": round(time.perf_counter() - began, 2), **report}))
        return
    rows = [measured(way, arguments) for way in arguments.only]
    base = next((row["seconds"] for row in rows if row["way"] == "store"), None)
    for row in rows:
        ratio = f"{row['seconds'] / base:6.1f} x" if base and row["way"] != "join" else ""
        size = f"{row['rows']:>8,} rows {row['columns']:>6} columns"
        print(
            f"{row['way']:<8}{row['seconds']:>9.2f} s {row['cpu_seconds']:>8.2f} CPU s {row['peak_mb']:>7,} MB  {size} {ratio}"
        )
    if arguments.out:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
        result = {"commit": commit.stdout.strip(), "cores": os.cpu_count(), "dates": len(dates), "rows": rows}
        arguments.out.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
