"""`oneprefix migrate`, and the use case behind it."""

import io
import os
import pty
import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import ONEPREFIX, Command
from tests.end_to_end.cluster import PATIENCE, Cluster, cluster, eventually
from tests.servers.faults import AnswerError, DropAnswer, Hang, LieAboutETag, S3Request
from tests.servers.s3 import S3Server
from tests.servers.strict_bucket import Strict, only_moto
from tests.whole_job.conftest import CREATED_AT, Installation
from tests.worker.packaging import trees
from worker.database.jobs import add_job
from worker.errors import (
    InvalidObjectUrl,
    JobNotFound,
    OneprefixError,
    StorageRefused,
    StorageUnavailable,
)
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.models.upload import UploadState
from worker.models.upload_request import UploadRequest
from worker.storage.manage.incomplete_uploads import S3IncompleteUploads
from worker.storage.manage.verified_copies import S3VerifiedCopies
from worker.storage.objects.bucket import Bucket
from worker.use_cases.migration.plan import Decision, Kept, Move, Reason
from worker.use_cases.recovery.abort_orphans import AbortOrphans

OLD = "jobs/12/2025/10/24/030000"
RESULTS = "results/job_12/run_4.zip"


def archive(text: str = "t,x\n") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        opened.writestr(zipfile.ZipInfo("RUN4/out.csv"), text)
    return written.getvalue()


ARCHIVE = archive()


def migrate(
    installed: Installation, *jobs: int, apply: bool = True
) -> tuple[list[Move], list[Kept], list[OneprefixError]]:
    outcomes = [
        outcome for _, outcome in installed.services.migrate_artifacts(jobs or None, apply=apply)
    ]
    decisions = [each for each in outcomes if isinstance(each, Decision)]
    return (
        [move for each in decisions for move in each.moves],
        [left for each in decisions for left in each.left],
        [each for each in outcomes if isinstance(each, OneprefixError)],
    )


def set_results_url(installed: Installation, run_id: int, url: str) -> None:
    with installed.services.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE runs SET results_url = ? WHERE id = ?", (url, run_id))


def results_url(installed: Installation, run_id: int = 4) -> str | None:
    return installed.services.runs.get(run_id).results_url


def put_after(installed: Installation, key: str, content: bytes) -> None:
    """Newer than what there is, by S3's clock, which tells seconds."""
    time.sleep(1.1)
    installed.put_key(key, content)


def test_each_artifact_comes_under_the_prefix_and_is_recorded(installed: Installation) -> None:
    scattered = {
        f"{OLD}/job_config.json": b"{}",
        f"{OLD}/run_4_logs.log": b"hello",
        "jobs/12/2025/10/24/030001/run_5_results.zip": archive("5"),
        RESULTS: ARCHIVE,
    }
    for key, content in scattered.items():
        installed.put_key(key, content)
    set_results_url(installed, 4, f"s3://{installed.strict.bucket}/{RESULTS}")
    planned, _, _ = migrate(installed, apply=False)
    assert installed.strict.stored() == scattered
    assert installed.services.upload_list.uploads() == []

    moves, left, failures = migrate(installed)
    assert (left, failures) == ([], [])
    assert set(moves) == set(planned)
    prefix = installed.prefix
    assert installed.strict.stored() == {
        prefix.job_config_key(): b"{}",
        prefix.run_logs_key(4): b"hello",
        prefix.run_results_key(4): ARCHIVE,
        prefix.run_results_key(5): archive("5"),
    }
    row = installed.services.upload_list.find(12, 4)
    assert row
    assert row.state is UploadState.LANDED
    assert (row.s3_key, row.archive_size) == (prefix.run_results_key(4), len(ARCHIVE))
    assert row.path.endswith(RESULTS)
    [source] = [each.source for each in moves if each.source.key == RESULTS]
    assert row.landed_at == source.modified_at
    assert row.results_url == results_url(installed)
    assert row.results_url == installed.services.results.url(prefix.run_results_key(4))
    assert installed.services.upload_list.find(12, 6) is None
    assert migrate(installed) == ([], [], [])


