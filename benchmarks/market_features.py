"""How fast are the seller features? Against the same in pandas, the course's way in SQLite, and Feast's reported pain.

    python benchmarks/market_features.py --market FOLDER --first 2017-03 --last 2018-08 --out features.json

FOLDER is a market that was ingested (`vitrine market simulate`, then `ingest`). Each way runs in a process of its own, so
that the peak of its memory is its own; all read the same Parquet files and answer for the same reference dates.

- store: `vitrine market build`, all features, files written.
- duckdb: the same queries, nothing written.
- pandas: the same features, vectorized (groups, no loop over rows), files written.
- sqlite: the course's features for its one window of six months, the course's way: one query a table and date, with
  indexes, without the medians, which SQLite lacks.
- join: Feast users report 30 minutes and 50 GB for 17,000 rows with 1,000 features joined as of a time
  (https://github.com/feast-dev/feast/issues); here DuckDB joins 17,000 rows with 1,000 columns of drawn numbers.

`--check` compares pandas with DuckDB column by column, so that the race is over the same values.
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
from vitrine.market.queries import ENDINGS, WINDOWS, compute, group_queries
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
        table = compute(DuckDB(connection), dates)
        return {"rows": table.num_rows, "columns": table.num_columns - 2}


def in_pandas(market: Market, dates: list[date]) -> dict[str, Any]:
    """All features in pandas, files written."""
    frames = load_pandas(market)
    rows = columns = 0
    with tempfile.TemporaryDirectory() as folder:
        for day in dates:
            features = pandas_features(frames, day)
            features.to_parquet(f"{folder}/{day}.parquet", compression="zstd")
            rows, columns = rows + len(features), features.shape[1]
    return {"rows": rows, "columns": columns}


def load_pandas(market: Market) -> dict[str, pd.DataFrame]:
    """Orders, items, reviews and payments joined once, as an analyst would before the loop over dates."""
    read = {name: market.sources.read(name).to_pandas() for name in market.sources.tables if name != "geolocation"}
    customers = read["customers"][["customer_id", "customer_unique_id", "customer_state"]]
    orders = read["orders"].merge(customers, on="customer_id", how="left")
    products = read["products"]
    products["volume"] = products.product_length_cm * products.product_height_cm * products.product_width_cm
    item = read["order_items"].merge(orders, on="order_id").merge(products, on="product_id", how="left")
    item = item.merge(read["sellers"][[KEY, "seller_state"]], on=KEY, how="left")
    item = item.rename(columns={"order_purchase_timestamp": "bought"})
    grouped = item.groupby(["order_id", KEY], sort=False)
    sale = grouped.agg(
        items=("price", "size"), revenue=("price", "sum"), freight=("freight_value", "sum"),
        price_min=("price", "min"), price_max=("price", "max"), bought=("bought", "first"),
        approved=("order_approved_at", "first"), shipped=("order_delivered_carrier_date", "first"),
        delivered=("order_delivered_customer_date", "first"), ship_by=("shipping_limit_date", "max"),
        promised=("order_estimated_delivery_date", "first"), status=("order_status", "first"),
        customer=("customer_unique_id", "first"), state=("customer_state", "first"),
        seller_state=("seller_state", "first"),
    ).reset_index()  # fmt: skip
    value = sale.revenue + sale.freight
    sale["share"] = value / value.groupby(sale.order_id).transform("sum")
    sale["sellers"] = sale.groupby("order_id")[KEY].transform("size")
    sale["promised"] = sale.promised.dt.normalize()
    sale["day"], item["day"] = sale.bought.dt.normalize(), item.bought.dt.normalize()
    review = read["order_reviews"].rename(
        columns={"review_creation_date": "asked", "review_answer_timestamp": "answered", "review_score": "score"}
    )
    review = review.merge(sale[["order_id", KEY, "bought", "day"]], on="order_id")
    review["answer_hours"] = (review.answered - review.asked).dt.total_seconds() / 3_600
    review["commented"] = review.review_comment_message.notna().astype(float)
    review["answered_day"] = review.answered.dt.normalize()
    payment = read["order_payments"].merge(sale[["order_id", KEY, "share", "bought", "day", "approved"]], on="order_id")
    payment["paid"] = payment.payment_value * payment.share
    return {"sale": sale, "item": item, "review": review, "payment": payment}


def pandas_features(frames: dict[str, pd.DataFrame], day: date) -> pd.DataFrame:
    """One row a seller known at `day`; every feature, in the windows it has."""
    now = pd.Timestamp(day)
    sale, item = (frames[name][frames[name].bought < now] for name in ("sale", "item"))
    review, payment = frames["review"], frames["payment"]
    review = review[(review.answered < now) & (review.asked < now) & (review.bought < now)]
    payment = payment[(payment.approved < now) & (payment.bought < now)]
    sale = _steps(sale, now)
    prices = item.groupby("product_category_name").price.transform("mean")
    item = item.assign(position=item.price / prices.where(prices > 0))
    sellers = pd.Index(sale[KEY].unique(), name=KEY)
    orders, revenue = sale.groupby(KEY).size(), sale.groupby(KEY).revenue.sum()
    parts = []
    for window, days in WINDOWS.items():
        n_days = pd.Timedelta(days=min(days, 20_000))
        long = window in ENDINGS["_long"]
        sold, sold_items = sale[sale.day >= now - n_days], item[item.day >= now - n_days]
        paid, reviewed = payment[payment.day >= now - n_days], review[review.day >= now - n_days]
        said = review[review.answered_day >= now - n_days]
        of_window = [_sales(sold), _reviews(said, reviewed, sold), _customers(sold, long), _delivery(sold)]
        joined = pd.concat([*of_window, _payments(paid), _products(sold_items, long)], axis=1).reindex(sellers)
        if window != "lifetime":
            earlier = sale[(sale.day < now - n_days) & (sale.day >= now - 2 * n_days)]
            said_earlier = review[(review.answered_day < now - n_days) & (review.answered_day >= now - 2 * n_days)]
            ours = pd.DataFrame({"orders": joined.sales_orders, "revenue": joined.sales_revenue}).fillna(0)
            theirs = earlier.groupby(KEY).revenue.agg(orders="size", revenue="sum").reindex(sellers).fillna(0)
            trend = (ours - theirs) / (ours + theirs).replace(0, np.nan)
            joined["sales_orders_trend"], joined["sales_revenue_trend"] = trend.orders, trend.revenue
            joined["sales_orders_share"] = ours.orders / orders
            joined["sales_revenue_share"] = ours.revenue / revenue.replace(0, np.nan)
            joined["reviews_score_trend"] = joined.reviews_score_mean - said_earlier.groupby(KEY).score.mean()
        joined[list(_ZERO & set(joined.columns))] = joined[list(_ZERO & set(joined.columns))].fillna(0)
        parts.append(joined.add_suffix(f"_{window}"))
    since = {
        "sales_days_since_last_sale": sale.groupby(KEY).day.max(),
        "sales_days_since_first_sale": sale.groupby(KEY).day.min(),
        "reviews_days_since_last_review": review.groupby(KEY).answered_day.max(),
    }
    ages = [(now - found).dt.days.reindex(sellers).rename(name) for name, found in since.items()]
    return pd.concat([*parts, *ages], axis=1)


# Nothing sold in the window is a zero in these, and nothing known in the others.
_ZERO = {
    "sales_orders", "sales_active_days", "sales_items", "sales_revenue", "reviews_count", "customers_states",
    "customers_count", "payments_value", "products_count", "products_categories",
    *(f"payments_{kind}_{what}" for kind in KINDS for what in ("count", "value")),
}  # fmt: skip


def _steps(sale: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """What is known at `now` of each sale's way to the customer."""
    known = {name: sale[name].where(sale[name] < now) for name in ("approved", "shipped", "delivered")}
    approved, shipped, delivered = known.values()
    late_from = sale.promised + pd.Timedelta(days=1)
    late = pd.Series(np.nan, index=sale.index).mask(late_from <= now, 1.0).mask(delivered < late_from, 0.0)
    settled = late_from + pd.Timedelta(days=59) < now
    ended = sale.status.isin(["canceled", "unavailable"]).astype(float)
    ship_by = sale.ship_by.where(approved.notna())
    return sale.assign(
        late=late,
        cancelled=ended.where(settled),
        settled=settled.astype(float),
        arrived=delivered.notna().astype(float),
        overdue=((late == 1) & delivered.isna()).astype(float),
        value=sale.revenue + sale.freight,
        approval=(approved - sale.bought).dt.total_seconds() / 86_400,
        handling=(shipped - approved).dt.total_seconds() / 86_400,
        shipped_late=(shipped > ship_by).astype(float).where(shipped.notna()),
        transit=(delivered - shipped).dt.total_seconds() / 86_400,
        approved_to_delivered=(delivered - approved).dt.total_seconds() / 86_400,
        bought_to_delivered=(delivered - sale.bought).dt.total_seconds() / 86_400,
        margin=(sale.promised - delivered.dt.normalize()).dt.days,
        promise=(sale.promised - sale.day).dt.days,
        shared=(sale.sellers > 1).astype(float),
        at_home=(sale.state == sale.seller_state).astype(float).where(sale.state.notna()),
    )


