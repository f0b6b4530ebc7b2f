"""Brings the database's schema up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from worker.database.error_translation import translated

_MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(engine: Engine, revision: str = "head") -> None:
    """Run the missing migrations; does nothing where there are none."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with translated(), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