@only_moto
def test_s3_keeps_type_metadata_tags_and_class_and_makes_a_checksum(
    installed: Installation,
) -> None:
    client, bucket = installed.strict.upstream, installed.strict.bucket
    client.put_object(
        Bucket=bucket,
        Key=RESULTS,
        Body=ARCHIVE,
        ContentType="application/zip",
        Metadata={"made-by": "hand"},
        Tagging="team=cfd",
        StorageClass="STANDARD_IA",
    )
    migrate(installed)
    key = installed.prefix.run_results_key(4)
    head = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert (head["ContentType"], head["Metadata"]) == ("application/zip", {"made-by": "hand"})
    assert head["StorageClass"] == "STANDARD_IA"
    tags = client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    assert tags == [{"Key": "team", "Value": "cfd"}]
    row = installed.services.upload_list.find(12, 4)
    assert row
    assert row.checksum == f"CRC32:{head['ChecksumCRC32']}"


@only_moto
def test_every_copy_and_deletion_is_conditional(installed: Installation) -> None:
    """rclone knows no conditions, so that S3's own are the same there."""
    installed.put_key(RESULTS, ARCHIVE)
    migrate(installed)
    asked = {each.operation: each for each in installed.strict.proxy.requests}
    assert asked["CopyObject"].has_condition
    assert asked["DeleteObject"].has_condition


def test_other_jobs_and_what_is_unknown_stay(installed: Installation) -> None:
    kept = {
        "jobs/120/2025/10/24/030000/run_4_results.zip": b"of no job",
        "results/job_1/run_4.zip": b"of a job that does not have it",
        "jobs/12/notes.txt": b"by hand",
        "jobs/readme": b"",
        "results/job_12/run_7.zip": b"of no run",
        "results/other.zip": b"not ours",
        f"{installed.prefix.base_prefix}/notes.txt": b"at its place",
        f"{OLD}/run_4_results.zip \u2028ü%2F+[red]&'": b"hostile",
    }
    for key, content in kept.items():
        installed.put_key(key, content)
    add_job(installed.services.engine, 1, installed.prefix.timestamp, [40])
    moves, left, failures = migrate(installed)
    assert (moves, failures) == ([], [])
    assert installed.strict.stored() == kept
    assert {each.found.key: each.reason for each in left} == {
        "jobs/120/2025/10/24/030000/run_4_results.zip": Reason.NO_SUCH_JOB,
        "results/job_1/run_4.zip": Reason.NO_SUCH_RUN,
        "jobs/12/notes.txt": Reason.UNKNOWN,
        "jobs/readme": Reason.UNKNOWN,
        "results/job_12/run_7.zip": Reason.NO_SUCH_RUN,
        f"{OLD}/run_4_results.zip \u2028ü%2F+[red]&'": Reason.UNKNOWN,
    }


def test_only_the_named_jobs_are_touched(installed: Installation) -> None:
    add_job(installed.services.engine, 1, installed.prefix.timestamp, [40])
    add_job(installed.services.engine, 120, installed.prefix.timestamp, [41])
    for key in (RESULTS, "results/job_1/run_40.zip", "results/job_120/run_41.zip"):
        installed.put_key(key, ARCHIVE)
    moves, _, _ = migrate(installed, 1)
    assert [move.source.key for move in moves] == ["results/job_1/run_40.zip"]
    moves, _, _ = migrate(installed, 12)
    assert [move.source.key for move in moves] == [RESULTS]
    with pytest.raises(JobNotFound, match=r"^job 13: there is no such job$"):
        migrate(installed, 13)


def test_the_newest_complete_candidate_wins_and_the_others_stay(installed: Installation) -> None:
    truncated = archive("newest")[:-1]
    installed.put_key(RESULTS, ARCHIVE)
    put_after(installed, f"{OLD}/run_4_results.zip", archive("newer"))
    put_after(installed, "jobs/12/20251101/run_4_results.zip", truncated)
    moves, left, failures = migrate(installed)
    assert [move.source.key for move in moves] == [f"{OLD}/run_4_results.zip"]
    assert failures == []
    assert {each.reason for each in left} == {Reason.CONFLICT}
    assert installed.strict.stored() == {
        RESULTS: ARCHIVE,
        "jobs/12/20251101/run_4_results.zip": truncated,
        installed.prefix.run_results_key(4): archive("newer"),
    }
    _, left, _ = migrate(installed)
    assert sorted(each.found.key for each in left) == sorted(
        [RESULTS, "jobs/12/20251101/run_4_results.zip"]
    )


