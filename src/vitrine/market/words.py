"""Feature names and their values as a person says them.

>>> feature_words("delivery_late_share_180d"), value_words("delivery_late_share_180d", 0.25)
('delivery late share, 180 days', '25 %')
"""

import re

_WINDOW = re.compile(r"_(\d+)d$")


def feature_words(name: str) -> str:
    """A column's name with spaces, its window at the end."""
    window = _WINDOW.search(name)
    plain = _WINDOW.sub("", name).removesuffix("_lifetime").replace("_", " ")
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
