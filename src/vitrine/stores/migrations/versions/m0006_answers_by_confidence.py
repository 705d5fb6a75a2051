"""answers by confidence, for pages of the catalog."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_predictions_confidence", "predictions", ["model_id", "attribute", "confidence", "sku", "decision"]
    )


def downgrade() -> None:
    op.drop_index("ix_predictions_confidence", "predictions")
