"""Broker, PostgreSQL and S3 by TLS, with an authority that nobody else knows."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy

from tests.cli.command import ONEPREFIX
from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.certificates import Authority, new_authority
from tests.servers.postgres import PostgresServer
from tests.servers.tls import tls_front
from worker.models.upload import UploadState


@dataclass(frozen=True, slots=True)
class Secured:
    """What lies in front of the cluster's servers."""

    cluster: Cluster
    authority: Authority
    broker: int
    database: int
    s3: int

    def environment(self, trusted: Path | None = None) -> dict[str, str]:
        """The variables that reach all three by TLS, and trust that authority alone."""
        authority = str(trusted or self.authority.certificate)
        database = sqlalchemy.make_url(self.cluster.database_url).set(
            host="localhost",
            port=self.database,
            query={"sslmode": "verify-full", "sslrootcert": authority},
        )
        broker = self.cluster.broker_url.replace("redis://", "rediss://")
        broker = broker.replace(f"127.0.0.1:{urlsplit(broker).port}", f"localhost:{self.broker}")
        return {
            "ONEPREFIX_DATABASE_URL": database.render_as_string(hide_password=False),
            "ONEPREFIX_BROKER_URL": f"{broker}?ssl_cert_reqs=required&ssl_ca_certs={authority}",
            "AWS_ENDPOINT_URL_S3": f"https://localhost:{self.s3}",
            "AWS_CA_BUNDLE": authority,
        }


@pytest.fixture
def secured(running: Cluster, postgres: PostgresServer, tmp_path: Path) -> Iterator[Secured]:
    (running.results / "RUN4").mkdir()
    (running.results / "RUN4" / "out.csv").write_text("1,2\n" * 1000)
    authority = new_authority(tmp_path / "authority")
    s3 = urlsplit(running.strict.proxy.server.endpoint)
    socket = postgres.socket_directory / f".s.PGSQL.{postgres.port}"
    with (
        tls_front(
            lambda: asyncio.open_connection("127.0.0.1", running.broker.port), authority.server
        ) as broker,
        tls_front(
            lambda: asyncio.open_unix_connection(socket), authority.server, postgres=True
        ) as database,
        tls_front(
            lambda: asyncio.open_connection(s3.hostname, s3.port), authority.server
        ) as storage,
    ):
        yield Secured(running, authority, broker, database, storage)
        running.stop()


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """The certificate of an authority that has signed none of the servers'."""
    return new_authority(tmp_path / "stranger").certificate


def oneprefix(
    secured: Secured, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*ONEPREFIX, *arguments],
        env=secured.cluster.environment | secured.environment() | environment,
        cwd=secured.cluster.directory,
        capture_output=True,
        text=True,
        check=False,
    )


def findings(secured: Secured, **environment: str) -> dict[str, dict[str, str]]:
    """What the doctor says of the first thing that it asks of each server."""
    told = json.loads(oneprefix(secured, "doctor", "--json", **environment).stdout)
    first = {"broker": "reachable", "database": "reachable", "S3": "bucket"}
    return {
        each["area"]: each for each in told["findings"] if first.get(each["area"]) == each["name"]
    }


def test_an_upload_lands_over_all_three(secured: Secured) -> None:
    running = secured.cluster
    running.start_worker(**secured.environment())
    asked = oneprefix(secured, "enqueue", "12", "4", str(running.results / "RUN4"))
    assert asked.returncode == 0, asked.stderr
    landed = running.wait_for(12, 4)
    assert (landed.results_url or "").startswith(f"https://localhost:{secured.s3}/")
    assert {each["health"] for each in findings(secured).values()} == {"ok"}


def test_a_certificate_of_another_authority_is_told_in_one_line(
    secured: Secured, stranger: Path
) -> None:
    told = findings(secured, **secured.environment(stranger))
    assert set(told) == {"broker", "database", "S3"}
    for area, finding in told.items():
        assert finding["health"] == "broken", area
        assert "certificate verify failed" in finding["found"], area
        assert "\n" not in finding["found"]
    asked = oneprefix(secured, "status", **secured.environment(stranger))
    assert asked.returncode == 1
    assert "certificate verify failed" in asked.stderr
    assert len(asked.stderr.splitlines()) == 1
    assert "Traceback" not in asked.stderr


@pytest.mark.thorough("starts a worker for each server")
def test_an_upload_waits_while_the_stores_certificate_is_anothers(
    secured: Secured, stranger: Path
) -> None:
    running = secured.cluster
    running.start_worker(**secured.environment() | {"AWS_CA_BUNDLE": str(stranger)})
    running.enqueue(12, 4, str(running.results / "RUN4"))
    waiting = running.wait_for(12, 4, UploadState.RETRYING)
    assert "certificate verify failed" in (waiting.error or "")
    assert "\n" not in (waiting.error or "")


@pytest.mark.thorough("starts a worker for each server")
def test_a_worker_says_in_one_line_that_the_brokers_certificate_is_anothers(
    secured: Secured, stranger: Path
) -> None:
    running = secured.cluster
    url = secured.environment(stranger)["ONEPREFIX_BROKER_URL"]
    log = running.directory / "stranger.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency=1"],
            cwd=running.directory,
            env=running.environment | {"ONEPREFIX_BROKER_URL": url},
            stdout=output,
            stderr=output,
        )
    running.workers.append(worker)
    told = eventually(
        lambda: [line for line in log.read_text().splitlines() if "Cannot connect" in line],
        "the worker says that it can't connect",
    )
    assert "certificate verify failed" in told[0]
    assert "Traceback" not in log.read_text()
    assert worker.poll() is None  # it waits until somebody mends that
