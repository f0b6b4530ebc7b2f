"""Sees that each message that a worker has taken leads to something, should that worker die first.

Redis and Valkey keep what was delivered in a hash until it is acknowledged, and deliver it again
only after the visibility timeout, a day later. RabbitMQ does so as soon as a connection breaks.
"""

import json
import logging
from base64 import b64decode
from time import time
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tasks.app import app
from tasks.queue_entry import problem_with
from tasks.upload_task import package_and_upload, request_of
from worker.errors import DatabaseRefused
from worker.use_cases.recovery.ports import Outbox
from worker.use_cases.upload.ports import RequestRepository

log = logging.getLogger("oneprefix.recovery")


class Adoption:
    def __init__(self, requests: RequestRepository, outbox: Outbox, grace: float) -> None:
        """`grace`: seconds that a worker has to begin."""
        self._requests = requests
        self._outbox = outbox
        self._grace = grace
        self._seen: set[bytes] = set()
        """Tags of messages that were looked at."""

    def __call__(self) -> int:
        """How many messages were looked at; each asks for what its worker would have asked for."""
        with app.connection_or_acquire() as connection:
            if connection.transport.driver_type != "redis":
                return 0
            try:
                with connection.channel() as channel:
                    return self._look(channel)
            except RedisError as error:
                raise OperationalError(str(error)) from error

    def _look(self, channel: Any) -> int:
        until = time() - self._grace
        taken = dict(
            channel.client.zrangebyscore(channel.unacked_index_key, 0, until, withscores=True)
        )
        self._seen.intersection_update(taken)
        new = [tag for tag in taken if tag not in self._seen]
        for tag in new:
            self._adopt(channel.client.hget(channel.unacked_key, tag), since=until - taken[tag])
            self._seen.add(tag)
        return len(new)

    def _adopt(self, entry: bytes | None, *, since: float) -> None:
        if entry is None:
            return  # acknowledged meanwhile
        message, *_ = json.loads(entry)
        if problem_with(json.dumps(message).encode()):
            return
        headers = message["headers"]
        if headers["task"] != package_and_upload.name:
            return
        try:
            arguments, keywords, _ = json.loads(b64decode(message["body"]))
            request = request_of(headers["id"], *arguments, **keywords)
            self._requests.request(request, published=False)
            if self._outbox.mark_due_if_stuck(request, since=since):
                log.info("job %s, run %s: taken and not begun", request.job_id, request.run_id)
        except (ValueError, TypeError, DatabaseRefused) as error:  # among them InvalidRequest
            log.warning("message %s asks for nothing: %s", headers["id"], error)
