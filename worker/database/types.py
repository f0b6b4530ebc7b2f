"""Times and the database's clock, with one meaning on PostgreSQL and SQLite."""

from datetime import UTC, datetime
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
#: What is read for a time that Python can't hold: infinite, before the year 1, after 9999, none.
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """A time, aware and in UTC in Python, however the column stores it.

    PostgreSQL returns `timestamptz` in the session's zone and `timestamp` naive. SQLite stores
    text that may carry an offset, which SQLAlchemy's own type would drop. A time that Python can't
    hold is read as `FIRST` or `LAST`.
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
        return _parsed(value) if isinstance(value, str) else utc(value)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return within_years(column)


def _parsed(text: str) -> datetime:
    try:
        return utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return LAST if text == "infinity" else FIRST


class within_years(FunctionElement[datetime]):  # noqa: N801  it reads as an SQL function
    """The column's times as far as Python's reach."""

    type = Instant()
    inherit_cache = True
    name = "within_years"


class iso(FunctionElement[str]):  # noqa: N801  it reads as an SQL function
    """The time as a text in ISO 8601, in UTC and milliseconds."""

    type = String()
    inherit_cache = True
    name = "iso"


@compiles(iso, "postgresql")
def _to_char(element: iso, compiler: SQLCompiler, **options: Any) -> str:
    time = compiler.process(element.clauses, **options)
    return f"""to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


@compiles(iso, "sqlite")
def _formatted(element: iso, compiler: SQLCompiler, **options: Any) -> str:
    time = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', {time})"


class now(FunctionElement[datetime]):  # noqa: N801  it reads as the SQL function that it is
    """The database's own clock, plus `seconds`."""

    type = Instant()
    inherit_cache = True
    name = "now"

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(float(seconds))


class utc_hour(FunctionElement[str]):  # noqa: N801  it reads as an SQL function
    """The hour in UTC of a stored time, as `2026-01-31 18`."""

    type = String()
    inherit_cache = True
    name = "utc_hour"


def instant(moment: Moment | None) -> ColumnElement[datetime] | None:
    """The time as a value in a statement: seconds count from now, on the database's clock."""
    if moment is None:
        return None
    return literal(moment, Instant) if isinstance(moment, datetime) else now(moment)


@compiles(now, "postgresql")
def _postgresql(element: now, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(now() + make_interval(secs => {seconds}))"


@compiles(within_years, "postgresql")
def _clamped(element: within_years, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    first, last = (f"timestamptz '{each.isoformat(sep=' ')}'" for each in (FIRST, LAST))
    return f"CASE WHEN {column} IS NOT NULL THEN least(greatest({column}, {first}), {last}) END"


@compiles(within_years, "sqlite")
def _as_it_is(element: within_years, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(now, "sqlite")
def _sqlite(element: now, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"strftime('{SQLITE_FORMAT}', 'now', printf('%+.3f seconds', {seconds}))"


@compiles(utc_hour, "postgresql")
def _hour(element: utc_hour, compiler: SQLCompiler, **options: Any) -> str:
    time = compiler.process(element.clauses, **options)
    return f"to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24')"


@compiles(utc_hour, "sqlite")
def _hour_of_text(element: utc_hour, compiler: SQLCompiler, **options: Any) -> str:
    return f"strftime('%Y-%m-%d %H', {compiler.process(element.clauses, **options)})"
