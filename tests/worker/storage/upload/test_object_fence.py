"""What stands under a key is replaced only by who may, and only if it is what was seen there."""

import pytest

from tests.fakes.results import FakePackage
from tests.servers.faults import AnswerError, S3Request
from tests.servers.strict_bucket import Strict, only_moto
from tests.worker.storage.conftest import RecordedAttempt, store
from tests.worker.storage.upload.test_results_store import (
    KEY,
    LARGE,
    PREFIX,
    RUN,
    SMALL,
    operations,
)
from worker.errors import LeaseLost, StorageUnavailable
from worker.storage.upload.results_store import S3ResultsStore
from worker.use_cases.upload.completion import MAX_WRITES

pytestmark = only_moto  # rclone knows no conditions
both = pytest.mark.parametrize("content", [SMALL, LARGE], ids=["put", "multipart"])
PLACING = ("PutObject", "CompleteMultipartUpload")


def upload(results: S3ResultsStore, attempt: RecordedAttempt, content: bytes) -> None:
    store(results, PREFIX, RUN, FakePackage(content), attempt)


def placings(strict: Strict) -> list[int | None]:
    """The answers to requests that would put the object under its key."""
    return [each.status for each in strict.proxy.requests if each.operation in PLACING]


@both
def test_what_stands_there_already_and_is_the_same_counts_as_landed(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, content: bytes
) -> None:
    upload(results, attempt, content)
    upload(results, attempt, content)
    assert placings(strict) == [200, 412]
    assert strict.stored() == {KEY: content}


@both
def test_the_holder_of_the_lease_replaces_what_stands_there(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, content: bytes
) -> None:
    upload(results, attempt, content[::-1])
    upload(results, attempt, content)
    assert placings(strict) == [200, 412, 200]
    assert len(attempt.sealed_artifacts) == 3  # it proved its lease again in between
    assert strict.stored() == {KEY: content}


class StaleAttempt(RecordedAttempt):
    """It loses its lease once it has sealed, as if it were paused there."""

    def sealed(self, artifact: object) -> None:
        if self.sealed_artifacts:
            raise LeaseLost("taken over")
        super().sealed(artifact)  # type: ignore[arg-type]


@both
def test_a_stale_holder_replaces_nothing(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, content: bytes
) -> None:
    upload(results, attempt, content)
    with pytest.raises(LeaseLost):
        upload(results, StaleAttempt(), content[::-1])
    assert strict.stored() == {KEY: content}


@both
def test_what_is_replaced_while_we_look_is_looked_at_again(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, content: bytes
) -> None:
    class Busy(RecordedAttempt):
        def sealed(self, artifact: object) -> None:
            super().sealed(artifact)  # type: ignore[arg-type]
            if len(self.sealed_artifacts) < 3:
                body = b"somebody's %d" % len(self.sealed_artifacts)
                strict.upstream.put_object(Bucket=strict.bucket, Key=KEY, Body=body)

    busy = Busy()
    upload(results, busy, content)
    assert len(busy.sealed_artifacts) == 3
    assert strict.stored() == {KEY: content}


def test_who_is_always_too_late_tries_again_later(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    strict.proxy.fault(lambda r: r.operation in PLACING, AnswerError(412, "PreconditionFailed"))
    with pytest.raises(StorageUnavailable, match="again and again"):
        upload(results, attempt, SMALL)
    assert placings(strict) == [412] * MAX_WRITES


def has_condition(request: S3Request) -> bool:
    return request.operation in PLACING and request.has_condition


@both
@pytest.mark.parametrize(
    "refusal",
    [
        AnswerError(501, "NotImplemented"),
        AnswerError(400, "InvalidArgument", "Unsupported header If-None-Match"),
    ],
    ids=["501", "400"],
)
def test_a_store_that_refuses_conditions_is_asked_without_from_then_on(
    strict: Strict,
    results: S3ResultsStore,
    attempt: RecordedAttempt,
    content: bytes,
    refusal: AnswerError,
) -> None:
    strict.proxy.fault(has_condition, refusal)
    upload(results, attempt, content)
    assert placings(strict) == [refusal.status, 200]
    upload(results, attempt, content[::-1])
    assert placings(strict) == [refusal.status, 200, 200]
    assert strict.stored() == {KEY: content[::-1]}


@both
def test_who_may_not_read_replaces_by_its_lease_alone(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, content: bytes
) -> None:
    upload(results, attempt, content[::-1])
    strict.proxy.fault(lambda r: r.operation == "HeadObject", AnswerError(403, "AccessDenied"))
    upload(results, attempt, content)
    assert strict.stored() == {KEY: content}
    assert "DeleteObject" not in operations(strict)
