"""Keep in `uploads` when the current attempt began, and how the ones before it ended."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("uploads", sa.Column("begun_at", sa.DateTime(timezone=True)))
    op.add_column("uploads", sa.Column("history", sa.Text))


def downgrade() -> None:
    op.drop_column("uploads", "history")
    op.drop_column("uploads", "begun_at")
