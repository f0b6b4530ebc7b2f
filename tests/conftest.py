"""Servers and databases that all tests share: one of each for a test process."""

import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from sqlalchemy import Engine

from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.raw import ask
from tests.servers.s3 import S3Server, moto_server, rclone_server
from tests.servers.strict_bucket import Strict
from tests.servers.strict_s3 import strict_s3
from worker.database.engine import make_engine
from worker.database.schema import upgrade_schema

# A shell's background jobs ignore SIGINT, and so would the commands that the tests stop with it
signal.signal(signal.SIGINT, signal.default_int_handler)


#: Examples of each property: by `make test`, and by `make test-all`.
QUICK_EXAMPLES, ALL_EXAMPLES = 25, 100


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all", action="store_true", help="run the thorough tests too, and more examples"
    )
    parser.addoption("--examples", type=int, help="examples of each property")


def pytest_configure(config: pytest.Config) -> None:
    usual = ALL_EXAMPLES if config.getoption("--all") else QUICK_EXAMPLES
    examples = config.getoption("--examples") or usual
    # print_blob: a counterexample of a long run is to be found again, and kept as an @example
    settings.register_profile("oneprefix", max_examples=examples, print_blob=True)
    settings.load_profile("oneprefix")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave thorough tests to `make test-all`, and print why each is one."""
    if config.getoption("--all"):
        return
    for item in items:
        if marker := item.get_closest_marker("thorough"):
            item.add_marker(pytest.mark.skip(reason=f"run by `make test-all`: {marker.args[0]}"))


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with rclone_server(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def empty_engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(empty_engine: Engine) -> Engine:
    """A migrated database of each kind."""
    upgrade_schema(empty_engine)
    return empty_engine


@pytest.fixture(scope="session", params=["moto", "rclone"])
def upstream(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def bucket(upstream: S3Server) -> str:
    name = f"bucket-{uuid4().hex}"
    assert ask(upstream, "PUT", f"/{name}").status == 200
    return name


@pytest.fixture
def strict(upstream: S3Server, bucket: str) -> Iterator[Strict]:
    past = upstream.client()
    with strict_s3(upstream) as proxy:
        client = proxy.server.client()
        yield Strict(proxy, bucket, client, past)
        client.close()
    past.close()
