"""models compete within a line (photos, or a task of the marketplace), and the marketplace keeps scores."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # promotions stand aside first: SQLite rebuilds `models`, and what refers to it would hold it back
    columns = "position, model_id, replaces, action, evidence, promoted_at"
    op.execute(f"CREATE TABLE promotions_before AS SELECT {columns} FROM promotions")
    op.drop_table("promotions")
    with op.batch_alter_table("models") as batch:
        batch.add_column(sa.Column("line", sa.String(), nullable=False, server_default="photos"))
        batch.alter_column("embedder_id", existing_type=sa.String(), nullable=True)
        batch.alter_column("taxonomy_id", existing_type=sa.String(), nullable=True)
    with op.batch_alter_table("models") as batch:
        batch.alter_column("line", existing_type=sa.String(), existing_nullable=False, server_default=None)
    op.create_table(
        "promotions",
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("replaces", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("promoted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"]),
        sa.PrimaryKeyConstraint("line", "position", name="pk_promotions_of_lines"),
    )
    op.execute(f"INSERT INTO promotions (line, {columns}) SELECT 'photos', {columns} FROM promotions_before")
    op.drop_table("promotions_before")
    op.create_table(
        "scores",
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("reference_date", sa.Date(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("seller_id", sa.String(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"]),
        sa.PrimaryKeyConstraint("task", "entity", "reference_date", "model_id"),
    )
    op.create_index("ix_scores_seller", "scores", ["seller_id"])


def downgrade() -> None:
    op.drop_table("scores")
    columns = "position, model_id, replaces, action, evidence, promoted_at"
    op.execute(f"CREATE TABLE promotions_before AS SELECT {columns} FROM promotions WHERE line = 'photos'")
    op.drop_table("promotions")
    op.execute("DELETE FROM models WHERE line <> 'photos'")
    with op.batch_alter_table("models") as batch:
        batch.drop_column("line")
        batch.alter_column("embedder_id", existing_type=sa.String(), nullable=False)
        batch.alter_column("taxonomy_id", existing_type=sa.String(), nullable=False)
    op.create_table(
        "promotions",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("replaces", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("promoted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"]),
        sa.PrimaryKeyConstraint("position"),
    )
    op.execute(f"INSERT INTO promotions ({columns}) SELECT {columns} FROM promotions_before")
    op.drop_table("promotions_before")
