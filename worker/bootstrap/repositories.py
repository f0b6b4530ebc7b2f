"""The repositories of the database that the settings name."""

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Engine

from worker.bootstrap.urls import database_url
from worker.database.deletions import SqlDeletionRepository
from worker.database.engine import make_engine
from worker.database.inventory import SqlInventory
from worker.database.jobs import SqlJobRepository, SqlRunRepository
from worker.database.result_locations import SqlResultLocations
from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.multipart_ids import SqlMultipartIds
from worker.database.uploads.outbox import SqlOutbox
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.settings import Settings


@dataclass(frozen=True)
class Repositories:
    """Each is created on first use; none connects before it is called."""

    settings: Settings

    @cached_property
    def engine(self) -> Engine:
        return make_engine(database_url(self.settings))

    @cached_property
    def jobs(self) -> SqlJobRepository:
        return SqlJobRepository(self.engine)

    @cached_property
    def runs(self) -> SqlRunRepository:
        return SqlRunRepository(self.engine)

    @cached_property
    def requests(self) -> SqlRequestRepository:
        return SqlRequestRepository(self.engine)

    @cached_property
    def uploads(self) -> SqlUploadRepository:
        return SqlUploadRepository(self.engine)

    @cached_property
    def upload_list(self) -> SqlUploadList:
        return SqlUploadList(self.engine)

    @cached_property
    def multipart_ids(self) -> SqlMultipartIds:
        return SqlMultipartIds(self.engine)

    @cached_property
    def outbox(self) -> SqlOutbox:
        return SqlOutbox(
            self.engine,
            grace=self.settings.publish_grace_seconds,
            republish=self.settings.republish_seconds,
        )

    @cached_property
    def result_locations(self) -> SqlResultLocations:
        return SqlResultLocations(self.engine)

    @cached_property
    def deletions(self) -> SqlDeletionRepository:
        return SqlDeletionRepository(self.engine)

    @cached_property
    def inventory(self) -> SqlInventory:
        return SqlInventory(self.engine)

    def upgrade_schema(self) -> None:
        """Create or upgrade our tables, and `jobs` and `runs` where they don't exist."""
        from worker.database.schema import upgrade_schema

        upgrade_schema(self.engine)
