"""Whatever a queue holds, it is refused in one line, or Celery and the tasks can act on it."""

import json
from base64 import b64encode
from copy import deepcopy
from typing import Any

from celery import Celery
from celery.worker.request import Request
from hypothesis import example, given
from hypothesis import strategies as some
from kombu import Connection
from kombu.transport.virtual import Message

from tasks.messaging.follow_up import options_of
from tasks.messaging.protocol import Embedded, Headers
from tasks.messaging.queue_entry import problem_with, problem_with_delivery
from tasks.messaging.upload_message import TASK, decoded
from tests.tasks.messaging.malformed import MALFORMED, MESSAGE
from worker.errors import InvalidRequest
from worker.models.order import OrderMessage
from worker.models.upload_request import Refusal, UploadMessage, UploadRequest

theirs = Celery(broker="memory://", set_as_current=False)


@theirs.task(name="theirs.land")
def land(*_: Any, **__: Any) -> None: ...


CHANNEL: Any = Connection("memory://").channel()

numbers = some.integers() | some.floats()
texts = some.text(max_size=20) | some.sampled_from(["\0", "a\nb", "\ud800", "2026-01-01T00:00:00"])
scalars = some.none() | some.booleans() | numbers | texts
values = some.recursive(
    scalars,
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(texts, inner, max_size=3)
        | some.fixed_dictionaries(
            {
                "__type__": some.sampled_from(["bytes", "decimal", "uuid", "datetime", "x"]),
                "__value__": inner,
            }
        )
    ),
    max_leaves=8,
)
names = some.sampled_from([*Headers.model_fields, "args", "delivery_info"])
headers = some.dictionaries(names, values, max_size=4)
good_headers = some.fixed_dictionaries(
    {},
    optional={
        "eta": some.datetimes().map(lambda time: time.isoformat()),
        "expires": some.datetimes().map(lambda time: time.isoformat() + "+00:00"),
        "retries": some.integers(0, 9),
        "timelimit": some.lists(some.none() | some.floats(0, 99), min_size=2, max_size=2),
        "task": some.sampled_from([TASK, "tasks.delete_job", "tasks.restore_job"]),
        "headers": some.dictionaries(some.just("given_at") | texts, values, max_size=2),
        "stamps": some.dictionaries(some.sampled_from(["args", "stamp", "link"]), values),
        "stamped_headers": some.lists(some.sampled_from(["args", "stamp", "link", "none"])),
    },
)
keywords = some.dictionaries(
    some.sampled_from(["job_id", "run_id", "path", "replace", "days", "prefix", "self"]) | texts,
    values,
    max_size=3,
)
embedded = some.dictionaries(
    some.sampled_from([*Embedded.model_fields]),
    values | some.lists(some.dictionaries(texts, values, max_size=2), max_size=2),
    max_size=2,
)
arguments = some.lists(values, max_size=5)
parts = some.tuples(arguments, keywords, embedded).map(list)
bodies = (parts | values).map(lambda value: json.dumps(value).encode())


def entry(added: dict[str, Any], body: bytes) -> bytes:
    message = deepcopy(MESSAGE)
    message["headers"] |= added
    message["body"] = b64encode(body).decode()
    return json.dumps(message).encode()


entries = some.builds(entry, headers | good_headers, bodies | some.binary(max_size=30))


def require_one_line(problem: str) -> None:
    assert problem
    assert problem.isprintable()
    assert len(problem) < 300


@given(some.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()) | entries)
@example(MALFORMED["deeply nested"])
@example(MALFORMED["a body that is arguments nested 900 deep"])
def test_an_entry_is_refused_in_one_line_or_celery_can_act_on_it(text: bytes) -> None:
    problem = problem_with(text)
    if problem is not None:
        require_one_line(problem)
        return
    message = Message(json.loads(text), channel=CHANNEL)
    message.accept = {"application/json"}
    request = Request(message, app=theirs, task=land, headers=message.headers)
    assert isinstance(request.info(), dict)
    request.revoked()


@given(some.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()) | entries)
def test_recovery_reads_every_delivery_or_none(kept: bytes) -> None:
    delivery = kept
    if problem_with(kept) is None:
        delivery = json.dumps([json.loads(kept), "", "uploads"]).encode()
        assert problem_with_delivery(delivery) is None
    message = decoded(delivery, results=True)
    if message is None:
        return
    if isinstance(message, OrderMessage):
        require_an_order_or_a_reason(message)
    else:
        require_a_request_or_a_reason(message)
    options = options_of(message.follow_up)
    theirs.send_task(TASK, args=[12, 4, "/r"], task_id="a", priority=None, **options)


@given(arguments, keywords, values, values)
def test_arguments_make_a_request_or_a_refusal_that_every_database_stores(
    given: list[Any], named: dict[str, Any], eta: Any, expires: Any
) -> None:
    message = UploadMessage.of("a", given, named, eta=eta, expires=expires)
    require_a_request_or_a_reason(message)


def require_a_request_or_a_reason(message: UploadMessage) -> None:
    try:
        request = UploadRequest.parse(message)
    except InvalidRequest as error:
        refusal = Refusal.of(message, error.message)
        for text in (refusal.path, refusal.reason):
            assert "\0" not in text
            text.encode()
        return
    request.path.encode()
    assert "\0" not in request.path


def require_an_order_or_a_reason(message: OrderMessage) -> None:
    try:
        message.read()
    except InvalidRequest as error:
        reason = str(error)
    else:
        reason = ""
    assert "\0" not in reason
    reason.encode()
