"""Lists and aborts the incomplete multipart uploads under the prefixes of jobs."""

import logging
from collections.abc import Iterator

from worker.errors import StorageRefused
from worker.models.job_s3_prefix import ALL_JOBS
from worker.models.stored_object import IncompleteUpload
from worker.storage.objects.bucket import Bucket

log = logging.getLogger(__name__)


class S3IncompleteUploads:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def list(self) -> Iterator[IncompleteUpload]:
        """Yield those of all jobs; none if the credentials may not list them."""
        try:
            yield from self._bucket.incomplete_uploads(ALL_JOBS)
        except StorageRefused as error:
            if not error.is_forbidden:
                raise
            log.info("%s", error)

    def abort(self, key: str, multipart_id: str) -> bool:
        return self._bucket.abort(key, multipart_id)
