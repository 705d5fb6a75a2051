"""SQL that reads one cell: its value in the column's type, and what is wrong with it where it cannot be used."""

from vitrine.market.schema import SQL, Column, Kind, Order

_NOTHING = "('NULL', 'null', 'NaN', 'nan', 'None', 'NaT', 'NA', 'N/A')"
_BRAZILIAN_DATES = "['%d/%m/%Y %H:%M:%S', '%d/%m/%Y %H:%M', '%d/%m/%Y']"
_MEANT: dict[Kind, str] = {
    "moment": "no date and time",
    "money": "no amount of money",
    "count": "no whole number",
    "number": "no number",
    "flag": "neither true nor false",
    "zip": "no zip code prefix of up to five digits",
    "id": "no text",
    "text": "no text",
}


def raw(column: Column) -> str:
    """The cell as text, NULL where it is empty."""
    cell = f"nullif(trim(CAST({_name(column)} AS VARCHAR)), '')"
    if column.kind in ("id", "text"):
        return cell
    return f"CASE WHEN {cell} IN {_NOTHING} THEN NULL ELSE {cell} END"


def value(column: Column, *, typed: bool) -> str:
    """The cell in the column's type, NULL where it is empty or cannot be read; `typed` when the file has types."""
    if typed and column.kind not in ("zip", "id", "text"):
        return f"try_cast({_name(column)} AS {SQL[column.kind]})"
    return _READ[column.kind].format(cell=raw(column))


def has_decimal_comma(column: Column) -> str:
    """Whether an amount is written with a decimal comma."""
    return f"coalesce({raw(column)} LIKE '%,%', false)"


def problem(column: Column) -> list[str]:
    """CASE branches that say what is wrong with a cell, given the columns `raw_<name>` and `<name>`."""
    name, cell = _name(column), f'"raw_{column.name}"'
    found = [(f"{cell} IS NOT NULL AND {name} IS NULL", f"is {_MEANT[column.kind]}")]
    if column.required:
        found.insert(0, (f"{cell} IS NULL", "is empty"))
    if column.least is not None:
        found.append((f"{name} < {column.least}", f"lies below {column.least:g}"))
    if column.most is not None:
        found.append((f"{name} > {column.most}", f"lies above {column.most:g}"))
    if column.kind == "moment":
        found.append((f"year({name}) NOT BETWEEN 2000 AND 2100", "is no plausible year"))
    if column.values:
        known = ", ".join(f"'{one}'" for one in column.values)
        found.append((f"{name} NOT IN ({known})", f"is none of {', '.join(column.values)}"))
    return [f"WHEN {condition} THEN {_says(column.name, reason)}" for condition, reason in found]


def disorder(order: Order) -> str:
    """Whether a row breaks `order`; a promise is a day, so only the day counts there."""
    earlier = f'"{order.earlier}"'
    if order.later == "order_estimated_delivery_date":
        earlier = f"date_trunc('day', {earlier})"
    return f'coalesce("{order.later}" < {earlier}, false)'


def disorder_problem(order: Order) -> str:
    """The CASE branch of an order that a row must not break."""
    return f"WHEN {disorder(order)} THEN {_says(order.later, f'lies before {order.earlier}')}"


def _says(column: str, reason: str) -> str:
    return f"{{'column': '{column}', 'value': coalesce(\"raw_{column}\", ''), 'reason': '{reason}'}}"


def _name(column: Column) -> str:
    return f'"{column.name}"'


_COMMA = "CASE WHEN regexp_full_match({cell}, '-?(\\d{{1,3}}(\\.\\d{{3}})+|\\d+),\\d+') "
_COMMA += "THEN replace(replace({cell}, '.', ''), ',', '.') ELSE {cell} END"
_FINITE = "CASE WHEN isfinite(try_cast(" + _COMMA + " AS DOUBLE)) THEN try_cast(" + _COMMA + " AS DOUBLE) END"
_READ: dict[Kind, str] = {
    "id": "{cell}",
    "text": "{cell}",
    "moment": "coalesce(try_cast({cell} AS TIMESTAMP), try_strptime({cell}, " + _BRAZILIAN_DATES + "))",
    "money": _FINITE,
    "number": _FINITE,
    "count": "CASE WHEN regexp_full_match({cell}, '[-+]?\\d{{1,18}}(\\.0+)?') "
    "THEN try_cast(try_cast({cell} AS DECIMAL(20, 1)) AS BIGINT) END",
    "flag": "try_cast({cell} AS BOOLEAN)",
    # spreadsheets drop the zeros in front
    "zip": "CASE WHEN regexp_full_match({cell}, '\\d{{1,5}}') THEN lpad({cell}, 5, '0') END",
}
