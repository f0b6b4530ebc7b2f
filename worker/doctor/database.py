"""What a worker needs of its database: our schema, and the orchestrator's tables and columns."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, Engine, Enum, Integer, String, inspect, select, text

from worker.database.engine import transaction
from worker.database.schema import applied_version, known_versions
from worker.database.types import now
from worker.doctor.encryption import diagnose_encryption
from worker.doctor.finding import Check, Diagnosis, broken, diagnose_skew, ok, warning

AREA = "database"
UPGRADE = "run `oneprefix db upgrade`"
#: The orchestrator's columns that we read or write.
NEEDED: dict[str, dict[str, type]] = {
    "jobs": {"id": Integer, "created_at": DateTime},
    "runs": {
        "id": Integer,
        "job_id": Integer,
        "status": String,
        "results_url": String,
        "results_uploaded_at": DateTime,
    },
}
_WORDS = {Integer: "an integer", DateTime: "a timestamp", String: "text"}
#: Characters; the longest URL of a run's results, and some more.
URL_LENGTH = 255


class DatabaseChecks:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def checks(self) -> list[Check]:
        remedy = "start it, or correct ONEPREFIX_DATABASE_URL"
        return [
            Check(AREA, "reachable", self.reach, remedy, is_gate=True),
            *self._encryption_checks(remedy),
            Check(AREA, "schema", self.schema, UPGRADE),
            Check(AREA, "jobs", lambda: self.table("jobs"), remedy),
            Check(AREA, "runs", lambda: self.table("runs"), remedy),
            Check(AREA, "clock", self.clock, remedy),
        ]

    def reach(self) -> Diagnosis:
        name = self._engine.dialect.name
        file = self._engine.url.database
        if name == "sqlite" and file and not Path(file).exists():
            return broken(f"there is no {file}", UPGRADE)  # connecting would make it
        with self._connection():
            version = self._engine.dialect.server_version_info or ()
        return ok(f"{name} {'.'.join(map(str, version))}")

    def _encryption_checks(self, remedy: str) -> list[Check]:
        if self._engine.dialect.name != "postgresql":
            return []
        return [Check(AREA, "encryption", self.encryption, remedy)]

    def encryption(self) -> Diagnosis:
        with self._connection() as connection:
            driver: Any = connection.connection.dbapi_connection
            mode = driver.info.get_parameters().get("sslmode", "")
            return diagnose_encryption(
                driver.info.host,
                encrypted=driver.pgconn.ssl_in_use,
                verified=mode == "verify-full",
                advice="add sslmode=verify-full and sslrootcert to ONEPREFIX_DATABASE_URL",
            )

    def schema(self) -> Diagnosis:
        with self._connection() as connection:
            return diagnose_schema(applied_version(connection), known_versions())

    def table(self, name: str) -> Diagnosis:
        with self._connection() as connection:
            inspector = inspect(connection)
            if not inspector.has_table(name):  # or a view
                return broken("missing", f"create it as your orchestrator does, or {UPGRADE}")
            columns = {column["name"]: column["type"] for column in inspector.get_columns(name)}
        return diagnose_columns(name, columns)

    def clock(self) -> Diagnosis:
        with self._connection() as connection:
            theirs = connection.execute(select(now())).scalar_one()
        return diagnose_skew((theirs - datetime.now(UTC)).total_seconds())

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with transaction(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL statement_timeout = '5s'"))
            yield connection


def diagnose_schema(current: str | None, versions: list[str]) -> Diagnosis:
    """`current` is None in a database without our table; `versions` are ours, newest first."""
    if current is None:
        return broken("our tables are missing", UPGRADE)
    if current == versions[0]:
        return ok(current)
    if current in versions:
        return broken(f"{current}, while {versions[0]} is the newest", UPGRADE)
    return warning(
        f"{current}, which is newer than this oneprefix", "upgrade oneprefix on this machine"
    )


def diagnose_columns(table: str, columns: dict[str, Any]) -> Diagnosis:
    """`columns` are types by name, as SQLAlchemy reflects them."""
    wrong = [
        f"{name} {problem}"
        for name, kind in NEEDED[table].items()
        if (problem := _problem(columns, name, kind))
    ]
    if wrong:
        return broken("; ".join(wrong), f"correct {table} where your orchestrator creates it")
    length = getattr(columns.get("results_url"), "length", None)
    if length is not None and length < URL_LENGTH:
        return warning(
            f"results_url holds {length} characters",
            f"make it text, or {URL_LENGTH} characters long",
        )
    return ok(f"has {', '.join(NEEDED[table])}")


def _problem(columns: dict[str, Any], name: str, kind: type) -> str | None:
    if name not in columns:
        return f"is missing, and should be {_WORDS[kind]}"
    found = getattr(columns[name], "data_type", columns[name])  # of a PostgreSQL domain
    sqlite_text = kind is DateTime and isinstance(found, String) and not isinstance(found, Enum)
    if not isinstance(found, kind) and not sqlite_text:
        return f"is {found}, and should be {_WORDS[kind]}"
    if name == "status" and isinstance(found, Enum) and "DONE" not in found.enums:
        return "is an enum without the label DONE"
    return None
