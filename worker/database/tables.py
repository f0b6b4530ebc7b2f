"""The tables: our own, and the columns we use of the orchestrator's `jobs` and `runs`."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, MetaData, Named, Table, Text, TypedColumns

from worker.database.types import Instant

metadata = MetaData()


class JobColumns(TypedColumns):
    id = Column(BigInteger, primary_key=True)
    created_at: Named[datetime] = Column(Instant)


class RunColumns(TypedColumns):
    id = Column(BigInteger, primary_key=True)
    job_id: Named[int] = Column(BigInteger)
    status: Named[str | None] = Column(Text)
    results_url: Named[str | None] = Column(Text)
    results_uploaded_at: Named[datetime | None] = Column(Instant)


class UploadColumns(TypedColumns):
    """One row per run, and one per refused message, which is FAILED and may lack its ids.

    `superseded`: ids of earlier messages, each between spaces; such a message asks for nothing new.
    `oom_kills`: processes that the kernel had killed in the container when the attempt began.
    `begun_at`: when the current or last attempt was claimed. `history`: how those before it ended,
    as `worker.models.history` reads it.
    """

    id = Column(BigInteger, primary_key=True)
    job_id: Named[int | None] = Column(BigInteger)
    run_id: Named[int | None] = Column(BigInteger)
    path: Named[str] = Column(Text)
    state: Named[str] = Column(Text)
    task_id: Named[str | None] = Column(Text)
    superseded: Named[str] = Column(Text)
    owner: Named[str | None] = Column(Text)
    fence: Named[int] = Column(BigInteger)
    lease_until: Named[datetime | None] = Column(Instant)
    attempt: Named[int] = Column(BigInteger)
    deaths: Named[int] = Column(BigInteger)
    cutbacks: Named[int] = Column(BigInteger)
    oom_kills: Named[int] = Column(BigInteger)
    next_attempt_at: Named[datetime | None] = Column(Instant)
    expires_at: Named[datetime | None] = Column(Instant)
    published_at: Named[datetime | None] = Column(Instant)
    bytes_done: Named[int] = Column(BigInteger)
    bytes_total: Named[int | None] = Column(BigInteger)
    file_count: Named[int | None] = Column(BigInteger)
    archive_size: Named[int | None] = Column(BigInteger)
    checksum: Named[str | None] = Column(Text)
    sha256: Named[str | None] = Column(Text)
    s3_key: Named[str | None] = Column(Text)
    multipart_upload_id: Named[str | None] = Column(Text)
    results_url: Named[str | None] = Column(Text)
    left_out: Named[str | None] = Column(Text)
    history: Named[str | None] = Column(Text)
    error: Named[str | None] = Column(Text)
    traceback: Named[str | None] = Column(Text)
    requested_at: Named[datetime] = Column(Instant)
    begun_at: Named[datetime | None] = Column(Instant)
    updated_at: Named[datetime] = Column(Instant)
    landed_at: Named[datetime | None] = Column(Instant)


class FollowUpColumns(TypedColumns):
    """One row per message that wants something to happen once its upload is over.

    `wanted`: in JSON, as `tasks.messaging.follow_up` writes it.
    """

    task_id: Named[str] = Column(Text, primary_key=True)
    job_id: Named[int] = Column(BigInteger)
    run_id: Named[int] = Column(BigInteger)
    wanted: Named[str] = Column(Text)
    published_at: Named[datetime | None] = Column(Instant)
    claimed_until: Named[datetime | None] = Column(Instant)
    answered_at: Named[datetime | None] = Column(Instant)


class OrderColumns(TypedColumns):
    """One row per order about a whole job, by the id of the message that gave it.

    `arguments` and `result` are JSON; `wanted` is as in `follow_ups`. `published_at` and
    `answered_at` are those of the message that tells Celery how the order ended.
    """

    id: Named[str] = Column(Text, primary_key=True)
    kind: Named[str] = Column(Text)
    job_id: Named[int | None] = Column(BigInteger)
    arguments: Named[str] = Column(Text)
    state: Named[str] = Column(Text)
    given_at: Named[datetime] = Column(Instant)
    given_by: Named[str | None] = Column(Text)
    given_as: Named[str | None] = Column(Text)
    owner: Named[str | None] = Column(Text)
    fence: Named[int] = Column(BigInteger)
    lease_until: Named[datetime | None] = Column(Instant)
    attempt: Named[int] = Column(BigInteger)
    next_attempt_at: Named[datetime | None] = Column(Instant)
    done: Named[int] = Column(BigInteger)
    total: Named[int | None] = Column(BigInteger)
    result: Named[str | None] = Column(Text)
    error: Named[str | None] = Column(Text)
    wanted: Named[str | None] = Column(Text)
    published_at: Named[datetime | None] = Column(Instant)
    answered_at: Named[datetime | None] = Column(Instant)
    updated_at: Named[datetime] = Column(Instant)


class DeletionColumns(TypedColumns):
    id = Column(BigInteger, primary_key=True)
    job_id: Named[int] = Column(BigInteger)
    bucket: Named[str] = Column(Text)
    prefix: Named[str] = Column(Text)
    who: Named[str] = Column(Text)
    order_id: Named[str | None] = Column(Text)
    objects: Named[int] = Column(BigInteger)
    bytes: Named[int] = Column(BigInteger)
    begun_at: Named[datetime] = Column(Instant)
    finished_at: Named[datetime | None] = Column(Instant)
    failures: Named[int | None] = Column(BigInteger)


class TotalColumns(TypedColumns):
    """What endings of uploads and orders add to the totals, written by triggers; one row or many.

    `subject`: the table. `state`: REFUSED for refused messages. `ended`: how often an upload or
    order came to be in that state, ever. `present`: how many more are in it now.
    """

    id = Column(BigInteger, primary_key=True)
    subject: Named[str] = Column(Text)
    state: Named[str] = Column(Text)
    ended: Named[int] = Column(BigInteger)
    present: Named[int] = Column(BigInteger)
    bytes: Named[int] = Column(BigInteger)


class InstallationColumns(TypedColumns):
    """One row."""

    id: Named[str] = Column(Text, primary_key=True)


jobs = Table("jobs", metadata, JobColumns)
runs = Table("runs", metadata, RunColumns)
uploads = Table("uploads", metadata, UploadColumns)
follow_ups = Table("follow_ups", metadata, FollowUpColumns)
orders = Table("job_orders", metadata, OrderColumns)
deletions = Table("deletions", metadata, DeletionColumns)
totals = Table("oneprefix_totals", metadata, TotalColumns)
installation = Table("oneprefix_installation", metadata, InstallationColumns)
