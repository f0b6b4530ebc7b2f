"""`oneprefix verify` and `tasks.verify_job`, and the use case behind them."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import text

from tests.cli.command import Command
from tests.end_to_end.cluster import Cluster
from tests.servers.faults import AnswerError, HalfAnswer, Hang, S3Request
from tests.servers.strict_bucket import only_moto
from tests.servers.valkey import ValkeyServer
from tests.whole_job.conftest import Installation
from tests.worker.packaging.trees import MIB, ODD_NAMES, Node, content
from worker.database.jobs import add_job
from worker.errors import ArtifactReplaced, JobNotFound, RunNotFound, RunNotInJob
from worker.models.artifact import ArtifactKind
from worker.models.upload_request import UploadRequest
from worker.packaging.reading import records
from worker.packaging.reading.check import check_archive
from worker.use_cases.job.verification import Judged, Verdict

LARGE: dict[str, Node] = {"noise": content("random", 9 * MIB), "table": content("table", MIB)}


def judged(installed: Installation, run_id: int | None = None, **options: Any) -> list[Judged]:
    verify = installed.services.verify_job
    return verify(verify.plan(12, run_id), **options).judged


def verdict(installed: Installation, run_id: int = 4, **options: Any) -> tuple[Verdict, str]:
    [found] = judged(installed, run_id, **options)
    return found.verdict, found.detail


def replace_object(installed: Installation, key: str, body: bytes, **options: Any) -> None:
    """As by an accident; with a checksum only if asked for."""
    installed.services.bucket.client.put_object(
        Bucket=installed.strict.bucket, Key=key, Body=body, **options
    )


def stored(installed: Installation, key: str) -> bytes:
    return installed.strict.stored()[key]


def set_row(installed: Installation, assignment: str) -> None:
    with installed.services.engine.begin() as connection:
        connection.execute(text(f"UPDATE uploads SET {assignment} WHERE run_id = 4"))


def asks(operation: str, key: str = "") -> Callable[[S3Request], bool]:
    return lambda request: request.operation == operation and key in request.key


def test_what_landed_is_right_and_reading_it_tells_so_of_every_byte(
    installed: Installation,
) -> None:
    installed.land(4)
    installed.land(5, LARGE)
    installed.land(6, {name: {name: b"odd"} for name in ODD_NAMES})
    for each in judged(installed):
        assert (each.verdict, each.detail) in [
            (Verdict.VERIFIED, "size, CRC-32"),
            (Verdict.SIZE_ONLY, "the store keeps no checksum; --deep reads every byte"),
        ]
    told: list[tuple[int, int]] = []
    deep = judged(installed, deep=True, progress=lambda *done: told.append(done))
    assert [(each.run_id, each.verdict, each.detail) for each in deep] == [
        (4, Verdict.VERIFIED, "every byte of 4 members"),
        (5, Verdict.VERIFIED, "every byte of 3 members"),
        (6, Verdict.VERIFIED, f"every byte of {2 * len(ODD_NAMES) + 1} members"),
    ]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_store_that_keeps_no_checksum_is_believed_by_sha_256_or_else_by_size_alone(
    installed: Installation,
) -> None:
    key = installed.land(4)
    archive = stored(installed, key)
    row = installed.services.upload_list.find(12, 4)
    assert row
    assert row.sha256
    replace_object(installed, key, archive, Metadata={"sha256": row.sha256})
    assert verdict(installed) == (Verdict.VERIFIED, "size, SHA-256")
    replace_object(installed, key, archive, Metadata={"sha256": "0" * 64})
    assert verdict(installed)[0] is Verdict.OTHER_CHECKSUM
    replace_object(installed, key, archive)
    assert verdict(installed)[0] is Verdict.SIZE_ONLY
    assert verdict(installed, deep=True) == (Verdict.VERIFIED, "every byte of 4 members")


def test_objects_that_are_gone_or_another_are_told(installed: Installation) -> None:
    key = installed.land(4)
    archive = stored(installed, key)
    size = len(archive)
    replace_object(installed, key, archive + b"!")
    assert verdict(installed) == (
        Verdict.OTHER_SIZE,
        f"{size + 1:,} bytes, its row says {size:,}",
    )
    replace_object(installed, key, bytes(size), ChecksumAlgorithm="CRC32")
    assert verdict(installed)[0] is Verdict.OTHER_CHECKSUM
    installed.strict.upstream.delete_object(Bucket=installed.strict.bucket, Key=key)
    assert verdict(installed) == (Verdict.MISSING, "its object is gone")


def test_damage_that_no_checksum_tells_of_is_found_by_reading(installed: Installation) -> None:
    key = installed.land(4, {"noise": content("random", 5000), "b": b"2"})
    archive = stored(installed, key)
    at = archive.index(content("random", 5000)[2000:2010])
    replace_object(installed, key, archive[:at] + b"?" * 10 + archive[at + 10 :])
    assert verdict(installed)[0] is Verdict.SIZE_ONLY
    found, detail = verdict(installed, deep=True)
    assert found is Verdict.DAMAGED
    assert detail.startswith("'RUN4/noise' has other data than were packed: 5,000 bytes, CRC-32 ")


def test_an_archive_that_is_sound_but_another_is_found_by_reading(
    installed: Installation,
) -> None:
    key = installed.land(4, {"a": b"first"})
    archive = stored(installed, installed.land(5, {"a": b"other"}))
    replace_object(installed, key, archive)
    found, detail = verdict(installed, deep=True)
    assert found is Verdict.OTHER_CHECKSUM
    assert "as read, its row says CRC32:" in detail


def test_what_no_row_tells_of_and_what_has_not_landed_is_listed(installed: Installation) -> None:
    landed = installed.land(4)
    installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    installed.put(ArtifactKind.RUN_LOGS, b"hello", 4)
    installed.put(ArtifactKind.RUN_RESULTS, b"PK", 6)
    installed.put_key(f"{installed.prefix.base_prefix}/[red]nötes .txt", b"by hand")
    installed.put_key(f"{installed.prefix.base_prefix}9/run_4_results.zip")
    path = str(installed.results / "RUN5")
    installed.services.requests.request(UploadRequest(12, 5, path), published=True)
    base = installed.prefix.base_prefix
    assert [(each.key, each.verdict, each.detail) for each in judged(installed)][:-2] == [
        (f"{base}/[red]nötes .txt", Verdict.UNKNOWN, "none of the job's artifacts"),
        (f"{base}/job_config.json", Verdict.UNRECORDED, "job_config"),
        (f"{base}/run_4_logs.log", Verdict.UNRECORDED, "run_logs"),
        (landed, Verdict.VERIFIED, "size, CRC-32"),
        (f"{base}/run_5_results.zip", Verdict.NOT_LANDED, "its upload waits for a worker"),
    ]
    assert sorted(each.verdict for each in judged(installed, 6)) == [
        Verdict.NOT_LANDED,
        Verdict.UNKNOWN,
    ]
    assert [each.run_id for each in judged(installed, 4)] == [4, 4]


@only_moto  # rclone has no storage classes
def test_what_is_archived_can_not_be_read_before_it_is_restored(installed: Installation) -> None:
    key = installed.land(4)
    replace_object(
        installed,
        key,
        stored(installed, key),
        StorageClass="GLACIER",
        ChecksumAlgorithm="CRC32",
    )
    assert verdict(installed) == (Verdict.VERIFIED, "size, CRC-32")
    assert verdict(installed, deep=True) == (
        Verdict.ARCHIVED,
        "its bytes lie in GLACIER; first `oneprefix restore 12 --days 7`",
    )
    shown = installed.oneprefix("verify", "12", "4", "--deep")
    assert (shown.code, "1 archived" in shown.out) == (1, True)
    installed.strict.upstream.restore_object(
        Bucket=installed.strict.bucket, Key=key, RestoreRequest={"Days": 7}
    )
    assert verdict(installed, deep=True)[0] is Verdict.VERIFIED


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("results_url = 's3://other/jobs/12/x.zip'", "s3://other/jobs/12/x.zip"),
        ("results_url = 'https://other.s3.amazonaws.com/a%20b.zip'", "s3://other/a b.zip"),
        ("s3_key = 'jobs/12/2025/run_4_results.zip'", "jobs/12/2025/run_4_results.zip"),
    ],
)
def test_rows_that_name_another_bucket_or_key_are_told(
    installed: Installation, assignment: str, says: str
) -> None:
    installed.land(4)
    set_row(installed, assignment)
    found, detail = verdict(installed)
    assert (found, says in detail) == (Verdict.ELSEWHERE, True)


def test_the_same_store_by_another_endpoint_is_the_same_store(installed: Installation) -> None:
    installed.land(4)
    set_row(installed, "results_url = 'http://minio:9000/b/k'")
    assert verdict(installed)[0] is Verdict.VERIFIED


def test_one_object_that_may_not_be_seen_among_many_keeps_no_other_from_being_told(
    installed: Installation,
) -> None:
    for run_id in (4, 5, 6):
        installed.land(run_id)
    installed.strict.proxy.fault(asks("HeadObject", "run_5"), AnswerError(403, "AccessDenied"))
    first = {each.run_id: each for each in judged(installed)}
    assert [first[run_id].verdict for run_id in (4, 5, 6)] == [
        Verdict.VERIFIED,
        Verdict.UNREADABLE,
        Verdict.VERIFIED,
    ]
    assert "S3 answered 403" in first[5].detail
    installed.strict.proxy.mend()
    installed.strict.proxy.fault(asks("GetObject", "run_6"), AnswerError(403, "AccessDenied"))
    deep = {each.run_id: each for each in judged(installed, deep=True)}
    assert [run_id for run_id in deep if not deep[run_id].verdict.is_right] == [6]
    assert "AccessDenied" in deep[6].detail


def test_answers_that_break_off_are_asked_for_again(installed: Installation) -> None:
    installed.land(4, LARGE)
    installed.strict.proxy.fault(asks("GetObject"), HalfAnswer(), times=2)
    assert verdict(installed, deep=True)[0] is Verdict.VERIFIED


def test_an_object_that_is_replaced_while_it_is_read_is_told(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = installed.land(4, {"noise": content("random", MIB)})
    archive = stored(installed, key)
    monkeypatch.setattr(records, "BLOCK", 512 * 1024)
    bucket = installed.services.bucket
    found = bucket.require(key)
    read = partial(bucket.read, found)
    list(read(0, 10))
    replace_object(installed, key, archive + b"!")
    with pytest.raises(ArtifactReplaced, match="was replaced while it was read; begin anew"):
        check_archive(found.size, read)


def test_unknown_jobs_and_runs_and_stores_that_refuse_are_told_in_one_line(
    installed: Installation,
) -> None:
    plan = installed.services.verify_job.plan
    add_job(installed.services.engine, 1, installed.prefix.timestamp, [40])
    with pytest.raises(JobNotFound, match=r"^job 13: there is no such job$"):
        plan(13)
    with pytest.raises(RunNotFound, match=r"^run 99: there is no such run$"):
        plan(12, 99)
    with pytest.raises(RunNotInJob, match=r"^job 12, run 40: the run belongs to job 1$"):
        plan(12, 40)
    installed.strict.proxy.fault(asks("ListObjectsV2"), AnswerError(400, "ExpiredToken"))
    refused = installed.oneprefix("verify", "12")
    assert refused.code == 1
    assert refused.err.count("\n") == 1
    assert "ExpiredToken" in refused.err


@only_moto
def test_the_command_shows_what_differs_and_exits_with_1(installed: Installation) -> None:
    nothing = installed.oneprefix("verify", "12")
    assert (nothing.code, nothing.out.splitlines()[-1]) == (1, "3 not landed")
    for run_id in (4, 5, 6):
        installed.land(run_id)
    right = installed.oneprefix("verify", "12")
    assert (right.code, right.out) == (0, "3 verified\n")
    deep = installed.oneprefix("verify", "12", "5", "--deep")
    assert (deep.code, deep.out) == (0, "1 verified\n")
    dry = installed.oneprefix("verify", "12", "--deep", "--dry-run")
    assert (dry.code, dry.out) == (0, "3 objects would be checked, 1.7 KiB read.\n")
    planned = installed.oneprefix("verify", "12", "--dry-run", "--json").json
    assert planned["keys"] == [installed.prefix.run_results_key(run_id) for run_id in (4, 5, 6)]
    assert planned["bytes_to_read"] == 0
    installed.put_key(f"{installed.prefix.base_prefix}/[red]notes", b"by hand")
    installed.strict.upstream.delete_object(
        Bucket=installed.strict.bucket, Key=installed.prefix.run_results_key(5)
    )
    shown = installed.oneprefix("verify", "12")
    assert shown.code == 1
    _, stranger, missing, counts = shown.out.splitlines()
    assert "[red]notes" in stranger
    assert missing.split()[:3] == ["5", "run_5_results.zip", "missing"]
    assert counts == "2 verified, 1 unknown, 1 missing"
    told = installed.oneprefix("verify", "12", "--json")
    assert told.code == 1
    assert told.json["is_right"] is False
    assert told.json["counts"] == {"verified": 2, "unknown": 1, "missing": 1}
    assert [each["run_id"] for each in told.json["judged"] if not each["is_right"]] == [5]


def test_killed_in_the_middle_it_begins_anew_and_has_changed_nothing(
    installed: Installation, tmp_path: Path
) -> None:
    for run_id in (4, 5, 6):
        installed.land(run_id)
    before = installed.strict.stored()
    proxy = installed.strict.proxy
    proxy.fault(asks("GetObject", "run_5"), Hang(60))
    command = Command(tmp_path, installed.environment)
    process = command.start("verify", "12", "--deep", log=tmp_path / "log")
    deadline = time.monotonic() + 60
    while len([each for each in proxy.requests if each.operation == "GetObject"]) < 2:
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.02)
    process.kill()
    process.wait()
    proxy.mend()
    again = installed.oneprefix("verify", "12", "--deep", "--json")
    assert (again.code, again.json["counts"]) == (0, {"verified": 3})
    assert installed.strict.stored() == before


@only_moto
def test_the_task_tells_its_progress_and_fails_if_anything_is_wrong(
    installed: Installation, tmp_path: Path
) -> None:
    for run_id in (4, 5, 6):
        installed.land(run_id)
    broker = ValkeyServer(tmp_path / "broker")
    broker.start()
    worker, admin = broker.url("worker"), broker.url("admin")
    database = installed.environment["ONEPREFIX_DATABASE_URL"]
    engine = installed.services.engine
    cluster = Cluster(
        tmp_path, installed.strict, database, database, worker, admin, admin, engine, broker
    )
    cluster.temporary.mkdir()
    try:
        cluster.start_worker()
        right = events_of(cluster.producer, 12, deep=True)
        assert [(each["done"], each["total"]) for each in right[:-1]] == [(1, 3), (2, 3), (3, 3)]
        assert right[-1]["type"] == "task-succeeded"
        assert right[-1]["result"] == "{'verified': 3}"
        set_row(installed, "archive_size = 1")
        wrong = events_of(cluster.producer, 12)
        assert wrong[-1]["type"] == "task-failed"
        assert "job 12: 2 verified, 1 another size" in wrong[-1]["exception"]
        assert "run_4_results.zip is another size: " in cluster.log()
    finally:
        cluster.stop()
        broker.stop()


def events_of(producer: Celery, *arguments: Any, **keywords: Any) -> list[dict[str, Any]]:
    """The task's progress, and how it ended."""
    events: list[dict[str, Any]] = []
    with producer, producer.connection_for_read() as connection:

        def note(event: dict[str, Any]) -> None:
            events.append(event)
            if event["type"] != "task-progress":
                receiver.should_stop = True

        told = dict.fromkeys(("task-progress", "task-succeeded", "task-failed"), note)
        receiver = producer.events.Receiver(connection, handlers=told)
        with receiver.consumer_context():
            producer.send_task("tasks.verify_job", arguments, keywords, queue="uploads")
            for _ in receiver.itercapture(limit=None, timeout=60, wakeup=False):
                pass
    return events
