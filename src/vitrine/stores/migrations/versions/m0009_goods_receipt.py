"""order lines, receipts, and what people did with deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_lines",
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("supplier", sa.String(), nullable=True),
        sa.Column("sku", sa.String(), nullable=True),
        sa.Column("barcode", sa.String(), nullable=True),
        sa.Column("brand", sa.String(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Float(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("line_id"),
    )
    op.create_index("ix_order_lines_barcode", "order_lines", ["barcode"])
    op.create_table(
        "receipts",
        sa.Column("receipt_id", sa.String(), nullable=False),
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("photo_id", sa.String(length=64), nullable=False),
        sa.Column("sku", sa.String(), nullable=True),
        sa.Column("attribute", sa.String(), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("brand", sa.String(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("expected", sa.String(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=True),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["order_lines.line_id"]),
        sa.PrimaryKeyConstraint("receipt_id"),
    )
    op.create_index("ix_receipts_photo_id", "receipts", ["photo_id"])
    op.create_index("ix_receipts_line", "receipts", ["line_id"])
    op.create_index("ix_receipts_answer", "receipts", ["answer", "received_at"])
    op.create_index("ix_receipts_moment", "receipts", ["received_at", "receipt_id"])
    op.create_table(
        "handlings",
        sa.Column("handling_id", sa.String(), nullable=False),
        sa.Column("receipt_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipts.receipt_id"]),
        sa.PrimaryKeyConstraint("handling_id"),
    )
    op.create_index("ix_handlings_receipt_id", "handlings", ["receipt_id"])


def downgrade() -> None:
    op.drop_table("handlings")
    op.drop_table("receipts")
    op.drop_table("order_lines")
