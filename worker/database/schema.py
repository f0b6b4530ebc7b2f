"""Brings the database's schema up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from worker.database.engine import transaction

#: Any number that nobody else takes an advisory lock on: "oneprefix" in ASCII, cut to 64 bits.
_LOCK = int.from_bytes(b"oneprefi")
_MIGRATIONS = Path(__file__).with_name("migrations")
#: Its own name, since the orchestrator's schema may be under Alembic too.
VERSION_TABLE = "oneprefix_version"


def upgrade_schema(engine: Engine, revision: str = "head") -> None:
    """Run the missing migrations; does nothing where there are none."""
    config = _config()
    with transaction(engine) as connection:
        if connection.dialect.name == "postgresql":
            # Several hosts may start at once; SQLite's transaction is exclusive anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def applied(connection: Connection) -> str | None:
    """The version of the schema; None where there is none of ours."""
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def known() -> list[str]:
    """The versions that there are, newest first."""
    return [each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
