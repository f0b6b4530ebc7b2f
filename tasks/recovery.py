"""Run recovery in a process of its own, beside the worker that is its parent."""

import logging
import os
import signal
import sys
import threading

from tasks.app import app
from tasks.messaging.broker import use_own_transport
from tasks.messaging.deliveries import KombuDeliveries
from tasks.messaging.publisher import CeleryPublisher
from tasks.services import join_pool, services, worker_pool
from tasks.worker_process.log import log_as
from tasks.worker_process.orders_process import OrdersProcess
from worker.bootstrap.metrics import serve_metrics
from worker.errors import ForeignBroker
from worker.process.child_process import die_with
from worker.process.watchdog import Watchdog
from worker.settings import load_settings

log = logging.getLogger("oneprefix.recovery")

#: Seconds for one step of recovery. Each of its requests is bounded; a name server, or a spool on a
#: file system that hangs, is not.
HANGS_AFTER = 120.0


def main(parent: int, *, with_orders: bool) -> None:
    """Recover every few seconds until SIGTERM, SIGINT, or the end of the process `parent`.

    It serves the worker's metrics too: the main process, which forks, may have no thread of ours.
    EX_CONFIG tells that process that its broker is another installation's.

    `with_orders`: whether orders may be carried out beside this worker.
    """
    die_with(parent)
    log_as("recovery")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    use_own_transport()
    if pool := worker_pool():
        serve_metrics(load_settings(), pool)
    orders = OrdersProcess()
    deliveries = KombuDeliveries(app)
    watchdog = Watchdog(HANGS_AFTER, _end)
    recover = services().recover(
        CeleryPublisher(app, lambda: services().installation_id),
        deliveries,
        deliveries,
        orders.ensure_running if with_orders else None,
        watchdog.moved,
    )
    try:
        recover(wait=lambda seconds: stop.wait(seconds) or os.getppid() != parent)
    except ForeignBroker as error:
        log.critical("%s", error)
        sys.exit(os.EX_CONFIG)
    finally:
        orders.stop()


def _end() -> None:
    """Kill this process; the worker starts it again."""
    log.critical("recovery hangs: a step takes more than %g s", HANGS_AFTER)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if sys.argv[3:]:  # not forked, but started in the place of one that was
        join_pool(*map(int, sys.argv[3:]))
    main(int(sys.argv[1]), with_orders=sys.argv[2] == "with-orders")
