"""Business weights of products; products and order lines without case and accents, to be found by."""

import sqlalchemy as sa
from alembic import op

from vitrine.taxonomy import fold

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

_FOUND_BY = {
    "products": ("sku", ("sku", "name", "brand", "style_id")),
    "order_lines": ("line_id", ("line_id", "supplier", "sku", "barcode", "brand", "description")),
}
_AT_ONCE = 5_000


def upgrade() -> None:
    op.create_table(
        "weights",
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sku"], ["products.sku"]),
        sa.PrimaryKeyConstraint("sku"),
    )
    for name, (key, columns) in _FOUND_BY.items():
        op.add_column(name, sa.Column("words", sa.Text(), nullable=False, server_default=""))
        _fold(sa.table(name, sa.column("words"), *(sa.column(one) for one in columns)), key, columns)


def _fold(table: sa.TableClause, key: str, columns: tuple[str, ...]) -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.select(*(table.c[one] for one in columns))).mappings().all()
    update = sa.update(table).where(table.c[key] == sa.bindparam("of")).values(words=sa.bindparam("folded"))
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        folded = [fold(" ".join(row[one] or "" for one in columns)) for row in some]
        connection.execute(update, [{"of": row[key], "folded": text} for row, text in zip(some, folded, strict=True)])


def downgrade() -> None:
    for name in _FOUND_BY:
        op.drop_column(name, "words")
    op.drop_table("weights")
