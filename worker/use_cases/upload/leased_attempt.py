"""What storing an archive comes to, told to the row of its upload while the lease is held."""

from collections.abc import Callable
from dataclasses import dataclass

from worker.errors import HandedBack
from worker.models.artifact import Artifact
from worker.models.upload import Upload
from worker.use_cases.upload.lease import Heartbeat
from worker.use_cases.upload.ports import Package, UploadRepository


@dataclass(frozen=True, slots=True)
class LeasedAttempt:
    uploads: UploadRepository
    upload: Upload
    heartbeat: Heartbeat
    package: Package
    key: str
    must_stop: Callable[[], bool]

    def moved(self) -> None:
        self.heartbeat.moved()

    def check(self) -> None:
        self.heartbeat.check()
        if self.must_stop():
            raise HandedBack("handed back by a worker that stops", size=self.package.bytes_total)

    def opened(self, multipart_id: str) -> None:
        self.uploads.opened(
            self.upload,
            multipart_id=multipart_id,
            file_count=self.package.file_count,
            bytes_total=self.package.bytes_total,
            s3_key=self.key,
        )

    def sealed(self, artifact: Artifact) -> None:
        self.heartbeat.moved()
        self.heartbeat.check()
        self.uploads.seal(self.upload, archive=self.package.archive, artifact=artifact)
