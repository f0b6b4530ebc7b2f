"""Add `uploads.traceback`, of the last error."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("uploads", sa.Column("traceback", sa.Text))


def downgrade() -> None:
    op.drop_column("uploads", "traceback")
