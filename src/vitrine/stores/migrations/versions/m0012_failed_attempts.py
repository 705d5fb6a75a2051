"""failed sign-ins, which all processes of a server count together."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "failed_attempts",
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=True),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_failed_attempts_key", "failed_attempts", ["key_hash", "failed_at"])


def downgrade() -> None:
    op.drop_table("failed_attempts")
