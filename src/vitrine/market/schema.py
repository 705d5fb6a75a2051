"""The eleven tables of the marketplace under their official file and column names, and what photos show of its products.

Types, keys, references, rules.

Every other file of this room reads names and types from here. Times are the marketplace's local time, without a zone;
money is in reais.

>>> [column.name for column in table("order_payments").columns]
['order_id', 'payment_sequential', 'payment_type', 'payment_installments', 'payment_value']
>>> table("order_payments").key
('order_id', 'payment_sequential')
"""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from vitrine.errors import NotFound

Kind = Literal["id", "text", "moment", "money", "count", "number", "flag", "zip"]

ARROW: dict[Kind, pa.DataType] = {
    "id": pa.string(),
    "text": pa.string(),
    "moment": pa.timestamp("us"),
    "money": pa.float64(),
    "count": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "zip": pa.string(),
}
SQL: dict[Kind, str] = {
    "id": "VARCHAR",
    "text": "VARCHAR",
    "moment": "TIMESTAMP",
    "money": "DOUBLE",
    "count": "BIGINT",
    "number": "DOUBLE",
    "flag": "BOOLEAN",
    "zip": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its kind, whether a row needs it, and the values it may take."""

    name: str
    kind: Kind
    required: bool = False
    values: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key. A row whose parent is absent is kept out, or kept and counted where `keep` says why."""

    column: str
    table: str
    parent: str
    keep: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """`later` must not lie before `earlier`. A row that breaks this is kept out, or kept where `keep` says why."""

    earlier: str
    later: str
    keep: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table; `file` is the official file name without its ending."""

    name: str
    file: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    orders: tuple[Order, ...] = ()

    def column(self, name: str) -> Column:
        """The column of that name; NotFound when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise NotFound(f"table {self.name} has no column '{name}'")

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema of the table once ingested."""
        return pa.schema([pa.field(column.name, ARROW[column.kind]) for column in self.columns])


ORDER_STATUSES = ("created", "approved", "processing", "invoiced", "shipped", "delivered", "unavailable", "canceled")

# Parents stand before their children, so that a row is checked against what was kept of its parent.
TABLES: tuple[Table, ...] = (
    Table(
        "product_category_name_translation",
        "product_category_name_translation",
        (Column("product_category_name", "id", required=True), Column("product_category_name_english", "text")),
        key=("product_category_name",),
    ),
    Table(
        "geolocation",
        "olist_geolocation_dataset",
        (
            Column("geolocation_zip_code_prefix", "zip", required=True),
            Column("geolocation_lat", "number", least=-90, most=90),
            Column("geolocation_lng", "number", least=-180, most=180),
            Column("geolocation_city", "text"),
            Column("geolocation_state", "text"),
        ),
        # no key: the official file has many points a prefix, and repeats some of them
    ),
    Table(
        "customers",
        "olist_customers_dataset",
        (
            Column("customer_id", "id", required=True),
            Column("customer_unique_id", "id"),
            Column("customer_zip_code_prefix", "zip"),
            Column("customer_city", "text"),
            Column("customer_state", "text"),
        ),
        key=("customer_id",),
    ),
    Table(
        "sellers",
        "olist_sellers_dataset",
        (
            Column("seller_id", "id", required=True),
            Column("seller_zip_code_prefix", "zip"),
            Column("seller_city", "text"),
            Column("seller_state", "text"),
        ),
        key=("seller_id",),
    ),
    Table(
        "products",
        "olist_products_dataset",
        (
            Column("product_id", "id", required=True),
            Column("product_category_name", "id"),
            Column("product_name_lenght", "count", least=0),
            Column("product_description_lenght", "count", least=0),
            Column("product_photos_qty", "count", least=0),
            Column("product_weight_g", "number", least=0),
            Column("product_length_cm", "number", least=0),
            Column("product_height_cm", "number", least=0),
            Column("product_width_cm", "number", least=0),
        ),
        key=("product_id",),
        references=(
            Reference(
                "product_category_name",
                "product_category_name_translation",
                "product_category_name",
                keep="two official categories have no translation",
            ),
        ),
    ),
    Table(
        "product_attributes",
        "product_attributes",
        (
            Column("product_id", "id", required=True),
            Column("attribute", "id", required=True),
            Column("value", "id", required=True),
            Column("confidence", "number", required=True, least=0, most=1),
            Column("known_at", "moment", required=True),
        ),
        key=("product_id", "attribute", "known_at"),
        references=(Reference("product_id", "products", "product_id", keep="it is read once the product is there"),),
    ),
    Table(
        "orders",
        "olist_orders_dataset",
        (
            Column("order_id", "id", required=True),
            Column("customer_id", "id"),
            Column("order_status", "text", required=True, values=ORDER_STATUSES),
            Column("order_purchase_timestamp", "moment", required=True),
            Column("order_approved_at", "moment"),
            Column("order_delivered_carrier_date", "moment"),
            Column("order_delivered_customer_date", "moment"),
            Column("order_estimated_delivery_date", "moment", required=True),
        ),
        key=("order_id",),
        references=(
            Reference(
                "customer_id", "customers", "customer_id", keep="the order counts; who bought, and where, is unknown"
            ),
        ),
        orders=(
            Order("order_purchase_timestamp", "order_approved_at"),
            Order("order_purchase_timestamp", "order_delivered_customer_date"),
            Order("order_purchase_timestamp", "order_estimated_delivery_date"),
            Order(
                "order_purchase_timestamp",
                "order_delivered_carrier_date",
                keep="the carrier's clock: 0.2 % of the official orders",
            ),
            Order(
                "order_delivered_carrier_date",
                "order_delivered_customer_date",
                keep="the carrier's clock: a few official orders",
            ),
        ),
    ),
    Table(
        "order_items",
        "olist_order_items_dataset",
        (
            Column("order_id", "id", required=True),
            Column("order_item_id", "count", required=True, least=1),
            Column("product_id", "id", required=True),
            Column("seller_id", "id", required=True),
            Column("shipping_limit_date", "moment"),
            Column("price", "money", required=True, least=0),
            Column("freight_value", "money", required=True, least=0),
        ),
        key=("order_id", "order_item_id"),
        references=(
            Reference("order_id", "orders", "order_id"),
            Reference("seller_id", "sellers", "seller_id"),
            Reference(
                "product_id", "products", "product_id", keep="the sale counts; what the product is like is unknown"
            ),
        ),
    ),
    Table(
        "order_payments",
        "olist_order_payments_dataset",
        (
            Column("order_id", "id", required=True),
            Column("payment_sequential", "count", required=True, least=1),
            Column("payment_type", "text", required=True),
            Column("payment_installments", "count", least=0),
            Column("payment_value", "money", required=True, least=0),
        ),
        key=("order_id", "payment_sequential"),
        references=(Reference("order_id", "orders", "order_id"),),
    ),
    Table(
        "order_reviews",
        "olist_order_reviews_dataset",
        (
            Column("review_id", "id"),
            Column("order_id", "id", required=True),
            Column("review_score", "count", required=True, least=1, most=5),
            Column("review_comment_title", "text"),
            Column("review_comment_message", "text"),
            Column("review_creation_date", "moment", required=True),
            Column("review_answer_timestamp", "moment"),
        ),
        # one review id stands under several orders, and one order has several reviews
        key=("review_id", "order_id"),
        references=(Reference("order_id", "orders", "order_id"),),
        orders=(Order("review_creation_date", "review_answer_timestamp"),),
    ),
    Table(
        "marketing_qualified_leads",
        "olist_marketing_qualified_leads_dataset",
        (
            Column("mql_id", "id", required=True),
            Column("first_contact_date", "moment", required=True),
            Column("landing_page_id", "id"),
            Column("origin", "text"),
        ),
        key=("mql_id",),
    ),
    Table(
        "closed_deals",
        "olist_closed_deals_dataset",
        (
            Column("mql_id", "id", required=True),
            Column("seller_id", "id", required=True),
            Column("sdr_id", "id"),
            Column("sr_id", "id"),
            Column("won_date", "moment", required=True),
            Column("business_segment", "text"),
            Column("lead_type", "text"),
            Column("lead_behaviour_profile", "text"),
            Column("has_company", "flag"),
            Column("has_gtin", "flag"),
            Column("average_stock", "text"),
            Column("business_type", "text"),
            Column("declared_product_catalog_size", "number", least=0),
            Column("declared_monthly_revenue", "money", least=0),
        ),
        key=("mql_id",),
        references=(
            Reference(
                "mql_id", "marketing_qualified_leads", "mql_id", keep="the deal counts; where it came from is unknown"
            ),
            Reference("seller_id", "sellers", "seller_id", keep="a deal that has not led to a sale yet"),
        ),
    ),
)

_BY_NAME = {one.name: one for one in TABLES}

# A sale with its seller, customer and product, which every task reads.
_SALES = ("orders", "order_items", "customers", "sellers", "products")
_SELLER_TABLES = (*_SALES, "order_payments", "order_reviews")
# What a task cannot do without; the feature files of these tasks read no other table.
TASKS: dict[str, tuple[str, ...]] = {
    "churn": _SELLER_TABLES,
    "segments": _SELLER_TABLES,
    "delay": (*_SALES, "order_payments"),
    "activation": (*_SALES, "marketing_qualified_leads", "closed_deals"),
}


def table(name: str) -> Table:
    """The table of that name; NotFound when the marketplace has none."""
    if name not in _BY_NAME:
        raise NotFound(f"the marketplace has no table '{name}'", hint=f"it has {', '.join(_BY_NAME)}")
    return _BY_NAME[name]