def _sales(sale: pd.DataFrame) -> pd.DataFrame:
    out = sale.groupby(KEY).agg(
        sales_orders=("revenue", "size"), sales_active_days=("day", "nunique"), sales_items=("items", "sum"),
        sales_revenue=("revenue", "sum"), sales_order_value_min=("revenue", "min"),
        sales_order_value_max=("revenue", "max"), sales_order_value_sd=("revenue", "std"),
        sales_item_price_min=("price_min", "min"), sales_item_price_max=("price_max", "max"),
        sales_shared_order_share=("shared", "mean"), first=("day", "min"), last=("day", "max"),
    )  # fmt: skip
    out["sales_order_value_mean"] = out.sales_revenue / out.sales_orders
    out["sales_item_price_mean"] = out.sales_revenue / out.sales_items
    out["sales_items_per_order"] = out.sales_items / out.sales_orders
    gaps = (out.sales_active_days - 1).replace(0, np.nan)
    out["sales_interval_days"] = (out["last"] - out["first"]).dt.days / gaps
    return out.drop(columns=["first", "last"])


def _reviews(said: pd.DataFrame, reviewed: pd.DataFrame, sale: pd.DataFrame) -> pd.DataFrame:
    by = said.assign(low=(said.score <= 2).astype(float)).groupby(KEY)
    out = by.agg(
        reviews_count=("score", "size"), reviews_score_mean=("score", "mean"), reviews_score_median=("score", "median"),
        reviews_score_min=("score", "min"), reviews_score_max=("score", "max"), reviews_low_share=("low", "mean"),
        reviews_commented_share=("commented", "mean"), reviews_answer_hours_mean=("answer_hours", "mean"),
    )  # fmt: skip
    share = reviewed.groupby(KEY).order_id.nunique().div(sale.groupby(KEY).size(), fill_value=0)
    return pd.concat([out, share.rename("reviews_reviewed_share")], axis=1)


