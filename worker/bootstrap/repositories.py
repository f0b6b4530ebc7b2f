"""The repositories of the database that the settings name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from sqlalchemy import Engine

from worker.bootstrap.urls import database_url
from worker.database.deletions import SqlDeletionRepository
from worker.database.engine import make_engine
from worker.database.installation import SqlInstallation
from worker.database.inventory import SqlInventory
from worker.database.jobs import SqlJobRepository, SqlRunRepository
from worker.database.orders import SqlOrders
from worker.database.result_locations import SqlResultLocations
from worker.database.snapshot import SqlSnapshot
from worker.database.totals import SqlTotals
from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.cancellations import SqlCancellations
from worker.database.uploads.follow_ups import SqlFollowUps
from worker.database.uploads.multipart_ids import SqlMultipartIds
from worker.database.uploads.outbox import SqlOutbox
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.database.uploads.upload_pages import SqlUploadPages
from worker.settings import Settings

R = TypeVar("R")


def _of_engine(make: Callable[[Engine], R]) -> "cached_property[R]":
    return cached_property(lambda repositories: make(repositories.engine))


@dataclass(frozen=True)
class Repositories:
    """Each is created on first use; none connects before it is called."""

    settings: Settings

    @cached_property
    def engine(self) -> Engine:
        command = self.settings.database_password_command
        return make_engine(
            database_url(self.settings),
            password_command=command.get_secret_value() if command else None,
        )

    jobs = _of_engine(SqlJobRepository)
    runs = _of_engine(SqlRunRepository)
    requests = _of_engine(SqlRequestRepository)
    upload_list = _of_engine(SqlUploadList)
    upload_pages = _of_engine(SqlUploadPages)
    multipart_ids = _of_engine(SqlMultipartIds)
    result_locations = _of_engine(SqlResultLocations)
    cancellations = _of_engine(SqlCancellations)
    deletions = _of_engine(SqlDeletionRepository)
    inventory = _of_engine(SqlInventory)
    installation = _of_engine(SqlInstallation)
    snapshot = _of_engine(SqlSnapshot)
    totals = _of_engine(SqlTotals)

    @cached_property
    def uploads(self) -> SqlUploadRepository:
        return SqlUploadRepository(self.engine, self.settings.kept_statuses)

    @cached_property
    def outbox(self) -> SqlOutbox:
        return SqlOutbox(
            self.engine,
            grace=self.settings.publish_grace_seconds,
            republish=self.settings.republish_seconds,
        )

    @cached_property
    def follow_ups(self) -> SqlFollowUps:
        return SqlFollowUps(
            self.engine,
            grace=self.settings.publish_grace_seconds,
            republish=self.settings.republish_seconds,
        )

    @cached_property
    def orders(self) -> SqlOrders:
        return SqlOrders(self.engine, republish=self.settings.republish_seconds)

    def upgrade_schema(self) -> None:
        """Create or upgrade our tables, and `jobs` and `runs` where they don't exist."""
        from worker.database.schema import upgrade_schema

        upgrade_schema(self.engine)
