"""products that left the range."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "discontinued",
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("discontinued_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sku"], ["products.sku"]),
        sa.PrimaryKeyConstraint("sku"),
    )


def downgrade() -> None:
    op.drop_table("discontinued")
