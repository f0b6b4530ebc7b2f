"""Makes the adapters and wires them to the use cases; nothing else constructs them.

What is slow to import (boto3, Alembic, redis-py) is imported when it is made: a command that shows
the status does not wait for S3's client.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from random import SystemRandom
from time import monotonic
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import Engine

from worker.bootstrap.urls import bucket_name, database_url
from worker.database.deletions import SqlDeletionRepository
from worker.database.engine import make_engine
from worker.database.inventory import SqlInventory
from worker.database.jobs import SqlJobRepository, SqlRunRepository
from worker.database.result_locations import SqlResultLocations
from worker.database.uploads.multipart_ids import SqlMultipartIds
from worker.database.uploads.outbox import SqlOutbox
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.database.uploads.upload_repository import SqlUploadRepository
from worker.doctor.doctor import Doctor
from worker.process.identity import has_ended, this_machine, this_process
from worker.process.parallel import DEFAULT_CONCURRENCY
from worker.process.processors import processors
from worker.settings import Settings
from worker.use_cases.job.download_urls import LocateArtifacts
from worker.use_cases.job.fetch import CONCURRENT_OBJECTS, FetchArtifacts
from worker.use_cases.job.find import FindArtifacts
from worker.use_cases.job.put import PutArtifact
from worker.use_cases.job.read import ReadArchive
from worker.use_cases.job.upload_urls import SubmitArtifact
from worker.use_cases.job.verify import VerifyJob
from worker.use_cases.migration.migrate import MigrateArtifacts
from worker.use_cases.ports import ArchiveFile
from worker.use_cases.recovery.abort_orphans import AbortOrphans
from worker.use_cases.recovery.adopt_messages import AdoptMessages
from worker.use_cases.recovery.ports import Deliveries
from worker.use_cases.recovery.recover import Recover
from worker.use_cases.recovery.release_leases import ReleaseLeases
from worker.use_cases.recovery.republish import Republish
from worker.use_cases.requests.enqueue import EnqueueUpload
from worker.use_cases.requests.ports import Publisher
from worker.use_cases.requests.read_message import ReadMessage
from worker.use_cases.retention.change_storage_class import ChangeStorageClass
from worker.use_cases.retention.delete import DeleteJob
from worker.use_cases.retention.restore import RestoreJob
from worker.use_cases.upload.large_runs import LargeRuns
from worker.use_cases.upload.lease import Leases
from worker.use_cases.upload.retry_policy import RetryPolicy
from worker.use_cases.upload.upload_results import UploadResults

if TYPE_CHECKING:
    from worker.packaging.package import TreePackager
    from worker.process.pool import WorkerPool
    from worker.storage.manage.lifecycle_rules import S3LifecycleRules
    from worker.storage.manage.storage_classes import S3StorageClasses
    from worker.storage.objects.bucket import Bucket
    from worker.storage.presigner import Presigner
    from worker.storage.upload.results_store import S3ResultsStore

MIB = 1 << 20


@dataclass(frozen=True)
class Services:
    """Everything that these settings describe, each made when first asked for.

    Engines and clients must not cross a fork: each process creates its own `Services`.
    """

    settings: Settings
    pool: "WorkerPool | None" = None
    """The pool that this process belongs to, if it is a worker's."""
    abandon: Callable[[], None] = lambda: None
    """Ends this process when its attempt hangs."""

    @cached_property
    def engine(self) -> Engine:
        return make_engine(database_url(self.settings))

    @cached_property
    def requests(self) -> SqlRequestRepository:
        return SqlRequestRepository(self.engine)

    @cached_property
    def uploads(self) -> SqlUploadRepository:
        return SqlUploadRepository(self.engine)

    @cached_property
    def jobs(self) -> SqlJobRepository:
        return SqlJobRepository(self.engine)

    @cached_property
    def runs(self) -> SqlRunRepository:
        return SqlRunRepository(self.engine)

    @cached_property
    def upload_list(self) -> SqlUploadList:
        return SqlUploadList(self.engine)

    @cached_property
    def outbox(self) -> SqlOutbox:
        return SqlOutbox(
            self.engine,
            grace=self.settings.publish_grace_seconds,
            republish=self.settings.republish_seconds,
        )

    @cached_property
    def upload_results(self) -> UploadResults:
        from worker.process.pool import WorkerPool  # needs Linux, as workers do

        pool = self.pool or WorkerPool()
        return UploadResults(
            requests=self.requests,
            uploads=self.uploads,
            jobs=self.jobs,
            runs=self.runs,
            packager=self.packager,
            results=self.results,
            retry_policy=RetryPolicy(
                max_attempts=self.settings.max_attempts,
                missing_path_attempts=self.settings.missing_path_attempts,
                base=self.settings.backoff_seconds,
                cap=self.settings.backoff_cap_seconds,
            ),
            random=SystemRandom(),
            leases=Leases(
                self.uploads,
                owner=this_process(),
                has_ended=has_ended,
                seconds=self.settings.lease_seconds,
                stall_seconds=self.settings.stall_seconds,
                abandon=self.abandon,
            ),
            large_runs=LargeRuns(pool.large_runs, self.settings.large_run_mib * MIB),
            must_stop=pool.shutdown.has_passed,
        )

    @cached_property
    def multipart_ids(self) -> SqlMultipartIds:
        return SqlMultipartIds(self.engine)

    @cached_property
    def read_message(self) -> ReadMessage:
        return ReadMessage(self.requests)

    def enqueue_upload(self, publisher: Publisher) -> EnqueueUpload:
        return EnqueueUpload(self.requests, publisher, _new_task_id)

    def recover(self, publisher: Publisher, deliveries: Deliveries) -> Recover:
        settings = self.settings
        return Recover(
            ReleaseLeases(self.uploads, this_machine(), has_ended),
            AdoptMessages(
                deliveries,
                self.read_message,
                self.requests,
                self.outbox,
                settings.publish_grace_seconds,
            ),
            Republish(self.outbox, publisher, _new_task_id),
            self._abort_orphans,
            pause=settings.recovery_seconds,
            sweep=settings.sweep_seconds,
            clock=monotonic,
            random=SystemRandom(),
        )

    def _abort_orphans(self) -> int:
        return self._orphans()

    @cached_property
    def _orphans(self) -> AbortOrphans:
        """Made for the first sweep only: a worker that has just started is busy enough."""
        from worker.storage.manage.incomplete_uploads import S3IncompleteUploads

        incomplete = S3IncompleteUploads(self.bucket)
        return AbortOrphans(self.upload_list, self.multipart_ids, incomplete)

    @cached_property
    def packager(self) -> "TreePackager":
        from worker.packaging.package import Packing, TreePackager
        from worker.packaging.zip.deflate import LEVELS

        share = max(2, -(-processors() // self._processes))
        packing = Packing(
            threads=self.settings.threads or min(share, processors()),
            level=LEVELS[self.settings.level],
        )
        return TreePackager(
            self.settings.results_roots, self.settings.run_directory_pattern, packing
        )

    @property
    def _processes(self) -> int:
        return self.pool.processes if self.pool else 1

    @cached_property
    def results(self) -> "S3ResultsStore":
        from worker.storage.client import make_client
        from worker.storage.upload.results_store import S3ResultsStore
        from worker.storage.upload.sending import BandwidthLimit, Sending

        limit = self.settings.bandwidth_mib
        sending = Sending(
            connections=self.settings.connections,
            part_size=self.settings.part_size_mib * MIB,
            memory=self.settings.memory_mib * MIB,
            bandwidth=BandwidthLimit(limit * MIB / self._processes) if limit else None,
        )
        return S3ResultsStore(
            make_client(sending.connections),
            bucket_name(self.settings),
            _encryption(self.settings),
            sending,
        )

    @cached_property
    def bucket(self) -> "Bucket":
        return make_bucket(self.settings)

    @cached_property
    def find_artifacts(self) -> FindArtifacts:
        return FindArtifacts(self.jobs, self.runs, self.upload_list, self.bucket)

    @cached_property
    def verify_job(self) -> VerifyJob:
        from worker.packaging.reading.check import check_archive

        return VerifyJob(self.jobs, self.runs, self.upload_list, self.bucket, check_archive)

    @cached_property
    def doctor(self) -> Doctor:
        from worker.bootstrap.doctor import make_doctor

        return make_doctor(self.settings)

    @cached_property
    def migrate_artifacts(self) -> MigrateArtifacts:
        from worker.storage.manage.copy_parts import CONCURRENT_PARTS
        from worker.storage.manage.verified_copies import S3VerifiedCopies

        # one connection lists while the others copy
        bucket = make_bucket(self.settings, DEFAULT_CONCURRENCY * CONCURRENT_PARTS + 1)
        return MigrateArtifacts(
            jobs=self.jobs,
            runs=self.runs,
            uploads=self.upload_list,
            bucket=bucket,
            copies=S3VerifiedCopies(bucket, _encryption(self.settings)),
            results=self.result_locations,
            copy_records=self.multipart_ids,
        )

    @cached_property
    def inventory(self) -> SqlInventory:
        return SqlInventory(self.engine)

    @cached_property
    def submit_artifact(self) -> SubmitArtifact:
        from worker.storage.upload.presigned import S3UploadLocationRepository

        locations = S3UploadLocationRepository(
            self._presigner, bucket_name(self.settings), _encryption(self.settings)
        )
        return SubmitArtifact(self.jobs, self.runs, locations)

    @cached_property
    def put_artifact(self) -> PutArtifact:
        from worker.storage.client import make_client
        from worker.storage.upload.files import S3ArtifactUploads

        uploads = S3ArtifactUploads(
            make_client(), bucket_name(self.settings), _encryption(self.settings)
        )
        return PutArtifact(self.jobs, self.runs, uploads)

    @cached_property
    def locate_artifacts(self) -> LocateArtifacts:
        from worker.storage.download.presigned import S3DownloadLocations

        locations = S3DownloadLocations(self._presigner, bucket_name(self.settings))
        return LocateArtifacts(self.jobs, self.runs, self.bucket, locations)

    @cached_property
    def fetch_artifacts(self) -> FetchArtifacts:
        from worker.packaging.reading.unpack import unpack
        from worker.storage.download.files import CONCURRENT_RANGES, S3Downloads

        bucket = make_bucket(self.settings, CONCURRENT_OBJECTS * CONCURRENT_RANGES)
        return FetchArtifacts(
            self.jobs, self.runs, self.upload_list, bucket, S3Downloads(bucket), unpack
        )

    @cached_property
    def read_archive(self) -> ReadArchive:
        from worker.packaging.reading.zip_reader import ZipReader, open_zip

        def open_remote(file: ArchiveFile) -> ZipReader:
            return open_zip(file, file.expect)

        return ReadArchive(self.jobs, self.runs, self.bucket, open_remote)

    @cached_property
    def _presigner(self) -> "Presigner":
        from worker.storage.client import make_client_and_credentials
        from worker.storage.presigner import Presigner

        return Presigner(*make_client_and_credentials())

    @cached_property
    def change_storage_class(self) -> ChangeStorageClass:
        bucket, classes = _storage_classes(self.settings)
        return ChangeStorageClass(
            jobs=self.jobs,
            runs=self.runs,
            uploads=self.upload_list,
            bucket=bucket,
            classes=classes,
            locations=self.result_locations,
            copy_records=self.multipart_ids,
            clock=_utc_now,
        )

    def restore_job(self, bucket: str | None = None) -> RestoreJob:
        """Restores artifacts in that bucket, if they were moved to one."""
        where, classes = _storage_classes(self.settings, bucket)
        return RestoreJob(self.jobs, where, classes, _utc_now)

    def delete_job(self, bucket: str | None = None) -> DeleteJob:
        """Deletes artifacts in that bucket, if they were moved to one."""
        from worker.storage.manage.versions import S3ObjectVersions

        where = make_bucket(self.settings, name=bucket)
        return DeleteJob(
            jobs=self.jobs,
            runs=self.runs,
            uploads=self.upload_list,
            bucket=where,
            versions=S3ObjectVersions(where),
            deletions=SqlDeletionRepository(self.engine),
            locations=self.result_locations,
        )

    @cached_property
    def result_locations(self) -> SqlResultLocations:
        return SqlResultLocations(self.engine)

    @cached_property
    def lifecycle(self) -> "S3LifecycleRules":
        from worker.storage.client import make_client
        from worker.storage.manage.lifecycle_rules import S3LifecycleRules

        return S3LifecycleRules(make_client(), bucket_name(self.settings))

    def upgrade_schema(self) -> None:
        """Bring the schema up to date."""
        from worker.database.schema import upgrade_schema

        upgrade_schema(self.engine)


def make_bucket(
    settings: Settings, connections: int = DEFAULT_CONCURRENCY, *, name: str | None = None
) -> "Bucket":
    """The bucket of the settings, or another one, reached by that many connections at most."""
    from worker.storage.client import make_client
    from worker.storage.objects.bucket import Bucket

    return Bucket(make_client(connections), name or bucket_name(settings))


def _storage_classes(
    settings: Settings, name: str | None = None
) -> "tuple[Bucket, S3StorageClasses]":
    from worker.storage.manage.copy_parts import CONCURRENT_PARTS
    from worker.storage.manage.storage_classes import S3StorageClasses

    bucket = make_bucket(settings, DEFAULT_CONCURRENCY * CONCURRENT_PARTS, name=name)
    return bucket, S3StorageClasses(bucket)


def _new_task_id() -> str:
    return str(uuid4())


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _encryption(settings: Settings) -> dict[str, str]:
    asked = {
        "ServerSideEncryption": settings.server_side_encryption,
        "SSEKMSKeyId": settings.kms_key_id,
    }
    return {name: value for name, value in asked.items() if value}
