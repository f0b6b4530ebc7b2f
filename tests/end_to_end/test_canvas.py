"""What Celery's canvas promises: what is to follow an upload follows once, whatever dies before."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from celery import Celery
from celery.canvas import Signature
from redis import Redis

from tests.end_to_end.canvas_app import CHAIN, ERRBACK, HEADER, LINK, MEMBERS, noting, upload
from tests.end_to_end.cluster import CREATED_AT, Cluster
from tests.end_to_end.test_nothing_is_lost import children, pool_children
from tests.servers.faults import AnswerError, Hang, S3Request
from tests.servers.valkey import ValkeyServer
from worker.database.jobs import add_job
from worker.models.upload import UploadState

LANDING = (LINK, CHAIN, *MEMBERS, *HEADER)
#: Seconds in which recovery would have published again what it takes for unanswered.
LONG_ENOUGH = 4


@dataclass
class Canvas:
    """An installation with results, and a foreign program whose tasks follow uploads."""

    cluster: Cluster
    results: str
    notes: Redis
    environment: Mapping[str, str]
    producer: Celery

    def start_worker(self) -> "subprocess.Popen[bytes]":
        return self.cluster.start_worker(
            f"--concurrency={len(LANDING) + 1}", ONEPREFIX_RESULT_BACKEND=self.results
        )

    def upload(self, run: int) -> Signature:
        return upload(self.cluster.results, run, self.producer)

    def noting(self, name: str) -> Signature:
        return noting(name, self.producer)

    def noted(self) -> dict[str, list[Any]]:
        """What each name's task was called with, in order."""
        found: dict[str, list[Any]] = {}
        for each in self.notes.lrange("notes", 0, -1):
            *values, name = json.loads(each)
            found.setdefault(name, []).append(values)
        return found

    def wait_for(self, *names: str) -> dict[str, list[Any]]:
        deadline = time.monotonic() + PATIENCE  # all of a machine may be busy with other tests
        while not self.noted().keys() >= set(names):
            assert time.monotonic() < deadline, f"of {names} followed: {self.noted()}"
            time.sleep(0.2)
        time.sleep(LONG_ENOUGH)
        return self.noted()


#: Seconds.
PATIENCE = 150
thorough = pytest.mark.thorough("breaks workers and servers, and waits for them")


