"""One attempt at an upload, from its claim to its end."""

from types import TracebackType
from typing import Self

from worker.interfaces import Package, UploadRepository
from worker.models.artifact import Artifact
from worker.models.upload import Upload
from worker.use_cases.heartbeat import Heartbeat


class LeasedAttempt:
    """Keeps the lease while its block runs, and tells the row what storing the archive comes to."""

    def __init__(self, uploads: UploadRepository, upload: Upload, lease: float) -> None:
        self._uploads = uploads
        self._upload = upload
        self._lease = lease
        self._package: Package | None = None
        self._heartbeat = Heartbeat(self._renew, lease=lease)

    def __enter__(self) -> Self:
        self._heartbeat.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._heartbeat.__exit__(kind, error, traceback)

    def begin(self, package: Package, key: str) -> None:
        self._heartbeat.check()
        self._package = package
        self._uploads.plan(
            self._upload,
            file_count=package.file_count,
            bytes_total=package.bytes_total,
            s3_key=key,
        )

    def check(self) -> None:
        self._heartbeat.check()

    def opened(self, multipart_id: str) -> None:
        self._uploads.opened(self._upload, multipart_id=multipart_id)

    def sealed(self, artifact: Artifact) -> None:
        self._heartbeat.check()
        if self._package:
            self._uploads.seal(self._upload, archive=self._package.archive, artifact=artifact)

    def _renew(self) -> None:
        done = self._package.bytes_done if self._package else 0
        self._uploads.renew(self._upload, lease=self._lease, bytes_done=done)
