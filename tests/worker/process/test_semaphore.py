import os
import signal
from collections.abc import Callable

from worker.process.semaphore import ProcessSemaphore


def in_another_process(answer: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:  # pragma: no cover
        os._exit(0 if answer() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_so_many_processes_hold_it_at_a_time() -> None:
    semaphore = ProcessSemaphore(2)
    assert semaphore.acquire()
    assert in_another_process(semaphore.acquire)
    assert in_another_process(lambda: ProcessSemaphore.acquire(semaphore) or True)
    semaphore.release()


def test_what_one_process_holds_no_other_acquires() -> None:
    semaphore = ProcessSemaphore(1)
    assert semaphore.acquire()
    assert semaphore.acquire()  # it is held already
    # a forked process inherits what Python knows, but not the lock
    assert not in_another_process(lambda: _afresh(semaphore).acquire())
    semaphore.release()
    assert in_another_process(lambda: _afresh(semaphore).acquire())


def test_the_kernel_releases_what_a_killed_process_held() -> None:
    semaphore = ProcessSemaphore(1)
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        semaphore.acquire()
        os.write(theirs, b"!")
        signal.pause()
    os.read(ours, 1)
    assert not semaphore.acquire()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert semaphore.acquire()
    os.close(ours)
    os.close(theirs)


def _afresh(semaphore: ProcessSemaphore) -> ProcessSemaphore:
    semaphore._held = None
    return semaphore
