"""Bring the database's schema up to date, and tell its version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from worker.database.engine import transaction, unlimited

#: The advisory lock's number: "oneprefix" in ASCII, cut to 64 bits. Nobody else takes it.
_LOCK = int.from_bytes(b"oneprefi")
_MIGRATIONS = Path(__file__).with_name("migrations")
#: Not Alembic's default, which the orchestrator's own migrations may use.
VERSION_TABLE = "oneprefix_version"


def upgrade_schema(engine: Engine, revision: str = "head") -> None:
    """Run the missing migrations up to `revision`, one process at a time."""
    config = _config()
    with transaction(engine) as connection:
        if connection.dialect.name == "postgresql":
            unlimited(connection)
            # several hosts may start at once; SQLite's transaction is exclusive anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def applied_version(connection: Connection) -> str | None:
    """The schema's version; None where `upgrade_schema` has never run."""
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def known_versions() -> list[str]:
    """The versions of this release, newest first."""
    return [each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
