"""Write and read rows of `uploads`, on PostgreSQL and SQLite, with any SQLAlchemy from 1.4 on.

What a request does to a row that is there already is told in oneprefix's
`worker.use_cases.requests.ports.RequestRepository`, and held to the same tests.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from oneprefix.request import Moment, Request
from oneprefix.upload import Upload

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Ids in one condition: SQLite takes 32,766 parameters, PostgreSQL 65,535.
CHUNK = 5000

_NAMES = [each.name for each in fields(Upload) if each.name != "is_spooled"]
_SELECT = f"SELECT {', '.join(_NAMES)}, task_id FROM uploads "
_OVER = "state IN ('LANDED', 'FAILED', 'CANCELLED')"
_GIVEN_UP = "state IN ('FAILED', 'CANCELLED')"
_IS_IT = "job_id = :job_id AND run_id = :run_id"
_IS_NEW = (
    "(task_id IS NULL OR task_id <> :task_id) AND superseded NOT LIKE :asked_before ESCAPE '/'"
)
_NOBODY = "owner = NULL, lease_until = NULL"


def request(connection: "Connection", requests: Sequence[Request]) -> dict[int, Upload]:
    """Make, renew or leave the rows of requests of one job, and return them by run.

    All ask for the same time, and for a replacement or not.
    """
    now, begins, expires = (_moment(connection, each) for each in _times(requests[0]))
    values = {"now": now, "begins": begins, "expires": expires}
    insert = (
        "INSERT INTO uploads (job_id, run_id, path, task_id, next_attempt_at, expires_at)"
        " VALUES (:job_id, :run_id, :path, :task_id, {begins}, {expires})"
        " ON CONFLICT (job_id, run_id) DO NOTHING"
    )
    _execute(connection, insert.format(**values), requests)
    found = _rows(connection, requests)
    others = [each for each in requests if found[each.run_id][1] != each.task_id]
    if others:
        _execute(connection, _RENEW.format(**values), others)
        _execute(connection, _widen(requests[0]).format(**values), others)
        found |= _rows(connection, others)
    return {run_id: upload for run_id, (upload, _) in found.items()}


#: The run's row as a new request, if this one is new and asks for more than the row has.
_RENEW = f"""
UPDATE uploads SET
    state = 'REQUESTED', path = :path, task_id = :task_id,
    superseded = superseded || ' ' || coalesce(task_id, '') || ' ',
    fence = fence + 1, attempt = 0, next_attempt_at = {{begins}}, expires_at = {{expires}},
    published_at = NULL, bytes_done = 0, bytes_total = NULL, file_count = NULL,
    archive_size = NULL, checksum = NULL, sha256 = NULL, left_out = NULL, error = NULL,
    traceback = NULL, requested_at = {{now}}, updated_at = {{now}}, {_NOBODY}
WHERE {_IS_IT} AND {_IS_NEW} AND (
    :replace
    OR ({_GIVEN_UP} AND landed_at IS NULL)
    OR (NOT {_OVER} AND path <> :path)
)
"""


def _widen(asked: Request) -> str:
    """Of an upload that was asked for before: as early and as long as either request."""
    earlier = "TRUE" if asked.not_before is None else "next_attempt_at > {begins}"
    longer = "NULL"
    if asked.expires is not None:
        longer = "CASE WHEN expires_at < {expires} THEN {expires} ELSE expires_at END"
    return f"""
UPDATE uploads SET
    next_attempt_at = CASE
        WHEN state = 'REQUESTED' AND {earlier} THEN {{begins}} ELSE next_attempt_at
    END,
    expires_at = {longer}