def test_what_stands_at_the_right_key_is_kept_if_it_is_newer(installed: Installation) -> None:
    installed.put_key(RESULTS, ARCHIVE)
    time.sleep(1.1)
    key = installed.land(4)
    landed = installed.strict.stored()[key]
    moves, left, failures = migrate(installed)
    assert (moves, failures) == ([], [])
    assert [(each.found.key, each.reason) for each in left] == [(RESULTS, Reason.CONFLICT)]
    assert installed.strict.stored() == {RESULTS: ARCHIVE, key: landed}


def test_what_stands_at_the_right_key_is_set_aside_for_what_is_newer(
    installed: Installation,
) -> None:
    key = installed.land(4)
    landed = installed.strict.stored()[key]
    before = installed.services.upload_list.find(12, 4)
    put_after(installed, RESULTS, archive("newer"))
    [move], left, failures = migrate(installed)
    assert (left, failures) == ([], [])
    assert installed.strict.stored() == {key: archive("newer"), move.aside: landed}
    after = installed.services.upload_list.find(12, 4)
    assert before
    assert after
    assert after.archive_size == len(archive("newer"))
    assert (after.sha256, after.checksum) != (before.sha256, before.checksum)
    assert after.sha256 is None
    assert migrate(installed) == ([], [], [])


def test_what_was_only_set_aside_by_an_earlier_run_is_replaced(installed: Installation) -> None:
    key = installed.land(4)
    landed = installed.strict.stored()[key]
    put_after(installed, RESULTS, archive("newer"))
    installed.strict.proxy.fault(
        lambda asked: (asked.operation, asked.key) == ("CopyObject", key),
        AnswerError(403, "AccessDenied"),
    )
    _, _, failures = migrate(installed)
    assert len(failures) == 1
    [aside] = set(installed.strict.stored()) - {key, RESULTS}
    assert installed.strict.stored()[key] == landed
    installed.strict.proxy.mend()
    assert migrate(installed)[2] == []
    assert installed.strict.stored() == {key: archive("newer"), aside: landed}


@pytest.mark.parametrize("step", ["copied", "recorded"])
def test_what_an_earlier_run_began_is_finished(installed: Installation, step: str) -> None:
    installed.put_key(RESULTS, ARCHIVE)
    source = next(installed.services.bucket.list(RESULTS))
    key = installed.prefix.run_results_key(4)
    if step == "copied":
        installed.strict.proxy.fault(lambda asked: asked.operation == "CopyObject", DropAnswer())
    else:
        installed.strict.proxy.fault(
            lambda asked: asked.operation == "DeleteObject", AnswerError(403, "AccessDenied")
        )
    _, _, [failure] = migrate(installed)
    assert str(failure).startswith("job 12, run 4: ")
    assert installed.strict.stored() == {RESULTS: ARCHIVE, key: ARCHIVE}
    row = installed.services.upload_list.find(12, 4)
    assert (row is not None) is (step == "recorded")

    installed.strict.proxy.mend()
    moves, left, failures = migrate(installed)
    assert ([move.source.key for move in moves], left, failures) == ([RESULTS], [], [])
    assert installed.strict.stored() == {key: ARCHIVE}
    row = installed.services.upload_list.find(12, 4)
    assert row
    assert (row.s3_key, row.landed_at) == (key, source.modified_at)


def test_a_copy_whose_answer_is_lost_is_found(installed: Installation) -> None:
    installed.put_key(RESULTS, ARCHIVE)
    installed.strict.proxy.fault(
        lambda request: request.operation == "CopyObject", DropAnswer(), times=1
    )
    migrate(installed)
    migrate(installed)
    assert installed.strict.stored() == {installed.prefix.run_results_key(4): ARCHIVE}


