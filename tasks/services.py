"""Hold this process's adapters, made after the fork and on first use."""

import logging
import os
import signal
from dataclasses import dataclass
from functools import cache

from worker.bootstrap.metrics import joined, make_counts
from worker.bootstrap.services import Services
from worker.process.worker_pool import WorkerPool
from worker.settings import load_settings

log = logging.getLogger(__name__)


def services() -> Services:
    """The calling process's own services: connections must not cross a fork."""
    return _services_of(os.getpid())


@cache
def _services_of(_pid: int) -> Services:
    return Services(load_settings(), _worker.pool, _end_this_process)


@dataclass(slots=True)
class _Worker:
    pool: WorkerPool | None = None
    """None in a process that is no worker's: a producer's, or the command line's."""


_worker = _Worker()


def expect_processes(count: int) -> None:
    """Create what the `count` processes share that a worker is about to fork."""
    _worker.pool = WorkerPool.of(count, make_counts(load_settings(), count))


def join_pool(*handed_on: int) -> None:
    """Count where the worker's other processes do; see `worker.bootstrap.metrics.handed_on`."""
    _worker.pool = joined(*handed_on)


def worker_pool() -> WorkerPool | None:
    """What the worker's processes share, in one of them or in its main process."""
    return _worker.pool


def ask_to_stop(seconds: float) -> None:
    """Have the pool's processes hand back what they have not finished in `seconds`.

    Asked a second time, they do so at once.
    """
    if _worker.pool:
        shutdown = _worker.pool.shutdown
        shutdown.set(0 if shutdown.is_set() else seconds)


def _end_this_process() -> None:
    """Kill this process, whose attempt hangs. Celery replaces it; recovery resumes the upload."""
    log.critical("process %d hangs: nothing moves, and it does not stop; it is ended", os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)
