"""Reach the database, for no longer than the caller can wait."""

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from oneprefix.errors import DatabaseRefused, DatabaseUnavailable, InvalidSettings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import Session

T = TypeVar("T")

#: Seconds until a server that does not answer is no longer waited for, by a thread left behind.
CONNECT_TIMEOUT = 5
#: Seconds until a connection is given up whose other end acknowledges nothing.
ACKNOWLEDGED_WITHIN = 10
#: By driver. Statements that one transaction prepares meet others of PgBouncer's in the next.
_LIBPQ = {
    "connect_timeout": CONNECT_TIMEOUT,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": ACKNOWLEDGED_WITHIN * 1000,
}
_CONNECT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "psycopg": _LIBPQ | {"prepare_threshold": None},
    "psycopg2": _LIBPQ,
}


def engine_of(database: "str | Engine | None") -> "Engine":
    """The engine given, or one for the URL given, or one for `ONEPREFIX_DATABASE_URL`."""
    if database is None:
        database = os.environ.get("ONEPREFIX_DATABASE_URL") or None
    if database is None:
        raise InvalidSettings("ONEPREFIX_DATABASE_URL is not set: no database to ask")
    # by process: connections must not cross a fork
    return _engine(database, os.getpid()) if isinstance(database, str) else database


@lru_cache(maxsize=8)
def _engine(url: str, _pid: int) -> "Engine":
    from sqlalchemy import create_engine, event
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidSettings("ONEPREFIX_DATABASE_URL is not a database URL") from None
    name = parsed.get_backend_name()
    if name == "sqlite":
        return create_engine(
            parsed, hide_parameters=True, connect_args={"timeout": CONNECT_TIMEOUT}
        )
    if name not in ("postgresql", "postgres"):
        raise InvalidSettings(
            f"ONEPREFIX_DATABASE_URL names {name!r}; use postgresql:// or sqlite:///"
        )
    if "@" in (parsed.host or ""):  # a part of the password, which errors would tell
        raise InvalidSettings("ONEPREFIX_DATABASE_URL: write @ in a password as %40")
    driver = parsed.drivername.partition("+")[2] or _driver()
    try:
        engine = create_engine(
            parsed.set(drivername=f"postgresql+{driver}"),
            future=True,  # as SQLAlchemy 1.4 calls the ways of 2.0
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args=_CONNECT_ARGUMENTS.get(driver, {}),
        )
    except (ArgumentError, ImportError):
        raise InvalidSettings(
            f"ONEPREFIX_DATABASE_URL names the driver {driver!r}, which is not installed, or which"
            " this SQLAlchemy does not know (1.4 does not know psycopg)"
        ) from None
    if getattr(engine.dialect, "is_async", False):
        raise InvalidSettings(f"ONEPREFIX_DATABASE_URL: the driver {driver!r} is asynchronous")
    if command := os.environ.get("ONEPREFIX_DATABASE_PASSWORD_COMMAND"):

        @event.listens_for(engine, "do_connect")
        def ask(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
            parameters["password"] = _printed_by(command)

    return engine


def _driver() -> str:
    for driver in ("psycopg", "psycopg2"):
        # SQLAlchemy 1.4 knows only the latter
        if find_spec(driver) and find_spec(f"sqlalchemy.dialects.postgresql.{driver}"):
            return driver
    raise InvalidSettings(
        "no driver of PostgreSQL is installed: pip install 'psycopg[binary]', or psycopg2-binary"
        " for SQLAlchemy 1.4"
    )


def _printed_by(command: str) -> str:
    """The password that the command prints, as those of RDS's IAM, which expire."""
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603  the operator's own setting
            shlex.split(command), capture_output=True, text=True, check=True, timeout=30
        )
    except (ValueError, subprocess.SubprocessError) as error:
        # not what it printed, which may hold the password
        status = getattr(error, "returncode", None)
        told = type(error).__name__ if status is None else f"exit status {status}"
        raise DatabaseUnavailable(f"ONEPREFIX_DATABASE_PASSWORD_COMMAND: {told}") from None
    return done.stdout.strip()


def in_transaction(
    database: "str | Engine | None", work: "Callable[[Connection], T]", *, timeout: float
) -> T:
    """Do the work in a transaction of its own, and return its answer.

    Raises DatabaseUnavailable after `timeout` seconds; the work may be done nevertheless.
    """
    engine = engine_of(database)

    def attempt() -> T:
        with translated_errors(), engine.begin() as connection:
            return work(connection)

    if engine.dialect.name == "sqlite":  # in the caller's thread, as a database in memory wants it
        return attempt()
    too_late = DatabaseUnavailable(f"no answer within {timeout:g} s")
    try:
        return within(timeout, attempt, too_late)
    except DatabaseUnavailable as error:
        if error is too_late and engine is not database:
            engine.dispose()  # its other connections may be as silent
        raise


def within(timeout: float, attempt: "Callable[[], T]", too_late: Exception) -> T:
    """What the attempt returns or raises; `too_late` is raised after so many seconds."""
    answers: SimpleQueue[tuple[bool, Any]] = SimpleQueue()

    def run() -> None:
        try:
            answers.put((True, attempt()))
        except BaseException as error:  # noqa: BLE001  the caller's thread raises it
            answers.put((False, error))

    Thread(target=run, name="oneprefix", daemon=True).start()
    try:
        is_done, answer = answers.get(timeout=max(timeout, 0.001))
    except Empty:
        raise too_late from None
    if is_done:
        return answer  # type: ignore[no-any-return]
    raise answer


def connection_of(session: "Session | Connection") -> "Connection":
    """The connection whose transaction the request is to join."""
    from sqlalchemy.engine import Connection

    return session if isinstance(session, Connection) else session.connection()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise DatabaseUnavailable or DatabaseRefused, in one line, for what fails in the block."""
    from sqlalchemy import exc

    try:
        yield
    except exc.DBAPIError as error:
        line = (str(error.orig).splitlines() or [type(error.orig).__name__])[0]
        passing = exc.OperationalError, exc.InterfaceError, exc.InternalError
        is_passing = error.connection_invalidated or isinstance(error, passing)
        if is_passing and not line.startswith("no such"):  # as SQLite says of a missing table
            raise DatabaseUnavailable(f"the database is unavailable: {line}") from error
        raise DatabaseRefused(f"the database refused: {line}") from error
    except (exc.TimeoutError, OSError) as error:
        raise DatabaseUnavailable(f"the database is unavailable: {error}") from error
    except exc.SQLAlchemyError as error:
        raise DatabaseRefused(f"the database refused: {type(error).__name__}") from error
