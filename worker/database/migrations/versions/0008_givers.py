"""Note in `job_orders` who gave an order, and as which role of the database."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("job_orders", sa.Column("given_by", sa.Text))
    op.add_column("job_orders", sa.Column("given_as", sa.Text))
    if op.get_bind().dialect.name == "postgresql":  # in a statement of its own: not for rows of old
        op.execute("ALTER TABLE job_orders ALTER COLUMN given_as SET DEFAULT CURRENT_USER")


def downgrade() -> None:
    op.drop_column("job_orders", "given_as")
    op.drop_column("job_orders", "given_by")
