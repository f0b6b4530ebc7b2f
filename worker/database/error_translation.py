"""SQL's errors become ours, as one line without statement, parameters or secrets."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from worker.errors import DatabaseRefused, DatabaseUnavailable

#: What SQLite calls operational, though waiting does not cure it.
_SCHEMA_MESSAGES = ("no such table", "no such column")


@contextmanager
def translated() -> Iterator[None]:
    """DatabaseUnavailable or DatabaseRefused for whatever SQLAlchemy raises in the block."""
    try:
        yield
    except DBAPIError as error:
        if _is_schema(error):
            raise DatabaseRefused(
                f"the database lacks what we need, run `oneprefix db upgrade`: {_line(error)}"
            ) from error
        if error.connection_invalidated or isinstance(
            error, OperationalError | InterfaceError | InternalError
        ):
            raise DatabaseUnavailable(f"the database is unavailable: {_line(error)}") from error
        raise DatabaseRefused(f"the database refused: {_line(error)}") from error
    except PoolTimeout as error:
        raise DatabaseUnavailable("no database connection became free in time") from error
    except SQLAlchemyError as error:
        raise DatabaseRefused(f"the database refused: {type(error).__name__}") from error


def _is_schema(error: DBAPIError) -> bool:
    return isinstance(error, ProgrammingError) or any(
        message in str(error.orig) for message in _SCHEMA_MESSAGES
    )


def _line(error: DBAPIError) -> str:
    """The driver's first line; the next ones quote the statement."""
    return (str(error.orig).splitlines() or [type(error.orig).__name__])[0]