@only_moto
def test_a_large_object_in_parts_without_checksums_is_resumed_by_its_bytes(
    installed: Installation,
) -> None:
    """As boto3 has stored results for years; rclone keeps no multipart ETags."""
    client, bucket = installed.strict.upstream, installed.strict.bucket
    content = b"x" * (5 << 20) + ARCHIVE
    upload = client.create_multipart_upload(Bucket=bucket, Key=RESULTS)["UploadId"]
    parts = [
        client.upload_part(
            Bucket=bucket, Key=RESULTS, UploadId=upload, PartNumber=number, Body=body
        )["ETag"]
        for number, body in enumerate([content[: 5 << 20], content[5 << 20 :]], 1)
    ]
    client.complete_multipart_upload(
        Bucket=bucket,
        Key=RESULTS,
        UploadId=upload,
        MultipartUpload={
            "Parts": [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(parts, 1)]
        },
    )
    key = installed.prefix.run_results_key(4)
    installed.put_key(key, content)
    before = len(installed.strict.proxy.requests)
    moves, left, failures = migrate(installed)
    assert ([move.source.key for move in moves], left, failures) == ([RESULTS], [], [])
    assert installed.strict.stored() == {key: content}
    asked = [each.operation for each in installed.strict.proxy.requests[before:]]
    assert (asked.count("CopyObject"), asked.count("GetObject")) == (0, 2)


@only_moto  # rclone can't copy parts
def test_what_is_too_large_for_one_copy_goes_in_parts_that_recovery_does_not_abort(
    installed: Installation,
) -> None:
    """5 GB; here it is a megabyte."""
    services, client = installed.services, installed.strict.upstream
    large = archive(trees.content("random", 11 * trees.MIB).hex())
    client.put_object(
        Bucket=installed.strict.bucket,
        Key=RESULTS,
        Body=large,
        ChecksumAlgorithm="CRC32",
        Metadata={"of": "old"},
    )
    installed.land(4)  # so that there is a row, which knows of no multipart upload
    client.delete_object(Bucket=installed.strict.bucket, Key=installed.prefix.run_results_key(4))
    copies = S3VerifiedCopies(installed.services.bucket, {}, copy_threshold=trees.MIB)
    incomplete = S3IncompleteUploads(Bucket(client, installed.strict.bucket))
    abort_orphans = AbortOrphans(services.upload_list, services.multipart_ids, incomplete, young=0)
    aborted: list[int] = []

    def sweep(request: S3Request) -> bool:
        if request.operation == "UploadPartCopy":
            aborted.append(abort_orphans())
        return False

    installed.strict.proxy.fault(sweep, Hang(0))
    job = replace(services.migrate_artifacts, copies=copies)
    [(_, outcome)] = list(job([12], apply=True))
    assert isinstance(outcome, Decision)
    key = installed.prefix.run_results_key(4)
    assert installed.strict.stored() == {key: large}
    assert aborted == [0]
    copied = client.head_object(Bucket=installed.strict.bucket, Key=key, ChecksumMode="ENABLED")
    assert copied["Metadata"] == {"of": "old"}
    upload = services.upload_list.find(12, 4)
    assert upload
    assert upload.multipart_upload_id is None
    assert upload.checksum == f"CRC32:{copied['ChecksumCRC32']}"


@only_moto
@pytest.mark.parametrize("place", ["source", "target"])
def test_what_changes_before_a_copy_in_parts_is_left(installed: Installation, place: str) -> None:
    key = installed.prefix.run_results_key(4)
    installed.put_key(RESULTS, ARCHIVE)
    copies = S3VerifiedCopies(installed.services.bucket, {}, copy_threshold=0)
    source = stand(installed, RESULTS)
    installed.put_key(RESULTS if place == "source" else key, archive("newer"))
    before = installed.strict.stored()
    with pytest.raises(StorageUnavailable, match="has changed since it was listed; run it again"):
        copies.copy(source, key)
    assert installed.strict.stored() == before


def test_a_job_with_an_upload_under_way_is_left_for_the_next_run(
    installed: Installation,
) -> None:
    installed.put_key(RESULTS, ARCHIVE)
    installed.put_key("jobs/12/notes.txt")
    path = str(installed.results / "RUN5")
    installed.services.requests.request(UploadRequest(12, 5, path), published=True)
    held = installed.services.uploads.claim(12, 5, owner="me", lease=60)
    assert held
    moves, left, failures = migrate(installed)
    assert (moves, failures) == ([], [])
    assert {each.found.key: each.reason for each in left} == {
        RESULTS: Reason.UNDER_WAY,
        "jobs/12/notes.txt": Reason.UNKNOWN,
    }
    assert RESULTS in installed.strict.stored()
    installed.services.uploads.fail(held, error="gone", traceback="")
    moves, _, _ = migrate(installed)
    assert [move.source.key for move in moves] == [RESULTS]


