import pytest

from worker.doctor.broker import broker_checks, eviction, malformed, persistence, version
from worker.doctor.doctor import Doctor
from worker.doctor.finding import Health, ok


def test_the_broker_is_judged_by_what_it_says_of_itself() -> None:
    assert version({"server_name": "valkey", "valkey_version": "9.1.0"}) == ok("valkey 9.1.0")
    assert version({"redis_version": "7.2"}) == ok("redis 7.2")
    assert version({"redis_version": "5.0.14"}).health is Health.WARNING
    assert version({}).found == "redis ?"
    assert persistence({"aof_enabled": 1}).health is Health.OK
    assert persistence({"aof_enabled": 0}).health is Health.WARNING
    assert eviction({"maxmemory_policy": "noeviction"}).health is Health.OK
    assert "allkeys-lru" in eviction({"maxmemory_policy": "allkeys-lru"}).found


def test_entries_that_were_put_aside_are_counted_with_what_to_do() -> None:
    assert malformed({"uploads.malformed": 0}) == ok("none")
    health, found, advice = malformed({"uploads.malformed": 2, "oneprefix.orders.malformed": 1})
    assert health is Health.WARNING
    assert found == "2 in uploads.malformed, 1 in oneprefix.orders.malformed"
    assert "`DEL uploads.malformed oneprefix.orders.malformed`" in advice


@pytest.mark.parametrize(
    ("url", "health", "says"),
    [
        (None, "warning", "none is set"),
        ("sqs://", "warning", "sqs is none that we know"),
        ("redis://:hunter2@127.0.0.1:1/0", "broken", "ConnectionError"),
        ("amqp://ada:hunter2@127.0.0.1:1//", "broken", "ConnectionRefusedError"),
    ],
)
def test_a_broker_that_is_not_there_is_told(url: str | None, health: str, says: str) -> None:
    [finding] = Doctor(broker_checks(url, lambda: "ours"))()
    assert finding.health == health
    assert says in finding.found
    assert finding.advice
    assert "hunter2" not in str(finding)
