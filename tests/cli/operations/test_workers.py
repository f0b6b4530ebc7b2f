"""`oneprefix workers`: who is alive, and what each works on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.end_to_end.cluster import Cluster, cluster
from tests.servers.faults import Hang
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server
from tests.servers.strict_bucket import Strict
from worker.models.upload import UploadState


@pytest.fixture(scope="session", params=["moto"])
def upstream(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def running(tmp_path: Path, strict: Strict, postgres: PostgresServer) -> Iterator[Cluster]:
    with cluster(tmp_path, strict, postgres.new_database()) as started:
        yield started


def test_workers_are_shown_with_what_they_work_on(running: Cluster) -> None:
    watched = running.environment | {"ONEPREFIX_BROKER_URL": running.operators_broker_url}
    oneprefix = Command(running.directory, settings(watched))
    assert oneprefix("workers").out.startswith("No worker answers: start one with")
    assert oneprefix("workers", "--json").json == {"workers": []}
    running.start_worker()
    (running.results / "RUN4").mkdir()
    (running.results / "RUN4" / "out").write_text("results")
    running.strict.proxy.fault(lambda each: each.operation == "PutObject", Hang(30), times=1)
    running.send(12, 4, str(running.results / "RUN4"))
    running.wait_for(12, 4, UploadState.UPLOADING)
    [worker] = oneprefix("workers", "--json").json["workers"]
    assert worker["name"] == f"w0@{os.uname().nodename}"
    assert worker["pid"] == running.workers[0].pid
    assert len(worker["processes"]) == 2
    assert worker["uploads"] == [{"job_id": 12, "run_id": 4}]
    shown = oneprefix("workers").out
    assert "job 12, run 4" in shown
    doctor = Command(running.directory, settings(running.environment))("doctor", "--json")
    assert doctor.json["workers"] == [worker["name"]]


def settings(environment: dict[str, str]) -> dict[str, str]:
    names = ("ONEPREFIX_", "AWS_")
    return {name: value for name, value in environment.items() if name.startswith(names)}
