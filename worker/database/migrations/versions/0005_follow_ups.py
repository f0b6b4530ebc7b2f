"""Create `follow_ups`: what messages want to happen once their upload is over."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "follow_ups",
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.BigInteger, nullable=False),
        sa.Column("wanted", sa.Text, nullable=False),
        sa.Column("published_at", _time),
        sa.Column("claimed_until", _time),
        sa.Column("answered_at", _time),
    )
    unanswered = sa.text("answered_at IS NULL")
    op.create_index(
        "follow_ups_unanswered",
        "follow_ups",
        ["job_id", "run_id"],
        postgresql_where=unanswered,
        sqlite_where=unanswered,
    )


def downgrade() -> None:
    op.drop_table("follow_ups")
