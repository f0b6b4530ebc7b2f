"""Create `uploads`; also `jobs` and `runs` where no orchestrator has created them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    existing = sa.inspect(op.get_bind())
    if not existing.has_table("jobs"):  # or a view
        _create_jobs()
    if not existing.has_table("runs"):
        _create_runs()
    _create_uploads()


def downgrade() -> None:
    # `jobs` and `runs` stay: they may hold an orchestrator's rows by now
    op.drop_table("uploads")


def _now() -> sa.TextClause:
    if op.get_bind().dialect.name == "sqlite":
        return sa.text("(strftime('%Y-%m-%d %H:%M:%f000', 'now'))")
    return sa.text("now()")


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", _id, primary_key=True),
        sa.Column("created_at", _time, nullable=False, server_default=_now()),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", _id, primary_key=True),
        sa.Column("job_id", sa.BigInteger, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="RUNNING"),
        sa.Column("results_url", sa.Text),
        sa.Column("results_uploaded_at", _time),
    )
    op.create_index("runs_job_id", "runs", ["job_id"])


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", _id, primary_key=True),
        sa.Column("job_id", sa.BigInteger),
        sa.Column("run_id", sa.BigInteger),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="REQUESTED"),
        sa.Column("task_id", sa.Text),
        sa.Column("superseded", sa.Text, nullable=False, server_default=""),
        sa.Column("owner", sa.Text),
        sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("lease_until", _time),
        sa.Column("attempt", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("next_attempt_at", _time),
        sa.Column("published_at", _time),
        sa.Column("bytes_done", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("bytes_total", sa.BigInteger),
        sa.Column("file_count", sa.BigInteger),
        sa.Column("archive_size", sa.BigInteger),
        sa.Column("checksum", sa.Text),
        sa.Column("sha256", sa.Text),
        sa.Column("s3_key", sa.Text),
        sa.Column("multipart_upload_id", sa.Text),
        sa.Column("results_url", sa.Text),
        sa.Column("left_out", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("requested_at", _time, nullable=False, server_default=_now()),
        sa.Column("updated_at", _time, nullable=False, server_default=_now()),
        sa.Column("landed_at", _time),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'UPLOADING', 'RETRYING', 'LANDED', 'FAILED')",
            name="uploads_state_is_known",
        ),
        # only a refused message's row may lack its ids
        sa.CheckConstraint(
            "state = 'FAILED' OR (job_id IS NOT NULL AND run_id IS NOT NULL)",
            name="uploads_has_ids",
        ),
        *_sqlite_integers(),
        sa.UniqueConstraint("job_id", "run_id", name="uploads_job_id_run_id"),
    )
    _index("uploads_requested", "published_at", "REQUESTED")
    _index("uploads_retrying", "next_attempt_at", "RETRYING")
    _index("uploads_uploading", "lease_until", "UPLOADING")
    op.create_index("uploads_task_id", "uploads", ["task_id"])


def _sqlite_integers() -> list[sa.CheckConstraint]:
    """SQLite would keep the text of a wrong id in an integer column."""
    if op.get_bind().dialect.name != "sqlite":
        return []
    return [
        sa.CheckConstraint(
            f"typeof({column}) IN ('integer', 'null')", name=f"uploads_{column}_is_integer"
        )
        for column in ("job_id", "run_id")
    ]


def _index(name: str, column: str, state: str) -> None:
    """For recovery, which looks at the few rows that are not over."""
    condition = sa.text(f"state = '{state}'")
    op.create_index(name, "uploads", [column], postgresql_where=condition, sqlite_where=condition)
