"""A process in which nothing moves is given up."""

import time
from threading import Event

from worker.process.watchdog import Watchdog


def test_it_fires_once_nothing_moves_any_more() -> None:
    fired = Event()
    watchdog = Watchdog(1.0, fired.set)
    for _ in range(15):
        time.sleep(0.1)
        watchdog.moved()
    assert not fired.is_set()
    assert fired.wait(timeout=10)
