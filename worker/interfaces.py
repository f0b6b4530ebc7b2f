"""What the use cases ask of the outside: each Protocol holds only what somebody calls."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.artifact_kind import ArtifactId
from worker.models.checked_archive import CheckedArchive
from worker.models.deletion import Deletion, Doomed
from worker.models.download_location import DownloadLocation
from worker.models.inspected_object import InspectedObject
from worker.models.job import Job
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.member import Member
from worker.models.open_upload import OpenUpload
from worker.models.refusal import Refusal
from worker.models.relocation import Relocation
from worker.models.restore_state import RestoreState
from worker.models.run import Run
from worker.models.storage_class import RestoreTier, StorageClass
from worker.models.stored_object import StoredObject
from worker.models.upload import Upload
from worker.models.upload_location import UploadLocation
from worker.models.upload_request import UploadRequest


class JobRepository(Protocol):
    def get(self, job_id: int) -> Job:
        """The job, or JobNotFound."""
        ...


class RunRepository(Protocol):
    def get(self, run_id: int) -> Run:
        """The run, or RunNotFound."""
        ...

    def of_job(self, job_id: int) -> list[Run]:
        """The job's runs, by id."""
        ...


class UploadRecords(Protocol):
    """The rows of `uploads`, to be read."""

    def uploads(self, job_id: int) -> list[Upload]:
        """The job's, by run."""
        ...


class ArtifactStore(Protocol):
    """What lies under jobs' prefixes."""

    def list(self, prefix: JobS3Prefix) -> Iterator[StoredObject]:
        """The job's objects by key; of one job alone, since its prefix ends with a slash."""
        ...

    def elsewhere(self, url: str, key: str) -> str | None:
        """The object that `url` names, as s3://…, unless that is the one under `key` here.

        InvalidObjectUrl if it names none.
        """
        ...


class UploadLocationRepository(Protocol):
    def locate(
        self, prefix: JobS3Prefix, artifact: ArtifactId, expires_in: timedelta
    ) -> UploadLocation:
        """Where to PUT the artifact; ExpiryRefused if the location can't be good for so long."""
        ...


class DownloadLocationRepository(Protocol):
    def locate(
        self, stored: StoredObject, file_name: str, expires_in: timedelta
    ) -> DownloadLocation:
        """Where to GET the object; ExpiryRefused if the location can't be good for so long."""
        ...


class ArtifactUploads(Protocol):
    def put(self, prefix: JobS3Prefix, artifact: ArtifactId, file: Path) -> Artifact:
        """The file's bytes under the artifact's key, verified, or nothing new there."""
        ...


class Downloads(Protocol):
    def alone_in(self, directory: Path) -> AbstractContextManager[None]:
        """The directory, made if need be, with no other download to it meanwhile."""
        ...

    def look(self, key: str, recorded: str | None) -> InspectedObject:
        """What lies under the key; with the `recorded` checksum where its store tells none."""
        ...

    def has(self, file: Path, found: InspectedObject) -> bool:
        """Whether the file is this object already."""
        ...

    def download(self, found: InspectedObject, to: Path, moved: Callable[[int], None]) -> None:
        """The whole object in the file, verified, or what has arrived of it beside that.

        `moved` is told how many bytes have arrived, from any thread.
        """
        ...


class ArchiveFile(Protocol):
    """A file that is read by requests, as few as may be."""

    size: int
    transferred: int
    """Bytes so far."""
    requests: int

    def expect(self, start: int, end: int) -> None:
        """This range is about to be read from its start on."""
        ...

    def seek(self, offset: int, whence: int = ...) -> int: ...
    def tell(self) -> int: ...
    def seekable(self) -> bool: ...
    def read(self, size: int = ...) -> bytes: ...


class ObjectReader(Protocol):
    def open(self, key: str) -> ArchiveFile:
        """The object under the key as a file, or ArtifactNotFound."""
        ...


