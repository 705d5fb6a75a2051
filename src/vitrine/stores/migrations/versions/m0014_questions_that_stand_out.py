"""an index of the open questions that may ask about published answers, which the overview counts."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    stands_out = sa.text("turn IS NOT NULL AND reason != 'uncertain'")
    op.create_index(
        "ix_queue_standing_out", "queue", ["attribute", "sku"], sqlite_where=stands_out, postgresql_where=stands_out
    )


def downgrade() -> None:
    op.drop_index("ix_queue_standing_out", "queue")