def _customers(sale: pd.DataFrame, long: bool) -> pd.DataFrame:
    by = sale.groupby(KEY)
    identified, customers = by.customer.count(), by.customer.nunique()
    counts = sale.groupby([KEY, "state"]).size()
    of_state = counts.groupby(KEY)
    out = pd.DataFrame(
        {
            "customers_count": customers,
            "customers_repeat_share": (identified - customers) / identified.replace(0, np.nan),
            "customers_states": of_state.size(),
            "customers_same_state_share": by.at_home.mean(),
            "customers_state_concentration": (counts**2).groupby(KEY).sum() / of_state.sum() ** 2,
            "customers_largest_state_share": of_state.max() / of_state.sum(),
        }
    )
    if not long:
        return out
    shares = counts.unstack(fill_value=0).reindex(columns=STATES, fill_value=0).div(of_state.sum(), axis=0)
    return out.join(shares.rename(columns=lambda name: f"customers_state_{name.lower()}_share"))


def _delivery(sale: pd.DataFrame) -> pd.DataFrame:
    by = sale.groupby(KEY)
    means = {
        "late": "late_share", "cancelled": "cancelled_share", "settled": "cancellation_known_share",
        "arrived": "delivered_share", "overdue": "overdue_share", "freight": "freight_mean",
        "approval": "approval_days_mean", "handling": "handling_days_mean", "shipped_late": "shipped_late_share",
        "transit": "transit_days_mean", "approved_to_delivered": "approval_to_delivery_days_mean",
        "bought_to_delivered": "purchase_to_delivery_days_mean", "margin": "promise_margin_days_mean",
        "promise": "promise_days_mean",
    }  # fmt: skip
    out = by[list(means)].mean().rename(columns=means)
    sums = by[["freight", "value"]].sum()
    out["freight_share"] = sums.freight / sums.value.replace(0, np.nan)
    out["handling_days_max"] = by.handling.max()
    out[["freight_median", "freight_min", "freight_max"]] = by.freight.agg(["median", "min", "max"])
    return out.add_prefix("delivery_")


