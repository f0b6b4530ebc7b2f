import os
import signal
from collections.abc import Callable

from worker.process.semaphore import Slots


def in_another_process(answer: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:  # pragma: no cover
        os._exit(0 if answer() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_processes_share_so_many_places() -> None:
    slots = Slots(2)
    assert slots.take()
    assert in_another_process(slots.take)
    assert in_another_process(lambda: Slots.take(slots) or True)
    slots.release()


def test_a_place_that_is_held_is_not_another_processes() -> None:
    slots = Slots(1)
    assert slots.take()
    assert slots.take()  # it is ours already
    # a forked process inherits what Python knows, but not the lock
    assert not in_another_process(lambda: _afresh(slots).take())
    slots.release()
    assert in_another_process(lambda: _afresh(slots).take())


def test_the_kernel_frees_the_place_of_a_killed_process() -> None:
    slots = Slots(1)
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        slots.take()
        os.write(theirs, b"!")
        signal.pause()
    os.read(ours, 1)
    assert not slots.take()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert slots.take()
    os.close(ours)
    os.close(theirs)


def _afresh(slots: Slots) -> Slots:
    slots._held = None
    return slots
