"""What a worker needs of its broker, and settings of the broker that may lose messages."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from worker.doctor.encryption import diagnose_encryption
from worker.doctor.finding import Check, Diagnosis, broken, ok, warning

if TYPE_CHECKING:
    from redis import Redis

AREA = "broker"
REMEDY = "start it, or correct ONEPREFIX_BROKER_URL; `oneprefix up` starts the embedded one"
#: Seconds.
TIMEOUT = 3
#: Of Redis. Before it, kombu loses fractions of seconds when it waits for several queues.
OLDEST = 6
#: A key that holds the `run_id` of the server that last had these data, which each start makes
#: anew, a space, and the id of the installation, that is the database, whose messages they are.
MARK = "oneprefix.mark"
#: The queues whose malformed entries workers put aside, in a list of the queue's name and a suffix.
QUEUES = ("uploads", "oneprefix.orders")
ASIDE = ".malformed"


def broker_checks(url: str | None, installation: Callable[[], str] = str) -> list[Check]:
    """`url` is None if no broker is set and no embedded one has been started here.

    `installation` tells the database's id; empty if nobody knows it.
    """
    parts = urlsplit(url or "")
    if url and parts.scheme in ("redis", "rediss", "redis+socket"):
        return BrokerChecks(url, installation).checks()
    if parts.scheme in ("amqp", "amqps", "pyamqp"):
        return [
            Check(AREA, "reachable", lambda: reach_rabbitmq(parts), REMEDY, is_gate=True),
            Check(AREA, "encryption", lambda: encryption(parts), REMEDY),
        ]
    found = "none is set, and none was started here"
    if url:
        found = f"{parts.scheme} is none that we know"
    advice = "set ONEPREFIX_BROKER_URL to a Redis, Valkey or RabbitMQ, or run `oneprefix up`"
    return [Check(AREA, "reachable", lambda: warning(found, advice), REMEDY)]


class BrokerChecks:
    """For Redis and Valkey; the answer to one INFO command serves all checks."""

    def __init__(self, url: str, installation: Callable[[], str]) -> None:
        self._url = url
        self._installation = installation

    def checks(self) -> list[Check]:
        return [
            Check(AREA, "reachable", self.reach, REMEDY, is_gate=True),
            Check(AREA, "encryption", lambda: encryption(urlsplit(self._url)), REMEDY),
            Check(AREA, "version", lambda: version(self._info), REMEDY),
            Check(AREA, "persistence", lambda: persistence(self._info), REMEDY),
            Check(AREA, "eviction", lambda: eviction(self._info), REMEDY),
            Check(AREA, "malformed entries", lambda: malformed(self._set_aside), REMEDY),
        ]

    def reach(self) -> Diagnosis:
        if self._info.get("role") == "slave":
            return broken("a replica, which takes no messages", "name its primary")
        with self._client() as client:
            _, _, owner = (client.get(MARK) or b"").decode(errors="replace").partition(" ")
        ours = self._installation()
        if owner and ours and owner != ours:
            return broken(
                "it has the messages of another database",
                f"name another one in ONEPREFIX_BROKER_URL; or, if that one is gone, `DEL {MARK}`",
            )
        return ok("answers")

    @cached_property
    def _info(self) -> dict[str, Any]:
        with self._client() as client:
            return dict(client.info())

    @property
    def _set_aside(self) -> dict[str, int]:
        """How many entries each list of malformed ones has."""
        with self._client() as client:
            return {name: client.llen(name) for name in (queue + ASIDE for queue in QUEUES)}

    def _client(self) -> "Redis":
        from redis import Redis  # noqa: PLC0415  slow to import

        url = self._url
        if url.startswith("redis+socket:"):  # as kombu calls what redis-py calls
            url = url.replace("redis+socket:", "unix:", 1).replace("virtual_host=", "db=")
        return Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)


def encryption(url: SplitResult) -> Diagnosis:
    secure = {"redis": "rediss", "rediss": "rediss"}.get(url.scheme, "amqps")
    options = parse_qs(url.query)
    return diagnose_encryption(
        url.hostname or "localhost",
        encrypted=url.scheme == secure,
        verified=options.get("ssl_cert_reqs", ["required"])[-1] in ("required", "CERT_REQUIRED"),
        advice=f"use {secure}:// in ONEPREFIX_BROKER_URL, and have certificates checked",
    )


def version(info: dict[str, Any]) -> Diagnosis:
    name = info.get("server_name", "redis")
    number = str(info.get(f"{name}_version") or info.get("redis_version", "?"))
    major = number.split(".", maxsplit=1)[0]
    if major.isdecimal() and int(major) < OLDEST:
        return warning(f"{name} {number}", f"use {OLDEST} or later")
    return ok(f"{name} {number}")


def persistence(info: dict[str, Any]) -> Diagnosis:
    if info.get("aof_enabled"):
        return ok("appendonly")
    return warning(
        "no append-only file: a restart loses queued messages until recovery sends them again",
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


def malformed(counts: dict[str, int]) -> Diagnosis:
    found = {name: count for name, count in counts.items() if count}
    if not found:
        return ok("none")
    names = " ".join(found)
    return warning(
        ", ".join(f"{count} in {name}" for name, count in found.items()),
        f"the workers' logs have the reasons; read them with `LRANGE {next(iter(found))} 0 9`,"
        f" mend the program that sends them, then `DEL {names}`",
    )


def reach_rabbitmq(url: SplitResult) -> Diagnosis:
    from amqp import Connection  # noqa: PLC0415  slow to import, and seldom needed

    secure = url.scheme == "amqps"
    connection = Connection(
        host=f"{url.hostname or 'localhost'}:{url.port or (5671 if secure else 5672)}",
        userid=unquote(url.username or "guest"),
        password=unquote(url.password or "guest"),
        virtual_host=unquote(url.path[1:]) or "/",
        ssl=secure,
        connect_timeout=TIMEOUT,
        read_timeout=TIMEOUT,
        write_timeout=TIMEOUT,
    )
    with connection:
        connection.connect()
        properties = connection.server_properties  # type: ignore[attr-defined]  # not in its stubs
        return ok(f"{properties['product']} {properties['version']}")
