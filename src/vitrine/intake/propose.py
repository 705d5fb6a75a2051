"""Propose a taxonomy from a label table: which columns are attributes, their values, likely typos, rare values."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from vitrine.config import Columns
from vitrine.errors import InputError
from vitrine.intake.items import is_empty, split_values, text
from vitrine.intake.table import TableRow
from vitrine.taxonomy import fold

_MOST_VALUES = 300
_ROWS_A_VALUE = 3
_NAMES_OF_COLUMN = {
    "key": ("sku", "id", "product_id", "code", "material", "referencia", "codigo"),
    "photo": ("photo", "image", "filename", "file", "path", "photos", "images", "foto", "imagem"),
    "view": ("view", "angle", "vista"),
    "style": ("style_id", "style", "model_code", "modelo"),
    "name": ("name", "title", "productdisplayname", "product_name", "nome"),
    "description": ("description", "descricao", "text"),
    "brand": ("brand", "marca"),
    "price": ("price", "preco", "precio", "harga"),
    "weight": ("business_weight", "peso_comercial", "bobot_bisnis"),
    "stock": ("stock", "in_stock", "quantity", "estoque", "existencias", "stok"),
}


@dataclass(frozen=True, slots=True)
class ProposedValue:
    """A value with its count in the table and the other spellings (case, accents, spaces) that mean the same."""

    name: str
    count: int
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProposedAttribute:
    """An attribute column: its values, most frequent first, and pairs (rare value, frequent value) that look like typos."""

    name: str
    values: tuple[ProposedValue, ...]
    typos: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What `vitrine init` writes down: attributes, the columns with another role, and those left out with the reason."""

    attributes: tuple[ProposedAttribute, ...]
    columns: Columns
    left_out: tuple[tuple[str, str], ...]
    rows: int


def propose(rows: Iterable[TableRow], *, key: str | None = None, photo: str | None = None) -> Proposal:
    """Read a whole label table; InputError when it has no key column or no column that can be an attribute."""
    counts: dict[str, Counter[str]] = {}
    several: Counter[str] = Counter()
    total = 0
    for row in rows:
        if row.problem:
            continue
        total += 1
        for name, cell in row.cells.items():
            counter = counts.setdefault(name, Counter())
            if isinstance(cell, list | tuple) or len(split_values(cell)) > 1:
                several[name] += 1
            if len(counter) <= _MOST_VALUES and not is_empty(text(cell)):
                counter[text(cell)] += 1
    if not total:
        raise InputError("the table has no row that can be read")
    columns = guess_columns(list(counts), key=key, photo=photo)
    fields = {getattr(columns, name) for name in Columns.model_fields}
    attributes, left_out = [], []
    for name, counter in counts.items():
        if name in fields:
            continue
        reason = _not_an_attribute(counter, several[name], total)
        if reason:
            left_out.append((name, reason))
        else:
            attributes.append(propose_attribute(name, counter))
    if not attributes:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out)
        raise InputError(
            f"no column can be an attribute ({reasons})", hint="an attribute column has few, repeated words"
        )
    return Proposal(tuple(attributes), columns, tuple(left_out), total)


def guess_columns(names: Sequence[str], *, key: str | None = None, photo: str | None = None) -> Columns:
    """Which column is the key, the photo, the price …, by the names that such columns usually have."""
    given = {"key": key, "photo": photo}
    for role, name in given.items():
        if name is not None and name not in names:
            raise InputError(f"the table has no column '{name}' for --{role} (it has: {', '.join(names)})")
    folded = {fold(name).replace(" ", "_"): name for name in names}
    found = {}
    for role, usual in _NAMES_OF_COLUMN.items():
        match = next((folded[name] for name in usual if name in folded), None)
        if chosen := given.get(role) or match:
            found[role] = chosen
    if "key" not in found:
        raise InputError(
            f"no column looks like a product key (there are: {', '.join(names)})", hint="name it with --key COLUMN"
        )
    return Columns(**found)


def propose_attribute(name: str, counts: Counter[str]) -> ProposedAttribute:
    """Group the spellings of a column's values and point at likely typos.

    >>> from collections import Counter
    >>> found = propose_attribute("color", Counter({"Red": 90, "red": 4, "Blue": 50, "Bleu": 1}))
    >>> [(v.name, v.count, v.spellings) for v in found.values], found.typos
    ([('Red', 94, ('red',)), ('Blue', 50, ()), ('Bleu', 1, ())], (('Bleu', 'Blue'),))
    """
    groups: dict[str, Counter[str]] = {}
    for spelling, count in counts.items():
        groups.setdefault(fold(spelling), Counter())[spelling] += count
    values = []
    for spellings in groups.values():
        (best, _), *others = spellings.most_common()
        values.append(ProposedValue(best, spellings.total(), tuple(other for other, _ in others)))
    values.sort(key=lambda value: (-value.count, value.name))
    return ProposedAttribute(name, tuple(values), tuple(_typos(values)))


def _typos(values: Sequence[ProposedValue]) -> Iterable[tuple[str, str]]:
    for value in values:
        frequent = {
            other.name: fold(other.name)
            for other in values
            if other.count >= max(20 * value.count, 50 * (value.count - 2))
        }
        match = process.extractOne(fold(value.name), frequent, scorer=fuzz.ratio, score_cutoff=74)
        if match and len(value.name) > 3:
            yield value.name, match[2]


def _not_an_attribute(counter: Counter[str], several: int, rows: int) -> str:
    filled = counter.total()
    if not filled:
        return "empty"
    if several > max(1, 0.02 * rows):
        return f"several values in one cell in {several} rows; attributes are single-valued"
    if all(_is_number(value) for value in counter):
        return "numbers"
    if len(counter) > _MOST_VALUES or filled < _ROWS_A_VALUE * len(counter):
        return f"{'more than ' if len(counter) > _MOST_VALUES else ''}{len(counter)} different values"
    if len(counter) == 1:
        return "always the same value"
    return ""


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def taxonomy_toml(attributes: Sequence[ProposedAttribute], *, min_rows: int) -> str:
    """The text of a `taxonomy.toml`: counts as comments, other spellings as synonyms, typos and rare values marked."""
    lines = [
        "# Attributes and their values, as proposed from the table. Edit freely: rename display names, merge typos",
        "# (move the typo into synonyms of the right value), add rules. Counts are rows of the table.",
        "version = 1",
    ]
    for attribute in attributes:
        typos = dict(attribute.typos)
        lines += ["", f"[attributes.{_key(attribute.name)}]"]
        lines += [f"names = {{en = {_quoted(attribute.name.replace('_', ' ').capitalize())}}}"]
        lines += [f"[attributes.{_key(attribute.name)}.values]"]
        for value in attribute.values:
            notes = [f"{value.count:,}"]
            if value.name in typos:
                notes.append(f"a typo of {typos[value.name]}?")
            if value.count < min_rows:
                notes.append("too rare to learn")
            names = [f"en = {_quoted(value.name)}"]
            if value.spellings:
                names.append(f"synonyms = [{', '.join(map(_quoted, value.spellings))}]")
            lines.append(f"{_quoted(value.name)} = {{{', '.join(names)}}}  # {', '.join(notes)}")
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return (
        name if name.replace("_", "").replace("-", "").isascii() and name.replace("_", "a").isalnum() else _quoted(name)
    )


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
