"""A row tells what has been sent, and how attempts ended that did not land it."""

import os
import time
from datetime import timedelta

import pytest

from tests.end_to_end.cluster import Cluster
from tests.servers.faults import AnswerError
from worker.models.history import past_attempts
from worker.models.upload import Upload, UploadState

MIB = 1 << 20


@pytest.fixture
def settings() -> dict[str, str]:
    return {"ONEPREFIX_BANDWIDTH_MIB": "2", "ONEPREFIX_MAX_ATTEMPTS": "2"}


@pytest.mark.thorough("sends 22 MiB at 1 MiB a second and process")
@pytest.mark.parametrize("size", [7 * MIB, 15 * MIB], ids=["one request", "in parts"])
def test_progress_is_as_far_as_what_was_sent(running: Cluster, size: int) -> None:
    run = running.results / "RUN4"
    run.mkdir()
    (run / "noise").write_bytes(os.urandom(size))
    running.start_worker()
    running.send(12, 4, str(run))
    seen: dict[object, Upload] = {}
    while (row := running.row(12, 4)) is None or not row.state.is_over:
        if row and row.bytes_total:
            seen.setdefault(row.updated_at, row)
        time.sleep(0.05)
    assert row.state is UploadState.LANDED
    assert row.bytes_done == row.bytes_total == size
    assert row.begun_at
    # sealed, the row tells of the whole tree
    told = [each for each in seen.values() if each.bytes_done < size]
    assert len(told) >= 3
    for each in told:
        assert each.updated_at
        expected = (each.updated_at - row.begun_at).total_seconds() * MIB
        assert abs(each.bytes_done - expected) < 1.5 * MIB, seen


def test_each_attempt_leaves_its_times_and_its_reason(running: Cluster) -> None:
    run = running.results / "RUN4"
    run.mkdir()
    (run / "out").write_text("results")
    running.strict.proxy.fault(
        lambda each: each.operation == "PutObject", AnswerError(403, "AccessDenied"), times=1
    )
    running.start_worker()
    running.send(12, 4, str(run))
    failed = running.wait_for(12, 4, UploadState.FAILED)
    [attempt] = past_attempts(failed.history)
    assert attempt.number == 1
    assert failed.begun_at
    assert abs(failed.begun_at - attempt.begun_at) < timedelta(milliseconds=2)
    assert attempt.begun_at <= attempt.ended_at
    assert "AccessDenied" in attempt.reason
    running.send(12, 4, str(run))
    assert list(past_attempts(running.wait_for(12, 4).history)) == []
