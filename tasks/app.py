"""The Celery app. Importing it reads no setting and connects to nothing."""

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import (
    after_setup_logger,
    after_setup_task_logger,
    celeryd_after_setup,
    celeryd_init,
    worker_shutting_down,
)

import tasks.messaging.flower  # noqa: F401  what Flower finds of us
from tasks.guarantees import require_guarantees
from tasks.messaging.broker import use_own_transport
from tasks.messaging.results import stores_results
from tasks.services import ask_to_stop, expect_processes
from tasks.worker_process.ending import HAND_BACK_SECONDS, OVERTIME, end_within
from tasks.worker_process.log import clean, quieten
from tasks.worker_process.own_broker import require_own_broker
from tasks.worker_process.pool_step import PoolStep, require_semaphores
from tasks.worker_process.recovery_step import RecoveryStep
from tasks.worker_process.revocation_step import RevocationStep
from worker.bootstrap.preflight import require_worker_settings, surprises
from worker.errors import OneprefixError
from worker.printable import printable
from worker.settings import load_settings

log = logging.getLogger(__name__)


class App(Celery):
    """A Celery whose callers are told so if they ask for a result and none is stored."""

    events_cls = "tasks.messaging.events:Events"

    def send_task(self, *arguments: Any, **options: Any) -> Any:
        result = super().send_task(*arguments, **options)
        if not stores_results(self):
            result.ignored = False  # an ignored one would answer None at once, whatever happened
        return result


# set_as_current: a program that imports us may have a Celery of its own
app = App(
    "oneprefix",
    include=[
        "tasks.upload_task",
        "tasks.order_tasks",
    ],
    set_as_current=False,
)
# by its full name: a celeryconfig.py in the current directory is another program's
app.config_from_object("tasks.configuration")
app.steps["worker"].update((PoolStep, RecoveryStep, RevocationStep))


@celeryd_init.connect
def prepare_worker(conf: Any, options: dict[str, Any], **_: Any) -> None:
    """Check the settings before a worker starts, and have it check its broker's entries."""
    processes = options.get("concurrency") or conf.worker_concurrency or os.cpu_count() or 1
    try:
        expect_processes(processes)
        require_guarantees(conf, options)
        require_semaphores(processes)
        require_worker_settings(load_settings())
        use_own_transport()
        require_own_broker(app)
    except OneprefixError as error:
        raise SystemExit(printable(f"oneprefix: {error}")) from None


@celeryd_after_setup.connect
def tell_surroundings(**_: Any) -> None:
    """Log what the worker reads, or does not, against what one may think."""
    for line in surprises():
        log.warning("%s", line)


@worker_shutting_down.connect
def hand_back(**_: Any) -> None:
    """Give uploads some time when the worker is told to stop, and none when it is told again."""
    seconds = load_settings().stop_seconds
    ask_to_stop(max(0, seconds - HAND_BACK_SECONDS))
    end_within(seconds + OVERTIME)


@after_setup_logger.connect
@after_setup_task_logger.connect
def make_log_harmless(logger: logging.Logger, **_: Any) -> None:
    clean(logger)
    quieten()
