"""Two databases whose workers are given the same broker, on a real Valkey and SQLite."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.cli.command import ONEPREFIX
from tests.end_to_end.cluster import eventually
from tests.servers.valkey import ValkeyServer

FOREIGN = "this broker has the messages of another database"


class Installation:
    def __init__(self, directory: Path, broker_url: str) -> None:
        directory.mkdir()
        self._log = directory / "log"
        kept = {name: value for name, value in os.environ.items() if "ONEPREFIX" not in name}
        self._environment = kept | {
            "ONEPREFIX_BROKER_URL": broker_url,
            "ONEPREFIX_DATABASE_URL": f"sqlite:///{directory / 'test.db'}",
            "ONEPREFIX_DATA_DIR": str(directory / "data"),
            "ONEPREFIX_S3_BUCKET": "b",
            "ONEPREFIX_RESULTS_ROOTS": str(directory),
            "AWS_REGION": "us-east-1",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*ONEPREFIX, *arguments],
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def start_worker(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            command = [*ONEPREFIX, "worker", "--concurrency=1", "--loglevel=INFO"]
            return subprocess.Popen(command, env=self._environment, stdout=output, stderr=output)

    @property
    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "broker")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def pair(tmp_path: Path, broker: ValkeyServer) -> list[Installation]:
    return [Installation(tmp_path / name, broker.url("admin")) for name in "ab"]


def marked(broker: ValkeyServer) -> bool:
    with broker.admin() as client:
        return bool(client.exists("oneprefix.mark"))


def started_first(first: Installation, broker: ValkeyServer) -> "subprocess.Popen[bytes]":
    """A worker of the installation whose broker it is."""
    first.run("db", "upgrade").check_returncode()
    worker = first.start_worker()
    eventually(lambda: marked(broker), "the first one's recovery marks the broker")
    return worker


def test_the_second_is_refused_at_its_start_and_the_doctor_says_why(
    pair: list[Installation], broker: ValkeyServer
) -> None:
    first, second = pair
    second.run("db", "upgrade").check_returncode()
    worker = started_first(first, broker)
    refused = second.run("worker")
    assert refused.returncode == 1
    assert FOREIGN in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "it has the messages of another database" in second.run("doctor").stdout
    assert "another database" not in first.run("doctor").stdout
    worker.terminate()
    worker.wait(timeout=30)
    again = first.start_worker()
    eventually(lambda: first.log.count(" ready.") == 2, "the broker still is the first one's")
    again.terminate()
    again.wait(timeout=30)


def test_a_row_of_another_database_is_not_taken_for_ones_own(
    pair: list[Installation], broker: ValkeyServer
) -> None:
    first, second = pair
    second.run("db", "upgrade").check_returncode()
    worker = started_first(first, broker)
    asked = second.run("enqueue", "12", "4", "/results/RUN4")
    assert (asked.returncode, asked.stdout) == (0, "job 12, run 4: REQUESTED\n")
    eventually(
        lambda: "a foreign message to 'uploads' is rejected: it rings" in first.log,
        "it is rejected",
    )
    assert first.run("status").stdout == "No uploads.\n"
    worker.terminate()
    worker.wait(timeout=30)


def test_one_that_could_not_be_told_at_its_start_ends_once_it_can(
    pair: list[Installation], broker: ValkeyServer
) -> None:
    first, second = pair
    workers = [started_first(first, broker)]
    workers.append(second.start_worker())  # its database has no tables yet
    eventually(lambda: " ready." in second.log, "nobody knows yet")
    second.run("db", "upgrade").check_returncode()
    assert workers[1].wait(timeout=30) == os.EX_CONFIG
    assert FOREIGN in second.log
    assert workers[0].poll() is None
    workers[0].terminate()
    workers[0].wait(timeout=30)


def test_the_broker_of_a_database_that_is_gone_is_taken_over_as_told(
    pair: list[Installation], broker: ValkeyServer
) -> None:
    _, second = pair
    second.run("db", "upgrade").check_returncode()
    with Redis.from_url(broker.url("admin")) as client:
        client.set("oneprefix.mark", "a-run another-database")
        told = second.run("worker").stderr
        assert "`DEL oneprefix.mark`" in told
        client.delete("oneprefix.mark")
    worker = second.start_worker()
    eventually(lambda: marked(broker), "the broker is its own")
    worker.terminate()
    worker.wait(timeout=30)
