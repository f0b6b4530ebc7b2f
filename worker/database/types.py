"""Times and the database's clock, with one meaning on PostgreSQL and SQLite."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, String, TypeDecorator, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from worker.models.upload_request import Moment
from worker.models.validation import utc

#: For SQLite's strftime: the form in which SQLAlchemy writes a datetime, in milliseconds.
SQLITE_FORMAT = "%Y-%m-%d %H:%M:%f000"


class Instant(TypeDecorator[datetime]):
    """A time, aware and in UTC in Python, however the column stores it.

    PostgreSQL returns `timestamptz` in the session's zone and `timestamp` naive. SQLite stores
    text that may carry an offset, which SQLAlchemy's own type would drop.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        sqlite = dialect.name == "sqlite"
        return dialect.type_descriptor(String() if sqlite else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return utc(value).strftime("%Y-%m-%d %H:%M:%S.%f")

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return utc(datetime.fromisoformat(value) if isinstance(value, str) else value)


class now(FunctionElement[datetime]):  # noqa: N801  it reads as the SQL function that it is
    """The database's own clock, plus `seconds`."""

    type = Instant()
    inherit_cache = True
    name = "now"

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(float(seconds))


def instant(moment: Moment | None) -> ColumnElement[datetime] | None:
    """The time as a value in a statement: seconds count from now, on the database's clock."""
    if moment is None:
        return None
    return literal(moment, Instant) if isinstance(moment, datetime) else now(moment)


@compiles(now, "postgresql")
def _postgresql(element: now, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(now() + make_interval(secs => {seconds}))"


@compiles(now, "sqlite")
def _sqlite(element: now, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"strftime('{SQLITE_FORMAT}', 'now', printf('%+.3f seconds', {seconds}))"
