"""What flows between the rooms: one frozen record each, and the Arrow schema that the same record has in bulk.

>>> from vitrine.records import Label, schema
>>> schema(Label).names
['sku', 'attribute', 'value', 'source', 'batch', 'recorded_at']
"""

import dataclasses
import typing
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from vitrine.errors import InputError

PHOTOS = "photos"  # the line of models that read photos


def now() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Product:
    """One article of the catalog; `sku` is its key, `stock` how many pieces there are, where that is known."""

    sku: str
    style_id: str | None
    name: str | None
    description: str | None
    brand: str | None
    price: float | None
    added_at: datetime
    stock: int | None = None


@dataclass(frozen=True, slots=True)
class Weight:
    """What an answer about a product is worth to the business, in whatever it counts, such as pieces sold; at least 0."""

    sku: str
    weight: float
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Discontinued:
    """A product that left the range, and who took it out."""

    sku: str
    author: str
    discontinued_at: datetime


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo; `photo_id` is the SHA-256 of the bytes received, sizes are in pixels and bytes.

    `compared` says whether it was searched for twins.
    """

    photo_id: str
    cleaning_id: str
    width: int
    height: int
    width_before: int
    height_before: int
    bytes_before: int
    bytes_after: int
    steps: str
    contrast: float
    sharpness: float
    fingerprint: bytes
    compared: bool
    added_at: datetime


@dataclass(frozen=True, slots=True)
class ProductPhoto:
    """A photo shows a product; one photo can stand under several. `source_version` changes when the file does."""

    sku: str
    photo_id: str
    source: str
    source_version: str
    view: str | None


@dataclass(frozen=True, slots=True)
class Label:
    """What a person or a supplier says; `batch` is the table or session that said it. Labels only grow."""

    sku: str
    attribute: str
    value: str
    source: str
    batch: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row, cell or file that was not used, with everything needed to mend it."""

    place: str
    row: int
    code: str
    sku: str | None
    value: str
    reason: str
    batch: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Twin:
    """Two photos that show the same picture; `score` in 0..1 is how alike their foregrounds are."""

    photo_a: str
    photo_b: str
    kind: str
    score: float


@dataclass(frozen=True, slots=True)
class Member:
    """A product's family and the part (train, calibrate, test) that the family was placed in."""

    sku: str
    family_id: str
    part: str


@dataclass(frozen=True, slots=True)
class Move:
    """A product whose part changed because a new photo tied two families."""

    sku: str
    from_part: str
    to_part: str
    reason: str
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class Prediction:
    """The model's final answer for one attribute of one product; keyed by (sku, attribute, head_id)."""

    sku: str
    attribute: str
    value: str
    confidence: float
    decision: str
    alternatives: str
    head_id: str
    model_id: str
    run_id: str
    predicted_at: datetime


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A trained model (all heads that decide together) and where its files lie.

    `line` says which models it competes with: `photos`, or one line for each task of the marketplace, whose models read
    no photos and have no embedder and taxonomy.
    """

    model_id: str
    dataset_id: str
    embedder_id: str | None
    taxonomy_id: str | None
    created_at: datetime
    line: str = PHOTOS


@dataclass(frozen=True, slots=True)
class Promotion:
    """One entry of a line's champion history; the last entry is the line's champion of today."""

    position: int
    model_id: str
    replaces: str | None
    action: str
    evidence: str
    promoted_at: datetime
    line: str = PHOTOS


@dataclass(frozen=True, slots=True)
class Score:
    """What a task's model says of one entity (seller or order) at a reference date; `reasons` is JSON, strongest first."""

    task: str
    entity: str
    reference_date: date
    model_id: str
    seller_id: str
    score: float
    reasons: str
    scored_at: datetime


