"""Stock of products, the places of products in indexes of look-alikes, and indexes by when something was said."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("products", sa.Column("stock", sa.Integer()))
    op.create_table(
        "places",
        sa.Column("place", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("sku", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
    )
    op.create_index("ix_places_sku", "places", ["sku"], unique=True)
    op.create_index("ix_labels_moment", "labels", ["recorded_at"])
    op.create_index("ix_photos_moment", "photos", ["added_at"])


def downgrade() -> None:
    op.drop_index("ix_photos_moment", "photos")
    op.drop_index("ix_labels_moment", "labels")
    op.drop_table("places")
    op.drop_column("products", "stock")
