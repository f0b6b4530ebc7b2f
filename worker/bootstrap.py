"""Makes the adapters and wires them to the use cases; nothing else constructs them.

What is slow to import (boto3, Alembic, redis-py) is imported when it is made: a command that shows
the status does not wait for S3's client.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from worker.database.deletion_repository import SqlDeletionRepository
from worker.database.doorbells import SqlDoorbells
from worker.database.engine import make_engine
from worker.database.inventory import SqlInventory
from worker.database.job_repository import SqlJobRepository
from worker.database.moved_results import SqlMovedResults
from worker.database.request_repository import SqlRequestRepository
from worker.database.result_locations import SqlResultLocations
from worker.database.run_repository import SqlRunRepository
from worker.database.upload_list import SqlUploadList
from worker.database.upload_repository import SqlUploadRepository
from worker.errors import InvalidSettings, OneprefixError
from worker.machine import processors
from worker.models.finding import Check, broken
from worker.models.retry_policy import RetryPolicy
from worker.packaging.check_archive import check_archive
from worker.packaging.deflate import LEVELS
from worker.packaging.package import Packing, TreePackager
from worker.parallel import AT_ONCE
from worker.process_identity import has_ended, this_machine, this_process
from worker.settings import Settings
from worker.settings_checks import settings_checks
from worker.slots import Slots
from worker.stop_sign import StopSign
from worker.use_cases.abort_orphans import AbortOrphans
from worker.use_cases.archive_job import ArchiveJob
from worker.use_cases.delete_job import DeleteJob
from worker.use_cases.doctor import Doctor
from worker.use_cases.fetch_artifacts import OBJECTS_AT_ONCE, FetchArtifacts
from worker.use_cases.find_artifacts import FindArtifacts
from worker.use_cases.locate_artifacts import LocateArtifacts
from worker.use_cases.migrate_artifacts import MigrateArtifacts
from worker.use_cases.put_artifact import PutArtifact
from worker.use_cases.read_archive import ReadArchive
from worker.use_cases.release_leases import ReleaseLeases
from worker.use_cases.restore_job import RestoreJob
from worker.use_cases.submit_artifact import SubmitArtifact
from worker.use_cases.upload_results import UploadResults
from worker.use_cases.verify_job import VerifyJob

if TYPE_CHECKING:
    from worker.database.checkup import DatabaseCheckup
    from worker.embedded.broker import EmbeddedBroker
    from worker.storage.archive_store import S3ArchiveStore
    from worker.storage.artifact_store import S3ArtifactStore
    from worker.storage.checkup import S3Checkup
    from worker.storage.inspected_store import S3InspectedStore
    from worker.storage.lifecycle_rules import S3LifecycleRules
    from worker.storage.object_reader import S3ObjectReader
    from worker.storage.presigner import Presigner
    from worker.storage.results_repository import S3ResultsRepository

MIB = 1 << 20
#: Of Zstandard, by the settings' names.
ZSTANDARD_LEVELS = {"fast": 1, "small": 6}


@dataclass(frozen=True)
class Services:
    """Everything that these settings describe, each made when first asked for.

    Engines and clients must not cross a fork: a process makes its own `Services`. It shares
    processors and bandwidth with `processes` like it.
    """

    settings: Settings
    processes: int = 1
    places_for_large: Slots = field(default_factory=lambda: Slots(1))
    """Shared with them too."""
    stop_sign: StopSign = field(default_factory=StopSign)
    """As well."""
    abandon: Callable[[], None] = lambda: None
    """Ends this process, whose attempt hangs."""

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
    def doorbells(self) -> SqlDoorbells:
        return SqlDoorbells(
            self.engine,
            grace=self.settings.publish_grace_seconds,
            republish=self.settings.republish_seconds,
        )

    @cached_property
    def upload_results(self) -> UploadResults:
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
            places_for_large=self.places_for_large,
            large=self.settings.large_run_mib * MIB,
            owner=this_process(),
            has_ended=has_ended,
            must_stop=self.stop_sign.says_stop,
            lease=self.settings.lease_seconds,
            stall=self.settings.stall_seconds,
            abandon=self.abandon,
        )

    @cached_property
    def release_leases(self) -> ReleaseLeases:
        return ReleaseLeases(self.uploads, this_machine(), has_ended)

    @cached_property
    def abort_orphans(self) -> AbortOrphans:
        from worker.storage.client import make_client
        from worker.storage.open_uploads import S3OpenUploads

        return AbortOrphans(self.uploads, S3OpenUploads(make_client(), _bucket(self.settings)))

    @cached_property
    def packager(self) -> TreePackager:
        share = max(2, -(-processors() // self.processes))
        zstandard = self.settings.compression == "zstd" and self.settings.level != "store"
        packing = Packing(
            threads=self.settings.threads or min(share, processors()),
            level=(ZSTANDARD_LEVELS if zstandard else LEVELS)[self.settings.level],
            zstandard=zstandard,
        )
        return TreePackager(
            self.settings.results_roots, self.settings.run_directory_pattern, packing
        )

    @cached_property
    def results(self) -> "S3ResultsRepository":
        from worker.storage.bandwidth import BandwidthLimit
        from worker.storage.client import make_client
        from worker.storage.results_repository import S3ResultsRepository
        from worker.storage.sending import Sending

        limit = self.settings.bandwidth_mib
        sending = Sending(
            connections=self.settings.connections,
            part_size=self.settings.part_size_mib * MIB,
            memory=self.settings.memory_mib * MIB,
            bandwidth=BandwidthLimit(limit * MIB / self.processes) if limit else None,
        )
        return S3ResultsRepository(
            make_client(sending.connections),
            _bucket(self.settings),
            _encryption(self.settings),
            sending,
        )

    @cached_property
    def artifact_store(self) -> "S3ArtifactStore":
        return artifact_store(self.settings)

    @cached_property
    def find_artifacts(self) -> FindArtifacts:
        return FindArtifacts(self.jobs, self.runs, self.upload_list, self.artifact_store)

    @cached_property
    def inspected_store(self) -> "S3InspectedStore":
        from worker.storage.client import make_client
        from worker.storage.inspected_store import S3InspectedStore

        return S3InspectedStore(make_client(AT_ONCE), _bucket(self.settings))

    @cached_property
    def verify_job(self) -> VerifyJob:
        return VerifyJob(
            self.jobs, self.runs, self.upload_list, self.inspected_store, check_archive
        )

    @cached_property
    def doctor(self) -> Doctor:
        return Doctor(_checks(self.settings))

    @cached_property
    def migrate_artifacts(self) -> MigrateArtifacts:
        from worker.storage.client import make_client
        from worker.storage.copying import PARTS_AT_ONCE
        from worker.storage.migration_store import S3MigrationStore

        client = make_client(AT_ONCE * PARTS_AT_ONCE + 1)  # one lists while the others copy
        objects = S3MigrationStore(client, _bucket(self.settings), _encryption(self.settings))
        return MigrateArtifacts(
            jobs=self.jobs,
            runs=self.runs,
            uploads=self.upload_list,
            objects=objects,
            results=SqlMovedResults(self.engine),
            locations=self.result_locations,
        )

    @cached_property
    def inventory(self) -> SqlInventory:
        return SqlInventory(self.engine)

    @cached_property
    def submit_artifact(self) -> SubmitArtifact:
        from worker.storage.upload_locations import S3UploadLocationRepository

        locations = S3UploadLocationRepository(
            self._presigner, _bucket(self.settings), _encryption(self.settings)
        )
        return SubmitArtifact(self.jobs, self.runs, locations)

    @cached_property
    def put_artifact(self) -> PutArtifact:
        from worker.storage.artifact_uploads import S3ArtifactUploads
        from worker.storage.client import make_client

        uploads = S3ArtifactUploads(
            make_client(), _bucket(self.settings), _encryption(self.settings)
        )
        return PutArtifact(self.jobs, self.runs, uploads)

    @cached_property
    def locate_artifacts(self) -> LocateArtifacts:
        from worker.storage.download_locations import S3DownloadLocations

        locations = S3DownloadLocations(self._presigner, _bucket(self.settings))
        return LocateArtifacts(self.jobs, self.runs, self.artifact_store, locations)

    @cached_property
    def fetch_artifacts(self) -> FetchArtifacts:
        from worker.packaging.unzip import Unzip
        from worker.storage.downloads import RANGES_AT_ONCE, S3Downloads

        reader = self._object_reader(connections=OBJECTS_AT_ONCE * RANGES_AT_ONCE)
        return FetchArtifacts(
            self.jobs,
            self.runs,
            self.upload_list,
            self.artifact_store,
            S3Downloads(reader),
            Unzip(),
        )

    @cached_property
    def read_archive(self) -> ReadArchive:
        from worker.packaging.unzip import Unzip

        reader = self._object_reader(connections=1)
        return ReadArchive(self.jobs, self.runs, self.artifact_store, reader, Unzip())

    @cached_property
    def _presigner(self) -> "Presigner":
        from worker.storage.client import make_client_and_credentials
        from worker.storage.presigner import Presigner

        return Presigner(*make_client_and_credentials())

    def _object_reader(self, *, connections: int) -> "S3ObjectReader":
        from worker.storage.client import make_client
        from worker.storage.object_reader import S3ObjectReader

        return S3ObjectReader(make_client(connections), _bucket(self.settings))

    @cached_property
    def archive_job(self) -> ArchiveJob:
        return ArchiveJob(
            jobs=self.jobs,
            runs=self.runs,
            uploads=self.upload_list,
            artifacts=self.artifact_store,
            store=archive_store(self.settings),
            locations=self.result_locations,
            clock=_utc_now,
        )

    def restore_job(self, bucket: str | None = None) -> RestoreJob:
        """Of what lies in that bucket, where it is not the usual one."""
        store = archive_store(self.settings, bucket)
        return RestoreJob(self.jobs, artifact_store(self.settings, bucket), store, _utc_now)

    def delete_job(self, bucket: str | None = None) -> DeleteJob:
        """Of what lies in that bucket, where it is not the usual one."""
        from worker.storage.client import make_client
        from worker.storage.doomed_objects import S3DoomedObjects

        return DeleteJob(
            jobs=self.jobs,
            runs=self.runs,
            uploads=self.upload_list,
            artifacts=artifact_store(self.settings, bucket),
            doomed=S3DoomedObjects(make_client(AT_ONCE), bucket or _bucket(self.settings)),
            deletions=SqlDeletionRepository(self.engine),
            locations=self.result_locations,
        )

    @cached_property
    def result_locations(self) -> SqlResultLocations:
        return SqlResultLocations(self.engine)

    @cached_property
    def lifecycle(self) -> "S3LifecycleRules":
        from worker.storage.client import make_client
        from worker.storage.lifecycle_rules import S3LifecycleRules

        return S3LifecycleRules(make_client(), _bucket(self.settings))

    def migrate(self) -> None:
        """Bring the schema up to date."""
        from worker.database.migrate import migrate

        migrate(self.engine)


def artifact_store(settings: Settings, bucket: str | None = None) -> "S3ArtifactStore":
    from worker.storage.artifact_store import S3ArtifactStore
    from worker.storage.client import make_client

    return S3ArtifactStore(make_client(AT_ONCE), bucket or _bucket(settings))


def archive_store(settings: Settings, bucket: str | None = None) -> "S3ArchiveStore":
    from worker.storage.archive_store import S3ArchiveStore
    from worker.storage.client import make_client
    from worker.storage.copying import PARTS_AT_ONCE

    return S3ArchiveStore(make_client(AT_ONCE * PARTS_AT_ONCE), bucket or _bucket(settings))


def _checks(settings: Settings) -> list[Check]:
    from worker.broker.checkup import broker_checks
    from worker.packaging.checkup import packing_checks

    return [
        *settings_checks(settings, has_zstandard=_has_zstandard()),
        *_checks_of("database", lambda: _database_checkup(settings)),
        *broker_checks(_known_broker(settings)),
        *(_checks_of("S3", lambda: _s3_checkup(settings)) if settings.s3_bucket else []),
        *packing_checks(settings.results_roots),
    ]


def _checks_of(area: str, make: Callable[[], "DatabaseCheckup | S3Checkup"]) -> list[Check]:
    """Those of an adapter, or the one that tells why it can't be made."""
    try:
        return make().checks()
    except OneprefixError as error:
        found = broken(str(error), "correct the settings")
        return [Check(area, "reachable", lambda: found, "")]


