"""Uploads that end as CANCELLED, in the fake and on each database."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.worker.database.conftest import Store
from worker.errors import LeaseLost
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import UploadRequest

REQUEST = UploadRequest(12, 4, "/r/RUN4", task_id="first")


def requested(store: Store) -> Upload:
    return store.requests.request(REQUEST, published=True)


def claimed(store: Store, lease: float = 60) -> Upload:
    requested(store)
    upload = store.uploads.claim(12, 4, owner="me", lease=lease)
    assert upload
    return upload


def retrying(store: Store) -> Upload:
    store.uploads.retry(claimed(store), error="S3 is away", delay=60, traceback="")
    return store.row()


@pytest.mark.parametrize("waiting", [requested, claimed, retrying])
@pytest.mark.parametrize("run_id", [4, None])
def test_what_is_not_over_is_cancelled_with_the_reason(
    store: Store, waiting: Callable[[Store], Upload], run_id: int | None
) -> None:
    waiting(store)
    [cancelled] = store.cancellations.of_job(12, run_id, reason="by ada")
    assert cancelled == store.row()
    assert (cancelled.state, cancelled.error) == (UploadState.CANCELLED, "by ada")
    assert (cancelled.owner, cancelled.lease_until, cancelled.next_attempt_at) == (None,) * 3
    assert store.uploads.claim(12, 4, owner="me", lease=60) is None
    assert store.outbox(0, -1).due() == []


def test_who_works_on_it_loses_the_lease(store: Store) -> None:
    held = claimed(store)
    store.cancellations.of_job(12, 4, reason="by ada")
    with pytest.raises(LeaseLost):
        store.uploads.renew(held, lease=60, bytes_done=1)
    with pytest.raises(LeaseLost):
        store.uploads.retry(held, error="", delay=1, traceback="")
    with pytest.raises(LeaseLost):
        store.uploads.land(held, results_url="s3://b/k")
    assert store.row().state is UploadState.CANCELLED


def test_what_is_over_stays_as_it_is(store: Store) -> None:
    store.uploads.land(claimed(store), results_url="s3://b/k")
    assert store.cancellations.of_job(12, None, reason="by ada") == []
    assert store.cancellations.of_message("first", reason="by ada") == []
    assert store.row().state is UploadState.LANDED


def test_others_are_left_alone(store: Store) -> None:
    requested(store)
    store.requests.request(UploadRequest(12, 5, "/r/RUN5", task_id="another"), published=True)
    assert store.cancellations.of_job(13, None, reason="") == []
    assert store.cancellations.of_message("unknown", reason="") == []
    [cancelled] = store.cancellations.of_message("another", reason="revoked")
    assert cancelled.run_id == 5
    assert store.row().state is UploadState.REQUESTED


def test_a_new_request_starts_anew_and_the_cancelled_message_does_not(store: Store) -> None:
    former = claimed(store)
    store.cancellations.of_job(12, 4, reason="by ada")
    assert requested(store).state is UploadState.CANCELLED
    renewed = store.requests.request(replace(REQUEST, task_id="second"), published=True)
    assert (renewed.state, renewed.error, renewed.attempt) == (UploadState.REQUESTED, None, 0)
    assert renewed.fence > former.fence
    assert requested(store) == renewed


def test_a_cancelled_replacement_leaves_what_has_landed_to_plain_requests(store: Store) -> None:
    store.uploads.land(claimed(store), results_url="s3://b/k")
    replacing = replace(REQUEST, task_id="second", replace=True)
    store.requests.request(replacing, published=True)
    store.cancellations.of_job(12, 4, reason="by ada")
    plain = store.requests.request(replace(REQUEST, task_id="third"), published=True)
    assert (plain.state, plain.results_url) == (UploadState.CANCELLED, "s3://b/k")
    again = store.requests.request(replace(replacing, task_id="fourth"), published=True)
    assert again.state is UploadState.REQUESTED


def test_what_waits_beyond_its_time_has_expired(store: Store) -> None:
    store.requests.request(replace(REQUEST, expires=-1.0), published=True)
    store.requests.request(UploadRequest(12, 5, "/r/RUN5", expires=3600.0), published=True)
    [expired] = store.cancellations.of_expired(reason="expired")
    assert (expired.run_id, expired.state) == (4, UploadState.CANCELLED)


def test_an_attempt_that_is_under_way_may_end_after_its_time(store: Store) -> None:
    store.requests.request(replace(REQUEST, expires=-1.0), published=True)
    held = store.uploads.claim(12, 4, owner="me", lease=60)
    assert held
    assert store.cancellations.of_expired(reason="expired") == []
    store.uploads.retry(held, error="S3 is away", delay=60, traceback="")
    assert len(store.cancellations.of_expired(reason="expired")) == 1


def test_an_attempt_whose_worker_is_gone_has_expired(store: Store) -> None:
    store.requests.request(replace(REQUEST, expires=-1.0), published=True)
    assert store.uploads.claim(12, 4, owner="me", lease=-1)
    assert len(store.cancellations.of_expired(reason="expired")) == 1
