"""The data dictionary: what every table and column of a version means, and since which version it is there.

One definition (`star.star`) gives the files' columns, `dictionary.json` for programs and the pages for people.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from vitrine.deliver.lake.star import Table
from vitrine.report.write_html import write_html

_SQL = {pa.string(): "text", pa.float64(): "double", pa.int64(): "bigint", pa.date32(): "date", pa.bool_(): "boolean"}


def describe(tables: Mapping[str, Table], version: str, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The dictionary of `version` as JSON; `before` is the version's that it follows, or None.

    A column that is no more is listed under `gone`, with the last version that had it.
    """
    since = {(one["table"], one["column"]): one["since"] for one in _columns(before)} if before else {}
    described = [_table(table, since, version) for table in tables.values()]
    now = {(table["name"], column["name"]) for table in described for column in table["columns"]}
    gone = [dict(one) for one in before["gone"]] if before else []
    if before:
        gone += [
            {"table": one["table"], "column": one["column"], "since": one["since"], "until": before["version"]}
            for one in _columns(before)
            if (one["table"], one["column"]) not in now
        ]
    return {"version": version, "tables": described, "gone": gone}


def write_pages(dictionary: Mapping[str, Any], folder: Path) -> list[Path]:
    """`dictionary.md` and `dictionary.html` in `folder`."""
    markdown = folder / "dictionary.md"
    markdown.write_text(_markdown(dictionary), encoding="utf-8")
    page = write_html(
        folder / "dictionary.html",
        "vitrine.deliver",
        "dictionary.html",
        hint="free some space, then run vitrine export lake again",
        dictionary=dictionary,
    )
    return [markdown, page]


def _table(table: Table, since: Mapping[tuple[str, str], str], version: str) -> dict[str, Any]:
    return {
        "name": table.name,
        "meaning": table.meaning,
        "key": list(table.key),
        "partition": table.partition or None,
        "columns": [
            {
                "name": one.name,
                "type": _SQL.get(one.type, "timestamptz"),
                "meaning": one.meaning,
                "refers": one.refers or None,
                "since": since.get((table.name, one.name), version),
            }
            for one in table.columns
        ],
    }


def _columns(dictionary: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"table": table["name"], "column": column["name"], "since": column["since"]}
        for table in dictionary["tables"]
        for column in table["columns"]
    ]


def _markdown(dictionary: Mapping[str, Any]) -> str:
    lines = [f"# Data dictionary, version {dictionary['version']}"]
    for table in dictionary["tables"]:
        lines += ["", f"## {table['name']}", "", table["meaning"], ""]
        lines.append(f"Key: {', '.join(table['key'])}." + (_folders(table) if table["partition"] else ""))
        lines += ["", "| column | type | meaning | leads to | since |", "|---|---|---|---|---|"]
        for one in table["columns"]:
            cells = [one["name"], one["type"], one["meaning"], one["refers"] or "", one["since"]]
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    if dictionary["gone"]:
        lines += ["", "## No longer there", "", "| column | since | until |", "|---|---|---|"]
        lines += [f"| {_cell(one['table'] + '.' + one['column'])} | {one['since']} | {one['until']} |"
                  for one in dictionary["gone"]]  # fmt: skip
    return "\n".join(lines) + "\n"


def _folders(table: Mapping[str, Any]) -> str:
    return f" One folder a value of {table['partition']} (Hive)."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
