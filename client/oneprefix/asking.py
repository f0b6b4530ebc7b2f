"""Request uploads, look at them, wait for them, cancel them."""

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, overload
from uuid import uuid4

from oneprefix import messages, rows, spool
from oneprefix.database import connection_of, in_transaction, translated_errors
from oneprefix.errors import DatabaseUnavailable, InvalidRequest, StillUnderWay
from oneprefix.request import (
    Moment,
    Request,
    checked_flag,
    checked_id,
    checked_moment,
    checked_path,
)
from oneprefix.upload import Enqueued, Upload

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import Session

#: Seconds in which the database has to answer: before a file is written instead, and without one.
SPOOL_AFTER, TIMEOUT = 0.4, 5.0
#: Requests in one transaction take longer.
SECONDS_EACH = 0.002

Spool = str | os.PathLike[str]


def enqueue(
    job_id: int,
    run_id: int,
    path: "str | PurePath",
    *,
    replace: bool = False,
    countdown: "float | None" = None,
    eta: "datetime | None" = None,
    expires: "float | datetime | None" = None,
    session: "Session | Connection | None" = None,
    spool: "Spool | None" = None,
    database: "str | Engine | None" = None,
    broker_url: "str | None" = None,
    timeout: "float | None" = None,
) -> Upload:
    """Request the upload of a run's results, and return its row.

    Once this returns, the upload lands or ends with its reason. Results that have landed are not
    uploaded again without `replace`. No attempt begins before `countdown` (seconds) or `eta`; the
    upload is CANCELLED at `expires` (either) if none is under way or has succeeded by then.

    `session`: a session or connection whose transaction the request joins; nothing is committed,
    and the workers find the row once it is. `spool`: a directory that gets a file with the request
    if the database does not answer; by default that in `ONEPREFIX_SPOOL`. `database`,
    `broker_url`: by default those in `ONEPREFIX_DATABASE_URL` and `ONEPREFIX_BROKER_URL`.
    `timeout`: seconds for the database's answer, 5 by default and less than one with `spool`.

    Raises InvalidRequest, InvalidSettings, DatabaseRefused; DatabaseUnavailable without a `spool`.
    A broker that is away is no error.
    """
    times = _times(countdown, eta, expires)
    asked = _request((job_id, run_id, path), replace, times)
    doors = _Doors(session, spool, database, broker_url, timeout)
    return doors.enqueue([asked])[asked.run_id]


def enqueue_many(
    job_id: int,
    paths: "Mapping[int, str | PurePath] | Iterable[tuple[int, str | PurePath]]",
    *,
    replace: bool = False,
    countdown: "float | None" = None,
    eta: "datetime | None" = None,
    expires: "float | datetime | None" = None,
    session: "Session | Connection | None" = None,
    spool: "Spool | None" = None,
    database: "str | Engine | None" = None,
    broker_url: "str | None" = None,
    timeout: "float | None" = None,
) -> Enqueued:
    """Request the uploads of many runs of a job, given by run, in one transaction.

    Runs whose id or path is wrong are refused, with the reason, and the others requested. All else
    is as with `enqueue`.
    """
    times = _times(countdown, eta, expires)
    checked_id("job id", job_id)
    checked_flag(replace)
    asked: dict[int, Request] = {}
    refused: dict[object, str] = {}
    for run_id, path in paths.items() if isinstance(paths, Mapping) else paths:
        try:
            request = _request((job_id, run_id, path), replace, times)
        except InvalidRequest as error:
            refused[run_id] = str(error)
        else:
            asked[request.run_id] = request
    requests = [asked[run_id] for run_id in sorted(asked)]
    doors = _Doors(session, spool, database, broker_url, timeout)
    return Enqueued(doors.enqueue(requests) if requests else {}, refused)


@overload
def status(
    job_id: int, run_id: None = None, *, database: "str | Engine | None" = None
) -> "list[Upload]": ...
@overload
def status(
    job_id: int, run_id: int, *, database: "str | Engine | None" = None
) -> "Upload | None": ...
def status(
    job_id: int, run_id: "int | None" = None, *, database: "str | Engine | None" = None
) -> "list[Upload] | Upload | None":
    """The run's upload, or None if nobody has asked for it; without a run, all of the job's.

    Raises DatabaseUnavailable, DatabaseRefused.
    """
    _check(job_id, run_id)
    found = _find(job_id, run_id, database)
    return found if run_id is None else next(iter(found), None)


