"""The catalog's tables; Alembic's migrations create them, the records in `vitrine.records` fill them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

from vitrine.taxonomy import fold

metadata = MetaData()


class Moment(TypeDecorator[datetime]):
    """A point in time: UTC goes in and comes out, also where the database keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Any aware time as UTC."""
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite gives what it was given without its zone, PostgreSQL in the zone of the session."""
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


def _moment(name: str) -> Column[datetime]:
    return Column(name, Moment, nullable=False)


def _words(*names: str) -> Column[str]:
    """What people may type to find a row: these columns without case and accents, written with every insert.

    Neither database folds accents by itself, and folding while searching would read every row through Python.
    """

    def written(context: Any) -> str:
        given = context.get_current_parameters()
        return fold(" ".join(given.get(name) or "" for name in names))

    return Column("words", Text, nullable=False, default=written, server_default="")


products = Table(
    "products",
    metadata,
    Column("sku", String, primary_key=True),
    Column("style_id", String, index=True),
    Column("name", Text),
    Column("description", Text),
    Column("brand", String),
    Column("price", Float),
    _moment("added_at"),
    Column("stock", Integer),
    _words("sku", "name", "brand", "style_id"),
)

weights = Table(
    "weights",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    Column("weight", Float, nullable=False),
    _moment("given_at"),
)

discontinued = Table(
    "discontinued",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    Column("author", String, nullable=False),
    _moment("discontinued_at"),
)

places = Table(
    "places",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=True),
    Column("sku", String, nullable=False),
    Index("ix_places_sku", "sku", unique=True),
)

