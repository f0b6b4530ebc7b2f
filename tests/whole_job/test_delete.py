"""`oneprefix delete`, and the use case behind it."""

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.cli.command import ONEPREFIX, Command
from tests.servers.faults import AnswerError, Hang, S3Request
from tests.servers.raw import ask
from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import Installation
from worker.database.jobs import add_job
from worker.database.tables import deletions
from worker.errors import JobNotFound, StorageRefused, UploadUnderWay
from worker.models.artifact import ArtifactKind
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import UploadRequest
from worker.storage.manage.versions import S3ObjectVersions
from worker.use_cases.retention.outcome import Outcome


def deleted(installed: Installation) -> list[Outcome]:
    job = installed.services.delete_job()
    return list(job(job.plan(12), who="ada@lab"))


def records(installed: Installation) -> list[Any]:
    with installed.services.engine.begin() as connection:
        return list(connection.execute(select(deletions).order_by(deletions.c.id)).mappings())


def row(installed: Installation, run_id: int) -> Upload:
    found = installed.services.upload_list.find(12, run_id)
    assert found
    return found


def request(installed: Installation, run_id: int, **options: Any) -> UploadRequest:
    return UploadRequest(12, run_id, str(installed.results / f"RUN{run_id}"), **options)


def is_of(operation: str) -> Callable[[S3Request], bool]:
    return lambda each: each.operation == operation


def open_uploads(installed: Installation) -> list[str]:
    listed = ask(installed.strict.proxy.server, "GET", f"/{installed.strict.bucket}?uploads")
    return [part.split("<")[0] for part in listed.body.decode().split("<Key>")[1:]]


def begin_multipart(installed: Installation, key: str) -> None:
    installed.strict.client.create_multipart_upload(Bucket=installed.strict.bucket, Key=key)


def test_everything_under_the_prefix_goes_and_nothing_else(installed: Installation) -> None:
    landed = installed.land(4)
    installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    installed.put_key(f"{installed.prefix.base_prefix}/by hand/[x] & <y>\u00fc.txt", b"123")
    begin_multipart(installed, installed.prefix.run_results_key(5))
    others = [f"{installed.prefix.base_prefix}9/job_config.json", "jobs/1/job_config.json"]
    for key in others:
        installed.put_key(key, b"{}")
        begin_multipart(installed, key)

    size = sum(len(content) for content in installed.strict.stored().values()) - 4
    assert row(installed, 4).s3_key == landed
    outcomes = deleted(installed)
    assert [each.error for each in outcomes] == [None] * 4
    assert set(installed.strict.stored()) == set(others)
    assert sorted(open_uploads(installed)) == sorted(others)
    [record] = records(installed)
    assert (record["job_id"], record["prefix"]) == (12, installed.prefix.base_prefix)
    assert (record["who"], record["bucket"]) == ("ada@lab", installed.strict.bucket)
    assert (record["objects"], record["bytes"], record["failures"]) == (3, size, 0)
    assert record["finished_at"] >= record["begun_at"]


def test_rows_tell_that_results_are_gone_and_a_repeated_message_does_not_bring_them_back(
    installed: Installation,
) -> None:
    installed.land(4)
    before = row(installed, 4)
    deleted(installed)
    after = row(installed, 4)
    assert (after.state, after.results_url) == (UploadState.LANDED, None)
    assert after.error == "deleted by ada@lab, see number 1 of `deletions`"
    assert (after.checksum, after.landed_at) == (before.checksum, before.landed_at)
    run = installed.services.runs.get(4)
    assert (run.results_url, run.status) == (None, "DONE")
    missing = {each.run_id: each.why for each in installed.services.find_artifacts(12).missing}
    assert missing[4] == after.error
    assert (after.deleted_by, after.deleted_at) == ("ada@lab", records(installed)[0]["begun_at"])
    by = f"by ada@lab at {after.deleted_at:%Y-%m-%d %H:%M:%S} UTC"
    shown = installed.oneprefix("status", "12").out.splitlines()
    assert shown[1].split()[:3] == ["12", "4", "deleted"]
    assert shown[1].rstrip().endswith(f"deleted {by}")
    assert shown[2:] == ["1 deleted"]
    told = installed.oneprefix("status", "12", "--json").json
    assert told["counts"] == {"LANDED": 1}
    assert [each["state"] for each in told["uploads"]] == ["LANDED"]
    assert [each["deleted_by"] for each in told["uploads"]] == ["ada@lab"]
    assert f"run 4 was deleted {by}\n" in installed.oneprefix("ls", "12").out
    missing_4, *_ = installed.oneprefix("ls", "12", "--json").json["missing"]
    assert (missing_4["state"], missing_4["deleted_by"]) == ("LANDED", "ada@lab")
    for command in (("urls", "12", "4"), ("fetch", "12", "4", "x"), ("contents", "12", "4")):
        refused = installed.oneprefix(*command)
        assert (refused.code, refused.err) == (
            1,
            (
                f"oneprefix: job 12, run 4: its results were deleted {by};"
                " `oneprefix enqueue … --replace` uploads them anew\n"
            ),
        )
    assert f"job 12: its results were deleted {by}" in installed.oneprefix("urls", "12").err
    asked = installed.oneprefix("enqueue", "12", "4", "/r/RUN4")
    assert (asked.code, f"its results are gone (deleted {by})" in asked.err) == (1, True)
    verified = installed.oneprefix("verify", "12", "4")
    assert (verified.code, f"deleted  {by}" in verified.out) == (1, True)
    counted = installed.oneprefix("inventory", "--since", "2025-01-01", "--json")
    assert counted.json["total"]["artifacts"] == 0

    assert installed.services.upload_results(request(installed, 4)) is None
    assert installed.strict.stored() == {}
    assert installed.services.upload_results(request(installed, 4, replace=True))
    assert row(installed, 4).error is None
    assert installed.services.runs.get(4).results_url == row(installed, 4).results_url
    assert len(installed.strict.stored()) == 1


