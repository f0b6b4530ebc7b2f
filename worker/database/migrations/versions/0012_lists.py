"""Index what pages list: the latest failures, landings and refused messages."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    _index("uploads_failed", "updated_at", "FAILED")
    _index("uploads_landed", "landed_at", "LANDED")
    # a partial index is used for a condition that is written alike
    true = "1" if op.get_bind().dialect.name == "sqlite" else "true"
    without_ids = sa.text(f"(job_id > 0 AND run_id > 0) IS NOT {true}")
    op.create_index(
        "uploads_refused", "uploads", ["id"], postgresql_where=without_ids, sqlite_where=without_ids
    )


def downgrade() -> None:
    op.drop_index("uploads_refused")
    op.drop_index("uploads_landed")
    op.drop_index("uploads_failed")


def _index(name: str, column: str, state: str) -> None:
    condition = sa.text(f"state = '{state}'")
    op.create_index(name, "uploads", [column], postgresql_where=condition, sqlite_where=condition)
