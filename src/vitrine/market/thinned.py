"""Tell whether the sources are a sample of orders: then sellers look idle who are not, and no figure about them is a result."""

from collections.abc import Mapping
from typing import Any

LABEL = "thinned sample, not a result"
_ALLOWED = 0.05


def thinned(manifest: Mapping[str, Any]) -> str:
    """Why the ingested sources (their manifest) must be a sample of orders; "" where nothing says so.

    In whole files every item has its order; where more than 5 % have none, orders were drawn away.

    >>> thinned({"tables": {"order_items": {"rows": 90, "rejected": 10, "reasons": {"order_id is not in orders": 10}}}})
    '10 of 100 order items belong to orders that are not in the files'
    """
    items = manifest["tables"].get("order_items")
    if not items:
        return ""
    orphans = sum(n for reason, n in items["reasons"].items() if "order_id is not in orders" in reason)
    total = items["rows"] + items["rejected"]
    if orphans <= _ALLOWED * total:
        return ""
    return f"{orphans:,} of {total:,} order items belong to orders that are not in the files"