def test_a_failed_replacement_keeps_its_reason_and_tells_that_what_had_landed_is_deleted(
    installed: Installation,
) -> None:
    installed.land(4)
    installed.services.requests.request(request(installed, 4, replace=True), published=True)
    claimed = installed.services.uploads.claim(12, 4, owner="me", lease=60)
    assert claimed
    installed.services.uploads.fail(claimed, error="job 12, run 4: a disk is full", traceback="")
    deleted(installed)
    [failed] = installed.oneprefix("failed", "--json").json["failed"]
    assert failed["state"] == "FAILED"
    assert failed["deleted_by"] == "ada@lab"
    assert failed["error"] == (
        "job 12, run 4: a disk is full; deleted by ada@lab, see number 1 of `deletions`"
    )
    assert "deleted by ada@lab" in installed.oneprefix("failed").out


def test_a_living_lease_forbids_it_before_anything_is_touched(installed: Installation) -> None:
    key = installed.land(4)
    services = installed.services
    for run_id in (5, 6):
        services.requests.request(request(installed, run_id), published=True)
    assert services.uploads.claim(12, 6, owner="me", lease=60)
    with pytest.raises(UploadUnderWay, match="job 12, run 6: its upload is under way"):
        deleted(installed)
    assert set(installed.strict.stored()) == {key}
    assert records(installed) == []
    assert row(installed, 5).state is UploadState.REQUESTED


def test_uploads_that_wait_for_a_worker_are_given_up(installed: Installation) -> None:
    services = installed.services
    for run_id in (4, 5, 6):
        services.requests.request(request(installed, run_id), published=True)
    claimed = services.uploads.claim(12, 5, owner="me", lease=60)
    dead = services.uploads.claim(12, 6, owner="me", lease=-1)
    assert claimed
    assert dead
    services.uploads.retry(claimed, error="a disk is full", delay=60, traceback="")
    assert deleted(installed) == []
    for run_id in (4, 5, 6):
        given_up = row(installed, run_id)
        assert given_up.state is UploadState.FAILED
        assert given_up.error == "job 12: its artifacts were deleted by ada@lab"
        assert services.uploads.claim(12, run_id, owner="me", lease=60) is None


def test_what_could_not_be_deleted_is_told_and_its_run_keeps_its_location(
    installed: Installation,
) -> None:
    keys = {run_id: installed.land(run_id) for run_id in (4, 5)}
    job = installed.services.delete_job()

    class Refusing(S3ObjectVersions):
        def delete(self, versions: Any) -> Any:
            allowed = [each for each in versions if each.key != keys[5]]
            refused = [each for each in versions if each.key == keys[5]]
            return super().delete(allowed) | dict.fromkeys(refused, "deleting run 5: no")

    refusing = Refusing(installed.services.bucket)
    job = replace(job, versions=refusing)
    outcomes = {each.key: each.error for each in job(job.plan(12), who="ada")}
    assert outcomes == {keys[4]: None, keys[5]: "deleting run 5: no"}
    assert records(installed)[0]["failures"] == 1
    assert row(installed, 4).results_url is None
    assert row(installed, 5).results_url == installed.services.runs.get(5).results_url
    assert row(installed, 5).results_url
    assert deleted(installed)[0].error is None
    assert row(installed, 5).results_url is None
    assert [(each["objects"], each["failures"]) for each in records(installed)] == [(2, 1), (1, 0)]


