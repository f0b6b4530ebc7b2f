"""Read `uploads`, for people and for use cases that write nothing."""

from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, literal, select, true

from worker.database.engine import SqlRepository, batched
from worker.database.tables import deletions, uploads
from worker.database.types import FIRST
from worker.database.uploads.conditions import UPLOAD, as_upload, is_leased
from worker.models.retention import deletion_record
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import Refusal

#: States as a person wants to see them who watches.
URGENCY = (
    UploadState.UPLOADING,
    UploadState.RETRYING,
    UploadState.FAILED,
    UploadState.REQUESTED,
    UploadState.CANCELLED,
    UploadState.LANDED,
)
#: As the text that it is, so that a partial index is used.
_ZERO = literal(0, literal_execute=True)
#: Rows without usable ids are refused messages.
HAS_IDS = (uploads.c.job_id > _ZERO) & (uploads.c.run_id > _ZERO)


class IncompleteUploadCounts(NamedTuple):
    """How many of S3's incomplete multipart uploads rows name."""

    held: int
    """By attempts that are under way."""
    waiting: int
    """By uploads that will be resumed or aborted."""


class SqlUploadList(SqlRepository):
    def find(self, job_id: int, run_id: int) -> Upload | None:
        return next(iter(self.uploads(job_id, run_id)), None)

    def has_cancelled(self, task_id: str) -> bool:
        """Whether an upload that the message with that id asked for has ended CANCELLED."""
        its_own = uploads.c.task_id == task_id, uploads.c.state == UploadState.CANCELLED
        return bool(self._rows(select(uploads.c.id).where(*its_own)))

    def uploads(
        self,
        job_id: int | None = None,
        run_id: int | None = None,
        *,
        state: UploadState | None = None,
        limit: int | None = None,
    ) -> list[Upload]:
        """The uploads of a job, a run or a state, or all; by job and run.

        `limit` keeps those that changed last.
        """
        chosen = _of(job_id)
        if run_id is not None:
            chosen &= uploads.c.run_id == run_id
        if state is not None:
            chosen &= uploads.c.state == state
        query = select(*UPLOAD).where(chosen).order_by(uploads.c.updated_at.desc())
        found = self.with_deletions([as_upload(row) for row in self._rows(query.limit(limit))])
        return sorted(found, key=lambda upload: (upload.job_id, upload.run_id))

    def most_urgent(self, job_id: int | None = None, *, limit: int) -> list[Upload]:
        """At most `limit` uploads of a job, or of all: by state, then the latest changes first."""
        found: list[Upload] = []
        for state in URGENCY:
            if len(found) < limit:
                some = self.uploads(job_id, state=state, limit=limit - len(found))
                found += sorted(some, key=lambda each: each.updated_at or FIRST, reverse=True)
        return found

    def with_deletions(self, found: list[Upload]) -> list[Upload]:
        """The uploads with who deleted their results, and when."""
        named = sorted({number for upload in found if (number := _names_deletion(upload))})
        columns = deletions.c.id, deletions.c.job_id, deletions.c.who, deletions.c.begun_at
        records = {
            (row.job_id, row.id): row
            for some in batched(named)
            for row in self._rows(select(*columns).where(deletions.c.id.in_(some)))
        }
        return [
            replace(upload, deleted_by=record.who, deleted_at=record.begun_at)
            if (record := records.get((upload.job_id, _names_deletion(upload) or 0)))
            else upload
            for upload in found
        ]

    def counts(self, job_id: int | None = None) -> dict[UploadState, int]:
        """The number of uploads, or of a job's uploads, in each state that has any."""
        query = select(uploads.c.state, func.count()).where(_of(job_id)).group_by(uploads.c.state)
        found = {row[0]: row[1] for row in self._rows(query)}
        return {state: found[state] for state in UploadState if state in found}

    def deleted(self, job_id: int | None = None) -> int:
        """The number of uploads that are LANDED, and whose results were deleted since."""
        is_gone = (uploads.c.state == UploadState.LANDED) & uploads.c.results_url.is_(None)
        [(count,)] = self._rows(select(func.count()).where(_of(job_id), is_gone))
        return count

    def incomplete_uploads(self) -> IncompleteUploadCounts:
        held = is_leased()
        query = select(func.count().filter(held), func.count().filter(held.is_not(true()))).where(
            uploads.c.multipart_upload_id.is_not(None)
        )
        [counts] = self._rows(query)
        return IncompleteUploadCounts(*counts)

    def refusals(self, *, limit: int | None = None) -> list[Refusal]:
        """The messages that made no request, newest first."""
        query = (
            select(
                uploads.c.job_id,
                uploads.c.run_id,
                uploads.c.path,
                uploads.c.error,
                uploads.c.task_id,
            )
            .where(HAS_IDS.is_not(True))
            .order_by(uploads.c.id.desc())
            .limit(limit)
        )
        found = self._rows(query)
        return [Refusal(job, run, path, error or "", task) for job, run, path, error, task in found]


def _names_deletion(upload: Upload) -> int | None:
    """The id of the deletion that has removed the results' location; None if none has."""
    return deletion_record(upload.error) if upload.results_url is None else None


def _of(job_id: int | None) -> ColumnElement[bool]:
    return HAS_IDS if job_id is None else and_(HAS_IDS, uploads.c.job_id == job_id)
