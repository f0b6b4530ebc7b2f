import os
import time

from worker.process.shutdown import ShutdownDeadline


def test_a_deadline_passes_once_it_is_set_and_its_time_has_come() -> None:
    deadline = ShutdownDeadline()
    assert not deadline.is_set()
    assert not deadline.has_passed()
    deadline.set(0.2)
    assert deadline.is_set()
    assert not deadline.has_passed()
    time.sleep(0.25)
    assert deadline.has_passed()


def test_a_deadline_moves_earlier_and_never_later() -> None:
    deadline = ShutdownDeadline()
    deadline.set(60)
    deadline.set(0)
    assert deadline.has_passed()
    deadline.set(60)
    assert deadline.has_passed()


def test_processes_forked_before_share_the_deadline() -> None:
    deadline = ShutdownDeadline()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        patience = time.monotonic() + 10
        while not deadline.has_passed() and time.monotonic() < patience:
            time.sleep(0.01)
        os.write(writing, b"stop" if deadline.has_passed() else b"none")
        os._exit(0)
    deadline.set(0)
    assert os.read(reading, 4) == b"stop"
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