WHERE {_IS_IT} AND {_IS_NEW} AND NOT {_OVER}
"""


def mark_published(connection: "Connection", published: Iterable[Request]) -> None:
    """Note that the broker has a message for each of these requests."""
    now = _moment(connection, 0.0)
    statement = (
        f"UPDATE uploads SET published_at = {now} WHERE {_IS_IT} AND task_id = :task_id"
        " AND state = 'REQUESTED' AND published_at IS NULL"
    )
    _execute(connection, statement, list(published))


def find(connection: "Connection", job_id: int, run_id: int | None) -> list[Upload]:
    """The uploads of the job, or of the run, by run."""
    from sqlalchemy import text

    run = "" if run_id is None else "AND run_id = :run_id"
    query = text(f"{_SELECT} WHERE job_id = :job_id {run} ORDER BY run_id")
    asked = {"job_id": job_id} | ({} if run_id is None else {"run_id": run_id})
    return [_upload(row) for row in connection.execute(query, asked).mappings()]


def cancel(connection: "Connection", job_id: int, run_id: int | None, reason: str) -> list[int]:
    """Cancel what is not over, and return the runs. Whoever works on one loses its lease."""
    from sqlalchemy import text

    now = _moment(connection, 0.0)
    run = "" if run_id is None else "AND run_id = :run_id"
    statement = text(
        f"UPDATE uploads SET state = 'CANCELLED', fence = fence + 1, error = :reason,"
        f" traceback = NULL, next_attempt_at = NULL, updated_at = {now}, {_NOBODY}"
        f" WHERE job_id = :job_id {run} AND NOT {_OVER} RETURNING run_id"
    )
    asked: dict[str, Any] = {"job_id": job_id, "reason": reason}
    if run_id is not None:
        asked["run_id"] = run_id
    return sorted(connection.execute(statement, asked).scalars())


def _execute(connection: "Connection", statement: str, requests: Sequence[Request]) -> None:
    from sqlalchemy import text

    if requests:
        connection.execute(text(statement), [_parameters(each) for each in requests])


def _parameters(asked: Request) -> dict[str, Any]:
    return {
        "job_id": asked.job_id,
        "run_id": asked.run_id,
        "path": asked.path,
        "task_id": asked.task_id,
        "asked_before": "% " + re.sub("([/%_])", r"/\1", asked.task_id) + " %",
        "replace": asked.replace,
    }


def _rows(
    connection: "Connection", requests: Sequence[Request]
) -> dict[int, tuple[Upload, str | None]]:
    """The rows by run, with the id of the message that each was last requested by."""
    from sqlalchemy import bindparam, text

    query = text(f"{_SELECT} WHERE job_id = :job_id AND run_id IN :runs").bindparams(
        bindparam("runs", expanding=True)
    )
    found: dict[int, tuple[Upload, str | None]] = {}
    for start in range(0, len(requests), CHUNK):
        chunk = requests[start : start + CHUNK]
        asked = {"job_id": chunk[0].job_id, "runs": [each.run_id for each in chunk]}
        for row in connection.execute(query, asked).mappings():
            found[row["run_id"]] = (_upload(row), row["task_id"])
    return found


def _upload(row: Any) -> Upload:
    times = ("next_attempt_at", "expires_at", "requested_at", "landed_at")
    values = {name: row[name] for name in _NAMES}
    return Upload(**values | {name: _time(values[name]) for name in times})


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    if time.tzinfo is None:
        return time.replace(tzinfo=timezone.utc)
    return time.astimezone(timezone.utc)


def _times(asked: Request) -> tuple[Moment, Moment | None, Moment | None]:
    return 0.0, asked.not_before, asked.expires


def _moment(connection: "Connection", moment: Moment | None) -> str:
    """The time in SQL: seconds count from now, on the database's clock."""
    if moment is None:
        return "NULL"
    is_sqlite = connection.dialect.name == "sqlite"
    if isinstance(moment, datetime):
        # strftime writes years before 1000 without their zeros
        written = moment.replace(tzinfo=None).isoformat(" ", "microseconds")
        return f"'{written}'" if is_sqlite else f"CAST('{written}+00' AS timestamptz)"
    if is_sqlite:
        return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', '{moment:+.3f} seconds')"
    return f"(now() + make_interval(secs => {moment:.6f}))"
