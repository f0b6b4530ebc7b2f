"""What the broker's messages may be lost by."""

from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from worker.doctor.finding import Check, Diagnosis, broken, ok, warning

AREA = "broker"
REMEDY = "start it, or correct ONEPREFIX_BROKER_URL; `oneprefix up` starts the embedded one"
#: Seconds.
TIMEOUT = 3
#: Before it, kombu's way to wait for several queues loses fractions of seconds.
OLDEST = 6


def broker_checks(url: str | None) -> list[Check]:
    """`url`: None if no broker is set and none was started here."""
    scheme = urlsplit(url or "").scheme
    if url and scheme in ("redis", "rediss"):
        redis = RedisCheckup(url)
        return [
            Check(AREA, "reachable", redis.reach, REMEDY, is_gate=True),
            Check(AREA, "version", lambda: version(redis.info), REMEDY),
            Check(AREA, "persistence", lambda: persistence(redis.info), REMEDY),
            Check(AREA, "eviction", lambda: eviction(redis.info), REMEDY),
        ]
    if url and scheme in ("amqp", "amqps", "pyamqp"):
        return [Check(AREA, "reachable", lambda: reach_rabbitmq(url), REMEDY)]
    found = f"{scheme} is none that we know" if url else "none is set, and none was started here"
    advice = "set ONEPREFIX_BROKER_URL to a Redis, Valkey or RabbitMQ, or run `oneprefix up`"
    return [Check(AREA, "reachable", lambda: warning(found, advice), REMEDY)]


class RedisCheckup:
    def __init__(self, url: str) -> None:
        self._url = url

    def reach(self) -> Diagnosis:
        if self.info.get("role") == "slave":
            return broken("a replica, which takes no messages", "name its primary")
        return ok("answers")

    @cached_property
    def info(self) -> dict[str, Any]:
        """What the server says of itself."""
        from redis import Redis  # noqa: PLC0415  slow to import

        with Redis.from_url(
            self._url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
        ) as client:
            return dict(client.info())


def version(info: dict[str, Any]) -> Diagnosis:
    name = info.get("server_name", "redis")
    number = str(info.get(f"{name}_version") or info.get("redis_version", "?"))
    if (
        number.split(".", maxsplit=1)[0].isdecimal()
        and int(number.split(".", maxsplit=1)[0]) < OLDEST
    ):
        return warning(f"{name} {number}", f"use {OLDEST} or later")
    return ok(f"{name} {number}")


def persistence(info: dict[str, Any]) -> Diagnosis:
    if info.get("aof_enabled"):
        return ok("appendonly")
    return warning(
        "no append-only file: a restart loses what is queued, until recovery sends it again",
        "set `appendonly yes`",
    )


def eviction(info: dict[str, Any]) -> Diagnosis:
    policy = str(info.get("maxmemory_policy", "unknown"))
    if policy == "noeviction":
        return ok(policy)
    return warning(
        f"{policy}: short of memory it may drop queued messages",
        "set `maxmemory-policy noeviction`",
    )


def reach_rabbitmq(url: str) -> Diagnosis:
    from amqp import Connection  # noqa: PLC0415  slow to import, and seldom needed

    parts = urlsplit(url)
    secure = parts.scheme == "amqps"
    connection = Connection(
        host=f"{parts.hostname or 'localhost'}:{parts.port or (5671 if secure else 5672)}",
        userid=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        virtual_host=unquote(parts.path[1:]) or "/",
        ssl=secure,
        connect_timeout=TIMEOUT,
        read_timeout=TIMEOUT,
        write_timeout=TIMEOUT,
    )
    with connection:
        connection.connect()
        properties = connection.server_properties  # type: ignore[attr-defined]  # not in its stubs
        return ok(f"{properties['product']} {properties['version']}")
