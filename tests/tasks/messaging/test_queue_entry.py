"""A message of Celery passes the check of queue entries; anything else is named in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from tasks.messaging.queue_entry import problem_with
from tests.servers.valkey import ValkeyServer
from tests.tasks.messaging.malformed import MALFORMED, MESSAGE

SIGNATURE = Celery(set_as_current=False).signature("theirs.go_on", (12,), queue="theirs")


def test_a_message_has_no_problem() -> None:
    assert problem_with(json.dumps(MESSAGE).encode()) is None


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"countdown": 5, "expires": 60, "priority": 3, "time_limit": 9, "soft_time_limit": 7.5},
        {"headers": {"trace": {"a": 1}}, "shadow": "upload", "link": SIGNATURE},
        {"chain": [SIGNATURE] * 100, "link_error": SIGNATURE, "ignore_result": True},
        {"task_id": "x", "root_id": "y", "parent_id": "z", "group_id": "g"},
    ],
    ids=lambda options: ",".join(options) or "plain",
)
def test_what_a_celery_producer_sends_has_no_problem(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    broker = ValkeyServer(tmp_path / "broker")
    broker.start()
    url = broker.url("admin")
    with Celery(broker=url, set_as_current=False) as producer, Redis.from_url(url) as client:
        producer.send_task("tasks.package_and_upload", args=[1, 2, "/r"], queue="q", **options)
        [key] = client.scan_iter("q*")
        [entry] = client.lrange(key, 0, -1)
    broker.stop()
    assert problem_with(entry) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no JSON", "no JSON"),
        ("a list", "it: Input should be a valid dictionary"),
        ("properties is missing", "properties: Field required"),
        ("headers.task is missing", "headers.task: Field required"),
        ("a body that is no base64", "body: "),
        ("headers.expires is 'never'", "headers.expires: "),
        ("a compressed body", "headers.compression: "),
        ("a body that is two values", "does not have three parts"),
        ("a body that is arguments nested 33 deep", "more than 32 deep"),
        ("a body that is options that replace a header", "embedded.id: "),
        ("a body that is 64 KiB and more", "65550 bytes, more than 65536"),
        ("a body of raw bytes", "content_type: "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(name: str, says: str) -> None:
    problem = problem_with(MALFORMED[name])
    assert problem
    assert says in problem
    assert "\n" not in problem
