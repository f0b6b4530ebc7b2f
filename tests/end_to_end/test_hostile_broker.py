"""A worker lives on and works, whatever any program of the broker sends to everybody."""

import json
import signal
import subprocess
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis

from tests.cli.command import ONEPREFIX
from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import Hang
from tests.tasks.messaging.malformed import MALFORMED
from worker.models.upload import UploadState

PIDBOX = "/0.celery.pidbox"


@pytest.fixture(autouse=True)
def _run_4(running: Cluster) -> None:
    (running.results / "RUN4").mkdir()
    (running.results / "RUN4" / "out.csv").write_text("1,2\n" * 1000)


@pytest.fixture
def redis(running: Cluster) -> Iterator[Redis]:
    with running.broker.admin() as client:
        yield client


def broadcast(body: Any, **changes: Any) -> str:
    """What kombu publishes for a command of remote control."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    message = {
        "body": b64encode(text).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"clock": 1, "expires": 0},
        "properties": {
            "delivery_mode": 1,
            "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "a",
        },
    }
    return json.dumps(message | changes)


REPLY_TO_A_QUEUE = {"exchange": "uploads", "routing_key": "uploads"}
BROADCASTS: list[str | bytes] = [
    "5",
    "null",
    "[]",
    "{}",
    "no json",
    b"\xff\xfe",
    "[" * 5000,
    "x" * 1_000_000,
    json.dumps({"body": "!", "properties": {}}),
    broadcast(5),
    broadcast([]),
    broadcast({}),
    broadcast(b"no json"),
    broadcast(b"[" * 900 + b"]" * 900),
    broadcast({"method": "ping", "arguments": json.loads("[" * 500 + "]" * 500)}),
    broadcast({"method": 5}),
    broadcast({"method": "ping", "arguments": 5}),
    broadcast({"method": "ping", "destination": 5}),
    broadcast({"method": "ping", "reply_to": 5}),
    broadcast({"method": "ping", "ticket": "t", "reply_to": REPLY_TO_A_QUEUE}),
    broadcast({"method": "ping", "pattern": "(.+)+$x", "matcher": "pcre"}),
    broadcast({"method": "ping"}, headers={"clock": "x"}),
    broadcast({"method": "ping"}, headers={"clock": 10**300}),
    broadcast({"method": "ping"}, headers=5),
    broadcast({"method": "ping"}, **{"content-type": "application/data"}),
    broadcast(zlib.compress(b'{"method": "ping"}'), headers={"compression": "application/x-gzip"}),
    broadcast({"method": "revoke", "arguments": {"task_id": "a\0b"}}),
    broadcast({"method": "revoke", "arguments": {"task_id": [{}]}}),
    broadcast({"method": "revoke", "arguments": {"task_id": 5}}),
    broadcast({"method": "revoke", "arguments": {"task_id": "a", "signal": "STOP"}}),
    broadcast({"method": "hello", "arguments": {"from_node": "x", "revoked": ["a\0b"]}}),
]


def listening(redis: Redis) -> bool:
    """Whether any worker does: kombu subscribes by pattern."""
    return bool(redis.pubsub_numpat())


@pytest.mark.parametrize(
    "mode", ["revoke-only", pytest.param("all", marks=pytest.mark.thorough("the same once more"))]
)
def test_no_broadcast_stops_a_worker(running: Cluster, redis: Redis, mode: str) -> None:
    worker = running.start_worker(ONEPREFIX_REMOTE_CONTROL=mode)
    eventually(lambda: listening(redis), "the worker listens")
    for each in BROADCASTS:
        assert redis.publish(PIDBOX, each) == 1, each
        # Celery's events, which workers do not listen to
        assert redis.publish("/0.celeryev/worker.x", each) == 0
    running.send(12, 4, str(running.results / "RUN4"))
    running.wait_for(12, 4)
    with running.operator as operator:
        answers: Any = operator.control.ping(timeout=5)
        [answer] = answers
    assert list(answer.values()) == [{"ok": "pong"}]
    assert worker.poll() is None
    assert redis.llen("uploads") == 0
    log = running.log()
    assert "Traceback" not in log
    assert log.count("ERROR") >= len(BROADCASTS)


def test_a_worker_beside_another_logs_no_error_and_leaves_no_key(
    running: Cluster, redis: Redis
) -> None:
    running.start_worker()
    eventually(lambda: listening(redis), "the worker listens")
    running.start_worker()
    assert "ERROR" not in running.log(0) + running.log(1)
    assert "mingle: " not in running.log(1)
    assert [name for name in redis.keys("*") if b"malformed" in name] == []


def test_malformed_entries_are_kept_in_part_and_the_doctor_tells(
    running: Cluster, redis: Redis
) -> None:
    running.start_worker()
    redis.lpush("uploads", MALFORMED["an entry of 1 MiB"])
    redis.lpush("uploads\x06\x163", b"with a priority")
    eventually(lambda: redis.llen("uploads.malformed") == 2, "both are put aside")
    assert sorted(map(len, redis.lrange("uploads.malformed", 0, -1))) == [15, 8192]
    command = [*ONEPREFIX, "doctor", "--json"]
    told = subprocess.run(
        command, env=running.environment, capture_output=True, text=True, check=False
    )
    [finding] = [
        each for each in json.loads(told.stdout)["findings"] if each["name"] == "malformed entries"
    ]
    assert finding["health"] == "warning"
    assert "2 in uploads.malformed" in finding["found"]


def test_what_cant_be_put_aside_stops_no_worker_either(running: Cluster, redis: Redis) -> None:
    worker = running.start_worker()
    redis.set("uploads.malformed", "somebody's")
    redis.lpush("uploads", b"no json")
    running.send(12, 4, str(running.results / "RUN4"))
    running.wait_for(12, 4)
    assert worker.poll() is None
    assert "could not be kept" in running.log()


UNACKED: dict[bytes, bytes] = {
    b"no json": b"no json",
    b"a number": b"5",
    b"no message": b"[]",
    b"half a message": b'[{}, "", "uploads"]',
    b"nested": b"[" * 5000,
    b"\xff\xfe": b"5",
    b"junk in an order": json.dumps(
        [json.loads(MALFORMED["headers.headers is 5"]), "", "uploads"]
    ).encode(),
}


def test_junk_among_the_unacknowledged_stops_neither_worker_nor_recovery(
    running: Cluster, redis: Redis
) -> None:
    now, _ = redis.time()
    for age in (60, 3 * 24 * 60 * 60):  # within the visibility timeout, and past it
        for name, delivery in UNACKED.items():
            tag = name + str(age).encode()
            redis.hset("unacked", tag, delivery)
            redis.zadd("unacked_index", {tag: now - age})
    worker = running.start_worker()
    with running.engine.begin() as connection:  # which recovery alone finds
        connection.exec_driver_sql(
            "INSERT INTO uploads (job_id, run_id, path) VALUES (12, 4, %s)",
            (str(running.results / "RUN4"),),
        )
    running.wait_for(12, 4)
    assert worker.poll() is None
    assert "Traceback" not in running.log()


def test_a_nul_in_an_id_is_no_reason_to_loop(running: Cluster, redis: Redis) -> None:
    running.start_worker()
    redis.lpush("uploads", MALFORMED["headers.id is 'a\\x00b'"])
    eventually(lambda: redis.llen("uploads.malformed") == 1, "it is put aside")
    running.send(12, 4, str(running.results / "RUN4"))
    running.wait_for(12, 4)
    assert running.scalar("SELECT count(*) FROM uploads") == 1


@contextmanager
def controlled(running: Cluster) -> Iterator[Any]:
    with running.operator as operator:
        yield operator.control


def answer_of(answers: Any) -> Any:
    [answer] = answers
    [told] = answer.values()
    return told


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("shutdown", {}),
    ("rate_limit", {"task_name": "tasks.package_and_upload", "rate_limit": "1/h"}),
    ("time_limit", {"task_name": "tasks.package_and_upload", "hard": 1}),
    ("cancel_consumer", {"queue": "uploads"}),
    ("add_consumer", {"queue": "theirs"}),
    ("pool_shrink", {"n": 2}),
    ("pool_grow", {"n": 50}),
    ("pool_restart", {}),
    ("autoscale", {"max": 0, "min": 0}),
    ("disable_events", {}),
    ("election", {"id": "a", "topic": "task", "action": {}}),
    ("hello", {"from_node": "theirs"}),
    ("no_such_command", {}),
]


def test_remote_control_only_inspects_and_revokes(running: Cluster, redis: Redis) -> None:
    worker = running.start_worker()
    eventually(lambda: listening(redis), "the worker listens")
    running.strict.proxy.fault(lambda request: request.operation == "PutObject", Hang(60))
    with controlled(running) as control:
        for command, arguments in REFUSED:
            answers = control.broadcast(
                command, arguments=arguments, reply=True, timeout=5, limit=1
            )
            refused = f"{command} is refused: ONEPREFIX_REMOTE_CONTROL is revoke-only"
            assert answer_of(answers) == {"error": refused}
            assert f"remote control: {refused}" in running.log()
        inspect = control.inspect(timeout=5)
        for asked in ("stats", "active_queues", "registered", "scheduled", "reserved", "conf"):
            assert getattr(inspect, asked)(), asked
        assert "pong" in str(inspect.ping())
        [stats] = inspect.stats().values()
        assert stats["pool"]["max-concurrency"] == 2
        [queues] = inspect.active_queues().values()
        assert {each["name"] for each in queues} == {"uploads", "oneprefix.orders"}
        task_id = running.send(12, 4, str(running.results / "RUN4"))
        running.wait_for(12, 4, UploadState.UPLOADING)
        control.revoke(task_id, terminate=True, signal="SIGKILL")
        running.wait_for(12, 4, UploadState.CANCELLED)
        assert task_id in str(inspect.revoked())
    running.strict.proxy.mend()
    assert worker.poll() is None


def test_remote_control_can_be_turned_off(running: Cluster, redis: Redis) -> None:
    worker = running.start_worker(ONEPREFIX_REMOTE_CONTROL="off")
    running.send(12, 4, str(running.results / "RUN4"))
    running.wait_for(12, 4)
    assert not listening(redis)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
