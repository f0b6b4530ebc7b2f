"""Everything that the settings describe, with each use case made from its adapters."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from random import SystemRandom
from typing import TYPE_CHECKING

from worker.bootstrap.buckets import encryption, make_bucket, storage_classes
from worker.bootstrap.orders import carry_out
from worker.bootstrap.recovery_services import RecoveryServices
from worker.bootstrap.urls import bucket_name
from worker.doctor.doctor import Doctor
from worker.process.identity import this_process
from worker.process.parallel import DEFAULT_CONCURRENCY
from worker.use_cases.job.download_urls import LocateArtifacts
from worker.use_cases.job.fetch import CONCURRENT_OBJECTS, FetchArtifacts
from worker.use_cases.job.find import FindArtifacts
from worker.use_cases.job.put import PutArtifact
from worker.use_cases.job.read import ReadArchive
from worker.use_cases.job.upload_urls import SubmitArtifact
from worker.use_cases.job.verify import VerifyJob
from worker.use_cases.migration.migrate import MigrateArtifacts
from worker.use_cases.orders.carry_out import CarryOutOrder
from worker.use_cases.retention.change_storage_class import ChangeStorageClass
from worker.use_cases.retention.delete import DeleteJob
from worker.use_cases.retention.restore import RestoreJob

if TYPE_CHECKING:
    from worker.metrics.exposition import Exposition
    from worker.packaging.reading.zip_reader import ZipReader
    from worker.storage.manage.lifecycle_rules import S3LifecycleRules
    from worker.storage.objects.seekable_object import RangeReader
    from worker.storage.presigned_urls import S3PresignedUrls

#: Bytes of an archive's directory that a page reads: some 80,000 members.
MAX_DIRECTORY = 8 << 20


@dataclass(frozen=True)
class Services(RecoveryServices):
    """Each service is created on first use, and then kept.

    Engines and clients must not cross a fork: each process creates its own `Services`. Imports
    that take long (boto3, Alembic) stand where the library is used: a command that shows the
    status does not wait for S3's client.
    """

    @cached_property
    def doctor(self) -> Doctor:
        from worker.bootstrap.doctor import make_doctor

        return make_doctor(self.settings)

    def metrics(self) -> "Exposition":
        """Read the metrics of the whole installation from SQL, as Prometheus scrapes them."""
        from worker.metrics.exposition import exposition
        from worker.metrics.installation import families

        return exposition(families(self.snapshot.read()))

    @cached_property
    def find_artifacts(self) -> FindArtifacts:
        return FindArtifacts(self.jobs, self.runs, self.upload_list, self.bucket)

    @cached_property
    def verify_job(self) -> VerifyJob:
        from worker.packaging.reading.check import check_archive

        return VerifyJob(self.jobs, self.runs, self.upload_list, self.bucket, check_archive)

    @cached_property
    def submit_artifact(self) -> SubmitArtifact:
        return SubmitArtifact(self.jobs, self.runs, self._presigned_urls)

    @cached_property
    def put_artifact(self) -> PutArtifact:
        from worker.storage.upload.upload_files import S3ArtifactUploads

        uploads = S3ArtifactUploads(self.bucket, encryption(self.settings))
        return PutArtifact(self.jobs, self.runs, uploads)

    @cached_property
    def locate_artifacts(self) -> LocateArtifacts:
        from worker.storage.objects.bucket import Bucket

        # one client lists and signs, so that it has met each bucket's region when it signs
        bucket = Bucket(self._presigned_urls.client, bucket_name(self.settings))
        if self.settings.presigned_endpoint:  # which may not be reached from here
            bucket = self.bucket
        return LocateArtifacts(self.jobs, self.runs, self.upload_list, bucket, self._presigned_urls)

    @cached_property
    def fetch_artifacts(self) -> FetchArtifacts:
        from worker.packaging.reading.unpack import set_aside, unpack
        from worker.storage.download.download_files import CONCURRENT_RANGES, S3Downloads

        bucket = make_bucket(self.settings, CONCURRENT_OBJECTS * CONCURRENT_RANGES)
        return FetchArtifacts(
            self.jobs, self.runs, self.upload_list, bucket, S3Downloads(), unpack, set_aside
        )

    @cached_property
    def read_archive(self) -> ReadArchive:
        return ReadArchive(self.jobs, self.runs, self.upload_list, self.bucket, _open_remote)

    @cached_property
    def glance_at_archive(self) -> ReadArchive:
        """As `read_archive`, for pages: an archive whose directory is large is refused."""
        return ReadArchive(self.jobs, self.runs, self.upload_list, self.bucket, _open_small)

    @cached_property
    def change_storage_class(self) -> ChangeStorageClass:
        bucket, classes = storage_classes(self.settings)
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
        """Restores artifacts in that bucket alone, or by default wherever the job's rows say."""
        where, classes = storage_classes(self.settings, bucket)
        return RestoreJob(
            jobs=self.jobs,
            runs=self.runs,
            uploads=self.upload_list,
            bucket=where,
            classes=classes,
            clock=_utc_now,
            follows_rows=bucket is None,
        )

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
            deletions=self.deletions,
            locations=self.result_locations,
        )

    @cached_property
    def carry_out_order(self) -> CarryOutOrder:
        return CarryOutOrder(
            orders=self.orders,
            work=partial(carry_out, self),
            owner=this_process(),
            lease_seconds=self.settings.lease_seconds,
            retry_policy=self.retry_policy,
            random=SystemRandom(),
        )

    @cached_property
    def lifecycle(self) -> "S3LifecycleRules":
        from worker.storage.client import make_client
        from worker.storage.manage.lifecycle_rules import S3LifecycleRules

        return S3LifecycleRules(make_client(), bucket_name(self.settings))

    @cached_property
    def migrate_artifacts(self) -> MigrateArtifacts:
        from worker.storage.manage.copy_parts import CONCURRENT_PARTS
        from worker.storage.manage.verified_copies import S3VerifiedCopies

        # one connection lists while the others copy
        connections = DEFAULT_CONCURRENCY * CONCURRENT_PARTS + 1
        bucket = make_bucket(self.settings, connections, copies=True)
        return MigrateArtifacts(
            jobs=self.jobs,
            runs=self.runs,
            uploads=self.upload_list,
            bucket=bucket,
            copies=S3VerifiedCopies(bucket, encryption(self.settings)),
            locations=self.result_locations,
            copy_records=self.multipart_ids,
        )

    @cached_property
    def _presigned_urls(self) -> "S3PresignedUrls":
        from worker.storage.client import make_client_and_credentials
        from worker.storage.presigned_urls import S3PresignedUrls

        endpoint = self.settings.presigned_endpoint
        client, credentials = make_client_and_credentials(endpoint=endpoint)
        bucket, encrypted = bucket_name(self.settings), encryption(self.settings)
        return S3PresignedUrls(client, credentials, bucket, encrypted)


def _open_remote(file: "RangeReader") -> "ZipReader":
    from worker.packaging.reading.zip_reader import open_zip

    return open_zip(file, file.expect)


def _open_small(file: "RangeReader") -> "ZipReader":
    file.max_read = MAX_DIRECTORY
    return _open_remote(file)


def _utc_now() -> datetime:
    return datetime.now(UTC)