@only_moto  # rclone locks nothing
def test_an_object_that_is_locked_stays_and_is_told_while_the_others_go(
    installed: Installation,
) -> None:
    upstream, locked = installed.strict.upstream, f"{installed.strict.bucket}-locked"
    upstream.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    keys = {run_id: installed.prefix.run_logs_key(run_id) for run_id in (4, 5, 6)}
    for key in keys.values():
        upstream.put_object(Bucket=locked, Key=key, Body=b"x")
    upstream.put_object_legal_hold(Bucket=locked, Key=keys[5], LegalHold={"Status": "ON"})
    job = installed.services.delete_job(locked)
    errors = {each.key: each.error for each in job(job.plan(12), who="ada")}
    assert [errors[keys[4]], errors[keys[6]]] == [None, None]
    assert re.match(rf"deleting {keys[5]}: S3 answered AccessDenied", errors[keys[5]] or "")
    left = upstream.list_object_versions(Bucket=locked)
    assert [each["Key"] for each in left["Versions"]] == [keys[5]]


def test_a_batch_that_is_refused_fails_for_each_of_its_objects(installed: Installation) -> None:
    key = installed.land(4)
    installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    installed.strict.proxy.fault(is_of("DeleteObjects"), AnswerError(403, "AccessDenied"), times=1)
    outcomes = deleted(installed)
    assert len(outcomes) == 2
    assert all("AccessDenied" in (each.error or "") for each in outcomes)
    assert row(installed, 4).results_url
    assert key in installed.strict.stored()


def test_a_store_that_does_not_list_ends_it_before_it_has_begun(
    installed: Installation,
) -> None:
    installed.land(4)
    installed.strict.proxy.fault(is_of("ListObjectVersions"), AnswerError(403, "AccessDenied"))
    with pytest.raises(StorageRefused, match=r"listing the versions under jobs/12/.* AccessDenied"):
        deleted(installed)
    assert records(installed) == []
    assert len(installed.strict.stored()) == 1


@only_moto  # rclone keeps no versions
def test_versions_and_delete_markers_go_too(installed: Installation) -> None:
    upstream, bucket = installed.strict.upstream, installed.strict.bucket
    upstream.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    key = installed.land(4)
    installed.put_key(key, b"older by now")
    upstream.delete_object(Bucket=bucket, Key=installed.put(ArtifactKind.JOB_CONFIG, b"{}"))
    installed.put_key("jobs/1/job_config.json", b"{}")
    plan = installed.services.delete_job().plan(12)
    assert plan.objects == 4
    assert all(each.error is None for each in deleted(installed))
    left = upstream.list_object_versions(Bucket=bucket)
    assert [each["Key"] for each in left["Versions"]] == ["jobs/1/job_config.json"]
    assert "DeleteMarkers" not in left


@pytest.mark.parametrize("upstream", ["rclone"], indirect=True)  # moto fails on such a key
def test_keys_that_xml_can_not_hold_are_deleted_one_by_one(installed: Installation) -> None:
    hostile = f"{installed.prefix.base_prefix}/a\x01\u202e\x1b[2J.txt"
    installed.put_key(hostile, b"x")
    installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    installed.strict.proxy.fault(is_of("DeleteObject"), AnswerError(403, "AccessDenied"), times=1)
    first = {each.key: each.error for each in deleted(installed)}
    assert "AccessDenied" in (first[hostile] or "")
    assert set(installed.strict.stored()) == {hostile}
    assert [each.error for each in deleted(installed)] == [None]
    assert installed.strict.stored() == {}


def test_what_is_said_to_be_deleted_and_is_still_there_is_a_failure(
    installed: Installation,
) -> None:
    key = installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    job = installed.services.delete_job()

    class Lying(S3ObjectVersions):
        def delete(self, versions: Any) -> Any:
            return {}

    job = replace(job, versions=Lying(installed.services.bucket))
    outcomes = list(job(job.plan(12), who="ada"))
    assert [each.error for each in outcomes] == [None, f"{key} is deleted and still there"]
    assert records(installed)[0]["failures"] == 1


