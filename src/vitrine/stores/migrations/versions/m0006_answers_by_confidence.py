"""answers by confidence for pages of the catalog, and entries by what they let hold."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_predictions_confidence", "predictions", ["attribute", "confidence", "sku", "model_id", "decision"]
    )
    op.create_index("ix_decisions_holds", "decisions", ["holds"])


def downgrade() -> None:
    op.drop_index("ix_decisions_holds", "decisions")
    op.drop_index("ix_predictions_confidence", "predictions")
