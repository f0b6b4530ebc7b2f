"""The SQL engine for a URL, with what each of the two databases needs to be dependable."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from worker.database.errors import translated_sql_errors
from worker.errors import InvalidSettings

#: Seconds until a database that does not answer counts as unavailable.
CONNECT_TIMEOUT = 5
#: Seconds that a writer waits for SQLite's one write lock.
BUSY_TIMEOUT = 15


def make_engine(url: str) -> Engine:
    """An engine that connects on first use, or InvalidSettings."""
    parsed = _parsed(url)
    match parsed.get_backend_name():
        case "postgresql":
            return _postgresql(parsed.set(drivername="postgresql+psycopg"))
        case "sqlite":
            return _sqlite(parsed)
        case other:
            raise InvalidSettings(
                f"ONEPREFIX_DATABASE_URL names {other!r}; use postgresql:// or sqlite:///"
            )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction of its own; DatabaseUnavailable or DatabaseRefused from SQL."""
    with translated_sql_errors(), engine.begin() as connection:
        yield connection


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        # The URL itself may hold a password
        raise InvalidSettings("ONEPREFIX_DATABASE_URL is not a database URL") from error


def _postgresql(url: URL) -> Engine:
    engine = create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            # a pooler may give each transaction another server, which knows no earlier statement
            "prepare_threshold": None,
        },
    )

    @event.listens_for(engine, "connect")
    def in_utc(connection: Any, _record: Any) -> None:
        # now() put into a `timestamp` column is the session's local time
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()

    return engine


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT})

    @event.listens_for(engine, "connect")
    def durable(connection: Any, _record: Any) -> None:
        # A path in any bytes must be read before it can be refused
        connection.text_factory = lambda text: text.decode(errors="surrogateescape")
        connection.isolation_level = None  # the driver's own BEGIN comes too late, see below
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a committed row survives a power cut

    @event.listens_for(engine, "begin")
    def immediate(connection: Connection) -> None:
        # A transaction that reads first and writes then fails at once when another wrote between
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
