"""An upload whose worker stops, hangs or dies goes on with another one, from where it was."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.end_to_end.cluster import Cluster, eventually
from tests.end_to_end.test_nothing_is_lost import children, pool_children
from tests.servers.faults import Hang, S3Request
from worker.models.upload import UploadState

MIB = 1 << 20
PART = 8 * MIB
PARTS = 12
#: Seconds that no test here waits for: if a lease lasts as long, it was released before its time.
LONG = "600"


@pytest.fixture
def run_4(running: Cluster) -> str:
    """Of incompressible bytes, just below twelve parts."""
    run = running.results / "RUN4"
    run.mkdir()
    (run / "noise").write_bytes(random.Random(4).randbytes(PARTS * PART - MIB))
    return str(run)


def is_part(request: S3Request, number: int) -> bool:
    return request.operation == "UploadPart" and (request.part_number or 0) >= number


def sent_parts(running: Cluster) -> list[int]:
    """The numbers of the parts that S3 has taken, each as often as it was sent."""
    return sorted(
        each.part_number or 0
        for each in running.strict.proxy.requests
        if each.operation == "UploadPart" and each.status == 200
    )


def require_little_sent_twice(running: Cluster) -> None:
    """Only the one that was in flight."""
    parts = sent_parts(running)
    assert set(parts) == set(range(1, PARTS + 1))
    assert len(parts) <= PARTS + 1


def bytes_received(running: Cluster) -> int:
    return sum(
        each.bytes_received
        for each in running.strict.proxy.requests
        if each.operation == "UploadPart"
    )


@contextmanager
def hanging_from(running: Cluster, number: int) -> Iterator[None]:
    """No part from this number on gets through while the block runs."""
    running.strict.proxy.fault(lambda request: is_part(request, number), Hang(600))
    yield
    running.strict.proxy.mend()


def kill_all(worker: "subprocess.Popen[bytes]") -> None:
    for pid in [worker.pid, *children(worker.pid)]:
        os.kill(pid, signal.SIGKILL)
    worker.wait()


def test_a_killed_workers_upload_goes_on_at_once_beside_it_from_where_it_was(
    running: Cluster, run_4: str
) -> None:
    settings = {"ONEPREFIX_LEASE_SECONDS": LONG, "ONEPREFIX_CONNECTIONS": "1"}
    first = running.start_worker(**settings)
    with hanging_from(running, 11):
        running.send(12, 4, run_4)
        eventually(lambda: len(sent_parts(running)) == 10, "ten parts are sent")
        running.start_worker(**settings)
        kill_all(first)
        killed_at = time.monotonic()
        eventually(lambda: (row := running.row(12, 4)) and row.attempt == 2, "it is taken over")
        assert time.monotonic() - killed_at < 10
    running.wait_for(12, 4)
    require_little_sent_twice(running)
    assert bytes_received(running) <= 1.15 * PARTS * PART
    assert running.open_multipart_uploads() == []


def test_a_killed_childs_upload_goes_on_at_once(running: Cluster, run_4: str) -> None:
    settings = {"ONEPREFIX_LEASE_SECONDS": LONG, "ONEPREFIX_CONNECTIONS": "1"}
    worker = running.start_worker(**settings)
    with hanging_from(running, 11):
        running.send(12, 4, run_4)
        eventually(lambda: len(sent_parts(running)) == 10, "ten parts are sent")
        for child in pool_children(worker.pid):
            os.kill(child, signal.SIGKILL)
    running.wait_for(12, 4)
    require_little_sent_twice(running)
    assert worker.poll() is None


@pytest.mark.parametrize("signals", [1, 2])
def test_a_worker_that_is_told_to_stop_hands_back_what_it_can_not_finish(
    running: Cluster, run_4: str, signals: int
) -> None:
    stop = "4" if signals == 1 else LONG  # told again, it waits no longer
    settings = {"ONEPREFIX_LEASE_SECONDS": LONG, "ONEPREFIX_CONNECTIONS": "1"}
    first = running.start_worker(ONEPREFIX_STOP_SECONDS=stop, **settings)
    running.strict.proxy.fault(lambda request: is_part(request, 5), Hang(4), times=1)
    running.strict.proxy.fault(lambda request: is_part(request, 6), Hang(4), times=2)
    running.send(12, 4, run_4)
    eventually(lambda: len(sent_parts(running)) >= 4, "four parts are sent")
    for _ in range(signals):
        first.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    assert first.wait(timeout=30) == 0
    row = running.row(12, 4)
    assert row
    assert (row.state, row.attempt, row.owner) == (UploadState.RETRYING, 0, None)
    assert "handed back" in (row.error or "")
    before = sent_parts(running)
    running.strict.proxy.mend()
    running.start_worker(**settings)
    running.wait_for(12, 4)
    require_little_sent_twice(running)
    assert set(before) < set(sent_parts(running))


def test_a_worker_that_is_told_to_stop_finishes_what_it_can(running: Cluster, run_4: str) -> None:
    worker = running.start_worker()
    running.strict.proxy.fault(lambda request: is_part(request, 10), Hang(0.5), times=1)
    running.send(12, 4, run_4)
    running.wait_for(12, 4, UploadState.UPLOADING)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    row = running.row(12, 4)
    assert row
    assert row.state is UploadState.LANDED


def test_a_worker_that_was_paused_past_its_lease_refuses_itself(
    running: Cluster, run_4: str
) -> None:
    first = running.start_worker(ONEPREFIX_CONNECTIONS="1", ONEPREFIX_LEASE_SECONDS="2")
    second = None
    with hanging_from(running, 9):
        running.send(12, 4, run_4)
        eventually(lambda: len(sent_parts(running)) == 8, "eight parts are sent")
        paused = [first.pid, *children(first.pid)]
        for pid in paused:
            os.kill(pid, signal.SIGSTOP)
        second = running.start_worker(ONEPREFIX_CONNECTIONS="1", ONEPREFIX_LEASE_SECONDS="2")
        eventually(lambda: (row := running.row(12, 4)) and row.attempt == 2, "it is taken over")
    running.wait_for(12, 4)
    for pid in paused:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: "taken over" in running.log(0) or "renewed" in running.log(0), "it gives up")
    row = running.wait_for(12, 4)
    assert row.attempt == 2
    assert running.open_multipart_uploads() == []
    assert first.poll() is None
    assert second.poll() is None


def test_an_upload_in_which_no_byte_moves_is_given_up_and_tried_again(
    running: Cluster, run_4: str
) -> None:
    running.start_worker(ONEPREFIX_STALL_SECONDS="2", ONEPREFIX_CONNECTIONS="1")
    running.strict.proxy.fault(lambda request: is_part(request, 5), Hang(600), times=1)
    running.send(12, 4, run_4)
    row = running.wait_for(12, 4)
    assert row.attempt == 2
    assert "nothing moved for 2 s" in running.log()


def test_a_process_that_hangs_for_good_is_ended_and_its_upload_goes_on(
    running: Cluster, run_4: str
) -> None:
    """It is given less time to stop than the hanging connection takes to be left alone."""
    running.start_worker(ONEPREFIX_STALL_SECONDS="1", ONEPREFIX_LEASE_SECONDS="1")
    with hanging_from(running, 1):
        running.send(12, 4, run_4)
        eventually(lambda: "hangs" in running.log(), "the process is ended")
    running.wait_for(12, 4)


def test_parts_that_nobody_goes_on_with_are_aborted(running: Cluster, run_4: str) -> None:
    worker = running.start_worker(ONEPREFIX_SWEEP_SECONDS="1", ONEPREFIX_MAX_ATTEMPTS="1")
    with hanging_from(running, 3):
        running.send(12, 4, run_4)
        eventually(lambda: len(sent_parts(running)) == 2, "two parts are sent")
        for child in pool_children(worker.pid):
            os.kill(child, signal.SIGKILL)
        running.wait_for(12, 4, UploadState.FAILED)
        eventually(lambda: not running.open_multipart_uploads(), "the parts are gone")
    asked = running.strict.proxy  # which lists a request once it is answered
    eventually(
        lambda: "AbortMultipartUpload" in [each.operation for each in asked.requests],
        "they were aborted",
    )