@only_moto  # for the number alone
def test_thousands_go_by_the_thousand(installed: Installation) -> None:
    def put(number: int) -> None:
        installed.put_key(installed.prefix.run_logs_key(number), b"x")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(1, 2502)))
    assert len(deleted(installed)) == 2501
    asked = [each.operation for each in installed.strict.proxy.requests]
    assert asked.count("DeleteObjects") == 3
    assert [each["objects"] for each in records(installed)] == [2501]
    assert installed.strict.stored() == {}


def test_what_was_moved_elsewhere_is_deleted_there(installed: Installation) -> None:
    installed.land(4)
    cold = f"{installed.strict.bucket}-cold"
    installed.strict.upstream.create_bucket(Bucket=cold)
    assert installed.oneprefix("archive", "12", "--to-bucket", cold).code == 0
    moved = row(installed, 4).results_url
    assert moved
    hinted = installed.oneprefix("delete", "12", "--yes")
    assert (hinted.code, hinted.err) == (
        0,
        f"Results lie in s3://{cold}/ too: see --bucket {cold}.\n",
    )
    assert row(installed, 4).results_url == moved  # it does not lie here
    answer = installed.oneprefix("delete", "12", "--bucket", cold, "--yes")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("Deleted: 1 object (")
    assert "Contents" not in installed.strict.upstream.list_objects_v2(Bucket=cold)
    assert row(installed, 4).results_url is None
    assert installed.services.runs.get(4).results_url is None


def test_jobs_that_are_unknown_or_empty(installed: Installation) -> None:
    with pytest.raises(JobNotFound):
        installed.services.delete_job().plan(13)
    add_job(installed.services.engine, 1, installed.prefix.timestamp, [40])
    installed.land(4)
    job = installed.services.delete_job()
    assert list(job(job.plan(1), who="ada")) == []
    assert len(installed.strict.stored()) == 1
    assert [(each["job_id"], each["objects"]) for each in records(installed)] == [(1, 0)]


