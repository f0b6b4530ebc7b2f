"""Where the database, the broker and the bucket are: as set, or by default."""

from pathlib import Path
from typing import TYPE_CHECKING

from worker.errors import InvalidSettings
from worker.file_errors import translated_file_errors
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.embedded.broker import EmbeddedBroker


def database_url(settings: Settings) -> str:
    """Return the database's URL, by default SQLite in the data directory, which is created."""
    if settings.database_url:
        return settings.database_url.get_secret_value()
    with translated_file_errors(f"ONEPREFIX_DATA_DIR: creating {settings.data_dir}"):
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return f"sqlite:///{settings.data_dir / 'oneprefix.db'}"


def broker_url(settings: Settings) -> str:
    """Return the broker's URL, by default the embedded one's; InvalidSettings before its start."""
    if settings.broker_url:
        return settings.broker_url.get_secret_value()
    from worker.embedded.broker import known_url

    url = known_url(broker_directory(settings))
    if url is None:
        raise InvalidSettings("there is no broker: set ONEPREFIX_BROKER_URL, or run `oneprefix up`")
    return url


def result_backend(settings: Settings) -> str | None:
    """Return the URL of Celery's result backend, or None if results are not stored."""
    url = settings.result_backend
    return url.get_secret_value() if url else None


def embedded_broker(settings: Settings) -> "EmbeddedBroker":
    from worker.embedded.broker import EmbeddedBroker

    return EmbeddedBroker(broker_directory(settings))


def broker_directory(settings: Settings) -> Path:
    return settings.data_dir / "broker"


def bucket_name(settings: Settings) -> str:
    """Return the bucket's name, or raise InvalidSettings."""
    if not settings.s3_bucket:
        raise InvalidSettings("ONEPREFIX_S3_BUCKET is not set: no bucket to upload to")
    return settings.s3_bucket
