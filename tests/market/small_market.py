"""Small marketplaces for tests: orders written out by hand, or drawn, as the official files; then ingested."""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from vitrine.market.home import Market

STATES = ("SP", "RJ", "MG", "BA", "RS")
CATEGORIES = ("cama_mesa_banho", "beleza_saude", "brinquedos", "artes")


@dataclass
class Order:
    """An order; `items` are (seller, product, price, freight), `payments` (type, installments, value)."""

    id: str
    bought: str
    items: Sequence[tuple[str, str, float, float]] = (("s1", "p1", 100.0, 10.0),)
    approved: str = ""
    shipped: str = ""
    delivered: str = ""
    promised: str = "2099-01-01"
    status: str = "delivered"
    state: str = "SP"
    customer: str = ""
    payments: Sequence[tuple[str, int, float]] = ()
    ship_by: str = ""
    reviews: Sequence[tuple[int, str, str]] = ()


@dataclass
class Deal:
    """A won deal and the lead before it."""

    seller: str
    won: str
    contacted: str = "2017-01-01"
    segment: str = "pet"
    origin: str = "social"


@dataclass
class Shown:
    """What a photo shows of a product, and from when on that was known."""

    product: str
    attribute: str
    value: str
    known: str
    confidence: float = 0.8


@dataclass
class Rows:
    """The official tables as rows."""

    tables: dict[str, list[Sequence[object]]] = field(default_factory=dict)

    def add(self, table: str, *row: object) -> None:
        self.tables.setdefault(table, []).append(row)


HEADERS = {
    "olist_orders_dataset": "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
    "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date",
    "olist_order_items_dataset": "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value",
    "olist_order_payments_dataset": "order_id,payment_sequential,payment_type,payment_installments,payment_value",
    "olist_order_reviews_dataset": "review_id,order_id,review_score,review_comment_title,review_comment_message,"
    "review_creation_date,review_answer_timestamp",
    "olist_customers_dataset": "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state",
    "olist_sellers_dataset": "seller_id,seller_zip_code_prefix,seller_city,seller_state",
    "olist_products_dataset": "product_id,product_category_name,product_name_lenght,product_description_lenght,"
    "product_photos_qty,product_weight_g,product_length_cm,product_height_cm,product_width_cm",
    "olist_marketing_qualified_leads_dataset": "mql_id,first_contact_date,landing_page_id,origin",
    "product_attributes": "product_id,attribute,value,confidence,known_at",
    "olist_closed_deals_dataset": "mql_id,seller_id,sdr_id,sr_id,won_date,business_segment,lead_type,"
    "lead_behaviour_profile,has_company,has_gtin,average_stock,business_type,declared_product_catalog_size,"
    "declared_monthly_revenue",
}


OPTIONAL = ("olist_marketing_qualified_leads_dataset", "olist_closed_deals_dataset", "product_attributes")


