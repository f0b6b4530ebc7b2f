"""Keep totals of how uploads and orders end, and an index of the multipart uploads that rows name.

Triggers write them: every program counts that writes rows, in any language and of any version. A
row of its own for each ending, since programs that added to one row would wait for each other.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLE = "oneprefix_totals"
#: Subjects, with the states in which they are over.
_OVER = {
    "uploads": "('LANDED', 'FAILED', 'CANCELLED')",
    "job_orders": "('DONE', 'FAILED', 'CANCELLED')",
}
#: A row without usable ids is that of a refused message.
_STATE = {
    "uploads": (
        "CASE WHEN {row}.job_id > 0 AND {row}.run_id > 0 THEN {row}.state ELSE 'REFUSED' END"
    ),
    "job_orders": "{row}.state",
}
_INSERT = "INSERT INTO {table} (subject, state, ended, present, bytes) VALUES ('{subject}', "
#: What is recorded as LANDED but not by an upload, as `migrate` does, has not ended here.
_LANDS = "NEW.state = 'LANDED' AND OLD.state = 'UPLOADING'"
#: Up to 1 PiB, more than S3 takes: whoever may write a row could make the sum overflow.
_SIZE = "CASE WHEN {size} BETWEEN 0 AND 1125899906842624 THEN {size} ELSE 0 END"
_ENDED = {
    "uploads": f"CASE WHEN NEW.state <> 'LANDED' OR {_LANDS} THEN 1 ELSE 0 END, 1, "
    f"CASE WHEN {_LANDS} THEN {_SIZE.format(size='NEW.archive_size')} ELSE 0 END",
    "job_orders": "1, 1, 0",
}
_INSERTED = "CASE WHEN NEW.state IN ('LANDED', 'DONE') THEN 0 ELSE 1 END, 1, 0"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("id", _id, primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
        sa.Column("present", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    for subject in _OVER:
        for name, event, condition, values in _triggers(subject):
            _create_trigger(name, subject, event, condition, values)
        if _is_postgresql():
            _create_trigger_on_truncate(subject)
        op.execute(_as_they_are(subject))  # the triggers' locks keep all else from being written
    named = sa.text("multipart_upload_id IS NOT NULL")
    op.create_index(
        "uploads_multipart",
        "uploads",
        ["multipart_upload_id"],
        postgresql_where=named,
        sqlite_where=named,
    )


def downgrade() -> None:
    op.drop_index("uploads_multipart", "uploads")
    for subject in _OVER:
        names = [name for name, *_ in _triggers(subject)]
        if _is_postgresql():
            for name in [*names, f"{subject}_truncated"]:
                op.execute(f"DROP TRIGGER {name} ON {subject}")
                op.execute(f"DROP FUNCTION {name}()")
        else:
            for name in names:
                op.execute(f"DROP TRIGGER {name}")
    op.drop_table(_TABLE)


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _triggers(subject: str) -> list[tuple[str, str, str, str]]:
    """Name, event, condition and the values that follow the subject in a row of the totals."""
    over = _OVER[subject]
    old, new = (_STATE[subject].format(row=row) for row in ("OLD", "NEW"))
    was, now, moves = f"OLD.state IN {over}", f"NEW.state IN {over}", "OLD.state <> NEW.state"
    return [
        (f"{subject}_inserted", "INSERT", now, f"{new}, {_INSERTED}"),
        (f"{subject}_begun_anew", "UPDATE OF state", f"{was} AND {moves}", f"{old}, 0, -1, 0"),
        (f"{subject}_ended", "UPDATE OF state", f"{now} AND {moves}", f"{new}, {_ENDED[subject]}"),
        (f"{subject}_deleted", "DELETE", was, f"{old}, 0, -1, 0"),
    ]


def _create_trigger(name: str, subject: str, event: str, condition: str, values: str) -> None:
    insert = _INSERT.format(table=_table(), subject=subject) + f"{values})"
    if not _is_postgresql():
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON {subject} WHEN {condition} BEGIN {insert}; END"
        )
        return
    _create_function(name, insert)
    op.execute(
        f"CREATE TRIGGER {name} AFTER {event} ON {subject} FOR EACH ROW WHEN ({condition})"
        f" EXECUTE FUNCTION {name}()"
    )


def _create_trigger_on_truncate(subject: str) -> None:
    name, table = f"{subject}_truncated", _table()
    _create_function(
        name,
        f"INSERT INTO {table} (subject, state, ended, present, bytes)"
        f" SELECT subject, state, 0, -sum(present), 0 FROM {table}"
        f" WHERE subject = '{subject}' GROUP BY subject, state",
    )
    op.execute(f"CREATE TRIGGER {name} AFTER TRUNCATE ON {subject} EXECUTE FUNCTION {name}()")


def _create_function(name: str, statement: str) -> None:
    """Run as its owner: a producer's or a worker's role has no right to the totals."""
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        f" SET search_path = pg_catalog, pg_temp AS $$ BEGIN {statement}; RETURN NULL; END $$"
    )
    op.execute(f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC")


def _table() -> str:
    """The table's name, with its schema: a function looks for it nowhere else."""
    if not _is_postgresql():
        return _TABLE
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    return f"{schema}.{_TABLE}"


def _as_they_are(subject: str) -> str:
    """What has ended so far; all that is LANDED counts as landed here."""
    state = _STATE[subject].format(row=subject)
    size = _SIZE.format(size="archive_size") if subject == "uploads" else "0"
    landed = f"sum(CASE WHEN state = 'LANDED' THEN {size} ELSE 0 END)"
    return (
        f"INSERT INTO {_TABLE} (subject, state, ended, present, bytes)"
        f" SELECT '{subject}', {state}, count(*), count(*), {landed}"
        f" FROM {subject} WHERE state IN {_OVER[subject]} GROUP BY 2"
    )
