import os
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.fakes.results import FakePackage
from tests.fakes.results import artifact_of as fake_artifact
from tests.servers.faults import AnswerError, CorruptBody, DropAnswer, ResetConnection, S3Request
from tests.servers.raw import ask
from tests.servers.strict_bucket import Strict, only_moto
from tests.worker.storage.conftest import RecordedAttempt, store
from worker.errors import (
    LeaseLost,
    OneprefixError,
    PrefixMismatch,
    StorageRefused,
    StorageUnavailable,
    TreeChanged,
)
from worker.models.artifact import Artifact
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.storage.objects.bucket import Bucket
from worker.storage.upload.checksums import Md5Checksums
from worker.storage.upload.limits import Sending
from worker.storage.upload.results_store import S3ResultsStore

PART_SIZE = Sending().part_size
PREFIX = JobS3Prefix(12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC))
KEY = "jobs/12/2025/10/23/211500/run_4_results.zip"
RUN = Run(4, 12)
SMALL = b"a small archive"
LARGE = os.urandom(1 << 20) * 9  # two parts, the last of 1 MiB
LARGER = LARGE + LARGE[: 8 << 20]  # three


def upload(results: S3ResultsStore, content: bytes, attempt: RecordedAttempt) -> None:
    artifact = store(results, PREFIX, RUN, FakePackage(content, file_count=3), attempt)
    assert artifact == artifact_of(KEY, content)


def artifact_of(key: str, content: bytes) -> Artifact:
    """As stored: what took several parts has no SHA-256."""
    whole = fake_artifact(key, content)
    return whole if len(content) <= PART_SIZE else replace(whole, sha256=None)


def open_uploads(strict: Strict) -> list[str]:
    try:
        listed = strict.upstream.list_multipart_uploads(Bucket=strict.bucket)
    except strict.upstream.exceptions.NoSuchUpload:  # so rclone says that there never was one
        return []
    return [each["UploadId"] for each in listed.get("Uploads", [])]


def parts_of(strict: Strict, attempt: RecordedAttempt) -> list[int]:
    """The numbers of the parts that S3 has of the upload that was begun, if one was."""
    return [
        part["PartNumber"]
        for each in attempt.opened_ids
        for part in strict.upstream.list_parts(Bucket=strict.bucket, Key=KEY, UploadId=each).get(
            "Parts", []
        )
    ]


BODIES = ("PutObject", "UploadPart")


def asks_for_checksum(request: S3Request) -> bool:
    return request.has_checksum and request.operation != "HeadObject"


def operations(strict: Strict) -> list[str]:
    return [each.operation for each in strict.proxy.requests]


@pytest.mark.parametrize("content", [b"", SMALL, LARGE[:PART_SIZE]], ids=len)
def test_an_archive_of_one_part_is_one_put(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, content: bytes
) -> None:
    upload(results, content, attempt)
    assert strict.stored() == {KEY: content}
    assert operations(strict)[0] == "PutObject"
    assert "CreateMultipartUpload" not in operations(strict)
    assert attempt.sealed_artifacts == [artifact_of(KEY, content)]
    assert strict.proxy.refusals == []


@pytest.mark.parametrize("size", [PART_SIZE + 1, 2 * PART_SIZE, len(LARGER)])
def test_a_larger_one_is_sent_in_equal_parts(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, size: int
) -> None:
    upload(results, LARGER[:size], attempt)
    assert strict.stored() == {KEY: LARGER[:size]}
    sent = [each for each in strict.proxy.requests if each.operation == "UploadPart"]
    parts = sorted(sent, key=lambda each: each.part_number or 0)
    assert [each.part_number for each in parts] == list(range(1, len(parts) + 1))
    assert {each.bytes_received for each in parts[:-1]} == {PART_SIZE}
    assert len(attempt.opened_ids) == 1
    assert open_uploads(strict) == []


def test_every_part_and_the_whole_object_are_verified_by_s3(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    upload(results, SMALL, attempt)
    upload(results, LARGE, attempt)
    verified = {
        each.operation: each.verified
        for each in strict.proxy.requests
        if each.operation in ("PutObject", "UploadPart", "CompleteMultipartUpload")
    }
    assert len(verified) == 3
    assert all("crc32" in algorithms for algorithms in verified.values())


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["put", "multipart"])
def test_the_object_says_what_it_is(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, content: bytes
) -> None:
    upload(results, content, attempt)
    head = strict.upstream.head_object(Bucket=strict.bucket, Key=KEY)
    metadata = {name.lower(): value for name, value in head["Metadata"].items()}
    expected = {"job-id": "12", "run-id": "4", "file-count": "3"}
    if content is SMALL:  # of a multipart upload it is not known when the metadata is given
        expected["sha256"] = fake_artifact(KEY, content).sha256 or ""
    assert {name: metadata.get(name) for name in expected} == expected
    assert head["ContentType"] == "application/zip"


