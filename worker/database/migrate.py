"""Brings the database's schema up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from worker.database.error_translation import translated

#: Any number that nobody else takes an advisory lock on: "oneprefix" in ASCII, cut to 64 bits.
_LOCK = int.from_bytes(b"oneprefi")
_MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(engine: Engine, revision: str = "head") -> None:
    """Run the missing migrations; does nothing where there are none."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with translated(), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Several hosts may start at once; SQLite's transaction is exclusive anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
