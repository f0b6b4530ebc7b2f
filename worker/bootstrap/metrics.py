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


def inherited_counts(descriptor: int) -> "SharedCounts | None":
    """What the process that started this one counts in; None if it is of another release."""
    from worker.metrics.catalogue import WIDTH
    from worker.process.shared_counts import SharedCounts

    counts = SharedCounts.inherited(descriptor, WIDTH)
    if counts is None:
        log.warning("no metrics until the worker is started anew: it is of another release")
    return counts


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