@only_moto
@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["put", "multipart"])
def test_encryption_is_asked_for_as_set(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, content: bytes
) -> None:
    encrypting = S3ResultsStore(
        Bucket(results._bucket.client, strict.bucket), {"ServerSideEncryption": "AES256"}
    )
    upload(encrypting, content, attempt)
    head = strict.upstream.head_object(Bucket=strict.bucket, Key=KEY)
    assert head["ServerSideEncryption"] == "AES256"


def test_a_run_of_another_job_is_never_written_under_the_prefix(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    with pytest.raises(PrefixMismatch, match="belongs to job 12, the run to job 13"):
        store(results, PREFIX, Run(4, 13), FakePackage(SMALL), attempt)
    assert strict.stored() == {}
    assert strict.proxy.requests == []


def is_sending(request: S3Request) -> bool:
    return request.operation in ("PutObject", "UploadPart")


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["put", "multipart"])
def test_bytes_that_change_on_the_way_are_refused_and_leave_nothing(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, content: bytes
) -> None:
    strict.proxy.fault(is_sending, CorruptBody())
    with pytest.raises(StorageUnavailable, match="BadDigest"):
        upload(results, content, attempt)
    assert strict.stored() == {}
    assert open_uploads(strict) == attempt.opened_ids  # for the next attempt
    assert parts_of(strict, attempt) == []


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["put", "multipart"])
@pytest.mark.parametrize(
    "fault", [AnswerError(503, "SlowDown"), AnswerError(500, "InternalError"), ResetConnection()]
)
def test_a_passing_fault_of_one_request_is_not_felt(
    strict: Strict,
    results: S3ResultsStore,
    attempt: RecordedAttempt,
    content: bytes,
    fault: AnswerError | ResetConnection,
) -> None:
    strict.proxy.fault(is_sending, fault, times=1)
    upload(results, content, attempt)
    assert strict.stored() == {KEY: content}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (AnswerError(503, "SlowDown"), StorageUnavailable),
        (AnswerError(400, "ExpiredToken"), StorageUnavailable),
        (AnswerError(403, "AccessDenied"), StorageRefused),
        (AnswerError(404, "NoSuchBucket"), StorageRefused),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
@pytest.mark.parametrize(
    "operation", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"]
)
def test_after_a_lasting_fault_of_any_request_only_what_can_be_gone_on_with_is_left(
    strict: Strict,
    results: S3ResultsStore,
    attempt: RecordedAttempt,
    operation: str,
    fault: AnswerError,
    kind: type[OneprefixError],
) -> None:
    strict.proxy.fault(lambda request: request.operation == operation, fault)
    with pytest.raises(kind, match=f"storing {KEY}: S3 answered {fault.status} {fault.code}"):
        upload(results, LARGE, attempt)
    assert strict.stored() == {}
    assert open_uploads(strict) == (attempt.opened_ids if kind is StorageUnavailable else [])


@pytest.mark.parametrize("call", ["check 1", "check 9", "opened", "sealed"])
@pytest.mark.parametrize("error", [LeaseLost("taken over"), KeyboardInterrupt()], ids=repr)
def test_an_attempt_that_is_given_up_leaves_its_parts_to_who_took_over_and_else_nothing(
    strict: Strict,
    results: S3ResultsStore,
    attempt: RecordedAttempt,
    call: str,
    error: BaseException,
) -> None:
    attempt.refuse[call] = error  # type: ignore[assignment]  # a test may interrupt
    with pytest.raises(type(error)):
        upload(results, LARGE, attempt)
    assert strict.stored() == {}
    assert open_uploads(strict) == (attempt.opened_ids if isinstance(error, LeaseLost) else [])
    assert "CompleteMultipartUpload" not in operations(strict)


@pytest.mark.parametrize("size", [100, 3 << 20, len(LARGE)])
def test_a_tree_that_changes_while_it_is_sent_leaves_nothing(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, size: int
) -> None:
    class Changing(FakePackage):
        def chunks(self):  # type: ignore[no-untyped-def]  # as its base's
            yield from super().chunks()
            raise TreeChanged("a.csv grew")

    with pytest.raises(TreeChanged):
        store(results, PREFIX, RUN, Changing(LARGE[:size]), attempt)
    assert strict.stored() == {}
    assert open_uploads(strict) == []


each_last_request = pytest.mark.parametrize(
    ("content", "operation"),
    [(SMALL, "PutObject"), (LARGE, "CompleteMultipartUpload")],
    ids=["put", "multipart"],
)


@only_moto
@each_last_request
def test_an_object_whose_answer_was_lost_is_known_as_ours(
    strict: Strict,
    results: S3ResultsStore,
    attempt: RecordedAttempt,
    content: bytes,
    operation: str,
) -> None:
    strict.proxy.fault(lambda request: request.operation == operation, DropAnswer(), times=1)
    upload(results, content, attempt)
    assert strict.stored() == {KEY: content}
    assert open_uploads(strict) == []


