"""Add the state CANCELLED, and `uploads.expires_at`."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_STATES = ("REQUESTED", "UPLOADING", "RETRYING", "LANDED", "FAILED")
_CONSTRAINT = "uploads_state_is_known"


def upgrade() -> None:
    op.add_column("uploads", sa.Column("expires_at", sa.DateTime(timezone=True)))
    _allow(*_STATES, "CANCELLED")


def downgrade() -> None:
    op.execute("UPDATE uploads SET state = 'FAILED' WHERE state = 'CANCELLED'")
    _allow(*_STATES)
    op.drop_column("uploads", "expires_at")


def _allow(*states: str) -> None:
    condition = f"state IN ({', '.join(map(repr, states))})"
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(condition)
    else:
        op.drop_constraint(_CONSTRAINT, "uploads", type_="check")
        op.create_check_constraint(_CONSTRAINT, "uploads", condition)


def _rebuild(condition: str) -> None:
    """Copy the table into one with that condition, since SQLite can't change a constraint.

    The procedure: https://www.sqlite.org/lang_altertable.html#otheralter
    """
    made = "SELECT sql FROM sqlite_master WHERE tbl_name = 'uploads' AND type = '{}' AND sql != ''"
    [table] = op.get_bind().scalars(sa.text(made.format("table")))
    indexes = list(op.get_bind().scalars(sa.text(made.format("index"))))
    table = re.sub(r"state IN \([^)]*\)", condition, table)
    for statement in (
        re.sub(r'^CREATE TABLE "?uploads"?', "CREATE TABLE uploads_after", table),
        "INSERT INTO uploads_after SELECT * FROM uploads",
        "DROP TABLE uploads",
        "PRAGMA legacy_alter_table = ON",  # a view on `uploads` must not hinder the renaming
        "ALTER TABLE uploads_after RENAME TO uploads",
        "PRAGMA legacy_alter_table = OFF",
        *indexes,
    ):
        op.execute(statement)
