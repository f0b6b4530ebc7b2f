"""The ids of S3's multipart uploads that rows of `uploads` name."""

from sqlalchemy import not_, select, update

from worker.database.engine import SqlRepository
from worker.database.tables import uploads
from worker.database.types import now
from worker.database.uploads.conditions import (
    UPLOAD,
    as_upload,
    is_as_it_was,
    is_being_copied,
    is_over,
    is_upload,
)
from worker.models.upload import Upload

#: Seconds that recovery leaves a copy's multipart upload alone; the copying process is dead then.
MAX_COPY_SECONDS = 24 * 60 * 60.0


class SqlMultipartIds(SqlRepository):
    def of_ended_uploads(self) -> list[Upload]:
        named = uploads.c.multipart_upload_id.is_not(None)
        query = select(*UPLOAD).where(is_over(), named, not_(is_being_copied()))
        return [as_upload(row) for row in self._rows(query)]

    def forget(self, upload: Upload) -> None:
        statement = update(uploads).where(
            is_upload(upload.job_id, upload.run_id),
            uploads.c.multipart_upload_id == upload.multipart_upload_id,
        )
        self._changed(statement.values(multipart_upload_id=None))

    def begin_copy(self, upload: Upload, multipart_id: str) -> None:
        """Record the multipart upload, so that recovery leaves it alone for a day."""
        statement = update(uploads).where(is_as_it_was(upload.job_id, upload.run_id, upload.fence))
        until = now(MAX_COPY_SECONDS)
        self._changed(statement.values(multipart_upload_id=multipart_id, lease_until=until))

    def end_copy(self, upload: Upload, multipart_id: str) -> None:
        """Remove the record of a multipart upload that is completed or aborted."""
        statement = update(uploads).where(
            is_as_it_was(upload.job_id, upload.run_id, upload.fence),
            uploads.c.multipart_upload_id == multipart_id,
        )
        self._changed(statement.values(multipart_upload_id=None, lease_until=None))
