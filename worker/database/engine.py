"""Make SQL engines for PostgreSQL and SQLite, and run transactions on them."""

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVarTuple

from sqlalchemy import Connection, Engine, Row, Table, Update, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.selectable import TypedReturnsRows

from worker.database.errors import translated_sql_errors
from worker.errors import DatabaseUnavailable, InvalidSettings

Columns = TypeVarTuple("Columns")

#: Seconds until a database that does not answer counts as unavailable.
CONNECT_TIMEOUT = 5
#: Seconds that a writer waits for SQLite's one write lock.
BUSY_TIMEOUT = 15
#: Seconds that a command may take to print a password.
PASSWORD_TIMEOUT = 30


def make_engine(url: str, *, password_command: str | None = None) -> Engine:
    """An engine that connects on first use; InvalidSettings for any other kind of URL.

    `password_command` prints PostgreSQL's password; it is run for each new connection.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        # the URL itself may hold a password, so it is not quoted
        raise InvalidSettings("ONEPREFIX_DATABASE_URL is not a database URL") from error
    match parsed.get_backend_name():
        case "postgresql" | "postgres":  # the latter as libpq and many platforms have it
            engine = _postgresql(parsed.set(drivername="postgresql+psycopg"))
            if password_command:
                _ask_for_passwords(engine, password_command)
            return engine
        case "sqlite":
            return _sqlite(parsed)
        case other:
            raise InvalidSettings(
                f"ONEPREFIX_DATABASE_URL names {other!r}; use postgresql:// or sqlite:///"
            )


@dataclass(frozen=True, slots=True)
class SqlRepository:
    """Reads and writes tables. Raises DatabaseUnavailable or DatabaseRefused."""

    engine: Engine

    def _rows(self, query: TypedReturnsRows[*Columns]) -> Sequence[Row[*Columns]]:
        """Execute the statement in a transaction of its own; returns all its rows."""
        with transaction(self.engine) as connection:
            return connection.execute(query).all()

    def _changed(self, statement: Update) -> int:
        """Execute the statement in a transaction of its own; returns how many rows it changed."""
        with transaction(self.engine) as connection:
            return connection.execute(statement).rowcount

    def _insert_into(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that may have an ON CONFLICT clause."""
        is_sqlite = self.engine.dialect.name == "sqlite"
        return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Run the block in one transaction. Raises DatabaseUnavailable or DatabaseRefused."""
    with translated_sql_errors(), engine.begin() as connection:
        yield connection


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
            # a pooler may give each transaction another server, which has prepared nothing
            "prepare_threshold": None,
        },
    )

    @event.listens_for(engine, "connect")
    def use_utc(connection: Any, _record: Any) -> None:
        # a `timestamp` column keeps now() in the session's zone
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()

    return engine


def _ask_for_passwords(engine: Engine, command: str) -> None:
    """Have each new connection use a password of its own, as those of RDS's IAM, which expire."""

    @event.listens_for(engine, "do_connect")
    def ask(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        try:
            done = subprocess.run(  # noqa: S603  the operator's own setting
                shlex.split(command),
                capture_output=True,
                text=True,
                check=True,
                timeout=PASSWORD_TIMEOUT,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            told = getattr(error, "stderr", None) or error
            raise DatabaseUnavailable(
                f"ONEPREFIX_DATABASE_PASSWORD_COMMAND: {str(told).strip()[-300:]}"
            ) from error
        parameters["password"] = done.stdout.strip()


def _sqlite(url: URL) -> Engine:
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT}}
    if url.database in (None, "", ":memory:"):
        # each connection would have a database of its own: threads take turns with one
        options = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
        options["connect_args"] = {"check_same_thread": False}
    engine = create_engine(url, hide_parameters=True, **options)

    @event.listens_for(engine, "connect")
    def make_durable(connection: Any, _record: Any) -> None:
        # a path of any bytes must be readable, so that it can be refused
        connection.text_factory = lambda text: text.decode(errors="surrogateescape")
        connection.isolation_level = None  # the driver would BEGIN too late, see below
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a committed row survives a power failure

    @event.listens_for(engine, "begin")
    def begin_immediate(connection: Connection) -> None:
        # one that reads first and writes later would fail if another wrote in between
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
