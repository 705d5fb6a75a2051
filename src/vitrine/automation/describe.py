"""Which products the files of a watched place show: by their paths, or by a table that names them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.intake.items import Item, Items, items_of_rows
from vitrine.intake.naming import Naming, items_of_paths
from vitrine.intake.table import TableRow, columns_of, read_table

if TYPE_CHECKING:
    from vitrine.workspace import Workspace

# paths → the products that they show; a path that no product names yet goes on waiting
Describe = Callable[[Sequence[str]], Items]


def by_path(patterns: Sequence[str]) -> Describe:
    """Files that say their product by where they lie (see `vitrine.intake.naming`)."""
    naming = Naming(patterns)
    return lambda paths: items_of_paths(paths, naming)


class ByTable:
    """Files that a label table names, by its photo column or by its skus; the table is read again when it has changed.

    Rows come with their labels once a photo of theirs arrived; a photo without a row waits for one.
    """

    def __init__(self, workspace: "Workspace", table: Path) -> None:
        self._workspace, self._table = workspace, table
        self._version: tuple[int, int] | None = None
        self._rows: list[TableRow] = []

    def __call__(self, paths: Sequence[str]) -> Items:
        """The products that the table says these files show."""
        columns, taxonomy = self._workspace.settings.columns, self._workspace.taxonomy
        by_name = columns.photo not in columns_of(self._table)
        items = items_of_rows(self._read(), columns, taxonomy, paths if by_name else None)
        here = set(paths)
        named = [_only(item, here) for item in items.by_sku.values()]
        return Items({item.sku: item for item in named if item.photos}, [])

    def _read(self) -> list[TableRow]:
        seen = self._table.stat()
        if self._version != (seen.st_mtime_ns, seen.st_size):
            self._rows = list(read_table(self._table))
            self._version = seen.st_mtime_ns, seen.st_size
        return self._rows


def _only(item: Item, paths: set[str]) -> Item:
    return replace(item, photos=[photo for photo in item.photos if photo.path in paths])