@overload
def wait(
    job_id: int,
    run_id: None = None,
    *,
    timeout: "float | None" = None,
    poll: float = 1.0,
    database: "str | Engine | None" = None,
) -> "list[Upload]": ...
@overload
def wait(
    job_id: int,
    run_id: int,
    *,
    timeout: "float | None" = None,
    poll: float = 1.0,
    database: "str | Engine | None" = None,
) -> Upload: ...
def wait(
    job_id: int,
    run_id: "int | None" = None,
    *,
    timeout: "float | None" = None,
    poll: float = 1.0,
    database: "str | Engine | None" = None,
) -> "list[Upload] | Upload":
    """Wait until the run's upload is over, or all that were requested of the job, and return it.

    Look at `state`: an upload that is over may have FAILED. One that nobody has asked for yet is
    waited for, too. Looks every `poll` seconds, also through an outage of the database. Raises
    StillUnderWay after `timeout` seconds.
    """
    _check(job_id, run_id)
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        why = "nobody has asked for it yet"
        try:
            found = _find(job_id, run_id, database)
            waiting = [each for each in found if not each.is_over]
            if found and not waiting:
                return found if run_id is None else found[0]
            if waiting:
                why = f"{len(waiting)} of {len(found)} not over, run {waiting[0].run_id} is "
                why += waiting[0].state
        except DatabaseUnavailable as error:
            why = str(error)
        left = poll if until is None else until - time.monotonic()
        if left <= 0:
            what = f"job {job_id}" if run_id is None else f"job {job_id}, run {run_id}"
            raise StillUnderWay(f"{what}: not over after {timeout:g} s: {why}")
        time.sleep(min(poll, left))


def cancel(
    job_id: int,
    run_id: "int | None" = None,
    *,
    who: "str | None" = None,
    database: "str | Engine | None" = None,
) -> "list[Upload]":
    """Cancel the run's upload, or all of the job's, unless it is over; return what was cancelled.

    A worker that is sending stops within seconds, and the workers abort what was sent. A new
    request starts the upload anew. `who` is told in the row; by default user and host.
    """
    _check(job_id, run_id)
    reason = f"cancelled by {who or _user()}"

    def work(connection: "Connection") -> "list[Upload]":
        cancelled = set(rows.cancel(connection, job_id, run_id, reason))
        found = rows.find(connection, job_id, run_id) if cancelled else []
        return [each for each in found if each.run_id in cancelled]

    return in_transaction(database, work, timeout=TIMEOUT)


@dataclass(frozen=True)
class _Doors:
    """Where requests are written, and whom their messages reach."""

    session: "Session | Connection | None"
    spool: "Spool | None"
    database: "str | Engine | None"
    broker_url: "str | None"
    timeout: "float | None"

    def enqueue(self, requests: "list[Request]") -> "dict[int, Upload]":
        """Write the requests, which are one job's and ask for the same times."""
        if self.session is not None:
            with translated_errors():
                return rows.request(connection_of(self.session), _at_once(requests))
        spool_to = self.spool or os.environ.get("ONEPREFIX_SPOOL") or None
        timeout = self.timeout
        if timeout is None:
            timeout = (SPOOL_AFTER if spool_to else TIMEOUT) + SECONDS_EACH * len(requests)
        try:
            uploads = in_transaction(
                self.database,
                lambda connection: rows.request(connection, requests),
                timeout=timeout,
            )
        except DatabaseUnavailable as away:
            if spool_to is None:
                raise
            try:
                spool.write(spool_to, requests)
            except OSError as error:
                why = f"{away}; nor could a file be written to {spool_to}: {error.strerror}"
                raise DatabaseUnavailable(why) from error
            return {each.run_id: _spooled(each) for each in requests}
        self._publish([each for each in requests if uploads[each.run_id].state == "REQUESTED"])
        return uploads

    def _publish(self, waiting: "list[Request]") -> None:
        """Send the messages of what is to begin now; recovery sends those of a later time."""
        if not waiting or waiting[0].not_before is not None:
            return
        if sent := messages.publish(waiting, self.broker_url):
            # else the messages are sent twice, which is harmless
            with suppress(DatabaseUnavailable):
                in_transaction(
                    self.database,
                    lambda connection: rows.mark_published(connection, sent),
                    timeout=TIMEOUT,
                )


def _at_once(requests: "list[Request]") -> "list[Request]":
    """Requests that workers take up as soon as they are committed: no message follows."""
    return [
        each if each.not_before is not None else changed(each, not_before=0.0) for each in requests
    ]


def _request(
    what: "tuple[Any, Any, Any]", replace: Any, times: "tuple[Moment | None, Moment | None]"
) -> Request:
    """`what`: job, run and path. `times`: not before, and not after."""
    job_id, run_id, path = what
    return Request(
        checked_id("job id", job_id),
        checked_id("run id", run_id),
        checked_path(path),
        str(uuid4()),
        checked_flag(replace),
        *times,
    )


def _times(countdown: Any, eta: Any, expires: Any) -> "tuple[Moment | None, Moment | None]":
    if countdown is not None and eta is not None:
        raise InvalidRequest("give countdown or eta, not both")
    begins = checked_moment("eta", eta if countdown is None else countdown)
    return begins, checked_moment("expires", expires)


def _check(job_id: object, run_id: object) -> None:
    checked_id("job id", job_id)
    if run_id is not None:
        checked_id("run id", run_id)


def _find(job_id: int, run_id: "int | None", database: "str | Engine | None") -> "list[Upload]":
    return in_transaction(
        database, lambda connection: rows.find(connection, job_id, run_id), timeout=TIMEOUT
    )


def _spooled(asked: Request) -> Upload:
    return Upload(asked.job_id, asked.run_id, asked.path, is_spooled=True)


def _user() -> str:
    import getpass
    import socket

    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        name = "somebody"
    return f"{name}@{socket.gethostname()}"
