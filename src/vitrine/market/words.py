"""Feature names and their values as a person says them.

>>> feature_words("delivery_late_share_180d"), value_words("delivery_late_share_180d", 0.25)
('share delivered late, 180 days', '25 %')
"""

import re

# Where the column's name alone would puzzle; all others are read as they stand.
_SAID = {
    "sales_interval_days": "days between sales",
    "sales_active_days": "days with a sale",
    "sales_days_since_first_sale": "days since the first sale",
    "sales_days_since_last_sale": "days since the last sale",
    "sales_item_price_mean": "mean item price",
    "sales_orders": "orders",
    "sales_revenue": "revenue",
    "sales_orders_trend": "trend of orders",
    "sales_revenue_trend": "trend of revenue",
    "reviews_score_mean": "mean review score",
    "reviews_low_share": "share of bad reviews",
    "reviews_days_since_last_review": "days since the last review",
    "delivery_late_share": "share delivered late",
    "delivery_cancellation_known_share": "share of orders whose cancellation could be known",
    "deal_sr_sold_share": "share of the sales representative's deals that sold",
    "deal_segment_sold_share": "share of the segment's deals that sold",
    "deal_segment_deals": "deals in the segment so far",
    "deal_has_gtin": "has GTIN codes",
}
_WINDOW = re.compile(r"_(\d+)d$")


def feature_words(name: str) -> str:
    """A column's name with spaces, its window at the end."""
    window = _WINDOW.search(name)
    plain = _WINDOW.sub("", name).removesuffix("_lifetime")
    plain = _SAID.get(plain, plain.replace("_", " "))
    if window:
        return f"{plain}, {window[1]} days"
    return f"{plain}, lifetime" if name.endswith("_lifetime") else plain


def value_words(name: str, value: float | str | None) -> str:
    """A value with as many digits as it deserves; shares in percent."""
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return value
    if "share" in name and 0 <= value <= 1:
        return f"{100 * value:.0f} %"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.2f}"