def make_market(
    folder: Path, orders: Sequence[Order], deals: Sequence[Deal] = (), shown: Sequence[Shown] = ()
) -> Market:
    """A market in `folder` with these orders; sellers s1, s2 … live in SP, products p1, p2 … take turns in category."""
    rows = Rows()
    for one in shown:
        rows.add("product_attributes", one.product, one.attribute, one.value, one.confidence, one.known)
    for order in orders:
        _add(rows, order)
    sellers = {item[0] for order in orders for item in order.items} | {deal.seller for deal in deals}
    for seller in sorted(sellers):
        rows.add("olist_sellers_dataset", seller, "1001", "sao paulo", "SP")
    for product in sorted({item[1] for order in orders for item in order.items}):
        turn = sum(map(ord, product)) % len(CATEGORIES)
        rows.add("olist_products_dataset", product, CATEGORIES[turn], 40, 300, 1 + turn, 500 + turn, 20, 10 + turn, 30)
    for number, deal in enumerate(deals):
        rows.add("olist_marketing_qualified_leads_dataset", f"m{number}", deal.contacted, "page", deal.origin)
        deal_row = (f"m{number}", deal.seller, "sdr", f"sr{number % 3}", deal.won, deal.segment, "online_big", "cat")
        rows.add("olist_closed_deals_dataset", *deal_row, "", "", "", "reseller", "", 0)
    official = folder / "official"
    official.mkdir(parents=True, exist_ok=True)
    for table, header in HEADERS.items():
        if table in rows.tables or (not deals and table not in OPTIONAL):
            with (official / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
                file.write(header + "\n")
                csv.writer(file).writerows(rows.tables.get(table, []))
    market = Market.open(folder)
    market.ingest(official)
    return market


def _add(rows: Rows, order: Order) -> None:
    customer = order.customer or f"c-{order.id}"
    steps = (order.status, order.bought, order.approved, order.shipped, order.delivered, order.promised)
    rows.add("olist_orders_dataset", order.id, customer, *steps)
    rows.add("olist_customers_dataset", customer, f"u-{customer}", "1001", "city", order.state)
    for number, (seller, product, price, freight) in enumerate(order.items, start=1):
        rows.add("olist_order_items_dataset", order.id, number, product, seller, order.ship_by, price, freight)
    value = sum(price + freight for _, _, price, freight in order.items)
    for number, payment in enumerate(order.payments or [("credit_card", 1, value)], start=1):
        rows.add("olist_order_payments_dataset", order.id, number, *payment)
    for number, (score, asked, answered) in enumerate(order.reviews):
        rows.add("olist_order_reviews_dataset", f"r{number}-{order.id}", order.id, score, "", "", asked, answered)


def drawn_orders(
    seed: int, *, count: int = 400, sellers: int = 25, first: date = date(2017, 1, 1), days: int = 450
) -> list[Order]:
    """Orders drawn at random, with steps, reviews and several sellers as a marketplace has them.

    Sellers come and go: each sells in a stretch of its own, so that some churn.
    """
    draw = random.Random(seed)
    begin = datetime(first.year, first.month, first.day)
    stretch = {
        f"s{number:02d}": (draw.uniform(0, 0.6) * days, draw.uniform(0.1, 0.4) * days)
        for number in range(1, sellers + 1)
    }
    return [_drawn(draw, f"o{number:05d}", begin, stretch) for number in range(count)]


def _drawn(draw: random.Random, name: str, begin: datetime, stretch: dict[str, tuple[float, float]]) -> Order:
    seller = draw.choice(sorted(stretch))
    bought = begin + timedelta(days=stretch[seller][0] + draw.random() * stretch[seller][1])
    bought = bought.replace(microsecond=0)
    approved = bought + timedelta(hours=draw.randint(0, 60))
    shipped = approved + timedelta(hours=draw.randint(2, 200))
    delivered = shipped + timedelta(hours=draw.randint(20, 500))
    promised = bought + timedelta(days=draw.randint(8, 35))
    fate = draw.random()
    status = "canceled" if fate < 0.05 else "shipped" if fate < 0.1 else "delivered"
    items = [(seller, f"p{draw.randint(1, 40)}", round(draw.lognormvariate(4, 1), 2), round(draw.uniform(5, 40), 2))]
    if draw.random() < 0.15:
        items.append((draw.choice(sorted(stretch)), f"p{draw.randint(1, 40)}", round(draw.uniform(10, 90), 2), 7.5))
    value = round(sum(price + freight for _, _, price, freight in items), 2)
    payments = [("boleto", 1, value)] if draw.random() < 0.3 else [("credit_card", draw.randint(1, 8), value)]
    if draw.random() < 0.1:
        payments = [("voucher", 1, 5.0), (payments[0][0], payments[0][1], round(value - 5, 2))]
    asked = delivered + timedelta(days=1)
    answered = asked + timedelta(hours=draw.randint(1, 300))
    late = delivered.date() > promised.date()
    score = draw.choice([1, 1, 2, 3]) if late else draw.choice([3, 4, 5, 5])
    reviewed = status == "delivered" and draw.random() < 0.7
    return Order(
        name,
        str(bought),
        items,
        approved=str(approved),
        shipped="" if status == "canceled" else str(shipped),
        delivered=str(delivered) if status == "delivered" else "",
        promised=str(promised.date()),
        status=status,
        state=draw.choice(STATES),
        customer=f"c{draw.randint(1, 300)}-{name}",
        payments=payments,
        ship_by=str(approved + timedelta(days=3)),
        reviews=[(score, str(asked.date()), str(answered))] if reviewed else (),
    )


def drawn_deals(seed: int, *, count: int = 60, sellers: int = 25, first: date = date(2016, 12, 1)) -> list[Deal]:
    """Deals drawn at random: some with sellers who sell later, some with sellers who never do."""
    draw = random.Random(seed)
    begin = datetime(first.year, first.month, first.day)
    deals = []
    for number in range(count):
        won = begin + timedelta(hours=draw.randint(0, 24 * 200))
        seller = f"s{number + 1:02d}" if number < sellers else f"new{number}"
        contacted = (won - timedelta(days=draw.randint(1, 60))).date()
        deals.append(
            Deal(seller, str(won), str(contacted), draw.choice(["pet", "toys"]), draw.choice(["social", "email"]))
        )
    return deals


def drawn_images(seed: int, orders: Sequence[Order]) -> list[Shown]:
    """What photos show of each product, said three times at moments spread over 400 days."""
    draw = random.Random(seed)
    shown = []
    for product in sorted({item[1] for order in orders for item in order.items}):
        for attribute, values in (("photo", ("sharp", "blurred")), ("heel", ("flat", "mid", "high"))):
            for _ in range(3):
                known = datetime(2017, 1, 1) + timedelta(minutes=draw.randint(0, 400 * 1440))
                shown.append(Shown(product, attribute, draw.choice(values), str(known), round(draw.uniform(0.5, 1), 3)))
    return shown
