"""Files that change, disks that are full, clocks that are wrong, processors that are busy."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from tests.chaos.audit import audit, settle
from tests.chaos.conftest import LONG
from tests.chaos.figures import note
from tests.chaos.fleet import Fleet
from tests.chaos.runs import MIB, NOISE, make_run, make_runs, path_of
from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import Hang

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount file systems")


def grow(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(NOISE)


def shrink(file: Path) -> None:
    os.truncate(file, MIB)


def be_replaced(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(NOISE)
    other.rename(file)


def be_deleted(file: Path) -> None:
    file.unlink()


def turn_unreadable(file: Path) -> None:
    """As far as root may not read it either: a directory now."""
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    "change",
    [grow, shrink, be_replaced, be_deleted, turn_unreadable],
    ids=lambda change: change.__name__,
)
def test_a_file_that_changes_while_it_is_packed_lands_as_it_is_in_the_end(
    running: Cluster, change: Callable[[Path], None]
) -> None:
    run = running.results / "RUN4"
    run.mkdir()
    for name in ("a", "z"):
        (run / name).write_bytes(NOISE * 12)
    running.strict.proxy.fault(lambda request: request.operation == "UploadPart", Hang(600))
    settings = {"ONEPREFIX_CONNECTIONS": "1"}
    with Fleet(running, 1, environment=settings):
        running.send(12, 4, str(run))
        eventually(
            lambda: running.scalar("SELECT multipart_upload_id FROM uploads"), "it is being sent"
        )
        change(run / "z")
        running.strict.proxy.mend()
        settle(running, 1)
    audit(running)
    row = running.row(12, 4)
    assert row
    assert row.attempt > 1


@as_root
def test_a_full_and_a_read_only_disk_are_in_nobodys_way(running: Cluster, dice: Random) -> None:
    ids = make_runs(running, 4, dice, largest=40 * MIB)
    mounts = (
        f"mount -t tmpfs -o size=16k,nr_inodes=64 none {running.temporary}"
        f" && (dd if=/dev/zero of={running.temporary}/full bs=1k count=64 2>/dev/null; true)"
        f" && mount --bind {running.results} {running.results}"
        f" && mount -o remount,ro,bind {running.results}"
        ' && exec "$@"'
    )
    within = ("unshare", "--mount", "sh", "-c", mounts, "worker")
    with Fleet(running, 1, within=within):
        for run_id in ids:
            running.send(12, run_id, path_of(running, run_id))
        settle(running, len(ids))
    audit(running)


FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.mark.skipif(FAKETIME is None, reason="faketime is not installed")
def test_a_worker_whose_clock_is_five_minutes_off_harms_nobody(
    running: Cluster, dice: Random
) -> None:
    ids = make_runs(running, 10, dice, largest=12 * MIB)
    environment = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "ONEPREFIX_SWEEP_SECONDS": "1",
    }
    with ExitStack() as fleets:
        for offset in ("-5m", "+5m"):
            fleet = Fleet(running, 1, environment=environment | {"FAKETIME": offset})
            fleets.enter_context(fleet)
        for run_id in ids:
            running.send(12, run_id, path_of(running, run_id))
        settle(running, len(ids))
    audit(running)
    assert running.scalar("SELECT max(attempt) FROM uploads") == 1


@pytest.mark.timeout(900)
def test_no_lease_is_lost_while_every_processor_is_busy(running: Cluster, dice: Random) -> None:
    make_run(running.results / "RUN4", 40 * MIB, dice)
    seconds = 600 if LONG else 15
    # shared by two processes; an S3 that hangs for so long would fail the attempt
    slow = {"ONEPREFIX_BANDWIDTH_MIB": str(2 * 40 / seconds)}
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(2 * (os.cpu_count() or 1))
    ]
    try:
        with Fleet(running, 1, environment=slow):
            running.send(12, 4, str(running.results / "RUN4"))
            settle(running, 1, seconds=seconds + 120)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    audit(running)
    row = running.row(12, 4)
    assert row
    assert (row.fence, row.attempt) == (1, 1)
    note("busy processors", seconds=seconds, leases_lost=0)