photos = Table(
    "photos",
    metadata,
    Column("photo_id", String(64), primary_key=True),
    Column("cleaning_id", String, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("width_before", Integer, nullable=False),
    Column("height_before", Integer, nullable=False),
    Column("bytes_before", Integer, nullable=False),
    Column("bytes_after", Integer, nullable=False),
    Column("steps", Text, nullable=False),
    Column("contrast", Float, nullable=False),
    Column("sharpness", Float, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("compared", Boolean, nullable=False),
    _moment("added_at"),
    Index("ix_photos_moment", "added_at"),
    Index("ix_photos_compared", "compared", "photo_id"),
)

product_photos = Table(
    "product_photos",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    Column("photo_id", String(64), ForeignKey("photos.photo_id"), primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_version", Text, nullable=False),
    Column("view", String),
    Index("ix_product_photos_photo", "photo_id"),
)

labels = Table(
    "labels",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    Column("attribute", String, primary_key=True),
    Column("value", String, primary_key=True),
    Column("source", String, primary_key=True),
    Column("batch", String, primary_key=True),
    _moment("recorded_at"),
    Index("ix_labels_moment", "recorded_at"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("place", Text, primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("code", String, primary_key=True),
    Column("sku", String),
    Column("value", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("batch", String, nullable=False),
    _moment("recorded_at"),
)

twins = Table(
    "twins",
    metadata,
    Column("photo_a", String(64), ForeignKey("photos.photo_id"), primary_key=True),
    Column("photo_b", String(64), ForeignKey("photos.photo_id"), primary_key=True),
    Column("kind", String, nullable=False),
    Column("score", Float, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    Column("family_id", String, nullable=False, index=True),
    Column("part", String, nullable=False),
)

moves = Table(
    "moves",
    metadata,
    Column("sku", String, primary_key=True),
    Column("from_part", String, primary_key=True),
    Column("to_part", String, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("moved_at", Moment, primary_key=True),
)

models = Table(
    "models",
    metadata,
    Column("model_id", String, primary_key=True),
    Column("line", String, nullable=False),
    Column("dataset_id", String, nullable=False),
    Column("embedder_id", String),
    Column("taxonomy_id", String),
    _moment("created_at"),
)

promotions = Table(
    "promotions",
    metadata,
    Column("line", String, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("model_id", String, ForeignKey("models.model_id"), nullable=False),
    Column("replaces", String),
    Column("action", String, nullable=False),
    Column("evidence", Text, nullable=False),
    _moment("promoted_at"),
)

test_uses = Table(
    "test_uses",
    metadata,
    Column("model_id", String, primary_key=True),
    Column("dataset_id", String, primary_key=True),
    Column("used_at", Moment, primary_key=True),
)

predictions = Table(
    "predictions",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    Column("attribute", String, primary_key=True),
    Column("head_id", String, primary_key=True),
    Column("value", String, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("decision", String, nullable=False),
    Column("alternatives", Text, nullable=False),
    Column("model_id", String, nullable=False),
    Column("run_id", String, nullable=False),
    _moment("predicted_at"),
    Index("ix_predictions_attribute", "attribute", "value", "confidence", "sku", "model_id"),
    Index("ix_predictions_confidence", "attribute", "confidence", "sku", "model_id", "decision"),
)

answered = Table(
    "answered",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    Column("basis", String, nullable=False),
    Column("run_id", String, nullable=False),
)

scores = Table(
    "scores",
    metadata,
    Column("task", String, primary_key=True),
    Column("entity", String, primary_key=True),
    Column("reference_date", Date, primary_key=True),
    Column("model_id", String, ForeignKey("models.model_id"), primary_key=True),
    Column("seller_id", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("reasons", Text, nullable=False),
    _moment("scored_at"),
    Index("ix_scores_seller", "seller_id"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", String, primary_key=True),
    Column("sku", String, ForeignKey("products.sku"), nullable=False),
    Column("attribute", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("value", String),
    Column("comment", Text),
    Column("author", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("batch_id", String, nullable=False, index=True),
    Column("predicted_value", String),
    Column("predicted_confidence", Float),
    Column("head_id", String),
    Column("blind", Boolean, nullable=False),
    Column("undoes", String),
    Column("holds", String),
    _moment("decided_at"),
    Index("ix_decisions_item", "sku", "attribute", "version", unique=True),
    Index("ix_decisions_undoes", "undoes", unique=True),
    Index("ix_decisions_author", "author", "decided_at"),
    Index("ix_decisions_moment", "decided_at"),
    Index("ix_decisions_holds", "holds"),
)

_STANDS_OUT = text("turn IS NOT NULL AND reason != 'uncertain'")

queue = Table(
    "queue",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    Column("attribute", String, primary_key=True),
    Column("head_id", String),
    Column("reason", String, nullable=False),
    Column("turn", Integer),
    Column("place", Integer, nullable=False),
    Column("not_for", String),
    Column("worth", Float, nullable=False),
    Column("family_size", Integer, nullable=False),
    Column("blind", Boolean, nullable=False),
    Index("ix_queue_attribute_turn", "attribute", "turn", "place"),
    Index("ix_queue_turn", "turn", "place"),
    # the open questions that may ask about a published answer: what the overview looks up one by one
    Index("ix_queue_standing_out", "attribute", "sku", sqlite_where=_STANDS_OUT, postgresql_where=_STANDS_OUT),
)

leases = Table(
    "leases",
    metadata,
    Column("sku", String, primary_key=True),
    Column("attribute", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("token", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("head_id", String),
    Column("blind", Boolean, nullable=False),
    _moment("expires_at"),
)

audit_rounds = Table(
    "audit_rounds",
    metadata,
    Column("attribute", String, primary_key=True),
    Column("model_id", String, ForeignKey("models.model_id"), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("head_id", String, nullable=False),
    Column("allowed", Float, nullable=False),
    Column("risk", Float, nullable=False),
    Column("salt", String, nullable=False),
    _moment("began_at"),
    Column("stopped_at", Moment),
    Index("ix_audit_rounds_number", "attribute", "number", unique=True),
)

audit_cohorts = Table(
    "audit_cohorts",
    metadata,
    Column("attribute", String, primary_key=True),
    Column("model_id", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    _moment("until"),
    Column("probability", Float, nullable=False),
)

audits = Table(
    "audits",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    Column("attribute", String, primary_key=True),
    Column("model_id", String, primary_key=True),
    Column("cohort", Integer, nullable=False),
    Column("value", String, nullable=False),
    _moment("drawn_at"),
    Index("ix_audits_round", "attribute", "model_id"),
)

samples = Table(
    "samples",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    _moment("drawn_at"),
)

recalls = Table(
    "recalls",
    metadata,
    Column("sku", String, ForeignKey("products.sku"), primary_key=True),
    Column("attribute", String, primary_key=True),
    Column("model_id", String, primary_key=True),
    Column("value", String, nullable=False),
    _moment("recalled_at"),
    Index("ix_recalls_round", "attribute", "model_id"),
)

taxonomy_changes = Table(
    "taxonomy_changes",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("attribute", String, nullable=False),
    Column("values", Text, nullable=False),
    Column("into", Text, nullable=False),
    Column("undoes", Integer),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("author", String, nullable=False),
    _moment("changed_at"),
)

retold = Table(
    "retold",
    metadata,
    Column("attribute", String, primary_key=True),
    Column("value", String, primary_key=True),
    _moment("since"),
    Column("until", Moment, primary_key=True),
    Column("told", String),
    Column("reason", String),
)

people = Table(
    "people",
    metadata,
    Column("name", String, primary_key=True),
    Column("password_hash", Text),
    Column("role", String, nullable=False),
    Column("language", String, nullable=False),
    Column("active", Boolean, nullable=False),
    _moment("added_at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),
    Column("person", String, ForeignKey("people.name"), nullable=False, index=True),
    _moment("started_at"),
    _moment("expires_at"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("name", String, nullable=False),
    Column("owner", String, ForeignKey("people.name"), nullable=False, index=True),
    Column("scopes", String, nullable=False),
    Column("expires_at", Moment),
    _moment("added_at"),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("line_id", String, primary_key=True),
    Column("order_id", String),
    Column("line", String, nullable=False),
    Column("supplier", String),
    Column("sku", String),
    Column("barcode", String, index=True),
    Column("brand", String),
    Column("description", Text),
    Column("quantity", Float),
    Column("unit", String),
    Column("place", Text, nullable=False),
    _moment("added_at"),
    _words("line_id", "supplier", "sku", "barcode", "brand", "description"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("receipt_id", String, primary_key=True),
    Column("line_id", String, ForeignKey("order_lines.line_id"), nullable=False),
    Column("photo_id", String(64), nullable=False, index=True),
    Column("sku", String),
    Column("attribute", String),
    Column("answer", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("brand", String),
    Column("confidence", Float),
    Column("expected", String),
    Column("evidence", Text, nullable=False),
    Column("model_id", String),
    Column("person", String, nullable=False),
    _moment("taken_at"),
    _moment("received_at"),
    Index("ix_receipts_line", "line_id"),
    Index("ix_receipts_answer", "answer", "received_at"),
    Index("ix_receipts_moment", "received_at", "receipt_id"),
)

handlings = Table(
    "handlings",
    metadata,
    Column("handling_id", String, primary_key=True),
    Column("receipt_id", String, ForeignKey("receipts.receipt_id"), nullable=False, index=True),
    Column("action", String, nullable=False),
    Column("comment", Text),
    Column("person", String, nullable=False),
    _moment("handled_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("place", String, primary_key=True),
    Column("material", String, primary_key=True),
    Column("characteristic", String, primary_key=True),
    Column("word", String, nullable=False),
    Column("state", String, nullable=False),
    Column("sku", String, nullable=False),
    Column("attribute", String, nullable=False),
    Column("value", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("said_by", String),
    Column("head_id", String),
    Column("model_id", String),
    Column("certificate", Text),
    Column("shipment", String, nullable=False),
    _moment("delivered_at"),
    Index("ix_deliveries_product", "sku", "attribute"),
    Index("ix_deliveries_state", "place", "state"),
)

failed_attempts = Table(
    "failed_attempts",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("key_hash", String(64), nullable=False),
    _moment("failed_at"),
    Index("ix_failed_attempts_key", "key_hash", "failed_at"),
)

events = Table(
    "events",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("body", Text, nullable=False),
    _moment("happened_at"),
    Index("ix_events_subject", "kind", "subject", "position"),
)

claims = Table(
    "claims",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token", String, nullable=False),
    Column("holder", String, nullable=False),
    Column("process", String, nullable=False),
    _moment("since"),
    _moment("expires_at"),
)

arrivals = Table(
    "arrivals",
    metadata,
    Column("place", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("sku", String),
    Column("photo_id", String(64)),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    _moment("seen_at"),
    Column("answered_at", Moment),
    Column("delivered_at", Moment),
    Index("ix_arrivals_state", "place", "state", "seen_at"),
    Index("ix_arrivals_answered", "answered_at"),
)

watchers = Table(
    "watchers",
    metadata,
    Column("place", Text, primary_key=True),
    Column("targets", String, nullable=False),
    Column("every", Float, nullable=False),
    Column("files", Integer, nullable=False),
    Column("looked_at", Moment),
    Column("message", Text),
    Column("hint", Text),
    _moment("started_at"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("plan", String, nullable=False),
    Column("holder", String, nullable=False),
    Column("outcome", String, nullable=False),
    _moment("started_at"),
    Column("ended_at", Moment),
    Index("ix_runs_moment", "started_at"),
)

steps = Table(
    "steps",
    metadata,
    Column("run_id", String, ForeignKey("runs.run_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("counts", Text, nullable=False),
    Column("message", Text),
    Column("hint", Text),
    Column("started_at", Moment),
    Column("ended_at", Moment),
)
