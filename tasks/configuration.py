"""Celery's settings, each with its reason; `worker.settings` tells where the broker is."""

from typing import Any as _Any

from kombu import Exchange as _Exchange
from kombu import Queue as _Queue

from tasks.messaging.broker import KEEPALIVE as _KEEPALIVE
from tasks.messaging.broker import broker_url as _broker_url
from tasks.messaging.order_message import KINDS as _ORDER_TASKS
from tasks.messaging.order_message import QUEUE as _ORDERS
from tasks.messaging.results import result_backend_url as _result_backend_url

broker_url = _broker_url()

# Any producer reaches the one queue with queue="uploads", the other with queue="oneprefix.orders".
task_default_queue = "uploads"
task_routes = {name: {"queue": _ORDERS} for name in _ORDER_TASKS}
# Quorum queues are replicated, so no message is lost with a node of RabbitMQ.
_arguments = {"x-queue-type": "quorum"} if broker_url.startswith("amqp") else None
task_queues = [
    _Queue(name, _Exchange(name, type="direct"), routing_key=name, queue_arguments=_arguments)
    for name in (task_default_queue, _ORDERS)
]

# The message outlives the process that works on it, and returns to the queue if that dies.
task_acks_late = True
task_reject_on_worker_lost = True

# A worker must not reserve messages behind a long upload that an idle worker could take.
worker_prefetch_multiplier = 1

# True lost the running tasks when the broker's connection broke. The lease prevents duplicates.
worker_cancel_long_running_tasks_on_connection_loss = False

if broker_url.startswith("amqp"):
    # RabbitMQ closes the channel of a consumer that has not acknowledged for 30 minutes (its
    # consumer_timeout): the upload goes on, and the redelivered message finds it held.
    task_default_queue_type = "quorum"
    broker_transport_options: dict[str, _Any] = {
        "confirm_publish": True,  # a publish returns once RabbitMQ has the message
        "read_timeout": 5,
        "write_timeout": 5,
    }
else:
    broker_transport_options = {
        # Redis and Valkey redeliver a message that is not acknowledged by then, even if its task
        # still runs. The lease in SQL, renewed every few seconds, tells of a dead worker long
        # before.
        "visibility_timeout": 24 * 60 * 60,
        # Without these timeouts a publish to a broker that hangs would block for ever.
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        # A worker that waits for messages hears nothing of a connection that went silent.
        "health_check_interval": 5,
        "socket_keepalive": True,
        "socket_keepalive_options": _KEEPALIVE,
    }
broker_connection_timeout = 3
broker_heartbeat = 10  # RabbitMQ's; a connection is given up after twice as long

# A worker waits for its broker however long that takes, when it starts and later.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# A server that is full, or has become a replica, refuses what it is asked: the same holds then.
broker_channel_error_retry = True

# `enqueue` returns within seconds: its row is written, and recovery publishes a missing message.
task_publish_retry_policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2}

# Checks what the broker delivers before Celery acts on it. Workers neither gossip nor mingle.
worker_consumer = "tasks.worker_process.consumer:Consumer"

# Only JSON: unpickling a message would run any code that it holds.
accept_content = ["json"]
task_serializer = "json"

# The row holds the result. A backend is for those who want Celery's: `.get()`, states and chords.
result_backend = _result_backend_url()
task_ignore_result = "://" not in result_backend
task_track_started = True
# A backend that hangs must not hold up uploads: what follows one is done again later if need be.
redis_socket_timeout = 5
redis_socket_connect_timeout = 3
redis_backend_health_check_interval = 5
result_backend_transport_options = {"retry_policy": {"max_retries": 1, "timeout": 5.0}}

# Flower shows events.
worker_send_task_events = True
task_send_sent_event = True