@only_moto
@each_last_request
def test_an_object_whose_every_answer_is_lost_is_found_by_the_next_attempt(
    strict: Strict,
    results: S3ResultsStore,
    attempt: RecordedAttempt,
    content: bytes,
    operation: str,
) -> None:
    strict.proxy.fault(lambda request: request.operation == operation, DropAnswer())
    with pytest.raises(StorageUnavailable):
        upload(results, content, attempt)
    [sealed] = attempt.sealed_artifacts
    assert results.holds(sealed)


def test_credentials_that_expire_before_the_last_look_are_passing(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    # S3 answers HEAD without a body, and so without a code
    strict.proxy.fault(lambda r: r.operation == "HeadObject", AnswerError(400, "ExpiredToken"))
    with pytest.raises(StorageUnavailable):
        upload(results, LARGE, attempt)


@only_moto
def test_a_store_that_confirms_the_checksum_is_not_asked_again(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    upload(results, SMALL, attempt)
    assert operations(strict) == ["PutObject"]


@pytest.mark.parametrize(
    "refusal",
    [
        AnswerError(501, "NotImplemented"),
        AnswerError(400, "InvalidArgument", "Unsupported header 'x-amz-checksum-crc32'"),
    ],
    ids=["501", "400"],
)
@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["put", "multipart"])
def test_a_store_without_checksums_gets_md5_from_the_next_attempt_on(
    strict: Strict,
    results: S3ResultsStore,
    attempt: RecordedAttempt,
    content: bytes,
    refusal: AnswerError,
) -> None:
    strict.proxy.fault(asks_for_checksum, refusal)
    with pytest.raises(StorageUnavailable, match="the next attempt sends MD5"):
        upload(results, content, attempt)
    assert open_uploads(strict) == []
    upload(results, content, attempt)
    assert strict.stored() == {KEY: content}
    bodies = [each for each in strict.proxy.requests if each.operation in BODIES]
    assert bodies
    assert all("content-md5" in each.verified for each in bodies if each.status == 200)


def test_bytes_that_change_on_the_way_are_refused_by_their_md5(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    results._checksums = Md5Checksums()
    strict.proxy.fault(lambda r: r.operation == "UploadPart", CorruptBody())
    with pytest.raises(StorageUnavailable, match="BadDigest"):
        upload(results, LARGE, attempt)
    assert strict.stored() == {}
    assert parts_of(strict, attempt) == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_part_that_can_not_be_sent_ends_all_and_leaves_nothing(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, number: int
) -> None:
    strict.proxy.fault(lambda r: r.part_number == number, AnswerError(403, "AccessDenied"))
    with pytest.raises(StorageRefused, match="AccessDenied"):
        upload(results, LARGER, attempt)
    assert strict.stored() == {}
    assert open_uploads(strict) == []
    assert not [each for each in threading.enumerate() if each.name.startswith("sending")]


def test_only_the_very_object_counts_as_held(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    ours = artifact_of(KEY, SMALL)

    def holds(artifact: object = ours) -> bool:
        assert isinstance(artifact, type(ours))
        return results.holds(artifact)

    assert not holds()
    upload(results, SMALL, attempt)
    assert holds()
    assert not holds(artifact_of(KEY, SMALL[::-1]))
    assert not holds(replace(ours, size=ours.size + 1))


def test_a_store_that_can_not_tell_is_not_believed(strict: Strict, results: S3ResultsStore) -> None:
    ours = artifact_of(KEY, SMALL)
    # by hand, since boto3 would have the store keep a checksum
    assert ask(strict.proxy.server, "PUT", f"/{strict.bucket}/{KEY}", SMALL).status == 200
    assert not results.holds(ours)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["put", "multipart"])
def test_who_may_only_write_can_land_an_archive(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, content: bytes
) -> None:
    strict.proxy.fault(lambda r: r.operation == "HeadObject", AnswerError(403, "AccessDenied"))
    upload(results, content, attempt)
    assert strict.stored() == {KEY: content}
    [ours] = attempt.sealed_artifacts
    assert not results.holds(ours)


def test_a_bucket_that_is_not_there_is_refused(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    nowhere = S3ResultsStore(Bucket(results._bucket.client, "no-such-bucket-here"), {})
    with pytest.raises(StorageRefused, match="404 NoSuchBucket"):
        store(nowhere, PREFIX, RUN, FakePackage(SMALL), attempt)


def test_the_location_is_permanent_and_in_the_endpoints_own_form(
    strict: Strict, results: S3ResultsStore
) -> None:
    endpoint = strict.proxy.server.endpoint
    assert results.url(KEY) == f"{endpoint}/{strict.bucket}/{KEY}"
    assert "?" not in results.url(KEY)
