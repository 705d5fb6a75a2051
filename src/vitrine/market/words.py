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
_IMAGE = re.compile(r"^image_(.+?)=(.*)_share$")


def feature_words(name: str) -> str:
    """A column's name with spaces, its window at the end.

    >>> feature_words("image_heel_height=low_share")
    'share whose photos show heel height low'
    """
    if image := _IMAGE.match(name):
        return f"share whose photos show {image[1].replace('_', ' ')} {image[2].replace('_', ' ')}"
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


def subject_of(name: str, value: float | str | None) -> str:
    """What a reason is about: the feature without its window; where there was nothing to measure, the window itself."""
    if value is None and _quiet(name):
        return " ".join(_quiet(name))
    return feature_words(name).partition(",")[0]


def said(name: str, value: float | str | None) -> tuple[str, str]:
    """A reason as (words, value); a window in which nothing happened is said once, whatever could not be measured in it.

    >>> said("products_name_length_mean_28d", None), said("sales_orders_56d", 3.0)
    (('sales in the last 28 days', 'none'), ('orders, 56 days', '3'))
    """
    if value is None and _quiet(name):
        return f"{_quiet(name)[0]} in the last {_quiet(name)[1]} days", "none"
    return feature_words(name), value_words(name, value)


def _quiet(name: str) -> tuple[str, ...]:
    """(what there was none of, days) for a feature of a window."""
    window = _WINDOW.search(name)
    # of intervals and trends one sale is too few: missing does not mean that there was none
    if not window or "interval" in name or "trend" in name or name.endswith(f"_sd_{window[1]}d"):
        return ()
    if name.startswith("reviews_"):
        return "reviews", window[1]
    if name.startswith(("sales_", "products_", "payments_", "customers_")):
        return "sales", window[1]
    return ("steps of a delivery", window[1]) if name.startswith("delivery_") else ()
