from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.cluster import Cluster, cluster
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server
from tests.servers.strict_bucket import Strict


@pytest.fixture(scope="session", params=["moto"])
def upstream(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def database_url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def settings() -> dict[str, str]:
    """What a test sets beside what all do."""
    return {}


@pytest.fixture
def running(
    tmp_path: Path, strict: Strict, database_url: str, settings: dict[str, str]
) -> Iterator[Cluster]:
    """Everything but workers, on PostgreSQL and moto's server unless a test says otherwise."""
    with cluster(tmp_path, strict, database_url, settings) as started:
        yield started