@dataclass(frozen=True, slots=True)
class LookAtTest:
    """One look at the test part, counted and shown."""

    model_id: str
    dataset_id: str
    used_at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What a curator did with one attribute of one product; decisions only grow.

    `version` counts the entries of (sku, attribute) from 1. `holds` is the decision_id of the entry that holds after
    this one: itself, an earlier one that an undo brings back or a review confirms, or none. An undo is an entry too, and
    `undoes` names what it takes back. `predicted_value`, `predicted_confidence` and `head_id` are what the model had said
    then; `blind` says that the curator did not see it. `batch_id` is the action: one transaction, undone as one.
    """

    decision_id: str
    sku: str
    attribute: str
    version: int
    outcome: str
    value: str | None
    comment: str | None
    author: str
    mode: str
    batch_id: str
    predicted_value: str | None
    predicted_confidence: float | None
    head_id: str | None
    blind: bool
    undoes: str | None
    holds: str | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Queued:
    """A question for people. `turn` 0 goes before 1, none is closed; `place` orders a turn; `not_for` answered it last."""

    sku: str
    attribute: str
    head_id: str | None
    reason: str
    turn: int | None
    place: int
    not_for: str | None
    worth: float
    family_size: int
    blind: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """A question lent to one holder until `expires_at`; `version` is the decision that held when it was lent."""

    sku: str
    attribute: str
    holder: str
    token: str
    version: int
    head_id: str | None
    blind: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AuditRound:
    """The audit of what one certified head publishes; `number` counts the attribute's certifications from 1.

    `allowed` is the error rate of the certificate, `risk` the probability with which a sound head may be stopped in this
    round, `salt` what its coins fall by. `stopped_at` is the answer that proved too many errors.
    """

    attribute: str
    model_id: str
    number: int
    head_id: str
    allowed: float
    risk: float
    salt: str
    began_at: datetime
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditCohort:
    """Products added up to `until` (and after the cohort before); each is drawn with `probability`, which only grows."""

    attribute: str
    model_id: str
    number: int
    until: datetime
    probability: float


@dataclass(frozen=True, slots=True)
class Audit:
    """A published `value` that was drawn to be asked blind."""

    sku: str
    attribute: str
    model_id: str
    cohort: int
    value: str
    drawn_at: datetime


@dataclass(frozen=True, slots=True)
class Sampled:
    """A product that was drawn, by no model's word, for people to say everything about."""

    sku: str
    drawn_at: datetime


@dataclass(frozen=True, slots=True)
class Recall:
    """A `value` that a head had published when its audit stopped it."""

    sku: str
    attribute: str
    model_id: str
    value: str
    recalled_at: datetime


@dataclass(frozen=True, slots=True)
class TaxonomyChange:
    """One change of the taxonomy, numbered from 1; `kind` is rename, merge, split, retire, rename attribute or undo.

    `values` become `into` (both JSON lists); `undoes` is the number of the change that an undo takes back. `before` and
    `after` are the whole text of taxonomy.toml.
    """

    number: int
    kind: str
    attribute: str
    values: str
    into: str
    undoes: int | None
    before: str
    after: str
    author: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Retold:
    """What was said as `value` after `since` and up to `until` is told today: `told`, or nothing for a `reason`."""

    attribute: str
    value: str
    since: datetime
    until: datetime
    told: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with an account; `role` is viewer, curator or admin."""

    name: str
    password_hash: str | None
    role: str
    language: str
    active: bool
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A person's visit; the browser has the secret, the catalog its SHA-256."""

    session_hash: str
    person: str
    started_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A program's key to the API; `scopes` are words with spaces."""

    token_hash: str
    name: str
    owner: str
    scopes: str
    expires_at: datetime | None
    added_at: datetime


