"""Create `deletions`: who deleted a job's artifacts, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "deletions",
        sa.Column("id", _id, primary_key=True),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("objects", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("begun_at", _time, nullable=False),
        sa.Column("finished_at", _time),
        sa.Column("failures", sa.BigInteger),
    )
    op.create_index("deletions_job_id", "deletions", ["job_id"])


def downgrade() -> None:
    op.drop_table("deletions")
