"""Whatever becomes of a taxonomy: what was said is told as if it had been carried over change by change, and is never lost."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_desk import add_products
from vitrine import taxonomy
from vitrine.desk.change_taxonomy import Wish, change, undo
from vitrine.desk.decisions import Answer, decide
from vitrine.intake.labels import current_decisions, spoken_labels
from vitrine.intake.retell import MERGE, RENAME, RETIRE, SPLIT, UNDO, Change, retold, tell
from vitrine.records import Label, now
from vitrine.stores import schema
from vitrine.stores.catalog import Catalog

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = [f"v{i}" for i in range(8)]
TEXT = "version = 1\n[attributes.color.values]\nv0 = {}\nv1 = {}\nv2 = {}\nv3 = {}\n"

steps = st.lists(
    st.tuples(
        st.sampled_from([RENAME, MERGE, SPLIT, RETIRE, UNDO, "say"]),
        st.integers(0, 7),
        st.integers(0, 7),
        st.integers(0, 7),
    ),
    max_size=14,
)


class Carried:
    """The reference: every saying is moved by hand at each change; an undo brings back what each was before it."""

    def __init__(self) -> None:
        self.values = NAMES[:4]
        self.said: list[tuple[str, datetime]] = []
        self.now: list[str | None] = []
        self.changes: list[Change] = []
        self.before: list[tuple[Change, list[str], list[str | None]]] = []

    def say(self, value: str, moment: datetime) -> None:
        self.said.append((value, moment))
        self.now.append(value)

    def make(self, kind: str, gone: tuple[str, ...], into: tuple[str, ...], moment: datetime) -> None:
        made = Change(len(self.changes) + 1, kind, "color", gone, into, moment)
        self.changes.append(made)
        self.before.append((made, list(self.values), list(self.now)))
        self.values = [one for one in self.values if one not in gone]
        self.values += [one for one in into if one not in self.values]
        becomes = into[0] if kind in (RENAME, MERGE) else None
        self.now = [becomes if one in gone else one for one in self.now]

    def take_back(self, moment: datetime) -> None:
        made, values, then = self.before.pop()
        self.changes.append(Change(len(self.changes) + 1, UNDO, "color", made.into, made.values, moment, made.number))
        since = self.now[len(then) :]
        if made.kind in (RENAME, SPLIT):
            since = [made.values[0] if one in made.into else one for one in since]
        elif made.kind == MERGE and made.into[0] not in made.values:
            since = [None if one == made.into[0] else one for one in since]
        self.now, self.values = then + since, values


def act(carried: Carried, kind: str, a: int, b: int, c: int, moment: datetime) -> None:
    """One step where it is possible: which values are there decides what the numbers mean."""
    if kind == UNDO:
        if carried.before:
            carried.take_back(moment)
        return
    if not carried.values:
        return
    value, other = (carried.values[i % len(carried.values)] for i in (a, b))
    free = [name for name in NAMES if name not in carried.values]
    if kind == "say":
        carried.say(value, moment)
    elif kind == RENAME and free:
        carried.make(RENAME, (value,), (free[b % len(free)],), moment)
    elif kind == MERGE and value != other:
        into = free[c % len(free)] if free and c % 2 else value
        carried.make(MERGE, (value, other), (into,), moment)
    elif kind == SPLIT and len(free) >= 2:
        carried.make(SPLIT, (value,), (free[0], free[1]), moment)
    elif kind == RETIRE and len(carried.values) > 2:
        carried.make(RETIRE, (value,), (), moment)


@given(steps)
@settings(max_examples=400, deadline=None)
def test_a_chain_of_changes_tells_what_carrying_over_one_by_one_tells(chosen: list[tuple[str, int, int, int]]) -> None:
    carried = Carried()
    for name in NAMES[:4]:
        carried.say(name, START)
    for minute, step in enumerate(chosen, 1):
        act(carried, *step, START + timedelta(minutes=minute))
    told = [tell(carried.changes, "color", value, moment)[0] for value, moment in carried.said]
    assert told == carried.now
    rows = retold(carried.changes)
    for (value, moment), expected in zip(carried.said, carried.now, strict=True):
        found = [row for row in rows if row.value == value and row.since < moment <= row.until]
        assert len(found) <= 1
        assert (found[0].told if found else value) == expected


@pytest.mark.slow
@given(steps)
@settings(max_examples=15, deadline=None)
def test_a_catalog_tells_it_too_and_keeps_every_word(chosen: list[tuple[str, int, int, int]]) -> None:
    """The same steps on a real catalog: labels of a table and decisions of a person, one product for each saying."""
    with tempfile.TemporaryDirectory(prefix="vitrine-retell-") as folder:
        path = Path(folder) / "taxonomy.toml"
        path.write_text(TEXT, encoding="utf-8")
        catalog = Catalog(f"sqlite:///{folder}/catalog.sqlite")
        skus = [f"s{i:02d}" for i in range(40)]
        add_products(catalog, skus)
        carried = Carried()
        for step in [("say", i, 0, 0) for i in range(4)] + chosen:
            before, said = len(carried.changes), len(carried.said)
            act(carried, *step, now())
            if len(carried.said) > said:
                speak(catalog, path, skus[said], carried.said[said][0], by_person=said % 2 == 1)
            elif len(carried.changes) > before:
                made = carried.changes[-1]
                if made.kind == UNDO:
                    undo(catalog, path, author="ana")
                else:
                    change(catalog, path, Wish(made.kind, "color", made.values, made.into), author="ana")
            assert set(taxonomy.load(path).attributes["color"].values) == set(carried.values)
        expected = {(sku, value) for sku, value in zip(skus, carried.now, strict=False) if value is not None}
        assert {(row["sku"], row["value"]) for row in spoken_labels(catalog).to_pylist()} == expected
        written = [row["value"] for table in (schema.labels, schema.decisions) for row in catalog.rows(table)]
        assert sorted(written) == sorted(value for value, _ in carried.said)
        lost = {sku for sku, value in zip(skus, carried.now, strict=False) if value is None}
        questions = {row["sku"]: row for row in catalog.rows(schema.queue) if row["attribute"] == "color"}
        asked = {sku for sku, row in questions.items() if row["turn"] is not None}
        people = {row["sku"] for row in catalog.rows(current_decisions())}
        assert lost & people <= asked and lost <= asked
        catalog.close()


def speak(catalog: Catalog, path: Path, sku: str, value: str, *, by_person: bool) -> None:
    if by_person:
        answer = Answer(sku, "color", value=value, version=0)
        decide(catalog, taxonomy.load(path), [answer], author="ana", batch_id=f"action-{sku}")
    else:
        catalog.add(schema.labels, [Label(sku, "color", value, "table", "t", now())])
