"""What a worker's processes count, and where it is served."""

import logging
from typing import TYPE_CHECKING

from worker.settings import Settings

if TYPE_CHECKING:
    from worker.metrics.exposition import Exposition
    from worker.process.shared_counts import SharedCounts
    from worker.process.worker_pool import WorkerPool

log = logging.getLogger(__name__)

#: Processes that count beside the pool's: recovery, and those that an autoscaled pool has more.
SPARE = 32


def make_counts(settings: Settings, processes: int) -> "SharedCounts | None":
    """Create what the processes of a worker count in; None if nobody asks for it."""
    if settings.metrics_port is None:
        return None
    from worker.metrics.catalogue import WIDTH
    from worker.process.shared_counts import SharedCounts

    return SharedCounts(WIDTH, processes + SPARE)


def handed_on(pool: "WorkerPool | None") -> tuple[int, ...]:
    """What a command needs to count where the pool does, the descriptor second: see `joined`."""
    if pool is None or pool.counts is None:
        return ()
    from worker.metrics.catalogue import LAYOUT

    return pool.processes, pool.counts.descriptor, LAYOUT


def joined(processes: int, descriptor: int, layout: int) -> "WorkerPool":
    """The pool of the worker that started this process; it counts nothing for another release."""
    from worker.metrics.catalogue import LAYOUT, WIDTH
    from worker.process.shared_counts import SharedCounts
    from worker.process.worker_pool import WorkerPool

    if layout != LAYOUT:
        log.warning("no metrics until the worker is started anew: it is of another release")
        return WorkerPool(processes)
    return WorkerPool(processes, counts=SharedCounts(WIDTH, processes + SPARE, file=descriptor))


def serve_metrics(settings: Settings, pool: "WorkerPool") -> None:
    """Serve what the worker has counted, in a thread, if the settings say so."""
    counts, port = pool.counts, settings.metrics_port
    if counts is None or port is None:
        return
    from worker.metrics.exposition import exposition
    from worker.metrics.server import serve
    from worker.metrics.worker import families

    def answer() -> "Exposition":
        return exposition(families(counts.totals(), pool.processes))

    serve(settings.metrics_host, port, answer)
