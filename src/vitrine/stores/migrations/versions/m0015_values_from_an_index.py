"""the index by value has all that counting the values of an attribute needs."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NAME = "ix_predictions_attribute"


def upgrade() -> None:
    op.drop_index(NAME, "predictions")
    op.create_index(NAME, "predictions", ["attribute", "value", "confidence", "sku", "model_id"])


def downgrade() -> None:
    op.drop_index(NAME, "predictions")
    op.create_index(NAME, "predictions", ["attribute", "value", "confidence"])
