"""Where the database, the broker and the bucket are: as set, or by default."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, urlsplit

from worker.errors import InvalidSettings
from worker.file_errors import translated_file_errors
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.embedded.broker import EmbeddedBroker

#: Schemes of brokers' URLs. The one in memory is for tests within one process.
BROKERS = ("redis", "rediss", "redis+socket", "amqp", "amqps", "pyamqp", "memory")


def database_url(settings: Settings) -> str:
    """Return the database's URL, by default SQLite in the data directory, which is created."""
    if settings.database_url:
        return settings.database_url.get_secret_value()
    with translated_file_errors(f"ONEPREFIX_DATA_DIR: creating {settings.data_dir}"):
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _keep_private(settings.data_dir)
    return f"sqlite:///{settings.data_dir / 'oneprefix.db'}"


def _keep_private(data_dir: Path) -> None:
    """Let nobody else read the directory and SQLite's files, if they are this user's."""
    for path, mode in ((data_dir, 0o700), *((each, 0o600) for each in data_dir.glob("*.db*"))):
        with suppress(PermissionError, FileNotFoundError):  # another's; or gone, as SQLite does it
            if path.stat().st_mode & 0o077:
                path.chmod(mode)


def broker_url(settings: Settings) -> str:
    """Return the broker's URL, by default the embedded one's.

    InvalidSettings before that one's start, and for brokers that workers do not work with.
    """
    if settings.broker_url:
        chosen = settings.broker_url.get_secret_value()
        _require_known_broker(urlsplit(chosen))
        return chosen
    from worker.embedded.broker import known_url

    url = known_url(broker_directory(settings))
    if url is None:
        raise InvalidSettings("there is no broker: set ONEPREFIX_BROKER_URL, or run `oneprefix up`")
    return url


def _require_known_broker(url: SplitResult) -> None:
    if url.scheme not in BROKERS:
        raise InvalidSettings(
            f"ONEPREFIX_BROKER_URL names {url.scheme!r}; use redis:// or amqp://, also with TLS as"
            " rediss:// and amqps://"
        )
    if {"username", "password"} & parse_qs(url.query).keys():
        raise InvalidSettings(
            "ONEPREFIX_BROKER_URL: write user and password before the host: redis://:password@host"
        )


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