@dataclass(frozen=True, slots=True)
class OrderLine:
    """What was ordered: one line of a purchase order. `line_id` is its key: the line, after the order where there is one.

    `brand` is as the order writes it; `place` is the table or the caller that the line came from.
    """

    line_id: str
    order_id: str | None
    line: str
    supplier: str | None
    sku: str | None
    barcode: str | None
    brand: str | None
    description: str | None
    quantity: float | None
    unit: str | None
    place: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """A photo of a delivery held against its order line; `receipt_id` is made up by whoever sends it.

    `answer` is match, mismatch or unknown, and `reason` the word that says why. `brand` is the value of `attribute` that
    was seen and `confidence` its probability (0..1), `expected` the one that was ordered, `sku` the ordered product;
    they, and the `model_id`, are empty where they were not compared. `evidence` is JSON.
    """

    receipt_id: str
    line_id: str
    photo_id: str
    sku: str | None
    attribute: str | None
    answer: str
    reason: str
    brand: str | None
    confidence: float | None
    expected: str | None
    evidence: str
    model_id: str | None
    person: str
    taken_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Handling:
    """What a person did with a delivery after its receipt; the newest of a receipt holds, none is overwritten."""

    handling_id: str
    receipt_id: str
    action: str
    comment: str | None
    person: str
    handled_at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """A product whose answers in the catalog are those of `basis`: the model, its stopped attributes, and the photos."""

    sku: str
    basis: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file at a watched `place`, and what became of the content it has now; moments are those of the database's clock.

    `version` changes when the file does. `state` is waiting, taken (it is in the catalog), answered, delivered,
    quarantined for a `reason`, or gone. `attempts` counts how often it was about to be taken.
    """

    place: str
    path: str
    version: str
    state: str
    sku: str | None
    photo_id: str | None
    attempts: int
    reason: str | None
    seen_at: datetime
    answered_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Watcher:
    """How the last watch of a `place` stands: `files` it saw at its last look; `message` where it cannot go on."""

    place: str
    targets: str
    every: float
    files: int
    looked_at: datetime | None
    message: str | None
    hint: str | None
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a plan; `outcome` is running, done, failed or interrupted."""

    run_id: str
    plan: str
    holder: str
    outcome: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run; `counts` is JSON, `outcome` is waiting, running, done, failed or interrupted."""

    run_id: str
    position: int
    name: str
    outcome: str
    attempts: int
    counts: str
    message: str | None
    hint: str | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a place outside was given: the `word` of a characteristic of a material, and who stands for it.

    `state` is `sending` or `recalling` until the place has confirmed, then `sent` or `recalled`; a recalled word is kept
    to say what had been there. `shipment` is the file or the run that carried it.
    """

    place: str
    material: str
    characteristic: str
    word: str
    state: str
    sku: str
    attribute: str
    value: str
    origin: str
    said_by: str | None
    head_id: str | None
    model_id: str | None
    certificate: str | None
    shipment: str
    delivered_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw; `severity` is error, warning or note, `attribute` the one it is about, where it is about one."""

    code: str
    severity: str
    product: str | None
    photo: str | None
    message: str
    attribute: str | None = None


_ARROW: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bytes: pa.binary(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
    date: pa.date32(),
}


def schema(record: type) -> pa.Schema:
    """The Arrow schema of a record: same names, same order, nullable where the record says `| None`."""
    fields = []
    for name, annotation in typing.get_type_hints(record).items():
        arguments = typing.get_args(annotation)
        nullable = type(None) in arguments
        plain = next(a for a in arguments if a is not type(None)) if nullable else annotation
        fields.append(pa.field(name, _ARROW[plain], nullable=nullable))
    return pa.schema(fields)


def to_table(record: type, rows: typing.Sequence[object]) -> pa.Table:
    """Records in bulk; an empty sequence gives an empty table with the right columns."""
    columns = [f.name for f in dataclasses.fields(record)]
    arrays = {name: [getattr(row, name) for row in rows] for name in columns}
    return pa.table(arrays, schema=schema(record))


def check_table(table: pa.Table, record: type, *, key: tuple[str, ...], where: str) -> pa.Table:
    """Let a table through a stage's door: columns, types, nulls and a unique key, or an InputError naming the first bad row."""
    wanted = schema(record)
    missing = [name for name in wanted.names if name not in table.column_names]
    if missing:
        raise InputError(f"{where}: column '{missing[0]}' is missing (there are: {', '.join(table.column_names)})")
    table = table.select(wanted.names)
    for column in wanted:
        nulls = table.column(column.name).is_null()
        if not column.nullable and table.column(column.name).null_count:
            raise InputError(f"{where}: row {nulls.to_pylist().index(True)}: '{column.name}' is empty")
    try:
        table = table.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise InputError(f"{where}: {error}") from None
    _check_unique(table, key, where)
    return table


def _check_unique(table: pa.Table, key: tuple[str, ...], where: str) -> None:
    counts = table.group_by(list(key)).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts.column("count_all"), 1))
    if twice.num_rows:
        first = twice.slice(0, 1).to_pylist()[0]
        values = ", ".join(f"{name} = {first[name]!r}" for name in key)
        raise InputError(f"{where}: {first['count_all']} rows have the key {values}")