def _database_checkup(settings: Settings) -> "DatabaseCheckup":
    from worker.database.checkup import DatabaseCheckup

    return DatabaseCheckup(make_engine(database_url(settings)))


def _s3_checkup(settings: Settings) -> "S3Checkup":
    from worker.storage.checkup import S3Checkup
    from worker.storage.client import make_client

    return S3Checkup(make_client(quick=True), _bucket(settings))


def _known_broker(settings: Settings) -> str | None:
    try:
        return broker_url(settings)
    except InvalidSettings:
        return None


def database_url(settings: Settings) -> str:
    """The configured database's URL, or SQLite in the data directory."""
    if settings.database_url:
        return settings.database_url.get_secret_value()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return f"sqlite:///{settings.data_dir / 'oneprefix.db'}"


def broker_url(settings: Settings) -> str:
    """The configured broker's URL, or the embedded one's once that has been started."""
    if settings.broker_url:
        return settings.broker_url.get_secret_value()
    from worker.embedded.broker import known_url

    url = known_url(broker_directory(settings))
    if url is None:
        raise InvalidSettings("there is no broker: set ONEPREFIX_BROKER_URL, or run `oneprefix up`")
    return url


def embedded_broker(settings: Settings) -> "EmbeddedBroker":
    from worker.embedded.broker import EmbeddedBroker

    return EmbeddedBroker(broker_directory(settings))


