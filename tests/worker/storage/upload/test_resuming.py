"""An attempt that goes on with what an earlier one has sent."""

import pytest

from tests.fakes.results import FakePackage
from tests.servers.faults import AnswerError
from tests.servers.strict_bucket import Strict, only_moto
from tests.worker.storage.conftest import RecordedAttempt, store
from tests.worker.storage.upload.test_results_store import (
    KEY,
    LARGER,
    PART_SIZE,
    PREFIX,
    RUN,
    open_uploads,
)
from worker.errors import LeaseLost, StorageUnavailable, TransientError
from worker.storage.objects.bucket import Bucket
from worker.storage.upload.checksums import Md5Checksums
from worker.storage.upload.limits import Sending
from worker.storage.upload.results_store import S3ResultsStore


@pytest.fixture
def begun(results: S3ResultsStore) -> str:
    """The multipart upload of an attempt that was interrupted once all was sent."""
    return begin(results, LARGER)


def begin(results: S3ResultsStore, content: bytes) -> str:
    interrupted = RecordedAttempt(refuse={"sealed": LeaseLost("killed, say")})
    with pytest.raises(LeaseLost):
        store(results, PREFIX, RUN, FakePackage(content), interrupted)
    return interrupted.opened_ids[0]


def sent(strict: Strict) -> list[int]:
    """The parts that were sent since an attempt looked for what there is."""
    requests = strict.proxy.requests
    looked = [at for at, each in enumerate(requests) if each.operation == "ListParts"]
    return sorted(
        each.part_number or 0
        for each in requests[looked[0] :]
        if each.operation == "UploadPart" and each.bytes_received
    )


def go_on(results: S3ResultsStore, attempt: RecordedAttempt, content: bytes, begun: str) -> None:
    store(results, PREFIX, RUN, FakePackage(content), attempt, begun)


def test_parts_that_s3_has_are_not_sent_again(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, begun: str
) -> None:
    go_on(results, attempt, LARGER, begun)
    assert sent(strict) == []
    assert attempt.opened_ids == [begun]
    assert strict.stored() == {KEY: LARGER}
    assert open_uploads(strict) == []


@only_moto
@pytest.mark.parametrize("number", [1, 2, 3])
def test_only_a_part_that_is_another_now_is_sent(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, begun: str, number: int
) -> None:
    changed = bytearray(LARGER)
    changed[(number - 1) * PART_SIZE + 5] ^= 1
    go_on(results, attempt, bytes(changed), begun)
    assert sent(strict) == [number]
    assert strict.stored() == {KEY: bytes(changed)}


@only_moto
@pytest.mark.parametrize("size", [PART_SIZE + 1, 2 * PART_SIZE, len(LARGER) - 1])
def test_parts_beyond_the_archives_end_do_not_get_into_it(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, begun: str, size: int
) -> None:
    go_on(results, attempt, LARGER[:size], begun)
    assert strict.stored() == {KEY: LARGER[:size]}


def test_a_part_that_failed_is_all_that_the_next_attempt_sends(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    strict.proxy.fault(lambda r: r.part_number == 2, AnswerError(503, "SlowDown"))
    with pytest.raises(StorageUnavailable):
        store(results, PREFIX, RUN, FakePackage(LARGER), attempt)
    strict.proxy.mend()
    go_on(results, attempt, LARGER, attempt.opened_ids[0])
    assert 2 in sent(strict)
    assert 1 not in sent(strict)
    assert strict.stored() == {KEY: LARGER}


def test_an_upload_that_s3_has_forgotten_begins_anew(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, begun: str
) -> None:
    results.abort(KEY, begun)
    assert open_uploads(strict) == []
    go_on(results, attempt, LARGER, begun)
    assert sent(strict) == [1, 2, 3]
    assert strict.stored() == {KEY: LARGER}
    assert attempt.opened_ids != [begun]


def test_who_may_not_list_parts_begins_anew_and_leaves_no_parts_behind(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, begun: str
) -> None:
    strict.proxy.fault(lambda r: r.operation == "ListParts", AnswerError(403, "AccessDenied"))
    go_on(results, attempt, LARGER, begun)
    assert sent(strict) == [1, 2, 3]
    assert open_uploads(strict) == []


def test_an_archive_that_has_become_small_leaves_no_parts_behind(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, begun: str
) -> None:
    go_on(results, attempt, b"small now", begun)
    assert strict.stored() == {KEY: b"small now"}
    assert open_uploads(strict) == []


def test_parts_without_checksums_are_known_by_their_md5(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    results._checksums = Md5Checksums()
    begun = begin(results, LARGER)
    go_on(results, attempt, LARGER, begun)
    assert sent(strict) == []
    assert strict.stored() == {KEY: LARGER}


@only_moto
def test_parts_of_another_size_are_sent_again(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt, begun: str
) -> None:
    smaller = Sending(part_size=5 << 20)
    others = S3ResultsStore(Bucket(results._bucket.client, strict.bucket), {}, smaller)
    go_on(others, attempt, LARGER, begun)
    assert sent(strict) == [1, 2, 3, 4]
    assert strict.stored() == {KEY: LARGER}


@only_moto
def test_more_parts_than_one_list_holds_are_all_known(
    strict: Strict, results: S3ResultsStore, attempt: RecordedAttempt
) -> None:
    begun = begin(results, LARGER)
    paginate = results._bucket.client.get_paginator("list_parts").paginate(
        Bucket=strict.bucket, Key=KEY, UploadId=begun, PaginationConfig={"PageSize": 1}
    )
    assert [len(page["Parts"]) for page in paginate] == [1, 1, 1]


@only_moto
def test_a_stale_attempt_that_overwrites_a_part_spoils_nothing(
    strict: Strict, results: S3ResultsStore, begun: str
) -> None:
    """It sends its own version of a part after the newer attempt has listed them."""

    class Overwritten(RecordedAttempt):
        def opened(self, multipart_id: str) -> None:
            strict.upstream.upload_part(
                Bucket=strict.bucket,
                Key=KEY,
                UploadId=multipart_id,
                PartNumber=1,
                Body=b"y" * PART_SIZE,
            )

    with pytest.raises(StorageUnavailable, match=r"InvalidPart|BadDigest"):
        go_on(results, Overwritten(), LARGER, begun)
    assert strict.stored() == {}
    assert open_uploads(strict) == []  # nobody can go on with it
    go_on(results, RecordedAttempt(), LARGER, begun)
    assert strict.stored() == {KEY: LARGER}


@pytest.mark.parametrize("content", [LARGER[::-1], LARGER[: PART_SIZE + 1]], ids=["other", "less"])
def test_where_parts_can_not_be_replaced_the_next_attempt_begins_anew(
    strict: Strict, results: S3ResultsStore, content: bytes
) -> None:
    begun = begin(results, LARGER)
    try:
        go_on(results, RecordedAttempt(), content, begun)
    except TransientError:
        assert open_uploads(strict) == []
        go_on(results, RecordedAttempt(), content, begun)
    assert strict.stored() == {KEY: content}
