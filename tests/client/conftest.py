import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from oneprefix.database import engine_of
from sqlalchemy import Engine

from tests.servers.s3 import S3Server
from worker.database.engine import make_engine
from worker.database.schema import upgrade_schema


@pytest.fixture
def url(database_url: str) -> Iterator[str]:
    """A migrated database of each kind."""
    engine: Engine = make_engine(database_url)
    upgrade_schema(engine)
    yield database_url
    engine.dispose()
    engine_of(database_url).dispose()


@pytest.fixture(scope="session", params=["moto"])
def upstream(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "BROKER_URL", "SPOOL", "DATABASE_PASSWORD_COMMAND"):
        monkeypatch.delenv(f"ONEPREFIX_{name}", raising=False)


@pytest.fixture
def silent() -> Iterator[str]:
    """The host and port of a server that takes connections and never says a word."""
    kept: list[int] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def accept() -> None:
            try:
                while True:
                    kept.append(server.accept()[0].detach())
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        yield "{}:{}".format(*server.getsockname())
        for each in kept:
            os.close(each)