def broker_directory(settings: Settings) -> Path:
    return settings.data_dir / "broker"


def require_worker_settings(settings: Settings) -> None:
    """InvalidSettings or StorageRefused unless a worker can work with them; connects to nothing.

    What is forked afterwards has all that an upload takes imported already, which a child would
    need a third of a second for.
    """
    _bucket(settings)
    if settings.compression == "zstd" and not _has_zstandard():
        raise InvalidSettings("ONEPREFIX_COMPRESSION=zstd needs `pip install 'oneprefix[zstd]'`")
    if not settings.results_roots:
        raise InvalidSettings(
            "ONEPREFIX_RESULTS_ROOTS is not set: no directory that results may be read from"
        )
    _ = Services(settings).upload_results


def _has_zstandard() -> bool:
    return sys.version_info >= (3, 14) or (
        find_spec("backports") is not None and find_spec("backports.zstd") is not None
    )


def _bucket(settings: Settings) -> str:
    if not settings.s3_bucket:
        raise InvalidSettings("ONEPREFIX_S3_BUCKET is not set: no bucket to land in")
    return settings.s3_bucket


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _encryption(settings: Settings) -> dict[str, str]:
    asked = {
        "ServerSideEncryption": settings.server_side_encryption,
        "SSEKMSKeyId": settings.kms_key_id,
    }
    return {name: value for name, value in asked.items() if value}
