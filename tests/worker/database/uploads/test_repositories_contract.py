"""What every implementation of the repositories does, the fake like the real ones."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.uploads import FakeUploads
from tests.worker.database.conftest import Store
from worker.errors import IllegalTransition, LeaseLost, RunNotFound
from worker.models.archive import Archive
from worker.models.artifact import Artifact
from worker.models.history import MAX_HISTORY, MAX_REASON, past_attempts
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import UploadRequest

URL = "https://bucket.s3.amazonaws.com/key"
ARCHIVE = Archive(file_count=3, bytes_total=300, size=120)
ARTIFACT = Artifact("jobs/12/k.zip", 120, "CRC32:AAAAAA==", "ab" * 32)


def ask(
    store: Store, path: str = "/r/RUN4", *, replace: bool = False, task_id: str | None = "first"
) -> Upload:
    request = UploadRequest(12, 4, path, replace=replace, task_id=task_id)
    return store.requests.request(request, published=True)


def claim(store: Store, lease: float = 60) -> Upload:
    claimed = store.uploads.claim(12, 4, owner="me", lease=lease)
    assert claimed
    return claimed


def landed(store: Store) -> Upload:
    ask(store)
    claimed = claim(store)
    store.uploads.seal(claimed, archive=ARCHIVE, artifact=ARTIFACT)
    store.uploads.land(claimed, results_url=URL)
    return store.row()


def test_a_request_makes_a_row(store: Store) -> None:
    made = ask(store)
    assert (made.job_id, made.run_id, made.path) == (12, 4, "/r/RUN4")
    assert (made.state, made.attempt, made.fence) == (UploadState.REQUESTED, 0, 0)
    assert store.row() == made


def test_the_same_request_again_changes_nothing(store: Store) -> None:
    made = ask(store)
    assert ask(store) == made
    assert ask(store, task_id="second") == made


def test_a_claim_takes_the_lease_and_raises_the_fence(store: Store) -> None:
    ask(store)
    claimed = claim(store)
    assert (claimed.state, claimed.owner) == (UploadState.UPLOADING, "me")
    assert (claimed.fence, claimed.attempt) == (1, 1)
    assert claimed.lease_until is not None


def test_a_held_upload_can_not_be_claimed(store: Store) -> None:
    ask(store)
    claim(store)
    assert store.uploads.claim(12, 4, owner="other", lease=60) is None


def test_an_upload_whose_lease_ran_out_can_be_claimed_and_its_holder_finds_out(
    store: Store,
) -> None:
    ask(store)
    first = claim(store, lease=-1)
    second = claim(store)
    assert (second.fence, second.attempt) == (first.fence + 1, 2)
    uploads = store.uploads
    late_writes: list[Callable[[], object]] = [
        lambda: uploads.renew(first, lease=60, bytes_done=1),
        lambda: uploads.opened(first, multipart_id="m", file_count=1, bytes_total=1, s3_key="k"),
        lambda: uploads.seal(first, archive=ARCHIVE, artifact=ARTIFACT),
        lambda: uploads.land(first, results_url="late"),
        lambda: uploads.retry(first, error="late", delay=0, traceback=""),
        lambda: uploads.postpone(first, reason="late", delay=0, bytes_total=1),
        lambda: uploads.fail(first, error="late", traceback=""),
    ]
    for write in late_writes:
        with pytest.raises(LeaseLost, match="job 12, run 4"):
            write()
    assert store.row() == second
    assert store.runs.get(4).results_url is None


def test_nothing_can_be_claimed_that_nobody_asked_for(store: Store) -> None:
    assert store.uploads.claim(12, 4, owner="me", lease=60) is None


def test_renewing_extends_the_lease_and_tells_the_progress(store: Store) -> None:
    ask(store)
    claimed = claim(store, lease=1)
    store.uploads.renew(claimed, lease=600, bytes_done=77)
    row = store.row()
    assert row.bytes_done == 77
    assert claimed.lease_until
    assert row.lease_until
    assert (row.lease_until - claimed.lease_until).total_seconds() > 500


def test_what_is_opened_and_sealed_is_on_the_row(store: Store) -> None:
    ask(store)
    claimed = claim(store)
    store.uploads.opened(
        claimed, multipart_id="m", file_count=2, bytes_total=200, s3_key="jobs/12/k.zip"
    )
    row = store.row()
    assert (row.file_count, row.bytes_total, row.s3_key) == (2, 200, "jobs/12/k.zip")
    store.uploads.seal(claimed, archive=ARCHIVE, artifact=ARTIFACT)
    row = store.row()
    assert (row.file_count, row.bytes_total, row.bytes_done) == (3, 300, 300)
    assert (row.archive_size, row.checksum) == (120, "CRC32:AAAAAA==")
    assert (row.sha256, row.s3_key) == ("ab" * 32, "jobs/12/k.zip")


def test_landing_writes_the_run_and_ends_the_lease(store: Store) -> None:
    row = landed(store)
    assert (row.state, row.results_url) == (UploadState.LANDED, URL)
    assert (row.owner, row.lease_until, row.error) == (None, None, None)
    assert row.landed_at is not None
    run = store.runs.get(4)
    assert (run.status, run.results_url) == ("DONE", URL)
    assert store.runs.get(5).results_url is None


def test_landing_tells_the_seconds_since_the_request(store: Store) -> None:
    ask(store)
    claimed = claim(store)
    time.sleep(0.2)
    assert 0.15 < store.uploads.land(claimed, results_url=URL) < 30


def test_a_run_that_disappeared_lets_nothing_land(store: Store) -> None:
    ask(store)
    claimed = claim(store)
    store.drop_run(4)
    with pytest.raises(RunNotFound, match="job 12, run 4"):
        store.uploads.land(claimed, results_url=URL)
    assert store.row().state is UploadState.UPLOADING


def test_a_landed_upload_is_over(store: Store) -> None:
    landed(store)
    assert store.uploads.claim(12, 4, owner="me", lease=60) is None


def test_a_late_renewal_does_not_bring_a_landed_upload_back(store: Store) -> None:
    ask(store)
    claimed = claim(store)
    store.uploads.land(claimed, results_url=URL)
    with pytest.raises(LeaseLost):
        store.uploads.renew(claimed, lease=60, bytes_done=1)
    assert store.row().state is UploadState.LANDED


def test_a_retry_is_due_after_its_delay_and_not_before(store: Store) -> None:
    ask(store)
    store.uploads.retry(claim(store), error="S3 is away", delay=60, traceback="")
    row = store.row()
    assert (row.state, row.error, row.owner) == (UploadState.RETRYING, "S3 is away", None)
    assert row.next_attempt_at is not None
    assert store.uploads.claim(12, 4, owner="me", lease=60) is None


def test_a_due_retry_can_be_claimed(store: Store) -> None:
    ask(store)
    store.uploads.retry(claim(store), error="S3 is away", delay=0, traceback="")
    assert claim(store).attempt == 2


def test_an_upload_that_must_wait_is_due_later_and_has_used_no_attempt(store: Store) -> None:
    ask(store)
    store.uploads.postpone(claim(store), reason="waits", delay=60, bytes_total=7)
    row = store.row()
    assert (row.state, row.error, row.owner) == (UploadState.RETRYING, "waits", None)
    assert (row.attempt, row.fence, row.bytes_total) == (0, 1, 7)
    assert store.uploads.claim(12, 4, owner="me", lease=60) is None


def test_a_failed_upload_is_over_until_it_is_asked_for_by_a_new_message(store: Store) -> None:
    ask(store)
    store.uploads.fail(claim(store), error="no such job", traceback="")
    assert ask(store).state is UploadState.FAILED  # the same message, delivered again
    assert store.uploads.claim(12, 4, owner="me", lease=60) is None
    again = ask(store, task_id="second")
    assert (again.state, again.error, again.attempt) == (UploadState.REQUESTED, None, 0)
    assert claim(store).attempt == 1


def test_a_landed_upload_asked_for_again_stays_as_it_is(store: Store) -> None:
    row = landed(store)
    assert ask(store, task_id="second") == row
    assert ask(store, "/elsewhere/RUN4", task_id="third") == row


def test_replace_renews_a_landed_upload_once_for_each_message(store: Store) -> None:
    row = landed(store)
    renewed = ask(store, replace=True, task_id="second")
    assert (renewed.state, renewed.checksum) == (UploadState.REQUESTED, None)
    assert renewed.results_url == row.results_url  # it still stands until the next one lands
    claimed = claim(store)
    assert ask(store, replace=True, task_id="second").fence == claimed.fence
    store.uploads.land(claimed, results_url=URL)
    assert ask(store, replace=True, task_id="second").state is UploadState.LANDED


@pytest.mark.parametrize(
    ("path", "replace"), [("/r/RUN4", True), ("/elsewhere/RUN4", False)], ids=["replace", "path"]
)
def test_replace_or_another_path_takes_an_upload_from_its_holder(
    store: Store, path: str, replace: bool
) -> None:
    ask(store)
    held = claim(store)
    renewed = ask(store, path, replace=replace, task_id="second")
    assert (renewed.state, renewed.path, renewed.owner) == (UploadState.REQUESTED, path, None)
    with pytest.raises(LeaseLost):
        store.uploads.land(held, results_url="late")
    assert claim(store).fence > held.fence


def test_a_request_without_a_message_of_its_own_counts_as_new(store: Store) -> None:
    landed(store)
    assert ask(store, replace=True, task_id=None).state is UploadState.REQUESTED


def test_an_earlier_message_asks_for_nothing_any_more(store: Store) -> None:
    ask(store, "/r/OLD")
    newer = ask(store, "/r/NEW", replace=True, task_id="second")
    assert ask(store, "/r/OLD") == newer
    assert ask(store, "/r/OLD", replace=True) == newer
    third = ask(store, "/r/NEW", replace=True, task_id="third%_")
    assert ask(store, "/r/OLD", replace=True, task_id="second") == third
    # wildcards of LIKE in an id mean themselves
    assert ask(store, "/r/LAST", replace=True, task_id="%").path == "/r/LAST"


def test_after_a_failed_replacement_only_replace_asks_anew(store: Store) -> None:
    landed(store)
    ask(store, replace=True, task_id="second")
    store.uploads.fail(claim(store), error="no RUN*", traceback="")
    assert ask(store, task_id="third").state is UploadState.FAILED
    renewed = ask(store, replace=True, task_id="fourth")
    assert (renewed.state, renewed.results_url) == (UploadState.REQUESTED, URL)


@pytest.mark.parametrize("over", [UploadState.LANDED, UploadState.FAILED])
def test_what_is_over_can_not_be_written_any_more(store: Store, over: UploadState) -> None:
    landed(store)
    row = replace(store.row(), state=over)
    with pytest.raises(IllegalTransition, match="job 12, run 4"):
        store.uploads.retry(row, error="late", delay=0, traceback="")
    with pytest.raises(IllegalTransition):
        store.uploads.land(row, results_url="late")


THERE = "host:77@boot.4026531836"


def test_a_lease_is_found_by_its_holders_machine_and_released_at_once(store: Store) -> None:
    ask(store)
    held = store.uploads.claim(12, 4, owner=f"{THERE}.1234", lease=600)
    assert held
    assert store.leases.held_on("boot.4026531836") == [held]
    assert store.leases.held_on("boot.402653183") == []
    assert store.leases.held_on("%") == []
    store.uploads.release(held)
    assert store.leases.held_on("boot.4026531836") == []  # once is enough
    assert claim(store).fence == held.fence + 1


def test_a_lease_that_is_anothers_by_now_is_not_released(store: Store) -> None:
    ask(store)
    first = claim(store, lease=-1)
    claim(store)
    store.uploads.release(first)
    assert store.uploads.claim(12, 4, owner="other", lease=60) is None


@pytest.mark.parametrize(("delay", "state"), [(0, "RETRYING"), (9, "RETRYING"), (None, "FAILED")])
def test_a_death_is_counted_once_and_costs_time_or_the_upload(
    store: Store, delay: float | None, state: str
) -> None:
    ask(store)
    held = store.uploads.claim(12, 4, owner="me", lease=60, oom_kills=7)
    assert held
    assert held.oom_kills == 7
    assert not store.uploads.died(held, error="e", delay=delay, is_certain=False)  # it holds
    assert store.uploads.died(held, error="killed", delay=delay, is_certain=True)
    assert not store.uploads.died(held, error="again", delay=delay, is_certain=True)
    row = store.row()
    assert (row.state, row.deaths, row.attempt, row.error) == (state, 1, 1, "killed")
    assert row.owner == (None if delay is None else "me")
    assert (store.uploads.claim(12, 4, owner="other", lease=60) is not None) == (delay == 0)
    with pytest.raises(LeaseLost):
        store.uploads.renew(held, lease=60, bytes_done=0)


def test_a_lease_that_ran_out_is_a_death(store: Store) -> None:
    ask(store)
    assert store.uploads.died(claim(store, lease=-1), error="e", delay=0, is_certain=False)
    assert store.row().deaths == 1


def test_a_death_before_the_claim_counts_as_an_attempt(store: Store) -> None:
    asked = ask(store)
    assert store.uploads.died(asked, error="killed", delay=0, is_certain=True)
    assert not store.uploads.died(asked, error="killed", delay=0, is_certain=True)
    row = store.row()
    assert (row.state, row.deaths, row.attempt) == (UploadState.RETRYING, 1, 1)
    assert store.outbox(0, 300).due()


def test_what_happens_to_the_counts_of_deaths_and_limits(store: Store) -> None:
    ask(store)
    store.uploads.died(claim(store), error="killed", delay=0, is_certain=True)
    store.uploads.postpone(claim(store), reason="waits", delay=0, bytes_total=None)
    assert store.row().deaths == 1  # nothing was tried
    store.uploads.retry(claim(store), error="limit", delay=0, traceback="", cut_back=True)
    assert (store.row().deaths, store.row().cutbacks) == (0, 1)
    store.uploads.retry(claim(store), error="away", delay=0, traceback="")
    assert store.row().cutbacks == 1
    store.uploads.fail(claim(store), error="no RUN*", traceback="")
    ask(store, task_id="second")
    renewed = claim(store)
    assert (renewed.deaths, renewed.cutbacks) == (0, 0)


def test_the_last_traceback_is_kept_until_the_upload_is_renewed_or_lands(store: Store) -> None:
    ask(store)
    store.uploads.retry(claim(store), error="away", delay=0, traceback="Traceback: away")
    assert store.row().traceback == "Traceback: away"
    store.uploads.fail(claim(store), error="refused", traceback="Traceback: refused")
    assert store.row().traceback == "Traceback: refused"
    assert ask(store, task_id="second").traceback is None
    store.uploads.retry(claim(store), error="away", delay=0, traceback="Traceback: away")
    store.uploads.land(claim(store), results_url=URL)
    assert store.row().traceback is None


def test_attempts_that_did_not_land_it_are_told_until_it_is_asked_for_anew(store: Store) -> None:
    ask(store)
    before = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=2)
    first = claim(store)
    assert first.begun_at
    assert first.begun_at >= before
    assert first.history is None
    store.uploads.retry(first, error='it\'s "away"\n', delay=0, traceback="")
    store.uploads.postpone(claim(store), reason="waits", delay=0, bytes_total=None)
    store.uploads.died(claim(store), error="killed", delay=0, is_certain=True)
    store.uploads.fail(claim(store), error="é" * 400, traceback="")
    told = list(past_attempts(store.row().history))
    assert [(each.number, each.reason) for each in told] == [
        (1, 'it\'s "away"\n'),
        (2, "killed"),
        (3, "é" * MAX_REASON),
    ]
    for each in told:
        assert before <= each.begun_at <= each.ended_at <= datetime.now(UTC) + timedelta(seconds=2)
    ask(store, task_id="second")
    assert claim(store).history is None


def test_of_many_attempts_the_latest_are_told(store: Store) -> None:
    ask(store)
    for _ in range(60):
        store.uploads.retry(claim(store), error="x" * 400, delay=-1, traceback="")
    history = store.row().history
    told = list(past_attempts(history))
    assert told[-1].number == 60
    assert len(told) > 20
    if not isinstance(store.uploads, FakeUploads):
        assert len(history or "") < MAX_HISTORY + 500


def test_a_handed_back_upload_is_due_at_once_with_what_is_known_of_it(store: Store) -> None:
    ask(store)
    held = claim(store)
    store.uploads.opened(held, multipart_id="m", file_count=1, bytes_total=9, s3_key="k")
    store.uploads.postpone(held, reason="handed back", delay=0, bytes_total=None)
    again = claim(store)
    assert (again.attempt, again.bytes_total, again.multipart_upload_id) == (1, 9, "m")


def test_multipart_uploads_of_uploads_that_are_over_are_found_until_they_are_forgotten(
    store: Store,
) -> None:
    ask(store)
    held = claim(store)
    store.uploads.opened(held, multipart_id="m", file_count=1, bytes_total=9, s3_key="k")
    assert store.multipart_ids.of_ended_uploads() == []
    store.uploads.fail(held, error="refused", traceback="")
    [row] = store.multipart_ids.of_ended_uploads()
    assert row == store.row() == store.find(12, 4)
    store.multipart_ids.forget(row)
    assert store.multipart_ids.of_ended_uploads() == []
    assert store.row().multipart_upload_id is None


def test_a_newer_multipart_upload_is_not_forgotten_with_an_older_one(store: Store) -> None:
    ask(store)
    held = claim(store)
    store.uploads.opened(held, multipart_id="old", file_count=1, bytes_total=9, s3_key="k")
    older = store.row()
    store.uploads.opened(held, multipart_id="new", file_count=1, bytes_total=9, s3_key="k")
    store.multipart_ids.forget(older)
    assert store.row().multipart_upload_id == "new"


def test_what_has_landed_names_no_multipart_upload(store: Store) -> None:
    ask(store)
    held = claim(store)
    store.uploads.opened(held, multipart_id="m", file_count=1, bytes_total=9, s3_key="k")
    store.uploads.land(held, results_url=URL)
    assert store.row().multipart_upload_id is None


def test_a_jobs_runs_are_listed_by_id(store: Store) -> None:
    assert [(run.id, run.job_id) for run in store.runs.of_job(12)] == [(4, 12), (5, 12)]
    assert store.runs.of_job(1) == []
