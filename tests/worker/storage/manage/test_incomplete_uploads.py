import pytest

from tests.fakes.results import FakePackage
from tests.servers.faults import AnswerError
from tests.servers.strict_bucket import Strict, only_moto
from tests.worker.storage.conftest import RecordedAttempt, store
from tests.worker.storage.upload.test_results_store import KEY, LARGE, PREFIX, RUN
from worker.errors import LeaseLost, StorageUnavailable
from worker.storage.manage.incomplete_uploads import S3IncompleteUploads
from worker.storage.objects.bucket import Bucket
from worker.storage.upload.results_store import S3ResultsStore


@pytest.fixture
def incomplete_uploads(strict: Strict, results: S3ResultsStore) -> S3IncompleteUploads:
    return S3IncompleteUploads(Bucket(results._bucket.client, strict.bucket))


@pytest.fixture
def begun(results: S3ResultsStore) -> str:
    attempt = RecordedAttempt(refuse={"sealed": LeaseLost("killed, say")})
    with pytest.raises(LeaseLost):
        store(results, PREFIX, RUN, FakePackage(LARGE), attempt)
    return attempt.opened_ids[0]


def test_open_multipart_uploads_are_listed_until_they_are_aborted(
    begun: str, incomplete_uploads: S3IncompleteUploads
) -> None:
    [found] = incomplete_uploads.list()
    assert (found.key, found.id) == (KEY, begun)
    assert -5 < found.age < 60
    assert incomplete_uploads.abort(KEY, begun)
    assert list(incomplete_uploads.list()) == []
    assert incomplete_uploads.abort(KEY, begun)  # it is gone, which is what was wanted


def test_a_bucket_that_never_had_any_has_none(incomplete_uploads: S3IncompleteUploads) -> None:
    assert list(incomplete_uploads.list()) == []


@only_moto
def test_others_uploads_are_not_asked_for(
    strict: Strict, incomplete_uploads: S3IncompleteUploads
) -> None:
    strict.upstream.create_multipart_upload(Bucket=strict.bucket, Key="elsewhere/file")
    assert list(incomplete_uploads.list()) == []


def test_who_may_not_list_them_knows_of_none(
    strict: Strict, begun: str, incomplete_uploads: S3IncompleteUploads
) -> None:
    strict.proxy.fault(
        lambda r: r.operation == "ListMultipartUploads", AnswerError(403, "AccessDenied")
    )
    assert list(incomplete_uploads.list()) == []


def test_a_store_that_is_away_is_asked_again_later(
    strict: Strict, begun: str, incomplete_uploads: S3IncompleteUploads
) -> None:
    strict.proxy.fault(
        lambda r: r.operation == "ListMultipartUploads", AnswerError(503, "SlowDown")
    )
    with pytest.raises(StorageUnavailable):
        list(incomplete_uploads.list())
    strict.proxy.mend()
    strict.proxy.fault(
        lambda r: r.operation == "AbortMultipartUpload", AnswerError(503, "SlowDown")
    )
    assert not incomplete_uploads.abort(KEY, begun)