@only_moto  # the same, whatever the store
class TestTheCommand:
    def test_says_what_would_go(self, installed: Installation) -> None:
        installed.put(ArtifactKind.JOB_CONFIG, b"{}")
        answer = installed.oneprefix("delete", "12", "--dry-run")
        assert answer.out == (
            "To be deleted: 1 object (2 B) and 0 incomplete multipart uploads under"
            f" s3://{installed.strict.bucket}/{installed.prefix.base_prefix}/.\n"
        )
        assert len(installed.strict.stored()) == 1
        assert records(installed) == []

    def test_does_nothing_where_nobody_can_be_asked(self, installed: Installation) -> None:
        installed.put(ArtifactKind.JOB_CONFIG, b"{}")
        answer = subprocess.run(
            [*ONEPREFIX, "delete", "12"],
            env=Command(installed.results, installed.environment).surroundings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 2
        assert "standard input is no terminal to confirm on: give --yes" in answer.stderr
        assert len(installed.strict.stored()) == 1

    @pytest.mark.parametrize(("typed", "code"), [("12", 0), ("13", 1), ("yes", 1)])
    def test_asks_for_the_jobs_id(self, installed: Installation, typed: str, code: int) -> None:
        installed.put(ArtifactKind.JOB_CONFIG, b"{}")
        answer, said = answered(installed, typed, "delete", "12")
        assert answer == code
        assert "This deletes 1 object (2 B)" in said
        assert ("nothing was deleted" in said) is (code == 1)
        assert len(installed.strict.stored()) == code
        assert len(records(installed)) == 1 - code

    def test_tells_failures_one_by_one_and_json(self, installed: Installation) -> None:
        installed.put(ArtifactKind.JOB_CONFIG, b"{}")
        installed.strict.proxy.fault(
            is_of("DeleteObjects"), AnswerError(403, "AccessDenied", "No."), times=1
        )
        answer = installed.oneprefix("delete", "12", "--yes")
        assert (answer.code, answer.out) == (1, "0 deleted, 1 not: run the command again.\n")
        assert answer.err.endswith("S3 answered 403 AccessDenied: No.\n")
        told = installed.oneprefix("delete", "12", "--yes", "--json").json
        assert (told["objects"], told["bytes"], told["failures"]) == (1, 2, [])
        assert "@" in records(installed)[0]["who"]

    def test_killed_in_the_middle_it_is_finished_by_the_next(
        self, installed: Installation, tmp_path: Path
    ) -> None:
        installed.land(4)
        proxy = installed.strict.proxy
        proxy.fault(is_of("DeleteObjects"), Hang(60))
        process = Command(tmp_path, installed.environment).start(
            "delete", "12", "--yes", log=tmp_path / "log"
        )
        until = time.monotonic() + 60
        while not records(installed) and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        proxy.mend()
        [cut_off] = records(installed)
        assert cut_off["finished_at"] is None
        assert installed.oneprefix("delete", "12", "--yes").code == 0
        assert installed.strict.stored() == {}
        assert row(installed, 4).results_url is None
        assert records(installed)[1]["finished_at"]


@only_moto  # the same, whatever the store
class TestAJobWithoutARow:
    """Its orchestrator has deleted the rows of the job and its runs; ours is left."""

    @pytest.fixture(autouse=True)
    def landed(self, installed: Installation) -> str:
        key = installed.land(4)
        installed.put(ArtifactKind.JOB_CONFIG, b"{}")
        with installed.services.engine.begin() as connection:
            connection.execute(text("DELETE FROM runs"))
            connection.execute(text("DELETE FROM jobs"))
        return key

    def test_is_deleted_by_its_prefix_with_a_record(self, installed: Installation) -> None:
        other = "jobs/12/2025/10/23/211501/job_config.json"
        installed.put_key(other, b"{}")
        refused = installed.oneprefix("delete", "12", "--yes")
        assert (refused.code, refused.err) == (
            1,
            (
                "oneprefix: job 12: there is no such job; what is left of a job without a row is"
                " deleted by --prefix\n"
            ),
        )
        by_prefix = ("delete", "--prefix", installed.prefix.folder)
        shown = installed.oneprefix(*by_prefix, "--dry-run")
        assert shown.out.startswith("To be deleted: 2 objects (")
        assert len(installed.strict.stored()) == 3
        unasked = subprocess.run(
            [*ONEPREFIX, *by_prefix],
            env=Command(installed.results, installed.environment).surroundings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert unasked.returncode == 2
        assert answered(installed, "13", *by_prefix)[0] == 1
        assert records(installed) == []
        assert answered(installed, "12", *by_prefix)[0] == 0
        assert set(installed.strict.stored()) == {other}
        [record] = records(installed)
        assert (record["job_id"], record["prefix"]) == (12, installed.prefix.base_prefix)
        assert (record["objects"], record["failures"]) == (2, 0)
        assert row(installed, 4).results_url is None
        assert installed.oneprefix("status", "12").out.split("\n")[1].split()[2] == "deleted"

    def test_keeps_its_artifacts_while_an_upload_of_it_is_leased(
        self, installed: Installation
    ) -> None:
        again = request(installed, 4, replace=True)
        installed.services.requests.request(again, published=True)
        assert installed.services.uploads.claim(12, 4, owner="me", lease=60)
        answer = installed.oneprefix("delete", "--prefix", installed.prefix.folder, "--yes")
        assert (answer.code, answer.err) == (
            1,
            (
                "oneprefix: job 12, run 4: its upload is under way: wait until it is over, then"
                " delete again\n"
            ),
        )
        assert len(installed.strict.stored()) == 2

    @pytest.mark.parametrize("prefix", ["jobs/", "jobs/12/", "jobs/12/2025/10/23/211500/run_4"])
    def test_is_named_by_the_prefix_of_that_job_alone(
        self, installed: Installation, prefix: str
    ) -> None:
        answer = installed.oneprefix("delete", "--prefix", prefix, "--yes")
        assert answer.code == 2
        told = " ".join(answer.err.replace("│", "").split())
        assert f"'{prefix}' is not the prefix of one job" in told
        assert len(installed.strict.stored()) == 2

    def test_is_told_from_one_that_has_its_row(self, installed: Installation) -> None:
        add_job(installed.services.engine, 12, installed.prefix.timestamp, [4])
        other = "jobs/12/2025/10/23/211501/"
        answer = installed.oneprefix("delete", "--prefix", other, "--yes")
        assert answer.code == 1
        assert f"job 12: its prefix is {installed.prefix.folder}, not {other}" in answer.err
        answer = installed.oneprefix("delete", "--prefix", installed.prefix.folder, "--yes")
        assert answer.code == 0
        assert installed.strict.stored() == {}
        assert row(installed, 4).is_gone


def answered(installed: Installation, typed: str, *arguments: str) -> tuple[int, str]:
    """The command on a terminal, and what it said there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*ONEPREFIX, *arguments],
        env=Command(installed.results, installed.environment).surroundings,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(ours, f"{typed}\n".encode())
    said, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    return process.returncode, said
