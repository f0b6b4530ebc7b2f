"""End a worker in time that was told to stop, whatever it waits for: a broker, SQL, a file."""

import logging
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

log = logging.getLogger(__name__)

#: Of the seconds that a worker has to stop, those that it keeps for handing uploads back.
HAND_BACK_SECONDS = 3.0
#: Seconds after which it is ended if it has not by then.
OVERTIME = 1.0


def end_within(seconds: float) -> None:
    """Kill this process and its children unless it ends by itself within the time.

    Their leases are released by recovery; what they have sent to S3 is kept for the next attempt.
    """
    Thread(target=_end, args=(seconds,), name="ending", daemon=True).start()


def _end(seconds: float) -> None:
    time.sleep(seconds)
    log.error("told to stop %g s ago, the worker has not ended: it is killed", seconds)
    for pid in _children():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)  # it stops as it was told to, and nothing is lost


def _children() -> list[int]:
    """The ids of this process's children, whichever of its threads started them."""
    with suppress(OSError):
        lists = Path("/proc/self/task").glob("*/children")
        return [int(pid) for each in lists for pid in each.read_text().split()]
    return []
