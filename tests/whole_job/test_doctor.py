"""`oneprefix doctor` on real servers, healthy and ill."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import Engine, text

from tests.cli.command import Command
from tests.servers.faults import Action, AnswerError, DropAnswer, Hang, ResetConnection
from tests.servers.rabbitmq import is_installed, rabbitmq
from tests.servers.s3 import S3Server
from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import Installation
from worker.bootstrap.services import Services
from worker.doctor.broker import broker_checks
from worker.doctor.bucket import BucketChecks
from worker.doctor.database import DatabaseChecks
from worker.doctor.doctor import Doctor
from worker.doctor.finding import Finding, Health
from worker.doctor.trial_objects import PREFIX
from worker.embedded.broker import EmbeddedBroker
from worker.settings import load_settings
from worker.storage.client import make_client

WRITES = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
S3_NAMES = [
    "bucket",
    "encryption",
    "credentials",
    "clock",
    "objects",
    "multipart",
    "checksums",
    "conditions",
    "lifecycle",
    "left behind",
]


def examined(installed: Installation) -> dict[str, Finding]:
    """What is found of S3."""
    checks = BucketChecks(make_client(quick=True), installed.strict.bucket)
    return {each.name: each for each in Doctor(checks.checks())()}


def is_clean(installed: Installation) -> bool:
    client, bucket = installed.strict.upstream, installed.strict.bucket
    try:
        open_uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    except client.exceptions.NoSuchUpload:  # so rclone says that there never was one
        open_uploads = []
    return not installed.strict.stored() and not open_uploads


def abort_incomplete_uploads(installed: Installation) -> None:
    installed.strict.upstream.put_bucket_lifecycle_configuration(
        Bucket=installed.strict.bucket,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "abort",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        },
    )


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """The one that the installation finds, since it is in its data directory."""
    server = EmbeddedBroker(tmp_path / "data" / "broker")
    server.start()
    yield server
    server.stop()


@only_moto  # rclone has no lifecycle rules and heeds no conditions
def test_a_healthy_installation_is_told_so_and_nothing_stays_in_its_bucket(
    installed: Installation, broker: EmbeddedBroker
) -> None:
    abort_incomplete_uploads(installed)
    answer = installed.oneprefix("doctor", "--json")
    told = {(each["area"], each["name"]): each for each in answer.json["findings"]}
    ill = {name for name in told if told[name]["health"] != "ok"}
    assert ill == {("settings", "broker")}  # the embedded one serves one machine alone
    assert (answer.code, answer.json["healthy"]) == (0, True)
    assert [name for area, name in told if area == "S3"] == S3_NAMES
    assert [name for area, name in told if area == "broker"] == [
        "reachable",
        "encryption",
        "version",
        "persistence",
        "eviction",
        "malformed entries",
    ]
    assert told["broker", "version"]["found"].startswith("valkey 9.")
    assert told["S3", "checksums"]["found"] == "a wrong one is refused: BadDigest"
    assert told["results", str(installed.results)]["found"] == "empty"
    assert is_clean(installed)
    shown = installed.oneprefix("doctor")
    assert shown.code == 0
    assert shown.out.count(" ok ") == len(told) - 1


def test_what_a_store_lacks_is_a_warning_with_advice(
    installed: Installation, upstream: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", upstream.endpoint)  # past who refuses wrong bytes
    found = examined(installed)
    ill = {name for name in found if found[name].health is not Health.OK}
    assert (
        {"checksums", "lifecycle"} <= ill <= {"checksums", "lifecycle", "multipart", "conditions"}
    )
    assert {found[name].health for name in ill} == {Health.WARNING}
    assert all(found[name].advice for name in ill)
    assert is_clean(installed)


@only_moto  # rclone has no versions
def test_no_version_stays_in_a_bucket_that_keeps_them(installed: Installation) -> None:
    client, bucket = installed.strict.upstream, installed.strict.bucket
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert examined(installed)["left behind"].found == "nothing"
    kept = client.list_object_versions(Bucket=bucket)
    assert "Versions" not in kept
    assert "DeleteMarkers" not in kept


@pytest.mark.parametrize("operation", [*WRITES, "GetObject", "HeadObject"])
@pytest.mark.parametrize(
    "action",
    [
        AnswerError(403, "AccessDenied"),
        AnswerError(503, "SlowDown"),
        DropAnswer(),
        ResetConnection(),
    ],
    ids=lambda action: type(action).__name__ + str(getattr(action, "status", "")),
)
def test_nothing_is_left_in_the_bucket_whatever_fails(
    installed: Installation, operation: str, action: Action
) -> None:
    installed.strict.proxy.fault(lambda request: request.operation == operation, action)
    found = examined(installed)
    assert list(found) == S3_NAMES
    broken = [name for name in found if found[name].health is Health.BROKEN]
    assert broken
    assert all(found[name].advice for name in broken)
    assert found["left behind"].found == "nothing"
    assert is_clean(installed)


def test_nothing_is_left_by_who_is_interrupted(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = BucketChecks(make_client(quick=True), installed.strict.bucket)

    def interrupted(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checks._client, "get_object", interrupted)
    monkeypatch.setattr(checks._client, "upload_part", interrupted)
    for check in (checks.objects, checks.multipart):
        with pytest.raises(KeyboardInterrupt):
            check()
    assert is_clean(installed)


def test_what_could_not_be_deleted_is_tried_again_and_else_named(
    installed: Installation,
) -> None:
    proxy = installed.strict.proxy
    proxy.fault(
        lambda request: request.operation == "DeleteObject", AnswerError(403, "AccessDenied"), 1
    )
    assert examined(installed)["left behind"].health is Health.OK
    assert is_clean(installed)
    proxy.fault(
        lambda request: request.operation == "DeleteObject", AnswerError(403, "AccessDenied")
    )
    left = examined(installed)["left behind"]
    assert left.health is Health.WARNING
    assert "s3:DeleteObject" in left.advice
    assert all(key in left.found for key in installed.strict.stored())
    assert all(key.startswith(PREFIX) for key in installed.strict.stored())


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (AnswerError(404, "NoSuchBucket"), "NoSuchBucket"),
        (AnswerError(400, "ExpiredToken"), "ExpiredToken"),
        (AnswerError(403, "InvalidAccessKeyId"), "InvalidAccessKeyId"),
        (Hang(100), "Read timeout"),
    ],
    ids=["no bucket", "expired", "unknown key", "hanging"],
)
def test_a_bucket_that_can_not_be_reached_is_one_finding(
    installed: Installation, action: Action, says: str
) -> None:
    installed.strict.proxy.fault(lambda _request: True, action)
    [finding] = examined(installed).values()
    assert (finding.name, finding.health) == ("bucket", Health.BROKEN)
    assert says in finding.found
    installed.strict.proxy.mend()


def test_a_bucket_that_may_not_be_listed_is_looked_at_further(installed: Installation) -> None:
    installed.strict.proxy.fault(
        lambda request: request.operation == "ListObjectsV2", AnswerError(403, "AccessDenied")
    )
    found = examined(installed)
    assert found["bucket"].health is Health.WARNING
    assert found["objects"].health is Health.OK


def test_a_wrong_clock_is_told_whether_or_not_the_store_refuses_it(
    installed: Installation,
) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=20)):
        found = examined(installed).values()
    [clock] = [each for each in found if "behind ours" in each.found]
    assert (clock.health, clock.advice) == (Health.BROKEN, "set the clocks by NTP")


@pytest.mark.parametrize(
    ("minutes", "name", "health"),
    [(300, "credentials", "ok"), (12, "credentials", "warning"), (-10, "bucket", "broken")],
)
def test_how_long_credentials_last_is_told(
    installed: Installation,
    monkeypatch: pytest.MonkeyPatch,
    minutes: int,
    name: str,
    health: str,
) -> None:
    ends = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-the-tests")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends.isoformat())
    assert examined(installed)[name].health == health


def test_no_credentials_are_told(installed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    [finding] = examined(installed).values()
    assert "Unable to locate credentials" in finding.found
    monkeypatch.setenv("AWS_PROFILE", "nobody's")
    found = {(each.area, each.name): each for each in Services(load_settings()).doctor()}
    assert found["S3", "reachable"].health is Health.BROKEN


@only_moto
def test_what_is_away_is_told_without_a_secret_and_keeps_nothing_else_from_being_told(
    installed: Installation,
) -> None:
    answer = installed.oneprefix(
        "doctor",
        ONEPREFIX_DATABASE_URL="postgresql://ada:hunter2@127.0.0.1:1/db",
        ONEPREFIX_BROKER_URL="redis://:hunter2@127.0.0.1:1/0",
        ONEPREFIX_RESULTS_ROOTS="/nowhere/[red]",
    )
    assert answer.code == 1
    assert "Traceback" not in answer.err
    broken = [line.split()[0] for line in answer.out.splitlines() if " broken " in line]
    assert broken == ["database", "broker", "results"]
    assert "/nowhere/[red]" in answer.out
    assert "hunter2" not in answer.out + answer.err
    assert installed.strict.proxy.server.secret_key not in answer.out + answer.err


def test_an_empty_place_is_told_so_and_stays_empty(tmp_path: Path) -> None:
    command = Command(tmp_path, {"ONEPREFIX_DATA_DIR": str(tmp_path / "data")})
    answer = command("doctor", "--json")
    assert answer.code == 1
    told = {(each["area"], each["name"]): each["health"] for each in answer.json["findings"]}
    assert told["settings", "bucket"] == "broken"
    assert told["broker", "reachable"] == "warning"
    assert told["database", "reachable"] == "broken"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_database_is_examined_on_both_kinds(engine: Engine) -> None:
    found = {each.name: each for each in Doctor(DatabaseChecks(engine).checks())()}
    assert {each.health for each in found.values()} == {Health.OK}
    with engine.begin() as connection:
        connection.execute(text("UPDATE oneprefix_version SET version_num = '0001'"))
        connection.execute(text("ALTER TABLE runs RENAME COLUMN results_url TO url"))
        connection.execute(text("ALTER TABLE jobs RENAME TO simulations"))
    found = {each.name: each for each in Doctor(DatabaseChecks(engine).checks())()}
    assert "oneprefix db upgrade" in found["schema"].advice
    assert found["runs"].found == "results_url is missing, and should be text"
    assert found["jobs"].found == "missing"


def test_a_database_without_our_schema_is_told(empty_engine: Engine) -> None:
    empty_engine.connect().close()
    found = {each.name: each for each in Doctor(DatabaseChecks(empty_engine).checks())()}
    assert found["reachable"].health is Health.OK
    assert found["schema"].found == "our tables are missing"


@pytest.mark.skipif(not is_installed(), reason="RabbitMQ is not installed")
def test_rabbitmq_is_reached_with_its_password(tmp_path: Path) -> None:
    with rabbitmq(tmp_path) as url:
        [found, encryption] = Doctor(broker_checks(url, str))()
        assert (encryption.name, encryption.health) == ("encryption", Health.OK)
        assert (found.health, found.found.split()[0]) == (Health.OK, "RabbitMQ")
        [refused] = Doctor(broker_checks(url.replace("guest@", "wrong@"), str))()
        assert refused.health is Health.BROKEN
        assert "wrong" not in refused.found


def test_it_ends_with_a_verdict(installed: Installation) -> None:
    last = installed.oneprefix("doctor").out.splitlines()[-1]
    assert re.fullmatch(r"A worker can work here\. Of \d+ checks: \d+ ok(, \d+ warning)?\.", last)
    assert installed.oneprefix("doctor", "--json").json["workers"] is None  # there is no broker
    broken = installed.oneprefix("doctor", ONEPREFIX_BROKER_URL="redis://127.0.0.1:1/0")
    assert broken.out.splitlines()[-1].startswith("No worker can work here. Of ")
