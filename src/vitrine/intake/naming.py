"""Which product a photo shows, from where it lies: a pattern for paths such as `{sku}/{view}` or `{sku}_{view}`.

>>> naming = Naming(["{sku}_{view}", "{sku}"])
>>> naming.read("2026-11/AB-12_side.jpg"), naming.read("2026-11/AB-12.jpg")
(('AB-12', 'side'), ('AB-12', None))
>>> Naming(["{sku}/*"]).read("incoming/AB-12/0001.jpg")
('AB-12', None)
"""

import re
from collections.abc import Iterable, Sequence

from vitrine.errors import InputError
from vitrine.intake.items import Item, Items, PhotoPath, Problem, refuse_sku

_FIELDS = {"{sku}": "(?P<sku>[^/]+)", "{view}": "(?P<view>[^/_.-]+)", "*": "[^/]*"}


class Naming:
    """Patterns, tried in their order against the end of a path without its ending.

    A pattern with n parts between slashes speaks of the last n parts of a path; folders before them say nothing. `{sku}`
    takes as much as it can, `{view}` one word, `*` anything.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        """Read the patterns; InputError for one without `{sku}`, or with a field that there is not."""
        self.patterns = tuple(patterns)
        self._matchers = [_matcher(pattern) for pattern in patterns]

    def read(self, path: str) -> tuple[str, str | None] | None:
        """(sku, view) of a photo's path; None where no pattern fits."""
        folder, _, name = path.rpartition("/")
        stem = f"{folder}/{name.rpartition('.')[0]}"
        for matcher in self._matchers:
            if found := matcher.search(stem):
                fields = found.groupdict()
                return fields["sku"], fields.get("view")
        return None


def items_of_paths(paths: Iterable[str], naming: Naming) -> Items:
    """Products from where their photos lie; a path that says no usable sku is a problem."""
    items: dict[str, Item] = {}
    problems = []
    for number, path in enumerate(paths, 1):
        said = naming.read(path)
        refusal = refuse_sku(said[0]) if said else f"fits none of the patterns {', '.join(naming.patterns)}"
        if refusal or said is None:
            problems.append(Problem(number, "no-product", None, path, f"photo '{path}': {refusal}"))
            continue
        sku, view = said
        items.setdefault(sku, Item(sku, number)).photos.append(PhotoPath(path, view, number))
    return Items(items, problems)


def _matcher(pattern: str) -> re.Pattern[str]:
    pieces = re.split(r"(\{\w*\}|\*)", pattern.strip("/"))
    unknown = [piece for piece in pieces if piece.startswith("{") and piece not in _FIELDS]
    twice = [field for field in ("{sku}", "{view}") if pieces.count(field) > 1]
    if unknown or twice or "{sku}" not in pieces:
        raise InputError(
            f"'{pattern}' is no pattern for photos: it needs {{sku}} once, and may have {{view}} once and *",
            hint="for example {sku}_{view} for AB-12_side.jpg, or {sku}/* for AB-12/0001.jpg",
        )
    return re.compile("(?:^|/)" + "".join(_FIELDS.get(piece) or re.escape(piece) for piece in pieces) + "$")
