"""This process's adapters, made after the fork and on first use."""

import logging
import os
import signal
from dataclasses import dataclass, field
from functools import cache

from worker.bootstrap.services import Services
from worker.process.semaphore import ProcessSemaphore
from worker.process.shutdown import ShutdownDeadline
from worker.settings import load_settings

log = logging.getLogger(__name__)


def services() -> Services:
    """The calling process's own: connections must not be shared across a fork."""
    return _services_of(os.getpid())


@cache
def _services_of(_pid: int) -> Services:
    return Services(
        load_settings(), _pool.processes, _pool.large_runs, _pool.shutdown, _end_this_process
    )


@dataclass(slots=True)
class _Pool:
    processes: int = 1
    large_runs: ProcessSemaphore = field(default_factory=lambda: ProcessSemaphore(1))
    shutdown: ShutdownDeadline = field(default_factory=ShutdownDeadline)


_pool = _Pool()


def expect_processes(count: int) -> None:
    """A worker is about to fork so many processes, which share this machine between them.

    All but one of them may be busy with large runs, so that a small one never waits long.
    """
    _pool.processes = count
    _pool.large_runs = ProcessSemaphore(max(1, count - 1))


def ask_to_stop(seconds: float) -> None:
    """Those processes are to hand back what they have not finished in so many seconds.

    Asked again, they do it at once.
    """
    _pool.shutdown.set(0 if _pool.shutdown.is_set() else seconds)


def _end_this_process() -> None:
    """Its attempt hangs, and others go on with the upload; Celery replaces the process."""
    log.critical("process %d hangs: nothing moves, and it does not stop; it is ended", os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)
