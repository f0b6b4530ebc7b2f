"""Make SQL engines for PostgreSQL and SQLite, and run transactions on them."""

import select
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, TypeVar, TypeVarTuple

import psycopg
from sqlalchemy import Connection, Engine, Row, Table, Update, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.selectable import TypedReturnsRows

from worker.database.errors import translated_sql_errors
from worker.errors import DatabaseUnavailable, InvalidSettings

T = TypeVar("T")
Columns = TypeVarTuple("Columns")

#: Seconds until a database that does not answer counts as unavailable: a connection, a statement.
CONNECT_TIMEOUT, ANSWER_TIMEOUT = 5, 10
#: Seconds after its last use in which a connection is used again without a trial.
FRESH = 1.0
#: Values in one statement's IN.
BATCH = 500
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
            return _postgresql(parsed.set(drivername="postgresql+psycopg"), password_command)
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
        with single_statement(self.engine) as connection:
            return connection.execute(query).all()

    def _changed(self, statement: Update) -> int:
        """Execute the statement in a transaction of its own; returns how many rows it changed."""
        with single_statement(self.engine) as connection:
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


@contextmanager
def single_statement(engine: Engine) -> Iterator[Connection]:
    """Run the block's one statement in a transaction of its own, as `transaction` does.

    PostgreSQL makes one of each statement anyway, without the round trips of BEGIN and COMMIT.
    """
    if engine.dialect.name == "sqlite":  # which must take its lock before it reads
        with transaction(engine) as connection:
            yield connection
        return
    with translated_sql_errors(), engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def batched(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many values at a time as any database takes in one statement."""
    for first in range(0, len(values), BATCH):
        yield values[first : first + BATCH]


def unlimited(connection: Connection) -> None:
    """Let statements of this connection take their time; it is closed afterwards, not kept."""
    connection.detach()
    driver = connection.connection.dbapi_connection
    if isinstance(driver, _Connection):
        driver.answer_timeout = None


class _Connection(psycopg.Connection[Any]):
    """Closes itself once a statement has not been answered in time.

    The kernel notices a peer that acknowledges nothing. Nothing but a clock notices one that
    acknowledges and never answers: a pooler that hangs, a server that failed over behind its name.
    """

    answer_timeout: float | None = ANSWER_TIMEOUT

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        began = monotonic()
        limit = self.answer_timeout
        try:
            return super().wait(gen, *arguments, **{"timeout": limit} | options)
        except psycopg.OperationalError as error:
            if limit is None or monotonic() - began < limit or self.closed:
                raise
            self.close()  # or the answer would come to another statement
            raise psycopg.OperationalError(f"no answer within {limit:g} s") from error


def _postgresql(url: URL, password_command: str | None) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT,
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": ANSWER_TIMEOUT * 1000,
            # a pooler may give each transaction another server, which has prepared nothing
            "prepare_threshold": None,
        },
    )

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]
    ) -> _Connection:
        if password_command:
            parameters["password"] = _password(password_command)
        return _Connection.connect(*arguments, **parameters)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # a `timestamp` column keeps now() in the session's zone; a server that hears no more of us
        # must not hold our rows locked
        connection.execute(
            "SET TIME ZONE 'UTC'; SET idle_in_transaction_session_timeout = '30s';"
            " SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5;"
            " SET tcp_keepalives_count = 2"
        )
        connection.commit()

    _ping_after_a_rest(engine)
    return engine


def _ping_after_a_rest(engine: Engine) -> None:
    """Try a pooled connection before it is used again, unless it has just been used.

    SQLAlchemy's `pool_pre_ping` tries before every transaction: that is six round trips for a small
    upload. What the server has said meanwhile, as that it ends, is heard without one.
    """

    @event.listens_for(engine, "checkin")
    def rest(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: Any, _proxy: Any) -> None:
        rested = monotonic() - record.info.get("rests_since", inf)
        if rested < FRESH and not connection.closed and not _is_readable(connection.fileno()):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # the others are as old


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _password(command: str) -> str:
    """The password that the command prints, as those of RDS's IAM, which expire."""
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
    return done.stdout.strip()


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
