"""The catalog's tables; Alembic's migrations create them, the records in `vitrine.records` fill them."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()


def _moment(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False)


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
    Column("moved_at", DateTime(timezone=True), primary_key=True),
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
    Column("used_at", DateTime(timezone=True), primary_key=True),
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
    Index("ix_predictions_attribute", "attribute", "value", "confidence"),
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
