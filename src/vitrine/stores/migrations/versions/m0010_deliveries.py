"""What places outside were given."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("material", sa.String(), nullable=False),
        sa.Column("characteristic", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("attribute", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("said_by", sa.String(), nullable=True),
        sa.Column("head_id", sa.String(), nullable=True),
        sa.Column("model_id", sa.String(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("shipment", sa.String(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("place", "material", "characteristic"),
    )
    op.create_index("ix_deliveries_product", "deliveries", ["sku", "attribute"])
    op.create_index("ix_deliveries_state", "deliveries", ["place", "state"])


def downgrade() -> None:
    op.drop_table("deliveries")
