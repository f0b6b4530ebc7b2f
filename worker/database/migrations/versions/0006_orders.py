"""Create `job_orders`: orders about whole jobs; and note which order a deletion belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "job_orders",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("job_id", sa.BigInteger),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="REQUESTED"),
        sa.Column("given_at", _time, nullable=False, server_default=_now()),
        sa.Column("owner", sa.Text),
        sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("lease_until", _time),
        sa.Column("attempt", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("next_attempt_at", _time),
        sa.Column("done", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("total", sa.BigInteger),
        sa.Column("result", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("wanted", sa.Text),
        sa.Column("published_at", _time),
        sa.Column("answered_at", _time),
        sa.Column("updated_at", _time, nullable=False, server_default=_now()),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'RUNNING', 'RETRYING', 'DONE', 'FAILED', 'CANCELLED')",
            name="job_orders_state_is_known",
        ),
        sa.CheckConstraint(
            "kind IN ('verify', 'archive', 'restore', 'delete', 'migrate')",
            name="job_orders_kind_is_known",
        ),
    )
    _index("job_orders_under_way", "state IN ('REQUESTED', 'RUNNING', 'RETRYING')")
    _index("job_orders_unanswered", "answered_at IS NULL")
    op.create_index("job_orders_job_id", "job_orders", ["job_id"])
    op.add_column("deletions", sa.Column("order_id", sa.Text))
    op.create_index("deletions_order_id", "deletions", ["order_id"])


def downgrade() -> None:
    op.drop_index("deletions_order_id", "deletions")
    op.drop_column("deletions", "order_id")
    op.drop_table("job_orders")


def _now() -> sa.TextClause:
    if op.get_bind().dialect.name == "sqlite":
        return sa.text("(strftime('%Y-%m-%d %H:%M:%f000', 'now'))")
    return sa.text("now()")


def _index(name: str, condition: str) -> None:
    """For recovery, which looks at the few rows that still want something."""
    where = sa.text(condition)
    op.create_index(name, "job_orders", ["updated_at"], postgresql_where=where, sqlite_where=where)
