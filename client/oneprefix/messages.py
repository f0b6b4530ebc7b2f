"""Send messages through Celery, where it is installed and a broker is named.

A message is a doorbell: where none can be sent, the workers find the row within seconds.
"""

import logging
import os
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from time import monotonic
from typing import Any

from oneprefix.database import within
from oneprefix.request import Request

log = logging.getLogger(__name__)

TASK = "tasks.package_and_upload"
QUEUE = "uploads"
#: Seconds that sending one message may take; those of many share `MANY_SECONDS`.
ONE_SECONDS, MANY_SECONDS = 0.5, 10.0


def publish(requests: Sequence[Request], broker_url: "str | None") -> list[Request]:
    """Send the requests' messages; return those that the broker confirmed, in time."""
    broker_url = broker_url or os.environ.get("ONEPREFIX_BROKER_URL") or None
    if broker_url is None or find_spec("celery") is None:
        return []
    app = _app(broker_url, os.getpid())  # importing Celery takes longer than sending
    sent: list[Request] = []
    timeout = ONE_SECONDS if len(requests) == 1 else MANY_SECONDS
    until = monotonic() + timeout

    def send() -> None:
        # not `app.pool`, whose URL CELERY_BROKER_URL would replace
        with app.connection(broker_url) as connection, app.amqp.Producer(connection) as producer:
            for each in requests:
                if monotonic() > until:
                    return
                app.send_task(
                    TASK,
                    args=[each.job_id, each.run_id, each.path],
                    task_id=each.task_id,
                    queue=QUEUE,
                    producer=producer,
                    retry=False,
                )
                sent.append(each)

    try:
        within(timeout, send, TimeoutError(f"no answer within {timeout:g} s"))
    except Exception as error:  # noqa: BLE001  each broker's library has its own
        what = f"{len(requests) - len(sent)} of {len(requests)} messages"
        log.warning("%s not sent, the workers will: %s", what, type(error).__name__)
    return list(sent)


@lru_cache(maxsize=8)
def _app(broker_url: str, _pid: int) -> Any:
    """A Celery of our own, which leaves the program's as it is."""
    from celery import Celery

    is_amqp = broker_url.startswith("amqp")
    app = Celery("oneprefix-client", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        task_create_missing_queue_type="quorum" if is_amqp else "classic",
        broker_connection_timeout=3,
        broker_transport_options={"confirm_publish": True}
        if is_amqp
        else {"socket_timeout": 5, "socket_connect_timeout": 3},
        task_send_sent_event=False,
    )
    return app