@pytest.fixture
def canvas(running: Cluster) -> Iterator[Canvas]:
    add_job(running.engine, 13, CREATED_AT, [*LANDING, ERRBACK])
    for run in LANDING:
        (running.results / f"RUN{run}").mkdir()
        (running.results / f"RUN{run}" / "out.csv").write_text(f"{run}\n" * 1000)
    beside = ValkeyServer(running.directory / "beside")
    beside.start()
    results = beside.url("admin")
    admin: Any = running.broker.admin()
    with admin:
        # as docs/least-rights.md says, for queues of others to which workers pass on what follows
        theirs = ["~callbacks", "~callbacks??[369]", "~_kombu.binding.callbacks"]
        admin.execute_command("ACL", "SETUSER", "worker", *theirs)
    foreign = running.broker.url("admin")
    environment = os.environ | {"FOREIGN_BROKER": foreign, "FOREIGN_RESULTS": results}
    command = [sys.executable, "-m", "celery", "-A", "tests.end_to_end.canvas_app", "worker"]
    with (running.directory / "foreign.log").open("wb") as log:
        worker = subprocess.Popen(
            [*command, "--concurrency=1", "--hostname=foreign@%h"],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        with running.producer as producer, Redis.from_url(results) as notes:
            yield Canvas(running, results, notes, environment, producer)
    finally:
        worker.terminate()
        worker.wait(timeout=30)
        beside.stop()


def send_everything(canvas: Canvas) -> None:
    """In a process of its own, since a program with a result backend keeps connections to it."""
    command = [sys.executable, "-m", "tests.end_to_end.canvas_app", str(canvas.cluster.results)]
    subprocess.run(command, env=canvas.environment, check=True)


def require_each_once(canvas: Canvas, noted: dict[str, list[Any]]) -> None:
    urls = {run: canvas.cluster.wait_for(13, run).results_url or "" for run in LANDING}
    assert noted["link"] == [[urls[LINK]]]
    assert noted["chain"] == [[urls[CHAIN]]]
    assert sorted(noted["member"]) == sorted([urls[run]] for run in MEMBERS)
    assert [sorted(urls) for [urls] in noted["chord"]] == [sorted(urls[run] for run in HEADER)]
    [[failed]] = noted["errback"]
    assert failed == canvas.cluster.row(13, ERRBACK).task_id  # type: ignore[union-attr]


def is_put(request: S3Request) -> bool:
    return request.operation == "PutObject"


def undisturbed(canvas: Canvas) -> None:
    canvas.start_worker()
    send_everything(canvas)


def retried(canvas: Canvas) -> None:
    # one attempt asks four times
    canvas.cluster.strict.proxy.fault(is_put, AnswerError(503, "SlowDown"), times=30)
    undisturbed(canvas)


def under_way(canvas: Canvas) -> "subprocess.Popen[bytes]":
    """All uploads that will land hang in S3."""
    canvas.cluster.strict.proxy.fault(is_put, Hang(10), times=len(LANDING))
    worker = canvas.start_worker()
    send_everything(canvas)
    for run in LANDING:
        canvas.cluster.wait_for(13, run, UploadState.UPLOADING)
    return worker


def children_killed(canvas: Canvas) -> None:
    for child in pool_children(under_way(canvas).pid):
        os.kill(child, signal.SIGKILL)


def worker_killed(canvas: Canvas) -> None:
    worker = under_way(canvas)
    for pid in [*children(worker.pid), worker.pid]:
        os.kill(pid, signal.SIGKILL)
    canvas.start_worker()


def broker_wiped(canvas: Canvas) -> None:
    worker = under_way(canvas)
    for pid in [*children(worker.pid), worker.pid]:
        os.kill(pid, signal.SIGKILL)
    with canvas.cluster.broker.admin() as broker:
        broker.flushall()
    canvas.start_worker()


TROUBLES = (retried, children_killed, worker_killed, broker_wiped)


@pytest.mark.parametrize(
    "trouble",
    [undisturbed, *(pytest.param(each, marks=thorough) for each in TROUBLES)],
)
def test_what_follows_an_upload_follows_once(
    canvas: Canvas, trouble: Callable[[Canvas], None]
) -> None:
    trouble(canvas)
    noted = canvas.wait_for("link", "chain", "errback", "member", "chord")
    require_each_once(canvas, noted)


def test_a_second_message_waits_for_the_landing_that_another_one_asked_for(canvas: Canvas) -> None:
    canvas.cluster.strict.proxy.fault(is_put, Hang(5), times=1)
    canvas.start_worker()
    canvas.upload(LINK).apply_async(link=canvas.noting("first"))
    canvas.cluster.wait_for(13, LINK, UploadState.UPLOADING)
    canvas.upload(LINK).apply_async(link=canvas.noting("second"))
    time.sleep(2)
    assert canvas.noted() == {}
    noted = canvas.wait_for("first", "second")
    url = canvas.cluster.wait_for(13, LINK).results_url
    assert noted == {"first": [[url]], "second": [[url]]}


@thorough
def test_a_second_message_learns_that_the_upload_failed(canvas: Canvas) -> None:
    canvas.start_worker()
    canvas.upload(ERRBACK).apply_async(link_error=canvas.noting("first"))
    canvas.cluster.wait_for(13, ERRBACK, UploadState.RETRYING)
    second = canvas.upload(ERRBACK).apply_async(link_error=canvas.noting("second"))
    noted = canvas.wait_for("first", "second")
    assert noted["second"] == [[second.id]]
    assert len(noted["first"]) == 1
    assert canvas.cluster.row(13, ERRBACK).task_id != second.id  # type: ignore[union-attr]


@thorough
def test_a_message_delivered_again_after_all_has_followed_changes_nothing(canvas: Canvas) -> None:
    canvas.start_worker()
    for _ in range(2):
        canvas.upload(LINK).apply_async(link=canvas.noting("link"), task_id="twice")
        noted = canvas.wait_for("link")
    assert len(noted["link"]) == 1
