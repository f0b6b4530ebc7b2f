"""Celery's settings, each with its reason; where the broker is comes from `worker.settings`."""

from tasks.messaging.broker import broker_url as _broker_url

broker_url = _broker_url()

# One queue of our own name: any producer reaches it with queue="uploads".
task_default_queue = "uploads"

# The message outlives the child that works on it, and goes back to the queue if that is killed.
task_acks_late = True
task_reject_on_worker_lost = True

# A long upload must not sit on messages that an idle worker could take.
worker_prefetch_multiplier = 1

# True lost the running tasks when the broker's connection broke; the lease guards against doubles.
worker_cancel_long_running_tasks_on_connection_loss = False

if broker_url.startswith("amqp"):
    # Replicated, and never lost with a node. RabbitMQ closes the channel of a consumer that has not
    # acknowledged for 30 minutes (its consumer_timeout): the upload goes on, and the message that
    # comes again finds it held.
    task_default_queue_type = "quorum"
    broker_transport_options = {
        "confirm_publish": True,  # that a message was published means that RabbitMQ has it
        "read_timeout": 5,
        "write_timeout": 5,
    }
else:
    broker_transport_options = {
        # Redis and Valkey redeliver what is not acknowledged by then, while it is still running.
        # The lease in SQL, renewed every few seconds, notices a dead worker long before.
        "visibility_timeout": 24 * 60 * 60,
        # Without them a publish to a broker that hangs would block for ever.
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
    }
broker_connection_timeout = 3

# A worker waits for its broker as long as it takes, at its start as later.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None

# `enqueue` answers within seconds: its row stands, and a worker publishes what it could not.
task_publish_retry_policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2}

# Only JSON: unpickling a message would run whatever it says.
accept_content = ["json"]
task_serializer = "json"

# The row has the result; a result backend would be a second truth.
task_ignore_result = True

# What Flower shows.
worker_send_task_events = True
task_send_sent_event = True