class OpenedZip(Protocol):
    @property
    def members(self) -> Sequence[Member]: ...

    def read(self, member: Member) -> Iterator[bytes]:
        """The member's bytes; InvalidArchive before their end if they are not its own."""
        ...


class Unzip(Protocol):
    def open(self, file: ArchiveFile) -> OpenedZip:
        """InvalidArchive if it is no ZIP."""
        ...

    def unpack(self, archive: Path, to: Path) -> None:
        """The new directory `to` with all that the archive holds, or nothing there.

        InvalidArchive if anything in it would end up elsewhere, or is not what it says.
        """
        ...


class Content(Protocol):
    """The bytes of one stored object."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, end: int) -> bytes:
        """All the bytes from `start` up to `end`. From any thread."""
        ...


class InspectedStore(ArtifactStore, Protocol):
    """The same, looked at and read object by object."""

    def elsewhere(self, url: str, key: str) -> str | None:
        """The object that the URL names, if that is certainly another than our bucket's `key`."""
        ...

    def inspect(self, key: str) -> InspectedObject | None:
        """What S3 itself says of it; None if there is none."""
        ...

    def content(self, found: InspectedObject) -> Content:
        """The bytes of that very object, whatever replaces it."""
        ...


class ArchiveCheck(Protocol):
    def __call__(self, content: Content) -> CheckedArchive:
        """Every member's data against its CRC-32, in bounded memory; ArchiveDamaged if it differs
        or the archive's records contradict each other."""
        ...


class ScatteredObjects(Protocol):
    """The bucket's objects wherever they lie."""

    def list(self, beneath: str) -> Iterator[StoredObject]:
        """Those whose keys begin so, by key."""
        ...

    def url(self, key: str) -> str:
        """The object's permanent location."""
        ...

    def key_of(self, url: str) -> str:
        """The key that the URL names, or InvalidObjectUrl if it is none of this bucket's."""
        ...

    def ends_as_archive(self, found: StoredObject) -> bool:
        """Whether it ends as a ZIP does that was written to its end."""
        ...

    def is_same(self, one: StoredObject, other: StoredObject) -> bool:
        """Whether they are the same bytes. They are read if S3 has nothing to tell it by."""
        ...

    def checksum(self, key: str) -> str | None:
        """S3's of the whole object, as `ALGORITHM:base64`, if it has one that we know."""
        ...

    def copy(
        self,
        source: StoredObject,
        key: str,
        *,
        replaces: StoredObject | None = None,
        opened: Callable[[str], None] = ...,
    ) -> str | None:
        """A verified copy stands under the key, where nothing stood but what it replaces; its
        `checksum`. `opened` is told of a multipart upload, if it takes one.

        Done already, it does nothing. StorageUnavailable if another object stands there.
        """
        ...

    def delete(self, source: StoredObject) -> None:
        """Unless it has changed since."""
        ...


class MovedResults(Protocol):
    def record(
        self,
        run: Run,
        *,
        key: str,
        size: int,
        checksum: str | None,
        results_url: str,
        former_url: str,
        landed_at: datetime,
    ) -> None:
        """The run's results lie under the key; so says its upload, made where there is none.

        RunNotFound, and nothing written, if the run is gone.
        """
        ...


class ArchiveStore(Protocol):
    """The objects of one bucket, moved between storage classes and to other buckets."""

    @property
    def bucket(self) -> str: ...

    def require_bucket(self, bucket: str) -> None:
        """StorageRefused unless there is such a bucket, and we may use it."""
        ...

    def url(self, bucket: str, key: str) -> str:
        """The object's permanent location."""
        ...

    def is_here(self, url: str, key: str) -> bool:
        """Whether the URL, of whatever form, names the key in this bucket."""
        ...

    def change_class(
        self, stored: StoredObject, to: StorageClass, opened: Callable[[str], None]
    ) -> None:
        """Copy it onto itself; ArtifactReplaced if it is another object by now, ArtifactArchived
        if it has to be restored first. `opened` is told of a multipart upload, if it takes one.
        """
        ...

    def copy_to(self, bucket: str, stored: StoredObject, storage_class: StorageClass) -> None:
        """The same object under the same key there, verified; PlaceTaken by another one."""
        ...

    def remove(self, stored: StoredObject) -> None:
        """Delete that very object; no other that has taken its place."""
        ...


