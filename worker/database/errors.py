"""Turn SQL's errors into ours: one line without statement, parameters or secrets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from worker.errors import DatabaseRefused, DatabaseUnavailable

#: SQLite reports these as operational errors, though waiting does not cure them.
_SQLITE_SCHEMA = ("no such table", "no such column")
#: PostgreSQL's codes for a missing table or column, and for a statement that a pooler lost.
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_SCHEMA, _LOST_STATEMENT = ("42P01", "42703"), ("26000", "42P05")
_OPTIONS = re.compile(r'(invalid (?:connection option|\w+ value:|port number:)) "[^"]*"')


@contextmanager
def translated_sql_errors() -> Iterator[None]:
    """Raise DatabaseUnavailable or DatabaseRefused for what SQLAlchemy raises in the block."""
    try:
        yield
    except DBAPIError as error:
        if _is_schema(error):
            raise DatabaseRefused(
                f"the database lacks what we need, run `oneprefix db upgrade`: {_line(error)}"
            ) from error
        if _is_passing(error):
            raise DatabaseUnavailable(f"the database is unavailable: {_line(error)}") from error
        raise DatabaseRefused(f"the database refused: {_line(error)}") from error
    except PoolTimeout as error:
        raise DatabaseUnavailable("no database connection became free in time") from error
    except SQLAlchemyError as error:
        raise DatabaseRefused(f"the database refused: {type(error).__name__}") from error
    except OverflowError as error:  # SQLite's driver, for a number that no column holds
        raise DatabaseRefused(f"the database refused: {error}") from error


def _is_schema(error: DBAPIError) -> bool:
    return _sqlstate(error) in _SCHEMA or any(
        message in str(error.orig) for message in _SQLITE_SCHEMA
    )


def _is_passing(error: DBAPIError) -> bool:
    return (
        error.connection_invalidated
        or _sqlstate(error) in _LOST_STATEMENT
        or isinstance(error, OperationalError | InterfaceError | InternalError)
    )


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _line(error: DBAPIError) -> str:
    """The driver's first line; the next ones quote the statement.

    Values from the URL, which libpq quotes, may be parts of a password.
    """
    line = (str(error.orig).splitlines() or [type(error.orig).__name__])[0]
    return _OPTIONS.sub(r'\1 "***"', line)
