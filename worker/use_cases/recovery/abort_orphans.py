"""Abort multipart uploads that no attempt will resume, since S3 charges for their parts."""

from collections.abc import Callable
from dataclasses import dataclass

from worker.models.job_s3_prefix import run_of_results_key
from worker.models.stored_object import IncompleteUpload
from worker.use_cases.recovery.ports import IncompleteUploads, MultipartIds, UploadFinder

#: Seconds, on S3's clock, that a new multipart upload may be missing from its upload's row.
YOUNG = 60.0


@dataclass(frozen=True, slots=True)
class AbortOrphans:
    uploads: UploadFinder
    multipart_ids: MultipartIds
    incomplete_uploads: IncompleteUploads
    moved: Callable[[], None] = lambda: None
    """Called before each of them, for who watches whether this hangs."""
    young: float = YOUNG

    def __call__(self) -> int:
        """Abort what is left over; return how many multipart uploads were aborted."""
        return self._abort_recorded() + self._abort_unrecorded()

    def _abort_recorded(self) -> int:
        """Abort those that rows of ended uploads still name."""
        aborted = 0
        for upload in self.multipart_ids.of_ended_uploads():
            self.moved()
            if upload.s3_key and upload.multipart_upload_id:
                if not self.incomplete_uploads.abort(upload.s3_key, upload.multipart_upload_id):
                    continue
                aborted += 1
            self.multipart_ids.forget(upload)
        return aborted

    def _abort_unrecorded(self) -> int:
        """Abort those of our runs that S3 has and no row names."""
        orphans = [each for each in self.incomplete_uploads.list() if self._is_orphan(each)]
        return sum(map(self._abort, orphans))

    def _abort(self, orphan: IncompleteUpload) -> bool:
        self.moved()
        return self.incomplete_uploads.abort(orphan.key, orphan.id)

    def _is_orphan(self, found: IncompleteUpload) -> bool:
        self.moved()
        run = run_of_results_key(found.key)
        if run is None or found.age < self.young:
            return False
        upload = self.uploads.find(*run)
        if upload is None or upload.s3_key not in (None, found.key):
            return False  # another installation's upload of the same run
        return upload.multipart_upload_id != found.id
