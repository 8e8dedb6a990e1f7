"""The table of the notes, with something in it to read."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
FIRST_NOTES = 500


def upgrade() -> None:
    """Make the table and fill it."""
    notes = op.create_table(
        "notes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.bulk_insert(notes, [{"title": f"Note {n}", "text": "Lorem ipsum. " * 20} for n in range(1, FIRST_NOTES + 1)])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("notes")