class RestoreStore(Protocol):
    def restore_state(self, stored: StoredObject) -> RestoreState: ...

    def restore(self, stored: StoredObject, days: int, tier: RestoreTier) -> None:
        """Ask S3 for a readable copy for so many days from now on, or as many more."""
        ...


class DoomedObjects(Protocol):
    """What lies under jobs' prefixes in one bucket, to be deleted for good."""

    @property
    def bucket(self) -> str: ...

    def is_here(self, url: str, key: str) -> bool:
        """Whether the URL, of whatever form, names the key in this bucket."""
        ...

    def list(self, prefix: JobS3Prefix) -> Iterator[Doomed]:
        """The job's objects, all their versions, and delete markers."""
        ...

    def delete(self, doomed: Sequence[Doomed]) -> dict[Doomed, str]:
        """Why those of at most MOST_AT_ONCE that are still there could not be deleted."""
        ...

    def open_uploads(self, prefix: JobS3Prefix) -> Iterator[OpenUpload]:
        """The job's multipart uploads that are neither completed nor aborted."""
        ...

    def abort(self, found: OpenUpload) -> None: ...


class DeletionRepository(Protocol):
    """The audit of deletions."""

    def begin(self, deletion: Deletion, *, who: str) -> int:
        """The new row's id. UploadUnderWay if an upload of the job holds a lease; those that wait
        for one FAIL, in the same transaction.
        """
        ...

    def finish(self, deletion_id: int, *, failures: int) -> None: ...


class ResultLocations(Protocol):
    """Where runs' results lie, as `runs` and `uploads` tell."""

    def relocate(self, moves: Iterable[Relocation]) -> int:
        """How many rows changed; an upload that has changed since it was looked at stays."""
        ...

    def copying(self, upload: Upload, multipart_id: str) -> None:
        """Its object is being copied by that multipart upload, which nobody is to abort today."""
        ...

    def copied(self, upload: Upload, multipart_id: str) -> None:
        """That is over."""
        ...


class RequestRepository(Protocol):
    """The requests of producers, each a row of `uploads`."""

    def request(self, request: UploadRequest, *, published: bool) -> Upload:
        """The row that stands for this request, made, renewed or left as it is.

        A landed upload is renewed only by `replace`; one under way only by `replace` or another
        path, which takes the lease from its holder; a failed one by any new message.
        `published` says that a message for it is in the broker already.
        """
        ...

    def refuse(self, refusal: Refusal) -> None:
        """A FAILED row for a message that makes no request. An upload with another path stays."""
        ...

    def published(self, upload: Upload) -> None:
        """A message for the requested upload is in the broker."""
        ...


class LeaseRepository(Protocol):
    """The leases that processes hold."""

    def held_on(self, machine: str) -> list[Upload]:
        """The uploads that processes of that machine hold."""
        ...

    def release(self, upload: Upload) -> None:
        """End the lease at once, if it is still this one, since its holder has ended."""
        ...


class OrphanRepository(Protocol):
    """What rows know of multipart uploads."""

    def find(self, job_id: int, run_id: int) -> Upload | None: ...

    def given_up(self) -> list[Upload]:
        """The uploads that are over and still name one that nobody copies their object by."""
        ...

    def forget_multipart(self, upload: Upload) -> None:
        """It is gone."""
        ...


class OpenUploads(Protocol):
    def list(self) -> Iterator[OpenUpload]:
        """S3's open multipart uploads of ours, as far as it tells."""
        ...

    def abort(self, key: str, multipart_id: str) -> bool:
        """Whether S3 has forgotten it."""
        ...