def stand(installed: Installation, key: str) -> StoredObject:
    return next(installed.services.bucket.list(key))


def test_an_object_that_comes_under_the_key_meanwhile_is_never_overwritten(
    installed: Installation,
) -> None:
    copies, key = installed.services.migrate_artifacts.copies, installed.prefix.run_results_key(4)
    installed.put_key(RESULTS, ARCHIVE)
    source = stand(installed, RESULTS)
    installed.put_key(key, archive("newer"))
    with pytest.raises(StorageUnavailable, match="has changed since it was listed; run it again"):
        copies.copy(source, key)
    replaced = stand(installed, key)
    installed.put_key(key, archive("newest"))
    with pytest.raises(StorageUnavailable, match="has changed since it was listed; run it again"):
        copies.copy(source, key, replaces=replaced)
    assert installed.strict.stored() == {RESULTS: ARCHIVE, key: archive("newest")}


@only_moto
def test_where_s3_refuses_to_overwrite_it_is_not_asked_again(installed: Installation) -> None:
    """It stands between our look and the copy. rclone never refuses."""
    installed.put_key(RESULTS, ARCHIVE)
    installed.strict.proxy.fault(
        lambda request: request.operation == "CopyObject", AnswerError(412, "PreconditionFailed")
    )
    _, _, [failure] = migrate(installed)
    assert "has changed since it was listed; run it again" in str(failure)
    assert installed.strict.stored() == {RESULTS: ARCHIVE}


@only_moto
def test_a_store_that_refuses_conditions_is_asked_without(installed: Installation) -> None:
    """As some stores do; rclone passes over them."""
    installed.put_key(RESULTS, ARCHIVE)
    installed.strict.proxy.fault(
        lambda request: request.operation == "CopyObject" and request.has_condition,
        AnswerError(501, "NotImplemented"),
    )
    moves, _, failures = migrate(installed)
    assert (len(moves), failures) == (1, [])
    assert installed.strict.stored() == {installed.prefix.run_results_key(4): ARCHIVE}


def test_a_source_that_is_gone_already_is_no_failure(installed: Installation) -> None:
    bucket = installed.services.bucket
    installed.put_key(RESULTS, ARCHIVE)
    source = stand(installed, RESULTS)
    bucket.delete(source)
    bucket.delete(source)  # it is gone: nothing is left to do
    assert installed.strict.stored() == {}


@only_moto
def test_a_source_that_changed_is_not_deleted(installed: Installation) -> None:
    """By a condition, which rclone does not know."""
    installed.put_key(RESULTS, ARCHIVE)
    source = stand(installed, RESULTS)
    installed.put_key(RESULTS, archive("newer"))
    with pytest.raises(StorageRefused, match="PreconditionFailed"):
        installed.services.bucket.delete(source)
    assert installed.strict.stored() == {RESULTS: archive("newer")}


@only_moto
def test_a_copy_that_is_not_what_was_copied_keeps_its_source(installed: Installation) -> None:
    """Told by ETag; rclone has checksums of neither."""
    installed.strict.upstream.put_object(
        Bucket=installed.strict.bucket,
        Key=f"{OLD}/run_4_logs.log",
        Body=b"hello",
        ChecksumAlgorithm="SHA256",
    )
    key = installed.prefix.run_logs_key(4)
    installed.strict.proxy.fault(lambda asked: asked.operation == "CopyObject", LieAboutETag())
    installed.strict.proxy.fault(
        lambda asked: (asked.operation, asked.key) == ("HeadObject", key), LieAboutETag()
    )
    _, _, failures = migrate(installed)
    assert [str(each) for each in failures] == [
        f"job 12, run 4: {key} is not what {OLD}/run_4_logs.log is; both stay"
    ]
    assert len(installed.strict.stored()) == 2


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"s3://another-bucket/{RESULTS}", "is in another bucket than"),
        ("https://example.com/results.zip", "names no object in S3"),
    ],
)
def test_results_recorded_elsewhere_are_left_and_told(
    installed: Installation, url: str, says: str
) -> None:
    installed.put_key(RESULTS, ARCHIVE)
    installed.put_key(f"{OLD}/run_4_logs.log", b"hello")
    set_results_url(installed, 4, url)
    moves, _, [failure] = migrate(installed)
    assert isinstance(failure, InvalidObjectUrl)
    assert str(failure).startswith(f"job 12, run 4: '{url}' {says}")
    assert [move.source.key for move in moves] == [f"{OLD}/run_4_logs.log"]
    assert installed.strict.stored()[RESULTS] == ARCHIVE
    assert results_url(installed) == url


