"""Requests for a later time, or until a time, in the fake and on each database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.worker.database.conftest import Store
from worker.models.upload import UploadState
from worker.models.upload_request import Moment, UploadRequest

REQUEST = UploadRequest(12, 4, "/r/RUN4", task_id="first")
SECOND = replace(REQUEST, task_id="second")


def from_now(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "later", [lambda: 3600.0, lambda: from_now(3600)], ids=["seconds", "a time"]
)
def test_no_attempt_begins_before_its_time(store: Store, later: Callable[[], Moment]) -> None:
    upload = store.requests.request(replace(REQUEST, not_before=later()), published=True)
    assert upload.next_attempt_at
    assert abs(upload.next_attempt_at - from_now(3600)) < timedelta(minutes=5)
    assert store.uploads.claim(12, 4, owner="me", lease=60) is None
    # that its message was delivered says nothing: it is published when the time has come
    assert store.outbox(0, -1).due() == []
    assert not store.outbox(0, 300).mark_due_if_stuck(REQUEST, since=-1)


@pytest.mark.parametrize("earlier", [-1.0, from_now(-3600)], ids=["seconds", "a time"])
def test_once_its_time_has_come_recovery_publishes_it_without_waiting_for_its_producer(
    store: Store, earlier: Moment
) -> None:
    store.requests.request(replace(REQUEST, not_before=earlier), published=False)
    [row] = store.outbox(3600, 300).due()
    assert store.outbox(3600, 300).take(row, task_id="unused") == (REQUEST, False, 0)
    claimed = store.uploads.claim(12, 4, owner="me", lease=60)
    assert claimed
    assert claimed.next_attempt_at is None


@pytest.mark.parametrize(
    ("second", "awaited"), [(None, None), (60.0, 60), (7200.0, 3600)], ids=["at once", "", "later"]
)
def test_the_earlier_of_two_requests_counts(
    store: Store, second: float | None, awaited: int | None
) -> None:
    store.requests.request(replace(REQUEST, not_before=3600.0), published=False)
    upload = store.requests.request(replace(SECOND, not_before=second), published=False)
    assert upload.task_id == "first"
    assert (upload.next_attempt_at is None) is (awaited is None)
    if awaited and upload.next_attempt_at:
        assert abs(upload.next_attempt_at - from_now(awaited)) < timedelta(seconds=30)


def test_the_same_message_a_second_time_changes_no_time(store: Store) -> None:
    first = store.requests.request(
        replace(REQUEST, not_before=3600.0, expires=7200.0), published=False
    )
    assert store.requests.request(REQUEST, published=True) == first


@pytest.mark.parametrize(
    ("second", "awaited"), [(None, None), (60.0, 3600), (7200.0, 7200)], ids=["never", "", "later"]
)
def test_the_later_end_of_two_requests_counts(
    store: Store, second: float | None, awaited: int | None
) -> None:
    store.requests.request(replace(REQUEST, expires=3600.0), published=False)
    upload = store.requests.request(replace(SECOND, expires=second), published=False)
    assert (upload.expires_at is None) is (awaited is None)
    if awaited and upload.expires_at:
        assert abs(upload.expires_at - from_now(awaited)) < timedelta(seconds=30)


def test_a_request_renewed_has_its_own_times(store: Store) -> None:
    store.requests.request(replace(REQUEST, not_before=3600.0, expires=7200.0), published=False)
    elsewhere = replace(SECOND, path="/r/RUN4-again")
    upload = store.requests.request(elsewhere, published=False)
    assert upload.state is UploadState.REQUESTED
    assert (upload.path, upload.next_attempt_at, upload.expires_at) == (elsewhere.path, None, None)
