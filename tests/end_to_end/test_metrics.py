"""What a worker's processes count is served, whichever of them are killed."""

import os
import signal
from pathlib import Path
from urllib.error import URLError

import pytest

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.scrape import Samples, scrape
from tests.worker.packaging.trees import make
from worker.embedded.loopback import free_port
from worker.models.upload import UploadState

LANDINGS = ("oneprefix_worker_enqueue_to_land_seconds_count",)
STAGES = ("measuring", "sending", "completing", "recording")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def settings(port: int) -> dict[str, str]:
    return {"ONEPREFIX_METRICS_PORT": str(port)}


def scraped(port: int) -> Samples | None:
    try:
        return scrape(port)
    except URLError:
        return None


def reached(port: int, name: tuple[str, ...], value: float) -> Samples:
    def found() -> Samples | None:
        there = scraped(port)
        return there if there and there[name] >= value else None

    there: Samples = eventually(found, f"{name} is {value}")
    return there


def land(running: Cluster, run_id: int, size: int = 1000) -> None:
    path = running.results / f"RUN{run_id}"
    make(path, {"out.csv": b"1,2\n" * (size // 4)})
    running.enqueue(12, run_id, str(path))
    running.wait_for(12, run_id)


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def recovery_of(pid: int) -> int | None:
    return next((each for each in children(pid) if b"tasks.recovery" in command_of(each)), None)


def test_a_worker_tells_what_landed_and_what_failed_and_why(running: Cluster, port: int) -> None:
    running.start_worker()
    land(running, 4)
    running.enqueue(12, 5, str(running.results / "RUN5"))  # it does not exist
    running.wait_for(12, 5, UploadState.FAILED)
    found = reached(port, ("oneprefix_worker_failures_total", "AttemptsExhausted"), 1)
    assert found[LANDINGS] == 1
    assert found["oneprefix_worker_attempts_total",] == 4
    assert found["oneprefix_worker_retries_total", "ResultsDirectoryMissing"] == 2
    assert found["oneprefix_worker_processes",] == 2
    for stage in STAGES:
        assert found["oneprefix_worker_stage_seconds_count", stage] == 1
        assert 0 < found["oneprefix_worker_stage_seconds_sum", stage] < 30
    assert 0 < found["oneprefix_worker_enqueue_to_land_seconds_sum",] < 60
    assert found["oneprefix_worker_packed_bytes_total",] == 1000
    archive = running.scalar("SELECT archive_size FROM uploads WHERE run_id = 4")
    assert found["oneprefix_worker_archive_bytes_total",] == archive
    assert found["oneprefix_worker_sent_bytes_total",] == archive
    assert running.log().count("metrics are at") == 1


@pytest.mark.thorough("a dozen seconds: recovery is killed, and replaced, twice")
def test_what_was_counted_outlives_the_processes_that_counted(running: Cluster, port: int) -> None:
    worker = running.start_worker()
    land(running, 4)
    reached(port, LANDINGS, 1)
    for pid in children(worker.pid):
        os.kill(pid, signal.SIGKILL)  # recovery too, which serves
    land(running, 5)
    found = reached(port, LANDINGS, 2)
    assert found["oneprefix_worker_stage_seconds_count", "recording"] == 2
    recovery = eventually(lambda: recovery_of(worker.pid), "recovery is replaced")
    os.kill(recovery, signal.SIGKILL)  # a command, this time
    land(running, 6)
    assert reached(port, LANDINGS, 3)[LANDINGS] == 3


@pytest.mark.thorough("half a minute: an upload slow enough to be killed")
def test_a_death_in_an_attempt_and_its_recovery_are_counted(running: Cluster, port: int) -> None:
    running.settings["ONEPREFIX_BANDWIDTH_MIB"] = "2"
    worker = running.start_worker()
    path = running.results / "RUN4"
    make(path, {"out.bin": os.urandom(24 << 20)})
    running.enqueue(12, 4, str(path))
    sent = ("oneprefix_worker_sent_bytes_total",)
    reached(port, sent, 1)
    row = running.row(12, 4)
    assert row
    assert row.owner
    os.kill(int(row.owner.partition("@")[0].rpartition(":")[2]), signal.SIGKILL)
    assert worker.poll() is None
    running.wait_for(12, 4)
    found = reached(port, LANDINGS, 1)
    assert found["oneprefix_worker_deaths_total", "killed"] == 1
    assert found["oneprefix_worker_recoveries_total",] == 1
    assert found["oneprefix_worker_recovery_actions_total", "message_republished"] >= 1
    assert found["oneprefix_worker_attempts_total",] == 2
    size = running.scalar("SELECT archive_size FROM uploads WHERE run_id = 4")
    assert 0 < found[sent] <= size  # what had arrived is not sent again
    assert found["oneprefix_worker_archive_bytes_total",] == size


@pytest.mark.thorough("half a minute: three workers start")
def test_workers_of_one_machine_count_apart_and_a_killed_ones_port_goes_to_who_waits_for_it(
    running: Cluster, port: int
) -> None:
    other = free_port()
    first = running.start_worker()
    running.start_worker()  # at the same port
    running.start_worker(ONEPREFIX_METRICS_PORT=str(other))
    for run_id in (4, 5, 6):
        land(running, run_id)
    eventually(lambda: "no metrics at 127.0.0.1" in running.log(1), "the port is taken")
    landed = scrape(port)[LANDINGS] + scrape(other)[LANDINGS]
    first.kill()
    first.wait(timeout=30)
    eventually(lambda: "metrics are at" in running.log(1), "the port is free")
    assert running.log(1).count("no metrics at") == 1
    assert landed + scrape(port)[LANDINGS] == 3


@pytest.mark.thorough("ten seconds: a worker of its own")
def test_no_port_means_no_metrics(running: Cluster, port: int) -> None:
    del running.settings["ONEPREFIX_METRICS_PORT"]
    running.start_worker()
    land(running, 4)
    assert "metrics are at" not in running.log()
    assert scraped(port) is None
