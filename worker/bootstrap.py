"""Makes the adapters and wires them to the use cases; nothing else constructs them.

What is slow to import (boto3, Alembic, redis-py) is imported when it is made: a command that shows
the status does not wait for S3's client.
"""

import os
import socket
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from worker.database.doorbells import SqlDoorbells
from worker.database.engine import make_engine
from worker.database.job_repository import SqlJobRepository
from worker.database.request_repository import SqlRequestRepository
from worker.database.run_repository import SqlRunRepository
from worker.database.upload_list import SqlUploadList
from worker.database.upload_repository import SqlUploadRepository
from worker.errors import InvalidSettings
from worker.models.retry_policy import RetryPolicy
from worker.packaging.package import TreePackager
from worker.settings import Settings
from worker.use_cases.upload_results import UploadResults

if TYPE_CHECKING:
    from worker.embedded.broker import EmbeddedBroker
    from worker.storage.artifact_store import S3ArtifactStore


@dataclass(frozen=True)
class Services:
    """Everything that these settings describe, each made when first asked for.

    Engines and clients must not cross a fork: a process makes its own `Services`.
    """

    settings: Settings

    @cached_property
    def engine(self) -> Engine:
        return make_engine(database_url(self.settings))

    @cached_property
    def requests(self) -> SqlRequestRepository:
        return SqlRequestRepository(self.engine)

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
        from worker.storage.client import make_client
        from worker.storage.results_repository import S3ResultsRepository

        require_worker_settings(self.settings)
        return UploadResults(
            requests=self.requests,
            uploads=SqlUploadRepository(self.engine),
            jobs=SqlJobRepository(self.engine),
            runs=SqlRunRepository(self.engine),
            packager=TreePackager(self.settings.results_roots, self.settings.run_directory_pattern),
            results=S3ResultsRepository(
                make_client(), _bucket(self.settings), _encryption(self.settings)
            ),
            retry_policy=RetryPolicy(
                max_attempts=self.settings.max_attempts,
                missing_path_attempts=self.settings.missing_path_attempts,
                base=self.settings.backoff_seconds,
                cap=self.settings.backoff_cap_seconds,
            ),
            random=SystemRandom(),
            owner=f"{socket.gethostname()}:{os.getpid()}",
            lease=self.settings.lease_seconds,
        )

    def migrate(self) -> None:
        """Bring the schema up to date."""
        from worker.database.migrate import migrate

        migrate(self.engine)


def artifact_store(settings: Settings) -> "S3ArtifactStore":
    from worker.storage.artifact_store import S3ArtifactStore
    from worker.storage.client import make_client

    return S3ArtifactStore(make_client(), _bucket(settings))


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
    """InvalidSettings or StorageRefused unless a worker can work with them; connects to nothing."""
    from worker.storage.client import make_client

    _bucket(settings)
    if not settings.results_roots:
        raise InvalidSettings(
            "ONEPREFIX_RESULTS_ROOTS is not set: no directory that results may be read from"
        )
    make_client().close()


def _bucket(settings: Settings) -> str:
    if not settings.s3_bucket:
        raise InvalidSettings("ONEPREFIX_S3_BUCKET is not set: no bucket to land in")
    return settings.s3_bucket


def _encryption(settings: Settings) -> dict[str, Any]:
    asked = {
        "ServerSideEncryption": settings.server_side_encryption,
        "SSEKMSKeyId": settings.kms_key_id,
    }
    return {name: value for name, value in asked.items() if value}
