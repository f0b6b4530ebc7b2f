"""What an upload's message is called, how urgent it may be, and what a delivery says."""

import json
import logging
import re
from base64 import b64decode, b64encode
from typing import Any

from kombu.utils.json import dumps

from tasks.messaging.follow_up import follow_up_of
from tasks.messaging.order_message import KINDS, order_message
from tasks.messaging.queue_entry import problem_with_delivery
from worker.models.order import OrderMessage
from worker.models.upload_request import UploadMessage

log = logging.getLogger("oneprefix.recovery")

#: The task's name, on which foreign producers rely.
TASK = "tasks.package_and_upload"
#: A message's priority that puts it before all others, as RabbitMQ's quorum queues do from 5 on.
#: (kombu's Redis transport has it the other way round, and none before the default, 0.)
URGENT = 9


def title_of(arguments: object, keywords: object = None) -> str | None:
    """What logs and monitors call a message's upload, as `job 12 run 4`, from its arguments' reprs.

    None if these do not begin with two ids. They are strangers' texts.
    """
    by_place = re.match(r"[(\[](\d{1,19}), (\d{1,19})\b", str(arguments))
    by_name = [
        re.search(rf"'{name}': (\d{{1,19}})\b", str(keywords)) for name in ("job_id", "run_id")
    ]
    ids = by_place.groups() if by_place else [found[1] for found in by_name if found]
    return "job {} run {}".format(*ids) if len(ids) == 2 else None


def delivery_of(message: Any) -> bytes:
    """A message that kombu has read, as its Redis transport keeps one until it is acknowledged."""
    body, told = message.body, message.delivery_info
    place = {name: told[name] for name in ("exchange", "routing_key")}
    entry = {
        "body": b64encode(body.encode() if isinstance(body, str) else bytes(body)).decode(),
        "content-type": message.content_type,
        "content-encoding": message.content_encoding,
        "headers": message.headers,
        "properties": {
            "body_encoding": "base64",
            "delivery_tag": str(message.delivery_tag),
            "delivery_info": place,
        },
    }
    return dumps([entry, *place.values()]).encode()


def decoded(delivery: bytes, *, results: bool) -> UploadMessage | OrderMessage | None:
    """The content of a delivery that kombu keeps until it is acknowledged.

    None if the delivery is another program's task, or is none that a worker would start a task for.
    `results`: whether workers store results.
    """
    if problem := problem_with_delivery(delivery):
        log.warning("an unacknowledged delivery is no message: %s", problem)
        return None
    message, *_ = json.loads(delivery)
    headers = message["headers"]
    if headers["task"] not in (TASK, *KINDS):
        return None
    try:
        arguments, keywords, embedded = json.loads(b64decode(message["body"]))
        if headers["task"] in KINDS:
            told = headers | embedded
            return order_message(headers["task"], arguments, keywords, told, results=results)
        return UploadMessage.of(
            headers["id"],
            arguments,
            keywords,
            eta=headers.get("eta"),
            expires=headers.get("expires"),
            follow_up=follow_up_of(headers | embedded, results=results),
        )
    except (ValueError, TypeError) as error:
        log.warning("message %s asks for nothing: %s", headers["id"], error)
        return None