@only_moto
def test_an_archived_object_is_told_to_be_restored_first(installed: Installation) -> None:
    """rclone archives nothing."""
    client, bucket = installed.strict.upstream, installed.strict.bucket
    client.put_object(Bucket=bucket, Key=RESULTS, Body=ARCHIVE, StorageClass="GLACIER")
    installed.put_key(f"{OLD}/run_5_results.zip", ARCHIVE)
    moves, _, [failure] = migrate(installed)
    assert str(failure) == (
        f"job 12, run 4: {RESULTS} is archived in GLACIER and not restored:"
        " `oneprefix restore` it first"
    )
    assert [move.source.key for move in moves] == [f"{OLD}/run_5_results.zip"]
    installed.put_key(f"{OLD}/run_4_results.zip", ARCHIVE[:-1])
    _, _, [failure] = migrate(installed)
    assert "is archived in GLACIER and not restored: `oneprefix restore` it first" in str(failure)


def test_no_permission_on_one_object_among_many_stops_no_other(installed: Installation) -> None:
    keys = [f"{OLD}/run_{run}_{name}" for run in (4, 5, 6) for name in ("logs.log", "results.zip")]
    for key in keys:
        installed.put_key(key, key.encode())
    forbidden = installed.prefix.run_results_key(5)
    installed.strict.proxy.fault(
        lambda request: (request.operation, request.key) == ("CopyObject", forbidden),
        AnswerError(403, "AccessDenied"),
    )
    done = installed.oneprefix("migrate", "12", "--apply", "--json")
    assert (done.code, done.json["moves"], done.json["failed"]) == (1, 5, 1)
    assert "job 12, run 5: copying" in done.err
    assert "403 AccessDenied" in done.err
    assert done.err.count("\n") == 1
    installed.strict.proxy.mend()
    again = installed.oneprefix("migrate", "12", "--apply", "--json")
    assert (again.code, again.json["moves"]) == (0, 1)
    assert len(installed.strict.stored()) == 6
    assert all(
        key.startswith(installed.prefix.base_prefix + "/") for key in installed.strict.stored()
    )


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("ListObjectsV2", AnswerError(400, "ExpiredToken")),
        ("CopyObject", AnswerError(400, "ExpiredToken")),
        ("CopyObject", AnswerError(404, "NoSuchKey")),
    ],
)
def test_expired_credentials_and_vanished_objects_lose_nothing(
    installed: Installation, operation: str, answer: AnswerError
) -> None:
    installed.put_key(RESULTS, ARCHIVE)
    installed.strict.proxy.fault(lambda request: request.operation == operation, answer)
    done = installed.oneprefix("migrate", "--all", "--apply")
    assert done.code == 1
    assert answer.code in done.err
    assert done.err.count("\n") == 1
    assert installed.strict.stored() == {RESULTS: ARCHIVE}
    assert results_url(installed) is None


def test_the_command_says_what_it_would_do_and_does_it_when_told(
    installed: Installation,
) -> None:
    installed.put_key(RESULTS, ARCHIVE)
    installed.put_key(f"{OLD}/run_4_logs.log", b"hello")
    installed.put_key("jobs/12/notes.txt")
    key = installed.prefix.run_results_key(4)
    planned = installed.oneprefix("migrate", "12")
    assert planned.code == 0, planned
    assert [line.split()[-2:] for line in planned.out.splitlines() if RESULTS in line] == [
        [RESULTS, key]
    ]
    assert "stays: jobs/12/notes.txt: unknown\n" in planned.out
    total = f"2 artifacts, {len(ARCHIVE) + 5} B"
    assert planned.out.endswith(f"{total} to move; --apply does it; staying: 1 unknown\n")
    assert len(installed.strict.stored()) == 3
    few = installed.oneprefix("migrate", "--all", "--limit", "1", "--json").json
    assert (few["applied"], few["moves"], len(few["first_moves"])) == (False, 2, 1)
    assert few["left"] == {"unknown": 1}
    assert installed.oneprefix("migrate", "--all", "--limit", "0").out.count("\n") <= 2

    done = installed.oneprefix("migrate", "--all", "--apply")
    assert done.code == 0, done
    assert done.out.endswith(f"{total} moved; staying: 1 unknown\n")
    assert sorted(installed.strict.stored()) == sorted(
        ["jobs/12/notes.txt", key, installed.prefix.run_logs_key(4)]
    )
    refused = installed.oneprefix("migrate", "13", "--apply")
    assert (refused.code, refused.err) == (1, "oneprefix: job 13: there is no such job\n")
    beyond = installed.oneprefix("migrate", str(2**63))
    assert (beyond.code, beyond.err) == (1, f"oneprefix: job {2**63}: there is no such job\n")
    nothing = installed.oneprefix("migrate", "12", "--apply", "--json").json
    assert (nothing["moves"], nothing["failed"]) == (0, 0)


