"""Aborts the multipart uploads that no attempt will go on with, since their parts cost money."""

import logging
from dataclasses import dataclass

from worker.models.job_s3_prefix import run_of_results_key
from worker.models.stored_object import IncompleteUpload
from worker.use_cases.recovery.ports import IncompleteUploads, OrphanRepository

log = logging.getLogger(__name__)

#: Seconds, on S3's clock, for which a new one may not be in its upload's row yet.
YOUNG = 60.0


@dataclass(frozen=True, slots=True)
class AbortOrphans:
    uploads: OrphanRepository
    incomplete_uploads: IncompleteUploads
    young: float = YOUNG

    def __call__(self) -> int:
        """How many were aborted."""
        return self._abort_given_up() + self._abort_unknown()

    def _abort_given_up(self) -> int:
        """Those that the rows of uploads that are over still name."""
        aborted = 0
        for upload in self.uploads.given_up():
            if upload.s3_key and upload.multipart_upload_id:
                if not self.incomplete_uploads.abort(upload.s3_key, upload.multipart_upload_id):
                    continue
                aborted += 1
            self.uploads.forget_multipart(upload)
        return aborted

    def _abort_unknown(self) -> int:
        """Those of our runs that S3 has and no row names."""
        orphans = [each for each in self.incomplete_uploads.list() if self._is_orphan(each)]
        return sum(self.incomplete_uploads.abort(each.key, each.id) for each in orphans)

    def _is_orphan(self, found: IncompleteUpload) -> bool:
        run = run_of_results_key(found.key)
        if run is None or found.age < self.young:
            return False
        upload = self.uploads.find(*run)
        if upload is None or upload.s3_key not in (None, found.key):
            return False  # another installation's
        return upload.multipart_upload_id != found.id
