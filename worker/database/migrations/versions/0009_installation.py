"""Give the database an id, by which a broker that two of them share is noticed."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    table = op.create_table("oneprefix_installation", sa.Column("id", sa.Text, primary_key=True))
    op.execute(sa.insert(table).values(id=uuid4().hex))


def downgrade() -> None:
    op.drop_table("oneprefix_installation")
