import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.worker.packaging.faults import before_calls, fail
from tests.worker.packaging.helpers import SLOW_READS, prefixed
from tests.worker.packaging.plans import batch_of
from tests.worker.packaging.processes import has_ended, started, wait_until
from tests.worker.packaging.trees import make
from worker.packaging.workers.batch import BatchPacker, PackedBatch
from worker.packaging.workers.helper_process import main
from worker.packaging.workers.messages import Received, encoded, receive, send
from worker.packaging.zip.deflate import FAST

FILES = {f"{number:04}": b"0.0,1.0\n" for number in range(2000)}


@contextmanager
def running() -> Iterator[socket.socket]:
    """Run a helper's main function in a thread; the worker's end of its socket."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    thread = threading.Thread(target=main, args=(theirs.detach(), FAST))
    thread.start()
    with closing(ours):
        yield ours
    thread.join(10)
    assert not thread.is_alive()


def test_a_helper_process_answers_with_each_packed_batch_and_ends_with_its_socket(
    run: Path,
) -> None:
    make(run, {"a": b"1", "inner": {"b": b"22"}})
    with batch_of(run) as batch, running() as worker:
        for _ in range(3):
            send(worker, encoded(batch.message), batch.descriptors)
            received = receive(worker)
            assert received
            packed = PackedBatch(received.body, *received.message)
            assert packed == BatchPacker(FAST)(batch.items, batch.descriptors)


@pytest.mark.parametrize("function", ["open", "fstat", "read"])
def test_whatever_fails_is_answered_with_its_name(run: Path, function: str) -> None:
    make(run, {"out": b"1"})
    with batch_of(run) as batch, running() as worker:
        with before_calls(function, lambda *call: fail()):
            send(worker, encoded(batch.message), batch.descriptors)
            answer = receive(worker)
        assert answer == unreadable("RUN4/out")


def test_a_directory_that_the_file_system_lost_is_answered_with_its_name(run: Path) -> None:
    make(run, {"out": b"1"})

    def act(number: int, descriptor: int) -> None:
        if number == 2:  # after the file's
            fail()

    with batch_of(run) as batch, running() as worker:
        with before_calls("fstat", act):
            send(worker, encoded(batch.message), batch.descriptors)
            answer = receive(worker)
        assert answer == unreadable("RUN4/")


def unreadable(name: str) -> Received:
    error = "TreeChanged", f"{name} can't be read: Input/output error"
    return Received(error, [], bytearray())


def test_a_helper_process_ends_in_silence_when_its_worker_goes_while_it_packs(run: Path) -> None:
    make(run, {"out": b"1"})
    with batch_of(run) as batch, running() as worker:
        asked, closed = threading.Event(), threading.Event()

        def close(*call: object) -> None:
            assert asked.wait(10)
            worker.close()
            closed.set()

        with before_calls("read", close):
            send(worker, encoded(batch.message), batch.descriptors)
            asked.set()
            assert closed.wait(10)


#: Packs a run; prints its helpers' ids once they pack, and whether it was interrupted.
PACK = """
import sys
from pathlib import Path
from tests.worker.packaging.left_behind import children
from worker.packaging.workers import helper
from worker.packaging.package import Packing, TreePackager

run, helper._MAIN = Path(sys.argv[1]), sys.argv[2]
packing = Packing(threads=2, helpers=True)
try:
    with TreePackager((run.parent,), "RUN*", packing).open(str(run)) as package:
        chunks = package.chunks()
        next(chunks)
        print(*children(), flush=True)
        for chunk in chunks:
            pass
except KeyboardInterrupt:
    print("interrupted", *children())
"""


def test_ctrl_c_reaches_the_worker_alone_which_ends_its_helpers_in_silence(run: Path) -> None:
    make(run, FILES)
    with started(PACK, run, prefixed(SLOW_READS)) as process:
        assert process.stdout
        pids = process.stdout.readline().split()
        os.killpg(process.pid, signal.SIGINT)
        printed, complaints = process.communicate(timeout=20)
    assert (printed, complaints, process.returncode) == ("interrupted\n", "", 0)
    assert len(pids) == 2
    wait_until(lambda: all(map(has_ended, pids)))


def test_a_worker_that_is_killed_takes_its_helpers_along_in_silence(run: Path) -> None:
    make(run, FILES)
    with started(PACK, run, prefixed(SLOW_READS)) as process:
        assert process.stdout
        pids = process.stdout.readline().split()
        process.kill()
        _, complaints = process.communicate(timeout=20)  # the helpers have these pipes, too
    assert complaints == ""
    assert len(pids) == 2
    wait_until(lambda: all(map(has_ended, pids)))
