"""Carry out due orders in a process of their own, which ends when none is left."""

import logging
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic

from tasks.app import app
from tasks.messaging.broker import use_own_transport
from tasks.messaging.progress import send_progress
from tasks.services import services
from tasks.worker_process.log import log_as
from worker.errors import OneprefixError
from worker.process.child_process import die_with
from worker.redaction import redacted

log = logging.getLogger("oneprefix.orders")

#: Orders that are carried out at a time.
CONCURRENT = 4
#: Seconds without an order after which the process ends.
IDLE = 10.0
#: Seconds between two looks for orders.
LOOK_EVERY = 1.0
#: Seconds in which all orders are handed back when the process is told to stop.
STOP_SECONDS = 5.0


def main(parent: int) -> None:
    """Carry out orders until none is left, until SIGTERM, or until the process `parent` ends."""
    die_with(parent)
    log_as("orders")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    use_own_transport()
    carry_out(stop)


def carry_out(stop: threading.Event) -> None:
    """Carry out what is due, each order in a thread of its own, which is a daemon."""
    under_way: dict[str, threading.Thread] = {}
    busy_at = monotonic()
    while not stop.is_set() and monotonic() - busy_at < IDLE:
        under_way = {name: thread for name, thread in under_way.items() if thread.is_alive()}
        for order_id in _due(CONCURRENT - len(under_way)):
            if order_id not in under_way:
                under_way[order_id] = threading.Thread(
                    target=_carry_out_one, args=(order_id, stop.is_set), daemon=True
                )
                under_way[order_id].start()
        if under_way:
            busy_at = monotonic()
        stop.wait(LOOK_EVERY)
    deadline = monotonic() + STOP_SECONDS
    for thread in under_way.values():
        thread.join(timeout=max(0, deadline - monotonic()))


def _due(count: int) -> list[str]:
    try:
        return services().orders.due(limit=count) if count else []
    except OneprefixError as error:
        log.warning("%s", redacted(error))
        return []


def _carry_out_one(order_id: str, must_stop: Callable[[], bool]) -> None:
    try:
        services().carry_out_order(order_id, partial(send_progress, app), must_stop)
    except OneprefixError as error:
        log.warning("order %s is not begun: %s", order_id, redacted(error))


if __name__ == "__main__":
    main(int(sys.argv[1]))
