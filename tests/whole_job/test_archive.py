"""`oneprefix archive` and `oneprefix restore`, and the use cases behind them."""

import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.cli.command import Command
from tests.servers.faults import AnswerError, Hang, LieAboutETag, S3Request
from tests.servers.raw import ask
from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import Installation
from worker.bootstrap.services import Services
from worker.database.tables import uploads
from worker.errors import InvalidRequest, JobNotFound, StorageRefused
from worker.models.artifact import ArtifactKind
from worker.models.job import Run
from worker.models.storage_class import RestoreTier, StorageClass
from worker.models.upload import Upload
from worker.models.upload_request import UploadRequest
from worker.storage.manage.incomplete_uploads import S3IncompleteUploads
from worker.storage.manage.storage_classes import S3StorageClasses
from worker.storage.objects.bucket import Bucket
from worker.use_cases.recovery.abort_orphans import AbortOrphans
from worker.use_cases.retention.change_storage_class import (
    ChangeStorageClass,
    StorageChange,
    planned,
)
from worker.use_cases.retention.outcome import Outcome

MIB = 1 << 20
BIG = bytes(range(256)) * (11 * MIB // 256)
PROPERTIES: Any = {
    "ContentType": "application/zip",
    "ContentDisposition": 'attachment; filename="a b.zip"',
    "CacheControl": "no-cache",
    "ContentLanguage": "de",
    "Metadata": {"job-id": "12", "note": "=?UTF-8?B?w7w=?="},
    "ServerSideEncryption": "aws:kms",
    "SSEKMSKeyId": "arn:aws:kms:us-east-1:123456789012:key/abcd",
    "BucketKeyEnabled": True,
}
TAGS = [{"Key": "team", "Value": "wind + waves"}, {"Key": "cost=", "Value": "7"}]
IN_PARTS = "CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"


def archived(installed: Installation, **order: Any) -> dict[str, Outcome]:
    return by_name(installed, installed.services.change_storage_class, StorageChange(**order))


def by_name(
    installed: Installation, job: ChangeStorageClass, order: StorageChange
) -> dict[str, Outcome]:
    outcomes = job(job.plan(12, order))
    return {each.key.rpartition("/")[2]: each for each in outcomes}


def states(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: each.state for name, each in outcomes.items()}


def head(installed: Installation, key: str, bucket: str | None = None) -> Any:
    upstream = installed.strict.upstream
    found = upstream.head_object(
        Bucket=bucket or installed.strict.bucket, Key=key, ChecksumMode="ENABLED"
    )
    passing = ("ResponseMetadata", "LastModified", "Restore", "ExpiresString")
    return {name: value for name, value in found.items() if name not in passing}


def tags(installed: Installation, key: str) -> Any:
    """moto tells them only of what can be read."""
    place: Any = {"Bucket": installed.strict.bucket, "Key": key}
    installed.strict.upstream.restore_object(**place, RestoreRequest={"Days": 1})
    return installed.strict.upstream.get_object_tagging(**place)["TagSet"]


def operations(installed: Installation) -> list[str]:
    return [each.operation for each in installed.strict.proxy.requests]


def with_threshold(installed: Installation, threshold: int) -> ChangeStorageClass:
    job = installed.services.change_storage_class
    return replace(job, classes=S3StorageClasses(installed.services.bucket, threshold))


def other_bucket(installed: Installation) -> str:
    name = f"{installed.strict.bucket}-cold"
    installed.strict.upstream.create_bucket(Bucket=name)
    return name


def run_of(services: Services, run_id: int) -> Run:
    return services.runs.get(run_id)


def row_of(services: Services, run_id: int) -> Upload:
    row = services.upload_list.find(12, run_id)
    assert row
    return row


def is_of(operation: str, key: str = "") -> Callable[[S3Request], bool]:
    return lambda request: request.operation == operation and key in request.key


@only_moto  # rclone knows no storage classes
class TestAChangeOfClass:
    def test_keeps_everything_else_and_is_not_done_again(self, installed: Installation) -> None:
        key = installed.land(4)
        config = installed.put(ArtifactKind.JOB_CONFIG, b"{}")
        before = head(installed, key)
        assert states(archived(installed)) == {
            "job_config.json": "now in GLACIER",
            "run_4_results.zip": "now in GLACIER",
        }
        assert head(installed, key) == before | {"StorageClass": "GLACIER"}
        assert head(installed, config)["StorageClass"] == "GLACIER"
        asked = len(installed.strict.proxy.requests)
        assert states(archived(installed)) == {
            "job_config.json": "already in GLACIER",
            "run_4_results.zip": "already in GLACIER",
        }
        assert operations(installed)[asked:] == ["ListObjectsV2"]
        assert (
            run_of(installed.services, 4).results_url == row_of(installed.services, 4).results_url
        )

    @pytest.mark.parametrize("threshold", [MIB, 100 * MIB], ids=["in parts", "at once"])
    def test_keeps_metadata_tags_encryption_and_checksum_however_large_the_object(
        self, installed: Installation, threshold: int
    ) -> None:
        key = installed.prefix.run_results_key(4)
        upstream = installed.strict.upstream
        upstream.put_object(
            Bucket=installed.strict.bucket,
            Key=key,
            Body=BIG,
            ChecksumAlgorithm="CRC32",
            **PROPERTIES,
        )
        upstream.put_object_tagging(
            Bucket=installed.strict.bucket,
            Key=key,
            Tagging={"TagSet": TAGS},  # type: ignore[typeddict-item]
        )
        before = head(installed, key)
        job = with_threshold(installed, threshold)
        assert states(by_name(installed, job, StorageChange())) == {
            "run_4_results.zip": "now in GLACIER"
        }
        after = head(installed, key)
        assert "CreateMultipartUpload" in operations(installed) or threshold > len(BIG)
        assert after.pop("StorageClass") == "GLACIER"
        # of a copy in parts moto forgets the third
        passing = ("ETag", "ChecksumType", "BucketKeyEnabled")
        assert {k: v for k, v in after.items() if k not in passing} == {
            k: v for k, v in before.items() if k not in passing
        }
        assert tags(installed, key) == TAGS

    @pytest.mark.parametrize("kind", ["FULL_OBJECT", "COMPOSITE"])
    def test_of_an_object_in_parts_copies_the_same_parts(
        self, installed: Installation, kind: Any
    ) -> None:
        key = installed.prefix.run_results_key(4)
        in_parts(installed, key, kind)
        before = head(installed, key)
        job = with_threshold(installed, 6 * MIB)
        assert states(by_name(installed, job, StorageChange(StorageClass.GLACIER_IR))) == {
            "run_4_results.zip": "now in GLACIER_IR"
        }
        assert head(installed, key) == before | {"StorageClass": "GLACIER_IR"}
        copied = [e for e in installed.strict.proxy.requests if e.operation == "UploadPartCopy"]
        assert sorted(each.part_number or 0 for each in copied) == [1, 2, 3]
        whole = installed.strict.proxy.requests[-1]
        assert whole.operation == "CompleteMultipartUpload"
        assert ("crc32" in whole.verified) is (kind == "FULL_OBJECT")

    def test_takes_only_what_landed_long_enough_ago_by_its_row_if_it_has_one(
        self, installed: Installation
    ) -> None:
        installed.land(4)
        installed.land(5)
        installed.put(ArtifactKind.RUN_LOGS, b"hello", 4)
        with installed.services.engine.begin() as connection:
            long_ago = datetime.now(UTC) - timedelta(days=91)
            connection.execute(
                update(uploads).where(uploads.c.run_id == 4).values(landed_at=long_ago)
            )
        today = f"landed only on {datetime.now(UTC):%Y-%m-%d}"
        assert states(archived(installed, older_than=timedelta(days=90))) == {
            "run_4_logs.log": today,
            "run_4_results.zip": "now in GLACIER",
            "run_5_results.zip": today,
        }

    def test_leaves_what_is_about_to_be_uploaded_anew(self, installed: Installation) -> None:
        key = installed.land(4)
        request = UploadRequest(12, 4, str(installed.results / "RUN4"), replace=True)
        installed.services.requests.request(request, published=True)
        left = {"run_4_results.zip": "about to be uploaded anew"}
        assert states(archived(installed)) == left
        assert installed.services.uploads.claim(12, 4, owner="me", lease=60)
        assert states(archived(installed)) == left
        assert "StorageClass" not in head(installed, key)

    def test_never_replaces_what_has_landed_meanwhile(self, installed: Installation) -> None:
        key = installed.land(4)
        job = installed.services.change_storage_class
        plan = job.plan(12, StorageChange())
        installed.put_key(key, b"better")
        [outcome] = job(plan)
        assert outcome.error
        assert "was replaced meanwhile; run the command again" in outcome.error
        assert head(installed, key)["ContentLength"] == len(b"better")

    def test_that_fails_for_some_objects_is_done_for_the_others_and_can_be_repeated(
        self, installed: Installation
    ) -> None:
        for run_id in (4, 5, 6):
            installed.put(ArtifactKind.RUN_LOGS, b"hello", run_id)
        installed.strict.proxy.fault(
            is_of("CopyObject", "run_4"), AnswerError(403, "AccessDenied"), times=1
        )
        # "200 OK" and an error all the same, more often than botocore asks again
        installed.strict.proxy.fault(
            is_of("CopyObject", "run_5"), AnswerError(200, "InternalError"), times=4
        )
        outcomes = archived(installed)
        assert states(outcomes) == {
            "run_4_logs.log": "failed",
            "run_5_logs.log": "failed",
            "run_6_logs.log": "now in GLACIER",
        }
        assert re.search(
            r"copying .*run_4_logs.* 403 AccessDenied", outcomes["run_4_logs.log"].error or ""
        )
        assert "InternalError" in (outcomes["run_5_logs.log"].error or "")
        again = archived(installed)
        assert states(again) == {
            "run_4_logs.log": "now in GLACIER",
            "run_5_logs.log": "now in GLACIER",
            "run_6_logs.log": "already in GLACIER",
        }

    def test_survives_an_error_inside_an_answer_that_says_200(
        self, installed: Installation
    ) -> None:
        key = installed.land(4)
        installed.strict.proxy.fault(
            is_of("CopyObject"), AnswerError(200, "InternalError"), times=1
        )
        assert states(archived(installed)) == {"run_4_results.zip": "now in GLACIER"}
        assert head(installed, key)["StorageClass"] == "GLACIER"

    def test_in_parts_that_fails_leaves_no_parts_and_the_object_as_it_was(
        self, installed: Installation
    ) -> None:
        key = installed.prefix.run_results_key(4)
        in_parts(installed, key, "FULL_OBJECT")
        before = head(installed, key)
        installed.strict.proxy.fault(
            lambda request: request.operation == "UploadPartCopy" and request.part_number == 2,
            AnswerError(403, "AccessDenied"),
        )
        job = with_threshold(installed, MIB)
        [outcome] = by_name(installed, job, StorageChange()).values()
        assert "copying part 2 of" in (outcome.error or "")
        assert head(installed, key) == before
        left = installed.strict.upstream.list_multipart_uploads(Bucket=installed.strict.bucket)
        assert "Uploads" not in left

    def test_in_parts_without_the_right_to_read_tags_loses_none(
        self, installed: Installation
    ) -> None:
        key = installed.prefix.run_results_key(4)
        in_parts(installed, key, "FULL_OBJECT")
        installed.strict.proxy.fault(is_of("GetObjectTagging"), AnswerError(403, "AccessDenied"))
        [outcome] = by_name(installed, with_threshold(installed, MIB), StorageChange()).values()
        assert "AccessDenied" in (outcome.error or "")
        assert "StorageClass" not in head(installed, key)

    def test_in_parts_ends_where_another_object_takes_its_place(
        self, installed: Installation
    ) -> None:
        key = installed.prefix.run_results_key(4)
        in_parts(installed, key, "FULL_OBJECT")

        def replaced(request: S3Request) -> bool:
            if request.operation == "UploadPartCopy" and request.part_number == 3:
                installed.put_key(key, b"better")
            return False

        installed.strict.proxy.fault(replaced, Hang(0))
        [outcome] = by_name(installed, with_threshold(installed, MIB), StorageChange()).values()
        assert "was replaced meanwhile; run the command again" in (outcome.error or "")
        assert installed.strict.stored() == {key: b"better"}

    def test_in_parts_is_not_taken_for_an_orphan_while_it_goes_on(
        self, installed: Installation
    ) -> None:
        key = installed.land(4)
        services = installed.services
        services.engine.dispose()
        in_parts(installed, key, "FULL_OBJECT")
        aborted: list[int] = []

        def sweep(request: S3Request) -> bool:
            if request.operation == "UploadPartCopy" and request.part_number == 2:
                opened = S3IncompleteUploads(
                    Bucket(installed.strict.upstream, installed.strict.bucket)
                )
                abort_orphans = AbortOrphans(
                    services.upload_list, services.multipart_ids, opened, young=0
                )
                aborted.append(abort_orphans())
            return False

        installed.strict.proxy.fault(sweep, Hang(0))
        job = with_threshold(installed, MIB)
        assert states(by_name(installed, job, StorageChange())) == {
            "run_4_results.zip": "now in GLACIER"
        }
        assert aborted == [0]
        assert row_of(services, 4).multipart_upload_id is None

    def test_of_what_is_archived_needs_it_restored(self, installed: Installation) -> None:
        key = installed.put(ArtifactKind.JOB_INPUT, b"PK")
        archived(installed)
        [refused] = archived(installed, storage_class=StorageClass.STANDARD).values()
        assert "is archived in GLACIER and not restored: `oneprefix restore` it first" in (
            refused.error or ""
        )
        restore(installed)
        assert states(archived(installed, storage_class=StorageClass.STANDARD)) == {
            "job_input.zip": "now in STANDARD"
        }
        assert "StorageClass" not in head(installed, key)


def in_parts(installed: Installation, key: str, kind: Any) -> None:
    """An object of 11 MiB in parts of 5 MiB, uploaded past the tests' requests."""
    client: Any = installed.strict.client
    place = {"Bucket": installed.strict.bucket, "Key": key}
    created = client.create_multipart_upload(
        **place, ChecksumAlgorithm="CRC32", ChecksumType=kind, ContentType="application/zip"
    )
    parts: list[Any] = []
    for number, start in enumerate(range(0, len(BIG), 5 * MIB), start=1):
        sent = client.upload_part(
            **place,
            UploadId=created["UploadId"],
            PartNumber=number,
            Body=BIG[start : start + 5 * MIB],
            ChecksumAlgorithm="CRC32",
        )
        parts.append(
            {"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32": sent["ChecksumCRC32"]}
        )
    client.complete_multipart_upload(
        **place, UploadId=created["UploadId"], MultipartUpload={"Parts": parts}
    )


class TestAMoveToAnotherBucket:
    def test_copies_verifies_tells_the_rows_and_deletes_the_source(
        self, installed: Installation
    ) -> None:
        key = installed.land(4)
        config = installed.put(ArtifactKind.JOB_CONFIG, b"{}")
        cold = other_bucket(installed)
        before = head(installed, key)
        state = f"moved to {cold}, in STANDARD_IA"
        order: Any = {"to_bucket": cold, "storage_class": StorageClass.STANDARD_IA}
        assert states(archived(installed, **order)) == {
            "job_config.json": state,
            "run_4_results.zip": state,
        }
        assert installed.strict.stored() == {}
        after = head(installed, key, cold)
        assert after.pop("StorageClass") == "STANDARD_IA"
        assert (after["ContentLength"], after["ETag"]) == (before["ContentLength"], before["ETag"])
        assert head(installed, config, cold)["ContentLength"] == 2
        url = f"{installed.strict.proxy.server.endpoint}/{cold}/{key}"
        assert run_of(installed.services, 4).results_url == url
        assert row_of(installed.services, 4).results_url == url
        findings = installed.services.find_artifacts(12)
        assert [(each.bucket, each.key) for each in findings.found] == [(cold, config), (cold, key)]
        assert archived(installed, **order) == {}
        path = str(installed.results / "RUN4")
        assert installed.services.upload_results(UploadRequest(12, 4, path)) == url

    def test_takes_keys_of_any_form(self, installed: Installation) -> None:
        key = f"{installed.prefix.base_prefix}/by hand/\u00fc ?versionId=1&%41+#.txt"
        installed.put_key(key, b"x")
        cold = other_bucket(installed)
        [outcome] = archived(installed, to_bucket=cold).values()
        assert outcome.error is None
        assert head(installed, key, cold)["ContentLength"] == 1
        assert installed.strict.stored() == {}

    def test_goes_without_conditions_where_the_store_knows_none(
        self, installed: Installation
    ) -> None:
        installed.land(4)
        cold = other_bucket(installed)
        installed.strict.proxy.fault(
            lambda request: request.has_condition, AnswerError(501, "NotImplemented")
        )
        [outcome] = archived(installed, to_bucket=cold).values()
        assert outcome.error is None
        assert installed.strict.stored() == {}

    @pytest.mark.parametrize("upstream", ["rclone"], indirect=True)
    def test_of_a_large_object_in_a_store_that_copies_no_parts_leaves_it(
        self, installed: Installation
    ) -> None:
        key = installed.put(ArtifactKind.JOB_INPUT, BIG)
        installed.strict.proxy.fault(  # instead of 500
            is_of("GetObjectTagging"), AnswerError(501, "NotImplemented")
        )
        job = with_threshold(installed, MIB)
        order = StorageChange(to_bucket=other_bucket(installed))
        [outcome] = by_name(installed, job, order).values()
        assert outcome.error == f"copying {key}: the store can't copy parts"
        assert set(installed.strict.stored()) == {key}

    @only_moto  # rclone drops metadata when it copies
    def test_keeps_metadata_and_checksum(self, installed: Installation) -> None:
        key = installed.land(4)
        cold = other_bucket(installed)
        before = head(installed, key)
        archived(installed, to_bucket=cold)
        assert head(installed, key, cold) == before | {"StorageClass": "GLACIER"}

    @only_moto  # rclone can't copy parts
    def test_of_a_large_object_goes_in_parts(self, installed: Installation) -> None:
        key = installed.prefix.run_results_key(4)
        in_parts(installed, key, "COMPOSITE")
        cold = other_bucket(installed)
        before = head(installed, key)
        job = with_threshold(installed, MIB)
        by_name(installed, job, StorageChange(to_bucket=cold))
        assert set(IN_PARTS) <= set(operations(installed))
        assert head(installed, key, cold) == before | {"StorageClass": "GLACIER"}
        assert installed.strict.stored() == {}

    def test_goes_on_from_wherever_it_was_cut_off(self, installed: Installation) -> None:
        keys = [installed.land(run_id) for run_id in (4, 5)]
        cold = other_bucket(installed)
        installed.strict.proxy.fault(
            is_of("DeleteObject"), AnswerError(403, "AccessDenied"), times=2
        )
        first = archived(installed, to_bucket=cold)
        assert states(first) == {"run_4_results.zip": "failed", "run_5_results.zip": "failed"}
        assert all("deleting" in (each.error or "") for each in first.values())
        assert set(installed.strict.stored()) == set(keys)
        second = archived(installed, to_bucket=cold)
        assert all(each.error is None for each in second.values())
        assert installed.strict.stored() == {}
        assert operations(installed).count("CopyObject") == 2
        for key, run_id in zip(keys, (4, 5), strict=True):
            assert run_of(installed.services, run_id).results_url == (
                f"{installed.strict.proxy.server.endpoint}/{cold}/{key}"
            )

    def test_does_not_replace_another_object_there(self, installed: Installation) -> None:
        key = installed.land(4)
        cold = other_bucket(installed)
        installed.strict.upstream.put_object(Bucket=cold, Key=key, Body=b"theirs")
        [refused] = archived(installed, to_bucket=cold).values()
        assert f"s3://{cold}/{key} is another object; nothing was moved" in (refused.error or "")
        assert set(installed.strict.stored()) == {key}
        assert head(installed, key, cold)["ContentLength"] == len(b"theirs")
        url = run_of(installed.services, 4).results_url or ""
        assert cold not in url

    def test_keeps_the_source_if_a_new_upload_has_landed_meanwhile(
        self, installed: Installation
    ) -> None:
        key = installed.land(4)
        cold = other_bucket(installed)
        job = installed.services.change_storage_class
        plan = job.plan(12, StorageChange(to_bucket=cold))
        again = UploadRequest(12, 4, str(installed.results / "RUN4"), replace=True)
        assert installed.services.upload_results(again)
        [outcome] = job(plan)
        assert "its upload has changed meanwhile; run the command again" in (outcome.error or "")
        assert set(installed.strict.stored()) == {key}
        assert cold not in (run_of(installed.services, 4).results_url or "")
        assert archived(installed, to_bucket=cold)["run_4_results.zip"].error is None

    def test_keeps_the_source_if_nothing_tells_whether_the_copy_is_the_same(
        self, installed: Installation
    ) -> None:
        key = installed.prefix.run_results_key(4)
        without_checksum = ask(
            installed.strict.proxy.server, "PUT", f"/{installed.strict.bucket}/{key}", b"PK"
        )
        assert without_checksum.status == 200
        cold = other_bucket(installed)
        installed.strict.proxy.fault(
            lambda request: request.operation == "HeadObject" and request.bucket == cold,
            LieAboutETag("0" * 32 + "-2"),  # of two parts, so that it is no MD5
        )
        [outcome] = archived(installed, to_bucket=cold).values()
        assert "neither its checksum nor its ETag can tell" in (outcome.error or "")
        assert installed.strict.stored() == {key: b"PK"}

    @pytest.mark.parametrize(
        ("to", "status", "says"),
        [("no-such-bucket-of-anybody", None, "404"), ("somebody-elses", 403, "403")],
    )
    def test_to_a_bucket_that_is_not_there_or_not_ours_is_refused_before_anything(
        self, installed: Installation, to: str, status: int | None, says: str
    ) -> None:
        key = installed.land(4)
        if status:
            installed.strict.proxy.fault(is_of("HeadBucket"), AnswerError(status, "AccessDenied"))
        with pytest.raises(StorageRefused, match=rf"looking at the bucket {to}.*{says}"):
            archived(installed, to_bucket=to)
        assert set(installed.strict.stored()) == {key}

    def test_to_the_bucket_where_they_lie_is_refused(self, installed: Installation) -> None:
        with pytest.raises(InvalidRequest, match=r"lie in .* already"):
            archived(installed, to_bucket=installed.strict.bucket)


def restore(installed: Installation, days: int = 7, **order: Any) -> dict[str, Outcome]:
    job = installed.services.restore_job()
    outcomes = job(job.plan(12), days, **order)
    return {each.key.rpartition("/")[2]: each for each in outcomes}


@only_moto  # rclone knows no archives
class TestARestore:
    def test_asks_once_and_tells_until_when(self, installed: Installation) -> None:
        installed.land(4)
        archived(installed)
        installed.put(ArtifactKind.JOB_CONFIG, b"{}")
        job = installed.services.restore_job()
        assert {e.key.rpartition("/")[2]: e.state for e in job.states(job.plan(12))} == {
            "job_config.json": "readable, in STANDARD",
            "run_4_results.zip": "archived",
        }
        first = restore(installed, tier=RestoreTier.BULK)
        assert states(first) == {
            "job_config.json": "readable, in STANDARD",
            "run_4_results.zip": "asked for, Bulk",
        }
        # moto counts the days to the second, where S3 goes to the end of the day
        second = states(restore(installed, days=6))
        assert re.fullmatch(
            r"restored until \d{4}-\d\d-\d\d \d\d:\d\d", second["run_4_results.zip"]
        )
        assert operations(installed).count("RestoreObject") == 1
        assert states(restore(installed, days=30))["run_4_results.zip"] == "asked for, Standard"

    def test_that_is_under_way_is_told_as_such(self, installed: Installation) -> None:
        installed.put(ArtifactKind.JOB_INPUT, b"PK")
        archived(installed)
        installed.strict.proxy.fault(
            is_of("RestoreObject"), AnswerError(409, "RestoreAlreadyInProgress")
        )
        assert states(restore(installed)) == {"job_input.zip": "asked for, Standard"}

    def test_that_fails_for_one_object_is_done_for_the_others(
        self, installed: Installation
    ) -> None:
        for run_id in (4, 5):
            installed.put(ArtifactKind.RUN_LOGS, b"hello", run_id)
        archived(installed)
        installed.strict.proxy.fault(
            is_of("RestoreObject", "run_5"),
            AnswerError(503, "GlacierExpeditedRetrievalNotAvailable"),
        )
        outcomes = restore(installed, tier=RestoreTier.EXPEDITED)
        assert states(outcomes) == {
            "run_4_logs.log": "asked for, Expedited",
            "run_5_logs.log": "failed",
        }
        assert "GlacierExpeditedRetrievalNotAvailable" in (outcomes["run_5_logs.log"].error or "")


def test_jobs_that_are_unknown_empty_or_begin_alike(installed: Installation) -> None:
    with pytest.raises(JobNotFound):
        installed.services.change_storage_class.plan(13, StorageChange())
    with pytest.raises(JobNotFound):
        installed.services.restore_job().plan(13)
    installed.put_key(f"{installed.prefix.base_prefix}9/run_4_results.zip")
    assert archived(installed) == {}
    assert restore(installed) == {}
    answer = installed.oneprefix("archive", "12")
    assert (answer.code, answer.out) == (0, "No object lies under the job's prefix.\n")


def test_an_object_that_is_gone_by_now_is_told(installed: Installation) -> None:
    key = installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    job = installed.services.change_storage_class
    plans = [
        job.plan(12, StorageChange()),
        job.plan(12, StorageChange(to_bucket=other_bucket(installed))),
    ]
    installed.strict.upstream.delete_object(Bucket=installed.strict.bucket, Key=key)
    for plan in plans:
        [outcome] = job(plan)
        assert outcome.error == f"there is no {key} in {installed.strict.bucket}"


def test_credentials_that_have_expired_are_told(installed: Installation) -> None:
    installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    installed.strict.proxy.fault(
        lambda _: True, AnswerError(400, "ExpiredToken", "It has expired.")
    )
    answer = installed.oneprefix("archive", "12")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "S3 answered 400 ExpiredToken: It has expired." in answer.err


@only_moto  # the same, whatever the store
class TestTheCommands:
    def test_archive_plans_archives_and_tells_each_object(self, installed: Installation) -> None:
        installed.land(4)
        hostile = f"{installed.prefix.base_prefix}/[red]\u202e\u001b[2J.txt"
        installed.put_key(hostile, b"x")
        planned_only = installed.oneprefix("archive", "12", "--dry-run")
        assert planned_only.code == 0
        assert "2 to be moved to GLACIER" in planned_only.out
        assert all("StorageClass" not in head(installed, key) for key in installed.strict.stored())
        done = installed.oneprefix("archive", "12", "--storage-class", "DEEP_ARCHIVE")
        assert (done.code, done.err) == (0, "")
        assert "[red]\\u202e\\x1b[2J.txt" in done.out
        assert done.out.endswith("2 now in DEEP_ARCHIVE\n")
        told = installed.oneprefix(
            "archive", "12", "--storage-class", "DEEP_ARCHIVE", "--json"
        ).json
        assert [each["state"] for each in told["objects"]] == ["already in DEEP_ARCHIVE"] * 2
        assert (told["job_id"], told["failed"]) == (12, 0)
        young = installed.oneprefix("archive", "12", "--older-than", "90d", "--json").json
        assert all("landed only on" in each["state"] for each in young["objects"])
        restored = installed.oneprefix("restore", "12", "--days", "7", "--tier", "Bulk")
        assert restored.code == 0, restored
        assert "2 asked for, Bulk" in restored.out
        seen = installed.oneprefix("restore", "12", "--days", "1", "--dry-run", "--json").json
        assert all("restored until" in each["state"] for each in seen["objects"])

    def test_failures_are_a_line_each_and_exit_code_1(self, installed: Installation) -> None:
        installed.put(ArtifactKind.RUN_LOGS, b"hello", 4)
        installed.put(ArtifactKind.RUN_LOGS, b"hello", 5)
        installed.strict.proxy.fault(
            is_of("CopyObject", "run_4"), AnswerError(403, "AccessDenied", "Not [you].")
        )
        answer = installed.oneprefix("archive", "12")
        assert answer.code == 1
        assert answer.err.count("\n") == 1
        assert "run_4_logs.log: S3 answered 403 AccessDenied: Not [you]." in answer.err
        assert "1 failed, 1 now in GLACIER" in answer.out
        unknown = installed.oneprefix("restore", "13", "--days", "7")
        assert (unknown.code, unknown.err) == (1, "oneprefix: job 13: there is no such job\n")

    def test_what_was_moved_is_restored_where_it_lies(self, installed: Installation) -> None:
        installed.land(4)
        cold = other_bucket(installed)
        assert installed.oneprefix("archive", "12", "--to-bucket", cold).code == 0
        answer = installed.oneprefix("restore", "12", "--days", "7", "--bucket", cold)
        assert "1 asked for, Standard" in answer.out

    def test_killed_in_the_middle_it_is_finished_by_the_next(
        self, installed: Installation, tmp_path: Path
    ) -> None:
        keys = [installed.put(ArtifactKind.RUN_LOGS, b"hello", n) for n in range(1, 61)]
        results = installed.land(4)
        cold = other_bucket(installed)
        installed.strict.proxy.fault(
            lambda request: (
                request.operation == "CopyObject"
                and operations(installed).count("CopyObject") >= 20
            ),
            Hang(60),
        )
        command = Command(tmp_path, installed.environment)
        process = command.start("archive", "12", "--to-bucket", cold, log=tmp_path / "log")
        until = time.monotonic() + 60
        while operations(installed).count("CopyObject") < 20 and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        installed.strict.proxy.mend()
        # (only listed: what the killed one asked for last may still be carried out)
        left = installed.strict.upstream.list_objects_v2(Bucket=installed.strict.bucket)
        assert left["KeyCount"] > 0
        again = installed.oneprefix("archive", "12", "--to-bucket", cold)
        assert again.code == 0, again
        assert installed.strict.stored() == {}
        listed = installed.strict.upstream.list_objects_v2(Bucket=cold)["Contents"]
        assert {each["Key"] for each in listed} == {*keys, results}
        assert cold in (run_of(installed.services, 4).results_url or "")


def test_the_plan_is_made_without_any_store(installed: Installation) -> None:
    key = installed.land(4)
    services = installed.services
    [item] = planned(
        StorageChange(),
        installed.prefix,
        services.bucket.list(installed.prefix.folder),
        runs=[run_of(services, 4)],
        uploads=[row_of(services, 4)],
        given_at=datetime.now(UTC),
    )
    assert (item.stored.key, item.left) == (key, None)
    assert item.run == run_of(services, 4)