class UploadRepository(LeaseRepository, Protocol):
    """The rows of `uploads`. All times are the database's own, all durations in seconds.

    Whatever takes an `upload` acts only while its fence is the row's, and raises LeaseLost else.
    """

    def claim(self, job_id: int, run_id: int, *, owner: str, lease: float) -> Upload | None:
        """The upload with a new lease and fence; None if it is over, held, or not yet due."""
        ...

    def renew(self, upload: Upload, *, lease: float, bytes_done: int) -> None:
        """Extend the lease and write the progress."""
        ...

    def opened(
        self, upload: Upload, *, multipart_id: str, file_count: int, bytes_total: int, s3_key: str
    ) -> None:
        """Record the multipart upload, so that it can be found and aborted, and what it is for."""
        ...

    def seal(self, upload: Upload, *, archive: Archive, artifact: Artifact) -> None:
        """Record what is about to stand under the key, so that a later attempt knows it."""
        ...

    def land(self, upload: Upload, *, results_url: str) -> None:
        """LANDED, and the run's location, time and status with it, in one transaction."""
        ...

    def retry(self, upload: Upload, *, error: str, delay: float, traceback: str) -> None:
        """RETRYING, due after `delay` seconds."""
        ...

    def postpone(
        self, upload: Upload, *, reason: str, delay: float, bytes_total: int | None
    ) -> None:
        """RETRYING, due after `delay` seconds, as if it had not been claimed but for its size."""
        ...

    def fail(self, upload: Upload, *, error: str, traceback: str) -> None: ...


class Package(Protocol):
    """An opened results directory, about to be packed once."""

    @property
    def file_count(self) -> int: ...
    @property
    def bytes_total(self) -> int: ...
    @property
    def size_bound(self) -> int:
        """Bytes that the archive won't exceed."""
        ...

    @property
    def bytes_done(self) -> int:
        """Bytes of the tree's files packed so far."""
        ...

    def chunks(self) -> Iterator[bytes | bytearray]:
        """The archive, piece by piece; TreeChanged if the tree does not hold still."""
        ...

    @property
    def archive(self) -> Archive:
        """What it came to, once `chunks` has ended."""
        ...


class Packager(Protocol):
    def open(self, path: str, moved: Callable[[], None] = ...) -> AbstractContextManager[Package]:
        """The results directory at `path`, measured, or PathRefused, ResultsDirectoryMissing,
        InvalidResultsDirectory. `moved` is called as the measuring goes on."""
        ...


class Places(Protocol):
    """What only so many processes of a worker may hold at once."""

    def take(self) -> bool:
        """Whether this process holds one now."""
        ...

    def release(self) -> None: ...


class Attempt(Protocol):
    """The attempt that an archive is stored for; each call but `moved` may raise, to give it up."""

    def moved(self) -> None:
        """A piece was packed or sent. From any thread."""
        ...

    def check(self) -> None:
        """Called between pieces, and every second while none comes."""
        ...

    def opened(self, multipart_id: str) -> None:
        """A multipart upload has been created in S3."""
        ...

    def sealed(self, artifact: Artifact) -> None:
        """All bytes are with S3; next it is asked to put `artifact` under its key. Called again
        before that would replace what somebody else has put there meanwhile."""
        ...


class ResultsRepository(Protocol):
    def upload(
        self,
        prefix: JobS3Prefix,
        run: Run,
        package: Package,
        attempt: Attempt,
        begun: str | None = None,
    ) -> Artifact:
        """The whole archive under the run's key, verified, or nothing.

        `begun` is the multipart upload of an earlier attempt, whose parts are not sent again where
        they are the same. What fails for a while leaves its parts for the next attempt.
        """
        ...

    def abort(self, key: str, multipart_id: str) -> None:
        """S3 forgets the multipart upload and its parts, if it can be told so now."""
        ...

    def holds(self, key: str, *, size: int, checksum: str, sha256: str | None) -> bool:
        """Whether that very object stands under `key`."""
        ...

    def url(self, key: str) -> str:
        """The object's permanent location."""
        ...
