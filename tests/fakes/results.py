"""A results directory and a bucket in memory."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from worker.errors import PrefixMismatch
from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.storage.objects.checksums import encode_crc32


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
    def fingerprint(self) -> str:
        return f"{hash(self.content) & 0xFFFF_FFFF:x}"

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

    directories: dict[str, bytes | Exception] = field(default_factory=dict)
    opened: int = 0
    cutbacks: int = 0
    """Of the last time."""

    @contextmanager
    def open(
        self, path: str, moved: Callable[[], None] = lambda: None, *, cutbacks: int = 0
    ) -> Iterator[FakePackage]:
        self.opened += 1
        self.cutbacks = cutbacks
        moved()
        found = self.directories[path]
        if isinstance(found, Exception):
            raise found
        yield FakePackage(found)


@dataclass
class FakeResults:
    """A bucket that keeps what it is given."""

    objects: dict[str, bytes] = field(default_factory=dict)
    resumed: list[str | None] = field(default_factory=list)
    """The multipart upload that each attempt was told to resume."""
    aborted: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def begin(
        self,
        prefix: JobS3Prefix,
        run: Run,
        chunks: Iterable[bytes | bytearray],
        *,
        size_bound: int,
        file_count: int,
        moved: Callable[[], None],
        check: Callable[[], None],
        sent: Callable[[int], None],
        resume_id: str | None = None,
        cutbacks: int = 0,
    ) -> Iterator["FakeArchive"]:
        assert file_count
        self.resumed.append(resume_id)
        if prefix.job_id != run.job_id:
            raise PrefixMismatch("another job's", job_id=prefix.job_id, run_id=run.id)
        content = bytearray()
        for chunk in chunks:
            moved()
            check()
            content += chunk
            sent(len(chunk))
        assert len(content) <= size_bound
        yield FakeArchive(self.objects, prefix.run_results_key(run.id), bytes(content))

    def holds(self, artifact: Artifact) -> bool:
        there = self.objects.get(artifact.key)
        return there is not None and artifact_of(artifact.key, there) == artifact

    def abort(self, key: str, multipart_id: str) -> None:
        self.aborted.append((key, multipart_id))

    def url(self, key: str) -> str:
        return f"https://bucket.s3.amazonaws.com/{key}"


@dataclass
class FakeArchive:
    objects: dict[str, bytes]
    key: str
    content: bytes
    multipart_upload_id: str | None = None

    def send_parts(self) -> Artifact:
        return artifact_of(self.key, self.content)

    def complete(self, condition: Mapping[str, str] | None = None) -> None:
        assert condition is None
        self.objects[self.key] = self.content


def artifact_of(key: str, content: bytes) -> Artifact:
    checksum = f"CRC32:{encode_crc32(zlib.crc32(content))}"
    return Artifact(key, len(content), checksum, hashlib.sha256(content).hexdigest())
