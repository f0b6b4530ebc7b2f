from urllib.parse import urlsplit

import boto3
import pytest

from worker.doctor.broker import encryption
from worker.doctor.bucket import BucketChecks
from worker.doctor.encryption import diagnose_encryption, is_this_one
from worker.doctor.finding import Health

#: Reserved for documentation, so that no machine has it.
ELSEWHERE = "192.0.2.1"


@pytest.mark.parametrize(
    ("url", "health"),
    [
        ("redis://:pw@127.0.0.1:6379/0", "ok"),
        ("redis://:pw@localhost/0", "ok"),
        ("redis://:pw@[::1]/0", "ok"),
        (f"redis://:pw@{ELSEWHERE}/0", "warning"),
        (f"rediss://:pw@{ELSEWHERE}/0", "ok"),
        (f"rediss://:pw@{ELSEWHERE}/0?ssl_cert_reqs=none", "warning"),
        ("amqp://ada:pw@127.0.0.1//", "ok"),
        (f"amqp://ada:pw@{ELSEWHERE}//", "warning"),
        (f"amqps://ada:pw@{ELSEWHERE}//", "ok"),
    ],
)
def test_a_broker_elsewhere_is_spoken_to_by_tls(url: str, health: str) -> None:
    told = encryption(urlsplit(url))
    assert told.health == health
    assert "pw" not in told.found + told.advice
    assert bool(told.advice) == (health == "warning")


@pytest.mark.parametrize(
    ("endpoint", "health"),
    [
        (f"http://{ELSEWHERE}:9000", "warning"),
        (f"https://{ELSEWHERE}:9000", "ok"),
        ("http://127.0.0.1:9000", "ok"),
        (None, "ok"),
    ],
)
def test_a_store_elsewhere_is_spoken_to_by_tls(endpoint: str | None, health: str) -> None:
    client = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint)
    assert BucketChecks(client, "results").encryption().health == health


@pytest.mark.parametrize(
    ("host", "encrypted", "verified", "health"),
    [
        ("/run/postgresql", False, False, "ok"),
        (None, False, False, "ok"),
        ("localhost", False, False, "ok"),
        (ELSEWHERE, False, False, "warning"),
        (ELSEWHERE, True, False, "warning"),
        (ELSEWHERE, True, True, "ok"),
    ],
)
def test_a_database_elsewhere_is_spoken_to_by_tls_and_known_by_its_certificate(
    host: str | None, encrypted: bool, verified: bool, health: str
) -> None:
    told = diagnose_encryption(host, encrypted=encrypted, verified=verified, advice="mend")
    assert told.health is Health(health)


def test_a_host_that_is_not_found_is_another_one() -> None:
    assert not is_this_one("no-such-host.invalid")