@only_moto
@pytest.mark.parametrize(("options", "is_moved"), [(["--yes"], True), (["--dry-run"], False)])
def test_migrate_has_the_options_of_every_command_that_changes_objects(
    installed: Installation, options: list[str], is_moved: bool
) -> None:
    installed.put_key(RESULTS, ARCHIVE)
    assert installed.oneprefix("migrate", "12", *options).code == 0
    assert (RESULTS not in installed.strict.stored()) is is_moved
    assert installed.oneprefix("migrate", "12", "--apply", "--dry-run").code == 0
    assert (RESULTS not in installed.strict.stored()) is is_moved


@only_moto
@pytest.mark.parametrize(("typed", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_on_a_terminal_migrate_shows_and_asks(
    installed: Installation, typed: str, code: int
) -> None:
    installed.put_key(RESULTS, ARCHIVE)
    answer, said = on_a_terminal(installed, typed, "migrate", "12")
    assert answer == code, said
    assert "1 artifact, " in said
    assert "Move them? [y/N]" in said
    assert ("nothing was moved" in said) is (code == 1)
    assert (RESULTS in installed.strict.stored()) is (code == 1)
    answer, said = on_a_terminal(installed, "y", "migrate", "12", "--dry-run")
    assert (answer, "Move them?" in said) == (0, False)


def on_a_terminal(installed: Installation, typed: str, *arguments: str) -> tuple[int, str]:
    """The command with a terminal for input and output, and what it said there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*ONEPREFIX, *arguments],
        env=Command(installed.results, installed.environment).surroundings,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, f"{typed}\n".encode())
    said = b""
    with suppress(OSError):  # EIO, once the command has ended
        while piece := os.read(ours, 65536):
            said += piece
    os.close(ours)
    return process.wait(60), said.decode()


JOBS, EACH = 25, 400


def scatter(installed: Installation) -> dict[str, bytes]:
    """400 objects of each of 25 jobs, as the old code left them; what shall lie where."""
    expected: dict[str, bytes] = {}
    old: dict[str, bytes] = {}
    for job_id in range(1000, 1000 + JOBS):
        runs = [job_id * 1000 + number for number in range(1, EACH // 2 + 1)]
        created_at = CREATED_AT + timedelta(hours=job_id)
        prefix = JobS3Prefix.from_job(add_job(installed.services.engine, job_id, created_at, runs))
        for run_id in runs:
            landed = created_at + timedelta(seconds=run_id % 1000)
            scattered = JobS3Prefix(job_id, landed)
            logs, results = f"{run_id}".encode(), archive(f"{run_id}")
            old[scattered.run_logs_key(run_id)] = logs
            expected[prefix.run_logs_key(run_id)] = logs
            is_older = run_id % 2
            old[
                f"results/job_{job_id}/run_{run_id}.zip"
                if is_older
                else scattered.run_results_key(run_id)
            ] = results
            expected[prefix.run_results_key(run_id)] = results
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(installed.put_key, old, old.values()))
    assert len(old) == len(expected) == JOBS * EACH
    return expected


@only_moto
@pytest.mark.thorough("it moves ten thousand objects")
@pytest.mark.timeout(1500)
def test_ten_thousand_scattered_objects_survive_a_kill_in_the_middle(
    installed: Installation, moto: S3Server, tmp_path: Path
) -> None:
    """Against moto itself: the strict proxy before it would take most of the time."""
    expected = scatter(installed)
    command = Command(tmp_path, installed.environment | moto.environment())
    planned = command("migrate", "--all", "--json").json
    assert (planned["moves"], planned["left"], planned["failed"]) == (JOBS * EACH, {}, 0)

    log = tmp_path / "killed.log"
    killed = command.start("migrate", "--all", "--apply", log=log)
    eventually(lambda: landed_rows(installed) > 1000, "it is in the middle", patience=300)
    killed.kill()
    killed.wait()
    before_the_kill = landed_rows(installed)
    assert before_the_kill < JOBS * EACH // 2

    again = command("migrate", "--all", "--apply", "--json", timeout=1000)
    assert (again.code, again.json["left"], again.json["failed"]) == (0, {}, 0), again
    assert 0 < again.json["moves"] < JOBS * EACH
    bucket = Bucket(moto.client(), installed.strict.bucket)
    listed = {each.key: each for each in bucket.list("")}
    assert {key: each.size for key, each in listed.items()} == {
        key: len(content) for key, content in expected.items()
    }
    assert {key: each.etag for key, each in listed.items()} == {
        key: md5(content).hexdigest() for key, content in expected.items()
    }
    for job_id in range(1000, 1000 + JOBS):
        urls = {run.id: run.results_url for run in installed.services.runs.of_job(job_id)}
        rows = {row.run_id: row for row in installed.services.upload_list.uploads(job_id)}
        assert len(urls) == len(rows) == EACH // 2
        for run_id, url in urls.items():
            row = rows[run_id]
            assert row.state is UploadState.LANDED
            assert row.s3_key in expected
            assert url == row.results_url == bucket.url(row.s3_key)
    nothing = command("migrate", "--all", "--apply", "--json").json
    assert (nothing["moves"], nothing["left"]) == (0, {})


def landed_rows(installed: Installation) -> int:
    return installed.services.upload_list.counts().get(UploadState.LANDED, 0)


@only_moto
def test_as_a_task_it_tells_how_far_it_is(strict: Strict, tmp_path: Path) -> None:
    """A worker's; what it does in S3 is the same as above."""
    prefix = JobS3Prefix(12, CREATED_AT)
    for run_id in (4, 5, 6):
        key = f"results/job_12/run_{run_id}.zip"
        strict.upstream.put_object(Bucket=strict.bucket, Key=key, Body=ARCHIVE)
    forbidden = prefix.run_results_key(5)
    strict.proxy.fault(
        lambda asked: (asked.operation, asked.key) == ("CopyObject", forbidden),
        AnswerError(403, "AccessDenied"),
    )
    with cluster(tmp_path, strict, f"sqlite:///{tmp_path / 'jobs.db'}") as running:
        running.start_worker(ONEPREFIX_ORDERS_BY_MESSAGE="true")
        first = events_of(running, 12)
        assert [each["type"] for each in first] == ["task-progress"] * 3 + ["task-failed"]
        assert (first[2]["done"], first[2]["total"]) == (3, 3)
        assert "job 12, run 5: copying" in first[3]["exception"]
        assert "job 12, run 5: copying" in running.log()
        strict.proxy.mend()
        second = events_of(running, 12)
        assert [each["type"] for each in second] == ["task-progress", "task-succeeded"]
        assert (second[0]["done"], second[0]["total"]) == (1, 1)
        assert set(strict.stored()) == {prefix.run_results_key(run_id) for run_id in (4, 5, 6)}
        [refused] = events_of(running, -1)
        assert refused["type"] == "task-failed"
        assert "job id must be a positive integer" in refused["exception"]


def events_of(running: Cluster, job_id: int) -> list[dict[str, Any]]:
    """What is told of such a task until it is over."""
    told: list[dict[str, Any]] = []
    with running.operator as operator, operator.connection() as connection:
        over = ("task-failed", "task-succeeded")
        receiver = operator.events.Receiver(
            connection, handlers=dict.fromkeys(("task-progress", *over), told.append)
        )
        consumed = receiver.itercapture(limit=None, timeout=PATIENCE, wakeup=False)
        next(consumed)
        operator.send_task("tasks.migrate_job", args=[job_id], queue="uploads")
        while not (told and told[-1]["type"] in over):
            next(consumed)
    return told
