"""A results directory and a bucket in memory."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from worker.errors import OneprefixError, PrefixMismatch
from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.storage.objects.checksums import encode_crc32
from worker.use_cases.upload.ports import Attempt, Package


@dataclass
class FakePackage:
    content: bytes
    file_count: int = 1
    bytes_done: int = 0
    archive: Archive = field(init=False)

    def __post_init__(self) -> None:
        size = len(self.content)
        self.archive = Archive(self.file_count, bytes_total=size, size=size)

    @property
    def bytes_total(self) -> int:
        return len(self.content)

    @property
    def size_bound(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.content), 1 << 20):
            chunk = self.content[start : start + (1 << 20)]
            self.bytes_done += len(chunk)
            yield chunk


@dataclass
class FakePackager:
    """Directories by path; a path may hold the error that opening it raises."""

    directories: dict[str, bytes | OneprefixError] = field(default_factory=dict)
    opened: int = 0

    @contextmanager
    def open(self, path: str, moved: Callable[[], None] = lambda: None) -> Iterator[FakePackage]:
        self.opened += 1
        moved()
        found = self.directories[path]
        if isinstance(found, OneprefixError):
            raise found
        yield FakePackage(found)


@dataclass
class FakeResults:
    """A bucket that keeps what it is given."""

    objects: dict[str, bytes] = field(default_factory=dict)
    begun: list[str | None] = field(default_factory=list)
    """What each upload was told to go on with."""
    aborted: list[tuple[str, str]] = field(default_factory=list)

    def upload(
        self,
        prefix: JobS3Prefix,
        run: Run,
        package: Package,
        attempt: Attempt,
        begun: str | None = None,
    ) -> Artifact:
        self.begun.append(begun)
        if prefix.job_id != run.job_id:
            raise PrefixMismatch("another job's", job_id=prefix.job_id, run_id=run.id)
        content = bytearray()
        for chunk in package.chunks():
            attempt.moved()
            attempt.check()
            content += chunk
        artifact = artifact_of(prefix.run_results_key(run.id), bytes(content))
        attempt.sealed(artifact)
        self.objects[artifact.key] = bytes(content)
        return artifact

    def holds(self, key: str, *, size: int, checksum: str, sha256: str | None) -> bool:
        there = self.objects.get(key)
        return there is not None and artifact_of(key, there) == Artifact(
            key, size, checksum, sha256
        )

    def abort(self, key: str, multipart_id: str) -> None:
        self.aborted.append((key, multipart_id))

    def url(self, key: str) -> str:
        return f"https://bucket.s3.amazonaws.com/{key}"


def artifact_of(key: str, content: bytes) -> Artifact:
    checksum = f"CRC32:{encode_crc32(zlib.crc32(content))}"
    return Artifact(key, len(content), checksum, hashlib.sha256(content).hexdigest())
