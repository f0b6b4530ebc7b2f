"""Tell which installation the database belongs to."""

from sqlalchemy import select

from worker.database.engine import SqlRepository
from worker.database.tables import installation


class SqlInstallation(SqlRepository):
    def id(self) -> str:
        """The id that the database was given when its tables were made; a copy has it too."""
        [(found,)] = self._rows(select(installation.c.id))
        return found