def _payments(payment: pd.DataFrame) -> pd.DataFrame:
    counts = payment.groupby([KEY, "payment_type"]).size().unstack(fill_value=0).reindex(columns=KINDS, fill_value=0)
    values = payment.groupby([KEY, "payment_type"]).paid.sum().unstack(fill_value=0.0)
    values = values.reindex(columns=KINDS, fill_value=0.0)
    by = payment.groupby(KEY)
    sizes, paid = by.size(), by.paid.sum()
    cards = payment[payment.payment_type == "credit_card"].groupby(KEY).payment_installments
    return pd.concat(
        [
            counts.rename(columns=lambda kind: f"payments_{kind}_count"),
            values.rename(columns=lambda kind: f"payments_{kind}_value"),
            counts.div(sizes, axis=0).rename(columns=lambda kind: f"payments_{kind}_count_share"),
            values.div(paid.replace(0, np.nan), axis=0).rename(columns=lambda kind: f"payments_{kind}_value_share"),
            paid.rename("payments_value"),
            (sizes / by.order_id.nunique()).rename("payments_per_order"),
            cards.agg(["mean", "median", "min", "max"]).add_prefix("payments_installments_"),
        ],
        axis=1,
    )


def _products(item: pd.DataFrame, long: bool) -> pd.DataFrame:
    by = item.groupby(KEY)
    volume = by.volume.agg(["mean", "median", "min", "max"]).add_prefix("products_volume_cm3_")
    counts = item.groupby([KEY, "product_category_name"]).size()
    of_category = counts.groupby(KEY)
    of_product = item.groupby([KEY, "product_id"]).size().groupby(KEY)
    means = by[
        ["product_photos_qty", "product_weight_g", "product_name_lenght", "product_description_lenght", "position"]
    ].mean()
    means.columns = pd.Index(
        [f"products_{n}" for n in ("photos_mean", "weight_g_mean", "name_length_mean", "description_length_mean")]
        + ["products_price_position"]
    )
    out = pd.DataFrame(
        {
            "products_count": of_product.size(),
            "products_best_seller_share": of_product.max() / of_product.sum(),
            "products_categories": of_category.size(),
            "products_category_concentration": (counts**2).groupby(KEY).sum() / of_category.sum() ** 2,
            "products_uncategorized_share": 1 - by.product_category_name.count() / by.size(),
        }
    )
    out = pd.concat([out, means, volume], axis=1)
    if not long:
        return out
    shares = counts.unstack(fill_value=0).reindex(columns=list(CATEGORIES), fill_value=0).div(of_category.sum(), axis=0)
    shares.columns = pd.Index([f"products_category_{name}_share" for name in CATEGORIES.values()])
    return out.join(shares)


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
    """Pandas and DuckDB have the same columns with the same values."""
    with market.sources.connect() as connection:
        ours = compute(DuckDB(connection), [day], group_queries()).to_pandas().set_index(KEY)
    ours = ours.drop(columns="reference_date")
    theirs = pandas_features(load_pandas(market), day).reindex(ours.index)
    lacking = sorted(set(ours.columns) ^ set(theirs.columns))
    both = [name for name in ours.columns if name in theirs.columns]
    wrong = [
        name for name in both
        if not np.allclose(ours[name], theirs[name].astype(float), rtol=1e-6, atol=1e-6, equal_nan=True)
    ]  # fmt: skip
    print(
        f"{len(both) - len(wrong)} of {len(both)} columns agree at {day}; not: {wrong[:10]}; only one has {lacking[:10]}"
    )
    if wrong or lacking:
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
